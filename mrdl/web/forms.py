"""Forms made from the settings, and the TOML beside them: each is made from the other, by the settings themselves.

What a form holds is text by key, as people write it; no setting is named in the pages.
"""

import contextlib
import csv
import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from mrdl.errors import ConfigError
from mrdl.nn.design import BOUNDS, CHOICES
from mrdl.settings.config import TrainConfig, from_tables
from mrdl.settings.decides import DATA, MODEL, RUN
from mrdl.settings.fields import (
    NAMES,
    NUMBERS,
    choices_of,
    convert,
    fields_of,
    name_of,
    names_as_text,
    optional,
    types_of,
    unknown,
)
from mrdl.settings.files import as_toml
from mrdl.sweep.space import Space
from mrdl.sweep.spec import Spec, spec_of
from mrdl.web.examples import EXAMPLES

router = APIRouter(prefix="/api/forms", tags=["forms"])

Field = dataclasses.Field[Any]
TYPES = {int: "int", float: "float", bool: "bool", str: "text", NAMES: "names", NUMBERS: "numbers"}
OF_TOML = {DATA: "data", MODEL: "training", RUN: "run"}  # tables that group a run's settings, for people
HERE_ALONE = {"python_bin", "mrjob_conf", "run_dir", "cache_dir", "test", "start_from", "sweep.backend"}
"""Settings that name files or code of the server's machine: those are the command line's."""


class Values(BaseModel):
    """What a form holds: text by key."""

    values: dict[str, str]


class Toml(BaseModel):
    """The text of a TOML file."""

    toml: str


# --- what there is ---


@dataclass(frozen=True)
class Kind:
    """What is trained, as its form has it.

    settings: the dataclasses whose fields it asks for; titles: of its groups, in their order; group_of, table_of: a
    field's group, and its table in a TOML file; common: the keys that are asked for first; check: from a file's content
    to the value of each key, raises ConfigError for what is wrong.
    """

    settings: tuple[type, ...]
    titles: Mapping[str, str]
    group_of: Callable[[Field], str]
    table_of: Callable[[Field], str]
    common: frozenset[str]
    check: Callable[[Mapping[str, Any]], dict[str, Any]]

    def fields(self) -> dict[str, tuple[type, Field]]:
        """The fields that a page may ask for, by key, each with its dataclass; in the order of the groups."""
        found = [(each, field) for each in self.settings for field in fields_of(each)]
        groups = list(self.titles)
        ordered = sorted(found, key=lambda pair: groups.index(self.group_of(pair[1])))
        return {name_of(field): (each, field) for each, field in ordered if name_of(field) not in HERE_ALONE}


def _of_run(read: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each setting of a run by a file's content."""
    return vars(from_tables(read))


def _of_sweep(read: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each key of a spec by a file's content."""
    spec = spec_of(read)
    return {name_of(field): getattr(of, field.name) for of in (spec.space, spec) for field in fields_of(of)}


KINDS = {
    "run": Kind(
        (TrainConfig,),
        {DATA: "The data", MODEL: "The network and its training", RUN: "The run"},
        lambda field: field.metadata["decides"],
        lambda field: OF_TOML[field.metadata["decides"]],
        frozenset({"hidden", "rounds", "epochs", "learning_rate", "batch_size", "shards", "seed"}),
        _of_run,
    ),
    "sweep": Kind(
        (Space, Spec),
        {"space": "The designs", "sweep": "The sweep", "data": "The data", "limits": "Limits"},
        lambda field: field.metadata["group"],
        lambda field: field.metadata["group"],
        frozenset(
            {f"space.{name}" for name in ("depth", "width", "activation", "learning_rate", "epochs")}
            | {f"sweep.{name}" for name in ("sampler", "count", "seeds")}
        ),
        _of_sweep,
    ),
}
"""What can be trained by a page, by the name that addresses have."""


def kind_of(name: str) -> Kind:
    """What is trained, by its name; raises 404 for another."""
    if name not in KINDS:
        raise HTTPException(404, f"there is no form of {name[:50]!r}, expected {' or '.join(KINDS)}")
    return KINDS[name]


def read_text(toml: str) -> dict[str, Any]:
    """The content of a TOML file's text; raises ConfigError where it is none."""
    try:
        return tomllib.loads(toml)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the settings are not TOML: {error}") from error


# --- what forms ask for ---


@router.get("/{kind}")
def form(kind: str) -> dict[str, Any]:
    """What a form of a run or a sweep asks for: groups of fields, each with its help, its default and its bounds.

    Its examples are values to begin with, {title, words, values}.
    """
    found = kind_of(kind)
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in found.titles}
    for key, (settings, field) in found.fields().items():
        groups[found.group_of(field)].append(_told(key, settings, field, key in found.common))
    return {
        "groups": [{"name": name, "title": found.titles[name], "fields": told} for name, told in groups.items()],
        "examples": [dataclasses.asdict(example) for example in EXAMPLES[kind]],
    }


def _told(key: str, settings: type, field: Field, is_common: bool) -> dict[str, Any]:
    """A field as the page has it."""
    about, axis = field.metadata, field.name if _is_axis(field) else ""
    least, most = BOUNDS[axis][:2] if axis in BOUNDS else (about["least"], about["most"])
    return {
        "key": key,
        "name": field.name.replace("_", " "),
        "type": _type(settings, field),
        "help": about["help"],
        "choices": list(map(_text, CHOICES.get(axis) or choices_of(field))),
        "least": least,
        "above": about["above"],
        "most": most,
        "default": _text(field.default),
        "optional": field.name in optional(settings),
        "common": is_common,
    }


def _type(settings: type, field: Field) -> str:
    """How a field is asked for: a value of TYPES, choice, axis (one, several, or a range), or value, as TOML has it."""
    if field.metadata["read"]:
        return "axis" if _is_axis(field) else "names" if types_of(settings)[field.name] == NAMES else "value"
    return "choice" if field.metadata["choices"] else TYPES[types_of(settings)[field.name]]


def _is_axis(field: Field) -> bool:
    """Whether a field is an axis of the space, which may vary."""
    return field.metadata["group"] == "space" and field.name != "nodes"


# --- from a form to TOML ---


@router.post("/{kind}/toml")
def toml_of_form(kind: str, given: Values) -> dict[str, str]:
    """The TOML file of what a form holds: what differs from the defaults, in its tables; 422 for a wrong value.

    toml_of_form("run", Values(values={"rounds": "3"})) == {"toml": "[training]\\nrounds = 3\\n"}
    """
    found = kind_of(kind)
    fields = found.fields()
    read: dict[str, dict[str, Any]] = {}
    for key, text in given.values.items():
        if key not in fields:
            raise ConfigError(unknown("setting", key, fields))
        settings, field = fields[key]
        if text.strip() and text != _text(field.default):
            table = read.setdefault(found.table_of(field), {})
            table[field.name] = _value(key, text.strip(), settings, field)
    found.check(read)
    tables = dict.fromkeys(found.table_of(field) for _, field in fields.values())
    written = [
        f"[{name}]\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in read[name].items())
        for name in tables
        if name in read
    ]
    return {"toml": "\n".join(written)}


def _value(key: str, text: str, settings: type, field: Field) -> Any:
    """The value that people write as a text."""
    kind = _type(settings, field)
    if kind == "axis":
        return _axis(text)
    if kind == "value":
        return _of_toml(text)
    if kind == "names":
        return [part.strip() for part in next(csv.reader([text], skipinitialspace=True), [])]
    return convert(key, text, types_of(settings)[field.name])


def _axis(text: str) -> Any:
    """What is said of an axis: a value, several with commas between, or a range, as `8 to 64` or `1e-4 to 0.1 log`."""
    if text[:1] in "[{":
        return _of_toml(text)
    low, between, high = text.partition(" to ")
    if between:
        high, _, log = high.strip().partition(" ")
        return {"min": _plain(low), "max": _plain(high), **({"log": True} if log.strip() == "log" else {})}
    values = [_plain(part) for part in text.split(",") if part.strip()]
    return values[0] if len(values) == 1 else values


def _plain(text: str) -> Any:
    """A number, yes or no, or a word."""
    text = text.strip()
    if text.lower() in ("yes", "no", "true", "false"):
        return text.lower() in ("yes", "true")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("\"'")


def _of_toml(text: str) -> Any:
    """A value as TOML has it, several of them with commas between, or else the text itself."""
    for written in (text, f"[{text}]"):
        with contextlib.suppress(tomllib.TOMLDecodeError, RecursionError):
            return tomllib.loads(f"value = {written}")["value"]
    return text


# --- from TOML to a form ---


@router.post("/{kind}/values")
def form_of_toml(kind: str, given: Toml) -> dict[str, dict[str, str]]:
    """What a form holds for a TOML file: the text of each setting that differs from its default, else 422."""
    found = kind_of(kind)
    values = found.check(read_text(given.toml))
    fields = {key: field for key, (_, field) in found.fields().items()}
    return {"values": {key: _text(values[key]) for key, field in fields.items() if values[key] != field.default}}


def _text(value: Any) -> str:
    """A value as people write it in a form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return f"{_text(value['min'])} to {_text(value['max'])}{' log' * bool(value.get('log'))}"
    if dataclasses.is_dataclass(value):
        return as_toml(vars(value))
    if isinstance(value, list | tuple):
        if any(isinstance(one, list | tuple) for one in value):
            return as_toml([list(one) for one in value])
        return names_as_text(value) if all(isinstance(one, str) for one in value) else ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
