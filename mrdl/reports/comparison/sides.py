"""The sweeps that are compared, each a side, and the designs that they share."""

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrdl.errors import ConfigError
from mrdl.reports import analysis
from mrdl.reports.score import Score, score_of
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.scores import scores

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # values of a choice that are told where sweeps share none


@dataclass(frozen=True)
class Side:
    """One sweep of a comparison.

    name: as it was asked for; source, label: of its data; digest: of its data and their split; baseline: the score of
    knowing nothing; table: a row a design and seed, as mrdl.sweep.scores has it; rungs: the epochs of successive
    halving, none without it.
    """

    name: str
    source: str
    label: str
    digest: str
    baseline: float
    table: "pd.DataFrame"
    rungs: tuple[int, ...] = ()

    @property
    def score(self) -> Score:
        """What its designs are compared by."""
        return score_of(self.table)

    @functools.cached_property
    def done(self) -> "pd.DataFrame":
        """The rows of designs that are done, with their `score`."""
        done = self.table[self.table.status == "done"]
        done = done.assign(score=self.score.of(done).astype(float))
        return done[done.score.notna()]

    @functools.cached_property
    def means(self) -> "pd.Series":
        """The mean of the score over the seeds of each design, by the design."""
        means: pd.Series = self.done.groupby("design", sort=False).score.mean()
        return means

    def of_epochs(self, epochs: int) -> "Side":
        """The same with designs of so many epochs alone."""
        table = self.table[self.table.epochs == epochs]
        return Side(self.name, self.source, self.label, self.digest, self.baseline, table, self.rungs)

    def count(self, status: str) -> int:
        """How many trainings are in a state."""
        return int((self.table.status == status).sum())

    def rows_of(self, designs: Sequence[str]) -> "pd.DataFrame":
        """The rows of some designs that are done."""
        if len(designs) == len(self.means):
            return self.done
        return self.done[self.means.index.isin(designs)[self.means.index.get_indexer(self.done.design.array)]]

    def luck(self, designs: Sequence[str]) -> tuple[float, float]:
        """The standard deviation of the score between seeds, and the share of the variance between some designs that
        is due to it; nan where no design was repeated."""
        rows = self.rows_of(designs)
        sigma, varies = analysis.noise(rows), float(self.means[list(designs)].var())
        if sigma != sigma or not varies:
            return sigma, math.nan
        return sigma, min(1.0, sigma**2 * len(designs) / len(rows) / varies)


def side_of(name: str, sweep: SweepFolder) -> Side:
    """A sweep as a side of a comparison. Raises ConfigError where no design is done, or its files are damaged."""
    data, label = sweep.dataset(), sweep.about.get("label") or sweep.spec.label or ""
    baseline = data.baseline if data.classes else 0.0
    rungs = tuple(sweep.spec.rungs())
    side = Side(name, sweep.about["source"], str(label), data.digest, float(baseline), scores(sweep), rungs)
    if not len(side.means):
        told = f"no design of {name} is trained to its end, so there is nothing to compare"
        raise ConfigError(f"{told}: mrdl sweep resume {name}")
    return side


def match(sides: Sequence[Side]) -> "pd.DataFrame":
    """The mean score of each design on each side, nan where it is not done there: (designs, sides), by the design.

    Raises ConfigError where a side shares no design with any other.
    """
    import pandas as pd

    found = pd.concat([side.means for side in sides], axis=1, keys=range(len(sides)))
    for i, side in enumerate(sides):
        if not (found[i].notna() & found.drop(columns=i).notna().any(axis=1)).any():
            raise ConfigError(_nothing_shared(side, [other for other in sides if other is not side]))
    return found


def same_epochs(sides: Sequence[Side]) -> tuple[list[Side], int | None]:
    """The sides with designs of one number of epochs alone where one of them was halved, and that number.

    Of those that all sides have, it is the one of which most designs are shared. Raises ConfigError where there is
    none.
    """
    if not any(side.rungs for side in sides):
        return list(sides), None
    common = set.intersection(*(set(side.done.epochs.tolist()) for side in sides))
    shared = {}
    for epochs in sorted(common):
        designs = [set(side.done.design[side.done.epochs == epochs]) for side in sides]
        shared[epochs] = len(set.intersection(*designs))
    if not shared:
        each = "; ".join(f"{side.name}: {_values(side.done.epochs)}" for side in sides)
        raise ConfigError(
            f"designs are compared that were trained for as many epochs, but the sweeps have none in common ({each}). "
            "Run them with the same sweep.halving and space.epochs"
        )
    most = max(shared, key=lambda epochs: shared[epochs])
    return [side.of_epochs(most) for side in sides], most


def _nothing_shared(side: Side, others: Sequence[Side]) -> str:
    """Why a side has no design in common with others, for people."""
    mine, theirs = _choices(side), [_choices(other) for other in others]
    apart = []
    for name, values in mine.items():
        of_others = set().union(*(each.get(name, set()) for each in theirs))
        if values and of_others and not values & of_others:
            apart.append(f"{name} is {_told(values)}, there {_told(of_others)}")
    why = f" ({'; '.join(apart)})" if apart else ", though each choice has values in common"
    return (
        f"{side.name} shares no design with {', '.join(other.name for other in others)}{why}: expected sweeps of one "
        f"spec on several data sets. Run the same spec on other data: mrdl sweep run SPEC DATA --dir FOLDER"
    )


def _choices(side: Side) -> Mapping[str, set[str]]:
    """The values of each choice of a side's designs, as text."""
    names = [*json.loads(side.means.index[0])] if len(side.means) else []
    return {name: set(side.done[name].astype(str).unique()) for name in names}


def _values(values: "pd.Series") -> str:
    return _told({str(value) for value in values.unique()})


def _told(values: set[str]) -> str:
    ordered = sorted(values, key=lambda text: (len(text), text))
    return ", ".join(ordered[:SHOWN]) + ", ..." * (len(ordered) > SHOWN)
