"""How well probabilities of a class put its rows before all others: the areas under the ROC and precision curves."""

import math

import numpy as np

from mrdl.metrics.tally import Tally

EXACT_VALUES = 1 << 20  # different probabilities that are kept apart
DROPPED = 12  # bits of a probability that are left out beyond that
LEAST = np.finfo(np.float32).tiny  # what is nearer to 0, or to 1, is taken as that
HALF = 0.5
ABOVE = 1 << 31  # the key of 1: keys of probabilities from a half on are counted down from here


class Ranking:
    """The rows of one class and all others by the probability that was given to the class, ties and all.

    As long as there are no more than `most` different probabilities (float32) both areas are exact, but for rounding.
    Beyond that a probability is kept to 11 bits, of its distance to 0 or 1, and what is equal then is a tie: `error`
    says how far off the areas may be. Neither depends on the order or the parts in which rows came.

    ranking = Ranking(); ranking.add(probability, is_of_class); ranking.roc_auc
    """

    def __init__(self, most: int = EXACT_VALUES) -> None:
        self._most = most
        self._is_coarse = False
        self._is_defined = True
        self._tally = Tally()  # of 2 * key, or one more for a row of the class

    def add(self, probability: np.ndarray, is_of_class: np.ndarray) -> None:
        """Take rows. probability: (rows,) float in [0, 1], nan makes all undefined; is_of_class: (rows,) bool."""
        given = np.ascontiguousarray(probability, np.float32)
        if np.isnan(given).any():
            self._is_defined = False
            return
        self._tally.add(self._coarsened(_keys(given) << 1 | is_of_class))
        if self._tally.at_most > 4 * self._most:
            self._check()

    def merge(self, other: "Ranking") -> None:
        """Take the rows of another ranking with the same `most`."""
        self._is_defined &= other._is_defined
        if other._is_coarse and not self._is_coarse:
            self._coarsen()
        self._tally.merge(other._tally)
        if self._is_coarse and not other._is_coarse:
            self._coarsen()

    def _check(self) -> None:
        """Give up what keeps probabilities apart where there are too many: that hangs on all rows, not on their
        order."""
        numbers, _ = self._tally.read()
        if not self._is_coarse and len(numbers) > self._most and _first_of_each(numbers >> 1).sum() > self._most:
            self._coarsen()

    def _coarsen(self) -> None:
        self._is_coarse = True
        self._tally.renumber(self._coarsened(self._tally.read()[0]))

    def _coarsened(self, numbers: np.ndarray) -> np.ndarray:
        return (numbers >> 1 + DROPPED) << 1 | numbers & 1 if self._is_coarse else numbers

    @property
    def rows(self) -> tuple[int, int]:
        """The number of rows of the class, and of others."""
        others, of_class = self._counts()
        return int(of_class.sum()), int(others.sum())

    @property
    def roc_auc(self) -> float:
        """The share of pairs, a row of the class and another, in which that of the class has the higher probability,
        equal ones by half; nan without pairs."""
        others, of_class = self._counts()
        pairs = float(of_class.sum()) * float(others.sum())
        below = 2 * (np.cumsum(others) - others) + others
        return float((of_class * below).sum()) / 2 / pairs if pairs and self._is_defined else math.nan

    @property
    def pr_auc(self) -> float:
        """The average precision: that at each threshold, weighted by the recall it adds; nan without rows of the
        class."""
        found, wrong, of_class = self._from_above()
        positives = found[-1] if len(found) else 0
        return float((of_class * (found / (found + wrong))).sum() / positives) if self._defines(positives) else math.nan

    @property
    def error(self) -> tuple[float, float]:
        """How far roc_auc and pr_auc may be off, at most; 0.0 where they are exact."""
        others, of_class = self._counts()
        if not self._is_coarse:
            return 0.0, 0.0
        pairs = float(of_class.sum()) * float(others.sum())
        of_roc = float((of_class * others * self._are_cut()).sum()) / 2 / pairs if pairs else 0.0
        found, wrong, of_class = self._from_above()
        positives = found[-1]
        if not positives:
            return of_roc, 0.0
        wrong_before = np.r_[0, wrong[:-1]]
        best, first = found / np.maximum(1, found + wrong_before), found - of_class + 1
        worst, said = first / (first + wrong), found / (found + wrong)
        weights = of_class * self._are_cut()[::-1] / positives
        return of_roc, float(max((weights * (best - said)).sum(), (weights * (said - worst)).sum()))

    def _are_cut(self) -> np.ndarray:
        """By rising probability: whether more than one may be there, as it is not between 0 and 1 themselves."""
        keys = self._tally.read()[0] >> 1
        keys = keys[_first_of_each(keys)]
        return (keys > 0) & (keys < ABOVE >> DROPPED)

    def _defines(self, positives: int) -> bool:
        return bool(positives) and self._is_defined

    def _from_above(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By falling probability: rows of the class, and others, that are no lower; rows of the class with it."""
        others, of_class = (counts[::-1] for counts in self._counts())
        return np.cumsum(of_class), np.cumsum(others), of_class

    def _counts(self) -> tuple[np.ndarray, np.ndarray]:
        """By rising probability: how many rows of other classes have it, and how many of the class; (distinct,)."""
        self._check()
        numbers, counts = self._tally.read()
        keys = numbers >> 1
        first = _first_of_each(keys)
        place = np.cumsum(first) - 1
        found = np.zeros((2, int(first.sum())), np.int64)
        found[numbers & 1, place] = counts
        return found[0], found[1]


def _first_of_each(rising: np.ndarray) -> np.ndarray:
    """Which numbers are not those before them, (numbers,) bool."""
    return np.r_[True, rising[1:] != rising[:-1]] if len(rising) else np.zeros(0, bool)


def _keys(probability: np.ndarray) -> np.ndarray:
    """Whole numbers in the order of probabilities, (rows,) int64: bits of the distance to 0, or to 1 if that is less.

    The difference to 1 is exact from a half on, so that no two probabilities have one key.
    """
    low = probability < HALF
    distance = np.where(low, probability, np.float32(1) - probability)
    bits = np.where(distance < LEAST, np.float32(0), distance).view(np.int32).astype(np.int64)
    return np.where(low, bits, ABOVE - bits)
