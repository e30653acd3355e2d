"""Turns CSV text into arrays, in blocks of whole lines.

A record is one line: MapReduce cuts files at line ends, so a quoted field cannot hold one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mrdl.data.text.arrays import mask_of, read_csv, texts_of, values_of
from mrdl.data.text.bad_rows import BadRow, is_open, sift
from mrdl.data.text.cells import Cells, repeated
from mrdl.data.text.schema import MISSING, Schema, header_crc, normalise, single_blanks, without_marks
from mrdl.data.text.small_numbers import small_numbers
from mrdl.data.types import CATEGORY, PLAIN
from mrdl.errors import DataError

_HEXADECIMAL = re.compile(rb"0[xX]")
_MISSING = frozenset(MISSING)
WIDE = 10_000  # columns, from which on the sieve is faster and takes less memory
BLOCK_BYTES = 1 << 20  # of a piece of text: so pyarrow parses it a tenth faster than at once
MOST_NULLS = 20  # spellings of missing that are read fast


@dataclass(frozen=True)
class Block:
    """Parsed rows.

    features: (rows, columns) uint8 or float32, the targets behind the features, missing cells nan, so that a block with
    some is float32.
    label_codes: (rows,) int32, index in label_names.
    missing: how many cells are; levels: of each column of categories, by its place among the features, the texts that
    its values are indices of.
    """

    features: np.ndarray
    label_codes: np.ndarray  # (rows,) int32, index in label_names
    label_names: tuple[str, ...]
    missing: int
    levels: dict[int, tuple[str, ...]] = field(default_factory=dict)


def whole_lines(chunks: Iterable[bytes], crc: int | None) -> Iterator[bytes]:
    """Yield blocks of whole lines with LF at their ends, of bytes cut anywhere; the header line is blanked.

    crc: of the header, None without one. It is known by what it says, not by its place: only the first split of a file
    has it. It leaves an empty line, so that lines keep their numbers.
    """
    rest = b""
    first = True
    for chunk in chunks:
        rest, text = _parted(rest, chunk)
        if text:
            yield _without_header(normalise(text), crc) if first else normalise(text)
            first = first and not without_marks(text).strip()
    if rest:
        yield _without_header(normalise(rest), crc) if first else normalise(rest)


def _parted(rest: bytes, chunk: bytes) -> tuple[bytes, bytes]:
    """Return what follows the last line end of two texts, one after the other, and the whole lines before it.

    rest: has no line end, but for a CR at its end, which may be the half of a CRLF.
    """
    if not chunk:
        return rest, b""
    half = chunk.endswith(b"\r")
    newline = chunk.rfind(b"\n")
    cut = max(newline, chunk.rfind(b"\r", newline + 1, len(chunk) - half)) + 1
    if not cut and not rest.endswith(b"\r"):
        return rest + chunk, b""
    with memoryview(chunk) as bytes_of_chunk:  # a text of megabytes is copied once
        return chunk[cut:], b"".join((rest, bytes_of_chunk[:cut]))


def _without_header(text: bytes, crc: int | None) -> bytes:
    """Return a text whose first line that is not empty is left empty if it is the header."""
    start = len(text) - len(text.lstrip(b"\n"))
    line, end, after = text[start:].partition(b"\n")
    return text[:start] + end + after if crc is not None and header_crc(line) == crc else text


class BlockParser:
    """Parses blocks of whole lines fast; a block with what its columns do not hold goes through the sieve.

    What it has seen there (words for missing, columns of booleans) it reads fast from then on: that changes how long
    a later block takes, and no value.

    blocks, bad = BlockParser(schema).parse(b"1,2,3\\n")
    """

    def __init__(self, schema: Schema, *, keep_unlabelled: bool = False) -> None:
        """Take in the columns.

        keep_unlabelled: whether a row whose label is missing is one, with the label "" or the target nan; else it is
        bad.
        """
        self._schema = schema
        self._keep_unlabelled = keep_unlabelled
        self._places = schema.places
        self._num_features = len(schema.feature_places)
        self._types = dict(zip(self._places, schema.value_types, strict=True))
        self._as_text = {place for place, column in self._types.items() if column != PLAIN}
        first, last = self._places[0], self._places[-1]
        apart = self._places != tuple(range(first, last + 1))
        self._columns = list(self._places) if apart else slice(first, last + 1)
        self._names = [str(i) for i in range(len(schema.columns))]
        self._used = [self._names[i] for i in (*self._places, *([] if schema.label is None else [schema.label]))]
        self._bytes = True  # no plain number other than 0 to 255 was seen yet: uint8 parses faster than float32
        self._small = schema.separator == "," and not self._as_text  # all was whole numbers of one to three digits
        self._nulls = [""]  # each costs time and memory for every column

    def parse(self, text: bytes) -> tuple[list[Block], Sequence[BadRow]]:
        """Return blocks in the order of lines, and the rows that are none. text: whole lines that end in LF."""
        if self._schema.separator == " ":
            text = single_blanks(text)
        if not text or text.isspace():
            return [], []
        if len(self._used) <= WIDE:
            try:
                return [self._convert(text)], []
            except (pa.ArrowInvalid, _Unusable):
                pass
        found = sift(text, self._schema, self._keep_unlabelled)
        self._nulls = list(dict.fromkeys([*self._nulls, *found.words]))[:MOST_NULLS]
        self._as_text |= set(found.booleans)
        if not len(found.features):
            return [], found.bad
        codes, names = self._coded(found.labels, len(found.features))
        return [Block(found.features, codes, names, found.missing, found.levels)], found.bad

    def _convert(self, text: bytes) -> Block:
        """Return a text that pyarrow can read as a block: bytes as long as no other value was seen, else float32."""
        if self._small:
            found = small_numbers(text.lstrip(b"\n"), len(self._names), self._schema.label or 0)
            if found:
                return self._of_small(*found)
            self._small = False
        try:
            return self._table(text, pa.uint8() if self._bytes else pa.float32())
        except pa.ArrowInvalid:
            if not self._bytes:
                raise
            block = self._table(text, pa.float32())
            self._bytes = False
            return block

    def _of_small(self, values: np.ndarray, digits: np.ndarray) -> Block:
        """Return rows of small numbers as a block. values: (rows, all columns) uint8; digits: (rows,), of the label."""
        features = np.ascontiguousarray(values[:, self._columns])
        if self._schema.label is None:
            return Block(features, *self._coded(None, len(values)), 0)
        labels = values[:, self._schema.label]
        _, first, codes = np.unique(labels + 256 * digits, return_index=True, return_inverse=True)
        order = np.argsort(first)  # labels are numbered as they appear, as pyarrow numbers them
        names = tuple(f"{labels[row]:0{digits[row]}d}" for row in first[order])
        return Block(features, np.argsort(order).astype(np.int32)[codes], names, 0)

    def _table(self, text: bytes, value_type: pa.DataType) -> Block:
        """Return a text as a block; raises ArrowInvalid or _Unusable for what its columns do not hold.

        value_type: of plain numbers.
        """
        if value_type == pa.uint8() and (b"x" in text or b"X" in text) and _HEXADECIMAL.search(text):
            raise pa.ArrowInvalid("0x10 is a number for whole numbers only: a row must not depend on its neighbours")
        if self._schema.dropped and not text.isascii() and not _is_utf8(text):
            raise _Unusable  # pyarrow looks at the columns alone that it converts
        table = self._read(text, value_type)
        if b'"' in text:
            rows = [line for line in text.split(b"\n") if line]
            if table.num_rows != len(rows) or is_open(rows[-1], self._schema.separator):
                raise _Unusable  # a quote that is left open would swallow the next lines
        features, missing, levels = self._values(table, value_type)
        if missing and not self._keep_unlabelled and np.isnan(features[:, self._num_features :]).any():
            raise _Unusable  # a target is
        label = None if self._schema.label is None else table.column(len(self._places)).combine_chunks()
        return Block(features, *self._coded(label, table.num_rows), missing, levels)

    def _values(self, table: pa.Table, value_type: pa.DataType) -> tuple[np.ndarray, int, dict[int, tuple[str, ...]]]:
        """Return the features (rows, columns) in a table, how many are missing, and the levels of categories."""
        plain = [i for i, place in enumerate(self._places) if place not in self._as_text]
        numbers, missing = _plain_numbers(table.select(plain), value_type)
        if not self._as_text:
            return numbers, missing, {}
        features = np.empty((table.num_rows, len(self._places)), np.float32)
        features[:, plain] = numbers
        levels = {}
        for i, place in enumerate(self._places):
            if place in self._as_text:
                coded = table.column(i).combine_chunks()
                distinct = Cells.of(coded.dictionary, self._types[place])
                cells = repeated(distinct, values_of(coded.indices))
                if cells.bad.any():
                    raise _Unusable
                features[:, i] = cells.values
                missing += int(cells.missing.sum()) if distinct.missing.any() else 0
                if self._types[place].kind == CATEGORY:
                    levels[i] = distinct.levels
        return features, missing, levels

    def _read(self, text: bytes, value_type: pa.DataType) -> pa.Table:
        """Return the columns that are used, the label's last; of what is not plain numbers the distinct texts."""
        coded = pa.dictionary(pa.int32(), pa.string())
        types = dict.fromkeys(self._used, value_type) | {self._names[place]: coded for place in self._as_text}
        if self._schema.label is not None:
            types[self._names[self._schema.label]] = coded
        block = len(text) + 1 if b'"' in text else BLOCK_BYTES  # a quote left open shall be seen at the end alone
        return read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=block, column_names=self._names),
            parse_options=arrow_csv.ParseOptions(delimiter=self._schema.separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=self._nulls, strings_can_be_null=False, include_columns=self._used
            ),
        )

    def _coded(self, labels: pa.Array | None, rows: int) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return codes and names of labels; raises _Unusable where one is missing."""
        if labels is None:
            return np.zeros(rows, np.int32), ("",)
        coded = labels if pa.types.is_dictionary(labels.type) else labels.dictionary_encode()
        names = tuple(name.strip() for name in coded.dictionary.to_pylist())
        if self._keep_unlabelled:
            names = tuple("" if name in _MISSING else name for name in names)
        elif not _MISSING.isdisjoint(names):
            raise _Unusable
        return values_of(coded.indices), names


class _Unusable(Exception):
    """Raised where a block parses, but holds a value that is no value."""


def _plain_numbers(table: pa.Table, value_type: pa.DataType) -> tuple[np.ndarray, int]:
    """Return a table of one type as an array (rows, columns), missing cells nan, and how many are; _Unusable for inf.

    It is of float32 where some are missing, whatever the type.
    """
    with suppress(pa.ArrowTypeError):  # some are missing
        return _finite(_array(table, value_type)), 0
    missing = {i: mask_of(c.is_null().combine_chunks()) for i, c in enumerate(table.columns) if c.null_count}
    zero = texts_of(["0"]).cast(value_type)[0]
    columns = [pc.coalesce(column, zero) if i in missing else column for i, column in enumerate(table.columns)]
    features = _finite(_array(pa.table(columns, table.column_names), value_type)).astype(np.float32, copy=False)
    for i, without in missing.items():
        features[without, i] = np.nan
    return features, sum(int(without.sum()) for without in missing.values())


def _array(table: pa.Table, value_type: pa.DataType) -> np.ndarray:
    """Return a table of one type as an array (rows, columns); raises ArrowTypeError where a value is missing."""
    array = np.empty((table.num_rows, table.num_columns), value_type.to_pandas_dtype())
    row = 0
    for batch in table.to_batches() if table.num_columns else ():
        array[row : row + batch.num_rows] = batch.to_tensor().to_numpy()
        row += batch.num_rows
    return array


def _finite(array: np.ndarray) -> np.ndarray:
    """Return an array whose zeros have no sign: -0 and 0 must hash alike; raises _Unusable for one with infinity."""
    if array.dtype == np.float32:
        if not np.isfinite(array).all():
            raise _Unusable
        array += 0.0
    return array


def _is_utf8(text: bytes) -> bool:
    """Return whether a text is UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_blocks(
    chunks: Iterable[bytes], schema: Schema, source: str, *, keep_unlabelled: bool = False
) -> Iterator[tuple[Block, int]]:
    """Yield the rows of a whole CSV, and the bytes of text that they were.

    chunks: its bytes, cut anywhere; source: its name for people; keep_unlabelled: see BlockParser. Raises DataError
    at a bad row.
    """
    parser = BlockParser(schema, keep_unlabelled=keep_unlabelled)
    line = 0
    for text in whole_lines(chunks, schema.header_crc):
        blocks, bad = parser.parse(text)
        if bad:
            raise DataError(f"{source} line {line + bad[0].line + 1}: {bad[0].reason}")
        yield from ((block, len(text)) for block in blocks)
        line += text.count(b"\n")


def read_table(chunks: Iterable[bytes], schema: Schema, source: str) -> tuple[np.ndarray, list[str]]:
    """Read a whole CSV of plain numbers at once: features (rows, columns), and the label of each row.

    chunks, source: as `read_blocks` has them. Raises DataError at a bad row.
    """
    blocks = [block for block, _ in read_blocks(chunks, schema, source)]
    if not blocks:
        return np.zeros((0, len(schema.places)), np.uint8), []
    labels = [block.label_names[code] for block in blocks for code in block.label_codes]
    return np.concatenate([block.features for block in blocks]), labels
