"""Reads labels as what they mean: truth values or numbers where all classes of a model are, else text."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

WHOLE = 2.0**53  # from here on two whole numbers may be one float


def class_values(classes: Sequence[str]) -> np.ndarray:
    """Return what `predict` gives for each class, (classes,).

    That is bool where all are True or False, int64 where all are whole numbers, float64 where all are numbers, else str
    (as objects). class_values(("0", "1")) -> array([0, 1])
    """
    read = _reading(classes)
    if read is None:
        return np.array(classes, dtype=object)
    if read is _number and all(name.lstrip("+-").isdecimal() for name in classes):
        return np.array([int(name) for name in classes], np.int64)
    return np.array([read(name) for name in classes])


def class_numbers(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Return the place of each label among `classes`, (labels,) int64; -1 for one that is none of them.

    A label is the class that is written like it, or else that means the same: 1.0 is 1, and TRUE is True.
    """
    read = _reading(classes)
    if read is None:
        return written_numbers(labels, classes)
    written = {name: i for i, name in enumerate(classes)}
    meant = {read(name): i for i, name in enumerate(classes)}
    return np.array([written.get(name, meant.get(read(name), -1)) for name in labels], np.int64)


def written_numbers(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Return the same of labels that must be written like the class, (labels,) int64: "01" is not 1."""
    written = {name: i for i, name in enumerate(classes)}
    return np.array([written.get(name, -1) for name in labels], np.int64)


def told_alike(classes: Iterable[str]) -> str:
    """Return which labels differ by blanks, case or the way a number is written alone; "" where none do."""
    groups: dict[str | float, list[str]] = {}
    for name in sorted(classes):
        number = _number(name)
        groups.setdefault(" ".join(name.casefold().split()) if number is None else number, []).append(name)
    alike = [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    if not alike:
        return ""
    more = f", and {len(alike) - 5} more" if len(alike) > 5 else ""
    return f"labels that differ by case, blanks or form alone are classes of their own: {', '.join(alike[:5])}{more}"


def _reading(classes: Sequence[str]) -> Callable[[str], bool | float | None] | None:
    """Return how to read each class as a value of its own; None where they are text, or two mean the same."""
    readings: tuple[Callable[[str], bool | float | None], ...] = (_truth, _number)
    for read in readings if classes else ():
        values = {read(name) for name in classes}
        if None not in values and len(values) == len(classes):
            return read
    return None


def _truth(text: str) -> bool | None:
    """Return what true and false mean, None for other text."""
    return {"true": True, "false": False}.get(text.lower())


def _number(text: str) -> float | None:
    """Return a number that a float holds exactly, None for other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < WHOLE and not math.isnan(value) and "_" not in text else None
