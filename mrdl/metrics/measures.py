"""Measures by which a round is better than another: their names, and which way is better. Imports nothing heavy."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """rises: whether more is better; of: whether it is of answers that are classes, numbers or flags, or of any."""

    rises: bool
    of: tuple[str, ...]


CLASSES, NUMBERS, FLAGS = "class", "numbers", "flags"
MEASURES = {
    "loss": Measure(False, ()),
    "accuracy": Measure(True, (CLASSES, FLAGS)),
    "balanced_accuracy": Measure(True, (CLASSES, FLAGS)),
    "f1": Measure(True, (CLASSES, FLAGS)),
    "auc": Measure(True, (CLASSES, FLAGS)),
    "pr_auc": Measure(True, (CLASSES, FLAGS)),
    "brier": Measure(False, (CLASSES, FLAGS)),
    "rmse": Measure(False, (NUMBERS,)),
    "mae": Measure(False, (NUMBERS,)),
    "r2": Measure(True, (NUMBERS,)),
}
"""The values of the setting `stop_on`, which are names of measures in the scores of a round."""

RANKED = ("auc", "pr_auc")
"""The areas under curves, which are of each class against all others."""
MOST_RANKED = 100
"""Classes: of more the areas under curves are not gathered."""

ARGMAX = "argmax"
DECISIONS = (ARGMAX, "balanced_accuracy", "f1")
"""The values of the setting `decision`: the more probable class, or that by which a measure is highest."""


def worth(name: str, scores: Mapping[str, float]) -> float | None:
    """How good scores are by a measure, higher being better; None where it is not among them, or not finite.

    Where rows count differently in training the loss is that of rows that do: weighted_loss.
    """
    value = scores.get(name, math.nan)
    if name == "loss":
        value = scores.get("weighted_loss", value)
    return (value if MEASURES[name].rises else -value) if math.isfinite(value) else None


def fitting(wanted: str) -> list[str]:
    """The names of the measures of answers of a kind: class, numbers, flags, or another that has the loss alone."""
    return [name for name, measure in MEASURES.items() if not measure.of or wanted in measure.of]
