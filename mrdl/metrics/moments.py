"""The mean and the deviation of a column, from exact sums: the same however its rows are shared out."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from mrdl.metrics.sums import ExactSum, nearest, squares


class Moments:
    """What is known of numbers: how many, their mean and their deviation.

    moments = Moments(); moments.add(np.array([1.0, 3.0])); moments.mean, moments.deviation  # 2.0, 1.0
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sum, self._sum_of_squares = ExactSum(), ExactSum()

    def add(self, values: np.ndarray) -> None:
        """Take finite numbers, (rows,) of any type."""
        wide = np.asarray(values, np.float64)
        self.rows += len(wide)
        self._sum.add(wide)
        for part in squares(wide):
            self._sum_of_squares.add(part)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moments) and self.to_meta() == other.to_meta()

    __hash__ = None  # type: ignore[assignment]  # they change

    def merge(self, other: "Moments") -> None:
        """Take the numbers of another one."""
        self.rows += other.rows
        self._sum.merge(other._sum)
        self._sum_of_squares.merge(other._sum_of_squares)

    @property
    def mean(self) -> float:
        """The mean; 0 of no numbers."""
        return nearest(self._total / self.rows) if self.rows else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation around the mean, divided by their number; 0 of no numbers."""
        if not self.rows:
            return 0.0
        variance = (self._of_squares - self._total**2 / self.rows) / self.rows
        return math.sqrt(max(0.0, nearest(variance)))

    @property
    def are_flags(self) -> bool:
        """Whether all are 0 or 1, as far as none is below 0 or above 1."""
        return self._total == self._of_squares

    @property
    def _total(self) -> Fraction:
        return self._sum.exact or Fraction(0)

    @property
    def _of_squares(self) -> Fraction:
        return self._sum_of_squares.exact or Fraction(0)

    def to_meta(self) -> list[int]:
        """What `from_meta` reads, as JSON has it."""
        return [self.rows, self._sum.units, self._sum_of_squares.units]

    @classmethod
    def from_meta(cls, meta: Sequence[int]) -> "Moments":
        """The moments that `to_meta` has written."""
        found = cls()
        found.rows, total, of_squares = meta
        found._sum, found._sum_of_squares = ExactSum(total), ExactSum(of_squares)
        return found
