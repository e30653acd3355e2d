"""The optimisers by name, each a step on one flat tensor of all parameters, of one network or of many.

A small network's step is then a few operations in place of several for each layer; and torch.optim, at its first use,
loads torch's compiler, which takes as long as a small training.

What an optimiser remembers lasts as long as the training of a shard in one round: the next round begins at the combined
weights, of which the memory of one shard knows nothing, and a task stays a pure function of settings, round and shard.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MOMENTUM = 0.9  # of the designs of a sweep, and torch.optim.Adam's by default
SQUARES_KEPT, EPSILON = 0.999, 1e-8  # torch.optim.Adam's by default
LEAST_SQUARE = 1e-30  # the root of 0 and of denormal numbers would take many times as long

Update = Callable[[], None]
"""Changes the parameters by the gradients that are there now."""


def sgd(values: "Tensor", gradients: "Tensor", rate: "float | Tensor", momentum: float) -> Update:
    """A step of torch.optim.SGD, to the bit. values, gradients: (parameters,), or (networks, parameters) with a rate
    for each network, (networks, 1)."""
    import torch

    moves = torch.zeros_like(gradients)

    def update() -> None:
        moves.mul_(momentum).add_(gradients)
        if isinstance(rate, float):
            values.add_(moves, alpha=-rate)
        else:
            values.addcmul_(moves, rate, value=-1)

    return update


def adam(values: "Tensor", gradients: "Tensor", rate: "float | Tensor", momentum: float) -> Update:
    """A step of torch.optim.Adam (Kingma and Ba 2015), but for the last bits. momentum: its first beta; the rest as
    for `sgd`."""
    import torch

    means, squares, roots = (torch.zeros_like(gradients) for _ in range(3))
    rates = values.new_tensor(rate) if isinstance(rate, float) else rate
    steps = count(1)

    def update() -> None:
        n = next(steps)
        per = (1 - momentum**n) / rates
        means.lerp_(gradients, 1 - momentum)
        squares.mul_(SQUARES_KEPT).addcmul_(gradients, gradients, value=1 - SQUARES_KEPT)
        torch.add(squares, LEAST_SQUARE, out=roots).sqrt_()
        roots.mul_(per / math.sqrt(1 - SQUARES_KEPT**n)).add_(per * EPSILON)
        values.addcdiv_(means, roots, value=-1)

    return update


@dataclass(frozen=True)
class Optimizer:
    """How gradients move weights. start: gives the step of a training, `start(values, gradients, rate, momentum)`;
    learning_rate, momentum: its own, None where they are the network kind's."""

    start: Callable[["Tensor", "Tensor", "float | Tensor", float], Update]
    learning_rate: float | None = None
    momentum: float | None = None


OPTIMIZERS = {"sgd": Optimizer(sgd), "adam": Optimizer(adam, learning_rate=0.001, momentum=MOMENTUM)}
"""The optimisers by the name that the setting `optimizer` and a sweep's design have."""
