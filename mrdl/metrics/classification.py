"""All measures of a classifier's answers, gathered block by block."""

import math

import numpy as np

from mrdl.metrics.calibration import Calibration
from mrdl.metrics.confusion import Confusion, mean_of_defined
from mrdl.metrics.measures import MOST_RANKED
from mrdl.metrics.ranking import EXACT_VALUES, Ranking
from mrdl.metrics.sums import ExactSum

TOP = 5


class Classification:
    """Measures of the classes that were said of rows, from counts and exact sums: no order, and no cutting into parts,
    changes a bit of them.

    classes: how many are known; majority: the most frequent one in training, None where nobody knows. Of two classes,
    `precision`, `recall`, `f1` and `pr_auc` are those of the `positive` one, the rarer in training, as far as that is
    known, else the second; of more they are means over all classes that have rows.

    found = Classification(2, majority=0)
    for block in blocks:
        found.add(log_probability, targets)
    found.scores()["auc"]
    """

    def __init__(self, classes: int, majority: int | None = None, *, ranked: bool = True) -> None:
        """ranked: whether areas under curves are wanted, which take a sort of all rows for each class."""
        self.classes, self.majority = classes, majority
        self.confusion = Confusion(classes)
        self.calibration = Calibration()
        most = EXACT_VALUES // max(1, classes)
        self.rankings = [Ranking(most) for _ in range(classes)] if ranked and classes <= MOST_RANKED else []
        self._loss, self._brier, self._known, self._in_top = ExactSum(), ExactSum(), 0, 0

    @property
    def positive(self) -> int | None:
        """Of two classes the one that `f1` and the like are of; None where there are more."""
        if self.classes != 2:
            return None
        return 1 if self.majority is None else 1 - self.majority

    def add(self, output: np.ndarray, targets: np.ndarray, said: np.ndarray | None = None) -> None:
        """Take rows.

        output: (rows, outputs), log-probabilities, of which those of classes come first; targets: (rows,) int64, -1
        where the class is none of them; said: (rows,) int64, the answers; None: the most probable ones.
        """
        of_classes = output[:, : self.classes]
        probability = np.exp(of_classes)
        self.take(probability / probability.sum(1, keepdims=True), of_classes, targets, said)

    def take(
        self, probability: np.ndarray, logarithm: np.ndarray, targets: np.ndarray, said: np.ndarray | None = None
    ) -> None:
        """Take rows of which the probability of each class, (rows, classes), and its logarithm are given apart."""
        said = logarithm.argmax(1) if said is None else said
        self.confusion.add(targets, said)
        self.calibration.add(probability[np.arange(len(said)), said], said == targets)
        for number, ranking in enumerate(self.rankings):
            ranking.add(probability[:, number], targets == number)
        known = np.flatnonzero(targets >= 0)
        picked = targets[known]
        self._known += len(known)
        self._loss.add(-logarithm[known, picked].astype(np.float64))
        off = probability[known].astype(np.float64)
        off[np.arange(len(known)), picked] -= 1
        self._brier.add((off * off).sum(1))
        if self.classes > TOP:
            of_rows, of_picked = logarithm[known], logarithm[known, picked][:, None]
            before = np.arange(self.classes) < picked[:, None]  # of equal ones the first is said
            above = ((of_rows > of_picked) | (of_rows == of_picked) & before).sum(1)
            self._in_top += int((above < TOP).sum())

    def merge(self, other: "Classification") -> None:
        """Take the rows of another one of the same classes."""
        self.confusion.merge(other.confusion)
        self.calibration.merge(other.calibration)
        for mine, theirs in zip(self.rankings, other.rankings, strict=True):
            mine.merge(theirs)
        self._loss.merge(other._loss)
        self._brier.merge(other._brier)
        self._known += other._known
        self._in_top += other._in_top

    def scores(self) -> dict[str, float]:
        """The measures by name: rows, loss and accuracy; all others only where they are defined.

        baseline: the share of the majority; brier: the squared distance to the truth, of two classes halved, as is
        usual; top_5: the share of rows whose class is among the five most probable; the rest as MEASURES has it.
        """
        rows, confusion = self.confusion.rows, self.confusion
        found: dict[str, float] = {
            "rows": rows,
            "loss": float(self._loss) / self._known if self._known else math.nan,
            "accuracy": confusion.accuracy,
        }
        if not rows:
            return found
        if self.majority is not None:
            found["baseline"] = int(confusion.rows_of[self.majority]) / rows
        more = {
            "balanced_accuracy": confusion.balanced_accuracy,
            "precision": self._of_classes(confusion.precision),
            "recall": self._of_classes(confusion.recall),
            "f1": self._of_classes(confusion.f1),
            "auc": mean_of_defined(np.array([ranking.roc_auc for ranking in self.rankings])),
            "pr_auc": self._of_classes(np.array([ranking.pr_auc for ranking in self.rankings])),
            "brier": float(self._brier) / self._known / (1 + (self.classes == 2)) if self._known else math.nan,
            "calibration_error": self.calibration.error,
        }
        if self.classes > TOP and self._known:
            more[f"top_{TOP}"] = self._in_top / rows
        return found | {name: value for name, value in more.items() if not math.isnan(value)}

    def _of_classes(self, values: np.ndarray) -> float:
        """One measure of that of each class, (classes,)."""
        if not len(values):
            return math.nan
        return mean_of_defined(values) if self.positive is None else float(values[self.positive])
