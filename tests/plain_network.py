"""Training one design of a sweep in the plainest way: networks of layers and SGD, to compare others with.

The forward and backward passes and SGD are written once more, so that what is compared shares no code; only what is
drawn, initial weights and the order of rows, is that of the back end of numpy.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mrdl.nn.backends.result import Report, Result
from mrdl.nn.backends.training import architecture_of
from mrdl.nn.design import Design
from mrdl.nn.optimizers import MOMENTUM
from mrdl.nn.rows import Dataset
from mrdl.nn.weights import Weights

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "relu": (lambda a: np.maximum(a, 0), lambda out: (out > 0).astype(np.float32)),
    "tanh": (np.tanh, lambda out: 1 - out * out),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda out: out * (1 - out)),
    "linear": (lambda a: a, lambda out: 0 * out + 1),
}
"""Activation -> the function, and its derivative by what it gave."""


def train_plainly(design: Design, data: Dataset, report: Report) -> Result:
    """Train a design for reference: SGD with momentum, no dropout, no residual connections."""
    assert not design.residual and not design.dropout and design.optimizer == "sgd"
    rng = np.random.default_rng(design.seed)
    arch = architecture_of(design, data.columns, len(data.classes))
    net = _PlainNetwork(design, arch.initial_weights(design.seed, design.initialisation))
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

    def __init__(self, design: Design, weights: Weights) -> None:
        self._activate, self._slope = FUNCTIONS[design.activation]
        depth = range(len(design.hidden) + 1)
        self._weights = [np.ascontiguousarray(weights[f"layers.{i}.weight"].T) for i in depth]
        self._biases = [weights[f"layers.{i}.bias"].copy() for i in depth]
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
