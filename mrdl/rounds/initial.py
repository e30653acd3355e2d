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
    """weights: those given, the seed decides the others; scaling: of the rows; stage: the first that is trained."""

    scaling: Scaling
    weights: Weights = field(default_factory=dict)
    stage: int = 0

    @classmethod
    def of(
        cls, config: TrainConfig, plan: Architecture, schema: Schema, initial: Mapping[str, np.ndarray] | None
    ) -> "Initial":
        """What the settings say. Raises ConfigError where the model to start from does not fit the network or the data.

        plan: the network, as far as it is known; initial: weights of the caller's own.
        """
        if not config.start_from:
            return cls(Scaling(config.scaling, config.threshold), dict(initial or {}))
        model = load(config.start_from)
        there, here = len(model.preparation.columns), len(schema.features)
        if there != here:
            raise ConfigError(
                f"{config.start_from} was trained on {there} columns, the data has {here} beside the label"
            )
        known = columns_of(model.preparation)
        if known.named and schema.header_crc is not None and known.names != schema.features:
            wrong = next(i for i, name in enumerate(known.names) if name != schema.features[i])
            raise ConfigError(
                f"column {brief(schema.features[wrong])} of the data is {brief(known.names[wrong])} in "
                f"{config.start_from}: give columns the same names, in the same order"
            )
        if plan.visible and model.arch.visible not in ("", plan.visible):
            raise ConfigError(
                f"{config.start_from} has {model.arch.visible} visible units: --visible {model.arch.visible}"
            )
        above = model.preparation.threshold
        if config.scaling != "auto" or config.threshold not in (None, above):
            raise ConfigError(f"rows are scaled as {config.start_from} has it: leave out --scaling and --threshold")
        weights = _whole_layers(model, plan)
        if not weights:
            raise ConfigError(f"{config.start_from} is a {model!r}: no layer of it is one of {list(plan.nodes)}")
        taken = (model.preparation.minimum, model.preparation.factor)
        scaling = Scaling(config.scaling, above, taken)
        machines = [stage.layer for stage in plan.stages if stage.layer is not None]
        there_are = [f"layers.{layer}.visible_bias" in weights for layer in machines]
        first = (*there_are, False).index(False) if plan.stages[-1].layer is None else 0
        return cls(scaling, weights, first)

    @property
    def fitted_layers(self) -> tuple[int, ...]:
        """The layers whose visible biases were learnt already."""
        return tuple(int(name.split(".")[1]) for name in self.weights if name.endswith(".visible_bias"))


def with_nodes_of_start(config: TrainConfig) -> TrainConfig:
    """The nodes of the model that the run starts from, where none are given and it is of the same kind."""
    if config.nodes or not config.start_from:
        return config
    arch = load(config.start_from).arch
    return config.with_changes({"nodes": arch.nodes}) if arch.kind == config.kind else config


def _whole_layers(model: Model, plan: Architecture) -> Weights:
    """The tensors of the model's layers that are layers of the network, too: all of a layer, or none of it."""
    wanted, found = plan.shapes(), Weights()
    for layer, activation in enumerate(plan.activations):
        names = [name for name in wanted if name.startswith(f"layers.{layer}.")]
        fits = all(name in model.weights and model.weights[name].shape == wanted[name] for name in names)
        as_machine = f"layers.{layer}.visible_bias" in names
        if fits and not (as_machine and model.arch.activations[layer] != activation):
            found.update({name: model.weights[name] for name in names})
    return found
