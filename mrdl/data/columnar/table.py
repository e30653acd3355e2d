"""Looks at a data set of Parquet or ORC files: its columns by name, whether all parts have them, and its first rows."""

import io
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pyarrow as pa
from pyarrow import csv as arrow_csv

from mrdl.cluster.webhdfs import FileInfo
from mrdl.data.columnar.files import ColumnFile, Group, Place
from mrdl.data.columnar.kinds import column_type, texts
from mrdl.data.columnar.places import place_of
from mrdl.data.columnar.reader import one_line
from mrdl.data.text.schema import SHOWN_NAMES, Schema
from mrdl.data.types import NUMBER, ColumnType
from mrdl.errors import DataError, brief

log = logging.getLogger(__name__)

HEAD_CELLS = 200_000  # that are looked at before anything runs
AT_ONCE = 8  # files whose ends are read at once: each waits for HDFS
LONG = 60  # characters of a name that a message shows
WAYS_OUT = {
    "list": "write its elements as columns of their own",
    "struct": "write its fields as columns of their own",
    "map": "write its values as columns of their own",
    "binary": "write it as text if it is one (CAST(... AS STRING))",
}


@dataclass(frozen=True)
class Part:
    """One file of a table. names: of its columns; types: what they hold, None for what is not read; arrow: as the file
    has it, in words; groups: of its rows."""

    place: Place
    names: tuple[str, ...]
    types: tuple[ColumnType | None, ...]
    arrow: tuple[str, ...]
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, info: FileInfo, kind: str) -> "Part":
        """Return what a file says of itself; raises DataError where it is damaged, or of another kind."""
        file = ColumnFile(place_of(info.path, info.size), kind)
        kinds = tuple(column_type(each.type) for each in file.schema)
        arrow = tuple(str(each.type) for each in file.schema)
        return cls(file.place, tuple(file.names), kinds, arrow, tuple(file.groups))


@dataclass(frozen=True)
class Table:
    """A data set of column files.

    kind: PARQUET or ORC; parts: the files that are not empty; head: its first rows as a CSV with a header, and whole:
    whether these are all.

    Table.look_at("rows.parquet", files, PARQUET).types["price"] == ColumnType("number")
    """

    name: str
    kind: str
    parts: tuple[Part, ...]
    head: bytes = field(repr=False)
    whole: bool

    @classmethod
    def look_at(cls, name: str, files: Sequence[FileInfo], kind: str) -> "Table":
        """Read the ends of all files, which say what is in them; raises DataError where they are not one table."""
        filled = [info for info in files if info.size]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = tuple(pool.map(lambda info: Part.of(info, kind), filled))
        _check_names(parts[0], name)
        with_rows = next((part for part in parts if sum(group.rows for group in part.groups)), None)
        if with_rows is None:
            raise DataError(f"{name} has {len(parts[0].names)} columns but no rows")
        text, rows = _head(with_rows, kind, parts[0].names)
        found = cls(name, kind, parts, text, False)
        return replace(found, whole=rows == found.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the first file."""
        return self.parts[0].names

    @property
    def types(self) -> dict[str, ColumnType]:
        """What the columns hold, by name; of those that are not read numbers."""
        first = self.parts[0]
        return {name: kind or ColumnType(NUMBER) for name, kind in zip(first.names, first.types, strict=True)}

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(group.rows for part in self.parts for group in part.groups)

    def check(self, schema: Schema, drop: Callable[[Sequence[str | int]], str]) -> None:
        """Raise DataError where a column that is used is not read, or a part has it not or otherwise.

        What parts have beyond is told. drop: how columns are left out, in words.
        """
        used = [schema.columns[i] for i in (*schema.places, *([] if schema.label is None else [schema.label]))]
        first = self.parts[0]
        known = dict(zip(first.names, first.types, strict=True))
        told = dict(zip(first.names, first.arrow, strict=True))
        if unread := [name for name in used if name in known and known[name] is None]:
            listed = [f"{brief(name, LONG)}: {told[name]}, {_way_out(told[name])}" for name in unread[:SHOWN_NAMES]]
            shown = "\n  ".join(listed)
            more = f"\n  and {len(unread) - SHOWN_NAMES} more" if len(unread) > SHOWN_NAMES else ""
            raise DataError(
                f"{self.name}: columns of a kind that is not read; nothing was trained.\n  {shown}{more}\n"
                f"Or leave out: {drop(unread[:SHOWN_NAMES])}"
            )
        for part in self.parts[1:]:
            self._check_part(part, [name for name in used if name in known], drop)

    def _check_part(self, part: Part, used: Sequence[str], drop: Callable[[Sequence[str | int]], str]) -> None:
        """Raise DataError where a part lacks a column, or has one of another kind, than the first part has."""
        here = dict(zip(part.names, part.types, strict=True))
        there = self.types
        if missing := [name for name in used if name not in here]:
            shown = ", ".join(brief(name, LONG) for name in missing[:SHOWN_NAMES])
            raise DataError(
                f"{part.place.path} has no column {shown}, which {self.parts[0].place.path} has: "
                f"give all parts the same columns, or leave it out with {drop(missing[:SHOWN_NAMES])}"
            )
        for name in used:
            if here[name] != there[name]:
                arrow = dict(zip(part.names, part.arrow, strict=True))[name]
                first = dict(zip(self.names, self.parts[0].arrow, strict=True))[name]
                raise DataError(
                    f"{part.place.path}: column {brief(name, LONG)} is {arrow}, in {self.parts[0].place.path} {first}: "
                    f"give all parts one type, or leave it out with {drop([name])}"
                )
        if beyond := [name for name in part.names if name not in self.names]:
            log.warning(
                "%s: %s beyond the columns of the first part are not read",
                *(part.place.path, ", ".join(brief(name, LONG) for name in beyond[:SHOWN_NAMES])),
            )


def _check_names(part: Part, name: str) -> None:
    """Raise DataError where columns could not be told apart, or be the header of a CSV."""
    if twice := sorted({each for each in part.names if part.names.count(each) > 1}):
        raise DataError(f"{name} has more than one column of the name {brief(twice[0], LONG)}: rename them")
    if broken := [each for each in part.names if "\n" in each or "\r" in each]:
        raise DataError(f"{name}: the name {broken[0]!r} of a column holds a line end: rename it")


def _head(part: Part, kind: str, names: Sequence[str]) -> tuple[bytes, int]:
    """Return the first rows of a part as a CSV, and how many they are. names: of the columns, in their order."""
    file = ColumnFile(part.place, kind)
    rows = max(2, HEAD_CELLS // max(1, len(names)))
    groups = [i for i, group in enumerate(part.groups) if group.rows]
    there = [name for name in names if name in part.names]
    batch = next(file.batches(groups[:1], there, rows))
    cells = {name: one_line(texts(batch.column(i))) for i, name in enumerate(there)}
    empty = one_line(texts(pa.nulls(batch.num_rows)))
    text = io.BytesIO()
    arrow_csv.write_csv(pa.table([cells.get(name, empty) for name in names], list(names)), text)
    return text.getvalue(), batch.num_rows


def _way_out(arrow: str) -> str:
    """Return what can be done about a column of a type that is not read."""
    return next((way for kind, way in WAYS_OUT.items() if kind in arrow), "write it as a number or text")
