"""Reads the columns of a table in memory, of a DataFrame or an array, as raw values of what a model's columns hold."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mrdl.data.columnar.kinds import texts as texts_of_cells
from mrdl.data.columnar.kinds import told_hashed_dates
from mrdl.data.frames.plain import plain
from mrdl.data.labels import class_numbers, written_numbers
from mrdl.data.levels import recoded
from mrdl.data.text.cells import Cells
from mrdl.data.text.schema import MARKS
from mrdl.data.types import CATEGORY, DATE, NUMBER, ColumnType
from mrdl.errors import DataError, brief

MICROSECONDS = 86_400_000_000  # of a day


def raw_column(column: Any, kind: ColumnType, name: str, levels: Sequence[str] = ()) -> np.ndarray:
    """Return a column as raw values, (rows,) float32, missing ones nan; a level that is none of `levels` is -1.

    column: a pandas Series; name: for messages. Raises DataError where a cell is none of its kind.
    """
    return _READERS[kind.kind](plain(column), kind, name, levels)


def _numbers(column: Any, kind: ColumnType, name: str, levels: Sequence[str]) -> np.ndarray:
    """Return numbers as they are, and text as the CSV's would be."""
    if column.dtype.kind in "iufb":
        return np.asarray(column.to_numpy(np.float32, na_value=np.nan))
    return _cells(column, kind, name)


def _dates(column: Any, kind: ColumnType, name: str, levels: Sequence[str]) -> np.ndarray:
    """Return times as days since 1970-01-01 in UTC, and text as the CSV's would be."""
    if column.dtype.kind != "M":
        return _cells(column, kind, name)
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    times = column.to_numpy("datetime64[us]")
    days = times.astype(np.int64) / MICROSECONDS
    days[np.isnat(times)] = np.nan
    return np.asarray(days, np.float32)


def _categories(column: Any, kind: ColumnType, name: str, levels: Sequence[str]) -> np.ndarray:
    """Return the codes of levels: texts as they are written, numbers as what they mean, so that 3 and 3.0 are "3"; or
    those of the buckets of texts."""
    codes, found = column.factorize()  # -1 where one is missing
    if kind.buckets:
        if column.dtype.kind == "M":
            raise DataError(told_hashed_dates(name))
        cells = Cells.of(_texts(found), kind)
        return np.append(recoded(cells.values, written_numbers(cells.levels, levels)), np.float32(np.nan))[codes]
    texts = [str(each).strip() for each in found]
    is_text = np.array([isinstance(each, str) for each in found], bool)
    known = np.where(is_text, written_numbers(texts, levels), class_numbers(texts, levels)).astype(np.float32)
    known[np.isin(texts, MARKS)] = np.nan
    return np.append(known, np.float32(np.nan))[codes]


def _texts(found: Any) -> pa.Array:
    """Return different cells as a column file has them, (cells,) of strings; those that none holds as Python says."""
    try:
        return texts_of_cells(pa.array(found))
    except (OverflowError, pa.ArrowException):
        return pa.array([str(each) for each in found], pa.string())


def _cells(column: Any, kind: ColumnType, name: str) -> np.ndarray:
    """Return cells of text, or of anything that is written as such, as the values of a column."""
    codes, found = column.factorize()
    cells = Cells.of(pa.array([str(each) for each in found], pa.string()), kind)
    if cells.bad.any():
        wrong = str(found[int(cells.bad.argmax())])
        raise DataError(f"column {name!r} holds {brief(wrong, 40)}, expected {_EXPECTED[kind.kind]}")
    return np.append(cells.values, np.float32(np.nan))[codes]


_EXPECTED = {NUMBER: "numbers", DATE: "dates as in training"}
_READERS: dict[str, Callable[[Any, ColumnType, str, Sequence[str]], np.ndarray]] = {
    NUMBER: _numbers,
    CATEGORY: _categories,
    DATE: _dates,
}
