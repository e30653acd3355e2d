"""Looks at the first lines of a data set for columns that cannot be learnt from: two of a name, text, other files."""

import csv
import json
import logging
import posixpath
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from mrdl.data.text.numbers import is_beyond
from mrdl.data.text.schema import SHOWN_NAMES, Schema, cells_of, header_crc, is_value
from mrdl.data.text.separators import separator_of
from mrdl.errors import DataError, brief
from mrdl.settings.fields import FLOAT32_MAX, names_as_text
from mrdl.storage.paths import alike

log = logging.getLogger(__name__)

INDEX = ("", "Unnamed: 0")  # how pandas names its index, and how it reads that again
LONG = 60  # characters of a name that a message shows


@dataclass(frozen=True)
class Wording:
    """How the settings of data are said, which errors name as the way out.

    label: what stands before the label's column; column: how a column's name is written there.
    columns: returns how a setting names columns; setting: how a setting of the data has a value.
    """

    label: str
    column: Callable[[str], str]
    columns: Callable[[str, Sequence[str | int]], str]
    setting: Callable[[str, str], str]

    def drop(self, columns: Sequence[str | int]) -> str:
        """Return how columns are left out."""
        return self.columns("drop", columns)


def _flag(setting: str, columns: Sequence[str | int]) -> str:
    """Return the flag of a setting that names columns, for a shell: --drop id,name."""
    return f"--{setting} {shlex.quote(names_as_text(columns))}"


def _line(setting: str, columns: Sequence[str | int]) -> str:
    """Return the line of a spec that names columns: drop = ['id', 'name'] in [data]."""
    return f"{setting} = {[str(column) for column in columns]} in [data]"


AS_FLAGS = Wording("--label", shlex.quote, _flag, "--{} {}".format)
IN_A_SPEC = Wording("[data] label =", partial(json.dumps, ensure_ascii=False), _line, "{} = '{}' in [data]".format)


def check_names(schema: Schema, source: str, wording: Wording = AS_FLAGS) -> None:
    """Raise DataError where two columns bear one name: they could not be told apart when a model is used.

    source: the data's name; wording: how settings are said by whoever asks.
    """
    places: dict[str, list[int]] = {}
    left_out = set(schema.dropped)
    for i, name in enumerate(schema.columns):
        if i not in left_out:
            places.setdefault(name, []).append(i)
    twice = {name: at for name, at in places.items() if len(at) > 1}
    if not twice:
        return
    told = [f"{brief(name, LONG)}: {', '.join(map(str, at))}" for name, at in twice.items()]
    drop = wording.drop([i for at in twice.values() for i in at[1:]])
    raise DataError(
        f"{source} has more than one column of a name, counted from 0:\n  {_some(told)}\n"
        f"Rename them, or leave out what is not wanted: {drop}"
    )


def warn_of_index(schema: Schema, source: str, wording: Wording = AS_FLAGS) -> None:
    """Log columns that bear the name of pandas' index: a row's number tells its label where rows are sorted by it."""
    found = [i for i in schema.feature_places if schema.columns[i] in INDEX] if schema.header_crc is not None else []
    if found:
        name = brief(schema.columns[found[0]], LONG)
        drop = wording.drop(found)
        log.warning(
            "%s: column %d is called %s, as pandas calls its index, and is learnt as a value: %s leaves it out",
            *(source, found[0], name, drop),
        )


def told_unfit(unfit: Sequence[tuple[int, str]], schema: Schema) -> str:
    """Return what is said of columns in which some cells are no numbers; "" without any.

    unfit: of each its index in the CSV, and a cell.
    """
    if not unfit:
        return ""
    told = [f"{brief(schema.columns[place], LONG)}, as {cell!r}" for place, cell in unfit]
    if all(is_beyond(cell.strip()) for _, cell in unfit):
        return (
            f"\nColumns with numbers beyond {FLOAT32_MAX:.2g}, which 32 bits cannot hold:\n  {_some(told)}\n"
            f"Write them in a larger unit, divided by 1e30 say, or leave the columns out"
            + (f" with {AS_FLAGS.drop(names_of(features, schema))}" if (features := _features(unfit, schema)) else "")
            + "."
        )
    if schema.weight in dict(unfit):
        return f"\nColumns with cells that are no numbers:\n  {_some(told)}\nOf weights each has to be one"
    if taken := [place for place, _ in unfit if place in schema.targets]:
        learnt = f"{brief(schema.columns[taken[0]], LONG)} is learnt as numbers"
        classes = AS_FLAGS.setting("task", "classify")
        return (
            f"\nColumns with cells that are no numbers:\n  {_some(told)}\n{learnt}: {classes} takes texts for classes."
        )
    names = names_of([place for place, _ in unfit[:SHOWN_NAMES]], schema)
    drop, category = AS_FLAGS.drop(names), AS_FLAGS.columns("category", names)
    ways = f"{drop} leaves out, and {category} takes for texts that stand for themselves"
    return f"\nColumns with cells that are not what their column holds, which {ways}:\n  {_some(told)}"


def _features(unfit: Sequence[tuple[int, str]], schema: Schema) -> list[int]:
    """Return those of some columns, the first few, that can be left out: no targets, and no weights."""
    return [place for place, _ in unfit[:SHOWN_NAMES] if place in schema.feature_places]


def names_of(places: Iterable[int], schema: Schema) -> list[str | int]:
    """Return what columns can be called in the setting `drop`.

    That is by short names that mean them alone, else by numbers.
    """
    if schema.header_crc is None:
        return list(places)
    counts = Counter(schema.columns)
    names = ((i, schema.columns[i]) for i in places)
    return [name if 0 < len(name) <= LONG and name.isprintable() and counts[name] == 1 else i for i, name in names]


def check_parts(
    names: Sequence[str], first_lines: Callable[[str], list[bytes]], schema: Schema, *, keys: int = 0, foreign: bool
) -> None:
    """Raise DataError where a file begins with another header than the data set's, or is no part of the table.

    names: of files, the first being that which tells the columns; first_lines: returns those of one that are not blank.
    A file without a header is as good: its first line is a row. keys: how many of the columns are partition folders';
    foreign: whether a file of whose first lines none has as many cells as there are columns may stand among them.
    """
    width, known = len(schema.columns) - keys, set(schema.columns)
    for name in names:
        lines = first_lines(name)
        if not lines or (schema.header_crc is not None and header_crc(lines[0]) == schema.header_crc):
            continue
        cells = _cells(lines[0], schema.separator)
        named = sum(cell in known and not is_value(cell) for cell in cells)
        if cells and (2 * named >= len(cells) or _only_names(cells, schema)):
            raise DataError(f"{name}: {_difference(cells, schema)}")
        quoted = any(line.count(b'"') % 2 for line in lines)  # a cell goes on in the next line: a bad row
        if not (foreign or quoted) and all(len(_cells(line, schema.separator)) != width for line in lines):
            raise DataError(f"{name}{_foreign(lines, width, schema, name, names[0])}")


def _cells(line: bytes, separator: str) -> list[str]:
    """Return the cells of a line, none of one that is a bad row, which is told with its reason."""
    try:
        return [cell.strip() for cell in cells_of(line.decode(), separator)]
    except (UnicodeDecodeError, csv.Error):
        return []


def _foreign(lines: Sequence[bytes], width: int, schema: Schema, name: str, first: str) -> str:
    """Return why a file is no part of the table that another one begins, and what to do."""
    texts = [line.decode(errors="replace") for line in lines]
    mark = separator_of(texts)
    if mark != schema.separator and len(_cells(lines[0], mark)) == width:
        return f" has {mark!r} between its cells, {first} {schema.separator!r}: write all with one mark"
    return (
        f" is no part of the table: none of its first lines has {width} cells, as those of {first} have, but "
        f"{len(_cells(lines[0], schema.separator))}. {told_apart(name, first)}"
    )


def told_apart(name: str, first: str) -> str:
    """Return how a file is kept out of a table that another one belongs to."""
    (folder, ending), (other, its) = (posixpath.splitext(path) for path in (name, first))
    beside = posixpath.dirname(folder) == posixpath.dirname(other) and ending != its
    return "Move it out of the folder" + (f", or name the files of the table, as {alike(first)}" if beside else "")


def _only_names(cells: list[str], schema: Schema) -> bool:
    """Return whether a line with as many cells as a row has text for every value."""
    return len(cells) == len(schema.columns) and not any(is_value(cells[i]) for i in schema.places)


def _difference(cells: list[str], schema: Schema) -> str:
    """Return how the names in a first line differ from the data set's, and what to do."""
    if schema.header_crc is None:
        return f"its first line names columns ({_quoted(cells)}), but the first file has no header"
    if tuple(cells) == schema.columns:
        return "its header is that of the first file, written otherwise (blanks, quotation marks): write it alike"
    if sorted(cells) == sorted(schema.columns):
        return f"its columns are in another order than the first file's: {_quoted(cells)}; write them in one order"
    missing = [name for name in schema.columns if name not in cells]
    others = [name for name in cells if name not in schema.columns]
    return (
        "its header is another than the first file's"
        + (f": {_quoted(missing)} missing" if missing else "")
        + (f"{',' if missing else ':'} {_quoted(others)} beyond" if others else "")
        + "; give all files the same columns"
    )


def _some(told: list[str], between: str = "\n  ") -> str:
    """Return the first few of some lines as one text, and how many more there are. between: what parts them."""
    more = len(told) - SHOWN_NAMES
    return between.join(told[:SHOWN_NAMES]) + (f"{between}and {more} more" if more > 0 else "")


def _quoted(names: list[str]) -> str:
    """Return names in quotation marks, with commas between."""
    return _some([brief(name, LONG) for name in names], ", ")
