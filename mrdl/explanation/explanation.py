"""What a network looks at on some rows: the columns it needs, how its answers change with them, and what looks odd."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mrdl.data.types import CATEGORY
from mrdl.errors import ConfigError, brief
from mrdl.explanation.alone import alone
from mrdl.explanation.dependence import Dependence, dependence
from mrdl.explanation.importance import SHUFFLES, Importance, Measure, importances
from mrdl.explanation.sample import Sample
from mrdl.model.model import Model
from mrdl.model.report import aligned

MOST_ROWS, LEAST_ROWS = 5000, 200
MOST_PASSES = 5_000_000  # rows that go through the network in all, where that leaves LEAST_ROWS
TOP = 10  # columns that are asked for alone
DRAWN = 6  # columns whose dependence is told
SHOWN = 30  # columns of a table
REPEATS = 10
TITLES = {"auc": "ROC AUC", "pr_auc": "PR AUC", "r2": "R²", "f1": "F1", "rmse": "RMSE", "mae": "MAE"}

# when one column is told to be nearly all that a network needs
ALONE = 0.95  # of what all columns give
SURE = 0.95  # of the way from knowing nothing to perfect
SOME = 0.1  # of that way, below which a network knows next to nothing
SATURATED = 0.999
ALIKE = 0.98  # correlation of two columns that say the same


@dataclass(frozen=True)
class Explanation:
    """What a network looks at. print(explanation) tells it in words, to_json() is for programs.

    source: the rows, for people; seen: how many there are; rows: of how many this is; measure: how good answers are,
    by the name that `Model.evaluate` has; value: of the network; nothing: of answers that know nothing of a row.
    importances: of all columns, the greatest first; dependences: of the first of them; warnings: what looks odd.
    """

    source: str
    seen: int
    rows: int
    measure: str
    value: float
    nothing: float
    importances: tuple[Importance, ...]
    dependences: tuple[Dependence, ...]
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """The name of the measure, for people."""
        return TITLES.get(self.measure, self.measure.replace("_", " "))

    @property
    def sampled(self) -> str:
        """Of which rows this is, in words."""
        if self.rows == self.seen:
            return f"{self.source}: {self.rows:,} rows"
        return f"{self.source}: {self.rows:,} of {self.seen:,} rows, chosen by their hash"

    def to_json(self) -> dict[str, Any]:
        """All of it as an object of JSON."""
        return {
            "data": self.source,
            "seen": self.seen,
            "rows": self.rows,
            "measure": self.measure,
            "value": self.value,
            "nothing": self.nothing,
            "importances": [{name: _or_none(value) for name, value in vars(each).items()} for each in self.importances],
            "dependences": [
                {**vars(each), "values": [_or_none(value) for value in each.values], "means": each.means.tolist()}
                for each in self.dependences
            ],
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        return "\n".join(
            [*self._told_importances(), "", *map(told_dependence, self.dependences), *self._told_warnings()]
        )

    def _told_importances(self) -> Iterator[str]:
        """A line for each column."""
        yield self.sampled
        yield f"{self.title} {_told(self.value)}, knowing nothing {_told(self.nothing)}"
        yield ""
        lines = [["column", "worse by, if shuffled", "95 % interval", "alone"]]
        for each in self.importances[:SHOWN]:
            interval = f"{_told(each.low)} to {_told(each.high)}"
            found_alone = "" if each.alone is None else _told(each.alone)
            lines.append([brief(each.column, 40)[1:-1], _told(each.loss), interval, found_alone])
        yield from aligned(lines)
        if (more := len(self.importances) - SHOWN) > 0:
            yield f"... and {more:,} more columns: --json has all"
        unsure = sum(not each.low > 0 for each in self.importances)
        if unsure:
            yield f"of {unsure:,} of {len(self.importances):,} columns no effect can be told: their intervals reach 0"

    def _told_warnings(self) -> Iterator[str]:
        """A line for each thing that looks odd."""
        if self.warnings:
            yield ""
            yield from (f"look: {warning}" for warning in self.warnings)


def explain(
    model: Model,
    data: Any,
    *,
    measure: str | None = None,
    rows: int | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    on_step: Callable[[int, int], object] = lambda done, whole: None,
) -> Explanation:
    """Tell what a network looks at on labelled rows.

    data: a CSV or a DataFrame; measure: that columns are judged by, one of those that `Model.evaluate` gives; left out:
    the area under the curve, R² or the accuracy; rows: at most so many are looked at, of many those that come first by
    their hash; left out: 5,000, of wide tables fewer; repeats: draws of rows, of which the intervals are; seed: of
    draws and shuffles; on_step: is told how many steps are done, and of how many. Raises ConfigError for a network that
    learns without a label and for a measure that it has not, DataError for rows that are not its own.
    """
    if repeats < 2 or (rows is not None and rows < 2):
        shown = "all" if rows is None else rows
        raise ConfigError(f"{repeats} repeats on {shown} rows: expected 2 or more of both")
    columns = model.preparation.columns
    sample = Sample.of(model.labelled(data), rows or _rows_that_fit(len(columns), repeats))
    judged = Measure(model, sample, measure)
    step = _counted(on_step, repeats * len(columns) + min(TOP, len(columns)) + min(DRAWN, len(columns)))
    found = importances(judged, sample, columns, repeats, seed, step)
    nothing = alone(model, judged, sample, None)
    places = [columns.index(each.column) for each in found]
    for i, place in enumerate(places[:TOP]):
        found[i] = replace(found[i], alone=alone(model, judged, sample, place))
        step()
    drawn = []
    for place in places[:DRAWN]:
        drawn.append(dependence(model, sample.features, place))
        step()
    return Explanation(
        source="the DataFrame" if hasattr(data, "columns") else str(data),
        seen=sample.seen,
        rows=len(sample.features),
        measure=judged.name,
        value=judged.value,
        nothing=nothing,
        importances=tuple(found),
        dependences=tuple(drawn),
        warnings=(*_alone(judged, nothing, found[:TOP]), *_alike(model, sample, places[:TOP])),
    )


def _rows_that_fit(columns: int, repeats: int) -> int:
    """The rows that are looked at of a table with so many columns, where nobody says how many."""
    return max(LEAST_ROWS, min(MOST_ROWS, MOST_PASSES // (SHUFFLES * repeats * max(1, columns))))


def _counted(on_step: Callable[[int, int], object], whole: int) -> Callable[[], object]:
    """A function that tells at each call how many steps are done now, and of how many."""
    done = itertools.count(1)
    return lambda: on_step(next(done), whole)


def _alone(measure: Measure, nothing: float, top: list[Importance]) -> Iterator[str]:
    """Tell of columns that alone are nearly all that the network needs, and of a network that knows nothing."""
    perfect = 1.0 if measure.unit else 0.0
    way, gone = measure.sign * (perfect - nothing), measure.sign * (measure.value - nothing)
    if measure.unit and measure.value >= SATURATED:
        yield f"{measure.name} is so near to 1 that it hardly tells columns apart: --measure loss does"
    if not gone > SOME * way:
        yield (
            f"the network is hardly better than knowing nothing ({measure.value:.4f}, {nothing:.4f}): what it looks at "
            "tells nothing of the label"
        )
        return
    for each in top if len(top) > 1 else ():
        assert each.alone is not None
        share = measure.sign * (each.alone - nothing)
        given = f"{brief(each.column, 40)} alone gives {each.alone:.4f}, the network {measure.value:.4f}"
        if share >= SURE * way:
            yield (
                f"a leak? {given}: if it says the label in other words, or is known only after it, leave it out, as "
                f"--drop {each.column}"
            )
        elif share >= ALONE * gone:
            yield f"{given}: others hardly count"


def _alike(model: Model, sample: Sample, places: list[int]) -> Iterator[str]:
    """Tell of two columns that say the same, so that each looks less important than both are."""
    names, dictionary = model.preparation.columns, model.preparation.inputs.dictionary
    numbers = [place for place in places if place not in dictionary]
    values = sample.features[:, numbers].astype(np.float64)
    there = np.isfinite(values)
    values -= np.where(there, values, 0).sum(0) / np.maximum(1, there.sum(0))
    values[~there] = 0
    length = np.sqrt((values * values).sum(0))
    values /= np.where(length > 0, length, 1)
    for i, j in zip(*np.nonzero(np.triu(np.abs(values.T @ values) >= ALIKE, 1)), strict=True):
        first, second = brief(names[numbers[i]], 40), brief(names[numbers[j]], 40)
        yield f"{first} and {second} say nearly the same: each looks less important than both are together"


def told_dependence(found: Dependence) -> str:
    """Tell how answers change with a column, in a sentence."""
    place = found.widest
    means = found.means[:, place]
    of_what = f"{found.outputs[place]!r}" if len(found.outputs) > 1 else brief(found.outputs[place], 40)
    name = brief(found.column, 40)[1:-1]
    low, high = int(means.argmin()), int(means.argmax())
    if found.kind != CATEGORY and found.names[-1] != "missing" and {low, high} == {0, len(means) - 1}:
        verb = "rises" if high else "falls"
        ends = f"from {found.names[0]} to {found.names[-1]}"
        return f"{name}: as it goes {ends}, {of_what} {verb} from {means[0]:.4g} to {means[-1]:.4g}"
    return f"{name}: {of_what} is {means[low]:.4g} at {found.names[low]}, and {means[high]:.4g} at {found.names[high]}"


def _told(value: float) -> str:
    """A measure for people."""
    return f"{round(value, 4) + 0.0:.4f}"  # -0.0 is 0


def _or_none(value: Any) -> Any:
    """A value as JSON has it, in which nan is null."""
    return None if isinstance(value, float) and math.isnan(value) else value
