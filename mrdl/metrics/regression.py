"""Measures of numbers that were predicted."""

import math
from fractions import Fraction

import numpy as np

from mrdl.metrics.sums import ExactSum, nearest, squares

LONG = 10_000.0  # from here on an R² is told by its first digits


class Regression:
    """Measures of predicted numbers, from exact sums: no order, and no cutting into parts, changes a bit of them, and a
    target that is far from 0 costs no digit of R².

    mean: what the baseline always says, the mean of the training data; None where nobody knows.

    found = Regression(); found.add(predicted, wanted); found.scores()["rmse"]
    """

    def __init__(self, mean: float | None = None) -> None:
        self.mean = mean
        self.rows = 0
        self._squared, self._absolute, self._sum, self._sum_of_squares = (ExactSum() for _ in range(4))

    def add(self, predicted: np.ndarray, wanted: np.ndarray) -> None:
        """Take rows. predicted, wanted: (rows,) of any float type, computed with as float64."""
        wanted = np.asarray(wanted, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite makes a sum undefined
            off = np.asarray(predicted, np.float64) - wanted
            self.rows += len(wanted)
            self._squared.add(off * off)
            self._absolute.add(np.abs(off))
            self._sum.add(wanted)
            for part in squares(wanted):
                self._sum_of_squares.add(part)

    def merge(self, other: "Regression") -> None:
        """Take the rows of another one."""
        self.rows += other.rows
        for name in ("_squared", "_absolute", "_sum", "_sum_of_squares"):
            getattr(self, name).merge(getattr(other, name))

    def scores(self) -> dict[str, float]:
        """rows, rmse, mae, and r2: 1 is exact, 0 no better than the mean of these rows; baseline: the rmse of always
        saying `mean`, where that is known. Without rows they are nan; r2 is left out where all rows are alike."""
        found: dict[str, float] = {"rows": self.rows, "rmse": math.nan, "mae": math.nan}
        if not self.rows:
            return found
        squared, absolute = self._squared.exact, self._absolute.exact
        if squared is not None and absolute is not None:
            found |= {"rmse": math.sqrt(nearest(squared / self.rows)), "mae": nearest(absolute / self.rows)}
        total, of_squares = self._sum.exact, self._sum_of_squares.exact
        if total is None or of_squares is None:
            return found
        if self.mean is not None:
            around = self._around(total, of_squares, Fraction(self.mean))
            found["baseline"] = math.sqrt(max(0.0, nearest(around / self.rows)))
        spread = self._around(total, of_squares, total / self.rows)
        if spread > 0 and squared is not None:
            found["r2"] = nearest(1 - squared / spread)
        return found

    def _around(self, total: Fraction, of_squares: Fraction, point: Fraction) -> Fraction:
        """The sum of squared distances of the wanted numbers to a point."""
        return of_squares - 2 * point * total + self.rows * point**2


def told_r2(value: float) -> str:
    """Return an R² for people; one that is far below 0 has many digits."""
    return f"{value:.4f}" if abs(value) < LONG else f"{value:.4g}"
