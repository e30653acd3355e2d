"""Two or more sweeps of the same designs on several data sets: what holds on all of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.errors import ConfigError
from mrdl.reports import analysis
from mrdl.reports.comparison.ranks import Correlation, concordance, correlation, ranks
from mrdl.reports.comparison.rules import CHOICES, Rule, rules_of
from mrdl.reports.comparison.sides import Side, match, same_epochs, side_of
from mrdl.sweep.folder import SweepFolder

if TYPE_CHECKING:
    import pandas as pd

BEST = 10  # designs that are told
POINTS = 6_000  # of all pairs together, drawn at random from more


@dataclass(frozen=True)
class Pair:
    """Two sides. found: how alike they rank the designs that they share; healthy: the same of those that collapsed on
    neither; points: (points, 2) ranks of designs, the best is 1."""

    first: int
    second: int
    found: Correlation
    healthy: Correlation
    points: np.ndarray


@dataclass(frozen=True)
class Transfer:
    """What comes of the best design of one side on another: its rank of so many there, and how far below the best."""

    of: int
    on: int
    rank: float
    designs: int
    loss: float


@dataclass(frozen=True)
class Good:
    """A design that is good on all sides. design: its choices; mean_rank; ranks, scores: on each side; arch_ids: its
    name in each sweep, of several seeds the first."""

    design: Mapping[str, Any]
    mean_rank: float
    ranks: tuple[float, ...]
    scores: tuple[float, ...]
    arch_ids: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What two or more sweeps say together.

    sides: the sweeps; epochs: of the designs that are compared, where one was halved; shared: designs that all have
    done; varying: their choices that have several values; pairs, transfers: of two sides each; agreement: Kendall's W
    of all; rules: of design; best: designs by their mean rank; matters: of each side the share of variance that each
    choice explains; luck: of each side the deviation between seeds, and its share of the variance.
    """

    sides: tuple[Side, ...]
    epochs: int | None
    shared: int
    varying: tuple[str, ...]
    pairs: tuple[Pair, ...]
    transfers: tuple[Transfer, ...]
    agreement: float
    rules: tuple[Rule, ...]
    best: tuple[Good, ...]
    matters: tuple[Mapping[str, float], ...]
    luck: tuple[tuple[float, float], ...]


def compare(sweeps: Mapping[str, SweepFolder], seed: int = 0) -> Comparison:
    """Compare sweeps by the designs that they share, each by the mean over its seeds.

    sweeps: two or more, each by a name; seed: of the points that are drawn. Raises ConfigError where one shares no
    design with any other, or its files are damaged.

    compare({name: SweepFolder(f"sweeps/{name}") for name in ("iris", "digits")}).agreement
    """
    if len(sweeps) < 2:
        raise ConfigError(f"{len(sweeps)} sweep was named, expected two or more: mrdl sweep compare A B")
    sides, epochs = same_epochs([side_of(name, sweep) for name, sweep in sweeps.items()])
    matched = match(sides)
    scores = matched.dropna()
    shared, values = list(scores.index), scores.to_numpy(float)
    designs = sides[0].done.drop_duplicates("design").set_index("design").loc[shared]
    rng = np.random.default_rng(seed)
    return Comparison(
        sides=tuple(sides),
        epochs=epochs,
        shared=len(shared),
        varying=tuple(name for name in CHOICES if designs[name].nunique() > 1),
        pairs=tuple(_pairs(sides, matched, rng)),
        transfers=tuple(_transfer(matched, of, on) for of, on in permutations(range(len(sides)), 2)),
        agreement=concordance(values),
        rules=tuple(rules_of(designs, values)) if shared else (),
        best=tuple(_best(sides, scores)),
        matters=tuple(analysis.importance(side.rows_of(shared)) for side in sides),
        luck=tuple(side.luck(shared) for side in sides),
    )


def _pairs(sides: Sequence[Side], matched: "pd.DataFrame", rng: np.random.Generator) -> list[Pair]:
    """Each two sweeps, with how alike they rank the designs that both have."""
    found, most = [], POINTS * 2 // (len(sides) * (len(sides) - 1))
    collapsed = [set(side.done.design[side.done.collapsed]) for side in sides]
    for i, j in combinations(range(len(sides)), 2):
        both = matched[[i, j]].dropna()
        x, y = both.to_numpy(float).T
        well = ~both.index.isin(collapsed[i] | collapsed[j])
        points = np.stack([ranks(-x), ranks(-y)], axis=1)
        if len(points) > most:
            points = points[np.sort(rng.choice(len(points), most, replace=False))]
        found.append(Pair(i, j, correlation(x, y), correlation(x[well], y[well]), points))
    return found


def _transfer(matched: "pd.DataFrame", of: int, on: int) -> Transfer:
    """Of several designs that are as good as the best, the mean."""
    x, y = matched[[of, on]].dropna().to_numpy(float).T
    if not len(x):
        return Transfer(of, on, np.nan, 0, np.nan)
    best = x == x.max()
    return Transfer(of, on, float(ranks(-y)[best].mean()), len(x), float(y.max() - y[best].mean()))


def _best(sides: Sequence[Side], scores: "pd.DataFrame") -> list[Good]:
    """The designs that are best on all, by the mean of their ranks."""
    if not len(scores):
        return []
    values = scores.to_numpy(float)
    of_each = np.stack([ranks(-column) for column in values.T], axis=1)
    mean = of_each.mean(1)
    first = [side.done.drop_duplicates("design").set_index("design").arch_id for side in sides]
    found = []
    for i in np.argsort(mean, kind="stable")[:BEST].tolist():
        design = scores.index[i]
        arch_ids = tuple(str(ids[design]) for ids in first)
        found.append(
            Good(json.loads(design), float(mean[i]), tuple(of_each[i].tolist()), tuple(values[i].tolist()), arch_ids)
        )
    return found
