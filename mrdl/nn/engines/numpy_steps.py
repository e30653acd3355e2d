"""How numpy's engine changes weights: all that a step does to a block of them is done while a core's cache holds it."""

import math
from itertools import count
from typing import Any

import numpy as np

from mrdl.nn.engines.engine import EPSILON, LEAST_SQUARE, SQUARES_KEPT, Engine, Machine

BLOCK = 1 << 16  # floats of each array that a step goes through at once; three arrays of them stay in the cache


def _blocks(*arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Arrays of one shape, cut alike: vectors that stay in a core's cache while a step goes through them."""
    flat = [array.reshape(-1) for array in arrays]
    assert np.shares_memory(flat[0], arrays[0])  # it is written to
    return [tuple(each[i : i + BLOCK] for each in flat) for i in range(0, flat[0].size, BLOCK)]


class Sgd:
    """SGD with momentum, whose learning rate the gradients hold already: so that it takes three passes, none of which
    needs an array of its own. What moves hold of it is that of the last step, and follows where it changes."""

    def __init__(
        self, values: np.ndarray, gradients: np.ndarray, moves: np.ndarray, rate: Any, momentum: float, decay: float
    ) -> None:
        self.rate = self._before = rate
        self._momentum, self._decay, self._blocks = momentum, decay, _blocks(values, gradients, moves)

    @property
    def factor(self) -> Any:
        return self.rate

    def __call__(self) -> None:
        """Take a step, in place: values -= moves, where moves = momentum * moves + gradients.

        Moves hold the rate of the last step: where it changes from step to step, they are brought to the new one first.
        Weight decay shrinks the values before that, by rate * decay.
        """
        rate, momentum, keep = self.rate, self._momentum, 1 - self.rate * self._decay
        if rate != self._before:
            momentum *= rate / self._before
            self._before = rate
        for values, gradients, moves in self._blocks:
            if keep != 1:
                values *= keep
            moves *= momentum
            moves += gradients
            values -= moves


class Adam:
    """Adam on 1 - beta times the gradients, and with squares that are not divided by their sum of weights: what that
    leaves out is one number a step, which the bias corrections take in."""

    def __init__(
        self,
        values: np.ndarray,
        gradients: np.ndarray,
        means: np.ndarray,
        squares: np.ndarray,
        rate: Any,
        momentum: float,
        decay: float,
    ) -> None:
        self.factor = 1 - momentum
        self.rate, self._momentum, self._decay, self._steps = rate, momentum, decay, count(1)
        self._blocks = _blocks(values, gradients, means, squares)

    def __call__(self) -> None:
        """Take a step, in place; the gradients' array is used up. Bias corrections go by the number of the step."""
        n, momentum = next(self._steps), self._momentum
        # squares are of (1 - momentum) * gradient and lack 1 - SQUARES_KEPT: their root is `scale` times too small
        scale = math.sqrt((1 - SQUARES_KEPT) / (1 - SQUARES_KEPT**n)) / self.factor
        rate, least = self.rate / (1 - momentum**n) / scale, EPSILON / scale
        keep = 1 - self.rate * self._decay
        for values, gradients, means, squares in self._blocks:
            means *= momentum
            means += gradients
            gradients *= gradients
            squares *= SQUARES_KEPT
            squares += gradients
            np.add(squares, LEAST_SQUARE, gradients)
            np.sqrt(gradients, gradients)
            gradients += least
            np.divide(means, gradients, gradients)
            gradients *= rate
            if keep != 1:
                values *= keep
            values -= gradients


class Contrast:
    """The step of a machine, whose learning rate its moves hold already."""

    def __init__(
        self, engine: Engine, machine: Machine, most_rows: int, rate: float, momentum: float, cost: float
    ) -> None:
        self._rate, self._momentum, self._decay = rate, momentum, rate * cost
        weight, *self._biases = machine
        self._bias_moves = [engine.zeros(bias.shape) for bias in self._biases]
        by_columns = weight.T  # (visible, hidden), by rows
        self._gradient, moves = engine.empty(by_columns.shape), engine.zeros(by_columns.shape)
        self._blocks = _blocks(by_columns, self._gradient, moves)
        self._hidden, self._visible = (engine.empty((2 * most_rows, units)) for units in weight.shape)

    def __call__(self, before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray]) -> None:
        """Take a step of contrastive divergence, in place.

        before, after: (hidden, visible) of the data and of the chain's end, (rows, hidden) and (rows, visible) each,
        with most_rows rows at most.
        """
        n = len(before[0])
        share, momentum = self._rate / n, self._momentum
        hidden, visible = self._hidden[: 2 * n], self._visible[: 2 * n]
        for places, sign, (h, v) in ((slice(n), 1, before), (slice(n, None), -1, after)):
            np.multiply(h, sign * share, hidden[places])
            visible[places] = v
        np.matmul(visible.T, hidden, self._gradient)  # both statistics, and their difference, in one product
        of_visible = np.add.reduce(np.subtract(*(v for _, v in (before, after))), 0)
        gradients = np.add.reduce(hidden, 0), share * of_visible
        for bias, moves, gradient in zip(self._biases, self._bias_moves, gradients, strict=True):
            moves *= momentum
            moves += gradient
            bias += moves
        for values, gradient, moves in self._blocks:
            moves *= momentum
            moves += gradient
            if self._decay:
                moves -= np.multiply(values, self._decay, gradient)
            values += moves
