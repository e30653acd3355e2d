"""The losses by name: what a network gives, how far that is from what is wanted, and the gradient of it.

Loads no torch before it is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Scores = dict[str, float]


@dataclass(frozen=True)
class Loss:
    """What a network is trained for.

    needs_label: whether the wanted outputs are classes, (rows,) int64, else they are the rows themselves,
    (rows, columns) in [0, 1]; output: gives what people see, of the last layer's sums (rows, outputs).

    gradient(sums, wanted, delta): fills delta, (rows, outputs), with the gradient of the mean loss by the sums, and
    gives the summed loss of the rows; None: no gradient, it is contrastive divergence that trains.
    scores(output, wanted, classes, majority): measures of outputs, (rows, outputs), of which the first so many are of
    classes; majority: the most frequent class in training, None where it is not known. None: see mrdl.nn.rbm.
    """

    needs_label: bool
    output: Callable[["Tensor"], "Tensor"]
    gradient: Callable[["Tensor", "Tensor", "Tensor"], "Tensor"] | None = None
    scores: Callable[[np.ndarray, np.ndarray, int, int | None], Scores] | None = None


# --- classes ---


def _of_classes(sums: "Tensor", wanted: "Tensor", delta: "Tensor") -> "Tensor":
    import torch

    log_probability = torch.log_softmax(sums, 1)
    by_output = torch.zeros_like(delta).scatter_(1, wanted[:, None], -1.0 / len(sums))
    torch.ops.aten._log_softmax_backward_data.out(by_output, log_probability, 1, delta.dtype, out=delta)
    return torch.nn.functional.nll_loss(log_probability, wanted, reduction="sum")


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


def _of_rows(sums: "Tensor", wanted: "Tensor", delta: "Tensor") -> "Tensor":
    import torch

    torch.sigmoid(sums, out=delta).sub_(wanted).mul_(1.0 / len(sums))
    return torch.nn.functional.binary_cross_entropy_with_logits(sums, wanted, reduction="sum")


def _scores_of_rows(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
    """rows, loss (cross-entropy) and mean squared error of reconstructions; both (rows, columns) in [0, 1]."""
    x, p = wanted.astype(np.float64), np.clip(output.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(1).mean() if len(x) else np.nan
    mse = ((output - x) ** 2).mean() if len(x) else np.nan
    return {"rows": len(x), "loss": float(loss), "mse": float(mse)}


LOSSES = {
    "nll": Loss(True, lambda sums: sums.log_softmax(1), _of_classes, _scores_of_classes),
    "bce": Loss(False, lambda sums: sums.sigmoid(), _of_rows, _scores_of_rows),
    "cd": Loss(False, lambda sums: sums),
}
"""The losses by the name that an Architecture has: nll, negative log-likelihood of classes; bce, binary cross-entropy
of reconstructions; cd, of restricted Boltzmann machines. LOSSES["mine"] = Loss(...) adds one."""
