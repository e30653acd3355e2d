"""Layers, the stages in which they are trained, and the seeded weights they start with. Knows numpy, not torch."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.weights import Weights

MACHINE_DEVIATION = 0.01  # of an RBM's initial weights (Hinton 2010)


@dataclass(frozen=True)
class Stage:
    """What some rounds train: one RBM of a stack, or the whole network by its loss.

    name: for people, empty where there is one stage only; layer: the RBM's, whose rows are the features of the layers
    below, None for the whole network; learning_rate: of SGD, and momenta, in the first epochs of all and later, where
    no setting says otherwise.
    """

    name: str
    layer: int | None
    learning_rate: float
    momenta: tuple[float, float]


@dataclass(frozen=True)
class Architecture:
    """Fully connected layers: `nodes[i]` -> `nodes[i + 1]`, each followed by its activation.

    An mlp is Architecture("mlp", (784, 100, 10), ("relu", "linear"), "nll", (Stage("", None, 0.03, (0.8, 0.8)),)): the
    last layer is linear, as the loss has an output of its own.

    `loss` is one of LOSSES: "nll" (log-softmax output, class targets), "mse" and the like (linear output, numbers),
    "multilabel" (sigmoid output, flags), "bce" (sigmoid output, the input as target) or "cd" (RBMs). `residual`:
    whether a hidden layer as wide as the one below adds what goes into it to what it gives.
    `stages` are trained one after the other. `code` is the index in `nodes` of an autoencoder's narrowest layer.
    `visible` is the kind of an RBM's visible units, binary or gaussian, and empty where there is none.
    `options` are those of the function in KINDS that made it.
    """

    kind: str
    nodes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    stages: tuple[Stage, ...]
    code: int | None = None
    visible: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    residual: bool = False

    @property
    def adds(self) -> tuple[bool, ...]:
        """Whether each layer adds what goes into it to what it gives."""
        hidden = len(self.nodes) - 2
        return tuple(self.residual and i < hidden and a == b for i, (a, b) in enumerate(pairwise(self.nodes)))

    @property
    def gain(self) -> float:
        """By which initial weights are larger, the largest that an activation asks for."""
        return max(ACTIVATIONS[name].gain for name in self.activations)

    @property
    def takes_any_input(self) -> bool:
        """Whether inputs may have any values; those of binary units, and those that are given back, are in [0, 1]."""
        return self.visible != "binary" and self.loss != "bce"

    @property
    def by_gradient(self) -> bool:
        """Whether some stage trains the whole network by the gradient of its loss; RBMs alone have none."""
        return any(stage.layer is None for stage in self.stages)

    @property
    def top_machine(self) -> int | None:
        """The layer of the topmost RBM of a network of RBMs alone; None for one that is trained by its loss."""
        return self.stages[-1].layer

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Give every tensor's name and shape, in order: layers.0.weight (out, in), layers.0.bias (out,), ...

        An RBM has layers.0.visible_bias (in,), too, and of Gaussian units layers.0.visible_scale (in,).
        """
        pairs = list(zip(self.nodes[:-1], self.nodes[1:], strict=True))
        machines = {stage.layer for stage in self.stages}
        named: dict[str, tuple[int, ...]] = {}
        for i, (fan_in, fan_out) in enumerate(pairs):
            named[f"layers.{i}.weight"] = (fan_out, fan_in)
            named[f"layers.{i}.bias"] = (fan_out,)
            if i in machines:
                named[f"layers.{i}.visible_bias"] = (fan_in,)
            if i == 0 and self.visible == "gaussian":
                named["layers.0.visible_scale"] = (fan_in,)
        return named

    @staticmethod
    def is_of_layers(name: str) -> bool:
        """Whether a tensor is one that the network computes with, and not an RBM's alone."""
        return name.endswith((".weight", ".bias"))

    def hidden_units(self, layer: int) -> str:
        """The kind of an RBM's hidden units: Gaussian ones for a linear code, else binary."""
        return "gaussian" if self.activations[layer] == "linear" else "binary"

    def initial_weights(self, seed: int, initialisation: str = "auto") -> Weights:
        """Draw the weights that a training of this seed starts with, as INITIALISATIONS has it; an RBM's are of a
        normal distribution.

        Drawn by numpy, so that they do not depend on the version of torch on a node.
        """
        rng, bounds = np.random.default_rng([seed, 0]), INITIALISATIONS[initialisation]
        machines = {stage.layer for stage in self.stages}
        weights = {name: np.zeros(shape, np.float32) for name, shape in self.shapes().items()}
        for i, (fan_in, fan_out) in enumerate(pairwise(self.nodes)):
            weight, bias = weights[f"layers.{i}.weight"], weights[f"layers.{i}.bias"]
            if i in machines:
                weight[:] = rng.normal(0.0, MACHINE_DEVIATION, weight.shape)
                continue
            weight[:] = _uniform(rng, bounds.weight(fan_in, fan_out, self.gain), weight.shape)
            bias[:] = _uniform(rng, bounds.bias(fan_in), bias.shape)
        if "layers.0.visible_scale" in weights:
            weights["layers.0.visible_scale"][:] = 1
        return weights

    def completed(self, given: Mapping[str, np.ndarray], seed: int, initialisation: str = "auto") -> Weights:
        """Weights that may lack tensors, those of another network for instance, with initial ones in their places."""
        if len(given) == len(self.shapes()):
            return dict(given)
        return {**self.initial_weights(seed, initialisation), **given}

    def begun(self, stage: Stage, weights: Weights, given: Container[str] = ()) -> Weights:
        """The weights with which a stage begins: a deep belief net is unrolled before it is fine-tuned as an
        autoencoder (Hinton and Salakhutdinov 2006), else they stay as they are.

        given: names of tensors that a run started from; a decoder among them was learnt already.
        """
        if stage.layer is not None or self.code is None or len(self.stages) == 1:
            return weights
        if f"layers.{self.code}.weight" in given:
            return weights
        unrolled = dict(weights)
        for i in range(self.code):
            mirror = len(self.nodes) - 2 - i
            unrolled[f"layers.{mirror}.weight"] = np.ascontiguousarray(weights[f"layers.{i}.weight"].T)
            unrolled[f"layers.{mirror}.bias"] = weights[f"layers.{i}.visible_bias"]
        return unrolled

    def check(self, weights: Mapping[str, np.ndarray], source: str) -> None:
        """Raise ConfigError unless `weights` has this architecture's names and shapes."""
        for name, shape in self.shapes().items():
            if name not in weights:
                raise ConfigError(f"{source} has no tensor {name}, expected one of shape {shape}")
            if weights[name].shape != shape:
                raise ConfigError(f"{source}: {name} has shape {weights[name].shape}, expected {shape}")
        if extra := set(weights) - set(self.shapes()):
            raise ConfigError(f"{source} has tensors that do not belong to {self.kind} {self.nodes}: {sorted(extra)}")


def _uniform(rng: np.random.Generator, bound: float, shape: tuple[int, ...]) -> np.ndarray:
    """Values between minus and plus a bound; zeros, for which nothing is drawn, where it is 0."""
    return rng.uniform(-bound, bound, shape) if bound else np.zeros(shape)
