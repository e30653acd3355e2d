"""What becomes of a raw row: the arrays that say it."""

from dataclasses import dataclass

import numpy as np

BEFORE = 2  # inputs before that of a category's first code: of a missing level, and of one that is not known


@dataclass(frozen=True, eq=False)
class Encoding:
    """What makes inputs of raw rows: numbers are scaled; of tables with more than numbers the layout has the rest.

    shift, factor, fill: (numbers,) float32; a value becomes (value - shift) * factor, a missing one (nan) `fill`, None
    being zeros. threshold: raw values above it count as 1, all others as 0; None: scaled. limit: the largest magnitude
    that scaled values keep; None: they are in [0, 1].
    """

    shift: np.ndarray
    factor: np.ndarray
    threshold: float | None = None
    fill: np.ndarray | None = None
    limit: float | None = None
    layout: "Layout | None" = None

    @classmethod
    def none(cls, columns: int) -> "Encoding":
        """The encoding of rows that are inputs as they are."""
        return cls(np.zeros(columns, np.float32), np.ones(columns, np.float32))

    @property
    def columns(self) -> int:
        """Values in a raw row that inputs are made of."""
        return self.layout.columns if self.layout else len(self.shift)

    @property
    def width(self) -> int:
        """Inputs that a row becomes."""
        return len(self.shift) + (self.layout.width if self.layout else 0)

    @property
    def is_none(self) -> bool:
        """Whether rows are inputs as they are."""
        scaled = self.threshold is not None or self.limit is not None or self.shift.any() or (self.factor != 1).any()
        return not scaled and self.layout is None


@dataclass(frozen=True, eq=False)
class Layout:
    """What stands behind the numbers of a row of inputs: was-missing flags, then cycles, then levels one-hot.

    columns: values in a raw row; numbers: (numbers,) int64, the places of those that are scaled; missing: (flags,)
    int64, the places of those that are told to be missing.
    """

    columns: int
    numbers: np.ndarray
    missing: np.ndarray
    cycles: "Cycles"
    codes: "Codes"

    @property
    def width(self) -> int:
        """Inputs behind the numbers."""
        return len(self.missing) + len(self.cycles.places) + self.codes.width


@dataclass(frozen=True, eq=False)
class Cycles:
    """Inputs that come back with a period: a value becomes middle + height * sin(2 pi (value * turns + phase)).

    places: (cycles,) int64, in a raw row; turns, phase: (cycles,) float32. A missing value becomes `middle`.
    """

    places: np.ndarray
    turns: np.ndarray
    phase: np.ndarray
    height: float = 1.0
    middle: float = 0.0


@dataclass(frozen=True, eq=False)
class Codes:
    """Inputs of categories, one of which is 1 for each category of a row.

    places: (categories,) int64, in a raw row, of codes 0, 1, ..., -1 where the level is not known and nan where it is
    missing. starts: (categories,) int64; the input of code c is inputs[start + c], so that of an unknown level is
    inputs[start - 1]; that of a missing one is inputs[start - 2]. inputs: int64, counted from the first input of
    categories; ones: float32, as long, 0 for a code that has no input, whose place is then one of its own category.
    width: inputs of all categories.
    """

    places: np.ndarray
    starts: np.ndarray
    inputs: np.ndarray
    ones: np.ndarray
    width: int

    @property
    def sizes(self) -> np.ndarray:
        """How many codes each category has, (categories,) int64."""
        return np.diff(self.starts, append=len(self.inputs) + BEFORE) - BEFORE
