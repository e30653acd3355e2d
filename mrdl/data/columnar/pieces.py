"""Shares files out among tasks in pieces that each task reads itself: row groups of column files, or bytes of text.

A task's input is a list of pieces, a line each; Hadoop brings it that list, and the task opens the files. So are read
what Hadoop cannot split or unpack, and files of which the task must know in which partition folders they lie.
"""

import dataclasses
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mrdl.data.columnar.files import PARQUET, ColumnFile, Place, rows_of_batch
from mrdl.data.columnar.keys import with_cells
from mrdl.data.columnar.reader import ColumnReader, csv_of
from mrdl.data.text.bad_rows import BadRow
from mrdl.data.text.csv import Block, whole_lines
from mrdl.data.text.schema import Schema
from mrdl.storage.packing import is_packed, unpacked

if TYPE_CHECKING:  # of the driver
    from mrdl.data.columnar.table import Table

TEXT = "text"
STRIPE = " stripe "  # between a file and the number of its group, where rows are told by that
LEAST_BYTES = 2 << 20  # of a task here, which costs some hundredths of a second to begin
LEAST_BYTES_ON_YARN = 32 << 20  # of one there, which costs seconds; as column files some 128 MB of text
TASKS = 64  # among which a data set is shared out before they get more than the least
READ_BYTES = 4 << 20


@dataclass(frozen=True)
class Piece:
    """A part of one file.

    place: of the file; kind: PARQUET, ORC or TEXT; first, last: the groups from the first on and before the last, or
    the bytes; row: the number of its first row in the file, from 1, 0 where it is not known; keys: of partition
    folders, name -> value.
    """

    place: Place
    kind: str
    first: int
    last: int
    row: int = 0
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def told_file(self) -> str:
        """The file for people, beside which rows are numbered: from its first, or from that of the group."""
        return self.place.path if self.row else f"{self.place.path}{STRIPE}{self.first}"

    def to_json(self) -> str:
        """Return the piece as a line for `from_json`."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Piece":
        """Return the piece that `to_json` has written."""
        told = json.loads(line)
        return cls(**{**told, "place": Place(**told["place"])})


@dataclass(frozen=True)
class Read:
    """Rows of a piece.

    block: those that can be read, None without any; bad: the others, by their number among these; row: of the first of
    these in the file, from 1, or in the piece where that is not known; rows: how many these are.
    """

    block: Block | None
    bad: Sequence[BadRow]
    row: int
    rows: int


def pieces_of_table(table: "Table", keys: dict[str, dict[str, str]]) -> Iterator[tuple[Piece, int]]:
    """Yield each group of rows of a table as a piece, and its bytes. keys: of each file by its path."""
    for part in table.parts:
        row = 1
        for number, group in enumerate(part.groups):
            if group.rows:
                known = row if table.kind == PARQUET else 0
                of_folders = keys.get(part.place.path, {})
                yield Piece(part.place, table.kind, number, number + 1, known, of_folders), group.size
            row += group.rows


def pieces_of_texts(files: Iterable[Place], keys: dict[str, dict[str, str]], least: int) -> Iterator[tuple[Piece, int]]:
    """Yield pieces of texts of some `least` bytes, packed ones whole, and the bytes of each."""
    for place in files:
        step = place.size if is_packed(place.path) else least
        for start in range(0, place.size, max(1, step)):
            last = min(place.size, start + step)
            yield Piece(place, TEXT, start, last, 0, keys.get(place.path, {})), last - start


def shared_out(pieces: Iterable[tuple[Piece, int]], size: int, least: int, folder: Path) -> list[str]:
    """Write lists of pieces, one for each task, into a new folder; returns their paths.

    pieces: with their bytes, in the order of files; size: bytes of all; least: bytes of a task.
    """
    folder.mkdir()
    enough = max(least, size // TASKS)
    paths: list[str] = []
    lines: list[str] = []
    gathered = 0

    def write() -> None:
        path = folder / f"{len(paths):05d}.pieces"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        paths.append(str(path))
        lines.clear()

    for piece, length in pieces:
        lines.append(piece.to_json())
        gathered += length
        if gathered >= enough:
            write()
            gathered = 0
    if lines:
        write()
    return paths


def blocks_of(piece: Piece, schema: Schema, *, keep_unlabelled: bool = False) -> Iterator[Read]:
    """Yield the rows of a piece of a column file, a few megabytes at a time.

    schema: the columns, by name; keep_unlabelled: see BlockParser. Raises DataError where the file is damaged.
    """
    reader = ColumnReader(schema, keep_unlabelled=keep_unlabelled)
    row = piece.row or 1
    found = reader.blocks(ColumnFile(piece.place, piece.kind), range(piece.first, piece.last), piece.keys)
    for block, bad, rows in found:
        yield Read(block, bad, row, rows)
        row += rows


def lines_of(piece: Piece, schema: Schema) -> Iterator[bytes]:
    """Yield the rows of a piece as whole lines of a CSV of all columns, without its header, for what looks at text.

    schema: the columns, by name. Raises DataError where the file is damaged.
    """
    keys = list(piece.keys.values())
    if piece.kind == TEXT:
        for text in whole_lines(text_of(piece), schema.header_crc):
            yield with_cells(text, keys, schema.separator)
        return
    file = ColumnFile(piece.place, piece.kind)
    names = [name for name in schema.columns if name not in piece.keys]
    for batch in file.batches(range(piece.first, piece.last), names, rows_of_batch(len(names))):
        yield with_cells(csv_of(batch.columns, schema.separator), keys, schema.separator)


def text_of(piece: Piece) -> Iterator[bytes]:
    """Yield the lines of a piece of text, cut anywhere: those that begin in it, and the whole of the last one.

    That is Hadoop's own rule, so that no line is read twice. Packed files are unpacked.
    """
    with io.BufferedReader(piece.place.open(), READ_BYTES) as file:
        if is_packed(piece.place.path):
            yield from unpacked(piece.place.path, iter(lambda: file.read(READ_BYTES), b""))
            return
        if piece.first:
            file.seek(piece.first - 1)
            file.readline()  # the rest of a line of the piece before
        while (left := piece.last - file.tell()) > 0:
            chunk = file.read(min(left, READ_BYTES))
            if not chunk:
                return
            yield chunk
            if left <= len(chunk) and not chunk.endswith(b"\n"):
                yield file.readline()
