"""Decides by the statistics of the data what the inputs of a network are, and which classes there are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrdl.data.labels import class_numbers
from mrdl.data.preparation.choice import choose_inputs
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.statistics import Statistics
from mrdl.data.targets import Targets
from mrdl.data.text.schema import Schema
from mrdl.data.types import ColumnType


@dataclass(frozen=True)
class Preparation:
    """How a row of the CSV becomes a row of inputs and a class number; kept with every model.

    columns, label: the names of the features and of the label; classes: the labels in the order of their numbers.
    inputs: what becomes of each column.
    class_rows: how many rows of the data have each class; empty where nobody knows.
    label_index: the label's place among the columns that were kept; dropped: the places of those that were not.
    targets: the numbers or flags that are learnt in place of classes, None where there are none.

    types: what each column holds; empty where all hold plain numbers.

    preparation.scale(features), preparation.class_numbers(labels)
    """

    columns: tuple[str, ...]
    label: str
    label_index: int | None
    classes: tuple[str, ...]
    inputs: Inputs
    class_rows: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    targets: Targets | None = None
    types: tuple[ColumnType, ...] = ()

    @property
    def width(self) -> int:
        """Inputs that a row becomes: the nodes of a network's first layer."""
        return self.inputs.width

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        """The levels of each column of categories, by its name, in the order of the codes in raw rows."""
        return {self.columns[place]: tuple(names) for place, names in self.inputs.dictionary.items()}

    @property
    def majority(self) -> str:
        """The most frequent class, the first of equals; "" where nobody knows."""
        return self.classes[self.class_rows.index(max(self.class_rows))] if self.class_rows else ""

    def scale(self, features: np.ndarray) -> np.ndarray:
        """Return the inputs of features: (rows, width) float32 of (rows, columns) of any number type.

        What lies outside the training range is cut, and what is missing (nan) is 0.
        """
        return self.inputs.of(features)

    def with_own_dictionary(self) -> "Preparation":
        """Return the same for codes of the levels with an input of their own: those that `levels` names then."""
        return replace(self, inputs=self.inputs.with_own_dictionary())

    @property
    def usual(self) -> str:
        """What a baseline always says, for people: the most frequent class, or the mean of numbers."""
        return self.targets.usual if self.targets else self.majority

    @property
    def outputs(self) -> int:
        """Classes, or targets: what a network gives of a row beside what no label says."""
        return len(self.targets.names) if self.targets else len(self.classes)

    def wanted(self, features: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Return what a network is to give of raw rows, (rows, columns), the targets among them.

        That is (rows,) int64, the class numbers, or (rows, targets) float32. codes: (rows,) int32, of labels in names.
        """
        if self.targets:
            return self.targets.wanted(self.raw_targets(features))
        return self.class_numbers(names)[codes] if self.classes else codes.astype(np.int64)

    def raw_targets(self, features: np.ndarray) -> np.ndarray:
        """Return the targets among the columns of raw rows, (rows, columns): (rows, targets), none without any."""
        first = len(self.columns)
        return features[:, first : first + (len(self.targets.names) if self.targets else 0)]

    def class_numbers(self, labels: Sequence[str]) -> np.ndarray:
        """Return the class number of each label, (rows,) int64; -1 for one that training never saw.

        It does not matter how a label is written: 1.0 is 1.
        """
        return class_numbers(labels, self.classes)


def prepare(statistics: Statistics, schema: Schema, scaling: Scaling) -> Preparation:
    """Return the preparation that the statistics of all rows decide."""
    inputs = scaling.taken or choose_inputs(statistics, schema, scaling)
    classes = classes_of(statistics, schema)
    return Preparation(
        schema.features,
        schema.label_name,
        next(iter(schema.label_places), None),
        classes,
        inputs.with_dictionary({place: sorted(statistics.levels.get(place, {})) for place in inputs.categories}),
        tuple(statistics.classes[name] for name in classes),
        schema.left_out,
        Targets.of(statistics, schema),
        schema.feature_types[: len(schema.features)] if schema.types else (),
    )


def classes_of(statistics: Statistics, schema: Schema) -> tuple[str, ...]:
    """Return the classes of all rows, in the order of their numbers; none where there is no label to learn."""
    learnable = schema.label is not None and not statistics.too_many_classes
    return tuple(sorted(statistics.classes, key=_class_order)) if learnable else ()


def _class_order(name: str) -> tuple[float, str]:
    """Return the place of a class: numbers by value, then text. A class list must not depend on the order of rows."""
    try:
        value = float(name)
    except ValueError:
        return math.inf, name
    return (value, name) if math.isfinite(value) else (math.inf, name)
