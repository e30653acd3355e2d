"""How many different values each column has, and how often each of a few is there: those of the lowest hashes (KMV).

While a column has fewer values than are kept, all of them are, and the count is exact (Bar-Yossef et al. 2002).
"""

from collections.abc import Sequence

import numpy as np

from mrdl.inspection.cells import MISSING_HASH

Arrays = dict[str, np.ndarray]
KEPT_IN_ALL = 1 << 20  # values of all columns together: 32 MB with those that wait
MOST_KEPT, LEAST_KEPT = 4096, 64  # of a column
DENSE = 1 / 8  # of a part's cells that may be kept: from there on they are sorted first
SETTLED = 1 << 18  # values that are sorted at once
HASHES = 2.0**64
_NONE = ~np.uint64(0)  # a place without a value


def kept_of(columns: int) -> int:
    """How many values of a column are kept, where the table has so many columns."""
    return min(MOST_KEPT, max(LEAST_KEPT, KEPT_IN_ALL // columns))


class ValueCounts:
    """The values of the lowest hashes in each column, and in how many rows each is. Missing cells are no value.

    columns: how many; kept: of each at most.
    """

    def __init__(self, columns: int, kept: int) -> None:
        """Begin with nothing."""
        self.columns = columns
        self.kept = kept
        # of each column the values that are kept, their hashes rising, and behind them some that wait
        self._hashes = np.full((columns, 2 * kept), _NONE)
        self._counts = np.zeros((columns, 2 * kept), np.int64)
        self._filled = np.zeros(columns, np.int64)
        self._highest = np.full(columns, _NONE)  # that is kept, where a column has more values than that
        self._is_settled = True

    def add(self, first: int, hashes: np.ndarray) -> None:
        """Count cells by their hashes, (columns, rows) uint64. first: the number of the first column among them."""
        below = hashes <= self._highest[first : first + len(hashes), None]
        dense = below.sum(axis=1) > min(DENSE * hashes.shape[1], self.kept / 2)
        rows, places = np.nonzero(below & ~dense[:, None])
        found = hashes[rows, places]
        self._put(first + rows, found, np.ones(len(rows), np.int64))
        if dense.any():
            self._put(*_counted(first + np.flatnonzero(dense), np.sort(hashes[dense], axis=1)))

    def _put(self, columns: np.ndarray, hashes: np.ndarray, counts: np.ndarray) -> None:
        """Have values wait, those of a column one after the other, those of one call the lowest that count."""
        there = hashes != MISSING_HASH
        columns, hashes, counts = columns[there], hashes[there], counts[there]
        rank = _rank(columns)
        low = rank < self.kept
        columns, hashes, counts, rank = columns[low], hashes[low], counts[low], rank[low]
        if not len(columns):
            return
        if (self._filled[columns] + rank).max() >= self._hashes.shape[1]:
            self.settle()
        places = self._filled[columns] + rank
        self._hashes[columns, places], self._counts[columns, places] = hashes, counts
        last = np.flatnonzero(np.diff(columns, append=-1))
        self._filled[columns[last]] = places[last] + 1
        self._is_settled = False

    def settle(self) -> None:
        """Count what waits."""
        if self._is_settled:
            return
        wide = int(self._filled.max())
        step = max(1, SETTLED // wide)
        for start in range(0, self.columns, step):
            self._settle(slice(start, min(start + step, self.columns)), wide)
        self._is_settled = True

    def _settle(self, part: slice, wide: int) -> None:
        """Count what waits of some columns. wide: how many values one of them holds at most."""
        order = np.argsort(self._hashes[part, :wide], axis=1)
        hashes = np.take_along_axis(self._hashes[part, :wide], order, 1)
        counts = np.take_along_axis(self._counts[part, :wide], order, 1)
        rows, hashes, counts = _counted(np.arange(len(hashes)), hashes, counts)
        rank = _rank(rows)
        low = (rank < self.kept) & (hashes != _NONE)
        rows, hashes, counts, rank = rows[low], hashes[low], counts[low], rank[low]
        self._hashes[part, :wide], self._counts[part, :wide] = _NONE, 0
        self._hashes[part][rows, rank], self._counts[part][rows, rank] = hashes, counts
        self._filled[part] = np.bincount(rows, minlength=len(order))
        full = self._filled[part] == self.kept
        self._highest[part][full] = self._hashes[part, self.kept - 1][full]

    def merge(self, other: "ValueCounts") -> None:
        """Count all that another has counted."""
        other.settle()
        rows, places = np.nonzero(other._hashes[:, : other.kept] != _NONE)
        self._put(rows, other._hashes[rows, places], other._counts[rows, places])

    def of(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        """The hashes that are kept of a column, rising, and in how many rows each value is: (values,) each."""
        self.settle()
        filled = int(self._filled[column])
        return self._hashes[column, :filled], self._counts[column, :filled]

    def distinct(self, column: int) -> tuple[int, float]:
        """How many different values a column has, and the standard error of that by itself; 0 where it is exact."""
        hashes, _ = self.of(column)
        if len(hashes) < self.kept:
            return len(hashes), 0.0
        return round((self.kept - 1) * HASHES / (int(hashes[-1]) + 1)), float((self.kept - 2) ** -0.5)

    def arrays(self, columns: range) -> Arrays:
        """What `from_arrays` reads, of some columns."""
        self.settle()
        wide = int(self._filled[columns.start : columns.stop].max())
        part = slice(columns.start, columns.stop), slice(0, wide)
        return {"hashes": self._hashes[part], "counts": self._counts[part]}

    @classmethod
    def from_arrays(cls, arrays: Arrays, columns: int, kept: int) -> "ValueCounts":
        """The counts that `arrays` gave."""
        found = cls(columns, kept)
        found._take_in(0, arrays["hashes"], arrays["counts"])
        return found

    @classmethod
    def joined(cls, parts: Sequence["ValueCounts"]) -> "ValueCounts":
        """The counts of all columns, of those of some columns after the other."""
        found = cls(sum(part.columns for part in parts), parts[0].kept)
        first = 0
        for part in parts:
            part.settle()
            found._take_in(first, part._hashes[:, : part.kept], part._counts[:, : part.kept])
            first += part.columns
        return found

    def _take_in(self, first: int, hashes: np.ndarray, counts: np.ndarray) -> None:
        """Take over settled columns."""
        columns, wide = slice(first, first + len(hashes)), hashes.shape[1]
        self._hashes[columns, :wide], self._counts[columns, :wide] = hashes, counts
        self._filled[columns] = (hashes != _NONE).sum(axis=1)
        full = self._filled[columns] == self.kept
        self._highest[columns][full] = self._hashes[columns, self.kept - 1][full]


def _counted(
    columns: np.ndarray, hashes: np.ndarray, counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns, hashes and counts of different values, each once. hashes: (columns, values), rising in each; counts:
    of each, once where left out."""
    is_first = np.ones(hashes.shape, bool)
    is_first[:, 1:] = hashes[:, 1:] != hashes[:, :-1]
    starts = np.flatnonzero(is_first)
    once = np.diff(np.append(starts, hashes.size))
    sums = once if counts is None else np.add.reduceat(counts.reshape(-1), starts)
    return columns[starts // hashes.shape[1]], hashes.reshape(-1)[starts], sums


def _rank(groups: np.ndarray) -> np.ndarray:
    """The place of each within its group, from 0. groups: numbers, rising, (n,)."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))
