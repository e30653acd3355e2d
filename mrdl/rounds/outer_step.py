"""From the mean of the shards to the weights of the next round: the outer step.

The mean is short of steps, not of agreement: each shard took a fraction of one machine's steps, so the mean has gone
too short a way. Momentum from round to round makes up for it (Nesterov's, as Douillard et al. 2023 have it), and
the length of the step is searched on the validation rows. With momentum 0 and length 1 the result is the mean.

Each part is a plain function; `momentum` 0 and a `loss` of None leave the part out.
"""

from collections.abc import Callable

import numpy as np

from mrdl.nn.weights import Weights

LENGTHS = (0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0)
GAIN = 0.03  # what another length must gain: the loss alone would shorten the steps, and cost accuracy rounds later


def nesterov(start: Weights, mean: Weights, velocity: Weights, momentum: float) -> tuple[Weights, Weights]:
    """The step (float64) and the new velocity. velocity: of the round before, empty in the first one."""
    step, new = {}, {}
    for name, before in start.items():
        change = mean[name].astype(np.float64) - before
        moved = momentum * velocity[name].astype(np.float64) if name in velocity else 0.0
        new[name] = (moved + change).astype(np.float32)  # as it is kept: a resumed run goes on from the same number
        step[name] = momentum * new[name].astype(np.float64) + change
    return step, new


def along(start: Weights, step: Weights, length: float) -> Weights:
    """start + length * step, float32."""
    return {name: (before + length * step[name]).astype(np.float32) for name, before in start.items()}


def best_length(loss: Callable[[float], float]) -> float:
    """A length among LENGTHS, sought from 1 upward and downward as long as each is better by GAIN than the one before.

    A loss of nan counts as infinite. Most rounds ask for three losses.
    """
    asked: dict[int, float] = {}

    def at(i: int) -> float:
        if i not in asked:
            value = loss(LENGTHS[i])
            asked[i] = value if np.isfinite(value) else np.inf
        return asked[i]

    best = LENGTHS.index(1.0)
    for way in (1, -1):
        while 0 <= best + way < len(LENGTHS) and at(best + way) < (1 - GAIN) * at(best):
            best += way
    return LENGTHS[best]
