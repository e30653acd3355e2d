"""Partial dependence (Friedman 2001): what a network says in the mean if one column had the same value in all rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from mrdl.data.types import CATEGORY, DATE, NUMBER
from mrdl.model.model import Model

POINTS = 20  # values of a column that are tried
ROWS = 1000  # that a value is tried on
EDGES = 0.01, 0.99  # quantiles that the values lie between
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Dependence:
    """How the answers of a network change with a column.

    kind: number, category or date; values: those that were tried, raw numbers, nan for a missing one; names: of them,
    for people; outputs: the classes, or the names of what is learnt; means: (values, outputs), what is said in the
    mean: probabilities, or numbers.
    """

    column: str
    kind: str
    values: tuple[float, ...]
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    means: np.ndarray

    @property
    def widest(self) -> int:
        """The output that changes most, its place; of two classes, which change alike, the second."""
        changes = np.ptp(self.means, axis=0)
        return int(np.flatnonzero(np.isclose(changes, changes.max()))[-1])


def outputs_of(model: Model) -> tuple[str, ...]:
    """Return the names of what `answers` gives."""
    targets = model.preparation.targets
    return targets.names if targets else model.classes


def answers(model: Model, features: np.ndarray) -> np.ndarray:
    """Return probabilities, of classes or flags, or numbers: (rows, outputs)."""
    targets = model.preparation.targets
    given = model.predict(features) if targets and not targets.flags else model.predict_proba(features)
    return given.reshape(len(features), -1)


def dependence(model: Model, features: np.ndarray, place: int) -> Dependence:
    """Return how the answers change with the column in a place; features: (rows, columns) raw, in the order of hashes.

    Of a category the most frequent levels are tried, of numbers and dates quantiles; and a missing value where there
    are some.
    """
    inputs = model.preparation.inputs
    types = model.preparation.types
    kind = types[place].kind if types else NUMBER
    column = features[:, place]
    values = _values(column, kind)
    rows = features[:ROWS].copy()
    means = []
    for value in values:
        rows[:, place] = value
        means.append(answers(model, rows).mean(0, dtype=np.float64))
    levels = inputs.dictionary.get(place, ())
    names = tuple(_name(float(value), kind, levels) for value in values)
    named = model.preparation.columns[place]
    return Dependence(named, kind, tuple(map(float, values)), names, outputs_of(model), np.array(means))


def _values(column: np.ndarray, kind: str) -> np.ndarray:
    """Return the values of a column, (rows,), that are tried, rising, a missing one last."""
    there = column[~np.isnan(column)]
    found, counts = np.unique(there, return_counts=True)
    if kind == CATEGORY:
        found = np.sort(found[np.argsort(-counts, kind="stable")[:POINTS]])
    elif len(found) > POINTS:
        found = np.unique(np.quantile(there, np.linspace(*EDGES, POINTS), method="nearest"))
    return found if len(there) == len(column) else np.append(found, np.float32(np.nan))


def _name(value: float, kind: str, levels: Sequence[str]) -> str:
    """Return a value for people."""
    if np.isnan(value):
        return "missing"
    if kind == CATEGORY:
        return levels[int(value)] if value >= 0 else "other"
    if kind == DATE:
        return (EPOCH + timedelta(days=value)).isoformat(" ", "minutes").removesuffix("+00:00").removesuffix(" 00:00")
    return f"{value:.5g}"
