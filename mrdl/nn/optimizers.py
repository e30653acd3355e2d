"""The optimisers by name, each a step on one flat vector of all parameters, of one network or of many, and schedules.

A small network's step is then a few operations in place of several for each layer.

What an optimiser remembers lasts as long as the training of a shard in one round: the next round begins at the combined
weights, of which the memory of one shard knows nothing, and a task stays a pure function of settings, round and shard.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mrdl.nn.engines.engine import Start
from mrdl.nn.engines.table import EVERY

MOMENTUM = 0.9  # of the designs of a sweep, and torch.optim.Adam's by default


@dataclass(frozen=True)
class Optimizer:
    """How gradients move weights. start: gives the step of a training, `start(engine, values, gradients, rate,
    momentum, decay)`; learning_rate, momentum, weight_decay: its own, None where they are the network kind's; engines:
    by name, those that it can be computed by."""

    start: Start
    learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float = 0.0
    engines: tuple[str, ...] = EVERY


OPTIMIZERS = {
    "sgd": Optimizer(lambda engine, *training: engine.sgd(*training)),
    "adam": Optimizer(lambda engine, *training: engine.adam(*training), learning_rate=0.001, momentum=MOMENTUM),
    "adamw": Optimizer(
        lambda engine, *training: engine.adam(*training), learning_rate=0.001, momentum=MOMENTUM, weight_decay=0.01
    ),
}
"""The optimisers by the name that the setting `optimizer` and a sweep's design have."""


@dataclass(frozen=True)
class Schedule:
    """How a learning rate falls.

    share(done): what is left of it when so much of a stage's training is done, from 0 to 1; by_step: whether it falls
    from step to step, else from round to round.
    """

    share: Callable[[float], float]
    by_step: bool = False


def annealed(done: float) -> float:
    """(1 + cos(pi done)) / 2, by sums and products alone: a library's cosine may differ between nodes in the last bit.

    A Taylor series about 1/2, to the last term that a float64 has room for.
    """
    x, sine = math.pi * (0.5 - done), 1.0
    for k in range(21, 1, -2):
        sine = 1 - x * x / (k * (k - 1)) * sine
    return (1 + x * sine) / 2


SCHEDULES = {
    "constant": Schedule(lambda done: 1.0),
    "linear": Schedule(lambda done: 1 - done),
    "cosine": Schedule(lambda done: (1 + math.cos(math.pi * done)) / 2),
    "annealing": Schedule(annealed, by_step=True),
}
"""The schedules by the name that the setting `schedule` has."""
