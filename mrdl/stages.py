"""The stages in which a network is trained. Standard library alone."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """What some rounds train: one RBM of a stack, or the whole network by its loss.

    name: for people, empty where there is one stage only; layer: the RBM's, whose rows are the features of the layers
    below, None for the whole network; momenta: in the first epochs of all, and later.
    """

    name: str
    layer: int | None
    learning_rate: float
    momenta: tuple[float, float]


def is_supervised(kind: str, options: Mapping[str, str]) -> bool:
    """Whether a network of this kind learns classes, and so needs a label."""
    return kind == "mlp" or (kind == "dbn" and options.get("fine_tune", "classifier") == "classifier")
