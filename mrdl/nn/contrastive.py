"""The training step of a restricted Boltzmann machine: contrastive divergence.

The gradient of the likelihood is the statistics of the data less those of the model (Hinton 2002); the latter are
taken where a short Gibbs chain ends.
"""

import torch
from torch import Tensor

from mrdl.nn.architecture import Architecture
from mrdl.nn.minibatch import Batches, FlatTensors, Hyperparameters
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
        device: torch.device,
        seed: int,
    ) -> None:
        """layer: of the machine in the stack; seed: of all that is drawn."""
        self._settings, self._layer, self._all = settings, layer, weights
        self._stack = Stack(arch, weights, device)
        machine = self._stack.machines[layer]
        self._binary = machine.visible == "binary", machine.hidden == "binary"
        names = [f"layers.{layer}.{part}" for part in ("weight", "bias", "visible_bias")]
        shapes = {name: weights[name].shape for name in names}
        self._tensors, self._velocity = FlatTensors(shapes, device).fill(weights), FlatTensors(shapes, device)
        self._weight, self._bias, self._visible_bias = (self._tensors.named[name] for name in names)
        self._moves = [self._velocity.named[name] for name in names]
        self._batches = Batches(rows, settings.batch_size, device)
        hidden, visible = self._weight.shape
        n = self._batches.size
        self._means, self._hidden, self._noise = (torch.empty((n, hidden), device=device) for _ in range(3))
        self._visible = torch.empty((n, visible), device=device)
        self._after = torch.empty((n, hidden), device=device)
        self._chains = torch.empty((0, hidden), device=device)
        self._generator = torch.Generator(device).manual_seed(seed)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def __call__(self, batch: Tensor) -> None:
        """Take one step on the rows at `batch`, (n,) indices, and add the sum of their losses to `loss_sum`.

        The chain begins at the rows' hidden states, or where it ended in the batch before.
        """
        n, settings = len(batch), self._settings
        v = self._stack.features(self._batches.inputs(batch), self._layer)
        means = self._up(v, self._means[:n])
        if settings.persistent and len(self._chains):  # the last batch of an epoch may be smaller: fewer chains move
            hidden = self._chains[:n]
        else:
            hidden = self._states(means, self._hidden[:n])
        for step in range(settings.cd_steps):
            reconstruction = torch.addmm(self._visible_bias, hidden, self._weight, out=self._visible[:n])
            if self._binary[0]:
                reconstruction.sigmoid_()
            if step == 0:
                self._count_loss(v, means, reconstruction)
            if settings.persistent and self._binary[0]:  # with mean values a chain would not have p(v, h)
                seen = torch.rand(reconstruction.shape, generator=self._generator, device=reconstruction.device)
                torch.lt(seen, reconstruction, out=reconstruction)
            after = self._up(reconstruction, self._after[:n])
            if settings.persistent or step + 1 < settings.cd_steps:
                hidden = self._states(after, self._hidden[:n])
        if settings.persistent:
            if len(self._chains) < n:
                self._chains = hidden.clone()
            self._chains[:n] = hidden
        self._move(means, v, after, reconstruction)

    def _count_loss(self, v: Tensor, means: Tensor, reconstruction: Tensor) -> None:
        """Add the squared errors of the first reconstruction to `loss_sum`. v, reconstruction: (n, visible)."""
        if self._settings.persistent:  # the chains' own reconstruction has nothing to do with these rows
            reconstruction = torch.addmm(self._visible_bias, means, self._weight)
            reconstruction = reconstruction.sigmoid_() if self._binary[0] else reconstruction
        self.loss_sum += torch.nn.functional.mse_loss(reconstruction, v, reduction="sum") / v.shape[1]

    def weights(self) -> Weights:
        """Give a copy of the weights; those of other layers as they were."""
        return {**self._all, **self._tensors.arrays()}

    def _up(self, v: Tensor, out: Tensor) -> Tensor:
        """Fill out, (n, hidden), with the hidden means given v, (n, visible)."""
        torch.addmm(self._bias, v, self._weight.t(), out=out)
        return out.sigmoid_() if self._binary[1] else out

    def _states(self, means: Tensor, out: Tensor) -> Tensor:
        """Draw hidden states, (n, hidden), from their means into out."""
        noise = self._noise[: len(means)]
        if self._binary[1]:
            return torch.lt(noise.uniform_(generator=self._generator), means, out=out)
        return torch.add(means, noise.normal_(generator=self._generator), out=out)

    def _move(self, means: Tensor, v: Tensor, after: Tensor, reconstruction: Tensor) -> None:
        """The difference of the statistics into the velocity, the velocity into the weights."""
        share, momentum = 1.0 / len(v), self._settings.momentum
        weight, bias, visible_bias = self._moves
        weight.addmm_(means.t(), v, beta=momentum, alpha=share).addmm_(after.t(), reconstruction, alpha=-share)
        if self._settings.weight_cost:
            weight.add_(self._weight, alpha=-self._settings.weight_cost)
        bias.mul_(momentum).add_(means.sub_(after).sum(0), alpha=share)
        visible_bias.mul_(momentum).add_(torch.sub(v, reconstruction, out=reconstruction).sum(0), alpha=share)
        self._tensors.flat.add_(self._velocity.flat, alpha=self._settings.learning_rate)


def fit_visible(arch: Architecture, layer: int, weights: Weights, x: Tensor) -> Weights:
    """The weights with what the data decides before a machine is trained: visible biases log(p / (1 - p)), p the mean
    of each of its columns over x (rows, columns) in [0, 1]; of Gaussian units the mean, and the scale to unit variance.
    """
    found = dict(weights)
    if layer == 0 and arch.visible == "gaussian":
        deviation = x.double().std(0, correction=0).clamp_(min=LEAST_DEVIATION)
        found["layers.0.visible_scale"] = (1 / deviation).float().numpy()
    v = Stack(arch, found).features(x, layer)
    mean = v.double().mean(0)
    bias = mean if arch.visible == "gaussian" and layer == 0 else torch.logit(mean.clamp_(LEAST_MEAN, 1 - LEAST_MEAN))
    found[f"layers.{layer}.visible_bias"] = bias.float().numpy()
    return found
