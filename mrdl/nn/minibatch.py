"""What every way of training shares: a shard's rows as scaled mini-batches, and all weights in one flat vector."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mrdl.nn.encoding.encoder import Encoder
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.optimizers import SCHEDULES
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights


@dataclass(frozen=True)
class Hyperparameters:
    """How one shard is trained in one round.

    epochs: passes over the shard; batch_size: rows in a step; learning_rate: of a step; momentum: of SGD and of RBMs,
    of Adam its first beta.

    Of training by gradients alone: optimizer, one of OPTIMIZERS; dropout: the share of what a hidden layer gives that
    is left out of each step; weight_decay: by which, times the learning rate, weights shrink in each step;
    label_smoothing: the part of a row that is of all classes alike; schedule: one of SCHEDULES, which lets the learning
    rate fall from step to step where it is one that does, done: the parts of the whole training that are done before
    this one and after it. Of RBMs alone: cd_steps, of the Gibbs chain; persistent: whether the chains go on from
    batch to batch; weight_cost: the L2 penalty.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    cd_steps: int = 1
    persistent: bool = False
    weight_cost: float = 0.0
    optimizer: str = "sgd"
    dropout: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    schedule: str = "constant"
    done: tuple[float, float] = (0.0, 1.0)

    def rates(self, steps: int) -> Iterator[float] | None:
        """The learning rate of each of so many steps; None where it stays."""
        schedule, (before, after) = SCHEDULES[self.schedule], self.done
        if not schedule.by_step:
            return None
        shares = (schedule.share(before + (after - before) * step / steps) for step in range(steps))
        return (self.learning_rate * share for share in shares)


class Batches:
    """The mini-batches of a shard, as inputs, in buffers made once; only the rows of some batches are ever encoded, so
    that a shard of bytes, or one that is mapped from a file, stays what it is.

    size: rows in the largest batch.
    """

    def __init__(self, rows: Rows, batch_size: int, engine: Engine) -> None:
        self.size = min(batch_size, max(1, len(rows.order)))
        self._engine = engine
        columns, width = rows.features.shape[1], rows.encoding.width
        batches = engine.gather_bytes // (4 * max(columns, width) * self.size)
        batches = max(1, min(batches, len(rows.order) // self.size))
        self._at_once = self.size * batches
        self._features, self._targets = engine.array(rows.features), _targets(rows.targets, engine)
        self._weights = None if rows.weights is None else _targets(rows.weights[:, None], engine)
        self._inputs = engine.empty((self._at_once, width))
        self._encoded = self._features.dtype == self._inputs.dtype and rows.encoding.is_none and columns == width
        self._raw = self._inputs if self._encoded else engine.empty((self._at_once, columns), like=self._features)
        self._encode = Encoder(rows.encoding, engine, cut=False, may_miss=rows.features.dtype.kind == "f")

    def epoch(self, order: np.ndarray) -> Iterator[tuple[Array, ...]]:
        """Give the rows at `order`, (rows,) indices, batch after batch: inputs (n, width), which the next batches write
        over, and what is wanted of them, classes (n,) int64 or values (n, outputs); where rows have weights also those,
        (n, 1)."""
        places = self._engine.array(order)
        for start in range(0, len(order), self._at_once):
            some = places[start : start + self._at_once]
            x, targets = self.inputs(some), self._engine.take(self._targets, some)
            parts = (x, targets) if self._weights is None else (x, targets, self._engine.take(self._weights, some))
            for i in range(0, len(some), self.size):
                yield tuple(part[i : i + self.size] for part in parts)

    def inputs(self, places: Array) -> Array:
        """Give rows at as many places as fit, (n,) indices, as inputs (n, width); the next call writes over them."""
        raw = self._engine.take(self._features, places, out=self._raw[: len(places)])
        return raw if self._encoded else self._encode(raw, self._inputs[: len(places)])


def _targets(targets: np.ndarray, engine: Engine) -> Array:
    """Targets as an engine computes with them: classes as they are, values in its precision."""
    if targets.ndim == 1:
        return engine.array(targets)
    values = engine.zeros(targets.shape)
    values[...] = engine.array(targets)
    return values


class FlatArrays:
    """Named arrays as views of one flat vector, so that an update is one call whatever their number.

    flat: the vector, zeros at first; named: name -> array of the shape asked for; places: name -> its part of flat.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], engine: Engine) -> None:
        self._engine = engine
        self.flat = engine.zeros((sum(_room(shape) for shape in shapes.values()),))
        self.named: dict[str, Array] = {}
        self.places: dict[str, slice] = {}
        start = 0
        for name, shape in shapes.items():
            self.named[name] = engine.view(self.flat, start, shape)
            self.places[name] = slice(start, start + math.prod(shape))
            start += _room(shape)

    def fill(self, weights: Weights) -> "FlatArrays":
        """Take over the values of arrays with these names, and give itself."""
        for name, array in self.named.items():
            array[...] = self._engine.array(np.array(weights[name]))
        return self

    def arrays(self) -> Weights:
        """Give a copy of each as an array of numpy."""
        return {name: self._engine.numpy(array).copy() for name, array in self.named.items()}


def _room(shape: tuple[int, ...]) -> int:
    """Places for an array in the flat vector: each begins at a multiple of 64 bytes, as torch's own tensors do."""
    return -(-math.prod(shape) // 16) * 16
