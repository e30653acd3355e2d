"""What a run goes through: its rounds, one after the other."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mrdl.data.schema import Schema
from mrdl.errors import ConfigError
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.kinds import design
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided, flag

BY_GRADIENT = ("optimizer", "dropout", "initialisation")  # settings of what is trained by the gradient of a loss


@dataclass(frozen=True)
class Round:
    """One planned round of a run: a job that trains every shard and combines them, or a stage's warm start.

    number: counts through the run, a warm start at its beginning being 0; stage: index in the architecture's stages;
    stage_round: counts through the stage's `stage_rounds`, 0 being its warm start; the rest: how it trains.
    """

    number: int
    stage: int
    stage_round: int
    stage_rounds: int
    epochs: int
    learning_rate: float
    momentum: float

    @property
    def is_warm_start(self) -> bool:
        """Whether it trains the sample that the stage starts with, and no shards."""
        return self.stage_round == 0


def rounds_of(config: TrainConfig, stages: Sequence[Stage], first: int = 0) -> list[Round]:
    """The jobs of a run, one after the other, for a resolved config: each stage's warm start and rounds, from
    stage number `first` on."""
    found: list[Round] = []
    for i, stage in enumerate(stages[first:], first):
        of_layer = stage.layer is not None and stages[-1].layer is None  # below a dbn's fine-tuning
        rounds = (config.layer_rounds if of_layer else None) or decided(config.rounds)
        epochs = (config.layer_epochs if of_layer else None) or decided(config.epochs)
        rate = base_rate(config, stages, i)
        warm = config.warm_rows and (config.warm_epochs or stage.layer is not None)
        for round_ in range(0 if warm else 1, rounds + 1):
            early = not round_ or (round_ == 1 and not config.warm_epochs)
            found.append(
                Round(
                    number=found[-1].number + 1 if found else round_,
                    stage=i,
                    stage_round=round_,
                    stage_rounds=rounds,
                    epochs=epochs if round_ else config.warm_epochs,
                    learning_rate=rate * share_of_rate(config.schedule, round_, rounds),
                    momentum=_momentum(config, stage, early),
                )
            )
    return found


def base_rate(config: TrainConfig, stages: Sequence[Stage], i: int) -> float:
    """The learning rate of stage number i before the schedule: what is said, else the optimiser's own, else the
    stage's."""
    stage = stages[i]
    if stage.layer is not None:
        below = stages[-1].layer is None  # a dbn's fine-tuning, of which learning_rate is
        return (config.layer_learning_rate if below else config.learning_rate) or stage.learning_rate
    return config.learning_rate or OPTIMIZERS[config.optimizer].learning_rate or stage.learning_rate


def _momentum(config: TrainConfig, stage: Stage, early: bool) -> float:
    """What is said, else the optimiser's own, else the stage's; early: in the first epochs of the stage."""
    if config.momentum is not None:
        return config.momentum
    own = OPTIMIZERS[config.optimizer].momentum if stage.layer is None else None
    return stage.momenta[not early] if own is None else own


def share_of_rate(schedule: str, round_: int, rounds: int) -> float:
    """The part of the learning rate that a schedule leaves in a round, 1 to `rounds`; it ends above 0."""
    done = (round_ - 1) / rounds if round_ else 0.0
    if schedule == "linear":
        return 1 - done
    if schedule == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    return 1.0


def architecture_of(config: TrainConfig, schema: Schema) -> Architecture:
    """The network as far as it is known before the data: its stages, but perhaps not the number of classes.

    Raises ConfigError for a setting that is of no use to it.
    """
    nodes = config.nodes
    found = design(config.kind, nodes, nodes[0] if nodes else len(schema.features), 0, config.options)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in BY_GRADIENT and value != field.default and not found.by_gradient:
            raise ConfigError(
                f"{field.name} is {value}, but a network of kind {config.kind!r} is trained by contrastive divergence, "
                f"which has no use for it: leave out {flag(field.name)}"
            )
    return found
