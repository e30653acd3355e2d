"""Measures of labels of which a row may have several, or none: each output by itself, and their means."""

import math

import numpy as np

from mrdl.metrics.classification import Classification
from mrdl.metrics.confusion import mean_of_defined

MEANS = ("loss", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc", "pr_auc", "brier")


class Multilabel:
    """Measures of several yes-or-no answers to each row.

    share: how often each output is 1 in training, (outputs,); None where nobody knows. Of each output, `outputs` has
    the measures: 1 is the positive class of all.

    found = Multilabel(3); found.add(probability, wanted); found.scores()["f1"]
    """

    def __init__(self, outputs: int, share: np.ndarray | None = None) -> None:
        self.outputs = [Classification(2) for _ in range(outputs)]
        self._usual = None if share is None else np.asarray(share) > 0.5
        self._rows, self._exact, self._as_usual = 0, 0, 0

    def add(self, probability: np.ndarray, wanted: np.ndarray) -> None:
        """Take rows. probability: (rows, outputs) in [0, 1] that each label is there; wanted: (rows, outputs), 1 or
        0."""
        is_there = np.asarray(wanted) > 0.5
        self._rows += len(is_there)
        self._exact += int(((probability > 0.5) == is_there).all(1).sum())
        if self._usual is not None:
            self._as_usual += int((is_there == self._usual).all(1).sum())
        least = np.finfo(probability.dtype).eps  # a probability that was rounded to 0 or 1 has a logarithm, too
        for i, output in enumerate(self.outputs):
            both = np.stack([1 - probability[:, i], probability[:, i]], 1)
            targets, said = is_there[:, i].astype(np.int64), (probability[:, i] > 0.5).astype(np.int64)
            output.take(both, np.log(np.clip(both, least, 1 - least)), targets, said)

    def merge(self, other: "Multilabel") -> None:
        """Take the rows of another one of the same outputs."""
        for mine, theirs in zip(self.outputs, other.outputs, strict=True):
            mine.merge(theirs)
        self._rows += other._rows
        self._exact += other._exact
        self._as_usual += other._as_usual

    def scores(self) -> dict[str, float]:
        """rows; exact: the share of rows of which every label is right; baseline: that of always saying the usual
        labels; and the means over outputs of what Classification has of each: `loss` of a row is the mean over its
        labels."""
        found: dict[str, float] = {"rows": self._rows}
        if not self._rows:
            return found | {"loss": math.nan, "accuracy": math.nan}
        of_outputs = [output.scores() for output in self.outputs]
        for name in MEANS:
            values = np.array([scores.get(name, math.nan) for scores in of_outputs])
            if not np.isnan(mean := mean_of_defined(values)):
                found[name] = mean
        found["exact"] = self._exact / self._rows
        if self._usual is not None:
            found["baseline"] = self._as_usual / self._rows
        return found
