"""Counts of whole numbers that need no table of all numbers that there may be."""

import numpy as np

WAITING = 1 << 16  # numbers that are held before they are counted


class Tally:
    """How often each of some int64 was added. Reading gives them in their order, whatever the order of adding."""

    def __init__(self) -> None:
        self._numbers = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._waiting: list[np.ndarray] = []
        self._held = 0

    @property
    def at_most(self) -> int:
        """How many different numbers there are, or fewer."""
        return len(self._numbers) + self._held

    def add(self, numbers: np.ndarray) -> None:
        """Count numbers, (n,) int64, once each."""
        self._waiting.append(numbers)
        self._held += len(numbers)
        if self._held > WAITING + len(self._numbers):
            self._count()

    def merge(self, other: "Tally") -> None:
        """Count all that another tally has counted."""
        numbers, counts = other.read()
        self._count()
        self._put(np.concatenate([self._numbers, numbers]), np.concatenate([self._counts, counts]))

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The numbers that were added, rising, and how often: (distinct,) int64 each."""
        self._count()
        return self._numbers, self._counts

    def renumber(self, numbers: np.ndarray) -> None:
        """Take other numbers, (distinct,) int64, for those that `read` gives; counts of equal ones are added."""
        self._put(numbers, self._counts)

    def _count(self) -> None:
        """Take the numbers that wait into the counts."""
        if self._waiting:
            numbers = np.concatenate([self._numbers, *self._waiting])
            counts = np.concatenate([self._counts, np.ones(self._held, np.int64)])
            self._waiting, self._held = [], 0
            self._put(numbers, counts)

    def _put(self, numbers: np.ndarray, counts: np.ndarray) -> None:
        """Keep numbers with their counts, each number once, in their order."""
        order = np.argsort(numbers, kind="stable")
        numbers, counts = numbers[order], counts[order]
        first = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]) if len(numbers) else np.zeros(0, np.int64)
        self._numbers = numbers[first]
        self._counts = np.add.reduceat(counts, first) if len(first) else np.zeros(0, np.int64)
