"""Counts what a mapper sees of its rows, and merges what all mappers have counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mrdl.data.sample import Sample
from mrdl.data.values import MAX_CLASSES
from mrdl.errors import brief
from mrdl.metrics.moments import Moments

MAX_LEVELS = 100_000  # of a column of categories
KEPT_BAD_ROWS = 5  # examples of bad rows that a message shows
KEPT_UNFIT = 21  # columns with bad cells: those that a message shows, and one to tell that there are more


@dataclass
class Statistics:
    """What a mapper counts, mergeable in any order.

    minimum, maximum: (columns,) float32 over the values of the training rows alone, of categories none.
    classes: label -> rows; targets: of each target, and last the weight, over the training rows.
    levels: of each column of categories, by its place among the features, text -> training rows.
    integral: whether every value of a feature that is not missing is a whole number from 0 to 255.
    bad: the first bad rows as (file, place, reason, text).
    unfit: of the first columns in which cells are no numbers, (index in the CSV, a cell).
    cut: whether a mapper stopped at so many bad rows.
    sample: what a sample tells, once all is merged and a sample was taken.
    """

    minimum: np.ndarray
    maximum: np.ndarray
    training_rows: int = 0
    validation_rows: int = 0
    missing: int = 0
    bad_rows: int = 0
    integral: bool = True
    classes: dict[str, int] = field(default_factory=dict)
    targets: list[Moments] = field(default_factory=list)
    levels: dict[int, dict[str, int]] = field(default_factory=dict)
    bad: list[tuple[str, int, str, str]] = field(default_factory=list)
    unfit: list[tuple[int, str]] = field(default_factory=list)
    cut: bool = False
    sample: Sample | None = None

    @classmethod
    def empty(cls, num_columns: int, num_targets: int = 0) -> "Statistics":
        """Return the statistics of no rows; of so many columns the last ones are targets, or a weight."""
        low, high = np.full(num_columns, np.inf, np.float32), np.full(num_columns, -np.inf, np.float32)
        return cls(low, high, targets=[Moments() for _ in range(num_targets)])

    def of_columns(self, count: int) -> "Statistics":
        """Return the same with the ranges of the first columns alone: those of the features."""
        return replace(self, minimum=self.minimum[:count], maximum=self.maximum[:count])

    def add_range(self, features: np.ndarray) -> None:
        """Widen the range by training rows; features: (rows, columns), of which nan is no value."""
        if len(features):
            low, high = features.min(0), features.max(0)
            if np.isnan(low).any():
                low, high = np.fmin.reduce(features), np.fmax.reduce(features)
            np.fmin(self.minimum, low, out=self.minimum)
            np.fmax(self.maximum, high, out=self.maximum)

    def add_targets(self, features: np.ndarray) -> None:
        """Take in the targets of training rows, the last columns; features: (rows, columns)."""
        for place, moments in enumerate(reversed(self.targets), 1):
            moments.add(features[:, -place])

    def add_classes(self, classes: Mapping[str, int]) -> None:
        """Count rows by label, until there are more labels than can be classes: then no count is needed any more."""
        if not self.too_many_classes:
            for name, count in classes.items():
                self.classes[name] = self.classes.get(name, 0) + count

    def add_levels(self, levels: Mapping[int, Mapping[str, int]]) -> None:
        """Count training rows: place among the features -> level -> rows; of a column until it has too many levels."""
        for place, counts in levels.items():
            known = self.levels.setdefault(place, {})
            for name, count in counts.items():
                if len(known) > MAX_LEVELS:
                    break
                known[name] = known.get(name, 0) + count

    @property
    def too_many_levels(self) -> list[int]:
        """The places of columns with more levels than are learnt; those are not counted any more."""
        return [place for place, counts in sorted(self.levels.items()) if len(counts) > MAX_LEVELS]

    @property
    def too_many_classes(self) -> bool:
        """Whether there are more labels than can be classes, so that they are not counted any more."""
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
        for mine, theirs in zip(self.targets, other.targets, strict=True):
            mine.merge(theirs)
        self.add_classes(other.classes)
        self.add_levels(other.levels)
        self.bad = sorted([*self.bad, *other.bad])[:KEPT_BAD_ROWS]
        self.add_unfit(other.unfit)
        self.cut |= other.cut

    def to_meta(self) -> dict[str, Any]:
        """Return all but the arrays, for a record's header."""
        names = (
            "training_rows",
            "validation_rows",
            "missing",
            "bad_rows",
            "integral",
            "classes",
            "levels",
            "bad",
            "unfit",
            "cut",
        )
        targets = [moments.to_meta() for moments in self.targets]
        return {**{name: getattr(self, name) for name in names}, "targets": targets}


EXACT = 1 << 24  # whole numbers below are exact as 32-bit floats; what is one more becomes this one


def told_rounding(statistics: Statistics, columns: Sequence[str]) -> str:
    """Return which columns have whole numbers that 32-bit floats cannot tell from their neighbours.

    Returns "" where none has.
    """
    largest = np.maximum(np.abs(statistics.minimum), np.abs(statistics.maximum))
    found = [brief(columns[int(i)]) for i in np.flatnonzero(np.isfinite(largest) & (largest >= EXACT))]
    if not found:
        return ""
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return (
        f"values of {EXACT:,} and more in {', '.join(found[:3])}{more}: they are kept as 32-bit floats, so whole "
        "numbers lose their last digits there; subtract what they have in common, or leave the column out"
    )
