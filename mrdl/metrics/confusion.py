"""Which class was said of rows of which: the counts that accuracy, precision, recall and F1 are made of."""

import math

import numpy as np

from mrdl.metrics.tally import Tally


class Confusion:
    """Counts of rows by their class and by the class that was said of them.

    A row whose class is none of those that are known counts as an error: for no class's recall, but for the precision
    of what was said of it.

    confusion = Confusion(3); confusion.add(targets, said); confusion.precision
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._pairs = Tally()  # of (target + 1) * classes + said: a matrix of 10,000 classes would take 800 MB

    def add(self, targets: np.ndarray, said: np.ndarray) -> None:
        """Count rows. targets: (rows,) int64, -1 for a class that is not known; said: (rows,) int64."""
        self._pairs.add((targets + 1) * self.classes + said)

    def merge(self, other: "Confusion") -> None:
        """Count all rows of another one of as many classes."""
        self._pairs.merge(other._pairs)

    def cells(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is not 0, by class and said: the class, -1 where it is not known; that said; rows; int64 each."""
        pairs, rows = self._pairs.read()
        return pairs // self.classes - 1, pairs % self.classes, rows

    @property
    def matrix(self) -> np.ndarray:
        """Rows by class and by that said, (classes, classes) int64; those of no known class left out."""
        targets, said, rows = self.cells()
        known = targets >= 0
        found = np.zeros((self.classes, self.classes), np.int64)
        found[targets[known], said[known]] = rows[known]
        return found

    def _counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By class, (classes,) float64: rows that have it, of which it was said, and both."""
        targets, said, rows = self.cells()
        known, right = targets >= 0, targets == said
        return (
            np.bincount(targets[known], rows[known], self.classes),
            np.bincount(said, rows, self.classes),
            np.bincount(said[right], rows[right], self.classes),
        )

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.cells()[2].sum())

    @property
    def rows_of(self) -> np.ndarray:
        """Rows that have each class, (classes,) int64."""
        return self._counts()[0].astype(np.int64)

    @property
    def said_of(self) -> np.ndarray:
        """Rows of which each class was said, (classes,) int64."""
        return self._counts()[1].astype(np.int64)

    @property
    def hits_of(self) -> np.ndarray:
        """Rows of each class of which it was said, (classes,) int64."""
        return self._counts()[2].astype(np.int64)

    @property
    def accuracy(self) -> float:
        """The share of rows of which the right class was said; nan without rows."""
        rows = self.rows
        return int(self.hits_of.sum()) / rows if rows else math.nan

    @property
    def recall(self) -> np.ndarray:
        """Of the rows of each class the share that was found, (classes,) float64; nan without rows."""
        rows, _, hits = self._counts()
        return np.divide(hits, rows, out=np.full(self.classes, np.nan), where=rows > 0)

    @property
    def precision(self) -> np.ndarray:
        """Of the rows of which each class was said the share that has it, (classes,) float64; 0 where it never was, nan
        where no row has it either."""
        rows, said, hits = self._counts()
        found = np.divide(hits, said, out=np.zeros(self.classes), where=said > 0)
        return np.where((rows > 0) | (said > 0), found, np.nan)

    @property
    def f1(self) -> np.ndarray:
        """The harmonic mean of both, (classes,) float64; nan for a class that no row has and that was never said."""
        rows, said, hits = self._counts()
        return np.divide(2 * hits, rows + said, out=np.full(self.classes, np.nan), where=rows + said > 0)

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that rows have; nan without rows."""
        return mean_of_defined(self.recall)

    def most_frequent_errors(self, most: int) -> list[tuple[int, int, int]]:
        """The class, that said and rows of the most frequent errors among known classes, the most frequent first."""
        targets, said, rows = self.cells()
        wrong = np.flatnonzero((targets >= 0) & (targets != said))
        first = wrong[np.argsort(-rows[wrong], kind="stable")[:most]]
        return [(int(targets[i]), int(said[i]), int(rows[i])) for i in first]


def mean_of_defined(values: np.ndarray) -> float:
    """The mean of all that are not nan; nan without any."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan
