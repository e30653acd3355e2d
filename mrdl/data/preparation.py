"""Decides by the statistics of the data how rows are scaled and which classes there are, or that they are unfit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from mrdl.data.labels import class_numbers
from mrdl.data.statistics import Statistics
from mrdl.data.target import problem
from mrdl.data.text.schema import Schema


@dataclass(frozen=True)
class Preparation:
    """How a row of the CSV becomes a row in [0, 1] and a class number; kept with every model.

    columns, label: the names of the features and of the label; classes: the labels in the order of their numbers.
    minimum, factor: (columns,) float32; a value becomes (value - minimum) * factor. With a threshold it becomes
    1 where it is above, else 0.
    class_rows: how many rows of the data have each class; empty where nobody knows.
    label_index: the label's place among the columns that were kept; dropped: the places of those that were not.

    preparation.scale(features), preparation.class_numbers(labels)
    """

    columns: tuple[str, ...]
    label: str
    label_index: int | None
    classes: tuple[str, ...]
    minimum: np.ndarray
    factor: np.ndarray
    threshold: float | None = None
    class_rows: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()

    @property
    def majority(self) -> str:
        """The most frequent class, the first of equals; "" where nobody knows."""
        return self.classes[self.class_rows.index(max(self.class_rows))] if self.class_rows else ""

    def scale(self, features: np.ndarray) -> np.ndarray:
        """Return features, (rows, columns) of any number type, as float32 in [0, 1].

        What lies outside the training range is cut.
        """
        with np.errstate(over="ignore"):  # what overflows is cut
            if self.threshold is not None:
                return (features > self.threshold).astype(np.float32)
            scaled = features.astype(np.float32)
            scaled -= self.minimum
            scaled *= self.factor
        return np.clip(scaled, 0.0, 1.0, out=scaled)

    def class_numbers(self, labels: Sequence[str]) -> np.ndarray:
        """Return the class number of each label, (rows,) int64; -1 for one that training never saw.

        It does not matter how a label is written: 1.0 is 1.
        """
        return class_numbers(labels, self.classes)


@dataclass(frozen=True)
class Scaling:
    """How values are scaled.

    how: column, common (one unit for all columns), or auto, as the statistics have it.
    threshold: above it a value is 1, else 0; None without one.
    taken: (minimum, factor), each (columns,), of the model that the training starts from, which the statistics do not
    change; None where it starts from nothing.
    """

    how: str = "auto"
    threshold: float | None = None
    taken: tuple[np.ndarray, np.ndarray] | None = None

    def to_meta(self) -> list[Any]:
        """Return what `from_meta` reads, as JSON has it."""
        return [self.how, self.threshold, [array.tolist() for array in self.taken or ()]]

    @classmethod
    def from_meta(cls, meta: Sequence[Any]) -> "Scaling":
        """Return the scaling that `to_meta` has written."""
        how, threshold, taken = meta
        arrays = [np.array(each, np.float32) for each in taken]
        return cls(how, threshold, (arrays[0], arrays[1]) if arrays else None)


def prepare(statistics: Statistics, schema: Schema, scaling: Scaling) -> Preparation:
    """Return the preparation that the statistics of all rows decide."""
    low, high = statistics.minimum, statistics.maximum
    if not statistics.training_rows:
        low, high = np.zeros_like(low), np.zeros_like(high)
    if scaling.how == "common" or (scaling.how == "auto" and looks_like_pixels(statistics)):
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    span = high.astype(np.float64) - low
    factor = np.divide(1.0, span, out=np.zeros_like(span), where=span > np.finfo(np.float32).tiny).astype(np.float32)
    learnable = schema.label is not None and not statistics.too_many_classes
    classes = tuple(sorted(statistics.classes, key=_class_order)) if learnable else ()
    low, factor = scaling.taken or (low, factor)
    counts = tuple(statistics.classes[name] for name in classes)
    return Preparation(
        schema.features,
        schema.label_name,
        schema.label_place,
        classes,
        low,
        factor,
        scaling.threshold,
        counts,
        schema.dropped,
    )


def looks_like_pixels(statistics: Statistics) -> bool:
    """Return whether one unit for all columns fits.

    So it does for whole numbers from 0 to 255 where most columns that vary reach the same height.
    """
    high = statistics.maximum[statistics.maximum > statistics.minimum]
    return bool(statistics.integral and len(high) and (high >= 0.9 * high.max()).mean() >= 0.5)


class Unfit(StrEnum):
    """What is unfit where data is not trained on."""

    ROWS = "rows"  # some cannot be read
    DATA = "data"  # too few rows, or a label that holds no classes
    NETWORK = "network"  # its layers, for data like this


@dataclass(frozen=True)
class Refusal:
    """Why data is not trained on. unfit: what has to change, which decides the error's class; text: in words."""

    unfit: Unfit
    text: str

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON has them."""
        return {"unfit": str(self.unfit), "text": self.text}

    @classmethod
    def from_json(cls, found: Mapping[str, str]) -> "Refusal":
        """Return the refusal that `to_json` has written."""
        return cls(Unfit(found["unfit"]), found["text"])


def refuse(
    statistics: Statistics, shards: int, skip_bad_rows: bool, supervised: bool, label: str = ""
) -> Refusal | None:
    """Return why these rows cannot be trained on; None where they can.

    shards: how many the rows are shared out to; skip_bad_rows: whether those may be left out; supervised: whether
    classes are learnt; label: its column's name.
    """
    rows = statistics.training_rows
    if statistics.bad_rows and not skip_bad_rows:
        return Refusal(Unfit.ROWS, f"{statistics.bad_rows} rows cannot be read")
    if not rows:
        kept_out = f": all {statistics.validation_rows} went to validation" if statistics.validation_rows else ""
        return Refusal(Unfit.DATA, f"there are no rows to train on{kept_out}")
    if rows < shards:
        return Refusal(Unfit.DATA, f"{shards} shards, but only {rows} rows to train on: use --shards {rows} or fewer")
    found = problem(label, statistics.classes) if supervised else None
    return Refusal(Unfit.DATA, found) if found else None


def _class_order(name: str) -> tuple[float, str]:
    """Return the place of a class: numbers by value, then text. A class list must not depend on the order of rows."""
    try:
        value = float(name)
    except ValueError:
        return math.inf, name
    return (value, name) if math.isfinite(value) else (math.inf, name)
