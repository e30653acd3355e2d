"""A network with what makes its inputs: what it gives for raw rows, and which class it says of them."""

from dataclasses import dataclass

import numpy as np

from mrdl.data.preparation.preparation import Preparation
from mrdl.errors import ConfigError
from mrdl.model.forward import Forward
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.choice import to_score
from mrdl.nn.engines.table import engine_of
from mrdl.nn.losses import LOSSES, Loss, Wanted
from mrdl.nn.rows import BATCH_ROWS
from mrdl.nn.weights import Weights

BLOCK_BYTES = 8 << 20  # of rows that are held at once, of a file
BATCH_BYTES = 16 << 20  # of inputs that go through a network at once, as float32


@dataclass(frozen=True)
class Network:
    """A network that raw rows go through, (rows, columns) in the order of training, as shards have them.

    arch, weights, preparation, cut, double: those of a Model; engine: the setting of that name, None where there is
    none. What a network of another kind alone has raises ConfigError.

    Network(arch, weights, preparation, "numpy").output(rows)
    """

    arch: Architecture
    weights: Weights
    preparation: Preparation
    engine: str | None = None
    cut: float | None = None
    double: bool = False

    @property
    def loss(self) -> Loss:
        """What it is trained by."""
        return LOSSES[self.arch.loss]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of its outputs."""
        return self.preparation.classes

    @property
    def classifies(self) -> bool:
        """Whether it gives the classes of rows."""
        return self.loss.wanted is Wanted.CLASS

    @property
    def majority(self) -> int | None:
        """The most frequent class of the training data, its place in `classes`; None where there are no classes."""
        name = self.preparation.majority
        return self.classes.index(name) if name else None

    @property
    def forward(self) -> Forward:
        """The network alone, for rows that are scaled already."""
        return Forward(self.arch, self.weights, engine_of(to_score(self.engine, self.arch), "cpu"), double=self.double)

    def output(self, features: np.ndarray, method: str = "forward") -> np.ndarray:
        """(rows, outputs) float32: log-probabilities, reconstruction, features or code, by the method of Layers.

        Rows are scaled by some at once, whose inputs are let go before the next.
        """
        forward, step = self.forward, self._batch_rows
        starts = range(0, max(1, len(features)), step)
        return np.concatenate([forward.output(self.preparation.scale(features[i : i + step]), method) for i in starts])

    def probabilities(self, output: np.ndarray) -> np.ndarray:
        """The probabilities of classes, (rows, classes) with a sum of 1, by log-probabilities (rows, outputs)."""
        probability = np.exp(output[:, : len(self.classes)])
        return np.asarray(probability / probability.sum(1, keepdims=True))

    def said(self, output: np.ndarray) -> np.ndarray:
        """The class that is said, (rows,) int64, its place in `classes`, by log-probabilities (rows, outputs)."""
        if self.cut is None:
            return np.asarray(output[:, : len(self.classes)].argmax(1))
        return np.asarray(self.probabilities(output)[:, 1] >= self.cut).astype(np.int64)

    def need(self, has_it: bool, what: str) -> None:
        """Raise ConfigError where it has not what is asked of it."""
        if not has_it:
            raise ConfigError(f"a network of kind {self.arch.kind!r} has not {what}")

    @property
    def block_rows(self) -> int:
        """Rows of a file that are held at once: several whole batches of a forward pass."""
        return BATCH_ROWS * max(1, BLOCK_BYTES // (4 * BATCH_ROWS * len(self.preparation.columns)))

    @property
    def _batch_rows(self) -> int:
        """Rows that go through the network at once: BATCH_ROWS, of which these are a part where rows are wide."""
        step = BATCH_ROWS
        while step % 2 == 0 and 4 * step * self.preparation.width > BATCH_BYTES:
            step //= 2
        return step
