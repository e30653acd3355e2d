"""A record of a sweep: what one training of a design told; a line of a part, and a row of the ledger.

Both are files that anything may have happened to. What is no record is told, and never becomes a row of the table.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import mrdl
from mrdl.nn.design import Design
from mrdl.nn.rows import Dataset

MOST_POINTS = 10_000  # of a curve
MOST_ID = 64  # characters
MOST_CLASSES = 20  # whose mistakes a record tells, one for each pair of them


class State(StrEnum):
    """What became of a design, or of one training of it."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"

    def is_finished(self) -> bool:
        """Whether a training has ended, well or not."""
        return self is not State.PLANNED


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one training of a design; None where it is not known.

    arch_id: the design's name; spec: its canonical text; reason, log: why it failed, and the last words of its task;
    parameters: weights and biases; baseline: accuracy of always saying the majority class; accuracy, loss: on the test
    rows; collapsed: whether it says one class alone; no_better: whether it is not shown to be better than the
    baseline; confusion: the test rows of each class by the class that was said, of at most 20 classes; curve: training
    loss by epoch, of long trainings some of them; trained_epochs: those that it had; wall_s,
    cpu_s: seconds; together: designs that were trained at once; device: where; backend: by what; data: digest of its
    data; versions: of mrdl and Python; shards, weights: of a job of its own the number, and the network's digest;
    attempts: trainings in all, of which a ledger knows.
    """

    arch_id: str
    status: State
    spec: str | None = None
    reason: str | None = None
    log: str | None = None
    parameters: int | None = None
    baseline: float | None = None
    accuracy: float | None = None
    baseline_rmse: float | None = None
    r2: float | None = None
    rmse: float | None = None
    loss: float | None = None
    collapsed: bool | None = None
    no_better: bool | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    curve: tuple[float, ...] | None = None
    trained_epochs: int | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    together: int | None = None
    device: str | None = None
    backend: str | None = None
    data: str | None = None
    versions: Mapping[str, str] | None = None
    shards: int | None = None
    weights: str | None = None
    attempts: int | None = None

    @property
    def score(self) -> float | None:
        """What designs are compared by: the accuracy, or of numbers R²."""
        return self.r2 if self.accuracy is None else self.accuracy

    @property
    def measure(self) -> str:
        """The name of that for people."""
        return "R²" if self.accuracy is None else "accuracy"

    def to_json(self) -> dict[str, Any]:
        """The record as an object of JSON, without what is not known."""
        told = {name: value for name, value in vars(self).items() if value is not None}
        if self.curve is not None:
            told["curve"] = list(self.curve)
        if self.confusion is not None:
            told["confusion"] = [list(row) for row in self.confusion]
        return told

    @classmethod
    def from_json(cls, told: Any) -> "Record":
        """The record of an object of JSON; raises ValueError, with what was expected, where it is none."""
        if not isinstance(told, dict):
            raise ValueError(f"it is {_brief(told)}, expected a record")
        for name, (fits, expected) in FIELDS.items():
            if name in told and not _fits(fits, told[name]):
                raise ValueError(f"{name} is {_brief(told[name])}, expected {expected}")
        for name in NEEDED.get(told.get("status", ""), NEEDED[State.FAILED]):
            if name not in told:
                raise ValueError(f"it has no {name}")
        if told.get("status") == State.DONE and not {"accuracy", "r2"} & set(told):
            raise ValueError("it has no accuracy")
        known = {name: told[name] for name in FIELDS if name in told}
        return cls(**known).with_told(**known)

    def with_told(self, **told: Any) -> "Record":
        """A copy with what a training has told, as JSON has it."""
        if told.get("curve") is not None:
            told["curve"] = tuple(told["curve"])
        if told.get("confusion") is not None:
            told["confusion"] = tuple(map(tuple, told["confusion"]))
        if "status" in told:
            told["status"] = State(told["status"])
        return dataclasses.replace(self, **told)


def read_record(text: str | bytes) -> Record:
    """The record of a line. Raises ValueError, with what was expected, where it is none."""
    try:
        told = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep for a record") from None
    return Record.from_json(told)


def line_of(record: Record) -> bytes:
    """A record as a line of a part."""
    return json.dumps(record.to_json()).encode() + b"\n"


def record_of(arch_id: str, design: Design, data: Dataset, backend: str, **told: Any) -> Record:
    """The record of a training that has told something, with what is known of its design and its data."""
    about = Record(
        arch_id=arch_id,
        status=State.PLANNED,
        spec=design.canonical(),
        parameters=design.parameters(data.columns, data.outputs),
        baseline=data.baseline if data.classes else None,
        baseline_rmse=None if data.classes else data.baseline,
        backend=backend,
        data=data.digest,
        versions={"mrdl": mrdl.__version__},
    )
    return about.with_told(**told)


# --- what a forged or damaged one is told by ---


def _is_text(value: Any) -> bool:
    """Whether a value is a text that UTF-8 can hold."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    """Whether a value is a number from 0 to 1."""
    return _is_number(value) and 0 <= value <= 1


def _is_time(value: Any) -> bool:
    """Whether a value is a time in seconds, or None."""
    return value is None or (_is_number(value) and value >= 0)


def _is_count(value: Any) -> bool:
    """Whether a value is a whole number that an index can hold, 0 or more."""
    return type(value) is int and 0 <= value < 1 << 62


def _is_curve(value: Any) -> bool:
    """Whether a value is a list of losses, one an epoch."""
    return isinstance(value, list) and len(value) <= MOST_POINTS and all(map(_is_number, value))


def _is_confusion(value: Any) -> bool:
    """Whether a value is a square table of counts, a row for each class."""
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_CLASSES:
        return False
    return all(isinstance(row, list) and len(row) == len(value) and all(map(_is_count, row)) for row in value)


def _is_versions(value: Any) -> bool:
    """Whether a value is an object of names and versions."""
    return isinstance(value, dict) and all(map(_is_text, value.values()))


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "arch_id": (lambda value: _is_text(value) and 0 < len(value) <= MOST_ID, "a short text"),
    "status": (lambda value: value in (State.DONE, State.FAILED), "done or failed"),
    **dict.fromkeys(("spec", "reason", "log", "device", "backend", "data", "weights"), (_is_text, "text")),
    **dict.fromkeys(("accuracy", "baseline"), (_is_share, "a number from 0 to 1")),
    **dict.fromkeys(("collapsed", "no_better"), (lambda value: isinstance(value, bool), "true or false")),
    **dict.fromkeys(("wall_s", "cpu_s"), (_is_time, "seconds, or null where they are not known")),
    **dict.fromkeys(("parameters", "together", "trained_epochs", "shards"), (_is_count, "a whole number")),
    **dict.fromkeys(("loss", "r2"), (_is_number, "a number")),
    **dict.fromkeys(("rmse", "baseline_rmse"), (lambda value: _is_number(value) and value >= 0, "a number, 0 or more")),
    "curve": (_is_curve, "a list of numbers"),
    "confusion": (_is_confusion, f"a square table of counts, of at most {MOST_CLASSES} classes"),
    "versions": (_is_versions, "a text for each name"),
}
NEEDED = {State.DONE: ("arch_id", "status", "loss"), State.FAILED: ("arch_id", "status")}


def _fits(fits: Callable[[Any], bool], value: Any) -> bool:
    """Whether a value is what a field expects; a number that is too large for a float is not."""
    try:
        return fits(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _brief(value: Any) -> str:
    """A value for a message, its beginning where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
