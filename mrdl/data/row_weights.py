"""How much each row counts in training: by its class, and by a column of weights."""

from collections.abc import Sequence

import numpy as np

from mrdl.data.labels import class_numbers
from mrdl.errors import ConfigError, brief
from mrdl.settings.class_weight import BALANCED, NONE, by_class

SHOWN = 10  # classes that a message lists


def class_weights(said: str, classes: Sequence[str], class_rows: Sequence[int]) -> np.ndarray | None:
    """How much a row of each class counts, (classes,) float64, 1 in the mean of all rows; None where all count alike.

    said: the setting `class_weight`: balanced, so that each class counts as much in all, or a number by class, 1 for
    one that is not named; class_rows: rows of each in all the data, so that no split and no order shows. Raises
    ConfigError for a class that there is not.
    """
    if said == NONE:
        return None
    rows = np.array(class_rows, np.float64)
    if said == BALANCED:
        return rows.sum() / (len(rows) * rows)
    numbers = by_class(said)
    places = class_numbers(list(numbers), classes)
    if unknown := [name for name, place in zip(numbers, places, strict=True) if place < 0]:
        shown = ", ".join(brief(name, 40) for name in classes[:SHOWN]) + ", ..." * (len(classes) > SHOWN)
        raise ConfigError(f"class_weight names {brief(unknown[0], 40)}, which is no class: the classes are {shown}")
    weights = np.ones(len(classes))
    weights[places] = list(numbers.values())
    return weights * (rows.sum() / (rows * weights).sum())
