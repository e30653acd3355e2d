"""The rows that a network is asked about: of many those that come first in an order that no file or split shows in."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mrdl.data.hashing import row_hash, warm_rank


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows in the order of their hashes.

    features: (rows, columns) float32 raw values; targets: (rows,) class numbers or (rows, targets) numbers; seen: how
    many rows there are in all.
    """

    features: np.ndarray
    targets: np.ndarray
    seen: int

    @classmethod
    def of(cls, blocks: Iterable[tuple[np.ndarray, np.ndarray]], most: int) -> "Sample":
        """Return `most` rows, or all where there are fewer. blocks: features and targets; held: twice `most`."""
        held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        seen = waiting = 0
        for features, targets in blocks:
            held.append((_ranks(features, targets), features, targets))
            seen += len(features)
            waiting += len(features)
            if waiting > 2 * most:
                held = [_lowest(held, most)]
                waiting = most
        _, features, targets = _lowest(held, most)
        return cls(features.astype(np.float32), targets, seen)


def _ranks(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the place of each row in the order, (rows,) uint64; that of equal rows is equal."""
    whole = np.column_stack([features, targets]).astype(np.float32)
    return warm_rank(row_hash(whole, np.zeros(len(whole), np.uint64)))


def _lowest(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ranks, features and targets of the rows that rank lowest, in their order."""
    ranks, features, targets = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.argsort(ranks, kind="stable")[:most]
    return ranks[order], features[order], targets[order]
