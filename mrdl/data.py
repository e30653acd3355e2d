"""From CSV text to arrays, in blocks of whole lines.

A record is one line: MapReduce cuts files at line ends, so a quoted field cannot hold one.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from mrdl.errors import DataError
from mrdl.schema import MISSING, Schema, cells_of, header_crc, is_number, is_open, normalise, without_marks
from mrdl.words import SHOWN, brief

# as cells are written in files such as UCI's: a space after the comma
_NULLS = [before + text + after for text in MISSING for before in ("", " ") for after in ("", " ")]
_HEXADECIMAL = re.compile(rb"0[xX]")
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class BadRow:
    """A line that could not be read: its number within the text it came from (0: the first), and why."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Block:
    """Parsed rows: features (rows, columns) uint8 or float32, missing cells 0; labels (rows,) of str."""

    features: np.ndarray
    label_codes: np.ndarray  # (rows,) int32, index in label_names
    label_names: tuple[str, ...]
    missing: int


def whole_lines(chunks: Iterable[bytes], crc: int | None) -> Iterator[bytes]:
    """Blocks of whole lines with LF at their ends, of bytes cut anywhere; the header line is blanked.

    The header is known by what it says, not by its place: only the first split of a file has it. It leaves an
    empty line, so that lines keep their numbers.
    """
    rest, first = b"", True
    for chunk in chunks:
        text = rest + chunk
        half = text.endswith(b"\r")  # perhaps the half of a CRLF
        cut = max(text.rfind(b"\n"), text.rfind(b"\r", 0, len(text) - half)) + 1
        text, rest = text[:cut], text[cut:]
        if text:
            yield _without_header(normalise(text), crc) if first else normalise(text)
            first = first and not without_marks(text).strip()
    if rest:
        yield _without_header(normalise(rest), crc) if first else normalise(rest)


def _without_header(text: bytes, crc: int | None) -> bytes:
    start = len(text) - len(text.lstrip(b"\n"))
    line, end, after = text[start:].partition(b"\n")
    return text[:start] + end + after if crc is not None and header_crc(line) == crc else text


class BlockParser:
    """Parses blocks of whole lines; a block with a bad row is halved until that row stands alone."""

    def __init__(self, schema: Schema, *, keep_unlabelled: bool = False) -> None:
        """keep_unlabelled: whether a row whose label is missing is one, with the label ""; else it is bad."""
        self._schema, self._keep_unlabelled = schema, keep_unlabelled
        self._names = [str(i) for i in range(len(schema.columns))]
        self._bytes = True  # no value other than 0 to 255 was seen yet: uint8 parses faster than float32

    def parse(self, text: bytes) -> tuple[list[Block], list[BadRow]]:
        """text: whole lines, LF. Returns blocks in the order of lines, and the rows that are none."""
        if not text.strip():
            return [], []
        try:
            return [self._convert(text)], []
        except (pa.ArrowInvalid, _Unusable):
            blocks: list[Block] = []
            bad: list[BadRow] = []
            self._halve(text.split(b"\n"), 0, blocks, bad)
            return blocks, bad

    def _halve(self, lines: list[bytes], first: int, blocks: list[Block], bad: list[BadRow]) -> None:
        text = b"\n".join(lines)
        if not text.strip():
            return
        try:
            blocks.append(self._convert(text))
        except (pa.ArrowInvalid, _Unusable) as error:
            if len(lines) == 1:
                if self._schema.header_crc != header_crc(lines[0]):  # else a header within a file of joined files
                    bad.append(BadRow(first, self._reason(lines[0], error), lines[0][:SHOWN].decode(errors="replace")))
                return
            middle = len(lines) // 2
            self._halve(lines[:middle], first, blocks, bad)
            self._halve(lines[middle:], first + middle, blocks, bad)

    def _convert(self, text: bytes) -> Block:
        try:
            return self._table(text, pa.uint8() if self._bytes else pa.float32())
        except pa.ArrowInvalid:
            if not self._bytes:
                raise
            block = self._table(text, pa.float32())
            self._bytes = False
            return block

    def _table(self, text: bytes, value_type: pa.DataType) -> Block:
        if value_type == pa.uint8() and (b"x" in text or b"X" in text) and _HEXADECIMAL.search(text):
            raise pa.ArrowInvalid("0x10 is a number for whole numbers only: a row must not depend on its neighbours")
        types = dict.fromkeys(self._names, value_type)
        types.update({self._names[i]: pa.string() for i in self._schema.dropped})
        label = self._schema.label
        if label is not None:
            types[self._names[label]] = pa.dictionary(pa.int32(), pa.string())
        table = arrow_csv.read_csv(
            io.BytesIO(text),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=self._names),
            convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=_NULLS, strings_can_be_null=False),
        ).combine_chunks()
        if b'"' in text and (table.num_rows != sum(map(bool, text.split(b"\n"))) or _ends_open(text)):
            raise _Unusable  # a quote that is left open would swallow the next lines
        missing = 0
        columns = self._schema.places
        transposed = np.empty((len(columns), table.num_rows), value_type.to_pandas_dtype())
        for row, i in enumerate(columns):
            column = table.column(i)
            if column.null_count:
                missing += column.null_count
                column = column.fill_null(0)
            transposed[row] = column.to_numpy()
        features = np.ascontiguousarray(transposed.T)
        if features.dtype == np.float32:
            if not np.isfinite(features).all():
                raise _Unusable
            features += 0.0  # -0 and 0 are the same value and must hash alike
        codes, names = self._labels(table)
        return Block(features, codes, names, missing)

    def _labels(self, table: pa.Table) -> tuple[np.ndarray, tuple[str, ...]]:
        if self._schema.label is None:
            return np.zeros(table.num_rows, np.int32), ("",)
        column = table.column(self._schema.label).combine_chunks()
        names = tuple(name.strip() for name in column.dictionary.to_pylist())
        if self._keep_unlabelled:
            names = tuple("" if name in MISSING else name for name in names)
        elif "" in names:
            raise _Unusable
        return column.indices.to_numpy(), names

    def _reason(self, line: bytes, error: Exception) -> str:
        """Why one line is no row, in the words of its author."""
        try:
            cells = cells_of(line.decode())
        except UnicodeDecodeError as wrong:
            return f"byte 0x{wrong.object[wrong.start]:02x} is not UTF-8"
        except csv.Error as wrong:
            return str(wrong)
        if is_open(line.decode()):
            return "a quotation mark is not closed"
        if len(cells) != len(self._schema.columns):
            return f"{len(cells)} columns, expected {len(self._schema.columns)}"
        for i in sorted({*range(len(cells))} - {*self._schema.dropped}):
            name, cell = self._schema.columns[i], cells[i]
            if i == self._schema.label:
                if not cell.strip():
                    return f"column {brief(name)}: the label is missing"
            elif not is_number(cell):
                return f"column {brief(name)}: {cell[:40]!r} is not a number"
            elif cell.strip() not in MISSING and not abs(float(cell)) <= FLOAT32_MAX:
                return f"column {brief(name)}: {cell[:40]!r} is not a finite number"
        return str(error)[:SHOWN]


def _ends_open(text: bytes) -> bool:
    return is_open(text.rstrip(b"\n").rpartition(b"\n")[2].decode(errors="replace"))


class _Unusable(Exception):
    """A block parses, but holds a value that is no value."""


def read_table(chunks: Iterable[bytes], schema: Schema, source: str) -> tuple[np.ndarray, list[str]]:
    """A whole CSV at once: features (rows, columns), and the label of each row. Raises DataError at a bad row."""
    parser, line = BlockParser(schema), 0
    blocks: list[Block] = []
    for text in whole_lines(chunks, schema.header_crc):
        parsed, bad = parser.parse(text)
        if bad:
            raise DataError(f"{source} line {line + bad[0].line + 1}: {bad[0].reason}")
        blocks += parsed
        line += text.count(b"\n")
    if not blocks:
        return np.zeros((0, len(schema.features)), np.uint8), []
    labels = [block.label_names[code] for block in blocks for code in block.label_codes]
    return np.concatenate([block.features for block in blocks]), labels
