"""SGD and Adam as torch.optim has them by default, on one flat tensor of all parameters of one network or of many.

A small network's step is then a few operations in place of several for each layer; and torch.optim, at its first use,
loads torch's compiler, which takes as long as a small training.
"""

import math
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MOMENTUM = 0.9


def sgd(values: "torch.Tensor", slopes: "torch.Tensor", rates: "torch.Tensor") -> Callable[[], None]:
    """A step of torch.optim.SGD with momentum. values, slopes: (N, parameters); rates: (N, 1)."""
    moves = slopes.clone()

    def step() -> None:
        moves.mul_(MOMENTUM).add_(slopes)
        values.addcmul_(moves, rates, value=-1)

    return step


def adam(values: "torch.Tensor", slopes: "torch.Tensor", rates: "torch.Tensor") -> Callable[[], None]:
    """A step of torch.optim.Adam as it is by default. values, slopes: (N, parameters); rates: (N, 1)."""
    import torch

    means, squares, roots, steps = slopes.clone(), slopes.clone(), slopes.clone(), count(1)

    def step() -> None:
        n = next(steps)
        per = (1 - 0.9**n) / rates
        means.lerp_(slopes, 1 - 0.9)
        squares.mul_(0.999).addcmul_(slopes, slopes, value=1 - 0.999)
        torch.add(squares, 1e-30, out=roots).sqrt_()  # of 0 and of denormal numbers it would take many times as long
        roots.mul_(per / math.sqrt(1 - 0.999**n)).add_(per * 1e-8)
        values.addcdiv_(means, roots, value=-1)

    return step


OPTIMIZERS = {"sgd": sgd, "adam": adam}
