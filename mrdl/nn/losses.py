"""The losses by name: what a network gives, how far that is from what is wanted, and the gradient of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.engines.table import EVERY

Scores = dict[str, float]


@dataclass(frozen=True)
class Loss:
    """What a network is trained for.

    needs_label: whether the wanted outputs are classes, (rows,) int64, else they are the rows themselves,
    (rows, columns) in [0, 1]; output(engine, sums): gives what people see, of the last layer's sums (rows, outputs).

    gradient(engine, sums, wanted, delta, share): fills delta, (rows, outputs), with share times the gradient of the
    summed loss by the sums, which it may write over, and gives that loss; None: no gradient, it is contrastive
    divergence that trains.
    scores(output, wanted, classes, majority): measures of outputs, (rows, outputs), of which the first so many are of
    classes; majority: the most frequent class in training, None where it is not known. None: see mrdl.nn.rbm.
    engines: by name, those that it can be computed by.
    """

    needs_label: bool
    output: Callable[[Engine, Array], Array]
    gradient: Callable[[Engine, Array, Array, Array, float], Array] | None = None
    scores: Callable[[np.ndarray, np.ndarray, int, int | None], Scores] | None = None
    engines: tuple[str, ...] = EVERY


# --- classes ---


@dataclass(frozen=True)
class Outcome:
    """What was answered for some rows. picked: log-probabilities of the classes that rows have, of those that are
    known, float64; hits: (rows,) bool; targets: (rows,) int64, -1 where no class is known."""

    picked: np.ndarray
    hits: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, output: np.ndarray, targets: np.ndarray, classes: int) -> "Outcome":
        """output: (rows, outputs), log-probabilities, of which those of classes come first."""
        known = targets >= 0
        picked = output[np.flatnonzero(known), targets[known]].astype(np.float64)
        return cls(picked, output[:, :classes].argmax(1) == targets, targets)

    @classmethod
    def joined(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Of all rows."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("picked", "hits", "targets")))

    def scores(self, majority: int | None) -> Scores:
        """rows, loss and accuracy; baseline: the share of a class, of which the number is given."""
        found = {
            "rows": len(self.targets),
            "loss": float(-self.picked.mean()) if len(self.picked) else float("nan"),
            "accuracy": float(self.hits.mean()) if len(self.hits) else float("nan"),
        }
        if len(self.hits) and majority is not None:
            found["baseline"] = float((self.targets == majority).mean())
        return found


def _scores_of_classes(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
    return Outcome.of(output, wanted, classes).scores(majority)


# --- reconstructions ---


def _scores_of_rows(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
    """rows, loss (cross-entropy) and mean squared error of reconstructions; both (rows, columns) in [0, 1]."""
    x, p = wanted.astype(np.float64), np.clip(output.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(1).mean() if len(x) else np.nan
    mse = ((output - x) ** 2).mean() if len(x) else np.nan
    return {"rows": len(x), "loss": float(loss), "mse": float(mse)}


LOSSES = {
    "nll": Loss(
        needs_label=True,
        output=lambda engine, sums: engine.log_softmax(sums),
        gradient=lambda engine, *step: engine.nll(*step),
        scores=_scores_of_classes,
    ),
    "bce": Loss(
        needs_label=False,
        output=lambda engine, sums: engine.sigmoid_(sums),
        gradient=lambda engine, *step: engine.bce(*step),
        scores=_scores_of_rows,
    ),
    "cd": Loss(needs_label=False, output=lambda engine, sums: sums),
}
"""The losses by the name that an Architecture has: nll, negative log-likelihood of classes; bce, binary cross-entropy
of reconstructions; cd, of restricted Boltzmann machines. LOSSES["mine"] = Loss(...) adds one."""
