"""The losses by name: what a network gives, how far that is from what is wanted, and the gradient of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.engines.table import EVERY

Scores = dict[str, float]
Gradient = Callable[..., Array]


class Wanted(StrEnum):
    """What a network is to give of a row: its class, (rows,) int64 of all of them; numbers, standardised, (rows,
    targets) float32; flags, 0 or 1, (rows, labels) float32; or the row itself, (rows, columns) in [0, 1]."""

    CLASS = "class"
    NUMBERS = "numbers"
    FLAGS = "flags"
    ROW = "row"


@dataclass(frozen=True)
class Loss:
    """What a network is trained for.

    wanted: what it is to give; output(engine, sums): gives what people see, of the last layer's sums (rows, outputs).

    gradient(engine, sums, wanted, delta, share): fills delta, (rows, outputs), with share times the gradient of the
    summed loss by the sums, which it may write over, and gives that loss; None: no gradient, it is contrastive
    divergence that trains. smooths: whether it takes label smoothing as one argument more.
    scores(output, wanted, classes, majority): measures of outputs, (rows, outputs), of which the first so many are of
    classes; majority: the most frequent class in training, None where it is not known. None: see mrdl.nn.rbm.
    mean(output, wanted, weights): the loss of those alone, of rows that count by their weights (rows,), or alike where
    those are None; None: it is known by scores alone, and rows count alike in it.
    engines: by name, those that it can be computed by.
    """

    wanted: Wanted
    output: Callable[[Engine, Array], Array]
    gradient: Gradient | None = None
    scores: Callable[[np.ndarray, np.ndarray, int, int | None], Scores] | None = None
    smooths: bool = False
    mean: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float] | None = None
    engines: tuple[str, ...] = EVERY

    @property
    def needs_label(self) -> bool:
        """Whether what is wanted stands in columns of its own."""
        return self.wanted is not Wanted.ROW


# --- classes ---


def _scores_of_classes(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
    """All that Classification has of the classes (rows,) of rows; -1 is none that is known."""
    from mrdl.metrics.classification import Classification  # not needed by tasks, which do not score

    found = Classification(classes, majority)
    found.add(output, wanted)
    return found.scores()


def _mean_of_classes(output: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None) -> float:
    known = np.flatnonzero(wanted >= 0)
    losses = -output[known, wanted[known]].astype(np.float64)
    return _weighted_mean(losses, None if weights is None else weights[known])


def _weighted_mean(losses: np.ndarray, weights: np.ndarray | None) -> float:
    """The mean loss of rows, (rows,) float64, nan without any. weights: (rows,), None where all count alike."""
    if weights is not None:
        losses = losses * weights
    return float(losses.mean()) if len(losses) else float("nan")


# --- reconstructions ---


def _cross_entropy(output: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The loss of each output, float64; both (rows, outputs) in [0, 1]."""
    x, p = wanted.astype(np.float64), np.clip(output.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(-(x * np.log(p) + (1 - x) * np.log1p(-p)))


def _scores_of_rows(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
    """rows, loss (cross-entropy) and mean squared error of reconstructions; both (rows, columns) in [0, 1]."""
    x = wanted.astype(np.float64)
    loss = _cross_entropy(output, wanted).sum(1).mean() if len(x) else np.nan
    mse = ((output - x) ** 2).mean() if len(x) else np.nan
    return {"rows": len(x), "loss": float(loss), "mse": float(mse)}


def _mean_of_rows(output: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None) -> float:
    return _weighted_mean(_cross_entropy(output, wanted).sum(1), weights)


# --- numbers, and flags: the loss of a row is the mean over its outputs ---


def _mse(engine: Engine, sums: Array, wanted: Array, delta: Array, share: float) -> Array:
    """The mean squared error, and what it gives back."""
    engine.subtract(sums, wanted, out=delta)
    loss = engine.inner(delta, delta) / sums.shape[1]
    delta *= 2 * share / sums.shape[1]
    return loss


def _mae(engine: Engine, sums: Array, wanted: Array, delta: Array, share: float) -> Array:
    """The mean absolute error, and what it gives back."""
    apart = engine.subtract(sums, wanted, out=sums)
    loss = engine.inner(apart, engine.sign(apart, out=delta)) / sums.shape[1]
    delta *= share / sums.shape[1]
    return loss


def _huber(engine: Engine, sums: Array, wanted: Array, delta: Array, share: float) -> Array:
    """Half the square up to a distance of 1, a deviation of the targets, and linear beyond (Huber 1964)."""
    apart = engine.subtract(sums, wanted, out=sums)
    cut = engine.clip(apart, -1.0, 1.0, out=delta)
    loss = (engine.inner(apart, cut) - engine.inner(cut, cut) / 2) / sums.shape[1]
    delta *= share / sums.shape[1]
    return loss


def _huber_of_distance(apart: np.ndarray) -> np.ndarray:
    cut = np.clip(apart, -1.0, 1.0)
    return np.asarray(apart * cut - cut * cut / 2)


def _of_numbers(gradient: Gradient, of_distance: Callable[[np.ndarray], np.ndarray]) -> Loss:
    """The loss of a network whose outputs are numbers as they are. of_distance: its loss by how far one is off."""

    def scores(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
        """rows and loss of numbers; both (rows, targets), standardised."""
        sums, rows = output.astype(np.float64), len(output)
        loss = gradient(NumpyEngine("float64"), sums, wanted, np.empty_like(sums), 1.0) / rows if rows else np.nan
        return {"rows": rows, "loss": float(loss)}

    def mean(output: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None) -> float:
        return _weighted_mean(of_distance(output.astype(np.float64) - wanted).mean(1), weights)

    return Loss(Wanted.NUMBERS, lambda engine, sums: sums, gradient, scores, mean=mean)


def _of_flags(engine: Engine, sums: Array, wanted: Array, delta: Array, share: float) -> Array:
    return engine.bce(sums, wanted, delta, share / sums.shape[1]) / sums.shape[1]


def _scores_of_flags(output: np.ndarray, wanted: np.ndarray, classes: int, majority: int | None) -> Scores:
    """rows, loss (cross-entropy), and the share of flags that are right; both (rows, labels) in [0, 1]."""
    loss = _cross_entropy(output, wanted).mean() if len(wanted) else np.nan
    right = ((output > 0.5) == (wanted > 0.5)).mean() if len(wanted) else np.nan
    return {"rows": len(wanted), "loss": float(loss), "accuracy": float(right)}


def _mean_of_flags(output: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None) -> float:
    return _weighted_mean(_cross_entropy(output, wanted).mean(1), weights)


LOSSES = {
    "nll": Loss(
        wanted=Wanted.CLASS,
        output=lambda engine, sums: engine.log_softmax(sums),
        gradient=lambda engine, *step: engine.nll(*step),
        scores=_scores_of_classes,
        smooths=True,
        mean=_mean_of_classes,
    ),
    "mse": _of_numbers(_mse, np.square),
    "mae": _of_numbers(_mae, np.abs),
    "huber": _of_numbers(_huber, _huber_of_distance),
    "multilabel": Loss(
        wanted=Wanted.FLAGS,
        output=lambda engine, sums: engine.sigmoid_(sums),
        gradient=_of_flags,
        scores=_scores_of_flags,
        mean=_mean_of_flags,
    ),
    "bce": Loss(
        wanted=Wanted.ROW,
        output=lambda engine, sums: engine.sigmoid_(sums),
        gradient=lambda engine, *step: engine.bce(*step),
        scores=_scores_of_rows,
        mean=_mean_of_rows,
    ),
    "cd": Loss(wanted=Wanted.ROW, output=lambda engine, sums: sums),
}
"""The losses by the name that an Architecture has: nll, negative log-likelihood of classes; mse, mae and huber, of
numbers, standardised, their mean squared and absolute error and Huber's loss; multilabel, binary cross-entropy of
flags; bce, of reconstructions; cd, of restricted Boltzmann machines. LOSSES["mine"] = Loss(...) adds one."""
