"""Which designs a back end cannot train, and why, told before anything runs; and how `mrdl train` trains one."""

from collections.abc import Sequence
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.backends.reference import refused_by_numpy
from mrdl.nn.design import Design
from mrdl.nn.optimizers import MOMENTUM
from mrdl.sweep.spec import Spec


def check(spec: Spec, designs: Sequence[Design]) -> None:
    """Raise ConfigError where not one of the designs of a spec can be trained."""
    if spec.route == "job" or spec.backend != "numpy":
        return
    reasons = {refused_by_numpy(design) for design in designs}
    if "" not in reasons:
        raise ConfigError(sorted(reasons)[0])


def settings_of_design(design: Design, columns: int, classes: int) -> dict[str, Any]:
    """The settings by which `mrdl train` trains a design on data of so many columns and classes. Its epochs are the
    budget, which is shared out among rounds."""
    return {
        "kind": "mlp",
        "nodes": (columns, *design.hidden, classes),
        "activation": design.activation,
        "residual": design.residual,
        "initialisation": design.initialisation,
        "dropout": design.dropout,
        "optimizer": design.optimizer,
        "momentum": MOMENTUM,
        "learning_rate": design.learning_rate,
        "batch_size": design.batch_size,
        "budget": design.epochs,
        "seed": design.seed,
    }
