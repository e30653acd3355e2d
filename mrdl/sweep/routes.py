"""What trains the designs of a sweep, told before anything runs; and how `mrdl train` trains one."""

from collections.abc import Sequence
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.backends.registry import BACKENDS, alone_of
from mrdl.nn.backends.training import architecture_of
from mrdl.nn.design import Design
from mrdl.nn.engines.choice import choose
from mrdl.nn.engines.table import AUTO
from mrdl.nn.optimizers import MOMENTUM, OPTIMIZERS
from mrdl.settings.fields import names_as_text
from mrdl.sweep.spec import Spec

OF_ENGINE = {"numpy": "batched-numpy", "torch": "torch"}  # where the back end is auto


def backend_of(spec: Spec, designs: Sequence[Design], loss: str = "nll") -> str:
    """The name of the back end that trains the designs of a spec: where that is auto, batched-numpy if numpy can train
    them all and no GPU is to be used, of numbers numpy, else torch. Raises ConfigError or SetupError where it cannot
    train here."""
    name = spec.backend
    if name == AUTO:
        kinds = {(design.activation, design.optimizer): design for design in designs}.values()
        engines = {choose(AUTO, architecture_of(one, 1, 1), one.optimizer, spec.device) for one in kinds}
        name = OF_ENGINE["torch" if "torch" in engines else "numpy"]
        name = (alone_of(name) or name) if loss != "nll" else name
    if loss != "nll" and (alone := alone_of(name)):
        raise ConfigError(f"sweep.backend {name!r} trains classifiers alone together, not numbers: {alone!r}, or auto")
    if name in BACKENDS:
        BACKENDS[name].check(spec.device)
    return name


def settings_of_data(spec: Spec) -> dict[str, Any]:
    """The settings by which `mrdl train` takes a table as a sweep does: the label, and the rows that are kept out."""
    return {
        "label": spec.label,
        "task": spec.task,
        "header": spec.header,
        **{name: v if isinstance(v, str) else names_as_text(v) for name, v in spec.columns.items()},
        "validation": spec.test_fraction,
    }


def settings_of_design(design: Design, columns: int, outputs: int) -> dict[str, Any]:
    """The settings by which `mrdl train` trains a design on data of so many columns and classes, or targets. Its epochs
    are the budget, which is shared out among rounds."""
    return {
        "kind": "mlp",
        "nodes": (columns, *design.hidden, outputs),
        "activation": design.activation,
        "residual": design.residual,
        "initialisation": design.initialisation,
        "dropout": design.dropout,
        "optimizer": design.optimizer,
        "momentum": MOMENTUM,
        "learning_rate": design.learning_rate,
        "batch_size": design.batch_size,
        "weight_decay": OPTIMIZERS[design.optimizer].weight_decay,
        "schedule": "constant",
        "budget": design.epochs,
        "seed": design.seed,
    }
