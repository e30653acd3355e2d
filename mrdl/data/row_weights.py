"""How much each row counts in training: by its class, and by a column of weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.data.labels import class_numbers
from mrdl.data.preparation.preparation import classes_of
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.errors import ConfigError, brief
from mrdl.settings.class_weight import BALANCED, NONE, by_class

SHOWN = 10  # classes that a message lists
LEAST_ROWS, LEAST_SHARE = 100, 0.01  # of rows that count alike: with fewer, weights are told to be uneven


@dataclass(frozen=True)
class RowWeights:
    """How much rows count in training, 1 in the mean. by_class: (classes,) float64, None where all count alike; mean:
    of the column of weights over the training rows, None without one.

    RowWeights.of("balanced", schema, statistics).of_rows(features, targets)
    """

    by_class: np.ndarray | None
    mean: float | None

    @classmethod
    def of(cls, said: str, schema: Schema, statistics: Statistics) -> "RowWeights":
        """Return those of a table with these statistics; raises ConfigError for a class that there is not.

        said: the setting `class_weight`.
        """
        classes = classes_of(statistics, schema)
        by_class = class_weights(said, classes, [statistics.classes[name] for name in classes])
        return cls(by_class, None if schema.weight is None else statistics.targets[-1].mean)

    def of_rows(self, features: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
        """Return the weights of raw rows, (rows, columns), the weight last: (rows,) float32; None where all are alike.

        targets: (rows,) int64, the classes, -1 for one that there is not, or (rows, targets).
        """
        if self.by_class is None and self.mean is None:
            return None
        weights = np.ones(len(features))
        if self.mean is not None:
            weights *= features[:, -1] / self.mean
        if self.by_class is not None:
            weights *= np.append(self.by_class, 1.0)[targets]
        return weights.astype(np.float32)


def why_no_weights(statistics: Statistics, schema: Schema) -> str:
    """Return why a column is none of weights, and what to do; "" where it is one, or there is none."""
    if schema.weight is None:
        return ""
    name, least, most = brief(schema.columns[schema.weight]), statistics.minimum[-1], statistics.maximum[-1]
    if least < 0:
        return f"the weights in column {name} go down to {least:g}, expected 0 or more in each row"
    return f"the weights in column {name} are all 0: there is nothing to learn" if not most else ""


def told_uneven(statistics: Statistics, schema: Schema) -> str:
    """Return that a few rows have nearly all the weight; "" where they have not, or there is no column of weights.

    By Kish's effective size: with weights of such a spread as many rows tell as much as so many that count alike.
    """
    if schema.weight is None:
        return ""
    moments = statistics.targets[-1]
    alike = moments.rows / (1 + (moments.deviation / moments.mean) ** 2)
    if moments.rows < LEAST_ROWS or alike >= LEAST_SHARE * moments.rows:
        return ""
    name = brief(schema.columns[schema.weight], 40)
    return (
        f"a few of {moments.rows:,} rows have nearly all the weight: the weights in column {name} go up to "
        f"{statistics.maximum[-1]:g}, {moments.mean:g} in the mean, so that the rest is hardly learnt. If this is not "
        "meant, bound the weights"
    )


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
