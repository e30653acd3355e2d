"""Restricted Boltzmann machines: a step of contrastive divergence, energies, reconstructions and samples.

The recipe is that of Hinton, A Practical Guide to Training Restricted Boltzmann Machines, 2010.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from mrdl.errors import ConfigError
from mrdl.nn.architecture import Architecture
from mrdl.nn.weights import Weights

MOST_STATES = 22  # bits: as many states are enumerated for an exact likelihood
LOG_2_PI = float(np.log(2 * np.pi))
LEAST_DEVIATION = 0.1  # of a column in [0, 1]: a column that hardly varies must not be blown up
LEAST_MEAN = 0.01  # of a column: one that is always 0 must stay within reach


@dataclass(frozen=True)
class RBM:
    """One machine. weight: (hidden, visible); bias: (hidden,); visible_bias: (visible,); each float32.

    Binary units are 0 or 1; Gaussian ones are linear with unit variance.
    """

    weight: Tensor
    bias: Tensor
    visible_bias: Tensor
    visible: str = "binary"
    hidden: str = "binary"

    def up(self, v: Tensor) -> Tensor:
        """v: (rows, visible). Returns E[h | v], (rows, hidden): probabilities, or means of Gaussian units."""
        a = torch.addmm(self.bias, v, self.weight.t())
        return a.sigmoid_() if self.hidden == "binary" else a

    def down(self, h: Tensor) -> Tensor:
        """h: (rows, hidden). Returns E[v | h], (rows, visible)."""
        a = torch.addmm(self.visible_bias, h, self.weight)
        return a.sigmoid_() if self.visible == "binary" else a

    def reconstruct(self, v: Tensor) -> Tensor:
        """v up and down again by mean values, without sampling; (rows, visible)."""
        return self.down(self.up(v))

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) with exp(-F(v)) proportional to p(v); v: (rows, visible), returns (rows,)."""
        a = torch.addmm(self.bias, v, self.weight.t())
        of_hidden = softplus(a).sum(1) if self.hidden == "binary" else 0.5 * (a * a).sum(1)
        if self.visible == "binary":
            return -(v @ self.visible_bias) - of_hidden
        return 0.5 * ((v - self.visible_bias) ** 2).sum(1) - of_hidden

    def pseudo_log_likelihood(self, v: Tensor) -> float:
        """The mean over rows of visible * log p(v_i | the other units), i going round with the row.

        As scikit-learn has it, but for i, which is drawn there. nan where the visible units are not binary.
        """
        if self.visible != "binary" or not len(v):
            return float("nan")
        rows, flipped = torch.arange(len(v)), v.clone()
        i = rows % v.shape[1]
        flipped[rows, i] = 1 - flipped[rows, i]
        return float(-v.shape[1] * softplus(self.free_energy(v) - self.free_energy(flipped)).mean())

    def log_likelihood(self, v: Tensor) -> float:
        """The exact mean log p(v) over rows, by enumeration of the smaller binary layer, of at most 22 units."""
        return float(-self.free_energy(v).double().mean()) - self.log_partition()

    def log_partition(self) -> float:
        """log Z, exact. Raises ConfigError for machines that are too large."""
        hidden, visible = self.weight.shape
        over_visible = self.visible == "binary" and visible <= MOST_STATES
        if over_visible and (visible <= hidden or self.hidden != "binary"):
            return float(torch.logsumexp(-self.free_energy(_states(visible)).double(), 0))
        if hidden > MOST_STATES or self.hidden != "binary":
            raise ConfigError(f"{visible} visible and {hidden} hidden units are too many: at most {MOST_STATES}")
        h = _states(hidden)
        a = torch.addmm(self.visible_bias, h, self.weight).double()
        if self.visible == "binary":
            of_visible = softplus(a).sum(1)
        else:  # the integral of exp(-(v - b)^2 / 2 + v (a - b)) over each v
            b = self.visible_bias.double()
            of_visible = (0.5 * (a * a - b * b) + 0.5 * LOG_2_PI).sum(1)
        return float(torch.logsumexp((h @ self.bias).double() + of_visible, 0))

    def draw_up(self, v: Tensor, generator: torch.Generator) -> Tensor:
        """States of the hidden units, drawn given v."""
        return _draw(self.up(v), self.hidden, generator)

    def draw_down(self, h: Tensor, generator: torch.Generator) -> Tensor:
        """States of the visible units, drawn given h."""
        return _draw(self.down(h), self.visible, generator)


def _states(bits: int) -> Tensor:
    """(2 ** bits, bits) float32: every state of binary units."""
    return ((torch.arange(1 << bits)[:, None] >> torch.arange(bits)) & 1).float()


def _draw(mean: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    if kind == "binary":
        return torch.rand(mean.shape, generator=generator, device=mean.device).lt_(mean)
    return mean + torch.randn(mean.shape, generator=generator, device=mean.device)


class Stack:
    """The machines of an architecture one above the other; the rows of each are the mean features of those below."""

    def __init__(self, arch: Architecture, weights: Weights, device: str | torch.device = "cpu") -> None:
        tensors = {name: torch.from_numpy(np.array(array)).to(device) for name, array in weights.items()}
        layers = [stage.layer for stage in arch.stages if stage.layer is not None]
        self.machines = [
            RBM(
                weight=tensors[f"layers.{i}.weight"],
                bias=tensors[f"layers.{i}.bias"],
                visible_bias=tensors[f"layers.{i}.visible_bias"],
                visible=arch.visible if i == 0 else "binary",
                hidden=arch.hidden_units(i),
            )
            for i in layers
        ]
        self.scale = tensors.get("layers.0.visible_scale")

    def features(self, x: Tensor, layer: int | None = None) -> Tensor:
        """x: (rows, columns) in [0, 1]. The rows of machine number `layer`; None: the features of the topmost."""
        x = x if self.scale is None else x * self.scale
        for machine in self.machines[:layer]:
            x = machine.up(x)
        return x

    def rows(self, features: Tensor) -> Tensor:
        """Features of the topmost machine down to (rows, columns), by mean values."""
        for machine in reversed(self.machines):
            features = machine.down(features)
        return features if self.scale is None else features / self.scale

    def sample(self, count: int, steps: int, seed: int) -> Tensor:
        """(count, columns): rows drawn by a Gibbs chain of `steps` steps in the topmost machine, then down."""
        top, generator = self.machines[-1], torch.Generator().manual_seed(seed)
        h = _draw(torch.full((count, len(top.bias)), 0.5), "binary", generator)
        for _ in range(steps):
            h = top.draw_up(top.draw_down(h, generator), generator)
        return self.rows(h)


def score(stack: Stack, layer: int, x: Tensor, training: Tensor | None) -> dict[str, float]:
    """What is known of machine number `layer` on rows x (rows, columns) in [0, 1]: loss, the mean squared error of
    the reconstruction; pseudo_log_likelihood; free_energy_gap to `training` rows (it grows when they are overfitted).
    """
    if not len(x):
        return {"rows": 0, "loss": float("nan")}
    machine, v = stack.machines[layer], stack.features(x, layer)
    found = {"rows": len(x), "loss": float(((machine.reconstruct(v) - v).double() ** 2).mean())}
    if machine.visible == "binary":
        found["pseudo_log_likelihood"] = machine.pseudo_log_likelihood(v)
    if training is not None and len(training):
        energy = machine.free_energy(stack.features(training, layer)).double().mean()
        found["free_energy_gap"] = float(machine.free_energy(v).double().mean() - energy)
    return found
