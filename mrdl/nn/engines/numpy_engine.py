"""The engine of numpy: what tasks and drivers compute by, so that they need no torch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from mrdl.nn.engines.engine import Machine
from mrdl.nn.engines.numpy_steps import Adam, Contrast, Sgd
from mrdl.nn.engines.numpy_threads import one_blas_thread

GATHER_BYTES = 1 << 20  # half of a core's own cache, so that what was gathered is still there when it is computed with
FEW_ROWS, LARGE = 64, 1 << 15  # of x, and values of a weight: x @ weight.T is then faster as weight @ x.T
LEAST_SUM = -80.0  # sigmoid is 0 below, and exp(80) is yet a float32
LINE = 64  # bytes of a cache line


class NumpyEngine:
    """See mrdl.nn.engines.engine.Engine. dtype: float32 or float64, the precision."""

    name = "numpy"
    device = "cpu"
    gather_bytes = GATHER_BYTES

    def __init__(self, dtype: str = "float32") -> None:
        self._dtype = np.dtype(dtype)

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

    def columns(self, array: np.ndarray, places: np.ndarray) -> np.ndarray:
        return np.take(array, places, 1, mode="clip")

    def put(self, x: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
        np.put_along_axis(x, places, values, 1)

    def whole(self, x: np.ndarray) -> np.ndarray:
        return x.astype(np.int64)

    # --- products ---

    def affine(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if weight.flags.c_contiguous and len(x) <= FEW_ROWS and weight.size >= LARGE:
            # OpenBLAS takes half the time for few rows where it need not turn the weight over
            return np.add(np.matmul(weight, x.T).T, bias, out, order="C")
        made = np.matmul(x, weight.T, out)
        made += bias
        return made

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if out is None or out.flags.c_contiguous:
            return np.matmul(a, b, out)
        return np.matmul(b.T, a.T, out.T).T  # numpy would write to a copy of an array that lies by columns

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

    def is_nan(self, x: np.ndarray) -> np.ndarray:
        return np.isnan(x)

    def known_(self, x: np.ndarray, values: Any) -> None:
        missing = np.isnan(x)
        if missing.any():
            np.copyto(x, values, where=missing)

    def wave_(self, x: np.ndarray) -> None:
        x -= np.floor(x)
        x *= 2 * np.pi
        np.sin(x, x)

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

    def nll(
        self, sums: np.ndarray, wanted: np.ndarray, delta: np.ndarray, share: float, smoothing: float = 0.0
    ) -> np.float64:
        np.subtract(sums, np.maximum.reduce(sums, 1, keepdims=True), delta)
        places = _starts(*delta.shape) + wanted
        flat = delta.reshape(-1)
        picked = flat[places]
        if smoothing:
            picked *= 1 - smoothing
            picked += smoothing * delta.mean(1)
        np.exp(delta, delta)
        of_rows = np.add.reduce(delta, 1, keepdims=True)
        delta *= share / of_rows
        if smoothing:
            delta -= share * smoothing / delta.shape[1]
        flat[places] -= share * (1 - smoothing)
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

    def sgd(self, values: np.ndarray, gradients: np.ndarray, rate: Any, momentum: float, decay: float = 0.0) -> Sgd:
        return Sgd(values, gradients, self.zeros(gradients.shape), rate, momentum, decay)

    def adam(self, values: np.ndarray, gradients: np.ndarray, rate: Any, momentum: float, decay: float = 0.0) -> Adam:
        means, squares = self.zeros(gradients.shape), self.zeros(gradients.shape)
        return Adam(values, gradients, means, squares, rate, momentum, decay)

    def contrast(self, machine: Machine, most_rows: int, rate: float, momentum: float, cost: float) -> Contrast:
        return Contrast(self, machine, most_rows, rate, momentum, cost)

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
