"""Finds where the columns of a model lie in another table: by name where the table says names, else by place.

The first line of a file is compared with the names that the model knows, and not judged by itself: the names may be
numbers, as pandas writes those of an array.
"""

import csv
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mrdl.data.labels import class_numbers, written_numbers
from mrdl.data.text.schema import Schema, cells_of, filled_lines, header_crc, is_value, without_marks
from mrdl.data.text.separators import separator_of
from mrdl.data.types import PLAIN, ColumnType
from mrdl.errors import DataError, brief

log = logging.getLogger(__name__)

LEFT_OUT = "\0"  # in place of a name that nobody wants
SHOWN = 5  # names that a message lists
COUNTED = 4  # columns from which on 0,1,2,3,... is more likely to be names than a row
_NUMBERED = re.compile(r"c\d+")  # names that mrdl gives to columns that have none


@dataclass(frozen=True)
class Columns:
    """The columns that a model wants to see.

    names: of its features, in its order; label: the name of its label.
    place: of the label among all columns of the training data, None where it had none.
    dropped: the places of columns of the training data that were left out.
    targets: the names and the places of columns that are learnt in place of a label.
    types: what each feature holds, empty where all hold plain numbers.
    levels: of each feature that is a category, by its place, the levels in the order of the model's codes; none while
    they are not known.
    """

    names: tuple[str, ...]
    label: str
    place: int | None
    dropped: tuple[int, ...] = ()
    targets: tuple[tuple[str, int], ...] = ()
    types: tuple[ColumnType, ...] = ()
    levels: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, int]:
        """The columns that are learnt, and their places."""
        return {self.label: self.place} if self.place is not None else dict(self.targets)

    @property
    def named(self) -> bool:
        """Whether the names are the data's own."""
        return not all(_NUMBERED.fullmatch(name) for name in self.names)

    @property
    def expected(self) -> str:
        """How wide a table without names may be, in words."""
        count, whole = len(self.names), len(self._all())
        labelled = f", or {count + len(self.labels)} with the label {self.label!r}" if self.labels else ""
        return f"{count}{labelled}" + (f", or {whole} as in training" if self.dropped else "")

    def type_of(self, name: str) -> ColumnType:
        """Return what the feature of a name holds; a plain number where there is none."""
        return self.types[self.names.index(name)] if self.types and name in self.names else PLAIN

    def codes_of(self, place: int, levels: Sequence[str], *, of_numbers: bool) -> dict[str, int]:
        """Return the model's code of each level of a feature; -1 of one that it has not.

        of_numbers: whether the levels are the texts of stored numbers, which mean the same however they are written;
        else they are compared as they are written, as in training.
        """
        codes = class_numbers if of_numbers else written_numbers
        return dict(zip(levels, codes(levels, self.levels.get(place, ())).tolist(), strict=True))

    def by_place(self, width: int) -> list[str] | None:
        """Return the names of a table that says none and has so many columns; None where no table may be so wide.

        They are those of the training data, or without what was left out there, or without the label, too.
        """
        for names in (list(self.names), [name for name in self._all() if name != LEFT_OUT], self._all()):
            if len(names) == width:
                return names
        return None

    def _all(self) -> list[str]:
        """Return the names of all columns of the training data."""
        names = list(self.names)
        for name, place in sorted(self.labels.items(), key=lambda item: item[1]):
            names.insert(place, name)
        for place in sorted(self.dropped):
            names.insert(place, LEFT_OUT)
        return names


@dataclass(frozen=True)
class Layout:
    """Where a model's columns lie in one file.

    schema: the file's columns, of which those that the model does not know are left out.
    order: of each of the model's columns its place among the file's features.
    told: which names of the file were passed over for places, in words; "" where none was.
    """

    schema: Schema
    order: list[int]
    told: str = ""

    @property
    def is_in_order(self) -> bool:
        """Whether the features lie as the model has them."""
        return self.order == list(range(len(self.order)))

    @property
    def without_label(self) -> Schema:
        """The file's columns with the label left out, too."""
        schema = self.schema
        left_out = (*schema.dropped, *schema.targets, *([] if schema.label is None else [schema.label]))
        return replace(schema, label=None, targets=(), dropped=tuple(sorted(left_out)))


def layout_of_file(head: bytes, wanted: Columns, source: str) -> Layout:
    """Return where a model's columns lie in a file. head: its beginning; source: its name for people.

    Raises DataError where they are not all there, or it is no CSV.
    """
    lines = filled_lines(without_marks(head))
    line = lines[0]
    mark = separator_of([each.decode(errors="replace") for each in lines[:2]])
    cells = _cells(line, source, mark)
    if set(wanted.names) <= set(cells):
        return _layout(cells, wanted, header_crc(line), source, mark)
    names = wanted.by_place(len(cells))
    plain = {name for name in wanted.names if wanted.type_of(name) == PLAIN}
    values = [cell for i, cell in enumerate(cells) if names is None or names[i] in plain]
    is_row = all(map(is_value, values))
    if is_row and _counts(cells, wanted):
        raise DataError(_told_missing(cells, wanted, source) + "; it is not taken for a row")
    if not is_row:
        names = _names_by_place(cells, wanted, source)
        found = _layout(names, wanted, header_crc(line), source, mark)
        return replace(found, told=_told_by_place(cells, names, wanted))
    if names is None:
        raise DataError(f"{source} has {len(cells)} columns, expected {wanted.expected}")
    return _layout(names, wanted, None, source, mark)


def layout_of_names(names: Sequence[str], wanted: Columns, source: str) -> Layout:
    """Return where a model's columns lie in a file that names its columns itself, as Parquet does.

    names: of the file's columns; source: its name for people. Raises DataError where they are not all there.
    """
    if set(wanted.names) <= set(names):
        return _layout(names, wanted, None, source)
    by_place = _names_by_place(names, wanted, source)
    found = _layout(by_place, wanted, None, source)
    _refuse_twice(names, {names[i] for i in found.schema.places}, source)
    schema = replace(found.schema, columns=tuple(names))  # the file's rows are found by its own names
    return replace(found, schema=schema, told=_told_by_place(names, by_place, wanted))


def places_of_names(
    names: Sequence[str], wanted: Columns, source: str, *, unnamed: bool
) -> tuple[list[int], list[int]]:
    """Return the places of a model's columns, and of its label or targets, among the columns of a table in memory.

    unnamed: whether the names are only numbers that count the columns. Raises DataError where not all are there.
    """
    if not set(wanted.names) <= set(names):
        by_place = wanted.by_place(len(names)) if unnamed else _names_by_place(names, wanted, source)
        if by_place is None:
            raise DataError(f"{source} has {len(names)} columns, expected {wanted.expected}")
        if not unnamed:
            log.warning("%s: %s", source, _told_by_place(names, by_place, wanted))
        names = by_place
    schema = _layout(names, wanted, None, source).schema
    labels = list(schema.targets) if schema.label is None else [schema.label]
    return [names.index(name) for name in wanted.names], labels


def _names_by_place(names: Sequence[str], wanted: Columns, source: str) -> list[str]:
    """Return the model's names of the columns of a table that calls them otherwise.

    Raises DataError where places tell nothing: the model has names of its own, or some of them are there, or the table
    has more columns or fewer.
    """
    by_place = wanted.by_place(len(names))
    if wanted.named or set(wanted.names) & set(names):
        raise DataError(_told_missing(names, wanted, source))
    if by_place is None:
        raise DataError(f"{source} has {len(names)} columns, expected {wanted.expected}")
    return by_place


def _told_by_place(names: Sequence[str], by_place: Sequence[str], wanted: Columns) -> str:
    """Return which columns of a table, by its own names, were taken for the model's, in words."""
    pairs = {known: brief(name, 40) for name, known in zip(names, by_place, strict=True)}
    told = ", ".join(f"{known} is {pairs[known]}" for known in wanted.names[:SHOWN])
    more = f" and {len(wanted.names) - SHOWN} more" if len(wanted.names) > SHOWN else ""
    return f"the model was trained on columns without names, so these are taken by their places: {told}{more}"


def _refuse_twice(names: Sequence[str], needed: set[str], source: str) -> None:
    """Raise DataError where a table has a column that is needed more than once."""
    if twice := [name for i, name in enumerate(names) if name in needed and name in names[:i]]:
        raise DataError(f"{source} has more than one column of the name {twice[0]!r}: rename them")


def _layout(names: Sequence[str], wanted: Columns, crc: int | None, source: str, separator: str = ",") -> Layout:
    """Return the layout of a table that has all names; raises DataError where one of them is there twice.

    crc: of its header, None without one; separator: what stands between its cells.
    """
    labels = [names.index(name) for name in wanted.labels if name in names]
    if len(labels) < len(wanted.labels):  # some of several targets are of no use
        labels = []
    needed = {*wanted.names, *(names[i] for i in labels)}
    _refuse_twice(names, needed, source)
    types = tuple(wanted.type_of(name) for name in names) if wanted.types else ()
    label, targets = (None, tuple(labels)) if wanted.targets else (next(iter(labels), None), ())
    dropped = tuple(i for i, name in enumerate(names) if name not in needed)
    schema = Schema(tuple(names), label, crc, dropped, types, targets, separator=separator)
    place = {name: i for i, name in enumerate(schema.features)}
    return Layout(schema, [place[name] for name in wanted.names])


def _cells(line: bytes, source: str, separator: str) -> list[str]:
    """Return the cells of a first line; raises DataError where it is no CSV in UTF-8."""
    try:
        return [cell.strip() for cell in cells_of(line.decode(), separator)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{source} is not a CSV in UTF-8: {error} in its first line") from error


def _counts(cells: Sequence[str], wanted: Columns) -> bool:
    """Return whether a line of numbers is one of names.

    So it is where it counts, 0,1,2,..., as pandas has it, or its numbers rise and half of them are names of the model.
    """
    if len(cells) < COUNTED or not all(cell.isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    if numbers == list(range(len(cells))):
        return True
    rise = all(low < high for low, high in zip(numbers, numbers[1:], strict=False))
    return rise and 2 * len(set(cells) & set(wanted.names)) >= len(wanted.names)


def _told_missing(cells: Sequence[str], wanted: Columns, source: str) -> str:
    """Return which of the model's columns a table lacks, in words."""
    missing = [name for name in wanted.names if name not in cells]
    names = ", ".join(brief(name, 40) for name in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    there = brief(", ".join(cells), 80)
    return f"{source} lacks {len(missing)} of the model's {len(wanted.names)} columns: {names}{more}; it has {there}"
