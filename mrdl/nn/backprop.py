"""One step on a mini-batch by the gradient of a loss, with the backward pass written out by hand.

Autograd and torch.optim cost a third of the time of such small layers, and importing torch.optim more than
a second in every task. By the engine of torch the arithmetic is that of torch.nn.Linear and torch.nn.Dropout, to the
bit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.losses import LOSSES
from mrdl.nn.minibatch import Batches, FlatArrays, Hyperparameters
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights


@dataclass(frozen=True)
class Buffers:
    """What a step on n rows writes into, a list by layers, each (n, nodes).

    inputs: what goes into layers, and last what comes out; outputs: what activations give, which is what goes in above
    but where dropout or a residual connection lies between; deltas: gradients by what activations take; by_outputs: by
    what layers give, where that is needed once more, below a residual connection; masks: the share of what a layer
    gives that dropout lets through, empty without.
    """

    inputs: list[Array]
    outputs: list[Array]
    deltas: list[Array]
    by_outputs: list[Array]
    masks: list[Array]

    @classmethod
    def of(cls, arch: Architecture, rows: int, dropout: float, engine: Engine) -> "Buffers":
        """Those of a network, for batches of so many rows."""

        def of_nodes() -> list[Array]:
            return [engine.empty((rows, n)) for n in arch.nodes]

        last = len(arch.nodes) - 1
        inputs, deltas, apart = of_nodes(), of_nodes(), of_nodes()
        own = [dropout and i < last - 1 or adds for i, adds in enumerate(arch.adds)]
        outputs = [apart[i + 1] if own[i] else inputs[i + 1] for i in range(last)]
        return cls(inputs, outputs, deltas, of_nodes(), of_nodes()[1:last] if dropout else [])

    def first(self, rows: int) -> "Buffers":
        """The same for a smaller batch, in the same memory."""
        return Buffers(*([array[:rows] for array in arrays] for arrays in vars(self).values()))


class Backpropagation:
    """Steps of a network of layers by the gradient of its loss, in buffers made once. loss_sum: of all rows so far.

    A hidden layer's product goes through its activation, then dropout; where it has a residual connection, what went
    in is added to that.
    """

    def __init__(
        self,
        arch: Architecture,
        weights: Weights,
        rows: Rows,
        settings: Hyperparameters,
        engine: Engine,
        generator: Any = None,
        rates: Iterator[float] | None = None,
    ) -> None:
        """generator: of the engine, draws what dropout leaves out; rates: the learning rate of each step, where it does
        not stay that of the settings."""
        loss = LOSSES[arch.loss]
        assert loss.gradient is not None
        self.look: Callable[[], None] | None = None
        self._arch, self._gradient_of, self._needs_label = arch, loss.gradient, loss.needs_label
        self._smoothing = (settings.label_smoothing,) if loss.smooths else ()
        self._adds = arch.adds
        self._engine, self._rates = engine, rates
        self._activations = [ACTIVATIONS[name] for name in arch.activations]
        shapes = {name: shape for name, shape in arch.shapes().items() if arch.is_of_layers(name)}
        self._kept = {name: array for name, array in weights.items() if name not in shapes}
        self.arrays, self.gradients = FlatArrays(shapes, engine).fill(weights), FlatArrays(shapes, engine)
        self._layers, self._gradients = self._of_layers(self.arrays), self._of_layers(self.gradients)
        self._update = OPTIMIZERS[settings.optimizer].start(
            engine,
            self.arrays.flat,
            self.gradients.flat,
            settings.learning_rate,
            settings.momentum,
            settings.weight_decay,
        )
        self.batches = Batches(rows, settings.batch_size, engine)
        whole = Buffers.of(arch, self.batches.size, settings.dropout, engine)
        self._buffers = {self.batches.size: whole}
        self._keeps, self._generator = 1 - settings.dropout, generator
        scale = self._kept.get("layers.0.visible_scale")
        self._scale = None if scale is None else engine.array(scale)
        self.loss_sum = engine.total()

    def _of_layers(self, arrays: FlatArrays) -> list[tuple[Array, Array]]:
        named, depth = arrays.named, len(self._arch.nodes) - 1
        return [(named[f"layers.{i}.weight"], named[f"layers.{i}.bias"]) for i in range(depth)]

    @property
    def factor(self) -> Any:
        """What the gradients are multiplied by."""
        return self._update.factor

    def __call__(self, x: Array, targets: Array, weights: Array | None = None) -> None:
        """Take one step on rows (n, columns), of which `targets` are wanted, classes (n,) or values (n, outputs), and
        add the sum of their losses to `loss_sum`.

        weights: (n, 1), how much each row counts in the step; in `loss_sum` they count alike.
        """
        n = len(x)
        buffers = self._buffers.get(n) or self._buffers.setdefault(n, self._buffers[self.batches.size].first(n))
        self._forward(x, buffers)
        if self._rates:
            self._update.rate = next(self._rates)
        wanted, share = targets if self._needs_label else x, self._update.factor / n
        step = (buffers.outputs[-1], wanted, buffers.deltas[-1], share, *self._smoothing)
        self.loss_sum += self._gradient_of(self._engine, *step)
        if weights is not None:
            buffers.deltas[-1] *= weights
        self._backward(buffers)
        if self.look:
            self.look()
        self._update()

    def weights(self) -> Weights:
        """Give a copy of the weights, an RBM's own tensors as they were."""
        return {**self._kept, **self.arrays.arrays()}

    def outputs(self, x: Array) -> list[Array]:
        """Give what each layer gives of rows x (n, columns), a residual connection left out, without dropout."""
        given = []
        if self._scale is not None:
            x = x * self._scale
        for i, layer in enumerate(self._layers):
            given.append(self._activations[i].apply_(self._engine, self._engine.affine(x, *layer)))
            x = x + given[-1] if self._adds[i] else given[-1]
        return given

    def _forward(self, x: Array, buffers: Buffers) -> None:
        """Fill the inputs, outputs and masks. x: (n, columns)."""
        engine, inputs = self._engine, buffers.inputs
        inputs[0] = x
        if self._scale is not None:
            x *= self._scale
        for i, (weight, bias) in enumerate(self._layers):
            out = engine.affine(inputs[i], weight, bias, out=buffers.outputs[i])
            given = self._activations[i].apply_(engine, out)
            if i < len(buffers.masks):
                mask = engine.keep_(buffers.masks[i], self._keeps, self._generator)
                given = engine.multiply(out, mask, out=inputs[i + 1])
            if self._adds[i]:
                engine.add(inputs[i], given, out=inputs[i + 1])

    def _backward(self, buffers: Buffers) -> None:
        """Fill the gradients from the last layer to the first."""
        engine, adds = self._engine, self._adds
        delta = above = buffers.deltas[-1]  # above: the gradient by what a layer gives
        for i in reversed(range(len(self._layers))):
            weight_gradient, bias_gradient = self._gradients[i]
            engine.product(delta.T, buffers.inputs[i], out=weight_gradient)
            engine.column_sums(delta, out=bias_gradient)
            if not i:
                break
            apart = buffers.masks or adds[i - 1]  # it is needed once more, one layer below
            back = engine.product(delta, self._layers[i][0], out=(buffers.by_outputs if apart else buffers.deltas)[i])
            if adds[i]:
                back += above
            above = delta = back
            if apart:
                delta = buffers.deltas[i]
                if buffers.masks:
                    engine.multiply(above, buffers.masks[i - 1], out=delta)
                else:
                    delta[...] = above
            self._activations[i - 1].backward_(engine, delta, buffers.outputs[i - 1])
