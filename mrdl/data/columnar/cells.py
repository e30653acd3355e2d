"""Columns of Arrow as mrdl's values: the very numbers that their text in a CSV would give, without the text."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.columnar.kinds import is_date, is_number, texts
from mrdl.data.text.arrays import flags_of, mask_of, numbers_of, values_of
from mrdl.data.text.cells import Cells, repeated
from mrdl.data.types import DATE, NUMBER, ColumnType

_US_PER_DAY = 86_400e6
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_TIE = np.uint64((1 << 28) - 1), np.uint64(1 << 28)  # bits of a double that a float has not: below the first, the first


@dataclass(frozen=True)
class Values:
    """The cells of one column.

    values: (rows,) float32, missing ones nan, bad ones 0; bad: (rows,) bool, None where none is.
    levels: of a column of categories, what its values are indices of; None of others.
    """

    values: np.ndarray
    bad: np.ndarray | None = None
    levels: tuple[str, ...] | None = None


def values_of_column(column: pa.Array, wanted: ColumnType) -> Values:
    """Return the cells of a column as values of a type; cells of another type are read as their text is."""
    if pa.types.is_dictionary(column.type):
        return _of_texts(column.dictionary, wanted, column.indices)
    if wanted == ColumnType(NUMBER) and is_number(column.type):
        return _of_numbers(column)
    if wanted.kind == DATE and is_date(column.type):
        return _of_dates(column)
    if wanted.kind == NUMBER or pa.types.is_null(column.type):  # hardly any cell comes twice
        return _of_texts(column, wanted, None)
    coded = column.dictionary_encode()
    return _of_texts(coded.dictionary, wanted, coded.indices)


def _of_texts(distinct: pa.Array, wanted: ColumnType, indices: pa.Array | None) -> Values:
    """Return cells by their texts. indices: of each cell its place in `distinct`, None where that is all cells."""
    cells = Cells.of(texts(distinct), wanted)
    levels = cells.levels if wanted.kind not in (NUMBER, DATE) else None
    if indices is not None:
        if indices.null_count:  # a place beyond the last
            places = pc.coalesce(indices.cast(pa.int64()), numbers_of(np.array([len(distinct)]))[0])
            values, bad = np.append(cells.values, np.float32(np.nan)), np.append(cells.bad, False)
            places = values_of(places)
            return Values(values[places], _if_any(bad[places]), levels)
        cells = repeated(cells, values_of(indices.cast(pa.int64())))
    return Values(cells.values, _if_any(cells.bad), levels)


def _of_numbers(column: pa.Array) -> Values:
    """Return numbers as the nearest floats, as a reader of their decimals would."""
    stored = stored_numbers(column)
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored.astype(np.float32)
    bad = None
    if stored.dtype == np.float64:
        _read_ties(stored, values)
    if stored.dtype.kind == "f":
        missing = np.isnan(stored)
        if column.null_count:
            missing |= mask_of(column.is_null())
        bad = _if_any(~np.isfinite(values) & ~missing)
        if bad is not None:
            values[bad] = 0
        values += np.float32(0)  # -0 and 0 are the same and must hash alike
        values[missing] = np.nan
    elif column.null_count:
        values[mask_of(column.is_null())] = np.nan
    return Values(values, bad)


def _read_ties(stored: np.ndarray, values: np.ndarray) -> None:
    """Put the floats nearest to the shortest decimals of doubles that lie in the middle of two floats.

    stored: (rows,) float64; values: (rows,) float32, changed in place.
    """
    below, middle = _TIE
    ties = np.flatnonzero((stored.view(np.uint64) & (below | middle)) == middle)
    if len(ties):
        doubles = pa.Array.from_buffers(pa.float64(), len(ties), [None, pa.py_buffer(stored[ties])])
        finite = flags_of(np.isfinite(stored[ties]))
        read = values_of(doubles.filter(finite).cast(pa.string()).cast(pa.float32()))
        values[ties[np.isfinite(stored[ties])]] = read


def stored_numbers(column: pa.Array) -> np.ndarray:
    """Return the numbers of a column as they are stored, (rows,); what stands at missing ones is anything."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    data = column.buffers()[1]
    dtype = np.dtype(column.type.to_pandas_dtype())
    if data is None:
        return np.zeros(len(column), dtype)
    return np.frombuffer(data, dtype, len(column), column.offset * dtype.itemsize)


def _of_dates(column: pa.Array) -> Values:
    """Return dates and times as days since 1970-01-01 in UTC; of a time alone the part of a day."""
    kind = column.type
    whole = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    ticks = stored_numbers(whole)
    if pa.types.is_date32(kind):
        days = ticks.astype(np.float64)
    else:
        per_second = _PER_SECOND["ms" if pa.types.is_date64(kind) else kind.unit]
        if per_second <= 1_000_000:
            days = ticks.astype(np.int64) * (1_000_000 // per_second) / _US_PER_DAY
        else:
            days = ticks // 1000 / _US_PER_DAY + ticks % 1000 / (1000 * _US_PER_DAY)
    values = days.astype(np.float32)
    if column.null_count:
        values[mask_of(column.is_null())] = np.nan
    return Values(values)


def _if_any(mask: np.ndarray) -> np.ndarray | None:
    """Return a mask, None where nothing is set."""
    return mask if mask.any() else None
