"""From a node list to layers, and the seeded weights they start with. Knows numpy, not torch."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.errors import ConfigError

Weights = dict[str, np.ndarray]
"""Name of a tensor -> float32 array; the type of weights at every border."""

DEFAULT_HIDDEN = (500, 100)


@dataclass(frozen=True)
class Architecture:
    """Fully connected layers: `nodes[i]` -> `nodes[i + 1]`, each followed by its activation.

    `loss` is "nll" (log-softmax output, class targets) or "bce" (sigmoid output, the input as target).
    `code` is the index in `nodes` of an autoencoder's narrowest layer, None for a classifier.
    """

    kind: str
    nodes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    learning_rate: float
    code: int | None = None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's name and shape, in order: layers.0.weight (out, in), layers.0.bias (out,), ..."""
        pairs = list(zip(self.nodes[:-1], self.nodes[1:], strict=True))
        named: dict[str, tuple[int, ...]] = {}
        for i, (fan_in, fan_out) in enumerate(pairs):
            named[f"layers.{i}.weight"] = (fan_out, fan_in)
            named[f"layers.{i}.bias"] = (fan_out,)
        return named

    def initial_weights(self, seed: int) -> Weights:
        """Xavier-uniform weights with ReLU's gain (Glorot and Bengio 2010), zero biases.

        Drawn by numpy, so that they do not depend on the version of torch on a node.
        """
        rng = np.random.default_rng([seed, 0])
        weights = {}
        for name, shape in self.shapes().items():
            if len(shape) == 1:
                weights[name] = np.zeros(shape, np.float32)
                continue
            bound = np.sqrt(2.0) * np.sqrt(6.0 / sum(shape))
            weights[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
        return weights

    def check(self, weights: Mapping[str, np.ndarray], source: str) -> None:
        """Raise ConfigError unless `weights` has this architecture's names and shapes."""
        for name, shape in self.shapes().items():
            if name not in weights:
                raise ConfigError(f"{source} has no tensor {name}, expected one of shape {shape}")
            if weights[name].shape != shape:
                raise ConfigError(f"{source}: {name} has shape {weights[name].shape}, expected {shape}")
        if extra := set(weights) - set(self.shapes()):
            raise ConfigError(f"{source} has tensors that do not belong to {self.kind} {self.nodes}: {sorted(extra)}")


def mlp(nodes: Sequence[int]) -> Architecture:
    """A classifier: ReLU layers, log-softmax on top. [784, 100, 10] has one hidden layer of 100."""
    hidden = len(nodes) - 2
    return Architecture("mlp", tuple(nodes), ("relu",) * hidden + ("linear",), "nll", 0.03)


def autoencoder(nodes: Sequence[int]) -> Architecture:
    """A deep autoencoder (Hinton and Salakhutdinov 2006): ReLU layers, linear code, sigmoid output.

    The encoder's nodes are enough: [784, 100, 30] builds 784-100-30-100-784.
    """
    nodes = tuple(nodes)
    if nodes[0] != nodes[-1]:
        nodes = nodes + nodes[-2::-1]
    if len(nodes) % 2 == 0 or nodes != nodes[::-1]:
        encoder = list(nodes[: len(nodes) // 2 + 1])
        if encoder[0] == encoder[-1]:  # by itself it would be taken for all nodes
            raise ConfigError(f"autoencoder nodes {list(nodes)} are not symmetric, as {encoder + encoder[-2::-1]}")
        raise ConfigError(f"autoencoder nodes {list(nodes)} are not symmetric; give the encoder alone: {encoder}")
    code = len(nodes) // 2
    activations = ["relu"] * (len(nodes) - 1)
    activations[code - 1], activations[-1] = "linear", "linear"
    return Architecture("autoencoder", nodes, tuple(activations), "bce", 0.001, code)


KINDS: dict[str, Callable[[Sequence[int]], Architecture]] = {"mlp": mlp, "autoencoder": autoencoder}


def design(kind: str, nodes: Sequence[int], num_features: int, num_classes: int) -> Architecture:
    """The architecture for data of this width and number of classes; raises ConfigError if they do not fit."""
    supervised = kind == "mlp"
    if not nodes:
        encoder = (num_features, *DEFAULT_HIDDEN)
        nodes = (*encoder, num_classes) if supervised else (*encoder, 30, *reversed(encoder))
    if nodes[0] != num_features:
        raise ConfigError(f"nodes begins with {nodes[0]}, but the data has {num_features} columns beside the label")
    if supervised and nodes[-1] < num_classes:
        raise ConfigError(f"nodes ends with {nodes[-1]}, but the label column has {num_classes} classes")
    return KINDS[kind](nodes)


def digest(weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, shapes and bytes, whatever file the weights lie in."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
