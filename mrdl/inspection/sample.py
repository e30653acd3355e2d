"""A sample of a table's rows: the different ones of the lowest hashes, and how often each is there."""

import numpy as np

from mrdl.data.hashing import mix
from mrdl.inspection.values import HASHES, Arrays

CELLS = 1 << 21  # of the sample: 16 MB
MOST_ROWS, LEAST_ROWS = 10_000, 100


def rows_of(columns: int) -> int:
    """How many rows the sample has, where the table has so many columns."""
    return min(MOST_ROWS, max(LEAST_ROWS, CELLS // columns))


def weights(columns: int) -> np.ndarray:
    """By which the hashes of a row's cells are added up to that of the row, (columns,) uint64."""
    return mix(np.arange(1, columns + 1, dtype=np.uint64)) | np.uint64(1)


class RowSample:
    """The rows of the lowest hashes.

    hashes: (rows,) uint64, rising; counts: (rows,) int64, in how many rows of the table each is; cells: (rows, columns)
    float64; most: how many are kept.
    """

    def __init__(self, columns: int, most: int) -> None:
        """Begin with none."""
        self.most = most
        self.hashes = np.zeros(0, np.uint64)
        self.counts = np.zeros(0, np.int64)
        self.cells = np.zeros((0, columns))

    def add(self, hashes: np.ndarray, cells: np.ndarray) -> None:
        """Take in rows. hashes: (rows,); cells: (columns, rows)."""
        if len(self.hashes) == self.most:
            low = np.flatnonzero(hashes <= self.hashes[-1])
            hashes, cells = hashes[low], cells[:, low]
        found, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        self._take_in(found[: self.most], counts[: self.most], cells[:, first[: self.most]].T)

    def merge(self, other: "RowSample") -> None:
        """Take in the rows of another sample of the same columns."""
        self._take_in(other.hashes, other.counts, other.cells)

    def _take_in(self, hashes: np.ndarray, counts: np.ndarray, cells: np.ndarray) -> None:
        """Take in different rows."""
        if not len(hashes):
            return
        found, first, place = np.unique(np.concatenate([self.hashes, hashes]), return_index=True, return_inverse=True)
        added = np.bincount(place, np.concatenate([self.counts, counts])).astype(np.int64)
        kept = first[: self.most]
        own = kept < len(self.hashes)
        chosen = np.empty((len(kept), self.cells.shape[1]))
        chosen[own] = self.cells[kept[own]]
        chosen[~own] = cells[kept[~own] - len(self.hashes)]
        self.hashes, self.counts, self.cells = found[: self.most], added[: self.most], chosen

    def distinct(self) -> tuple[int, float]:
        """How many different rows the table has, and the standard error of that by itself; 0 where it is exact."""
        if len(self.hashes) < self.most:
            return len(self.hashes), 0.0
        return round((self.most - 1) * HASHES / (int(self.hashes[-1]) + 1)), 1 / np.sqrt(self.most - 2)

    def arrays(self, columns: range) -> Arrays:
        """What `from_arrays` reads, of some columns."""
        cells = np.ascontiguousarray(self.cells[:, columns.start : columns.stop])
        return {"row_hash": self.hashes, "row_count": self.counts, "cells": cells}

    @classmethod
    def from_arrays(cls, arrays: Arrays, most: int) -> "RowSample":
        """The sample that `arrays` gave."""
        found = cls(arrays["cells"].shape[1], most)
        found._take_in(arrays["row_hash"], arrays["row_count"], arrays["cells"])
        return found
