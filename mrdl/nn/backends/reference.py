"""Training one design by numpy alone: plain networks and SGD, to compare others with."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.backends.result import Report, Result
from mrdl.nn.design import Design
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.kinds import mlp
from mrdl.nn.optimizers import MOMENTUM
from mrdl.nn.rows import Dataset


def refused_by_numpy(design: Design) -> str:
    """Why the numpy back end cannot train a design; empty where it can."""
    if design.residual or design.dropout or design.optimizer != "sgd":
        return "the numpy back end knows optimizer sgd, without residual connections and dropout"
    return ""


def with_numpy(design: Design, data: Dataset, report: Report) -> Result:
    """The same network by numpy alone, for reference: plain SGD with momentum, no dropout, no residual connections."""
    if problem := refused_by_numpy(design):
        raise ConfigError(problem)
    rng = np.random.default_rng(design.seed)
    activation = ACTIVATIONS[design.activation]
    nodes = (data.columns, *design.hidden, len(data.classes))
    weights, biases = _drawn(design, nodes, rng)
    moves = [np.zeros_like(p) for p in (*weights, *biases)]

    def forward(x: np.ndarray) -> list[np.ndarray]:
        outs = [x]
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            a = outs[-1] @ weight + bias
            outs.append(a if i == len(weights) - 1 else activation.numpy(a))
        return outs

    for epoch in range(1, design.epochs + 1):
        order, total = rng.permutation(len(data.train_x)), 0.0
        for start in range(0, len(order), design.batch_size):
            rows = order[start : start + design.batch_size]
            outs = forward(data.train_x[rows])
            log_p = _log_softmax(outs[-1])
            total -= float(log_p[np.arange(len(rows)), data.train_y[rows]].sum())
            delta = np.exp(log_p)
            delta[np.arange(len(rows)), data.train_y[rows]] -= 1
            delta /= len(rows)
            gradients: list[np.ndarray] = [np.empty(0)] * len(moves)
            for i in reversed(range(len(weights))):
                gradients[i], gradients[len(weights) + i] = outs[i].T @ delta, delta.sum(0)
                if i:
                    delta = (delta @ weights[i].T) * activation.numpy_slope(outs[i])
            for parameter, move, gradient in zip((*weights, *biases), moves, gradients, strict=True):
                move *= MOMENTUM
                move -= design.learning_rate * gradient
                parameter += move
        report(epoch, total / len(order))
    log_p = _log_softmax(forward(data.test_x)[-1])
    return Result(log_p.argmax(1), float(-log_p[np.arange(len(log_p)), data.test_y].mean()))


def _drawn(design: Design, nodes: Sequence[int], rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Initial weights, (fan_in, fan_out) of each layer, and biases, (fan_out,)."""
    arch, bounds = mlp(nodes, design.activation), INITIALISATIONS[design.initialisation]
    weights = [
        rng.uniform(-1, 1, (a, b)).astype(np.float32) * np.float32(bounds.weight(a, b, arch.gain))
        for a, b in pairwise(nodes)
    ]
    biases = [(rng.uniform(-1, 1, b) * bounds.bias(a)).astype(np.float32) for a, b in pairwise(nodes)]
    return weights, biases


def _log_softmax(a: np.ndarray) -> np.ndarray:
    a = a - a.max(1, keepdims=True)
    return np.asarray(a - np.log(np.exp(a).sum(1, keepdims=True)))
