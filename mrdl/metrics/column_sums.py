"""Sums of the columns of a table that do not depend on the order of its rows: exact, all columns at once.

A float is parted into whole multiples of fixed units, a word of bits each, as in reproducible summation (Demmel and
Nguyen 2013); the multiples of one unit are small enough that floats add them without rounding.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

WORD = 30  # bits of a multiple
LEAST = -17  # the last unit is 2 ** (WORD * LEAST): what is smaller is rounded, for each value alone
MOST_ROWS = 1 << 20  # that are added at once: their multiples stay below 2 ** 53


class ColumnSums:
    """The exact sums of columns of finite float64, each below 2 ** 900, of up to 2 ** 32 rows in any order and parts.

    sums = ColumnSums(2); sums.add(slice(0, 2), np.array([[1e16, 1.0, -1e16], [0.1, 0.2, 0.3]])); sums.exact(0) == 1
    """

    def __init__(self, columns: int) -> None:
        """Begin with nothing. columns: how many."""
        self._columns = columns
        self.words: dict[int, np.ndarray] = {}
        """By the number of a unit, the multiples of it: (columns,) int64 each."""

    def add(self, columns: slice, values: np.ndarray) -> None:
        """Add values, (columns, rows), to some columns."""
        for start in range(0, values.shape[1], MOST_ROWS):
            self._add(columns, values[:, start : start + MOST_ROWS])

    def _add(self, columns: slice, rest: np.ndarray) -> None:
        """Add values of no more rows than a sum of whole multiples can hold, word by word from the largest."""
        largest = max(float(rest.max(initial=0.0)), -float(rest.min(initial=0.0)))
        if largest == 0.0:
            return
        for word in range(int(np.frexp(largest)[1]) // WORD, LEAST - 1, -1):
            unit = np.ldexp(1.0, WORD * word)
            rounding = 1.5 * 2.0**52 * unit
            multiples = rest + rounding
            multiples -= rounding
            if word not in self.words:
                self.words[word] = np.zeros(self._columns, np.int64)
            self.words[word][columns] += (multiples.sum(axis=1) / unit).astype(np.int64)
            rest = rest - multiples
            if not rest.any():
                return

    def merge(self, other: "ColumnSums") -> None:
        """Add all that other sums of as many columns have."""
        for word, multiples in other.words.items():
            self.words[word] = self.words[word] + multiples if word in self.words else multiples

    def exact(self, column: int) -> Fraction:
        """The sum of a column itself."""
        units = sum(int(multiples[column]) << (WORD * (word - LEAST)) for word, multiples in self.words.items())
        return Fraction(units, 1 << (-WORD * LEAST))

    @classmethod
    def joined(cls, parts: Sequence["ColumnSums"]) -> "ColumnSums":
        """The sums of all columns, of those of some columns after the other."""
        words = sorted({word for part in parts for word in part.words})
        found = cls(sum(part._columns for part in parts))
        for word in words:
            of_parts = [part.words.get(word, np.zeros(part._columns, np.int64)) for part in parts]
            found.words[word] = np.concatenate(of_parts)
        return found
