"""Text of a table as cells, column by column: fast where columns are plain numbers, else by their different texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from mrdl.data.text.arrays import read_csv, texts_of, values_of
from mrdl.data.text.bad_rows import BadRow, is_open, sift
from mrdl.data.text.schema import Schema, single_blanks
from mrdl.data.types import CATEGORY, PLAIN, ColumnType
from mrdl.inspection.cells import LARGEST, MISSING, Texts, read

BLOCK_BYTES = 1 << 20  # of text that pyarrow parses at once
WIDE = 1000  # columns, from which on pieces are parsed whole
_CODED = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Piece:
    """The rows of a piece of text. cells: (columns, rows) float64; texts: by column, of those that were read as texts;
    bad: the lines that are no rows."""

    cells: np.ndarray
    texts: dict[int, Texts] = field(default_factory=dict)
    bad: Sequence[BadRow] = ()


class Reader:
    """Reads pieces of text, of whole lines that end in LF. What it has seen changes how long a piece takes, no cell.

    Reader(schema).read(b"1,2.5\\n2,x\\n").cells
    """

    def __init__(self, schema: Schema) -> None:
        """Take in the columns; all of them are read, the label and those left out, too."""
        count = len(schema.columns)
        self._types = schema.types or (PLAIN,) * count
        self._names = [str(i) for i in range(count)]
        self._sieve = replace(schema, label=None, targets=(), dropped=(), types=(ColumnType(CATEGORY),) * count)
        self._is_wide = count > WIDE
        self._nulls = [""]  # each costs time for every column
        self._as_texts = {i for i, column in enumerate(self._types) if column != PLAIN}

    def read(self, text: bytes) -> Piece:
        """The rows of a piece of text."""
        if not text or text.isspace():
            return Piece(np.zeros((len(self._names), 0)))
        if self._sieve.separator == " ":
            text = single_blanks(text)
        try:
            return self._fast(text)
        except (pa.ArrowInvalid, _Unusable):
            return self._sifted(text)

    def _fast(self, text: bytes) -> Piece:
        """The rows of a text in which each line is one; raises ArrowInvalid or _Unusable where pyarrow cannot tell."""
        kinds = {name: _CODED if i in self._as_texts else pa.float64() for i, name in enumerate(self._names)}
        has_quotes = b'"' in text
        table = read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=len(text) + 1 if has_quotes or self._is_wide else BLOCK_BYTES,
                column_names=self._names,
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=self._sieve.separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=kinds, null_values=self._nulls, strings_can_be_null=False
            ),
        )
        if has_quotes:
            lines = [line for line in text.split(b"\n") if line]
            if table.num_rows != len(lines) or is_open(lines[-1], self._sieve.separator):
                raise pa.ArrowInvalid("a quote that is left open would swallow the next lines")
        piece = Piece(np.empty((len(self._names), table.num_rows)))
        of_numbers = [i for i in range(len(self._names)) if i not in self._as_texts]
        _numbers(table.select(of_numbers), of_numbers, piece.cells)
        for i in sorted(self._as_texts):
            piece.texts[i] = self._texts(i, table.column(i).combine_chunks(), piece.cells[i])
        return piece

    def _texts(self, i: int, column: pa.DictionaryArray, cells: np.ndarray) -> Texts:
        """Fill in the cells, (rows,), of a column of texts; returns the different ones."""
        found = Texts(column.dictionary, read(column.dictionary, self._types[i]))
        np.take(found.cells, values_of(column.indices), out=cells)
        return found

    def _sifted(self, text: bytes) -> Piece:
        """The rows among the lines of any text; what kept pyarrow from it is read fast from now on."""
        found = sift(text, self._sieve)
        self._nulls = list(dict.fromkeys([*self._nulls, *found.words]))
        piece = Piece(np.empty((len(self._names), len(found.features))), bad=found.bad)
        for i in range(len(self._names)):
            levels = texts_of(found.levels.get(i, ()))
            cells = read(levels, self._types[i])
            codes = np.nan_to_num(found.features[:, i], nan=len(levels)).astype(np.int64)
            np.take(np.append(cells, np.nan), codes, out=piece.cells[i])
            if np.isnan(cells).any() or not _is_plain(levels):
                self._as_texts.add(i)
            if i in self._as_texts:
                piece.texts[i] = Texts(levels, cells)
        return piece


class _Unusable(Exception):
    """Raised where pyarrow reads a number that is none."""


def _numbers(table: pa.Table, places: list[int], cells: np.ndarray) -> None:
    """Fill in the cells, (columns, rows), of columns of float64; raises _Unusable where one cannot be learnt from."""
    start = 0
    for batch in table.to_batches() if places else ():
        rows = slice(start, start + batch.num_rows)
        part = batch.to_tensor(null_to_nan=True, row_major=False).to_numpy().T + 0.0  # -0 and 0 are one value
        without = np.isnan(part)
        if without.sum() != sum(column.null_count for column in batch.columns):
            raise _Unusable
        if without.any():
            part.view(np.uint64)[without] = MISSING
        if np.fmin.reduce(part, None) < -LARGEST or np.fmax.reduce(part, None) > LARGEST:
            raise _Unusable
        cells[places if len(places) < len(cells) else slice(None), rows] = part
        start = rows.stop


def _is_plain(levels: pa.Array) -> bool:
    """Whether all texts are numbers as pyarrow reads them."""
    try:
        levels.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
