"""The initial weights by name: how far from zero those of a layer are drawn.

Whoever draws takes a generator of its own: runs numpy's, so that they do not depend on a node's torch, sweeps torch's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

LINEAR_GAIN = math.sqrt(2.0 / (1 + math.sqrt(5) ** 2))


@dataclass(frozen=True)
class Initialisation:
    """Weights and biases drawn uniformly between minus and plus a bound, by the numbers of nodes below and above.

    weight: (fan_in, fan_out, gain of the network's activations) -> bound; bias: (fan_in) -> bound, 0 where biases
    begin at zero.

    INITIALISATIONS["he"].weight(784, 100, 1.0)  # 0.087
    """

    weight: Callable[[int, int, float], float]
    bias: Callable[[int], float] = lambda fan_in: 0.0


def _scaled_xavier(fan_in: int, fan_out: int, gain: float) -> float:
    return float(gain * math.sqrt(6.0 / (fan_in + fan_out)))


def _he(fan_in: int, fan_out: int, gain: float) -> float:
    return math.sqrt(3.0) * (math.sqrt(2.0) / math.sqrt(fan_in))  # torch's kaiming_uniform_ for relu, to the bit


def _xavier(fan_in: int, fan_out: int, gain: float) -> float:
    return math.sqrt(3.0) * math.sqrt(2.0 / (fan_in + fan_out))  # torch's xavier_uniform_, to the bit


def _linear(fan_in: int, fan_out: int, gain: float) -> float:
    return math.sqrt(3.0) * (LINEAR_GAIN / math.sqrt(fan_in))  # torch.nn.Linear's, to the bit


def _linear_bias(fan_in: int) -> float:
    return 1 / math.sqrt(fan_in)


INITIALISATIONS = {
    "he": Initialisation(_he),
    "xavier": Initialisation(_xavier),
    "default": Initialisation(_linear, _linear_bias),
    "auto": Initialisation(_scaled_xavier),
}
"""he: He et al. 2015; xavier: Glorot and Bengio 2010; default: as torch.nn.Linear has it, biases too; auto: Xavier's,
with ReLU's gain where the network has one. The first three are the choices of a sweep."""
