"""Statistics of ranks, which scores of different data and of different kinds can be compared by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.metrics.intervals import Z95

DIGITS = 12  # beyond which equal scores differ by the order of a sum alone
LEAST = 4  # pairs of which a correlation has an interval


@dataclass(frozen=True)
class Correlation:
    """How alike the ranks of designs are on two data sets.

    shared: the designs; rho: Spearman's, nan where one of the two does not vary; low, high: its 95 %, nan of fewer
    than 4 designs.
    """

    shared: int
    rho: float
    low: float
    high: float


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value, the least is 1; equal ones share the mean of theirs. values: (designs,)."""
    _, place, counts = np.unique(np.round(values, DIGITS), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def correlation(x: np.ndarray, y: np.ndarray) -> Correlation:
    """Spearman's rank correlation, with ties, and its 95 % by Fisher's z and the error of Bonett and Wright (2000).

    x, y: (designs,) scores of the same designs. The error holds where designs are as if drawn at random, up to a
    correlation of 0.95. Full agreement is taken as one swap of neighbours away from it, else it would be certain
    however few designs there are.

    correlation(np.arange(9.0), np.arange(9.0) ** 2).rho  # 1.0
    """
    count = len(x)
    a, b = (ranks(values) - (count + 1) / 2 for values in (x, y))
    varies = math.sqrt(float(a @ a) * float(b @ b)) if count else 0.0
    if not varies:
        return Correlation(count, math.nan, math.nan, math.nan)
    rho = min(1.0, max(-1.0, float(a @ b) / varies))
    if count < LEAST:
        return Correlation(count, rho, math.nan, math.nan)
    most = 1 - 12 / (count**3 - count)
    z = math.atanh(min(most, max(-most, rho)))
    reach = Z95 * math.sqrt((1 + rho**2 / 2) / (count - 3))
    return Correlation(count, rho, min(rho, math.tanh(z - reach)), max(rho, math.tanh(z + reach)))


def concordance(scores: np.ndarray) -> float:
    """Kendall's W, how far several orders agree: 1 is fully, 1 / orders what chance gives in the mean.

    scores: (designs, data sets). Ties are corrected for. nan where no two data sets have scores that vary.
    """
    varying = scores[:, [len(np.unique(np.round(column, DIGITS))) > 1 for column in scores.T]]
    count, orders = varying.shape
    if orders < 2:
        return math.nan
    of_each = np.stack([ranks(column) for column in varying.T], axis=1)
    tied = 0.0
    for column in of_each.T:
        _, sizes = np.unique(column, return_counts=True)
        tied += float((sizes.astype(float) ** 3 - sizes).sum())
    sums = of_each.sum(1) - orders * (count + 1) / 2
    return 12 * float(sums @ sums) / (orders**2 * (float(count) ** 3 - count) - orders * tied)


# --- is one group better than another? ---


@dataclass(frozen=True)
class Difference:
    """How much better some designs do than others.

    mean: the difference of scores; won: the share of pairs in which the first is above, equal ones as half; chance: of
    a difference as large if there were none (two-sided); pairs: that were compared; nan where there was nothing.
    """

    mean: float
    won: float
    chance: float
    pairs: int


def of_pairs(first: np.ndarray, second: np.ndarray) -> Difference:
    """Of designs that are alike but for one choice, by Wilcoxon's signed ranks. first, second: (pairs,) scores.

    The normal approximation, with ties and a correction for continuity; pairs that are equal say nothing.
    """
    apart = np.round(first - second, DIGITS)
    won = float((apart > 0).mean() + (apart == 0).mean() / 2) if len(apart) else math.nan
    mean = float(apart.mean()) if len(apart) else math.nan
    unequal = apart[apart != 0]
    count = len(unequal)
    if not count:
        return Difference(mean, won, 1.0 if len(apart) else math.nan, len(apart))
    of_size = ranks(np.abs(unequal))
    _, ties = np.unique(of_size, return_counts=True)
    variance = count * (count + 1) * (2 * count + 1) / 24 - float((ties.astype(float) ** 3 - ties).sum()) / 48
    excess = float(of_size[unequal > 0].sum()) - count * (count + 1) / 4
    return Difference(mean, won, _two_sided(excess, variance), len(apart))


def of_groups(first: np.ndarray, second: np.ndarray) -> Difference:
    """Of two groups of designs, by Mann and Whitney's U. first, second: (designs,) scores of each.

    The normal approximation, with ties and a correction for continuity.
    """
    m, n = len(first), len(second)
    if not m or not n:
        return Difference(math.nan, math.nan, math.nan, 0)
    of_all = ranks(np.concatenate([first, second]))
    _, ties = np.unique(of_all, return_counts=True)
    tied = float((ties.astype(float) ** 3 - ties).sum()) / max(1, (m + n) * (m + n - 1))
    above = float(of_all[:m].sum()) - m * (m + 1) / 2
    chance = _two_sided(above - m * n / 2, m * n / 12 * (m + n + 1 - tied))
    return Difference(float(first.mean() - second.mean()), above / (m * n), chance, m * n)


def _two_sided(excess: float, variance: float) -> float:
    """The chance of a sum of ranks that is as far from its mean, by the normal distribution."""
    if variance <= 0:
        return 1.0
    return min(1.0, math.erfc(max(0.0, abs(excess) - 0.5) / math.sqrt(2 * variance)))


def holm(chances: Sequence[float]) -> list[float]:
    """Chances corrected for their number (Holm 1979); nan stay, and are not counted."""
    found = list(chances)
    known = sorted((i for i, chance in enumerate(chances) if chance == chance), key=lambda i: chances[i])
    least = 0.0
    for place, i in enumerate(known):
        least = max(least, min(1.0, (len(known) - place) * chances[i]))
        found[i] = least
    return found
