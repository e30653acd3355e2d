"""What becomes of a raw row: the arrays that say it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Encoding:
    """What makes inputs of raw rows.

    shift, factor: (columns,) float32; a value becomes (value - shift) * factor. threshold: raw values above it count
    as 1, all others as 0; None: scaled.
    """

    shift: np.ndarray
    factor: np.ndarray
    threshold: float | None = None

    @classmethod
    def none(cls, columns: int) -> "Encoding":
        """The encoding of rows that are inputs as they are."""
        return cls(np.zeros(columns, np.float32), np.ones(columns, np.float32))

    @property
    def columns(self) -> int:
        """Values in a raw row."""
        return len(self.shift)

    @property
    def width(self) -> int:
        """Inputs that a row becomes."""
        return len(self.shift)

    @property
    def is_none(self) -> bool:
        """Whether rows are inputs as they are."""
        return self.threshold is None and not self.shift.any() and bool((self.factor == 1).all())
