"""The figures of each column of a table, from what is known of its rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from mrdl.data.hashing import unmix
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY, DATE, PLAIN, ColumnType
from mrdl.inspection.cells import is_text
from mrdl.inspection.summary import Summary
from mrdl.metrics.sums import nearest

LEVELS = (0.01, 0.25, 0.5, 0.75, 0.99)  # of quantiles
BARS = 16  # of a histogram
COMMON = 20  # values whose rows are told
FEW_ROWS = 20  # in which values may all differ by chance
WORDS = 3  # in the mean of a column's values, from which on they are text
NUMBER, BOOLEAN, TEXT, ID, CONSTANT, EMPTY = "number", "boolean", "text", "id", "constant", "empty"
TRUTHS = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"})


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram. low, high: its edges, the first and the last bar hold all beyond, too; share: of the values
    that are there."""

    low: float
    high: float
    share: float


@dataclass(frozen=True)
class Column:
    """The figures of a column.

    place: its index; said: how settings name it, by its name or its index; type: what it is by its values; read: how
    its cells are read (see ColumnType). rows: of the table; missing, texts: cells without a value, and with one that is
    no number or date; distinct: different values, exact where distinct_error, the standard error by it, is 0.
    minimum to histogram: of numbers, of dates in days since 1970-01-01; quantiles: by level; common: the most frequent
    values and their rows, where all values are known; inputs: of a network that the column becomes, 0 for the label
    and for what is left out.
    """

    name: str
    place: int
    said: str
    type: str
    read: str
    rows: int
    missing: int
    texts: int
    distinct: int
    distinct_error: float
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)
    histogram: tuple[Bar, ...] = ()
    common: tuple[tuple[str, int], ...] = ()
    inputs: int = 0

    @property
    def share_missing(self) -> float:
        """The share of its cells that are missing, 0 to 1."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def values(self) -> int:
        """The cells that are not missing."""
        return self.rows - self.missing

    @property
    def is_date(self) -> bool:
        """Whether its numbers are days since 1970-01-01."""
        return ColumnType.of(self.read).kind == DATE

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        bars = [[bar.low, bar.high, bar.share] for bar in self.histogram]
        return {**vars(self), "quantiles": dict(self.quantiles), "histogram": bars, "common": [*map(list, self.common)]}


class Figures:
    """Makes the figures of columns.

    Figures(summary, schema).column(0).mean
    """

    def __init__(self, summary: Summary, schema: Schema) -> None:
        """Take in what is known of all rows."""
        self.summary = summary
        self._schema = schema
        self._types = schema.types or (PLAIN,) * len(schema.columns)

    def column(self, place: int) -> Column:
        """The figures of the column at a place."""
        known = self.summary
        missing, texts = (int(known.counts[name][place]) for name in ("missing", "texts"))
        numbers = known.rows - missing - texts
        distinct, error = known.values.distinct(place)
        return Column(
            name=self._schema.columns[place],
            place=place,
            said=self._said(place),
            type=self._type(place, numbers, texts),
            read=str(self._types[place]),
            rows=known.rows,
            missing=missing,
            texts=texts,
            distinct=min(distinct, known.rows - missing),
            distinct_error=float(error),
            common=self._common(place) if not error else (),
            **(self._of_numbers(place, numbers) if numbers else {}),
        )

    def _said(self, place: int) -> str:
        """How settings name a column: by its index where it has no name, or not one of its own."""
        name, names = self._schema.columns[place], self._schema.columns
        return name if self._schema.header_crc is not None and name and names.count(name) == 1 else str(place)

    def _of_numbers(self, place: int, count: int) -> dict[str, Any]:
        """The figures of numbers by their names in Column."""
        known = self.summary
        total, squares = known.sums.exact(place), known.squares.exact(place)
        spread = (squares - total * total / count) / (count - 1) if count > 1 else Fraction(0)
        values, weights = self._sampled(place)
        low, high = float(known.minimum[place]), float(known.maximum[place])
        found = quantiles(values, weights) if len(values) else []
        return {
            "minimum": low,
            "maximum": high,
            "mean": nearest(total / count),
            "deviation": math.sqrt(max(0.0, nearest(spread))),
            "quantiles": {f"{level:g}": value for level, value in zip(LEVELS, found, strict=False)},
            "histogram": self._histogram(values, weights, found, int(known.counts["whole"][place]) == count),
        }

    def _histogram(self, values: np.ndarray, weights: np.ndarray, found: list[float], whole: bool) -> tuple[Bar, ...]:
        """The histogram of a sample. found: its quantiles; whole: whether all are whole numbers."""
        if not len(values):
            return ()
        low, high = float(values.min()), float(values.max())
        if whole and high - low < BARS:
            return bars(values, weights, np.arange(low - 0.5, high + 1))
        if found[0] < found[-1]:
            low, high = found[0], found[-1]
        return bars(values, weights, np.linspace(low, high, BARS + 1) if low < high else np.array([low, high]))

    def _sampled(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of a column in the sample of rows, and how often each row is there."""
        sample = self.summary.sample
        cells = sample.cells[:, place]
        there = ~np.isnan(cells)
        return cells[there], sample.counts[there]

    def _common(self, place: int) -> tuple[tuple[str, int], ...]:
        """The most frequent values of a column and their rows."""
        hashes, counts = self.summary.values.of(place)
        order = np.lexsort((hashes, -counts))[:COMMON]
        return tuple(zip(self.texts(place, hashes[order]), counts[order].tolist(), strict=True))

    def texts(self, place: int, hashes: np.ndarray) -> list[str]:
        """The values of some hashes, in words."""
        known, cells = self.summary.levels.get(place, {}), unmix(hashes).view(np.float64)
        is_date = self._types[place].kind == DATE
        found = []
        for key, cell, text in zip(hashes.tolist(), cells.tolist(), is_text(cells).tolist(), strict=True):
            found.append(known.get(key, "...") if text else told(cell, is_date))
        return found

    def is_unique(self, place: int) -> bool:
        """Whether no value of a column comes twice, as far as the values that are kept tell."""
        _, counts = self.summary.values.of(place)
        there = self.summary.rows - int(self.summary.counts["missing"][place])
        return there > FEW_ROWS and len(counts) > 0 and bool((counts == 1).all())

    def _type(self, place: int, numbers: int, texts: int) -> str:
        """What a column is."""
        known, kind = self.summary, self._types[place].kind
        hashes, _ = known.values.of(place)
        if not numbers + texts:
            return EMPTY
        if len(hashes) == 1:
            return CONSTANT
        if kind == DATE and numbers >= texts:
            return DATE
        if numbers < texts or kind == CATEGORY:
            return self._type_of_texts(place, hashes)
        whole = int(known.counts["whole"][place]) == numbers
        if whole and not texts and len(hashes) == 2 and set(unmix(hashes).view(np.float64)) == {0.0, 1.0}:
            return BOOLEAN
        return ID if whole and not texts and self.is_unique(place) else NUMBER

    def _type_of_texts(self, place: int, hashes: np.ndarray) -> str:
        """The type of a column of texts: boolean, free text, an id or a category. hashes: of its values."""
        levels = list(self.summary.levels.get(place, {}).values())
        words = np.mean([len(text.split()) for text in levels]) if levels else 0
        if {text.lower() for text in levels} in TRUTHS and len(hashes) == len(levels):
            return BOOLEAN
        unique = self.is_unique(place)
        if words >= WORDS and (unique or len(hashes) == self.summary.values.kept):
            return TEXT
        return ID if unique else CATEGORY

    @cached_property
    def rows_different(self) -> tuple[int, float]:
        """How many different rows the table has, and the standard error of that by itself."""
        sample = self.summary.sample
        if (sample.counts == 1).all():
            return self.summary.rows, 0.0
        distinct, error = sample.distinct()
        return min(distinct, self.summary.rows), float(error)


def quantiles(values: np.ndarray, weights: np.ndarray) -> list[float]:
    """The values below which LEVELS of a sample are. weights: (values,), how often each is there; one or more."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.array(LEVELS) * reached[-1])
    return [float(each) for each in values[order][np.minimum(places, len(values) - 1)]]


def bars(values: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> tuple[Bar, ...]:
    """A histogram of a sample. edges: of its bars, (bars + 1,): what lies beyond is of the first or the last."""
    last = len(edges) - 2
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, last)
    shares = np.bincount(places, weights, last + 1) / weights.sum()
    return tuple(Bar(*each) for each in zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True))


def told(value: float, is_date: bool = False) -> str:
    """A number for people, or a date of days since 1970-01-01."""
    if not is_date or not abs(value) < 3e6:
        return f"{value:.6g}" if value != int(value) or abs(value) >= 1e15 else str(int(value))
    moment = np.datetime64(round(value * 86_400), "s")
    return str(moment).removesuffix("T00:00:00").replace("T", " ")
