"""Permutation importance (Breiman 2001): how much worse a network is on rows of which one column was shuffled."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.errors import ConfigError, DataError
from mrdl.explanation.sample import Sample
from mrdl.metrics.measures import MEASURES
from mrdl.model.model import Model

USUAL = ("auc", "r2", "accuracy")  # the measure that is taken, the first that a network has
LOW_IS_GOOD = (*(name for name, measure in MEASURES.items() if not measure.rises), "calibration_error")
SHUFFLES = 2  # of each column in each repeat
NO_MEASURES = ("rows", "baseline", "baseline_rmse")
# Student's t for an interval of 95 %, by degrees of freedom; from there on it is 2
T95 = (math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145)


@dataclass(frozen=True)
class Importance:
    """How much a network needs a column.

    loss: by how much the measure is worse where the column is shuffled; low, high: its interval of 95 %, over other
    rows of the kind and other shuffles; alone: the measure that answers have which know this column only, None where
    that was not asked.
    """

    column: str
    loss: float
    low: float
    high: float
    alone: float | None = None


class Measure:
    """One measure of a network on rows, greater being better where `sign` is 1."""

    def __init__(self, model: Model, sample: Sample, name: str | None = None) -> None:
        """name: of the measure, the usual one by default. Raises ConfigError for one that the network has not."""
        self._score = model.score
        found = model.score(sample.features, sample.targets)
        known = [each for each in found if each not in NO_MEASURES and not math.isnan(found[each])]
        if name is not None and name not in known:
            raise ConfigError(f"measure is {name!r}, expected one of {', '.join(known)}")
        self.name = name or next(each for each in (*USUAL, *known) if each in known)
        self.sign = -1 if self.name in LOW_IS_GOOD else 1
        self.value = found[self.name]
        self.unit = self.sign == 1  # a perfect network has 1 then

    def of(self, features: np.ndarray, targets: np.ndarray) -> float:
        """Return the measure of raw rows, (rows, columns); nan where it is not defined."""
        return self._score(features, targets).get(self.name, math.nan)


def importances(
    measure: Measure, sample: Sample, columns: Sequence[str], repeats: int, seed: int, step: Callable[[], object]
) -> list[Importance]:
    """Return the importance of each column, the greatest first; step: is told of each column of each repeat.

    Each repeat draws as many rows as there are, with replacement, and shuffles each column among them, SHUFFLES times:
    so what other rows would change is told from what other shuffles would, of which the mean of all has little left.
    """
    rows, worse = len(sample.features), np.empty((repeats, len(columns), SHUFFLES))
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        drawn = rng.integers(0, rows, rows)
        features, targets = sample.features[drawn], sample.targets[drawn]
        whole = measure.of(features, targets)
        for place in range(len(columns)):
            kept = features[:, place].copy()
            for shuffle in range(SHUFFLES):
                features[:, place] = kept[rng.permutation(rows)]
                worse[repeat, place, shuffle] = measure.sign * (whole - measure.of(features, targets))
            features[:, place] = kept
            step()
    defined = worse[~np.isnan(worse).any((1, 2))]  # a draw without one of two classes has no area under a curve
    if len(defined) < 2:
        raise DataError(
            f"{measure.name} is not defined on most draws of {rows} rows: give more rows, or --measure loss"
        )
    mean, reach = defined.mean((0, 2)), _reach(defined)
    order = np.argsort(-mean, kind="stable")
    return [Importance(columns[i], float(mean[i]), float(mean[i] - reach[i]), float(mean[i] + reach[i])) for i in order]


def _reach(worse: np.ndarray) -> np.ndarray:
    """Return half the width of the intervals, (columns,). worse: (repeats, columns, shuffles)."""
    repeats, _, shuffles = worse.shape
    of_shuffles = worse.var(2, ddof=1).mean(0)
    of_rows = np.maximum(0, worse.mean(2).var(0, ddof=1) - of_shuffles / shuffles)
    return _t95(repeats) * np.sqrt(of_rows + of_shuffles / (shuffles * repeats))


def _t95(count: int) -> float:
    return T95[count - 1] if count <= len(T95) else 2.0
