"""What a run is before its first job: the data looked at, the settings completed by it, the weights it begins with."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrdl.data.contents import contents_of
from mrdl.data.inputs import columns_of
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.source import Source
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY, DATE, HASH, NUMBER, PLAIN, ColumnType
from mrdl.errors import ConfigError, brief
from mrdl.mapreduce.runners import Runner
from mrdl.metrics.measures import ARGMAX, fitting
from mrdl.model.model import Model, load
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.weights import Weights, digest
from mrdl.rounds.extensions import code_of_run
from mrdl.rounds.job import RoundJob
from mrdl.rounds.plan import Round, architecture_of, resolved, rounds_of
from mrdl.rounds.validation import Holdout
from mrdl.settings.class_weight import NONE
from mrdl.settings.config import TrainConfig
from mrdl.settings.decides import DATA, MODEL
from mrdl.settings.fields import flag
from mrdl.settings.recipe import PIXELS, TABLE, Size, told
from mrdl.settings.samples import WARM_ROWS
from mrdl.settings.user_code import check_for_tasks
from mrdl.shards.cache import ShardCache, shard_cache


@dataclass(frozen=True)
class Setup:
    """A run that can begin.

    config: the settings, resolved, with the label and the nodes that data or a model to start from decide; label: which
    column that is, and why, for people; recipe: what was decided for a table, for people; architecture: the network, as
    far as it is known before the data was read; initial: what it starts from; rounds: all of them; holdout: the CSV
    that the network is tested on.
    """

    source: Source
    config: TrainConfig
    runner: Runner
    job_class: type[RoundJob]
    label: str
    recipe: str
    architecture: Architecture
    initial: "Initial"
    rounds: tuple[Round, ...]
    holdout: Holdout

    @classmethod
    def of(
        cls,
        data: str,
        config: TrainConfig,
        runner: Runner,
        job_class: type[RoundJob],
        weights: Mapping[str, np.ndarray] | None,
    ) -> "Setup":
        """Look at the data and check that all fits together.

        config: as the user left it; weights: the caller's own to start from. Raises ConfigError, DataError or
        SetupError, which say what is wrong, before anything runs.
        """
        runner.check(config.python_bin, config.mrjob_conf)
        if not runner.runs_here:
            check_for_tasks(code_of_run(config, job_class), job_class)
        source = Source.look_at(data, config)
        is_plain = job_class.parse is RoundJob.parse  # and the data is the CSV that it looks like
        if source.is_table and not is_plain:
            raise ConfigError(f"{data}: `parse` of a job reads lines of text, but these are column files")
        if not is_plain:
            _check_for_own_parse(config)
        source, config, label = source.decided(config, judged=is_plain)
        if is_plain:
            source.check_columns(foreign=config.bad_rows == "skip")
        asked = config = with_nodes_of_start(config)
        size = size_of(source, is_plain)
        config = resolved(asked, size)
        architecture = architecture_of(config, source.schema)
        _check_judgement(config, architecture)
        config = with_scaling(config, architecture, size.contents)
        initial = Initial.of(config, architecture, source.schema, weights)
        rounds = tuple(rounds_of(config, architecture.stages, initial.stage))
        holdout = Holdout.of(config, source, plain=is_plain)
        recipe = told(asked, config, size)
        return cls(source, config, runner, job_class, label, recipe, architecture, initial, rounds, holdout)

    @property
    def schema(self) -> Schema:
        """The columns of the data."""
        return self.source.schema

    def cache(self) -> ShardCache:
        """The cache of the run's shards."""
        return shard_cache(self.source, self.config, self.runner.home("shards"), self.job_class)

    def stage_of(self, planned: Round) -> Stage:
        """The stage that a round trains."""
        return self.architecture.stages[planned.stage]

    def name_of(self, planned: Round) -> str:
        """A round for people, as `layer 1, round 2/3`."""
        number = f"round {planned.stage_round}/{planned.stage_rounds}" if planned.stage_round else "warm start"
        stage = self.stage_of(planned).name
        return f"{stage}, {number}" if stage else number

    def identity(self) -> dict[str, Any]:
        """What run.json says of the run: a new name, and the digests of data, settings and code that make it this one
        and no other."""
        settings = self.config.said((DATA, MODEL), but=self._may_change)
        if self.initial.weights:
            settings["initial"] = digest(self.initial.weights)
        name = f"mrdl-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        code = code_of_run(self.config, self.job_class).digests
        return {"name": name, "data": self.source.identity(), "settings": settings, "code": code}

    @property
    def settings_digest(self) -> str:
        """The digest of the settings that decide what a round learns."""
        return self.config.digest((DATA, MODEL), but=self._may_change)

    @property
    def _may_change(self) -> tuple[str, ...]:
        """Settings that a run may go on with changed: more rounds of the same run are the same run, unless a later
        stage or the schedule builds on their number."""
        longer = self.config.schedule == "constant" and len(self.architecture.stages) == 1
        return ("budget", "rounds") if longer else ("budget",)


@dataclass(frozen=True)
class Initial:
    """What a run begins with.

    scaling: of the rows; weights: those that are given, the seed decides the others; stage: index of the first that is
    trained, above 0 where a model that is started from has all RBMs of a dbn's lowest layers.
    """

    scaling: Scaling
    weights: Weights = field(default_factory=dict)
    stage: int = 0

    @classmethod
    def of(
        cls,
        config: TrainConfig,
        architecture: Architecture,
        schema: Schema,
        given: Mapping[str, np.ndarray] | None = None,
    ) -> "Initial":
        """What the settings say, by the model that they name to start from if they do.

        architecture: the network, as far as it is known; schema: the columns of the data; given: weights of the
        caller's own, which only a run without such a model takes. Raises ConfigError where the model does not fit the
        network, the data or the settings.
        """
        if not config.start_from:
            return cls(Scaling.of(config, schema), dict(given or {}))
        model = load(config.start_from)
        _check_columns(model, schema, config.start_from)
        _check_settings(model, architecture, config)
        weights = _whole_layers(model, architecture)
        if not weights:
            raise ConfigError(
                f"{config.start_from} is a {model!r}: no layer of it is one of {list(architecture.nodes)}"
            )
        inputs = model.preparation.inputs
        scaling = Scaling(config.scaling, inputs.threshold, taken=inputs)
        return cls(scaling, weights, _first_stage(architecture, weights))

    @property
    def fitted_layers(self) -> tuple[int, ...]:
        """The layers whose visible biases the model that is started from has learnt."""
        return tuple(int(name.split(".")[1]) for name in self.weights if name.endswith(".visible_bias"))


def with_scaling(config: TrainConfig, architecture: Architecture, contents: str) -> TrainConfig:
    """The settings with the scaling that suits the data, where it was left to mrdl, and with rows for its sample.

    architecture: the network, as far as it is known; contents: of the data, see mrdl.data.contents. Raises ConfigError
    where what is scaled so is no input of the network.
    """
    bounded = config.threshold is not None or not architecture.takes_any_input
    classifies = not bounded and not architecture.visible
    if config.scaling == "auto" and contents == TABLE and classifies and not config.start_from:
        config = config.with_changes({"scaling": "standard"})
    if config.scaling == "standard" and bounded:
        what = "a threshold makes" if config.threshold is not None else f"a network of kind {config.kind!r} needs"
        raise ConfigError(f"scaling is standard, but {what} values from 0 to 1: leave it out, or --scaling column")
    if config.samples and not config.warm_rows:
        config = config.with_changes({"warm_rows": WARM_ROWS, "warm_epochs": 0})
    return config


def size_of(source: Source, is_plain: bool) -> Size:
    """What the head of the data tells of all of it. is_plain: whether it is read as a CSV, and no other format."""
    contents = contents_of(source.head) if is_plain else PIXELS
    return Size(contents, source.about_rows, len(source.schema.features))


def with_nodes_of_start(config: TrainConfig) -> TrainConfig:
    """The settings with the nodes of the model that the run starts from, where they name none, or those between alone.

    A model of another kind gives no nodes: a dbn may start from the layers of an rbm.
    """
    if config.nodes or not config.start_from:
        return config
    arch = load(config.start_from).arch
    if arch.kind != config.kind:
        return config
    last = arch.nodes[-1 if arch.code is None else arch.code]
    top = () if arch.top_machine is not None else (last,)
    nodes = (arch.nodes[0], *config.hidden, *top) if config.hidden else arch.nodes
    return config.with_changes({"nodes": nodes, "hidden": ()})


def _check_for_own_parse(config: TrainConfig) -> None:
    """Raise ConfigError for a setting that has no effect on rows that a job's own `parse` reads."""
    said = [name for name in (NUMBER, CATEGORY, HASH, DATE) if getattr(config, name)]
    if said:
        raise ConfigError(
            f"{said[0]} is {', '.join(getattr(config, said[0]))}, but the columns are what `parse` of the job gives: "
            f"leave out {flag(said[0])}"
        )


def _check_judgement(config: TrainConfig, architecture: Architecture) -> None:
    """Raise ConfigError where the network has not the measure by which a round is to be better than another, or has no
    classes that may count differently."""
    if config.class_weight != NONE and LOSSES[architecture.loss].wanted is not Wanted.CLASS:
        raise ConfigError(
            f"class_weight is {config.class_weight}, but a network of kind {config.kind!r} with the loss "
            f"{architecture.loss!r} learns no classes: leave it out"
        )
    if config.decision != ARGMAX and LOSSES[architecture.loss].wanted is not Wanted.CLASS:
        raise ConfigError(f"decision is {config.decision}, which is of classes, but none are learnt: leave it out")
    known = fitting(LOSSES[architecture.loss].wanted)
    if config.stop_on not in known:
        raise ConfigError(
            f"stop_on is {config.stop_on}, which a network of kind {config.kind!r} with the loss {architecture.loss!r} "
            f"has not: expected one of {', '.join(known)}"
        )


def _check_columns(model: Model, schema: Schema, name: str) -> None:
    """Raise ConfigError where the model was trained on other columns than the data has. name: of the model's file."""
    there, here = len(model.preparation.columns), len(schema.features)
    if there != here:
        raise ConfigError(f"{name} was trained on {there} columns, the data has {here} beside the label")
    known = columns_of(model.preparation)
    if known.named and schema.header_crc is not None and known.names != schema.features:
        wrong = next(i for i, column in enumerate(known.names) if column != schema.features[i])
        raise ConfigError(
            f"column {brief(schema.features[wrong])} of the data is {brief(known.names[wrong])} in "
            f"{name}: give columns the same names, in the same order"
        )
    taken_for = model.preparation.types or (PLAIN,) * there
    for column, found, known_type in zip(schema.features, schema.feature_types, taken_for, strict=True):
        if (found.kind, found.buckets) != (known_type.kind, known_type.buckets):
            said = f"{brief(column)}={known_type.buckets}" if known_type.buckets else brief(column)
            raise ConfigError(
                f"column {brief(column)} of the data is taken for a {_told(found)}, in {name} it is a "
                f"{_told(known_type)}: say --{known_type.setting} {said}, or start from a model of such a column"
            )


def _told(column: ColumnType) -> str:
    """Return what a column holds, for people."""
    return f"{column.setting} of {column.buckets} buckets" if column.buckets else column.kind


def _check_settings(model: Model, architecture: Architecture, config: TrainConfig) -> None:
    """Raise ConfigError where settings say otherwise what the model decides: its visible units and its scaling."""
    if architecture.visible and model.arch.visible not in ("", architecture.visible):
        raise ConfigError(f"{config.start_from} has {model.arch.visible} visible units: --visible {model.arch.visible}")
    inputs = model.preparation.inputs
    said = (config.scaling, config.missing, config.fill, config.levels) != ("auto", "auto", (), TrainConfig.levels)
    if said or config.threshold not in (None, inputs.threshold):
        raise ConfigError(
            f"rows are scaled as {config.start_from} has it: leave out --scaling, --missing, --fill, --levels and "
            "--threshold"
        )


def _first_stage(architecture: Architecture, weights: Weights) -> int:
    """The index of the first stage to be trained: a dbn's RBMs are passed over as long as their weights are there."""
    if architecture.stages[-1].layer is not None:
        return 0
    layers = [stage.layer for stage in architecture.stages if stage.layer is not None]
    return next(
        (i for i, layer in enumerate(layers) if f"layers.{layer}.visible_bias" not in weights),
        len(layers),
    )


def _whole_layers(model: Model, architecture: Architecture) -> Weights:
    """The tensors of the model's layers that are layers of the network, too: all of a layer, or none of it."""
    wanted, found = architecture.shapes(), Weights()
    for layer, activation in enumerate(architecture.activations):
        names = [name for name in wanted if name.startswith(f"layers.{layer}.")]
        fits = all(name in model.weights and model.weights[name].shape == wanted[name] for name in names)
        as_machine = f"layers.{layer}.visible_bias" in names
        if fits and not (as_machine and model.arch.activations[layer] != activation):
            found.update({name: model.weights[name] for name in names})
    return found
