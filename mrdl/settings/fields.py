"""The language of settings: a dataclass whose fields say what files, flags, help and tables need to know of them.

TrainConfig and a sweep's Spec are written in it. A setting that may be left out is None then, and its type says so.
"""

import csv
import dataclasses
import difflib
import functools
import importlib
import io
import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from mrdl.errors import ConfigError, brief
from mrdl.storage.paths import path_fault

MOST = 10**9  # of a whole number that has no bound of its own
FLOAT32_MAX = 3.4028234663852886e38
NAMES, NUMBERS = tuple[str, ...], tuple[int, ...]
YES_NO = {"yes": True, "no": False, "true": True, "false": False}
WANTED = {
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    str: "text",
    NAMES: "names with commas between",
    NUMBERS: "whole numbers with commas between",
}
METAVARS = {int: "N", float: "X", bool: "{yes,no}", str: "TEXT", NAMES: "COL,.."}
T = TypeVar("T")
Field = dataclasses.Field

HANDED_DOWN = "handed down"
handed_down: dict[str, Mapping[str, Any]] = {}
"""Setting -> the table of its values that a room above this one has, from when that room is loaded."""


def setting(
    default: Any,
    text: str,
    decides: str = "",
    choices: tuple[str, ...] = (),
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    table: str = "",
    is_path: bool = False,
    group: str = "",
    read: Callable[[str, Any], Any] | None = None,
) -> Any:
    """A field of a dataclass of settings.

    text: its help; decides: what it decides, in the words of the dataclass; choices: the values that it may have;
    least, above, most: its bounds, `above` being one that is not a value itself; table: MODULE.NAME of mrdl's dict
    whose keys are the values, `choices` being those that it has by itself, or HANDED_DOWN; is_path: whether it is of a
    file or folder; group: the table of a TOML file that it must stand in; read: from its name and what a file has to
    its value, where no type says how.

    Example: `rounds: int | None = setting(None, "rounds; left out: by shards", least=1)`.
    """
    about: dict[str, Any] = {
        "help": text,
        "decides": decides,
        "choices": choices,
        "least": least,
        "above": above,
        "most": most,
    }
    about |= {"table": table, "is_path": is_path, "group": group, "read": read}
    return dataclasses.field(default=default, metadata=about)


# --- what a field is ---


def fields_of(settings: Any) -> list[Field[Any]]:
    """The fields of a dataclass that are settings."""
    return [field for field in dataclasses.fields(settings) if "help" in field.metadata]


@functools.cache
def types_of(settings: Any) -> dict[str, Any]:
    """The types of settings by name, without the None of those that may be left out."""
    return {name: _parts(hint)[0] for name, hint in get_type_hints(settings).items()}


@functools.cache
def optional(settings: Any) -> frozenset[str]:
    """The names of the settings that may be left out."""
    return frozenset(name for name, hint in get_type_hints(settings).items() if _parts(hint)[1])


def _parts(hint: Any) -> tuple[Any, bool]:
    """A type without None, and whether None was in it."""
    inner = [part for part in get_args(hint) if part is not NoneType]
    return (inner[0], True) if NoneType in get_args(hint) else (hint, False)


def choices_of(field: Field[Any]) -> tuple[str, ...]:
    """The values that a setting may have now, those that a program has added to its table among them."""
    table = field.metadata["table"]
    if table == HANDED_DOWN and field.name in handed_down:
        return tuple(handed_down[field.name])
    if not table or table == HANDED_DOWN:
        return tuple(field.metadata["choices"])
    module, _, name = table.rpartition(".")
    return tuple(getattr(importlib.import_module(f"mrdl.{module}"), name))  # imports numpy: only where it is asked for


def name_of(field: Field[Any]) -> str:
    """The name of a setting as messages have it, with its group: limits.cpu_s."""
    group = field.metadata["group"]
    return f"{group}.{field.name}" if group else field.name


def flag(name: str) -> str:
    """The flag of a setting: --batch-size of batch_size."""
    return "--" + name.replace("_", "-")


def flag_help(settings: type, field: Field[Any]) -> dict[str, Any]:
    """What argparse is told of a setting's flag: choices, metavar and help; one of yes or no means yes by itself."""
    kind = types_of(settings)[field.name]
    choices, open_ended = field.metadata["choices"], field.metadata["table"]
    default = f" (default: {field.default})" if field.default not in (None, (), 0.0) else ""
    return {
        "choices": None if open_ended else choices or None,
        "metavar": f"{{{','.join(choices)}}}" if choices else METAVARS.get(kind, "N,N,.."),
        "help": field.metadata["help"].replace("%", "%%") + default,
        **({"nargs": "?", "const": "yes"} if kind is bool else {}),
    }


# --- from text or TOML to values ---


def values_of(settings: type, given: Mapping[str, Any], group: str | None = None) -> dict[str, Any]:
    """Given values by name, each as its field's type.

    settings: a dataclass of settings; given: name -> value, or its text; group: of which alone the names may be, None:
    of all. Raises ConfigError for a name that is none of the fields', and for a value that is not of its type.

    values_of(TrainConfig, {"rounds": "3", "label": ""}) == {"rounds": 3, "label": None}
    """
    fields = {f.name: f for f in fields_of(settings) if group in (None, f.metadata["group"])}
    types, may_miss = types_of(settings), optional(settings)
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in fields:
            raise ConfigError(unknown(f"key in [{group}]" if group else "setting", name, fields))
        if name in may_miss and (value is None or (isinstance(value, str) and not value)):
            found[name] = None
        elif read := fields[name].metadata["read"]:
            found[name] = read(name_of(fields[name]), value)
        else:
            found[name] = convert(name_of(fields[name]), value, types[name])
    return found


def unknown(what: str, name: str, valid: Any) -> str:
    """The message for a name that is not known: the nearest valid one, or all of them."""
    near = difflib.get_close_matches(name, list(valid), 1)
    return f"unknown {what} {name!r}, " + (
        f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(valid)}"
    )


def convert(name: str, value: Any, kind: Any) -> Any:
    """The value as a type of settings.

    name: for the message; value: of TOML, or a text; kind: int, float, str, bool, NAMES or NUMBERS. Raises ConfigError
    that says what was expected.
    """
    try:
        if kind is bool:
            return value if isinstance(value, bool) else YES_NO[str(value).lower()]
        if kind is int:
            return _whole(value)
        if kind is float:
            return _number(value)
        if kind is str:
            return _text(value)
        if kind == NAMES:  # names may hold commas: they are quoted then, as in a CSV
            if isinstance(value, bytes):
                raise TypeError
            if isinstance(value, Mapping):  # as {"price": "1.234,5"}
                value = [f"{key}={each}" for key, each in value.items()]
            return tuple(next(csv.reader([value]), []) if isinstance(value, str) else map(str, value))
        return tuple(_whole(part) for part in (value.split(",") if isinstance(value, str) else value))
    except UnicodeEncodeError:
        raise ConfigError(f"{name} is {value!r}, expected UTF-8: settings are kept as text") from None
    except (TypeError, ValueError, KeyError, OverflowError):
        shown = f"a {type(value).__name__}" if hasattr(value, "__array__") else repr(value)
        raise ConfigError(f"{name} is {shown}, expected {WANTED.get(kind, WANTED[NUMBERS])}") from None


def _whole(value: Any) -> int:
    """A whole number of a value or its text; raises ValueError for another, and for yes or no."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def _text(value: Any) -> str:
    """The text of a text, a number or a path; raises TypeError for others, as lists."""
    if isinstance(value, bool) or not isinstance(value, str | numbers.Number | os.PathLike):
        raise TypeError
    return str(value).encode().decode()  # of a path there may be bytes that are no text


def _number(value: Any) -> float:
    """A number of a value or its text; raises ValueError for nan, and for yes or no."""
    number = float(value)
    if isinstance(value, bool) or math.isnan(number):
        raise ValueError
    return number


def names_as_text(names: Iterable[Any]) -> str:
    """Names with commas between, as `convert` reads them: those that hold commas are quoted."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


# --- what values may be ---


def check(settings: Any) -> None:
    """Raise ConfigError for a value that is no choice of its field, no path, or out of its bounds.

    settings: one of a dataclass of settings. What is left out is well.
    """
    types: dict[str, Any] = types_of(settings.__class__)
    for field in fields_of(settings):
        value, choices = getattr(settings, field.name), field.metadata["choices"]
        if value is None:
            continue
        if choices and value not in choices and value not in (choices := choices_of(field)):
            raise ConfigError(f"{name_of(field)} is {value!r}, expected one of {', '.join(choices)}")
        if field.metadata["is_path"] and (fault := path_fault(value)):
            raise ConfigError(f"{name_of(field)} is {brief(value)}, {fault}")
        if isinstance(value, int | float) and (wanted := _out_of_bounds(field, value, types)):
            raise ConfigError(f"{name_of(field)} is {value}, expected {wanted}")


def _out_of_bounds(field: Field[Any], value: float, types: Mapping[str, Any]) -> str:
    """What is expected in place of a number out of its field's bounds; empty where it is within."""
    least, above, most = (field.metadata[bound] for bound in ("least", "above", "most"))
    is_whole = types[field.name] is int
    most = MOST if most is None and is_whole else most
    is_large = (least is None or value >= least) and (above is None or value > above)
    if is_large and (most is None or value <= most):
        return ""
    if is_whole:
        return f"{most} or fewer" if is_large else f"{least} or more"
    return f"a number from {least} to {most}" if above is None else f"a number above {above}, up to {most}"


def decided(value: T | None) -> T:
    """A setting that cannot be left out any more: those of a resolved TrainConfig."""
    assert value is not None, "the settings were not resolved"
    return value
