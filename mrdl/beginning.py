"""What a run begins with: the seed's weights, or those of a model that was trained before."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mrdl.architecture import Architecture, Weights
from mrdl.config import TrainConfig
from mrdl.errors import ConfigError
from mrdl.model import load
from mrdl.preparation import Scaling
from mrdl.schema import Schema


@dataclass(frozen=True)
class Beginning:
    """weights: those given, the seed decides the others; scaling: of the rows; stage: the first that is trained."""

    scaling: Scaling
    weights: Weights = field(default_factory=dict)
    stage: int = 0

    @classmethod
    def of(
        cls, config: TrainConfig, plan: Architecture, schema: Schema, initial: Mapping[str, np.ndarray] | None
    ) -> "Beginning":
        """What the settings say. Raises ConfigError where the model to start from does not fit the network or the data.

        plan: the network, as far as it is known; initial: weights of the caller's own.
        """
        if not config.start_from:
            return cls(Scaling(config.scaling, config.threshold), dict(initial or {}))
        model, wanted = load(config.start_from), plan.shapes()
        there, here = len(model.preparation.columns), len(schema.features)
        if there != here:
            raise ConfigError(
                f"{config.start_from} was trained on {there} columns, the data has {here} beside the label"
            )
        weights = {name: array for name, array in model.weights.items() if wanted.get(name) == array.shape}
        if not weights:
            raise ConfigError(f"{config.start_from} is a {model!r}: no layer of it is one of {list(plan.nodes)}")
        above = model.preparation.threshold
        taken = (model.preparation.minimum, model.preparation.factor)
        machines = [stage.layer for stage in plan.stages if stage.layer is not None]
        fitted = config.kind == "dbn" and all(f"layers.{layer}.visible_bias" in weights for layer in machines)
        scaling = Scaling(config.scaling, "" if above is None else repr(above), taken)
        return cls(scaling, weights, len(machines) if fitted else 0)
