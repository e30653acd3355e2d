"""The optimisers by name, each a step on one flat vector of all parameters, of one network or of many.

A small network's step is then a few operations in place of several for each layer.

What an optimiser remembers lasts as long as the training of a shard in one round: the next round begins at the combined
weights, of which the memory of one shard knows nothing, and a task stays a pure function of settings, round and shard.
"""

from dataclasses import dataclass

from mrdl.nn.engines.engine import Start
from mrdl.nn.engines.table import EVERY

MOMENTUM = 0.9  # of the designs of a sweep, and torch.optim.Adam's by default


@dataclass(frozen=True)
class Optimizer:
    """How gradients move weights. start: gives the step of a training, `start(engine, values, gradients, rate,
    momentum)`; learning_rate, momentum: its own, None where they are the network kind's; engines: by name, those that
    it can be computed by."""

    start: Start
    learning_rate: float | None = None
    momentum: float | None = None
    engines: tuple[str, ...] = EVERY


OPTIMIZERS = {
    "sgd": Optimizer(lambda engine, *training: engine.sgd(*training)),
    "adam": Optimizer(lambda engine, *training: engine.adam(*training), learning_rate=0.001, momentum=MOMENTUM),
}
"""The optimisers by the name that the setting `optimizer` and a sweep's design have."""
