"""Finds which lines of a text are rows, and why the others are none, for blocks that a parser refuses.

A line is read as if it stood alone, whole columns at once. What is a row here is one wherever the text is cut, so this
is the rule, and the parser of mrdl.data.text.csv a faster way to the same numbers.
"""

import csv
import functools
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mrdl.data.text.arrays import cut, flags_of, mask_of, numbers_of, read_csv, texts_of, values_of
from mrdl.data.text.cells import Cells
from mrdl.data.text.numbers import PLAIN_NUMBER, is_beyond
from mrdl.data.text.schema import BOOLEANS, MARKS, MISSING, Schema, cells_of, header_crc
from mrdl.data.types import CATEGORY, PLAIN, ColumnType
from mrdl.errors import SHOWN, brief
from mrdl.settings.fields import FLOAT32_MAX

SHOWN_CELL = 40  # characters of a bad cell that a message shows
BLANK = r"^[ \t\v\f\r]*$"
_QUOTED = r'"(?:[^"]|"")*"'
_UTF8 = (
    r"^(?:[\x00-\x7F]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}"
    r"|\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2})*$"
)
OPEN = "a quotation mark is not closed: a quoted field cannot hold a line end"


@dataclass(frozen=True)
class BadRow:
    """A line that could not be read.

    line: its number within the text it came from, 0 for the first; reason: in words; text: its beginning.
    """

    line: int
    reason: str
    text: str


class BadRows(Sequence[BadRow]):
    """The lines of a text that are no rows; why is found out for those alone that are looked at.

    columns: of the feature columns that hold cells which are no numbers, their index in the CSV -> (how many, one).

    list(sift(text, schema).bad[:5])
    """

    def __init__(
        self, numbers: np.ndarray, lines: pa.Array, reason: Callable[[bytes], str], columns: dict[int, tuple[int, str]]
    ) -> None:
        """Keep the lines. numbers: (bad,) int64, of lines in the text; lines: (bad,) of bytes; reason: of one line."""
        self.columns = columns
        self._numbers = numbers
        self._lines = lines
        self._reason = reason

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> BadRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[BadRow]: ...
    def __getitem__(self, index: int | slice) -> BadRow | list[BadRow]:
        """Return one of them, or a list of some, with the reason."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        line = self._lines[index].as_py()
        return BadRow(int(self._numbers[index]), self._reason(line), line[: 4 * SHOWN].decode(errors="replace")[:SHOWN])


@dataclass(frozen=True)
class Sifted:
    """What is in a text.

    features: (rows, columns) float32; labels: (rows,) of strings, None without a label column.
    missing: how many cells are; words: for missing, as they are spelled.
    booleans: indices in the CSV of columns that hold True or False; bad: the lines that are no rows.
    levels: of each column of categories, by its place among the features, what its values are indices of.
    """

    features: np.ndarray
    labels: pa.Array | None
    missing: int
    words: list[str]
    booleans: list[int]
    bad: BadRows
    levels: dict[int, tuple[str, ...]]


def sift(text: bytes, schema: Schema, keep_unlabelled: bool = False) -> Sifted:
    """Part the lines of a text into rows and those that are none.

    text: whole lines that end in LF; keep_unlabelled: whether a row may be without its label.

    sift(b"1,2.5\\n1,x\\n", schema).features  # one row; the other is in .bad
    """
    lines = cut(text, b"\n")
    shaped = _shaped(lines, text, schema)
    blank = mask_of(pc.match_substring_regex(lines, BLANK))
    grid, label = _grid(lines.filter(flags_of(shaped)), schema)
    cells, levels = _cells(grid, schema)
    wide = (len(schema.places), -1)
    bad, boolean, missing = (mask.reshape(wide) for mask in (cells.bad, cells.boolean, cells.missing))
    kept = np.asarray(~bad.any(axis=0))
    if not keep_unlabelled:
        kept &= ~missing[len(schema.feature_places) :].any(axis=0)
        if label is not None:
            kept &= ~mask_of(pc.is_in(pc.utf8_trim_whitespace(label), texts_of(MISSING)))
    good = shaped.copy()
    good[shaped] = kept
    numbers = np.flatnonzero(~good & ~blank)
    numbers = numbers[~_are_headers(lines.take(numbers_of(numbers)), schema)]
    why = partial(reason, schema=schema, keep_unlabelled=keep_unlabelled)
    return Sifted(
        np.ascontiguousarray(cells.values.reshape(wide).T[kept]),
        None if label is None else label.filter(flags_of(kept)),
        int(missing[:, kept].sum()),
        cells.words,
        [schema.places[i] for i in np.flatnonzero(boolean.any(axis=1))],
        BadRows(numbers, lines.take(numbers_of(numbers)), why, _bad_columns(cells, bad, schema)),
        levels,
    )


def _cells(grid: pa.Array, schema: Schema) -> tuple[Cells, dict[int, tuple[str, ...]]]:
    """Return the values of cells, and the levels of categories.

    grid: the cells of the features, column after column.
    """
    types = schema.value_types
    if set(types) <= {PLAIN}:
        return Cells.of(grid), {}
    rows = len(grid) // max(1, len(types))
    each = [Cells.of(grid[i * rows : (i + 1) * rows], column) for i, column in enumerate(types)]
    values, missing, boolean, bad = (
        np.concatenate([getattr(cells, name) for cells in each]) for name in ("values", "missing", "boolean", "bad")
    )
    levels = {i: each[i].levels for i, column in enumerate(types) if column.kind == CATEGORY}
    return Cells(grid, values, missing, boolean, bad), levels


def is_open(line: bytes, separator: str = ",") -> bool:
    """Return whether a quotation mark is opened in a line and not closed there."""
    return b'"' in line and bool(mask_of(pc.match_substring_regex(cut(line, b"\n"), _opens(separator)))[0])


@functools.cache
def _opens(separator: str) -> str:
    """Return the pattern of a line in which a quote opens, where a cell begins, and is not closed."""
    mark = re.escape(separator)
    return rf'^(?:(?:{_QUOTED}(?:[^"{mark}][^{mark}]*)?|[^"{mark}][^{mark}]*|){mark})*"(?:[^"]|"")*$'


def reason(line: bytes, schema: Schema, keep_unlabelled: bool = False) -> str:
    """Return why one line is no row, in words: "3 columns, expected 4"."""
    try:
        cells = cells_of(line.decode(), schema.separator)
    except UnicodeDecodeError as wrong:
        return f"byte 0x{wrong.object[wrong.start]:02x} is not UTF-8"
    except csv.Error as wrong:
        return str(wrong)[:SHOWN]
    if is_open(line, schema.separator):
        return OPEN
    if len(cells) != len(schema.columns):
        return f"{len(cells)} columns, expected {len(schema.columns)}"
    columns = zip(schema.places, schema.value_types, strict=True)
    faults = {place: fault for place, column in columns if (fault := _fault(cells[place], column))}
    for place in [] if keep_unlabelled else [*schema.targets, *([] if schema.label is None else [schema.label])]:
        if (word := cells[place].strip()) in MISSING:
            faults[place] = f"the label is missing ({word!r})" if word else "the label is missing"
    if schema.weight is not None and cells[schema.weight].strip() in MISSING:
        faults[schema.weight] = "the row's weight is missing"
    first = min(faults, default=0)
    return f"column {brief(schema.columns[first])}: {faults.get(first, 'it cannot be read')}"


def _fault(cell: str, column: ColumnType) -> str:
    """Return what is wrong with a cell of a feature, in words; "" where it is a value."""
    if column != PLAIN:
        written = f", as {column.format}" if column.format else ""
        is_bad = Cells.of(cut(cell.encode(), b"\n").cast(pa.string()), column).bad[0]
        return f"{cell[:SHOWN_CELL]!r} is not a {column.kind}{written}" if is_bad else ""
    trimmed = cell.strip(" \t")
    if trimmed in MARKS or trimmed in BOOLEANS:
        return ""
    if re.match(PLAIN_NUMBER, trimmed, re.ASCII):
        beyond = f"{cell[:SHOWN_CELL]!r} is not a finite number of 32 bits, at most {FLOAT32_MAX:.2g}"
        return beyond if is_beyond(trimmed) else ""
    wild = re.match(r"^[+-]?(inf|infinity|nan)$", trimmed, re.IGNORECASE)
    return f"{cell[:SHOWN_CELL]!r} is not a {'finite ' if wild else ''}number"


# --- lines ---


def _shaped(lines: pa.Array, text: bytes, schema: Schema) -> np.ndarray:
    """Return which lines are UTF-8 and have as many cells as there are columns, (lines,) bool."""
    shaped = ~mask_of(pc.match_substring_regex(lines, BLANK))
    try:
        text.decode()
    except UnicodeDecodeError:
        shaped &= mask_of(pc.match_substring_regex(lines, _UTF8))
    if b'"' in text:
        shaped &= ~mask_of(pc.match_substring_regex(lines, _opens(schema.separator)))
        lines = pc.replace_substring_regex(lines, rf"(^|{re.escape(schema.separator)}){_QUOTED}", r"\1")
    marks = values_of(pc.count_substring(lines, schema.separator.encode()))
    return np.asarray(shaped & (marks == len(schema.columns) - 1))


def _are_headers(lines: pa.Array, schema: Schema) -> np.ndarray:
    """Return which lines are the header, as between files that were joined, (lines,) bool."""
    if schema.header_crc is None or not len(lines):
        return np.zeros(len(lines), bool)
    coded = lines.dictionary_encode()
    is_header = np.array([header_crc(line) == schema.header_crc for line in coded.dictionary.to_pylist()])
    return np.asarray(is_header[values_of(coded.indices)])


# --- cells ---


def _grid(lines: pa.Array, schema: Schema) -> tuple[pa.Array, pa.Array | None]:
    """Return the cells of the features, column after column, and those of the label, None without one.

    lines: those with the right number of cells.
    """
    width = len(schema.columns)
    used = [*schema.places, *([] if schema.label is None else [schema.label])]
    text = b"\n".join(lines.to_pylist())
    if b'"' in text:
        columns = _read(text, width, used, schema.separator)
        features = pa.concat_arrays(columns[: len(schema.places)])
        return features, None if schema.label is None else columns[-1]
    flat = cut(text, f"{schema.separator}\n".encode()).cast(pa.string()) if len(lines) else texts_of([])
    order = np.arange(len(lines) * width).reshape(len(lines), width).T
    features = flat.take(numbers_of(order[list(schema.places)].reshape(-1)))
    return features, None if schema.label is None else flat.take(numbers_of(order[schema.label]))


def _read(text: bytes, width: int, used: Sequence[int], separator: str) -> list[pa.Array]:
    """Return columns of text that may be quoted, each an array of strings. used: their indices."""
    names = [str(i) for i in range(width)]
    wanted = [names[i] for i in used]
    table = read_csv(
        io.BytesIO(text),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
        parse_options=arrow_csv.ParseOptions(delimiter=separator),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, null_values=[]
        ),
    ).combine_chunks()
    return [table.column(i).combine_chunks() for i in range(len(wanted))]


def _bad_columns(cells: Cells, bad: np.ndarray, schema: Schema) -> dict[int, tuple[int, str]]:
    """Return of each column with bad cells, by its index in the CSV, how many and the first. bad: (columns, rows)."""
    rows = bad.shape[1]
    found = {}
    for column in np.flatnonzero(bad.any(axis=1)):
        first: Any = cells.text[int(column * rows + bad[column].argmax())].as_py()
        found[schema.places[column]] = int(bad[column].sum()), first[:SHOWN_CELL]
    return found
