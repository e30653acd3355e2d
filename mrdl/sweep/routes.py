"""Which designs a back end, or a job of its own, cannot train, and why: told before anything runs where it is all."""

from collections.abc import Sequence

from mrdl.errors import ConfigError
from mrdl.nn.backends.reference import refused_by_numpy
from mrdl.nn.design import Design
from mrdl.sweep.space import Spec


def check(spec: Spec, designs: Sequence[Design]) -> None:
    """Raise ConfigError where not one of the designs of a spec can be trained."""
    if spec.route == "job":
        reasons = {refused_by_train(design) for design in designs}
    else:
        reasons = {refused_by_numpy(design) for design in designs} if spec.backend == "numpy" else {""}
    if "" not in reasons:
        raise ConfigError(sorted(reasons)[0])


def refused_by_train(design: Design) -> str:
    """Why a design cannot be trained by `mrdl train`, which knows plain networks and SGD; empty where it can."""
    wrong = [
        text
        for text, is_so in (
            ("optimizer adam", design.optimizer != "sgd"), ("residual connections", design.residual),
            ("dropout", design.dropout > 0), ("activation linear", design.activation == "linear"),
            ("no hidden layer", not design.hidden),
            (f"initialisation {design.initialisation}", design.initialisation != _initialisation(design)),
        )
        if is_so
    ]  # fmt: skip
    return f"a job of its own trains plain networks by SGD, not {', '.join(wrong)}: route = 'pack'" if wrong else ""


def _initialisation(design: Design) -> str:
    """What `mrdl train` begins with: Xavier's uniform weights, with He's gain before ReLUs."""
    return "he" if design.activation == "relu" else "xavier"
