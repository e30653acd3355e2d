"""Training one design by numpy alone: plain networks and SGD, to compare others with.

The forward and backward passes and SGD are written once more, so that what is compared shares no code; only what is a
choice of the design comes from the tables.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mrdl.errors import ConfigError
from mrdl.nn.backends.result import Report, Result
from mrdl.nn.design import Design
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.kinds import mlp
from mrdl.nn.optimizers import MOMENTUM
from mrdl.nn.rows import Dataset

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "relu": (lambda a: np.maximum(a, 0), lambda out: (out > 0).astype(np.float32)),
    "tanh": (np.tanh, lambda out: 1 - out * out),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda out: out * (1 - out)),
    "linear": (lambda a: a, lambda out: 0 * out + 1),
}
"""Activation -> the function, and its derivative by what it gave."""


def refused_by_numpy(design: Design) -> str:
    """Why the numpy back end cannot train a design; empty where it can."""
    if design.residual or design.dropout or design.optimizer != "sgd":
        return "the numpy back end knows optimizer sgd, without residual connections and dropout"
    return ""


def with_numpy(design: Design, data: Dataset, report: Report) -> Result:
    """Train a design by numpy alone, for reference: SGD with momentum, no dropout, no residual connections.

    Raises ConfigError for another design.
    """
    if problem := refused_by_numpy(design):
        raise ConfigError(problem)
    rng = np.random.default_rng(design.seed)
    net = _PlainNetwork(design, (data.columns, *design.hidden, len(data.classes)), rng)
    moves = [np.zeros_like(parameter) for parameter in net.parameters]
    for epoch in range(1, design.epochs + 1):
        order, total = rng.permutation(len(data.train_x)), 0.0
        for start in range(0, len(order), design.batch_size):
            rows = order[start : start + design.batch_size]
            loss, gradients = net.gradients(data.train_x[rows], data.train_y[rows])
            total += loss
            for parameter, move, gradient in zip(net.parameters, moves, gradients, strict=True):
                move *= MOMENTUM
                move -= design.learning_rate * gradient
                parameter += move
        report(epoch, total / len(order))
    log_p = _log_softmax(net.forward(data.test_x)[-1])
    return Result(log_p.argmax(1), float(-log_p[np.arange(len(log_p)), data.test_y].mean()))


class _PlainNetwork:
    """Layers with one activation. parameters: weights of each layer, (fan_in, fan_out), then biases, (fan_out,)."""

    def __init__(self, design: Design, nodes: Sequence[int], rng: np.random.Generator) -> None:
        self._activate, self._slope = FUNCTIONS[design.activation]
        bounds, gain = INITIALISATIONS[design.initialisation], mlp(nodes, design.activation).gain
        self._weights = [
            rng.uniform(-1, 1, (a, b)).astype(np.float32) * np.float32(bounds.weight(a, b, gain))
            for a, b in pairwise(nodes)
        ]
        self._biases = [(rng.uniform(-1, 1, b) * bounds.bias(a)).astype(np.float32) for a, b in pairwise(nodes)]
        self.parameters = [*self._weights, *self._biases]

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Give x, (rows, columns), and what each layer makes of it, (rows, nodes); the last one is not activated."""
        outs = [x]
        for weight, bias in zip(self._weights, self._biases, strict=True):
            a = outs[-1] @ weight + bias
            outs.append(a if len(outs) == len(self._weights) else self._activate(a))
        return outs

    def gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Give the summed loss of rows, and the gradient of their mean loss by each parameter. y: (rows,) classes."""
        outs, rows = self.forward(x), np.arange(len(x))
        log_p = _log_softmax(outs[-1])
        delta = np.exp(log_p)
        delta[rows, y] -= 1
        delta /= len(rows)
        found: list[np.ndarray] = [np.empty(0)] * len(self.parameters)
        for i in reversed(range(len(self._weights))):
            found[i], found[len(self._weights) + i] = outs[i].T @ delta, delta.sum(0)
            if i:
                delta = (delta @ self._weights[i].T) * self._slope(outs[i])
        return -float(log_p[rows, y].sum()), found


def _log_softmax(a: np.ndarray) -> np.ndarray:
    a = a - a.max(1, keepdims=True)
    return np.asarray(a - np.log(np.exp(a).sum(1, keepdims=True)))
