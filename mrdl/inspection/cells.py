"""Cells of any kind as 64 bits, so that a table is one array of float64.

A number, or a date in days, is its float64; a missing cell is nan; a text is one of the many other nans, by its hash.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.hashing import mix
from mrdl.data.text.arrays import flags_of, texts_of, values_of
from mrdl.data.text.cells import Cells
from mrdl.data.text.dates import days_of
from mrdl.data.text.numbers import as_plain
from mrdl.data.types import CATEGORY, DATE, ColumnType

LARGEST = float(np.finfo(np.float32).max)  # of a number that can be learnt from
MISSING = np.uint64(0x7FF8 << 48)
MISSING_HASH = mix(np.array([MISSING]))[0]
_TEXT = np.uint64(0xFFF8 << 48)  # the lower 51 bits are of the text's hash


class Texts(NamedTuple):
    """The different texts of a column's cells in a piece of text. texts: of strings; cells: (texts,) float64."""

    texts: pa.Array
    cells: np.ndarray


def read(texts: pa.Array, column: ColumnType) -> np.ndarray:
    """Texts of a column, of strings, as cells, (texts,) float64: what is no value of its kind is a text."""
    found = Cells.of(texts, column)
    trimmed = pc.utf8_trim_whitespace(texts)
    cells = _text_bits(trimmed).view(np.float64)
    known = ~(found.missing | found.bad)
    if column.kind == DATE:
        cells[known] = days_of(trimmed, column.format)[0][known]
    elif column.kind != CATEGORY:
        plain = as_plain(trimmed, column.format) if column.format else trimmed
        written = known & ~found.boolean
        numbers = pc.if_else(flags_of(written), plain, texts_of(["0"])[0]).cast(pa.float64())
        cells[written] = values_of(numbers)[written] + 0.0  # -0 and 0 are one value
        cells[found.boolean] = found.values[found.boolean]
    cells.view(np.uint64)[found.missing] = MISSING
    return cells


def _text_bits(texts: pa.Array) -> np.ndarray:
    """The bits that stand for texts, (texts,) uint64: their bytes weighted by place, in sums that wrap."""
    binary = texts.cast(pa.large_binary())
    _, offsets, data = binary.buffers()
    places = np.frombuffer(offsets, np.int64)[binary.offset : binary.offset + len(binary) + 1]
    raw = np.frombuffer(data or b"", np.uint8)[places[0] : places[-1]] if len(texts) else np.zeros(0, np.uint8)
    starts, lengths = places[:-1] - places[0], np.diff(places)
    within = np.arange(len(raw)) - np.repeat(starts, lengths)
    parts = mix(raw.astype(np.uint64) + np.uint64(1)) * (mix(within.astype(np.uint64)) | np.uint64(1))
    before = np.concatenate([np.zeros(1, np.uint64), np.cumsum(parts, dtype=np.uint64)])
    sums = before[starts + lengths] - before[starts]
    return (mix(sums + lengths.astype(np.uint64)) >> np.uint64(13)) | _TEXT


def is_missing(cells: np.ndarray) -> np.ndarray:
    """Which cells are missing: a mask of their shape."""
    return np.asarray(cells.view(np.uint64) == MISSING)


def is_text(cells: np.ndarray) -> np.ndarray:
    """Which cells are texts: a mask of their shape."""
    return np.isnan(cells) & ~is_missing(cells)
