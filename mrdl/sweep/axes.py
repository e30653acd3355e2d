"""What a spec may say of an axis of its space: a value, a list of values, or the ends of a range."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.design import BOUNDS, CHOICES
from mrdl.settings.fields import unknown

MOST_NODES = 10**6  # of an explicit hidden layer


def read_axis(name: str, value: Any) -> Any:
    """A value, a list or a range {min, max, log} of an axis, as a file has it; raises ConfigError for a wrong one.

    name: with its group, as space.depth.
    """
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, Mapping):
        _check_range(name, value)
        values = [value["min"], value["max"]]
    if not values:
        raise ConfigError(f"{name} is an empty list, expected a value or more")
    for one in values:
        _check_value(name, one)
    return value


def read_nodes(name: str, value: Any) -> tuple[tuple[int, ...], ...]:
    """Explicit hidden layers of designs, a tuple of each one's nodes.

    name: with its group, for messages; value: lists of whole numbers, as [[64, 32], [128]] in a file. Raises
    ConfigError for anything else.
    """
    fits = isinstance(value, list) and all(
        isinstance(layers, list) and all(type(nodes) is int and 0 < nodes <= MOST_NODES for nodes in layers)
        for layers in value
    )
    if not fits:
        raise ConfigError(f"{name} is {value!r}, expected lists of hidden layers, as [[64, 32], [128]]")
    return tuple(tuple(layers) for layers in value)


def _check_range(name: str, value: Mapping[str, Any]) -> None:
    """Raise ConfigError for a range that is not of an axis of numbers, or whose ends are not."""
    if extra := set(value) - {"min", "max", "log"}:
        raise ConfigError(unknown(f"key of the range {name}", sorted(extra)[0], ("min", "max", "log")))
    has_ends = {"min", "max"} <= set(value) and _number(value["min"]) <= _number(value["max"])
    if name.partition(".")[2] not in BOUNDS or not has_ends:
        raise ConfigError(f"{name} is {dict(value)}, expected {{min, max}} with min not above max")
    if not isinstance(value.get("log", False), bool):
        raise ConfigError(f"{name}.log is {value['log']!r}, expected true or false")
    if value.get("log") and value["min"] <= 0:
        raise ConfigError(f"{name}.min is {value['min']}, but a logarithmic range begins above 0")


def _check_value(name: str, value: Any) -> None:
    """Raise ConfigError for a value that an axis cannot have."""
    axis = name.partition(".")[2]
    if axis in CHOICES:
        choices = CHOICES[axis]
        if type(value) is not type(choices[0]) or value not in choices:
            raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(map(str, choices))}")
        return
    least, most, is_whole = BOUNDS[axis]
    if not least <= _number(value) <= most or (is_whole and type(value) is not int):
        kind = "a whole number" if is_whole else "a number"
        raise ConfigError(f"{name} is {value!r}, expected {kind} from {least} to {most}")


def _number(value: Any) -> float:
    """A number as it is, one that no float can hold as infinite, and nan for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 1e300 else math.copysign(math.inf, value)  # a whole number may be any
