"""What a network is worth that gives numbers, or flags: its measures on rows whose targets are known."""

import logging
import math

import numpy as np

from mrdl.data.targets import Targets
from mrdl.errors import DataError
from mrdl.metrics.multilabel import Multilabel
from mrdl.metrics.regression import Regression
from mrdl.nn.losses import Loss, Scores

log = logging.getLogger(__name__)

MEASURES = ("rmse", "mae", "r2", "baseline")


class OfTargets:
    """Measures of what was given for rows, block by block; rows of which a target is missing are left out.

    Where `add` is given weights, the loss of rows that count by them is weighted_loss, or `loss` where it is alone.

    found = OfTargets(targets, LOSSES["mse"]); found.add(output, raw); found.scores()["r2"]
    """

    def __init__(self, targets: Targets, loss: Loss, *, loss_alone: bool = False) -> None:
        """loss_alone: whether that is all that is wanted."""
        self._targets, self._loss_of = targets, loss
        has_flags, has_numbers = targets.flags and not loss_alone, not targets.flags and not loss_alone
        self._of_flags = Multilabel(len(targets.names), targets.mean) if has_flags else None
        self._of_numbers = [Regression(mean) for mean in targets.mean.tolist()] if has_numbers else []
        self._rows, self._missing, self._loss = 0, 0, 0.0
        self._loss_alone = loss_alone
        self._weighted: float | None = None

    def add(self, output: np.ndarray, raw: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Take rows.

        output: what the network gave; raw: the targets as they are in the table, both (rows, targets).
        weights: (rows,), how much each counts in weighted_loss.
        """
        known = np.isfinite(raw).all(1)
        self._missing += int((~known).sum())
        output, raw = output[known], raw[known]
        if not len(raw):
            return
        self._rows += len(raw)
        assert self._loss_of.scores is not None
        wanted = self._targets.wanted(raw)
        self._loss += len(raw) * self._loss_of.scores(output, wanted, 0, None)["loss"]
        if weights is not None and self._loss_of.mean:
            self._weighted = (self._weighted or 0.0) + len(raw) * self._loss_of.mean(output, wanted, weights[known])
        if self._of_flags:
            self._of_flags.add(output, raw)
        numbers = self._targets.numbers(output)
        for i, measured in enumerate(self._of_numbers):
            measured.add(numbers[:, i], raw[:, i])

    def check(self, source: str) -> None:
        """Warn of rows that are left out; raises DataError where none remains."""
        if not self._rows:
            raise DataError(f"{source}: none of its {self._missing} rows has a label")
        if self._missing:
            log.warning("%s: %d of %d rows have no label and are left out", source, self._missing, self._all)

    @property
    def _all(self) -> int:
        """Rows in all, those that are left out among them."""
        return self._rows + self._missing

    def scores(self) -> Scores:
        """rows and loss, as it is trained, of standardised numbers, and weighted_loss where rows count differently.

        Of numbers rmse, mae and r2, and baseline_rmse, that of always saying the mean of the training rows; of several
        targets their means. Of flags those of `mrdl.metrics.multilabel`, of which accuracy is that of whole rows and
        label_accuracy that of single flags.
        """
        found: Scores = {"rows": self._rows, "loss": self._loss / self._rows if self._rows else math.nan}
        if self._weighted is not None:
            found["loss" if self._loss_alone else "weighted_loss"] = self._weighted / self._rows
        if self._of_flags:
            more = self._of_flags.scores()
            if "exact" in more:
                more |= {"label_accuracy": more["accuracy"], "accuracy": more.pop("exact")}
            return more | found
        each = [measured.scores() for measured in self._of_numbers]
        for name in MEASURES:
            values = [scores[name] for scores in each if name in scores]
            if values and len(values) == len(each):
                found["baseline_rmse" if name == "baseline" else name] = sum(values) / len(values)
        return found
