"""The rows of a stream that rank lowest by their hashes: a sample that is the same however rows come."""

from collections.abc import Callable

import numpy as np


class Lowest:
    """Tells which rows of a stream can still be among the `most` that rank lowest: the more were seen, the fewer."""

    def __init__(self, most: int, rank: Callable[[np.ndarray], np.ndarray]) -> None:
        """rank: hashes (rows,) uint64 -> ranks (rows,) uint64."""
        self._most = most
        self._rank = rank
        self._lowest = np.zeros(0, np.uint64)  # ranks of those seen so far, at most `most`

    def among(self, rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """Those of `rows` (indices in hashes) that may belong; none that belongs is ever left out."""
        ranks = self._rank(hashes[rows])
        seen = np.concatenate([self._lowest, ranks])
        if len(seen) > self._most:
            seen = np.partition(seen, self._most - 1)[: self._most]
            rows = rows[ranks <= seen[-1:].max()]
        self._lowest = seen
        return rows

    def are_among(self, hashes: np.ndarray) -> np.ndarray:
        """Which rows rank among the lowest of all that were seen, equal ranks with them: (rows,) bool."""
        if len(self._lowest) < self._most:
            return np.ones(len(hashes), bool)
        return self._rank(hashes) <= self._lowest.max(initial=0)
