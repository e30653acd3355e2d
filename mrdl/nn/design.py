"""A design of a sweep: one architecture and how it is trained, with a name of its own by its contents."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.optimizers import OPTIMIZERS

CODE = "2"  # change it when the same design on the same data would end in other numbers
CODE_OF = {"numpy": "3"}  # back end -> its own, where it alone came to end in other ones
CHOICES = {
    "shape": ("equal", "funnel"),
    "activation": tuple(ACTIVATIONS),
    "initialisation": tuple(INITIALISATIONS),
    "residual": (False, True),
    "optimizer": tuple(OPTIMIZERS),
}
"""What a design may choose: axis of a sweep's space -> values."""

BOUNDS = {  # least, most, whole numbers only
    "depth": (0, 100_000, True),
    "width": (1, 1_000_000, True),
    "dropout": (0.0, 0.95, False),
    "batch_size": (1, 1_000_000, True),
    "learning_rate": (1e-9, 1e3, False),
    "epochs": (1, 1_000_000, True),
}


@dataclass(frozen=True)
class Design:
    """One architecture and how it is trained.

    hidden: nodes of each hidden layer; activation, initialisation, optimizer: of the tables of mrdl.nn; residual:
    whether a layer as wide as the one below adds what goes in; dropout: the share of what hidden layers give that each
    step leaves out; epochs: passes over the training rows; seed: of the weights and of the order of rows.

    Design((64, 32), optimizer="adam", learning_rate=0.002, epochs=10)
    """

    hidden: tuple[int, ...]
    activation: str = "relu"
    initialisation: str = "he"
    residual: bool = False
    dropout: float = 0.0
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 0.001
    epochs: int = 20
    seed: int = 0

    def canonical(self) -> str:
        """Give the one text of this design, from which its identity is made."""
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":"))

    def parameters(self, columns: int, classes: int) -> int:
        """Give the number of weights and biases, on data of so many columns and classes."""
        nodes = (columns, *self.hidden, classes)
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in zip(nodes[:-1], nodes[1:], strict=True))

    def arch_id(self, data: str, backend: str) -> str:
        """Give what names the result: a hash of the design, the digest of the data and its split, the back end and its
        version."""
        text = json.dumps([CODE_OF.get(backend, CODE), self.canonical(), data, backend])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def design_of(text: str) -> Design:
    """The design of a canonical text. Raises ConfigError where it is none."""
    try:
        about = json.loads(text)
        design = Design(**{**about, "hidden": tuple(about["hidden"])})
        whole = all(type(nodes) is int and 0 < nodes <= BOUNDS["width"][1] for nodes in design.hidden)
        if whole and design.canonical() == text and is_within_bounds(design):
            return design
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    told = f"{str(text)[:80]!r} is no design, as a ledger.db that is damaged may say"
    raise ConfigError(f"{told}: make it again with `mrdl sweep reindex`")


def is_within_bounds(design: Design) -> bool:
    """Whether each choice is one that can be trained."""
    for name, value in vars(design).items():
        if name in CHOICES and not (type(value) is type(CHOICES[name][0]) and value in CHOICES[name]):
            return False
        if name in ("batch_size", "epochs") and not (type(value) is int and 1 <= value <= BOUNDS[name][1]):
            return False
        if name in ("dropout", "learning_rate") and not (type(value) in (int, float) and 0 <= value < math.inf):
            return False
    return type(design.seed) is int and 0 <= design.seed < 2**63


def brief(hidden: Sequence[Any]) -> str:
    """The nodes of hidden layers as people read them: 16 x 32, 64-32-16, or none."""
    if len(hidden) > 3 and len(set(hidden)) == 1:
        return f"{len(hidden)} x {hidden[0]}"
    return "-".join(map(str, hidden)) or "none"


def layers(depth: int, width: int, shape: str) -> tuple[int, ...]:
    """Nodes of hidden layers: equal, or a funnel that ends at a quarter of the width."""
    if shape == "equal" or depth < 2:
        return (width,) * depth
    return tuple(max(1, round(width * 0.25 ** (i / (depth - 1)))) for i in range(depth))
