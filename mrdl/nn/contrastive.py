"""The training step of a restricted Boltzmann machine: contrastive divergence.

The gradient of the likelihood is the statistics of the data less those of the model (Hinton 2002); the latter are
taken where a short Gibbs chain ends.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.minibatch import Batches, FlatArrays, Hyperparameters
from mrdl.nn.rbm import LEAST_DEVIATION, LEAST_MEAN, Stack
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights


class ContrastiveDivergence:
    """Steps of one machine by CD-k, or by persistent chains (Tieleman 2008), in buffers made once.

    Its rows are the mean features of the machines below, whose weights stay as they are. Hidden states are sampled but
    for the last ones, visible ones are mean values, but sampled in persistent chains.
    loss_sum: of the reconstruction's squared error, by row the mean over the visible units.
    """

    def __init__(
        self,
        arch: Architecture,
        layer: int,
        weights: Weights,
        rows: Rows,
        settings: Hyperparameters,
        engine: Engine,
        generator: Any,
    ) -> None:
        """layer: of the machine in the stack; generator: of the engine, of all that is drawn."""
        self.look: Callable[[], None] | None = None
        self._settings, self._layer, self._all, self._engine = settings, layer, weights, engine
        self._stack = Stack(arch, weights, engine)
        machine = self._stack.machines[layer]
        self._binary = machine.visible == "binary", machine.hidden == "binary"
        names = [f"layers.{layer}.{part}" for part in ("weight", "bias", "visible_bias")]
        shapes = {name: weights[name].shape for name in names}
        self.arrays, self.gradients, self.factor = FlatArrays(shapes, engine).fill(weights), None, 1.0
        self._weight, self._bias, self._visible_bias = arrays = tuple(self.arrays.named[name] for name in names)
        self.batches = Batches(rows, settings.batch_size, engine)
        hidden, visible = self._weight.shape
        n = self.batches.size
        rate, momentum, cost = settings.learning_rate, settings.momentum, settings.weight_cost
        self._move = engine.contrast(arrays, n, rate, momentum, cost)
        self._means, self._hidden, self._noise = (engine.empty((n, hidden)) for _ in range(3))
        self._visible, self._seen = engine.empty((n, visible)), engine.empty((n, visible))
        self._after = engine.empty((n, hidden))
        self._chains = engine.empty((0, hidden))
        self._generator = generator
        self.loss_sum = engine.total()

    def __call__(self, x: Array, targets: Array) -> None:
        """Take one step on rows (n, columns) in [0, 1], and add the sum of their losses to `loss_sum`.

        The chain begins at the rows' hidden states, or where it ended in the batch before.
        """
        n, settings, engine = len(x), self._settings, self._engine
        v = self._stack.features(x, self._layer)
        means = self._up(v, self._means[:n])
        if settings.persistent and len(self._chains):  # the last batch of an epoch may be smaller: fewer chains move
            hidden = self._chains[:n]
        else:
            hidden = self._states(means, self._hidden[:n])
        for step in range(settings.cd_steps):
            reconstruction = self._down(hidden, self._visible[:n])
            if step == 0:
                self._count_loss(v, means, reconstruction)
            if settings.persistent and self._binary[0]:  # with mean values a chain would not have p(v, h)
                seen = engine.uniform_(self._seen[:n], self._generator)
                engine.less(seen, reconstruction, out=reconstruction)
            after = self._up(reconstruction, self._after[:n])
            if settings.persistent or step + 1 < settings.cd_steps:
                hidden = self._states(after, self._hidden[:n])
        if settings.persistent:
            if len(self._chains) < n:
                self._chains = engine.copy(hidden)
            self._chains[:n] = hidden
        if self.look:
            self.look()
        self._move((means, v), (after, reconstruction))

    def _count_loss(self, v: Array, means: Array, reconstruction: Array) -> None:
        """Add the squared errors of the first reconstruction to `loss_sum`. v, reconstruction: (n, visible)."""
        if self._settings.persistent:  # the chains' own reconstruction has nothing to do with these rows
            reconstruction = self._down(means, self._seen[: len(v)])
        self.loss_sum += self._engine.squared_error(reconstruction, v) / v.shape[1]

    def weights(self) -> Weights:
        """Give a copy of the weights; those of other layers as they were."""
        return {**self._all, **self.arrays.arrays()}

    def outputs(self, x: Array) -> list[Array]:
        """Give the hidden means of rows x (n, columns), (n, hidden), as a list of one."""
        v = self._stack.features(x, self._layer)
        return [self._up(v, self._engine.empty((len(x), len(self._bias))))]

    def _up(self, v: Array, out: Array) -> Array:
        """Fill out, (n, hidden), with the hidden means given v, (n, visible)."""
        self._engine.affine(v, self._weight, self._bias, out=out)
        return self._engine.sigmoid_(out) if self._binary[1] else out

    def _down(self, hidden: Array, out: Array) -> Array:
        """Fill out, (n, visible), with the visible means given hidden, (n, hidden)."""
        self._engine.affine(hidden, self._weight.T, self._visible_bias, out=out)
        return self._engine.sigmoid_(out) if self._binary[0] else out

    def _states(self, means: Array, out: Array) -> Array:
        """Draw hidden states, (n, hidden), from their means into out."""
        noise = self._noise[: len(means)]
        if self._binary[1]:
            return self._engine.less(self._engine.uniform_(noise, self._generator), means, out=out)
        return self._engine.add(means, self._engine.normal_(noise, self._generator), out=out)


def fit_visible(arch: Architecture, layer: int, weights: Weights, x: Array, engine: Engine) -> Weights:
    """The weights with what the data decides before a machine is trained: visible biases log(p / (1 - p)), p the mean
    of each of its columns over x (rows, columns) in [0, 1]; of Gaussian units the mean, and the scale to unit variance.
    """
    found = dict(weights)
    if layer == 0 and arch.visible == "gaussian":
        deviation = engine.numpy(engine.deviation(x)).clip(LEAST_DEVIATION)
        found["layers.0.visible_scale"] = (1 / deviation).astype(np.float32)
    v = Stack(arch, found, engine).features(x, layer)
    mean = engine.numpy(engine.double(v).mean(0))
    if arch.visible != "gaussian" or layer:
        mean = mean.clip(LEAST_MEAN, 1 - LEAST_MEAN)
        mean = np.log(mean / (1 - mean))
    found[f"layers.{layer}.visible_bias"] = mean.astype(np.float32)
    return found
