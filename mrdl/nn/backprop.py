"""One step on a mini-batch by the gradient of a loss, with the backward pass written out by hand.

Autograd and torch.optim cost a third of the time of such small layers, and importing torch.optim more than
a second in every task. The arithmetic is that of torch.nn.Linear and torch.nn.Dropout, to the bit.
"""

import torch
from torch import Tensor

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture
from mrdl.nn.losses import LOSSES
from mrdl.nn.minibatch import Batches, FlatTensors, Hyperparameters
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights


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
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """generator: draws what dropout leaves out, on the device."""
        loss = LOSSES[arch.loss]
        assert loss.gradient is not None
        self._arch, self._gradient_of, self._needs_label = arch, loss.gradient, loss.needs_label
        self._activations = [ACTIVATIONS[name] for name in arch.activations]
        shapes = {name: shape for name, shape in arch.shapes().items() if arch.is_of_layers(name)}
        self._kept = {name: array for name, array in weights.items() if name not in shapes}
        self._tensors, gradient = FlatTensors(shapes, device).fill(weights), FlatTensors(shapes, device)
        self._layers, self._gradients = self._of_layers(self._tensors), self._of_layers(gradient)
        self._update = OPTIMIZERS[settings.optimizer].start(
            self._tensors.flat, gradient.flat, settings.learning_rate, settings.momentum
        )
        self._batches = Batches(rows, settings.batch_size, device)
        self._make_buffers(settings.dropout, device)
        self._keeps, self._generator = 1 - settings.dropout, generator
        scale = self._kept.get("layers.0.visible_scale")
        self._scale = None if scale is None else torch.from_numpy(scale).to(device)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def _make_buffers(self, dropout: float, device: torch.device) -> None:
        """For each layer, (batch, nodes): what goes in, what its activation gives, the share of that which dropout
        lets through, and gradients by what activations take. Without dropout and residual connections what an
        activation gives is what goes in above, and so one buffer."""

        def buffers() -> list[Tensor]:
            return [torch.empty((self._batches.size, n), device=device) for n in self._arch.nodes]

        last = len(self._arch.nodes) - 1
        self._inputs, self._deltas = buffers(), buffers()
        self._masks = buffers()[1:last] if dropout else []
        own = [dropout and i < last - 1 or adds for i, adds in enumerate(self._arch.adds)]
        self._outputs = [
            torch.empty_like(above) if apart else above for above, apart in zip(self._inputs[1:], own, strict=True)
        ]

    def _of_layers(self, tensors: FlatTensors) -> list[tuple[Tensor, Tensor]]:
        named, depth = tensors.named, len(self._arch.nodes) - 1
        return [(named[f"layers.{i}.weight"], named[f"layers.{i}.bias"]) for i in range(depth)]

    def __call__(self, batch: Tensor) -> None:
        """Take one step on the rows at `batch`, (n,) indices, and add the sum of their losses to `loss_sum`."""
        n, x = len(batch), self._batches.inputs(batch)
        self._forward(x, n)
        wanted = self._batches.targets(batch) if self._needs_label else x
        delta = self._deltas[-1][:n]
        self.loss_sum += self._gradient_of(self._outputs[-1][:n], wanted, delta)
        self._backward(delta, n)
        self._update()

    def weights(self) -> Weights:
        """Give a copy of the weights, an RBM's own tensors as they were."""
        return {**self._kept, **self._tensors.arrays()}

    def _forward(self, x: Tensor, n: int) -> None:
        """Fill the inputs, outputs and masks. x: (n, columns)."""
        self._inputs[0] = x if self._scale is None else x.mul_(self._scale)
        for i, (weight, bias) in enumerate(self._layers):
            below, above = self._inputs[i][:n], self._inputs[i + 1][:n]
            out = torch.addmm(bias, below, weight.t(), out=self._outputs[i][:n])
            given = self._activations[i].apply_(out)
            if i < len(self._masks):
                mask = self._masks[i][:n].bernoulli_(self._keeps, generator=self._generator).div_(self._keeps)
                given = torch.mul(out, mask, out=above)
            if self._arch.adds[i]:
                torch.add(below, given, out=above)

    def _backward(self, delta: Tensor, n: int) -> None:
        """Fill the gradients from the last layer to the first. delta: (n, outputs), by the last layer's sums."""
        above = delta  # the gradient by what a layer gives; delta: by what its activation takes
        for i in reversed(range(len(self._layers))):
            weight_gradient, bias_gradient = self._gradients[i]
            torch.mm(delta.t(), self._inputs[i][:n], out=weight_gradient)
            torch.sum(delta, 0, out=bias_gradient)
            if not i:
                break
            back = torch.mm(delta, self._layers[i][0], out=self._deltas[i][:n])
            above = back.add_(above) if self._arch.adds[i] else back
            delta = above.mul(self._masks[i - 1][:n]) if self._masks else above
            if self._arch.adds[i - 1] and delta is above:
                delta = above.clone()  # it is needed once more, one layer below
            self._activations[i - 1].backward_(delta, self._outputs[i - 1][:n])
