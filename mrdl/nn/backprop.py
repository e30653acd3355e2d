"""One step of momentum SGD on a mini-batch, with the backward pass written out by hand.

Autograd and torch.optim cost a third of the time of such small layers, and importing torch.optim more than
a second in every task. The arithmetic is that of torch.nn.Linear and torch.optim.SGD, to the bit.
"""

import torch
from torch import Tensor

from mrdl.nn.architecture import Architecture
from mrdl.nn.minibatch import Batches, FlatTensors, Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights

APPLY = {"relu": Tensor.relu_, "sigmoid": Tensor.sigmoid_, "tanh": Tensor.tanh_, "linear": lambda x: x}


class Backpropagation:
    """Steps of a network of layers by the gradient of its loss, in buffers made once. loss_sum: of all rows so far."""

    def __init__(
        self, arch: Architecture, weights: Weights, rows: Rows, settings: Hyperparameters, device: torch.device
    ) -> None:
        self._arch, self._settings = arch, settings
        shapes = {name: shape for name, shape in arch.shapes().items() if arch.is_of_layers(name)}
        self._kept = {name: array for name, array in weights.items() if name not in shapes}
        self._tensors, self._gradient = FlatTensors(shapes, device).fill(weights), FlatTensors(shapes, device)
        self._velocity = torch.zeros_like(self._tensors.flat)
        self._layers = self._of_layers(self._tensors)
        self._grads = self._of_layers(self._gradient)
        self._batches = Batches(rows, settings.batch_size, device)
        self._activations = [torch.empty((self._batches.size, n), device=device) for n in arch.nodes]
        self._deltas = [torch.empty((self._batches.size, n), device=device) for n in arch.nodes]
        scale = self._kept.get("layers.0.visible_scale")
        self._scale = None if scale is None else torch.from_numpy(scale).to(device)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def _of_layers(self, tensors: FlatTensors) -> list[tuple[Tensor, Tensor]]:
        named, depth = tensors.named, len(self._arch.nodes) - 1
        return [(named[f"layers.{i}.weight"], named[f"layers.{i}.bias"]) for i in range(depth)]

    def __call__(self, batch: Tensor) -> None:
        """One step on the rows at `batch` (indices); adds the sum of their losses to `loss_sum`."""
        n = len(batch)
        self._backward(self._forward(batch, n), n)
        self._velocity.mul_(self._settings.momentum).add_(self._gradient.flat)
        self._tensors.flat.add_(self._velocity, alpha=-self._settings.learning_rate)

    def weights(self) -> Weights:
        """A copy of the weights."""
        return {**self._kept, **self._tensors.arrays()}

    def _forward(self, batch: Tensor, n: int) -> Tensor:
        """Fill the activations; returns the loss's gradient by the last layer's input, (n, outputs), over n."""
        x = self._batches.inputs(batch)
        self._activations[0] = x if self._scale is None else x.mul_(self._scale)
        for i, (weight, bias) in enumerate(self._layers):
            out = torch.addmm(bias, self._activations[i][:n], weight.t(), out=self._activations[i + 1][:n])
            APPLY[self._arch.activations[i]](out)
        out = self._activations[-1][:n]
        delta = self._deltas[-1][:n]
        if self._arch.loss == "nll":
            target = self._batches.targets(batch)
            log_probability = torch.log_softmax(out, 1)
            self.loss_sum += torch.nn.functional.nll_loss(log_probability, target, reduction="sum")
            wanted = torch.zeros_like(delta).scatter_(1, target[:, None], -1.0 / n)
            return torch.ops.aten._log_softmax_backward_data.out(wanted, log_probability, 1, delta.dtype, out=delta)
        self.loss_sum += torch.nn.functional.binary_cross_entropy_with_logits(out, x, reduction="sum")
        return torch.sigmoid(out, out=delta).sub_(x).mul_(1.0 / n)

    def _backward(self, delta: Tensor, n: int) -> None:
        """Fill the gradients from the last layer to the first."""
        for i in reversed(range(len(self._layers))):
            weight_gradient, bias_gradient = self._grads[i]
            below = self._activations[i][:n]
            torch.mm(delta.t(), below, out=weight_gradient)
            torch.sum(delta, 0, out=bias_gradient)
            if i:
                delta = torch.mm(delta, self._layers[i][0], out=self._deltas[i][:n])
                _through(self._arch.activations[i - 1], delta, below)


def _through(activation: str, delta: Tensor, out: Tensor) -> None:
    """Turn, in place, the gradient by an activation's output into that by its input. out: what it gave."""
    if activation == "relu":
        torch.ops.aten.threshold_backward.grad_input(delta, out, 0, grad_input=delta)
    elif activation == "sigmoid":
        torch.ops.aten.sigmoid_backward.grad_input(delta, out, grad_input=delta)
    elif activation == "tanh":
        torch.ops.aten.tanh_backward.grad_input(delta, out, grad_input=delta)
