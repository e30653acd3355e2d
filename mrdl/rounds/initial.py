"""What a run begins with: the seed's weights, or those of a model that was trained before."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mrdl.data.inputs import columns_of
from mrdl.data.preparation import Scaling
from mrdl.data.schema import Schema
from mrdl.errors import ConfigError, brief
from mrdl.model.model import Model, load
from mrdl.nn.architecture import Architecture
from mrdl.nn.weights import Weights
from mrdl.settings.config import TrainConfig


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
            return cls(Scaling(config.scaling, config.threshold), dict(given or {}))
        model = load(config.start_from)
        _check_columns(model, schema, config.start_from)
        _check_settings(model, architecture, config)
        weights = _whole_layers(model, architecture)
        if not weights:
            raise ConfigError(
                f"{config.start_from} is a {model!r}: no layer of it is one of {list(architecture.nodes)}"
            )
        taken = (model.preparation.minimum, model.preparation.factor)
        scaling = Scaling(config.scaling, model.preparation.threshold, taken)
        return cls(scaling, weights, _first_stage(architecture, weights))

    @property
    def fitted_layers(self) -> tuple[int, ...]:
        """The layers whose visible biases the model that is started from has learnt."""
        return tuple(int(name.split(".")[1]) for name in self.weights if name.endswith(".visible_bias"))


def with_nodes_of_start(config: TrainConfig) -> TrainConfig:
    """The settings with the nodes of the model that the run starts from, where they name none.

    A model of another kind gives no nodes: a dbn may start from the layers of an rbm.
    """
    if config.nodes or not config.start_from:
        return config
    arch = load(config.start_from).arch
    return config.with_changes({"nodes": arch.nodes}) if arch.kind == config.kind else config


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


def _check_settings(model: Model, architecture: Architecture, config: TrainConfig) -> None:
    """Raise ConfigError where settings say otherwise what the model decides: its visible units and its scaling."""
    if architecture.visible and model.arch.visible not in ("", architecture.visible):
        raise ConfigError(f"{config.start_from} has {model.arch.visible} visible units: --visible {model.arch.visible}")
    if config.scaling != "auto" or config.threshold not in (None, model.preparation.threshold):
        raise ConfigError(f"rows are scaled as {config.start_from} has it: leave out --scaling and --threshold")


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
