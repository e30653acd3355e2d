"""Finds which lines of a text are rows, and why the others are none, for blocks that a parser refuses.

A line is read as if it stood alone, whole columns at once. What is a row here is one wherever the text is cut, so this
is the rule, and the parser of mrdl.data.text.csv a faster way to the same numbers.
"""

import csv
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

from mrdl.data.text.cells import NUMBER, Cells, cut, flags_of, mask_of, numbers_of, texts_of
from mrdl.data.text.schema import BOOLEANS, MISSING, Schema, cells_of, header_crc
from mrdl.errors import SHOWN, brief

SHOWN_CELL = 40  # characters of a bad cell that a message shows
FLOAT32_MAX = float(np.finfo(np.float32).max)
BLANK = r"^[ \t\v\f\r]*$"
_QUOTED = r'"(?:[^"]|"")*"'
_IS_OPEN = rf'^(?:(?:{_QUOTED}(?:[^",][^,]*)?|[^",][^,]*|),)*"(?:[^"]|"")*$'  # a quote opens where a cell begins
_UTF8 = (
    r"^(?:[\x00-\x7F]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}"
    r"|\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2})*$"
)
OPEN = "a quotation mark is not closed"


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
    """

    features: np.ndarray
    labels: pa.Array | None
    missing: int
    words: list[str]
    booleans: list[int]
    bad: BadRows


def sift(text: bytes, schema: Schema, keep_unlabelled: bool = False) -> Sifted:
    """Part the lines of a text into rows and those that are none.

    text: whole lines that end in LF; keep_unlabelled: whether a row may be without its label.

    sift(b"1,2.5\\n1,x\\n", schema).features  # one row; the other is in .bad
    """
    lines = cut(text, b"\n")
    shaped = _shaped(lines, text, len(schema.columns))
    blank = mask_of(pc.match_substring_regex(lines, BLANK))
    grid, label = _grid(lines.filter(flags_of(shaped)), schema)
    cells = Cells.of(grid)
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
    )


def is_open(line: bytes) -> bool:
    """Return whether a quotation mark is opened in a line and not closed there."""
    return b'"' in line and bool(mask_of(pc.match_substring_regex(cut(line, b"\n"), _IS_OPEN))[0])


def reason(line: bytes, schema: Schema, keep_unlabelled: bool = False) -> str:
    """Return why one line is no row, in words: "3 columns, expected 4"."""
    try:
        cells = cells_of(line.decode())
    except UnicodeDecodeError as wrong:
        return f"byte 0x{wrong.object[wrong.start]:02x} is not UTF-8"
    except csv.Error as wrong:
        return str(wrong)[:SHOWN]
    if is_open(line):
        return OPEN
    if len(cells) != len(schema.columns):
        return f"{len(cells)} columns, expected {len(schema.columns)}"
    of_features = [cells[place] for place in schema.places]
    faults = {place: fault for place, fault in zip(schema.places, map(_fault, of_features), strict=True) if fault}
    for place in [] if keep_unlabelled else [*schema.targets, *([] if schema.label is None else [schema.label])]:
        if (word := cells[place].strip()) in MISSING:
            faults[place] = f"the label is missing ({word!r})" if word else "the label is missing"
    first = min(faults, default=0)
    return f"column {brief(schema.columns[first])}: {faults.get(first, 'it cannot be read')}"


def _fault(cell: str) -> str:
    """Return what is wrong with a cell of a feature, in words; "" where it is a value."""
    trimmed = cell.strip(" \t")
    if trimmed in MISSING or trimmed in BOOLEANS:
        return ""
    if re.match(NUMBER, trimmed, re.ASCII):
        return "" if abs(float(trimmed)) <= FLOAT32_MAX else f"{cell[:SHOWN_CELL]!r} is not a finite number"
    wild = re.match(r"^[+-]?(inf|infinity|nan)$", trimmed, re.IGNORECASE)
    return f"{cell[:SHOWN_CELL]!r} is not a {'finite ' if wild else ''}number"


# --- lines ---


def _shaped(lines: pa.Array, text: bytes, width: int) -> np.ndarray:
    """Return which lines are UTF-8 and have so many cells, (lines,) bool."""
    shaped = ~mask_of(pc.match_substring_regex(lines, BLANK))
    try:
        text.decode()
    except UnicodeDecodeError:
        shaped &= mask_of(pc.match_substring_regex(lines, _UTF8))
    if b'"' in text:
        shaped &= ~mask_of(pc.match_substring_regex(lines, _IS_OPEN))
        lines = pc.replace_substring_regex(lines, rf"(^|,){_QUOTED}", r"\1")
    return np.asarray(shaped & (pc.count_substring(lines, b",").to_numpy() == width - 1))


def _are_headers(lines: pa.Array, schema: Schema) -> np.ndarray:
    """Return which lines are the header, as between files that were joined, (lines,) bool."""
    if schema.header_crc is None or not len(lines):
        return np.zeros(len(lines), bool)
    coded = lines.dictionary_encode()
    is_header = np.array([header_crc(line) == schema.header_crc for line in coded.dictionary.to_pylist()])
    return np.asarray(is_header[coded.indices.to_numpy()])


# --- cells ---


def _grid(lines: pa.Array, schema: Schema) -> tuple[pa.Array, pa.Array | None]:
    """Return the cells of the features, column after column, and those of the label, None without one.

    lines: those with the right number of cells.
    """
    width = len(schema.columns)
    used = [*schema.places, *([] if schema.label is None else [schema.label])]
    text = b"\n".join(lines.to_pylist())
    if b'"' in text:
        columns = _read(text, width, used)
        features = pa.concat_arrays(columns[: len(schema.places)])
        return features, None if schema.label is None else columns[-1]
    flat = cut(text, b",\n").cast(pa.string()) if len(lines) else texts_of([])
    order = np.arange(len(lines) * width).reshape(len(lines), width).T
    features = flat.take(numbers_of(order[list(schema.places)].reshape(-1)))
    return features, None if schema.label is None else flat.take(numbers_of(order[schema.label]))


def _read(text: bytes, width: int, used: Sequence[int]) -> list[pa.Array]:
    """Return columns of text that may be quoted, each an array of strings. used: their indices."""
    names = [str(i) for i in range(width)]
    wanted = [names[i] for i in used]
    table = arrow_csv.read_csv(
        io.BytesIO(text),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
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
