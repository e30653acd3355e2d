"""Decides what the columns of a CSV are, once, in the driver, by the first two lines, so that no task guesses."""

import csv
import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.text.formats import refuse_other_formats, refuse_other_separators
from mrdl.data.types import PLAIN, ColumnType
from mrdl.errors import SHOWN, ConfigError, DataError, brief

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

    sniff(b"digit,a,b\\n3,0,16\\n", "", "auto", "data.csv").features == ("a", "b")
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


def sniff(
    head: bytes,
    label: str | None,
    header: str,
    source: str,
    drop: Sequence[str] = (),
    weights: str | None = None,
) -> Schema:
    """Return the schema of a CSV by its first two lines.

    head: its beginning; label: the label's name or index, None where nobody said it, "none" without one; of several
    columns that are learnt together their names with commas between.
    header: yes, no or auto; source: its name for people; drop: names or indices of columns to leave out;
    weights: name or index of the column that says how much rows count.
    Raises DataError or ConfigError with the way out.
    """
    first, second = _first_lines(head, source)
    try:
        cells = cells_of(first)
        below = cells_of(second)
    except csv.Error as error:
        raise DataError(f"{source} is not a CSV: {error} in its first lines") from error
    refuse_other_separators(first, second, cells, source)
    named = header == "yes" or (header == "auto" and _is_header(cells, below, label, source))
    columns = tuple(cell.strip() for cell in cells) if named else tuple(f"c{i}" for i in range(len(cells)))
    dropped = tuple(sorted({i for column in drop for i in _places(column.strip(), columns, named, source)}))
    weight = None if weights is None else _places(weights.strip(), columns, named, source)[0]
    index, targets = _labels(label, columns, named, source, dropped if label or weight is None else (*dropped, weight))
    if weight is not None and weight in (index, *targets, *dropped):
        raise ConfigError(f"column {columns[weight]!r} of {source} has the weights of rows, and is something else, too")
    if len(columns) < 2 and index is not None:
        raise DataError(f"{source} has one column ({brief(columns[0])}), expected a label and at least one value")
    if named and not second:
        raise DataError(f"{source} has a header but no rows")
    return Schema(
        columns, index, header_crc(first.encode()) if named else None, dropped, targets=targets, weight=weight
    )


def refuse_numbered(head: bytes, source: str) -> None:
    """Raise ConfigError where the first line may be a row as well as a header.

    So it is where it counts, 0,1,2,..., as pandas writes it where columns have no names, perhaps one for the index.
    """
    cells = [cell.strip() for cell in cells_of(_first_lines(head, source)[0])]
    numbers = cells[1:] if cells[0] in ("", "0") and cells[1:2] == ["0"] else cells
    if len(numbers) < 3 or numbers != [str(i) for i in range(len(numbers))]:
        return
    shown = ",".join(cells) if len(cells) < 6 else ",".join([*cells[:4], "...", cells[-1]])
    raise ConfigError(
        f"{source}: is its first line, {shown}, a row, or does it number the columns, as pandas does where they have "
        'no names? Set header to yes if it names them, to no if it is a row: --header yes, or header = "yes" in a file'
    )


def header_crc(line: bytes) -> int:
    """Return what a header is known by, whatever its line end and byte order mark."""
    return zlib.crc32(without_marks(line).strip())


def _first_lines(head: bytes, source: str) -> tuple[str, str]:
    """Return the first two lines that are not blank, the second perhaps ""; raises DataError for what is no text."""
    refuse_other_formats(head, source)
    lines = filled_lines(head)[:2]
    if not lines:
        raise DataError(f"{source} is empty, expected lines of a label and values with commas between")
    try:
        texts = [line.decode() for line in lines]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} is not UTF-8: byte 0x{error.object[error.start]:02x} in its first lines: "
            f"iconv -f latin1 -t utf-8 {shlex.quote(source)} > utf8.csv"
        ) from error
    return texts[0], texts[1] if len(texts) > 1 else ""


def cells_of(line: str, separator: str = ",") -> list[str]:
    """Return the cells of one line."""
    return next(
        csv.reader([single_blanks(line.encode()).decode() if separator == " " else line], delimiter=separator), []
    )


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


def _is_header(first: list[str], second: list[str], label: str | None, source: str) -> bool:
    """Return whether a first line names the columns.

    So it does with text where a value should be; or where only the label is text, and in the next line it is a number.
    Where nobody has said which column that is, it may be any.

    Raises DataError where there is text in both lines, and numbers in both: either may be true.
    """
    values = [is_value(cell) for cell in first]
    if not label:
        over = zip(values, second, strict=False)
        return not any(values) or any(not value and below.strip() and is_value(below) for value, below in over)
    at = _index(label)
    within = at is not None and -len(first) <= at < len(first)
    if not within and label in [cell.strip() for cell in first]:
        return True
    if at is not None and not within:
        return not all(values)  # there is no such column, which is what will be said
    at = None if at is None else at % len(first)
    others = [i for i in range(len(first)) if i != at]
    if all(values[i] for i in others):
        return at is not None and not values[at] and at < len(second) and is_value(second[at])
    below = [is_value(cell) for cell in second] + [False] * len(first)
    if any(below[i] and not values[i] for i in others) or not any(below[i] and values[i] for i in others):
        return True
    raise DataError(
        f"{source}: its first line ({', '.join(first)[:60]!r}) has text and numbers where the second has: say whether "
        "it names the columns, --header yes, or is a row, --header no"
    )


def _labels(
    label: str | None, columns: tuple[str, ...], named: bool, source: str, dropped: tuple[int, ...]
) -> tuple[int | None, tuple[int, ...]]:
    """Return which column is the label, None without one, and which are targets, where several are named.

    The label is the first column that is not left out, where nobody said it.
    """
    kept = [i for i in range(len(columns)) if i not in set(dropped)]
    whole = label is None or label == "none" or (named and label in columns)
    several = [] if whole else next(csv.reader([label or ""]), [])
    if len(several) > 1:
        taken = [_places(each.strip(), columns, named, source)[0] for each in several]
    elif label == "none" and not (named and label in columns):
        taken = []
    else:
        taken = [_places(label, columns, named, source)[0] if label else next(iter(kept), 0)]
    if twice := [i for i in taken if taken.count(i) > 1]:
        raise ConfigError(f"column {columns[twice[0]]!r} of {source} is named twice in label {label!r}")
    for index in taken if label else []:
        if index in dropped:
            raise ConfigError(f"column {columns[index]!r} of {source} is the label, and is to be dropped, too")
    if (dropped or len(taken) > 1) and len(kept) <= len(taken):
        left_out = f"drop leaves out {len(dropped)}" if dropped else f"the label is {len(taken)}"
        raise ConfigError(f"{left_out} columns of {source}: no values to train on are left")
    return (None, tuple(taken)) if len(taken) > 1 else (next(iter(taken), None), ())


def _places(column: str, columns: tuple[str, ...], named: bool, source: str) -> list[int]:
    """Return the indices of the columns that a name means, or an index in text, which may count from the end."""
    if named and column in columns:
        return [i for i, name in enumerate(columns) if name == column]
    some = ", ".join(name if len(name) <= SHOWN else f"{name[:SHOWN]}..." for name in columns[:20])
    shown = some + (f", ... ({len(columns)} in all)" if len(columns) > 20 else "")
    index = _index(column)
    if index is None:
        what = f"its columns are {shown}" if named else f"it has no header; give the index, 0 to {len(columns) - 1}"
        raise ConfigError(f"{source} has no column {column!r}: {what}")
    if not -len(columns) <= index < len(columns):
        raise ConfigError(f"{source} has no column number {index}: it has {len(columns)} columns: {shown}")
    return [index % len(columns)]


def _index(label: str) -> int | None:
    """Return text as an index, None where it is none."""
    try:
        return int(label)
    except ValueError:
        return None


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
