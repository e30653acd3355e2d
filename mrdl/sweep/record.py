"""What a record of a sweep must be: a line of a part, or a row of the ledger, that tells of one training.

Both are files that anything may have happened to. What is no record is told, and never becomes a row of the table.
"""

import json
import math
from collections.abc import Callable
from typing import Any

MOST_POINTS = 10_000  # of a curve
STATES = ("done", "failed")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_time(value: Any) -> bool:
    return value is None or (_is_number(value) and value >= 0)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def _is_curve(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_POINTS and all(map(_is_number, value))


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "arch_id": (lambda value: _is_text(value) and 0 < len(value) <= 64, "a short text"),
    "status": (lambda value: value in STATES, "done or failed"),
    **dict.fromkeys(("spec", "reason", "log", "device", "backend", "data"), (_is_text, "text")),
    **dict.fromkeys(("accuracy", "baseline"), (_is_share, "a number from 0 to 1")),
    **dict.fromkeys(("collapsed", "no_better"), (lambda value: isinstance(value, bool), "true or false")),
    **dict.fromkeys(("wall_s", "cpu_s"), (_is_time, "seconds, or null where they are not known")),
    **dict.fromkeys(("parameters", "together", "trained_epochs"), (_is_count, "a whole number")),
    "loss": (_is_number, "a number"),
    "curve": (_is_curve, "a list of numbers"),
}
NEEDED = {"done": ("arch_id", "status", "accuracy", "loss"), "failed": ("arch_id", "status")}


def read_record(text: str | bytes) -> dict[str, Any]:
    """The record of a line. Raises ValueError, with what was expected, where it is none."""
    try:
        record = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep for a record") from None
    if not isinstance(record, dict):
        raise ValueError(f"it is {_brief(record)}, expected a record")
    for name, (fits, expected) in FIELDS.items():
        if name in record and not _fits(fits, record[name]):
            raise ValueError(f"{name} is {_brief(record[name])}, expected {expected}")
    for name in NEEDED.get(record.get("status", ""), NEEDED["failed"]):
        if name not in record:
            raise ValueError(f"it has no {name}")
    return record


def _fits(fits: Callable[[Any], bool], value: Any) -> bool:
    try:
        return fits(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
