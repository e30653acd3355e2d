"""How the score goes with depth: flat, rising, falling, a peak, or down to knowing nothing; or none was found.

Each with an interval.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mrdl.reports.score import ACCURACY, Score, score_of

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 300  # of a bootstrap, and of shuffles
CHANCE = 0.01  # of a difference as large among shuffled designs, for it to be told
Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""Of (level, score, depths), as `_sums` has them."""


@dataclass(frozen=True)
class Trend:
    """How the score goes with depth in one family of designs. kind: saturates, rises, declines, sinks, peaks, or none;
    at: the depth from which on, with 95 % of the bootstrap; effect: the score after it less that before.

    Of a peak, until: the depth from which on it falls again; fall: how far.
    """

    family: str
    kind: str
    at: float
    low: float
    high: float
    effect: float
    designs: int
    until: float = math.nan
    fall: float = 0.0
    score: Score = ACCURACY

    def words(self) -> str:
        """The verdict for people."""
        where = f"from depth {self.at:.0f} on (95 %: {self.low:.0f} to {self.high:.0f})"
        score = self.score
        change = f"{score.name} changes by {score.amount(self.effect, '+')} there"
        told = {
            "sinks": f"is no better than {score.knows_nothing} {where}",
            "declines": f"declines {where}; {change}",
            "saturates": f"is flat {where}: {change}",
            "rises": f"still rises {where}; {change}",
            "peaks": f"is best {where}, {score.amount(self.effect)} above less depth, and "
            f"{score.amount(self.fall).removesuffix(' points')} above depth {self.until:.0f} and more",
            "none": "no change with depth was found",
        }[self.kind]
        return f"{self.family} ({self.designs} designs): {told}"


def trend(family: str, group: "pd.DataFrame", sigma: float, seed: int = 0) -> Trend:
    """How the score goes with depth, as levels: the split of depths that leaves the least squares.

    family: the name of the designs; group: their rows; sigma: the noise between seeds, nan where it is not known; seed:
    of the bootstrap over designs. Told only where shuffled designs hardly ever differ as much.
    """
    measure = score_of(group)
    depth, score = group.depth.to_numpy(float), measure.of(group).to_numpy(float)
    no_better = group.no_better.eq(True).to_numpy()
    depths = np.unique(depth)
    none = Trend(family, "none", math.nan, math.nan, math.nan, 0.0, len(group), score=measure)
    if len(depths) < 3 or len(group) < 6:
        return none
    smallest = max(0.005, 2 * sigma / math.sqrt(max(1, len(group) / len(depths))) if sigma == sigma else 0.005)
    rng, level = np.random.default_rng(seed), np.searchsorted(depths, depth)
    at, effect = _split(level, score, depths)
    beyond = depth >= at
    sinks = no_better[beyond].mean() >= 0.5 and no_better[~beyond].mean() < 0.5
    if not sinks and (peak := _peak(level, score, depths, smallest, rng)):
        return Trend(family, "peaks", **peak, designs=len(group), score=measure)
    if _by_chance(_gain, level, score, depths, rng) > CHANCE:
        return none
    places, effects = np.array([_split(level[pick], score[pick], depths) for pick in _draws(rng, len(depth))]).T
    low, high = np.percentile(places, [2.5, 97.5])
    least, most = np.percentile(effects, [2.5, 97.5])
    if sinks:
        kind = "sinks"
    elif most < -smallest:
        kind = "declines"
    elif least > smallest:
        rising = np.median(score[depth == depths[-1]]) > np.median(score[beyond]) + smallest
        kind = "rises" if rising else "saturates"
    else:
        return none
    return Trend(family, kind, at, float(low), float(high), effect, len(group), score=measure)


def _draws(rng: np.random.Generator, count: int) -> Iterator[np.ndarray]:
    """Indices of bootstrap samples of so many designs, (count,) each."""
    return (rng.integers(0, count, count) for _ in range(DRAWS))


def _by_chance(
    statistic: Statistic, level: np.ndarray, score: np.ndarray, depths: np.ndarray, rng: np.random.Generator
) -> float:
    """How often a statistic is as large where depths are shuffled among designs."""
    found = statistic(level, score, depths)
    return float(np.mean([statistic(rng.permutation(level), score, depths) >= found for _ in range(DRAWS)]))


def _sums(level: np.ndarray, score: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Designs of each depth and of those below it, and their accuracies' sums. level: (designs,) index in depths."""
    counts = np.bincount(level, minlength=len(depths)).cumsum()
    return counts, np.bincount(level, score, minlength=len(depths)).cumsum()


def _two_levels(level: np.ndarray, score: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gain in squares of each place for a split, and the difference of levels there."""
    counts, sums = _sums(level, score, depths)
    left, right = counts[:-1], counts[-1] - counts[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (sums[-1] - sums[:-1]) / right - sums[:-1] / left
        gain = np.where((left > 0) & (right > 0), left * right * change**2, -1.0)
    return gain, change


def _gain(level: np.ndarray, score: np.ndarray, depths: np.ndarray) -> float:
    """The gain in squares of the best split into two levels."""
    return float(_two_levels(level, score, depths)[0].max())


def _split(level: np.ndarray, score: np.ndarray, depths: np.ndarray) -> tuple[float, float]:
    """The depth that begins the second level, and the difference of levels."""
    gain, change = _two_levels(level, score, depths)
    best = int(gain.argmax())
    return float(depths[best + 1]), float(change[best])


def _hill(level: np.ndarray, score: np.ndarray, depths: np.ndarray) -> tuple[float, float, float, float]:
    """Of three levels that leave the least squares: where the second and the third begin, and how far the second lies
    above the first, and above the third."""
    counts, sums = (np.concatenate([[0], values]) for values in _sums(level, score, depths))
    i, j = np.triu_indices(len(depths) - 1, 1)
    ends = (np.zeros_like(i), i + 1, j + 1, np.full_like(i, len(depths)))
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = [counts[b] - counts[a] for a, b in pairwise(ends)]
        means = [(sums[b] - sums[a]) / size for (a, b), size in zip(pairwise(ends), sizes, strict=True)]
        gain = sum(size * mean**2 for size, mean in zip(sizes, means, strict=True))
        gain = np.where(np.isfinite(gain), gain, -1.0)
    best = int(np.argmax(gain))
    first, second, third = (float(mean[best]) for mean in means)
    return float(depths[i[best] + 1]), float(depths[j[best] + 1]), second - first, second - third


def _height(level: np.ndarray, score: np.ndarray, depths: np.ndarray) -> float:
    """How far the middle of the best three levels lies above the higher of the others."""
    return min(_hill(level, score, depths)[2:])


def _peak(
    level: np.ndarray, score: np.ndarray, depths: np.ndarray, smallest: float, rng: np.random.Generator
) -> dict[str, float]:
    """Where score rises and falls again, as a Trend tells it; empty where it does not for sure."""
    if len(depths) < 4 or _height(level, score, depths) <= smallest:
        return {}
    found = np.array([_hill(level[pick], score[pick], depths) for pick in _draws(rng, len(level))])
    if np.percentile(found[:, 2:].min(1), 2.5) <= smallest:
        return {}
    if _by_chance(_height, level, score, depths, rng) > CHANCE:
        return {}
    at, until, effect, fall = _hill(level, score, depths)
    low, high = np.percentile(found[:, 0], [2.5, 97.5])
    return {"at": at, "low": float(low), "high": float(high), "effect": effect, "until": until, "fall": fall}
