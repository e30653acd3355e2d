"""What the columns of a CSV are, decided once, in the driver; and the lines and cells of its text."""

import csv
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.types import PLAIN, ColumnType

BOM = b"\xef\xbb\xbf"
MISSING = ["", "NA", "N/A", "#N/A", "NaN", "nan", "-nan", "null", "NULL", "None", "?"]
MARKS = [*MISSING, "-", "--", ".", "n/a", "na", "none", "n.a.", "N.A.", "<NA>", "#NA", "NaT", "(null)", "\\N"]
"""What stands for a missing value of a feature; a label may be called so, but for MISSING."""
SHOWN_NAMES = 20  # names of columns that a message lists
BOOLEANS = {"True": 1, "TRUE": 1, "true": 1, "False": 0, "FALSE": 0, "false": 0}  # as pandas, R and Spark write them


@dataclass(frozen=True)
class Schema:
    """The columns of a CSV.

    columns: their names, c0, c1, ... where the CSV says none; label: the label's index, None without one.
    header_crc: the CRC-32 of the header line, None without one; dropped: the indices of columns that are left out.
    types: of each column, the label and those left out, too; empty where all hold plain numbers.
    targets: the indices of columns that are learnt in place of a label; flags: whether those hold 0 or 1, else
    numbers.
    separator: what stands between two cells; a blank means any number of blanks and tabs.
    weight: the index of the column that says how much each row counts, None without one.

    Schema(("digit", "a", "b"), 0, None).features == ("a", "b")
    """

    columns: tuple[str, ...]
    label: int | None
    header_crc: int | None
    dropped: tuple[int, ...] = ()
    types: tuple[ColumnType, ...] = ()
    targets: tuple[int, ...] = ()
    flags: bool = False
    separator: str = ","
    weight: int | None = None

    @property
    def feature_places(self) -> tuple[int, ...]:
        """The indices of the features: of all columns but the label, the targets, the weight and those left out."""
        left_out = {self.label, *self.targets, *self.left_out}
        return tuple(i for i in range(len(self.columns)) if i not in left_out)

    @property
    def places(self) -> tuple[int, ...]:
        """The indices of the columns of a raw row: the features, and behind them the targets, and last the weight."""
        return (*self.feature_places, *self.targets, *([] if self.weight is None else [self.weight]))

    @property
    def beside(self) -> int:
        """How many columns of a raw row, the last ones, are no features."""
        return len(self.places) - len(self.feature_places)

    @property
    def left_out(self) -> tuple[int, ...]:
        """The indices of columns that a trained network does not ask for: those that are dropped, and the weight."""
        return tuple(sorted({*self.dropped, *([] if self.weight is None else [self.weight])}))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(self.columns[i] for i in self.feature_places)

    @property
    def feature_types(self) -> tuple[ColumnType, ...]:
        """What the features hold."""
        return tuple(self.types[i] if self.types else PLAIN for i in self.feature_places)

    @property
    def value_types(self) -> tuple[ColumnType, ...]:
        """What the columns of a raw row hold."""
        return tuple(self.types[i] if self.types else PLAIN for i in self.places)

    @property
    def label_places(self) -> tuple[int, ...]:
        """The indices of the label, or of the targets, among the columns that are not left out."""
        places = self.targets if self.label is None else (self.label,)
        return tuple(place - sum(i < place for i in self.left_out) for place in places)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the label column, or of the targets."""
        return tuple(self.columns[i] for i in (self.targets if self.label is None else (self.label,)))

    @property
    def label_name(self) -> str:
        """The same for people, "" without any."""
        return ", ".join(self.label_names)

    def to_meta(self) -> dict[str, Any]:
        """Return what `from_meta` reads, as JSON has it: the fields by name."""
        return {**vars(self), "types": [str(each) for each in self.types]}

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "Schema":
        """Return the schema that `to_meta` has written."""
        lists = {name: tuple(meta[name]) for name in ("columns", "dropped", "targets")}
        return cls(**{**meta, **lists, "types": tuple(map(ColumnType.of, meta["types"]))})


def header_crc(line: bytes) -> int:
    """Return what a header is known by, whatever its line end and byte order mark."""
    return zlib.crc32(without_marks(line).strip())


def cells_of(line: str, separator: str = ",") -> list[str]:
    """Return the cells of one line."""
    if separator == " ":
        line = single_blanks(line.encode()).decode()
    return next(csv.reader([line], delimiter=separator), [])


def single_blanks(text: bytes) -> bytes:
    """Return lines with one blank in place of any number of blanks and tabs, and none at their ends."""
    raw = np.frombuffer(text, np.uint8)
    blank = (raw == ord(" ")) | (raw == ord("\t"))
    end = raw == ord("\n")
    before = np.concatenate([[True], (blank | end)[:-1]]) if len(raw) else blank
    kept = ~(blank & before)
    raw, blank, end = np.where(blank, np.uint8(ord(" ")), raw)[kept], blank[kept], end[kept]
    last = blank & np.append(end[1:], True)  # a blank that a line ends in
    return raw[~last].tobytes()


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, or missing."""
    if cell.strip() in MISSING:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_value(cell: str) -> bool:
    """Return whether a cell is a number, True or False, or missing."""
    return is_number(cell) or cell.strip() in BOOLEANS


def normalise(text: bytes) -> bytes:
    """Return a text with line ends as LF, and without byte order marks before lines.

    A record may end in LF, CRLF or CR, as Hadoop has it; joined files have a mark in the middle.
    """
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if BOM[:1] not in text or BOM not in text:  # one byte is looked for ten times faster than three
        return text
    text = without_marks(text)
    while b"\n" + BOM in text:
        text = text.replace(b"\n" + BOM, b"\n")
    return text


def without_marks(text: bytes) -> bytes:
    """Return the text without byte order marks at its beginning: one, or several where a program has set another."""
    while text.startswith(BOM):
        text = text[len(BOM) :]
    return text


def filled_lines(head: bytes) -> list[bytes]:
    """Return the lines of a text that are not blank."""
    return [line for line in normalise(head).split(b"\n") if line.strip()]
