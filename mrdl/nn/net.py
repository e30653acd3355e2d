"""The networks as torch modules: what people, and programs that know no mrdl, use of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.torch_engine import TorchEngine
from mrdl.nn.kinds import KINDS
from mrdl.nn.kinds import build as make
from mrdl.nn.layers import code_of
from mrdl.nn.losses import LOSSES
from mrdl.nn.weights import Weights

ENGINE = TorchEngine()  # its operations are those that autograd goes back through


class Net(nn.Module):
    """A network from a node list, with the weights that its training starts from.

        Net([784, 500, 100, 10])                         784 -> 500 -> 100 -> 10, log-softmax
        Net(4, [784, 500, 100, 10])                      the same, as the paper writes it
        Net([784, 500, 30], kind="autoencoder")          784 -> 500 -> 30 -> 500 -> 784, sigmoid
        Net([784, 500, 100], kind="rbm")                 784 -> 500 -> 100, two RBMs

    `options` are those of the kind: activation, visible, fine_tune, residual, loss; `seed` decides the initial weights.
    `num_layers` may be left out; where it is given it must be the number of nodes. Raises ConfigError where nodes or
    options are none of the kind's.
    """

    def __init__(
        self,
        num_layers: int | Sequence[int],
        nodes: Sequence[int] | None = None,
        *,
        kind: str = "mlp",
        seed: int = 0,
        **options: str,
    ) -> None:
        super().__init__()
        if not isinstance(num_layers, int):
            nodes, num_layers = num_layers, len(num_layers)
        if nodes is None or num_layers != len(nodes):
            raise ConfigError(f"{num_layers} layers are announced, but the node list is {nodes and list(nodes)}")
        if kind not in KINDS:
            raise ConfigError(f"network kind {kind!r}, expected one of {', '.join(KINDS)}")
        if len(nodes) < 2 or min(nodes) < 1:
            raise ConfigError(f"nodes is {list(nodes)}, expected two or more numbers above 0")
        self.architecture: Architecture = make(kind, nodes, options)
        pairs = zip(self.architecture.nodes[:-1], self.architecture.nodes[1:], strict=True)
        self.layers = nn.ModuleList(nn.Linear(fan_in, fan_out) for fan_in, fan_out in pairs)
        for name, shape in self.architecture.shapes().items():
            if not self.architecture.is_of_layers(name):  # an RBM's own
                _, layer, own = name.split(".")
                self.layers[int(layer)].register_buffer(own, torch.zeros(shape))
        self.set_weights(self.architecture.initial_weights(seed))

    def logits(self, x: Tensor) -> Tensor:
        """x: (rows, nodes[0]) in [0, 1]. Returns (rows, nodes[-1]), before log-softmax or sigmoid."""
        return self._through(x, 0, len(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, nodes[0]) in [0, 1]. Returns log-probabilities (rows, classes), the reconstruction of an
        autoencoder, or the topmost features of RBMs."""
        return self.output(self.logits(x))

    def output(self, sums: Tensor) -> Tensor:
        """sums: (rows, outputs), what the last layer gives. Returns (rows, outputs) as `forward` does."""
        return LOSSES[self.architecture.loss].output(ENGINE, sums)

    def encode(self, x: Tensor) -> Tensor:
        """x: (rows, nodes[0]). Returns an autoencoder's code (rows, nodes[code])."""
        return self._through(x, 0, self._code())

    def decode(self, code: Tensor) -> Tensor:
        """code: (rows, nodes[code]). Returns an autoencoder's rows (rows, nodes[0])."""
        return self.output(self._through(code, self._code(), len(self.layers)))

    def _code(self) -> int:
        return code_of(self.architecture)

    def _through(self, x: Tensor, first: int, stop: int) -> Tensor:
        if first == 0 and self.architecture.visible == "gaussian":
            x = x * torch.as_tensor(self.layers[0].visible_scale)
        for i in range(first, stop):
            given = ACTIVATIONS[self.architecture.activations[i]].apply_(ENGINE, self.layers[i](x))
            x = x + given if self.architecture.adds[i] else given
        return x

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take over weights by name; raises ConfigError where a name or a shape does not fit."""
        self.architecture.check(weights, "the weights")
        self.load_state_dict({name: torch.from_numpy(np.array(w)) for name, w in weights.items()})

    def weights(self) -> Weights:
        """Give a copy of the weights as numpy arrays."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}


def build(arch: Architecture, weights: Mapping[str, np.ndarray]) -> Net:
    """The module of an architecture with these weights."""
    net = Net(len(arch.nodes), arch.nodes, kind=arch.kind, seed=0, **arch.options)
    net.set_weights(weights)
    return net
