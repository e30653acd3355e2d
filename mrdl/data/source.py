"""Looks at the data set of a run: its files, its columns, and where in it a bad row lies."""

import hashlib
import json
import os
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mrdl.cluster.webhdfs import FileInfo
from mrdl.data.columnar.files import ColumnFile
from mrdl.data.columnar.keys import keyed, with_cells
from mrdl.data.columnar.kinds import hashed
from mrdl.data.columnar.listing import Listing
from mrdl.data.columnar.pieces import STRIPE
from mrdl.data.columnar.places import place_of
from mrdl.data.columnar.reader import read_groups
from mrdl.data.preparation.fitness import Refusal, Unfit
from mrdl.data.statistics import Statistics
from mrdl.data.target import Head
from mrdl.data.text import columns
from mrdl.data.text.csv import Block, read_blocks
from mrdl.data.text.formats import refuse_by_name, refuse_other_formats
from mrdl.data.text.guess import guessed, without_names
from mrdl.data.text.schema import Schema, filled_lines, header_crc, normalise
from mrdl.data.text.sniffing import refuse_numbered, said_types, sniff, without_default
from mrdl.data.types import CATEGORY, DATE, HASH, NUMBER, PLAIN
from mrdl.errors import ConfigError, DataError, MrdlError
from mrdl.settings.config import TrainConfig
from mrdl.storage.fingerprint import fingerprint
from mrdl.storage.packing import is_packed
from mrdl.storage.store import head, is_hdfs, store_of, text_chunks

HEAD_BYTES = 1 << 20
OF_TABLES = (".csv", ".tsv", ".tab", ".gz", ".bz2", ".zst", ".parquet", ".orc")  # as names of tables end
COMPARED, COMPARED_LINES = 300, 20  # files of which the first lines are compared, and how many


def first_lines(files: Sequence[FileInfo], name: str) -> bytes:
    """Return the beginning of a data set, enough of it to decide the columns: two lines that are not blank.

    Programs that write many files leave some with nothing in them, or with nothing but the header. Raises DataError
    for a file that is no text.
    """
    start = b""
    for info in files:
        refuse_by_name(info.path)
    for info in filter(lambda info: info.size, files):
        text = _beginning(info, info.path if len(files) > 1 else name)
        above, here = filled_lines(start), filled_lines(text)
        repeated = bool(above and here) and header_crc(above[0]) == header_crc(here[0])
        start = b"\n".join([*above, text]) if above and not repeated else text
        if len(above) * (not repeated) + len(here) >= 2:
            break
    return start


def _beginning(info: FileInfo, shown: str) -> bytes:
    """Return the first two lines of a file, at least, or all of it."""
    length = HEAD_BYTES
    while True:
        start = head(info.path, length)
        refuse_other_formats(start, shown)
        if start.count(b"\n") >= 2 or start.count(b"\r") >= 2:
            return start
        if length >= info.size:
            return b"".join(text_chunks(info.path))  # to its end: a packed file may be damaged
        length *= 4  # a line longer than a megabyte


@contextmanager
def _first_told(paths: Sequence[str]) -> Iterator[None]:
    """Say in errors which file the columns were told by, where its name ends as that of no other, and of no table."""
    try:
        yield
    except MrdlError as error:
        endings = [posixpath.splitext(path)[1] for path in paths]
        if len(paths) < 2 or endings[0] in (*endings[1:], "", *OF_TABLES) or endings[0][1:].isdigit():
            raise
        told = f"So says the first file, {paths[0]}: is it no part of the table?"
        raise type(error)(f"{error}. {told} {columns.told_apart(*paths[:2])}") from error


def _lines(path: str) -> list[bytes]:
    """Return the first lines of a file that are not blank, whole ones if it has any; none of an empty one."""
    length = 1 << 16
    while True:
        start = head(path, length)
        lines = filled_lines(start)
        if len(lines) > 1 or len(start) < length or start.endswith((b"\n", b"\r")):
            is_cut = len(lines) > 1 and not start.endswith((b"\n", b"\r")) and len(start) >= length
            return lines[: -1 if is_cut else None][:COMPARED_LINES]
        length *= 32


@dataclass(frozen=True)
class Source:
    """A data set as the user named it: a file, folder or glob, local or in HDFS.

    name: as the user has it; files: in the order of their names; schema: its columns; head: its first lines; listing:
    of files that tasks open themselves, None where their lines are brought to them; told: what its columns were taken
    for, in words, once that is decided.

    source = Source.look_at("hdfs:///user/ann/digits", TrainConfig())
    """

    name: str
    files: tuple[FileInfo, ...]
    schema: Schema
    head: Head = field(repr=False, compare=False)
    listing: Listing | None = None
    told: tuple[str, ...] = ()

    @classmethod
    def look_at(cls, name: str, config: TrainConfig) -> "Source":
        """List the files, and decide the columns by the head of the first that is not empty.

        Raises DataError or ConfigError where there is nothing, or nothing to train on.
        """
        files = store_of(name).files(name)
        for info in files:
            refuse_by_name(info.path)
        listing = Listing.of(name, files)
        whole = sum(info.size for info in files) <= HEAD_BYTES and sum(info.size > 0 for info in files) == 1
        if listing and listing.table:
            start, whole = listing.table.head, listing.table.whole
        else:
            start = first_lines(files, name)
        if listing:
            schema, start = listing.sniffed(start, config)
        else:
            with _first_told([info.path for info in files if info.size]):
                schema = sniff(start, config.label, config.header, name, config.drop, config.weights, config.separator)
            if config.header == "auto" and schema.header_crc is None:
                refuse_numbered(start, name, schema.separator)
        return cls(name, tuple(files), schema, Head(name, start, whole, schema), listing)

    def typed(self, config: TrainConfig, wording: columns.Wording = columns.AS_FLAGS) -> "Source":
        """Return the source with what its columns hold, as the settings say it, else by its first rows.

        Columns of texts that hardly come again are left out. wording: how settings are said by whoever asks.
        Raises ConfigError or DataError where columns are not what was said, or hold what nobody can tell.
        """
        settings = {name: getattr(config, name) for name in (CATEGORY, HASH, NUMBER, DATE)}
        said = said_types(settings, self.schema, self.name)
        by_files = {i: column for i, column in enumerate(self.schema.types) if column != PLAIN}
        if self.is_table:
            schema = hashed(self.schema, said, self.name)
            found = without_names(self.head.lines, schema, said, self.name, wording)
        else:
            found = guessed(self.head.lines, self.schema, {**by_files, **said}, self.name, wording)
        return replace(self, schema=found.schema, head=replace(self.head, schema=found.schema), told=found.told)

    def decided(
        self, config: TrainConfig, *, judged: bool = True, wording: columns.Wording = columns.AS_FLAGS
    ) -> "tuple[Source, TrainConfig, str]":
        """Return the source with the columns that are learnt, the settings completed by that, and it in words.

        judged: whether lines are read as they are, and not by a user's own `parse`; wording: how settings are said.
        Raises ConfigError where the label does not hold what is to be learnt.
        """
        source = self.typed(config, wording) if judged else self
        learnt = source.head.learnt(config.label, config.task, config.supervised, judged, wording)
        label = config.label or str(self.schema.label)  # one run, whether the label was said or not
        found = replace(source, schema=learnt.schema, head=replace(source.head, schema=learnt.schema))
        ids = without_default(config.hash, self.schema)
        return found, config.with_changes({"label": label, "task": learnt.task, "hash": ids}), learnt.told

    def check_columns(self, wording: columns.Wording = columns.AS_FLAGS, *, foreign: bool = False) -> None:
        """Raise DataError where columns are not what mrdl can read: two of one name, other ones in another file.

        An index of pandas among them is told.

        wording: how settings are said by whoever asks; foreign: whether a file of text may be no part of the table, as
        where rows that cannot be read are left out.
        """
        columns.check_names(self.schema, self.name, wording)
        if self.listing:
            self.listing.check(self.schema, wording.drop)
        if not self.is_table:
            filled = [info.path for info in self.files if info.size]
            keys = len(self.listing.partitions.keys) if self.listing else 0
            compared = filled[:COMPARED] if len(filled) > 1 else []
            columns.check_parts(compared, _lines, self.schema, keys=keys, foreign=foreign)
        columns.warn_of_index(self.schema, self.name, wording)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(info.size for info in self.files)

    @property
    def rows(self) -> int | None:
        """How many rows there are, where the files say it."""
        return self.listing.table.rows if self.listing and self.listing.table else None

    @property
    def is_table(self) -> bool:
        """Whether the files are column files, and not text."""
        return self.listing is not None and self.listing.table is not None

    @property
    def unpacked(self) -> int:
        """The bytes of all files as text, about: a packed one is taken to be a fourth of its text."""
        return sum(info.size * (4 if is_packed(info.path) else 1) for info in self.files)

    @property
    def about_rows(self) -> int:
        """The rows of all files, about: by the length of the first lines, where the files do not say it."""
        if self.rows is not None:
            return max(1, self.rows)
        text = normalise(self.head.text)
        rows = text.count(b"\n") + (self.head.whole and not text.endswith(b"\n")) - (self.schema.header_crc is not None)
        if self.head.whole:
            return max(1, rows)
        keys = list(self.listing.first_keys.values()) if self.listing else []
        beside = len(with_cells(b".", keys)) - 1  # of each row of the head, which are not in the files
        return max(1, round(rows * self.unpacked / max(1, len(self.head.text) - rows * beside)))

    def identity(self) -> dict[str, Any]:
        """Return what must not change between the rounds of a run, and by what the data is known again, for JSON."""
        known_by, digest = self._digest
        about = {"source": self.name, "files": len(self.files), "bytes": self.size}
        return {**about, "known_by": known_by, "sha256": digest}

    @cached_property
    def _digest(self) -> tuple[str, str]:
        """What the identity of the data rests on, and a digest of it: of its content, where that costs little."""
        filled = [info for info in self.files if info.size]
        known_by, marks = fingerprint(filled)
        told = [known_by, marks, [is_packed(info.path) for info in filled]]
        if self.listing and self.listing.partitions.keys:  # cells that the files do not have in them
            told.append([list(self.listing.partitions.of_file(info.path).items()) for info in filled])
        sha = hashlib.sha256(json.dumps(told).encode())
        return known_by, sha.hexdigest()[:16]

    def check_unchanged(self) -> None:
        """Raise DataError where the files are not what they were when they were looked at."""
        marks = [(info.path, info.size, info.modified) for info in self.files]
        if marks != [(info.path, info.size, info.modified) for info in store_of(self.name).files(self.name)]:
            raise DataError(f"{self.name} was changed while it was read; nothing was kept. Start again when it rests")

    def blocks(self) -> Iterator[Block]:
        """Yield all rows, file by file; raises DataError at one that cannot be read."""
        for info in self.files:
            keys = self.listing.partitions.of_file(info.path) if self.listing else {}
            if self.listing and self.listing.table:
                file = ColumnFile(place_of(info.path, info.size), self.listing.table.kind) if info.size else None
                found = read_groups(file, self.schema, keys, info.path) if file else iter(())
            else:
                found = read_blocks(*keyed(text_chunks(info.path), self.schema, keys), info.path)
            yield from (block for block, _ in found)

    def inputs(self, reads_hdfs: bool, work: Path, remote: str) -> list[str]:
        """Return the paths for a job, of text or of lists of pieces (see mrdl.data.columnar).

        Text in HDFS is fetched to `work` for a runner that cannot read there; remote: a folder in HDFS for files of
        this machine that tasks on the cluster open.
        """
        if self.listing:
            return self.listing.inputs(reads_hdfs, work, remote)
        paths = [info.path for info in self.files if info.size]
        if reads_hdfs or not is_hdfs(self.name):
            return paths
        (work / "input").mkdir()
        local = [work / "input" / f"{i:04d}{posixpath.splitext(path)[1]}" for i, path in enumerate(paths)]
        for path, fetched in zip(paths, local, strict=True):
            with open(fetched, "wb") as file:
                file.writelines(store_of(path).chunks(path))
        return [str(path) for path in local]

    def check_packed(self) -> None:
        """Read every packed file to its end; raises DataError, with its name, where one is damaged."""
        for info in self.files:
            if is_packed(info.path):
                for _ in text_chunks(info.path):
                    pass

    def refused(self, statistics: Statistics, refusal: Refusal) -> MrdlError:
        """Return the error for data that the tasks found unfit; nothing was trained."""
        if refusal.unfit is Unfit.ROWS:
            return self._bad_rows(statistics, [self._place(file, at) for file, at, _, _ in statistics.bad])
        kind = ConfigError if refusal.unfit is Unfit.NETWORK else DataError
        return kind(f"{self.name}: {refusal.text}")

    def _place(self, file: str, at: int) -> str:
        """Return where a bad row lies, in words. at: a line number, or less the byte near which it lies."""
        path, _, stripe = file.removeprefix("file://").partition(STRIPE)
        if at < 0 and not is_hdfs(path) and os.path.exists(path):
            at = 1 + sum(chunk.count(b"\n") for chunk in store_of(path).chunks(path, -at))
        was_copied = self.listing is not None and is_hdfs(path) and not is_hdfs(self.name)
        if was_copied or (is_hdfs(self.name) and not is_hdfs(path)):  # named by its number
            path = [info.path for info in self.files if info.size][int(Path(path).stem)]
        shown = self.name if len(self.files) == 1 else path
        if self.is_table:
            return f"{shown}{STRIPE * bool(stripe)}{stripe} row {at}"
        return f"{shown} line {at}" if at > 0 else f"{shown} near byte {-at}"

    def _bad_rows(self, statistics: Statistics, places: Sequence[str]) -> DataError:
        """Return the error that names the first bad rows, their places and reasons, and how to leave them out."""
        shown = [f"  {place}: {reason}" for place, (_, _, reason, _) in zip(places, statistics.bad, strict=True)]
        more = statistics.bad_rows - len(shown)
        total = statistics.training_rows + statistics.validation_rows + statistics.bad_rows
        seen = f"at least {statistics.bad_rows} rows" if statistics.cut else f"{statistics.bad_rows} of {total} rows"
        return DataError(
            f"{self.name}: {seen} cannot be read; nothing was trained.\n"
            + "\n".join(shown)
            + (f"\n  ... and {'at least ' * statistics.cut}{more} more" if more else "")
            + columns.told_unfit(statistics.unfit, self.schema)
            + "\nMend them"
            + (", or leave them out with --bad-rows skip." if 2 * statistics.bad_rows <= total else ".")
        )
