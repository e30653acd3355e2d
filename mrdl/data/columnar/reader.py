"""Makes blocks of rows of a column file's batches: what is a value, and what is a bad row, is as in a CSV of them."""

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mrdl.data.columnar.cells import Values, stored_numbers, values_of_column
from mrdl.data.columnar.files import ColumnFile, rows_of_batch
from mrdl.data.columnar.kinds import texts, told_hashed_dates
from mrdl.data.text.arrays import cut, mask_of, numbers_of, texts_of, values_of
from mrdl.data.text.bad_rows import BadRow, BadRows, reason
from mrdl.data.text.csv import Block
from mrdl.data.text.schema import MISSING, Schema
from mrdl.data.types import PLAIN
from mrdl.errors import DataError

NO_BAD_ROWS: Sequence[BadRow] = ()
SHOWN_CELL = 40  # characters of a bad cell that a message shows


class ColumnReader:
    """Reads groups of rows of column files as blocks; only the columns that are used are read.

    reader = ColumnReader(schema)
    for block, bad, rows in reader.blocks(ColumnFile(place, PARQUET), [0, 1], keys={}): ...
    """

    def __init__(self, schema: Schema, *, keep_unlabelled: bool = False) -> None:
        """schema: its columns are found in files by their names.

        keep_unlabelled: whether a row whose label is missing is one, with the label ""; else it is bad.
        """
        self._schema = schema
        self._keep_unlabelled = keep_unlabelled
        self._label = [] if schema.label is None else [schema.label]
        self._why = partial(reason, schema=schema, keep_unlabelled=keep_unlabelled)

    def blocks(
        self, file: ColumnFile, groups: Sequence[int], keys: Mapping[str, str]
    ) -> Iterator[tuple[Block | None, Sequence[BadRow], int]]:
        """Yield (rows, the rows among them that cannot be read, how many there are in all), batch by batch.

        keys: of the file's partition folders, name -> value. Raises DataError where the file is damaged, or holds dates
        in a column that is hashed.
        """
        names = [self._schema.columns[i] for i in (*self._schema.places, *self._label)]
        wanted = list(dict.fromkeys(name for name in names if name not in keys))
        rows = rows_of_batch(len(names))
        stored = wanted or file.names[:1]  # of no column at all nobody knows how many rows there are
        types = zip(names, self._schema.value_types, strict=False)  # the label has none
        hashed = {name for name, column in types if column.buckets} & set(stored)
        if dates := sorted(filter(file.holds_dates, hashed)):
            raise DataError(f"{file.place.path}: {told_hashed_dates(dates[0])}")
        for batch in file.batches(groups, stored, rows, hashed):
            of_keys = {name: _constant(keys[name], batch.num_rows) for name in names if name in keys}
            columns = {**{name: batch.column(i) for i, name in enumerate(stored)}, **of_keys}
            block, bad = self._block([columns[name] for name in names], batch.num_rows)
            yield block, bad, batch.num_rows

    def _block(self, columns: list[pa.Array], rows: int) -> tuple[Block | None, Sequence[BadRow]]:
        """Return the rows of a batch, and those that are none. columns: of the features, then of the label."""
        width = len(self._schema.places)
        label = columns[width] if self._label else None
        if label is None and (pixels := self._bytes(columns, rows)) is not None:
            return Block(pixels, *self._coded(None, rows), 0), NO_BAD_ROWS
        codes, names = self._coded(label, rows)
        if label is not None and (codes >= 0).all() and (pixels := self._bytes(columns[:width], rows)) is not None:
            return Block(pixels, codes, names, 0), NO_BAD_ROWS
        found = list(map(values_of_column, columns[:width], self._schema.value_types))
        by_column = np.empty((width, rows), np.float32)
        bad = codes < 0
        for place, each in enumerate(found):
            by_column[place] = each.values
            if each.bad is not None:
                bad = bad | each.bad
        if not self._keep_unlabelled:
            bad = bad | np.isnan(by_column[len(self._schema.feature_places) :]).any(axis=0)  # a target is missing
        features = np.ascontiguousarray(by_column.T)
        told: Sequence[BadRow] = NO_BAD_ROWS
        if bad.any():
            told = self._bad_rows(columns, found, np.flatnonzero(bad))
            features, codes = features[~bad], codes[~bad]
        if not len(features):
            return None, told
        levels = {place: each.levels for place, each in enumerate(found) if each.levels is not None}
        return Block(features, codes, names, int(np.isnan(features).sum()), levels), told

    def _bytes(self, columns: list[pa.Array], rows: int) -> np.ndarray | None:
        """Return columns of whole numbers from 0 to 255 as bytes, (rows, columns); None where they are not all such."""
        if not all(pa.types.is_integer(each.type) and not each.null_count for each in columns):
            return None
        if set(self._schema.value_types) != {PLAIN}:
            return None
        stored = [stored_numbers(each) for each in columns]
        if any(rows and (each.min() < 0 or each.max() > 255) for each in stored):
            return None
        return np.stack([each.astype(np.uint8) for each in stored]).T.copy()

    def _coded(self, label: pa.Array | None, rows: int) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return codes and names of labels; the code of a missing one is -1, or that of "" where they are kept."""
        if label is None:
            return np.zeros(rows, np.int32), ("",)
        coded = label if pa.types.is_dictionary(label.type) else None
        if coded is None:
            plain = texts(label) if pa.types.is_null(label.type) else label
            coded = plain.dictionary_encode()
        trimmed = pc.utf8_trim_whitespace(texts(coded.dictionary))
        missing = mask_of(pc.is_in(trimmed, texts_of(MISSING)))
        names = trimmed.to_pylist()
        of_missing = -1
        if self._keep_unlabelled:
            names, of_missing = [*names, ""], len(names)
        table = np.append(np.where(missing, of_missing, np.arange(len(missing))), of_missing).astype(np.int32)
        places = pc.coalesce(coded.indices.cast(pa.int64()), numbers_of(np.array([len(missing)]))[0])
        return table[values_of(places)], tuple(names)

    def _bad_rows(self, columns: list[pa.Array], found: list[Values], rows: np.ndarray) -> BadRows:
        """Return rows that cannot be read, with their text as a CSV would have it. rows: (bad,), their numbers."""
        taken = numbers_of(rows)
        cells = {place: column.take(taken) for place, column in zip(self._used, columns, strict=True)}
        empty = texts_of([""] * len(rows))
        written = [cells.get(i, empty) for i in range(len(self._schema.columns))]
        lines = cut(csv_of(written, self._schema.separator)[:-1], b"\n")
        return BadRows(rows, lines, self._why, self._bad_columns(columns, found))

    def _bad_columns(self, columns: list[pa.Array], found: list[Values]) -> dict[int, tuple[int, str]]:
        """Return of each column with bad cells, by its index, how many and the first."""
        told = {}
        for place, column, each in zip(self._schema.places, columns, found, strict=False):
            if each.bad is not None:
                first = texts(column.slice(int(each.bad.argmax()), 1))[0].as_py()
                told[place] = int(each.bad.sum()), first[:SHOWN_CELL]
        return told

    @property
    def _used(self) -> tuple[int, ...]:
        """The indices of the columns that are read, the label's last."""
        return (*self._schema.places, *self._label)


def read_groups(
    file: ColumnFile, schema: Schema, keys: Mapping[str, str], source: str, *, keep_unlabelled: bool = False
) -> Iterator[tuple[Block, int]]:
    """Yield the rows of a whole column file, and the bytes that they take there, about.

    keys: as `ColumnReader.blocks` has them; source: its name for people; keep_unlabelled: see BlockParser. Raises
    DataError at a bad row.
    """
    reader = ColumnReader(schema, keep_unlabelled=keep_unlabelled)
    each, row = file.place.size // max(1, file.rows), 1
    for block, bad, rows in reader.blocks(file, range(len(file.groups)), keys):
        if bad:
            raise DataError(f"{source} row {row + bad[0].line}: {bad[0].reason}")
        row += rows
        if block:
            yield block, rows * each


def csv_of(columns: Sequence[pa.Array], separator: str) -> bytes:
    """Return columns as lines of text, without a header."""
    table = pa.table([one_line(texts(column)) for column in columns], [str(i) for i in range(len(columns))])
    text = io.BytesIO()
    arrow_csv.write_csv(table, text, arrow_csv.WriteOptions(include_header=False, delimiter=separator))
    return text.getvalue()


def one_line(cells: pa.Array) -> pa.Array:
    """Return texts that one line can hold."""
    return pc.replace_substring_regex(cells, r"[\r\n]+", " ")


def _constant(text: str, rows: int) -> pa.Array:
    """Return a column of one text, as a dictionary."""
    indices = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(np.zeros(rows, np.int32))])
    return pa.DictionaryArray.from_arrays(indices, texts_of([text]))
