"""Restricted Boltzmann machines: a step of contrastive divergence, energies, reconstructions and samples.

The recipe is that of Hinton, A Practical Guide to Training Restricted Boltzmann Machines, 2010.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.errors import ConfigError
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.weights import Weights

MOST_STATES = 22  # bits: as many states are enumerated for an exact likelihood
LOG_2_PI = float(np.log(2 * np.pi))
LEAST_DEVIATION = 0.1  # of a column in [0, 1]: a column that hardly varies must not be blown up
LEAST_MEAN = 0.01  # of a column: one that is always 0 must stay within reach


@dataclass(frozen=True)
class RBM:
    """One machine. weight: (hidden, visible); bias: (hidden,); visible_bias: (visible,); arrays of the engine.

    Binary units are 0 or 1; Gaussian ones are linear with unit variance.
    """

    engine: Engine
    weight: Array
    bias: Array
    visible_bias: Array
    visible: str = "binary"
    hidden: str = "binary"

    def up(self, v: Array) -> Array:
        """v: (rows, visible). Returns E[h | v], (rows, hidden): probabilities, or means of Gaussian units."""
        a = self.engine.affine(v, self.weight, self.bias)
        return self.engine.sigmoid_(a) if self.hidden == "binary" else a

    def down(self, h: Array) -> Array:
        """h: (rows, hidden). Returns E[v | h], (rows, visible)."""
        a = self.engine.affine(h, self.weight.T, self.visible_bias)
        return self.engine.sigmoid_(a) if self.visible == "binary" else a

    def reconstruct(self, v: Array) -> Array:
        """v up and down again by mean values, without sampling; (rows, visible)."""
        return self.down(self.up(v))

    def free_energy(self, v: Array) -> Array:
        """F(v) with exp(-F(v)) proportional to p(v); v: (rows, visible), returns (rows,)."""
        a = self.engine.affine(v, self.weight, self.bias)
        of_hidden = self.engine.softplus(a).sum(1) if self.hidden == "binary" else 0.5 * (a * a).sum(1)
        if self.visible == "binary":
            return -(v @ self.visible_bias) - of_hidden
        return 0.5 * ((v - self.visible_bias) ** 2).sum(1) - of_hidden

    def pseudo_log_likelihood(self, v: Array) -> float:
        """The mean over rows of visible * log p(v_i | the other units), i going round with the row.

        As scikit-learn has it, but for i, which is drawn there. nan where the visible units are not binary.
        """
        if self.visible != "binary" or not len(v):
            return float("nan")
        rows, flipped = np.arange(len(v)), self.engine.copy(v)
        i = rows % v.shape[1]
        flipped[rows, i] = 1 - flipped[rows, i]
        lower = self.engine.softplus(self.free_energy(v) - self.free_energy(flipped))
        return float(-v.shape[1] * lower.mean())

    def log_likelihood(self, v: Array) -> float:
        """The exact mean log p(v) over rows, by enumeration of the smaller binary layer, of at most 22 units."""
        return float(-self.engine.double(self.free_energy(v)).mean()) - self.log_partition()

    def log_partition(self) -> float:
        """log Z, exact. Raises ConfigError for machines that are too large."""
        hidden, visible = self.weight.shape
        over_visible = self.visible == "binary" and visible <= MOST_STATES
        if over_visible and (visible <= hidden or self.hidden != "binary"):
            energy = self.free_energy(self._states(visible))
            return self.engine.logsumexp(-self.engine.double(energy))
        if hidden > MOST_STATES or self.hidden != "binary":
            raise ConfigError(f"{visible} visible and {hidden} hidden units are too many: at most {MOST_STATES}")
        h = self._states(hidden)
        a = self.engine.double(self.engine.affine(h, self.weight.T, self.visible_bias))
        if self.visible == "binary":
            of_visible = self.engine.softplus(a).sum(1)
        else:  # the integral of exp(-(v - b)^2 / 2 + v (a - b)) over each v
            b = self.engine.double(self.visible_bias)
            of_visible = (0.5 * (a * a - b * b) + 0.5 * LOG_2_PI).sum(1)
        return self.engine.logsumexp(self.engine.double(h @ self.bias) + of_visible)

    def draw_up(self, v: Array, generator: Any) -> Array:
        """States of the hidden units, drawn given v. generator: of the engine."""
        return _draw(self.up(v), self.hidden, self.engine, generator)

    def draw_down(self, h: Array, generator: Any) -> Array:
        """States of the visible units, drawn given h. generator: of the engine."""
        return _draw(self.down(h), self.visible, self.engine, generator)

    def _states(self, bits: int) -> Array:
        """(2 ** bits, bits): every state of binary units."""
        states = (np.arange(1 << bits)[:, None] >> np.arange(bits)) & 1
        return self.engine.array(states.astype(np.float32))


def _draw(mean: Array, kind: str, engine: Engine, generator: Any) -> Array:
    drawn = engine.empty(tuple(mean.shape))
    if kind == "binary":
        return engine.less(engine.uniform_(drawn, generator), mean, out=drawn)
    return engine.add(mean, engine.normal_(drawn, generator), out=drawn)


class Stack:
    """The machines of an architecture one above the other; the rows of each are the mean features of those below."""

    def __init__(self, arch: Architecture, weights: Weights, engine: Engine) -> None:
        self._engine = engine
        tensors = {name: engine.array(np.array(array)) for name, array in weights.items()}
        layers = [stage.layer for stage in arch.stages if stage.layer is not None]
        self.machines = [
            RBM(
                engine=engine,
                weight=tensors[f"layers.{i}.weight"],
                bias=tensors[f"layers.{i}.bias"],
                visible_bias=tensors[f"layers.{i}.visible_bias"],
                visible=arch.visible if i == 0 else "binary",
                hidden=arch.hidden_units(i),
            )
            for i in layers
        ]
        self.scale = tensors.get("layers.0.visible_scale")

    def features(self, x: Array, layer: int | None = None) -> Array:
        """x: (rows, columns) in [0, 1]. The rows of machine number `layer`; None: the features of the topmost."""
        x = x if self.scale is None else x * self.scale
        for machine in self.machines[:layer]:
            x = machine.up(x)
        return x

    def rows(self, features: Array) -> Array:
        """Features of the topmost machine down to (rows, columns), by mean values."""
        for machine in reversed(self.machines):
            features = machine.down(features)
        return features if self.scale is None else features / self.scale

    def sample(self, count: int, steps: int, seed: int) -> Array:
        """(count, columns): rows drawn by a Gibbs chain of `steps` steps in the topmost machine, then down."""
        top, generator = self.machines[-1], self._engine.generator(seed)
        even = self._engine.array(np.full((count, len(top.bias)), 0.5, np.float32))
        h = _draw(even, "binary", self._engine, generator)
        for _ in range(steps):
            h = top.draw_up(top.draw_down(h, generator), generator)
        return self.rows(h)


def score(stack: Stack, layer: int, x: Array, training: Array | None) -> dict[str, float]:
    """What is known of machine number `layer` on rows x (rows, columns) in [0, 1]: loss, the mean squared error of
    the reconstruction; pseudo_log_likelihood; free_energy_gap to `training` rows (it grows when they are overfitted).
    """
    if not len(x):
        return {"rows": 0, "loss": float("nan")}
    machine, v = stack.machines[layer], stack.features(x, layer)
    double = machine.engine.double
    found = {"rows": len(x), "loss": float((double(machine.reconstruct(v) - v) ** 2).mean())}
    if machine.visible == "binary":
        found["pseudo_log_likelihood"] = machine.pseudo_log_likelihood(v)
    if training is not None and len(training):
        energy = double(machine.free_energy(stack.features(training, layer))).mean()
        found["free_energy_gap"] = float(double(machine.free_energy(v)).mean() - energy)
    return found
