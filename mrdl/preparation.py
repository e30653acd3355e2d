"""What rows go through before training: the statistics of the data, and the scaling and classes made from them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrdl.labels import class_numbers
from mrdl.schema import Schema
from mrdl.target import MAX_CLASSES, problem
from mrdl.words import brief

KEPT_BAD_ROWS = 5  # examples of bad rows that a message shows
KEPT_UNFIT = 21  # columns with bad cells: those that a message shows, and one to tell that there are more


@dataclass
class Statistics:
    """What a mapper counts, mergeable in any order.

    minimum, maximum: (columns,) float32 over the training rows alone; classes: label -> rows;
    bad: the first bad rows as (file, place, reason, text); unfit: of the first columns in which cells are no numbers,
    (index in the CSV, a cell); cut: whether a mapper stopped at so many bad rows.
    """

    minimum: np.ndarray
    maximum: np.ndarray
    training_rows: int = 0
    validation_rows: int = 0
    missing: int = 0
    bad_rows: int = 0
    integral: bool = True
    classes: dict[str, int] = field(default_factory=dict)
    bad: list[tuple[str, int, str, str]] = field(default_factory=list)
    unfit: list[tuple[int, str]] = field(default_factory=list)
    cut: bool = False

    @classmethod
    def empty(cls, num_features: int) -> "Statistics":
        """The statistics of no rows."""
        return cls(np.full(num_features, np.inf, np.float32), np.full(num_features, -np.inf, np.float32))

    def add_range(self, features: np.ndarray) -> None:
        """Widen the range by training rows; features: (rows, columns)."""
        if len(features):
            np.minimum(self.minimum, features.min(0), out=self.minimum)
            np.maximum(self.maximum, features.max(0), out=self.maximum)

    def add_classes(self, classes: Mapping[str, int]) -> None:
        """Count rows by label, until there are more labels than can be classes: then no count is needed any more."""
        if not self.too_many_classes:
            for name, count in classes.items():
                self.classes[name] = self.classes.get(name, 0) + count

    @property
    def too_many_classes(self) -> bool:
        """Whether labels are no more counted."""
        return len(self.classes) > MAX_CLASSES

    def add_bad(self, file: str, place: int, reason: str, text: str) -> None:
        """Count a bad row; only the first few are kept as examples."""
        self.bad_rows += 1
        self.bad = sorted([*self.bad, (file, place, reason, text)])[:KEPT_BAD_ROWS]

    def add_unfit(self, columns: Iterable[tuple[int, str]]) -> None:
        """Note columns that hold a cell which is no number: (index in the CSV, the cell)."""
        found: dict[int, str] = {}
        for place, cell in sorted([*self.unfit, *columns]):
            found.setdefault(place, cell)
        self.unfit = sorted(found.items())[:KEPT_UNFIT]

    def merge(self, other: "Statistics") -> None:
        """Take in another mapper's statistics."""
        np.minimum(self.minimum, other.minimum, out=self.minimum)
        np.maximum(self.maximum, other.maximum, out=self.maximum)
        self.training_rows += other.training_rows
        self.validation_rows += other.validation_rows
        self.missing += other.missing
        self.bad_rows += other.bad_rows
        self.integral &= other.integral
        self.add_classes(other.classes)
        self.bad = sorted([*self.bad, *other.bad])[:KEPT_BAD_ROWS]
        self.add_unfit(other.unfit)
        self.cut |= other.cut

    def to_meta(self) -> dict[str, Any]:
        """All but the arrays, for a record's header."""
        names = (
            "training_rows",
            "validation_rows",
            "missing",
            "bad_rows",
            "integral",
            "classes",
            "bad",
            "unfit",
            "cut",
        )
        return {name: getattr(self, name) for name in names}


EXACT = 1 << 24  # whole numbers below are exact as 32-bit floats; what is one more becomes this one


def told_rounding(statistics: Statistics, columns: Sequence[str]) -> str:
    """Which columns have whole numbers that 32-bit floats cannot tell from their neighbours; empty where none has."""
    largest = np.maximum(np.abs(statistics.minimum), np.abs(statistics.maximum))
    found = [brief(columns[int(i)]) for i in np.flatnonzero(np.isfinite(largest) & (largest >= EXACT))]
    if not found:
        return ""
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return (
        f"values of {EXACT:,} and more in {', '.join(found[:3])}{more}: they are kept as 32-bit floats, so whole "
        "numbers lose their last digits there; subtract what they have in common, or leave the column out"
    )


@dataclass(frozen=True)
class Preparation:
    """How a row of the CSV becomes a row in [0, 1] and a class number; kept with every model.

    minimum, factor: (columns,) float32; a value becomes (value - minimum) * factor. With a threshold it becomes
    1 where it is above, else 0. class_rows: how many rows of the data have each class; empty where nobody knows.
    label_index: the label's place among the columns that were kept; dropped: the places of those that were not, among
    all.
    """

    columns: tuple[str, ...]
    label: str
    label_index: int | None
    classes: tuple[str, ...]
    minimum: np.ndarray
    factor: np.ndarray
    threshold: float | None = None
    class_rows: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()

    @property
    def majority(self) -> str:
        """The most frequent class, the first of equals; empty where nobody knows."""
        return self.classes[self.class_rows.index(max(self.class_rows))] if self.class_rows else ""

    def scale(self, features: np.ndarray) -> np.ndarray:
        """(rows, columns) of any number type -> float32 in [0, 1]; what lies outside the training range is cut."""
        with np.errstate(over="ignore"):  # what overflows is cut
            if self.threshold is not None:
                return (features > self.threshold).astype(np.float32)
            scaled = features.astype(np.float32)
            scaled -= self.minimum
            scaled *= self.factor
        return np.clip(scaled, 0.0, 1.0, out=scaled)

    def class_numbers(self, labels: Sequence[str]) -> np.ndarray:
        """Labels -> class numbers, (rows,) int64; -1 for a label that training never saw, however it is written."""
        return class_numbers(labels, self.classes)


@dataclass(frozen=True)
class Scaling:
    """How values are scaled. how: auto, column or common, as the statistics have it; threshold: text of a number, or
    empty; taken: (minimum, factor) of the model that the training starts from, which the statistics do not change."""

    how: str = "auto"
    threshold: str = ""
    taken: tuple[np.ndarray, np.ndarray] | None = None

    def to_meta(self) -> list[Any]:
        """What `from_meta` reads, as JSON has it."""
        return [self.how, self.threshold, [array.tolist() for array in self.taken or ()]]

    @classmethod
    def from_meta(cls, meta: Sequence[Any]) -> "Scaling":
        """What `to_meta` has written."""
        how, threshold, taken = meta
        arrays = [np.array(each, np.float32) for each in taken]
        return cls(how, threshold, (arrays[0], arrays[1]) if arrays else None)


def prepare(statistics: Statistics, schema: Schema, scaling: Scaling) -> Preparation:
    """The preparation that statistics of all rows decide."""
    low, high = statistics.minimum, statistics.maximum
    if not statistics.training_rows:
        low, high = np.zeros_like(low), np.zeros_like(high)
    if scaling.how == "common" or (scaling.how == "auto" and looks_like_pixels(statistics)):
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    span = high.astype(np.float64) - low
    factor = np.divide(1.0, span, out=np.zeros_like(span), where=span > np.finfo(np.float32).tiny).astype(np.float32)
    learnable = schema.label is not None and not statistics.too_many_classes
    classes = tuple(sorted(statistics.classes, key=_class_order)) if learnable else ()
    above = float(scaling.threshold) if scaling.threshold else None
    low, factor = scaling.taken or (low, factor)
    counts = tuple(statistics.classes[name] for name in classes)
    return Preparation(
        schema.features, schema.label_name, schema.label_place, classes, low, factor, above, counts, schema.dropped
    )


def looks_like_pixels(statistics: Statistics) -> bool:
    """Whole numbers from 0 to 255, and most columns that vary reach the same height: one unit for all."""
    high = statistics.maximum[statistics.maximum > statistics.minimum]
    return bool(statistics.integral and len(high) and (high >= 0.9 * high.max()).mean() >= 0.5)


def refuse(statistics: Statistics, shards: int, skip_bad_rows: bool, supervised: bool, label: str = "") -> str | None:
    """Why these rows cannot be trained on, in words; None where they can. label: its column's name."""
    if statistics.bad_rows and not skip_bad_rows:
        return f"{statistics.bad_rows} rows cannot be read"
    if not statistics.training_rows:
        return "there are no rows to train on" + (
            f": all {statistics.validation_rows} went to validation" if statistics.validation_rows else ""
        )
    if statistics.training_rows < shards:
        rows = statistics.training_rows
        return f"{shards} shards, but only {rows} rows to train on: use --shards {rows} or fewer"
    return problem(label, statistics.classes) if supervised else None


def _class_order(name: str) -> tuple[float, str]:
    """Numbers by value, then text; a class list must not depend on the order of rows."""
    try:
        value = float(name)
    except ValueError:
        return math.inf, name
    return (value, name) if math.isfinite(value) else (math.inf, name)
