"""A sweep's spec as its file has it: read, checked key by key, and made into a space of designs."""

import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.design import BOUNDS, CHOICES
from mrdl.settings.fields import unknown
from mrdl.sweep.space import DEFAULTS, SAMPLERS, Spec

LIMITS: dict[str, dict[str, tuple[float, float]]] = {  # least and most
    "data": {"test_fraction": (0.01, 0.9)},
    "sweep": {
        "count": (0, 10**7), "sampler_seed": (0, 2**63 - 1), "in_flight": (1, 1000), "shards": (0, 10**5),
        "generation": (0, 10**5),
    },
    "limits": {
        "cpu_s": (0.1, 10**7), "hang_s": (1, 10**7), "memory_mb": (64, 2**22), "max_parameters": (0, 2**60),
        "pack_s": (0.001, 10**6),
    },
}  # fmt: skip
GONE = {
    "wall_s": "limits.wall_s is no setting, as a busy machine takes long for a healthy training, too: limits.cpu_s is "
    "the most CPU seconds of a training, and limits.hang_s the seconds without progress after which it is ended"
}
MOST_SEEDS = 10**6
MOST_DESIGNS = 10**7  # of a grid
MOST_BY_TPE = 2000  # designs: Optuna's TPE takes a tenth of a second for the next one then
KEYS = {
    "data": {"label": str, "header": str, "drop": tuple, "test_fraction": float},
    "sweep": {
        "sampler": str,
        "count": int,
        "seeds": list,
        "sampler_seed": int,
        "generation": int,
        "halving": dict,
        "backend": str,
        "device": str,
        "route": str,
        "in_flight": int,
        "shards": int,
    },
    "limits": {"cpu_s": float, "hang_s": float, "memory_mb": int, "max_parameters": int, "pack_s": float},
}


def read_spec(path: str) -> Spec:
    """The spec of a TOML file. Raises ConfigError that names the key, its value and what is allowed."""
    try:
        read = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is no spec: it is nested too deep") from error
    try:
        return spec_of(read)
    except ConfigError as error:
        raise ConfigError(f"{error} ({path})") from error


def spec_of(read: Mapping[str, Any]) -> Spec:
    """The spec of a file's content, or of the same as a dict."""
    tables = (*KEYS, "space")
    for name, table in read.items():
        if name not in tables:
            raise ConfigError(unknown("table", name, tables))
        if not isinstance(table, Mapping):
            raise ConfigError(f"{name} is {table!r}, expected a table: [{name}]")
    found: dict[str, Any] = {}
    for table_name, keys in KEYS.items():
        for name, value in read.get(table_name, {}).items():
            if name not in keys:
                raise ConfigError(GONE.get(name) or unknown(f"key in [{table_name}]", name, keys))
            found[name] = _typed(f"{table_name}.{name}", value, keys[name])
    if "cpu_s" in found:
        found["job_cpu_s"] = found["cpu_s"]  # a job has no other limit than one that was asked for
    space = dict(read.get("space", {}))
    found["nodes"] = _nodes(space)
    for name, value in space.items():
        if name not in DEFAULTS:
            raise ConfigError(unknown("key in [space]", name, (*DEFAULTS, "nodes")))
        _check_axis(name, value, found.get("sampler", "grid"))
    return _checked(Spec(space=space, **found))


def _checked(spec: Spec) -> Spec:
    allowed = {
        "sweep.sampler": SAMPLERS, "sweep.route": ("auto", "pack", "job"), "sweep.device": ("auto", "cpu", "cuda"),
        "data.header": ("auto", "yes", "no"),
    }  # fmt: skip
    for name, choices in allowed.items():
        value = getattr(spec, name.partition(".")[2])
        if value not in choices:
            raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
    if spec.sampler != "grid" and not spec.count:
        raise ConfigError(f"sweep.sampler {spec.sampler!r} needs sweep.count, the number of designs to draw")
    for table, limits in LIMITS.items():
        for name, (least, most) in limits.items():
            if not least <= getattr(spec, name) <= most:  # nan, too
                told = f"{table}.{name} is {getattr(spec, name)}"
                raise ConfigError(f"{told}, expected a number from {least} to {most}")
    many = math.prod(len(value) for value in spec.axes().values() if isinstance(value, list)) * len(spec.seeds)
    if spec.sampler == "grid" and not spec.count and many > MOST_DESIGNS:
        raise ConfigError(
            f"the grid has {many:,} designs, expected {MOST_DESIGNS:,} or fewer: draw sweep.count of them"
        )
    _check_adaptive(spec)
    if spec.sampler == "tpe" and not spec.generation:
        return dataclasses.replace(spec, generation=max(10, spec.count // 10))
    return spec


def _check_adaptive(spec: Spec) -> None:
    """What of successive halving and TPE does not go together."""
    if spec.sampler == "tpe" and spec.count > MOST_BY_TPE:
        raise ConfigError(
            f"sweep.count is {spec.count}, but TPE looks at all results before each draw: up to {MOST_BY_TPE}, or "
            "sampler = 'sobol'"
        )
    if not spec.halving:
        return
    if spec.sampler == "tpe":
        raise ConfigError("sweep.halving and sweep.sampler = 'tpe' choose by different rules, use one of them")
    epochs, first = spec.space.get("epochs", DEFAULTS["epochs"]), spec.halving["first"]
    if not isinstance(epochs, int):
        raise ConfigError(f"space.epochs is {epochs!r}, but sweep.halving needs one number, that of the last rung")
    if not 1 <= first < epochs:
        raise ConfigError(f"sweep.halving.first is {first}, expected 1 to {epochs - 1}, fewer than space.epochs")
    if spec.halving["eta"] < 2:
        raise ConfigError(f"sweep.halving.eta is {spec.halving['eta']}, expected 2 or more")


def _nodes(space: dict[str, Any]) -> tuple[tuple[int, ...], ...]:
    nodes = space.pop("nodes", [])
    fits = isinstance(nodes, list) and all(
        isinstance(one, list) and all(isinstance(n, int) and not isinstance(n, bool) and 0 < n <= 10**6 for n in one)
        for one in nodes
    )
    if not fits:
        raise ConfigError(f"space.nodes is {nodes!r}, expected lists of hidden layers, as [[64, 32], [128]]")
    if nodes and (both := [name for name in ("depth", "width", "shape") if name in space]):
        raise ConfigError(f"space.nodes lists the layers, so space.{both[0]} has no meaning beside it")
    return tuple(tuple(one) for one in nodes)


def _check_axis(name: str, value: Any, sampler: str) -> None:
    if isinstance(value, Mapping):
        if sampler == "grid":
            raise ConfigError(f"space.{name} is a range, which a grid cannot list: give a list, or sampler = 'sobol'")
        if extra := set(value) - {"min", "max", "log"}:
            raise ConfigError(unknown(f"key of the range space.{name}", sorted(extra)[0], ("min", "max", "log")))
        if name not in BOUNDS or not {"min", "max"} <= set(value) or not _number(value["min"]) <= _number(value["max"]):
            raise ConfigError(f"space.{name} is {dict(value)}, expected {{min, max}} with min not above max")
        if not isinstance(value.get("log", False), bool):
            raise ConfigError(f"space.{name}.log is {value['log']!r}, expected true or false")
        if value.get("log") and value["min"] <= 0:
            raise ConfigError(f"space.{name}.min is {value['min']}, but a logarithmic range begins above 0")
        values: Sequence[Any] = [value["min"], value["max"]]
    else:
        values = value if isinstance(value, list) else [value]
    if not values:
        raise ConfigError(f"space.{name} is an empty list, expected a value or more")
    for one in values:
        _check_value(name, one)


def _check_value(name: str, value: Any) -> None:
    if name in CHOICES:
        if (
            not isinstance(value, str | bool)
            or value not in CHOICES[name]
            or isinstance(value, bool) != isinstance(CHOICES[name][0], bool)
        ):
            raise ConfigError(f"space.{name} is {value!r}, expected one of {', '.join(map(str, CHOICES[name]))}")
        return
    least, most, whole = BOUNDS[name]
    number = _number(value)
    if not least <= number <= most or (whole and number != int(number)) or (whole and not isinstance(value, int)):
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"space.{name} is {value!r}, expected {kind} from {least} to {most}")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 1e300 else math.copysign(math.inf, value)  # a whole number may be any


def _typed(name: str, value: Any, kind: type) -> Any:
    if kind is list:  # of seeds, or their number
        number = type(value) is int and 0 < value <= MOST_SEEDS
        seeds = list(range(value)) if number else value
        if (
            not isinstance(seeds, list)
            or not seeds
            or not all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
        ):
            raise ConfigError(f"{name} is {value!r}, expected a number of seeds or a list of whole numbers")
        return tuple(dict.fromkeys(seeds))
    if kind is dict:
        if (
            not isinstance(value, Mapping)
            or set(value) != {"first", "eta"}
            or {type(v) for v in value.values()} != {int}
        ):
            raise ConfigError(f"{name} is {value!r}, expected {{ first = epochs of the first rung, eta = 3 }}")
        return dict(value)
    if kind is tuple:  # of columns: names or indices
        if not isinstance(value, list) or not all(type(one) in (str, int) for one in value):
            raise ConfigError(f"{name} is {value!r}, expected a list of columns, names or indices")
        return tuple(map(str, value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is str and type(value) is int:
        return str(value)
    if type(value) is not kind:
        words = {str: "text", int: "a whole number", float: "a number"}
        raise ConfigError(f"{name} is {value!r}, expected {words[kind]}")
    return value
