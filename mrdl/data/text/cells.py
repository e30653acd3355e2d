"""Reads cells of text as what their column holds, whole columns at once: numbers, dates, or codes of categories."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import flags_of, mask_of, places_among, texts_of, values_of
from mrdl.data.text.buckets import buckets_of, name_of
from mrdl.data.text.dates import ISO, PER_DAY, days_of, expression_of
from mrdl.data.text.numbers import WRITINGS, as_plain, is_written
from mrdl.data.text.schema import BOOLEANS, MARKS
from mrdl.data.types import CATEGORY, DATE, NUMBER, PLAIN, ColumnType

_TRUTH_VALUES = np.array(list(BOOLEANS.values()), np.float32)


@dataclass(frozen=True)
class Cells:
    """Cells as the values of a column, all arrays of one shape.

    text: as they were; values: float32, missing ones nan, bad ones 0.
    missing, boolean, bad: masks of the cells that are missing, True or False, and no value of the column.
    levels: of a column of categories what its values are indices of: texts, or the names of buckets.
    """

    text: pa.Array
    values: np.ndarray
    missing: np.ndarray
    boolean: np.ndarray
    bad: np.ndarray
    levels: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: pa.Array, column: ColumnType = PLAIN) -> "Cells":
        """Return what the cells of a column are; one that 32 bits cannot hold is bad. text: of strings."""
        return _READERS[column.kind](text, column)

    @cached_property
    def words(self) -> list[str]:
        """The words for missing that occur, as they are spelled."""
        return [str(word) for word in self.text.filter(flags_of(self.missing)).unique().to_pylist()]


def _numbers(text: pa.Array, column: ColumnType) -> Cells:
    """Return cells as numbers, True and False among them."""
    trimmed = pc.ascii_trim(text, " \t") if not column.format else pc.utf8_trim_whitespace(text)
    missing = mask_of(pc.is_in(trimmed, texts_of(MARKS)))
    truth = places_among(trimmed, BOOLEANS)
    boolean = truth >= 0
    number = ~(missing | boolean)
    if column.format:
        number &= is_written(trimmed, column.format)
        trimmed = as_plain(trimmed, column.format)
    try:
        values = _cast(trimmed, number)
    except pa.ArrowInvalid:
        number &= is_written(trimmed)
        values = _cast(trimmed, number)
    number &= np.isfinite(values)
    values = np.where(number, values, np.float32(0)) + np.float32(0)  # -0 and 0 are the same and must hash alike
    values[boolean] = _TRUTH_VALUES[truth[boolean]]
    values[missing] = np.nan
    return Cells(text, values, missing, boolean, ~(number | missing | boolean))


def _dates(text: pa.Array, column: ColumnType) -> Cells:
    """Return cells as days since 1970-01-01."""
    trimmed = pc.utf8_trim_whitespace(text)
    missing = mask_of(pc.is_in(trimmed, texts_of(MARKS)))
    days, wrong = days_of(trimmed, column.format)
    values = days.astype(np.float32)
    values[missing] = np.nan
    return Cells(text, values, missing, np.zeros(len(text), bool), wrong & ~missing)


def _categories(text: pa.Array, column: ColumnType) -> Cells:
    """Return cells as codes of their levels, which are numbered as they appear."""
    coded = pc.utf8_trim_whitespace(text).dictionary_encode()
    is_level = ~mask_of(pc.is_in(coded.dictionary, texts_of(MARKS)))
    found = coded.dictionary.filter(flags_of(is_level))
    levels, places = _in_buckets(found, column.buckets) if column.buckets else _each(found)
    codes = np.full(len(is_level), np.nan, np.float32)
    codes[is_level] = places
    values = codes[values_of(coded.indices)]
    none = np.zeros(len(text), bool)
    return Cells(text, values, np.isnan(values), none, none, levels)


def _each(texts: pa.Array) -> tuple[tuple[str, ...], np.ndarray]:
    """Return texts as levels, and the place of each text among them, (texts,)."""
    return tuple(texts.to_pylist()), np.arange(len(texts))


def _in_buckets(texts: pa.Array, buckets: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the buckets that texts fall into, and the place of each text's among them, (texts,)."""
    used, places = np.unique(buckets_of(texts, buckets), return_inverse=True)
    return tuple(map(name_of, used.tolist())), places


_READERS: dict[str, Callable[[pa.Array, ColumnType], Cells]] = {
    NUMBER: _numbers,
    CATEGORY: _categories,
    DATE: _dates,
}


def is_readable(column: ColumnType) -> bool:
    """Return whether cells can be read as what a column is said to hold."""
    if column.kind == DATE:
        return column.format in PER_DAY or _is_pattern(column.format or ISO)
    return not column.format or bool(column.buckets) or (column.kind == NUMBER and column.format in WRITINGS)


def _is_pattern(text: str) -> bool:
    """Return whether a text is the pattern of a date."""
    try:
        expression_of(text)
    except ValueError:
        return False
    return True


def repeated(distinct: Cells, indices: np.ndarray) -> Cells:
    """Return cells of which each is one of a few. distinct: those; indices: (cells,), of each its place among them."""
    names = ("values", "missing", "boolean", "bad")
    return replace(distinct, **{name: getattr(distinct, name)[indices] for name in names})


def _cast(trimmed: pa.Array, number: np.ndarray) -> np.ndarray:
    """Return cells as float32 where a mask has it, elsewhere 0; raises ArrowInvalid at what is no number."""
    chosen = trimmed if number.all() else pc.if_else(flags_of(number), trimmed, texts_of(["0"])[0])
    with np.errstate(over="ignore"):
        return values_of(chosen.cast(pa.float32()))
