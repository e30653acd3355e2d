"""What a run goes through: the settings that are left to mrdl, and the rounds, one after the other."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mrdl.data.preparation.fitness import Refusal, Unfit, refuse
from mrdl.data.preparation.preparation import Preparation, classes_of, prepare
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.row_weights import RowWeights
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.errors import ConfigError
from mrdl.metrics.measures import ARGMAX, MOST_RANKED, RANKED
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.engines.choice import choose
from mrdl.nn.kinds import character, design, outline
from mrdl.nn.losses import LOSSES
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.optimizers import OPTIMIZERS, SCHEDULES
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided, flag
from mrdl.settings.recipe import Size, filled
from mrdl.settings.samples import WARM_ROWS

# settings of what is trained by the gradient of a loss
BY_GRADIENT = ("optimizer", "weight_decay", "dropout", "label_smoothing", "initialisation")


def resolved(config: TrainConfig, size: Size | None = None) -> TrainConfig:
    """The settings with what is left to mrdl decided, by the recipe for the data and the number of shards.

    size: of the data; None: that of pixels. One shard is plain SGD, without a warm start, but an RBM's biases are
    fitted to its sample all the same.
    """
    config = filled(config, size or Size())
    warm_rows, warm_epochs = _warm_start(config)
    return dataclasses.replace(
        config,
        epochs=config.epochs or max(1, round(decided(config.budget) / decided(config.rounds))),
        outer_step=1.0 if config.shards == 1 else config.outer_step,
        warm_rows=warm_rows,
        warm_epochs=warm_epochs,
        weight_decay=_weight_decay(config),
        engine=_engine(config),
    )


def _warm_start(config: TrainConfig) -> tuple[int, int]:
    """The rows and the epochs of the warm start, as they are where there is one."""
    if config.shards > 1 and config.warm_rows and config.warm_epochs:
        return config.warm_rows, config.warm_epochs
    _, has_machines = character(config.kind, config.nodes, config.options)
    return (config.warm_rows or WARM_ROWS) if has_machines else 0, 0


def _weight_decay(config: TrainConfig) -> float:
    """That of the settings, else the optimiser's own."""
    return OPTIMIZERS[config.optimizer].weight_decay if config.weight_decay is None else config.weight_decay


def _engine(config: TrainConfig) -> str:
    """The engine by name; raises ConfigError where the one that is asked for cannot train the network."""
    like = outline(config.kind, config.nodes, config.options)
    return choose(config.engine, like, config.optimizer, config.device)


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

    @property
    def sampling(self) -> "Round":
        """The warm start that learns nothing, by which a run that goes on without its cache draws its sample again."""
        return dataclasses.replace(self, stage=0, stage_round=0, epochs=0)


def rounds_of(config: TrainConfig, stages: Sequence[Stage], first: int = 0) -> list[Round]:
    """The rounds of a run, one after the other: each stage's warm start, and then its rounds.

    config: resolved; stages: of the architecture; first: index of the stage that the run begins with.

        rounds_of(resolved(TrainConfig(shards=4)), mlp((784, 10)).stages)  # a warm start, numbered 0, and three rounds
    """
    found: list[Round] = []
    for i in range(first, len(stages)):
        for planned in _rounds_of_stage(config, stages, i):
            number = found[-1].number + 1 if found else planned.stage_round
            found.append(dataclasses.replace(planned, number=number))
    return found


def _rounds_of_stage(config: TrainConfig, stages: Sequence[Stage], i: int) -> Iterator[Round]:
    """The rounds of stage number i, numbered as if the run began with it."""
    stage = stages[i]
    of_layer = stage.layer is not None and stages[-1].layer is None  # below a dbn's fine-tuning
    rounds = (config.layer_rounds if of_layer else None) or decided(config.rounds)
    epochs = (config.layer_epochs if of_layer else None) or decided(config.epochs)
    rate = base_rate(config, stages, i)
    tells_sample = config.samples and config.shards > 1 and i == 0  # before the shards are scaled by it
    has_warm_start = config.warm_rows and (config.warm_epochs or stage.layer is not None or tells_sample)
    for stage_round in range(0 if has_warm_start else 1, rounds + 1):
        early = stage_round == 0 or (stage_round == 1 and not config.warm_epochs)
        yield Round(
            number=stage_round,
            stage=i,
            stage_round=stage_round,
            stage_rounds=rounds,
            epochs=epochs if stage_round else decided(config.warm_epochs),
            learning_rate=rate * share_of_rate(decided(config.schedule), stage, stage_round, rounds),
            momentum=_momentum(config, stage, early),
        )


def base_rate(config: TrainConfig, stages: Sequence[Stage], i: int) -> float:
    """The learning rate of stage number i before the schedule.

    That of the settings, else the optimiser's own, else the stage's.
    """
    stage = stages[i]
    if stage.layer is not None:
        below = stages[-1].layer is None  # a dbn's fine-tuning, of which learning_rate is
        return (config.layer_learning_rate if below else config.learning_rate) or stage.learning_rate
    return config.learning_rate or OPTIMIZERS[config.optimizer].learning_rate or stage.learning_rate


def _momentum(config: TrainConfig, stage: Stage, early: bool) -> float:
    """The momentum of the settings, else the optimiser's own, else the stage's.

    early: whether it is for the first epochs of the stage.
    """
    if config.momentum is not None:
        return config.momentum
    own = OPTIMIZERS[config.optimizer].momentum if stage.layer is None else None
    return stage.momenta[not early] if own is None else own


def share_of_rate(name: str, stage: Stage, stage_round: int, rounds: int) -> float:
    """The share of the learning rate that a schedule leaves in a round: all of it at first, and never none.

    name: of the schedule; stage_round: 0 for the warm start, then 1 to `rounds`. All of it stays to the steps of a
    round where they have rates of their own; those of RBMs have not.
    """
    schedule = SCHEDULES[name]
    return 1.0 if schedule.by_step and stage.layer is None else schedule.share(max(0, stage_round - 1) / rounds)


def hyperparameters(config: TrainConfig, planned: Round, learning_rate: float) -> Hyperparameters:
    """How the settings have a shard trained in a round. A warm start keeps its rate to its end.

    learning_rate: that of the round, or less for a shard that failed.
    """
    of_round = (planned.stage_round - 1) / planned.stage_rounds, planned.stage_round / planned.stage_rounds
    return Hyperparameters(
        epochs=planned.epochs,
        batch_size=decided(config.batch_size),
        learning_rate=learning_rate,
        momentum=planned.momentum,
        cd_steps=config.cd_steps,
        persistent=config.chains == "persistent",
        weight_cost=config.weight_cost,
        optimizer=config.optimizer,
        dropout=config.dropout,
        weight_decay=decided(config.weight_decay),
        label_smoothing=config.label_smoothing,
        schedule="constant" if planned.is_warm_start else decided(config.schedule),
        done=of_round,
    )


def architecture_of(config: TrainConfig, schema: Schema) -> Architecture:
    """The network as far as it is known before the data: its stages, but perhaps not the number of classes.

    Raises ConfigError for a setting that is of no use to it.
    """
    nodes = config.nodes
    if config.loss != "auto" and config.task != "regress":
        raise ConfigError(
            f"loss is {config.loss}, which is of numbers, but the label is not learnt as such: --task regress"
        )
    width = nodes[0] if nodes else len(schema.features)
    found = design(config.kind, nodes, width, len(schema.targets), config.options, config.hidden)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in BY_GRADIENT and value not in (field.default, 0.0) and not found.by_gradient:
            raise ConfigError(
                f"{field.name} is {value}, but a network of kind {config.kind!r} is trained by contrastive divergence, "
                f"which has no use for it: leave out {flag(field.name)}"
            )
    if config.label_smoothing and not LOSSES[found.loss].smooths:
        raise ConfigError(
            f"label_smoothing is {config.label_smoothing}, but a network of kind {config.kind!r} does not end in "
            "classes: leave out --label-smoothing"
        )
    return found


def network_of(config: TrainConfig, prepared: Preparation) -> Architecture:
    """The network for data that is prepared so; raises ConfigError where the nodes of the settings do not fit it."""
    return design(
        config.kind,
        config.nodes,
        prepared.width,
        prepared.outputs,
        config.options,
        config.hidden,
        columns=len(prepared.columns),
    )


def refusal_of(config: TrainConfig, schema: Schema, scaling: Scaling, statistics: Statistics) -> Refusal | None:
    """Why data with these statistics is not trained on with these settings; None where it can be.

    Asked of data that a job has just read, and of cached shards, which another run may have made. The layers of the
    network are left out as long as a sample that decides the inputs is not drawn.
    """
    task = config.task if config.supervised else ""
    if refusal := refuse(statistics, schema, config.shards, config.bad_rows == "skip", task):
        return refusal
    try:
        RowWeights.of(config.class_weight, schema, statistics)
        if config.decision != ARGMAX and len(statistics.classes) != 2:
            raise ConfigError(f"decision is {config.decision}, expected {ARGMAX}: there are not two classes")
        _check_measure(config, len(classes_of(statistics, schema)))
        if scaling.decides(statistics):
            network_of(config, prepare(statistics, schema, scaling))
    except ConfigError as error:
        return Refusal(Unfit.NETWORK, str(error))
    return None


def _check_measure(config: TrainConfig, classes: int) -> None:
    """Raise ConfigError where rounds are to be judged by a measure that is not told of so many classes."""
    if config.stop_on in RANKED and classes > MOST_RANKED and (config.keeps_best or config.patience):
        raise ConfigError(
            f"stop_on is {config.stop_on}, which is told of up to {MOST_RANKED} classes, and the label has "
            f"{classes}: say --stop-on loss or accuracy"
        )
