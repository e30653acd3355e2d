"""The engine of numpy: what tasks and drivers compute by, so that they need no torch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from mrdl.nn.engines.engine import EPSILON, LEAST_SQUARE, SQUARES_KEPT
from mrdl.nn.engines.numpy_threads import one_blas_thread

GATHER_BYTES = 1 << 20  # half of a core's own cache, so that what was gathered is still there when it is computed with
BLOCK = 1 << 16  # floats of each array that an optimiser goes through at once; three arrays of them stay in the cache
LEAST_SUM = -80.0  # sigmoid is 0 below, and exp(80) is yet a float32
LINE = 64  # bytes of a cache line


class NumpyEngine:
    """See mrdl.nn.engines.engine.Engine. dtype: float32 or float64, the precision."""

    name = "numpy"
    device = "cpu"
    gather_bytes = GATHER_BYTES

    def __init__(self, dtype: str = "float32") -> None:
        self._dtype = np.dtype(dtype)
        self._scratch: dict[tuple[int, ...], np.ndarray] = {}

    def empty(self, shape: tuple[int, ...], like: np.ndarray | None = None) -> np.ndarray:
        dtype = self._dtype if like is None else like.dtype
        size = math.prod(shape) * dtype.itemsize
        room = np.empty(size + LINE, np.uint8)
        start = -room.ctypes.data % LINE
        return room[start : start + size].view(dtype).reshape(shape)

    def zeros(self, shape: tuple[int, ...]) -> np.ndarray:
        made = self.empty(shape)
        made.fill(0)
        return made

    def total(self) -> np.ndarray:
        return np.zeros((), np.float64)

    def array(self, values: np.ndarray) -> np.ndarray:
        return values

    def numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def view(self, flat: np.ndarray, start: int, shape: tuple[int, ...]) -> np.ndarray:
        # by columns: OpenBLAS takes half the time for x @ weight.T of few rows where weight.T lies by rows
        return flat[start : start + math.prod(shape)].reshape(shape[::-1]).T

    def copy(self, array: np.ndarray) -> np.ndarray:
        return array.copy()

    def double(self, array: np.ndarray) -> np.ndarray:
        return array.astype(np.float64)

    def take(self, array: np.ndarray, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.take(array, rows, 0, out, "clip")  # numpy buffers `out` unless it may clip indices

    # --- products ---

    def affine(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        made = np.matmul(x, weight.T, out)
        made += bias
        return made

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if out is None or out.flags.c_contiguous:
            return np.matmul(a, b, out)
        return np.matmul(b.T, a.T, out.T).T  # numpy would write to a copy of an array that lies by columns

    def contrast_(
        self,
        a: np.ndarray,
        before: tuple[np.ndarray, np.ndarray],
        after: tuple[np.ndarray, np.ndarray],
        beta: float,
        alpha: float,
    ) -> None:
        hidden, visible = np.concatenate([before[0], -after[0]]), np.concatenate([before[1], after[1]])
        hidden *= alpha
        self.add_(a, self.product(hidden.T, visible, self.view(self._made((a.size,)), 0, a.shape)), 1.0, beta)

    def _made(self, shape: tuple[int, ...]) -> np.ndarray:
        """Room for what is soon done with, made once: new memory takes the system longer to give than to fill."""
        if shape not in self._scratch:
            self._scratch[shape] = self.empty(shape)
        return self._scratch[shape]

    def add_(self, a: np.ndarray, b: np.ndarray, alpha: float, beta: float = 1.0) -> None:
        for to, some in _blocks(a.T, b.T):  # matrices lie by columns
            if beta != 1:
                to *= beta
            to += some if alpha == 1 else np.multiply(some, alpha, self._made((len(some),)))

    # --- elementwise ---

    def add(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.add(a, b, out)

    def subtract(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.subtract(a, b, out)

    def multiply(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.multiply(a, b, out)

    def less(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.less(a, b, out)

    def sign(self, x: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.sign(x, out)

    def clip(self, x: np.ndarray, least: float, most: float, out: np.ndarray) -> np.ndarray:
        return np.clip(x, least, most, out)

    def relu_(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0, out=x)

    def relu_backward_(self, delta: np.ndarray, out: np.ndarray) -> None:
        delta *= out > 0

    def tanh_(self, x: np.ndarray) -> np.ndarray:
        return np.tanh(x, x)

    def tanh_backward_(self, delta: np.ndarray, out: np.ndarray) -> None:
        delta *= 1 - out * out

    def sigmoid_(self, x: np.ndarray) -> np.ndarray:
        np.negative(x, x)
        np.exp(x, x)
        x += 1
        return np.reciprocal(x, x)

    def sigmoid_backward_(self, delta: np.ndarray, out: np.ndarray) -> None:
        delta *= out
        delta *= 1 - out

    def softplus(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x)))  # logaddexp takes ten times as long

    # --- sums ---

    def column_sums(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.add.reduce(x, 0, out=out)

    def squared_error(self, a: np.ndarray, b: np.ndarray) -> np.float64:
        apart = a - b
        return self.inner(apart, apart)

    def inner(self, a: np.ndarray, b: np.ndarray) -> np.float64:
        return np.float64(np.dot(a.reshape(-1), b.reshape(-1)))

    def deviation(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x.astype(np.float64).std(0))

    def logsumexp(self, x: np.ndarray) -> float:
        most = x.max()
        return float(most + np.log(np.exp(x - most).sum()))

    def log_softmax(self, x: np.ndarray) -> np.ndarray:
        found = x - x.max(1, keepdims=True)
        found -= np.log(np.exp(found).sum(1, keepdims=True))
        return np.asarray(found)

    def nll(self, sums: np.ndarray, wanted: np.ndarray, delta: np.ndarray, share: float) -> np.float64:
        np.subtract(sums, np.maximum.reduce(sums, 1, keepdims=True), delta)
        places = _starts(*delta.shape) + wanted
        flat = delta.reshape(-1)
        picked = flat[places]
        np.exp(delta, delta)
        of_rows = np.add.reduce(delta, 1, keepdims=True)
        delta *= share / of_rows
        flat[places] -= share
        return np.float64(np.add.reduce(np.log(of_rows[:, 0]) - picked, dtype=np.float64))

    def bce(self, sums: np.ndarray, wanted: np.ndarray, delta: np.ndarray, share: float) -> np.float64:
        # log(1 + exp(x)) - wanted * x = (1 - wanted) * x + log(1 + exp(-x)), of which sigmoid has the last part
        np.maximum(sums, LEAST_SUM, out=sums)
        loss = sums.sum(dtype=np.float64) - np.dot(sums.reshape(-1), wanted.reshape(-1))
        np.negative(sums, delta)
        np.exp(delta, delta)
        delta += 1
        loss += np.log(delta, sums).sum(dtype=np.float64)
        np.reciprocal(delta, delta)
        delta -= wanted
        delta *= share
        return np.float64(loss)

    # --- optimisers ---

    def sgd(self, values: np.ndarray, gradients: np.ndarray, rate: Any, momentum: float) -> "Sgd":
        return Sgd(values, gradients, self.zeros(gradients.shape), rate, momentum)

    def adam(self, values: np.ndarray, gradients: np.ndarray, rate: Any, momentum: float) -> "Adam":
        means, squares = self.zeros(gradients.shape), self.zeros(gradients.shape)
        return Adam(values, gradients, means, squares, rate, momentum)

    # --- chance, threads ---

    def generator(self, seed: int) -> np.random.Generator:
        return np.random.default_rng(seed)

    def uniform_(self, x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return generator.random(dtype=x.dtype.type, out=x)

    def normal_(self, x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return generator.standard_normal(dtype=x.dtype.type, out=x)

    def keep_(self, x: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
        np.less(self.uniform_(x, generator), share, x)
        x *= 1 / share
        return x

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        # a training that diverges has infinities and nan in its weights: told of by whoever combines them
        with one_blas_thread(), np.errstate(all="ignore"):
            yield


@cache
def _starts(rows: int, outputs: int) -> np.ndarray:
    """Where each row of an array (rows, outputs) begins in its memory."""
    return np.arange(0, rows * outputs, outputs)


def _blocks(*arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Arrays of one shape, cut alike: vectors that stay in a core's cache while an optimiser goes through them."""
    flat = [array.reshape(-1) for array in arrays]
    assert np.shares_memory(flat[0], arrays[0])  # it is written to
    return [tuple(each[i : i + BLOCK] for each in flat) for i in range(0, flat[0].size, BLOCK)]


class Sgd:
    """SGD with momentum, whose learning rate the gradients hold already: so that it takes three passes, none of which
    needs an array of its own."""

    def __init__(
        self, values: np.ndarray, gradients: np.ndarray, moves: np.ndarray, rate: Any, momentum: float
    ) -> None:
        self.factor = rate
        self._momentum, self._blocks = momentum, _blocks(values, gradients, moves)

    def __call__(self) -> None:
        momentum = self._momentum
        for values, gradients, moves in self._blocks:
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
    ) -> None:
        self.factor = 1 - momentum
        self._rate, self._momentum, self._steps = rate, momentum, count(1)
        self._blocks = _blocks(values, gradients, means, squares)

    def __call__(self) -> None:
        n, momentum = next(self._steps), self._momentum
        # squares are of (1 - momentum) * gradient and lack 1 - SQUARES_KEPT: their root is `scale` times too small
        scale = math.sqrt((1 - SQUARES_KEPT) / (1 - SQUARES_KEPT**n)) / self.factor
        rate, least = self._rate / (1 - momentum**n) / scale, EPSILON / scale
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
            values -= gradients
