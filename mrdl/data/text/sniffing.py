"""Decides what the columns of a CSV are, once, in the driver, by its first lines, so that no task guesses."""

import csv
import shlex
from collections.abc import Mapping, Sequence

import numpy as np

from mrdl.data.text.dates import NUMBERS_AS_DATES, expression_of
from mrdl.data.text.formats import refuse_other_formats
from mrdl.data.text.guess import written_otherwise
from mrdl.data.text.numbers import WRITINGS
from mrdl.data.text.schema import Schema, cells_of, filled_lines, header_crc, is_value
from mrdl.data.text.separators import AUTO, separator_of
from mrdl.data.types import BUCKETS, CATEGORY, DATE, HASH, LEAST_BUCKETS, MOST_BUCKETS, NUMBER, ColumnType
from mrdl.errors import SHOWN, ConfigError, DataError, brief

LOOKED_AT = 100  # lines that tell what stands between cells, and whether the first one is a row
LOOKED_AT_BYTES = 1 << 17
JUDGED = 1000  # columns of a wide table


def sniff(
    head: bytes,
    label: str | None,
    header: str,
    source: str,
    drop: Sequence[str] = (),
    weights: str | None = None,
    separator: str = AUTO,
) -> Schema:
    """Return the schema of a CSV by its first lines, all columns of plain numbers as far as it says.

    head: its beginning; label: the label's name or index, None where nobody said it, "none" without one; of several
    columns that are learnt together their names with commas between.
    header: yes, no or auto; source: its name for people; drop: names or indices of columns to leave out;
    weights: name or index of the column that says how much rows count; separator: that setting.
    Raises DataError or ConfigError with the way out.

    sniff(b"digit,a,b\\n3,0,16\\n", "", "auto", "data.csv").features == ("a", "b")
    """
    lines = _first_lines(head, source)
    try:
        mark = separator_of(lines, separator)
        cells, *rows = [cells_of(line, mark) for line in lines]
    except csv.Error as error:
        raise DataError(f"{source} is not a CSV: {error} in its first lines") from error
    named = header == "yes" or (header == "auto" and _is_header(cells, rows, label, source))
    columns = tuple(cell.strip() for cell in cells) if named else tuple(f"c{i}" for i in range(len(cells)))
    dropped = tuple(sorted({i for column in drop for i in places_of(column.strip(), columns, named, source)}))
    weight = None if weights is None else places_of(weights.strip(), columns, named, source)[0]
    index, targets = _labels(label, columns, named, source, dropped if label or weight is None else (*dropped, weight))
    if weight is not None and weight in (index, *targets, *dropped):
        raise ConfigError(f"column {columns[weight]!r} of {source} has the weights of rows, and is something else, too")
    if len(columns) < 2 and index is not None:
        raise DataError(f"{source} has one column ({brief(columns[0])}), expected a label and at least one value")
    if named and not rows:
        raise DataError(f"{source} has a header but no rows")
    crc = header_crc(lines[0].encode()) if named else None
    return Schema(columns, index, crc, dropped, targets=targets, weight=weight, separator=mark)


def refuse_numbered(head: bytes, source: str, separator: str = ",") -> None:
    """Raise ConfigError where the first line may be a row as well as a header.

    So it is where it counts, 0,1,2,..., as pandas writes it where columns have no names, perhaps one for the index.
    """
    cells = [cell.strip() for cell in cells_of(_first_lines(head, source)[0], separator)]
    numbers = cells[1:] if cells[0] in ("", "0") and cells[1:2] == ["0"] else cells
    if len(numbers) < 3 or numbers != [str(i) for i in range(len(numbers))]:
        return
    shown = ",".join(cells) if len(cells) < 6 else ",".join([*cells[:4], "...", cells[-1]])
    raise ConfigError(
        f"{source}: is its first line, {shown}, a row, or does it number the columns, as pandas does where they have "
        'no names? Set header to yes if it names them, to no if it is a row: --header yes, or header = "yes" in a file'
    )


def _first_lines(head: bytes, source: str) -> list[str]:
    """Return the first lines that are not blank, two if there are; raises DataError for what is no text."""
    refuse_other_formats(head, source)
    lines = filled_lines(head)
    if not lines:
        raise DataError(f"{source} is empty, expected lines of a label and values with commas between")
    whole = lines if head.endswith((b"\n", b"\r")) else [*lines[:2], *lines[2:-1]]  # the last one may be cut
    sizes = np.cumsum([len(line) for line in whole[:LOOKED_AT]])
    count = max(2, int(np.searchsorted(sizes, LOOKED_AT_BYTES)))
    try:
        texts = [line.decode() for line in whole[:2]]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} is not UTF-8: byte 0x{error.object[error.start]:02x} in its first lines: "
            f"iconv -f latin1 -t utf-8 {shlex.quote(source)} > utf8.csv"
        ) from error
    return [*texts, *(line.decode(errors="replace") for line in whole[2:count])]  # a bad row is told as such


def _is_header(first: list[str], rows: Sequence[list[str]], label: str | None, source: str) -> bool:
    """Return whether a first line names the columns.

    So it does with text where a value should be; or where only the label is text, and in the next line it is a number.
    Where nobody has said which column that is, it may be any. A name does not come again below itself.

    Raises DataError where there is text in both lines, and numbers in both: either may be true.
    """
    values = [is_value(cell) for cell in first]
    second = rows[0] if rows else []
    if label in [cell.strip() for cell in first]:
        at = _index(label or "")
        if at is None or not -len(first) <= at < len(first):
            return True
    if _comes_again(first, values, rows):
        return False
    if not label:
        over = zip(values, second, strict=False)
        return not any(values) or any(not value and below.strip() and is_value(below) for value, below in over)
    at = _index(label)
    within = at is not None and -len(first) <= at < len(first)
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


def _comes_again(first: list[str], values: Sequence[bool], rows: Sequence[list[str]]) -> bool:
    """Return whether a first line is like those below: most texts come again there, or are dates, say, as they are.

    values: of each of its cells, whether it is a plain value.
    """
    others = [row for row in rows if row != first]  # files that were joined have their headers within
    texts = [i for i, cell in enumerate(first[:JUDGED]) if not values[i] and cell.strip()]
    below = [[row[i] for row in others if i < len(row)] for i in texts]
    again = np.array([first[i] in cells for i, cells in zip(texts, below, strict=True)], bool)
    pairs = written_otherwise([*(first[i] for i in texts), *("".join(cells[:1]) for cells in below)])
    return 2 * int((again | pairs.reshape(2, -1).all(0)).sum()) > len(texts)


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
        taken = [places_of(each.strip(), columns, named, source)[0] for each in several]
    elif label == "none" and not (named and label in columns):
        taken = []
    else:
        taken = [places_of(label, columns, named, source)[0] if label else next(iter(kept), 0)]
    if twice := [i for i in taken if taken.count(i) > 1]:
        raise ConfigError(f"column {columns[twice[0]]!r} of {source} is named twice in label {label!r}")
    for index in taken if label else []:
        if index in dropped:
            raise ConfigError(f"column {columns[index]!r} of {source} is the label, and is to be dropped, too")
    if (dropped or len(taken) > 1) and len(kept) <= len(taken):
        left_out = f"drop leaves out {len(dropped)}" if dropped else f"the label is {len(taken)}"
        raise ConfigError(f"{left_out} columns of {source}: no values to train on are left")
    return (None, tuple(taken)) if len(taken) > 1 else (next(iter(taken), None), ())


def places_of(column: str, columns: tuple[str, ...], named: bool, source: str) -> list[int]:
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


def said_types(settings: Mapping[str, Sequence[str]], schema: Schema, source: str) -> dict[int, ColumnType]:
    """Return the types that settings say of columns, by their indices.

    settings: category, hash, number and date, of each names or indices, behind them perhaps = and how numbers and dates
    are written, or how many buckets there are.
    Raises ConfigError where a column is not there, is said twice or left out, where nothing can be written so, or where
    what is learnt is said to be hashed.
    """
    found: dict[int, ColumnType] = {}
    named = schema.header_crc is not None
    for setting, entries in settings.items():
        for entry in entries:
            name, between, written = entry.rpartition("=")
            if setting == CATEGORY or not between or (named and entry in schema.columns):
                name, written = entry, ""
            for place in places_of(name.strip(), schema.columns, named, source):
                if place in found or place in schema.dropped:
                    other = found[place].setting if place in found else "left out"
                    raise ConfigError(f"column {name!r} of {source} is said to be a {setting}, and {other}, too")
                if setting == HASH and place in (schema.label, schema.weight, *schema.targets):
                    what = "has the weights of rows" if place == schema.weight else "is the label"
                    raise ConfigError(f"column {name!r} of {source} {what}, which no bucket of a hash can tell")
                found[place] = _type_of(setting, written.strip(), name)
    return found


def without_default(entries: Sequence[str], schema: Schema) -> tuple[str, ...]:
    """Return what is said of hashed columns without numbers of buckets that they have anyway: it is one run, whether
    these were said or not.

    entries: as said_types has them.
    """
    found = []
    for entry in entries:
        name, between, buckets = entry.rpartition("=")
        is_default = between and buckets.strip() == str(BUCKETS) and entry not in schema.columns
        found.append(name.strip() if is_default else entry)
    return tuple(found)


def _type_of(kind: str, written: str, name: str) -> ColumnType:
    """Return a type; raises ConfigError where its cells cannot be written so. kind: the setting; name: of the
    column."""
    if kind == HASH:
        column = ColumnType(CATEGORY, f"{HASH} {written}") if written else ColumnType.hashed()
        if not column.buckets:
            raise ConfigError(
                f"column {name!r} is said to be hashed to {written!r}, expected a number of buckets from "
                f"{LEAST_BUCKETS} to {MOST_BUCKETS:,}, as {name}={BUCKETS}"
            )
        return column
    if kind == NUMBER and written not in ("", *WRITINGS):
        raise ConfigError(f"column {name!r} is said to be written as {written}, expected one of {', '.join(WRITINGS)}")
    if kind == DATE and written and written not in NUMBERS_AS_DATES:
        try:
            expression_of(written)
        except ValueError as error:
            raise ConfigError(f"column {name!r} is said to hold dates of {written!r}: {error}") from error
    return ColumnType(kind, written)
