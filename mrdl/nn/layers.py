"""A trained network of layers, forward only."""

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.losses import LOSSES
from mrdl.nn.weights import Weights


class Layers:
    """What a network's layers make of rows, by an engine.

    Layers(arch, weights, engine).output(x)
    """

    def __init__(self, arch: Architecture, weights: Weights, engine: Engine) -> None:
        self._arch, self._engine = arch, engine
        depth = len(arch.nodes) - 1
        self._layers = [
            (engine.array(weights[f"layers.{i}.weight"]), engine.array(weights[f"layers.{i}.bias"]))
            for i in range(depth)
        ]
        scale = weights.get("layers.0.visible_scale")
        self._scale = None if scale is None else engine.array(scale)

    def forward(self, x: Array) -> Array:
        """x: (rows, nodes[0]) in [0, 1]. Gives log-probabilities (rows, outputs), the reconstruction of an
        autoencoder, or the topmost features of RBMs."""
        return self._output(self.sums(x))

    def sums(self, x: Array) -> Array:
        """x: (rows, nodes[0]) in [0, 1]. Gives (rows, nodes[-1]), before log-softmax or sigmoid."""
        return self._through(x, 0, len(self._layers))

    def encode(self, x: Array) -> Array:
        """x: (rows, nodes[0]). Gives an autoencoder's code (rows, nodes[code])."""
        return self._through(x, 0, self._code)

    def decode(self, code: Array) -> Array:
        """code: (rows, nodes[code]). Gives an autoencoder's rows (rows, nodes[0])."""
        return self._output(self._through(code, self._code, len(self._layers)))

    def _output(self, sums: Array) -> Array:
        return LOSSES[self._arch.loss].output(self._engine, sums)

    @property
    def _code(self) -> int:
        return code_of(self._arch)

    def _through(self, x: Array, first: int, stop: int) -> Array:
        """What layers from `first` to before `stop` make of x: (rows, nodes[first]) to (rows, nodes[stop])."""
        if first == 0 and self._scale is not None:
            x = x * self._scale
        for i in range(first, stop):
            sums = self._engine.affine(x, *self._layers[i])
            given = ACTIVATIONS[self._arch.activations[i]].apply_(self._engine, sums)
            x = x + given if self._arch.adds[i] else given
        return x


def code_of(arch: Architecture) -> int:
    """The index in `nodes` of an autoencoder's code. Raises ConfigError for a network that has none."""
    if arch.code is None:
        raise ConfigError(f"a network of kind {arch.kind!r} has no code, only an autoencoder has")
    return arch.code
