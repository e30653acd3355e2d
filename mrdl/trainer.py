"""The mini-batch loop of one shard on one machine: momentum SGD, with the backward pass written out by hand.

Autograd and torch.optim cost a third of the time of such small layers, and importing torch.optim more than
a second in every task. The arithmetic is that of torch.nn.Linear and torch.optim.SGD, to the bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mrdl.architecture import Architecture, Weights
from mrdl.errors import SetupError

REPORT_ROWS = 20_000  # rows between two reports of progress


@dataclass(frozen=True)
class Rows:
    """The rows of a shard. features: (rows, columns) uint8 or float32, raw; targets: (rows,) int64 classes;
    order: (rows,) int64, the rows in the order of their hashes; minimum, factor: (columns,) float32, the scaling."""

    features: np.ndarray
    targets: np.ndarray
    order: np.ndarray
    minimum: np.ndarray
    factor: np.ndarray

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Hyperparameters:
    """How one shard is trained in one round. learning_rate: per step; epochs: passes over the shard."""

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    device: str = "auto"


def pick_device(device: str) -> torch.device:
    """auto: the GPU where there is one. Raises SetupError if cuda is asked for and absent."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SetupError("device is cuda, but this node has no usable GPU: use --device auto or cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def train_shard(
    arch: Architecture,
    weights: Weights,
    rows: Rows,
    settings: Hyperparameters,
    rng: np.random.Generator,
    report: Callable[[int, float, float], None] = lambda epoch, done, loss: None,
) -> tuple[Weights, dict[str, float]]:
    """Train from `weights` on all rows; returns the new weights and metrics (loss: mean of the last epoch).

    A pure function of its arguments: the rows are taken in `order`, permuted anew by `rng` each epoch.
    `report(epoch, fraction of the epoch, mean loss so far)` is called every some thousand rows.
    """
    torch.set_num_threads(1)  # spinning threads of several tasks on one node cost ten times the training
    device = pick_device(settings.device)
    step = Step(arch, weights, rows, settings, device)
    order = torch.from_numpy(np.ascontiguousarray(rows.order))
    every = max(1, REPORT_ROWS // settings.batch_size)
    loss = 0.0
    for epoch in range(settings.epochs):
        step.loss_sum.zero_()
        places = order[torch.from_numpy(rng.permutation(len(rows)))].to(device)
        batches = places.split(settings.batch_size) if len(rows) else ()
        for i, batch in enumerate(batches):
            step(batch)
            if i % every == every - 1:
                done = min((i + 1) * settings.batch_size, len(rows))
                report(epoch, done / len(rows), step.loss_sum.item() / done)
        loss = step.loss_sum.item() / max(1, len(rows))
        report(epoch, 1.0, loss)
    metrics = {"loss": loss, "steps": float(settings.epochs * -(-len(rows) // settings.batch_size))}
    return step.weights(), metrics


def _room(shape: tuple[int, ...]) -> int:
    """Places for a tensor in the flat vector: each begins at a multiple of 64 bytes, as torch's own tensors do."""
    return -(-int(np.prod(shape)) // 16) * 16


class Step:
    """One step of momentum SGD on a mini-batch, in buffers made once.

    All weights lie in one flat vector, so that the momentum update is two calls whatever the depth.
    """

    def __init__(
        self,
        arch: Architecture,
        weights: Weights,
        rows: Rows,
        settings: Hyperparameters,
        device: torch.device,
    ) -> None:
        self._arch, self._settings = arch, settings
        sizes = arch.shapes()
        total = sum(_room(shape) for shape in sizes.values())
        self._flat = torch.zeros(total, device=device)
        self._gradient = torch.zeros_like(self._flat)
        self._velocity = torch.zeros_like(self._flat)
        self._tensors = self._views(self._flat)
        gradients = self._views(self._gradient)
        for name, tensor in self._tensors.items():
            tensor.copy_(torch.from_numpy(np.array(weights[name])))
        depth = range(len(arch.nodes) - 1)
        self._layers = [(self._tensors[f"layers.{i}.weight"], self._tensors[f"layers.{i}.bias"]) for i in depth]
        self._grads = [(gradients[f"layers.{i}.weight"], gradients[f"layers.{i}.bias"]) for i in depth]
        batch = min(settings.batch_size, max(1, len(rows)))
        self._features = torch.from_numpy(rows.features).to(device)
        self._targets = torch.from_numpy(rows.targets).to(device)
        self._raw = torch.empty((batch, arch.nodes[0]), dtype=self._features.dtype, device=device)
        self._activations = [torch.empty((batch, n), device=device) for n in arch.nodes]
        self._deltas = [torch.empty((batch, n), device=device) for n in arch.nodes]
        self._factor = torch.from_numpy(rows.factor).to(device)
        self._minimum = torch.from_numpy(rows.minimum).to(device) if rows.minimum.any() else None
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def __call__(self, batch: Tensor) -> None:
        """One step on the rows at `batch` (indices); adds the sum of their losses to `loss_sum`."""
        n = len(batch)
        self._backward(self._forward(batch, n), n)
        self._velocity.mul_(self._settings.momentum).add_(self._gradient)
        self._flat.add_(self._velocity, alpha=-self._settings.learning_rate)

    def weights(self) -> Weights:
        """A copy of the weights."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._tensors.items()}

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        views, start = {}, 0
        for name, shape in self._arch.shapes().items():
            size = int(np.prod(shape))
            views[name] = flat[start : start + size].view(shape)
            start += _room(shape)
        return views

    def _forward(self, batch: Tensor, n: int) -> Tensor:
        """Fill the activations; returns the loss's gradient by the last layer's input, (n, outputs), over n."""
        x = self._activations[0][:n]
        x.copy_(torch.index_select(self._features, 0, batch, out=self._raw[:n]))
        if self._minimum is not None:
            x.sub_(self._minimum)
        x.mul_(self._factor)
        for i, (weight, bias) in enumerate(self._layers):
            out = torch.addmm(bias, self._activations[i][:n], weight.t(), out=self._activations[i + 1][:n])
            if self._arch.activations[i] == "relu":
                out.relu_()
        out = self._activations[-1][:n]
        delta = self._deltas[-1][:n]
        if self._arch.loss == "nll":
            target = self._targets.index_select(0, batch)
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
                if self._arch.activations[i - 1] == "relu":
                    torch.ops.aten.threshold_backward.grad_input(delta, below, 0, grad_input=delta)
