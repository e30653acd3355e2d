"""Data sets whose files tasks open themselves: column files, text in partition folders, what Hadoop cannot unpack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mrdl.cluster.webhdfs import FileInfo
from mrdl.data.columnar.files import Place
from mrdl.data.columnar.keys import with_keys
from mrdl.data.columnar.partitions import Partitions
from mrdl.data.columnar.pieces import LEAST_BYTES, LEAST_BYTES_ON_YARN, pieces_of_table, pieces_of_texts, shared_out
from mrdl.data.columnar.places import kind_of, place_of
from mrdl.data.columnar.table import Table
from mrdl.data.text.schema import Schema, filled_lines, header_crc
from mrdl.data.text.separators import separator_of
from mrdl.data.text.sniffing import sniff
from mrdl.data.types import PLAIN, ColumnType
from mrdl.errors import DataError
from mrdl.settings.config import TrainConfig
from mrdl.storage.packing import ZSTD
from mrdl.storage.store import hdfs_store, is_hdfs


@dataclass(frozen=True)
class Listing:
    """What is known of such a data set beside its first lines.

    table: of column files, None of text; partitions: the folders that its files lie in.

    Listing.of("events", files).partitions.keys == ("year", "month")
    """

    name: str
    files: tuple[FileInfo, ...] = field(repr=False)
    table: Table | None
    partitions: Partitions = field(repr=False)

    @classmethod
    def of(cls, name: str, files: Sequence[FileInfo]) -> "Listing | None":
        """Return the listing of files, None where Hadoop brings tasks their rows.

        Raises DataError where column files are damaged or lie in different partition folders, SetupError where tasks
        cannot open them.
        """
        filled = tuple(info for info in files if info.size)
        kind = kind_of(filled)
        partitions = Partitions.of(name, [info.path for info in filled])
        if kind is None and not partitions.keys and not any(info.path.endswith(ZSTD) for info in filled):
            return None
        table = Table.look_at(name, filled, kind) if kind else None
        if table:
            partitions.check_names(table.names, name)
        return cls(name, filled, table, partitions)

    @property
    def first_keys(self) -> dict[str, str]:
        """The values of the partition keys of the first file."""
        return self.partitions.of_file(self.files[0].path) if self.files else {}

    def sniffed(self, start: bytes, config: TrainConfig) -> tuple[Schema, bytes]:
        """Return the schema of the data, partition keys after the columns of the files, and its head as text.

        start: the first lines of the files.
        """
        keys, header = self.first_keys, "yes" if self.table else config.header
        separator = "," if self.table or keys else config.separator
        lines = [line.decode(errors="replace") for line in filled_lines(start)[:2]]
        if keys and not self.table and lines and (mark := separator_of(lines, config.separator)) != ",":
            raise DataError(f"{self.name}: text in partition folders is read with commas between cells, not {mark!r}")
        if keys and header == "auto":
            alone = sniff(start, "none" if config.label in keys else config.label, header, self.name)
            header = "no" if alone.header_crc is None else "yes"
        text = with_keys(start, keys, named=header != "no")
        schema = sniff(text, config.label, header, self.name, config.drop, config.weights, separator)
        if schema.header_crc is not None:  # tasks know the header by the line that is in the files
            schema = replace(schema, header_crc=header_crc(filled_lines(start)[0]))
        return self._typed(schema), with_keys(start, keys, named=None)

    def _typed(self, schema: Schema) -> Schema:
        """Return a schema with the types that the files and the folders say."""
        known: dict[str, ColumnType] = dict(self.table.types) if self.table else {}
        guessed = schema.types or (PLAIN,) * len(schema.columns)
        types = [known.get(name, kind) for name, kind in zip(schema.columns, guessed, strict=True)]
        if keys := self.partitions.keys:
            types[-len(keys) :] = self.partitions.types
        if schema.label is not None:
            types[schema.label] = PLAIN
        return replace(schema, types=tuple(types) if set(types) != {PLAIN} else ())

    def check(self, schema: Schema, drop: Callable[[Sequence[str | int]], str]) -> None:
        """Raise DataError where columns cannot be read, or parts differ. drop: how columns are left out."""
        if self.table:
            self.table.check(schema, drop)

    def inputs(self, reads_hdfs: bool, work: Path, remote: str) -> list[str]:
        """Write the lists of pieces for the tasks of a job, into `work`; returns their paths.

        reads_hdfs: whether tasks run on the cluster: files of this machine are copied to `remote` for them then.
        """
        places = [self._place(i, info, reads_hdfs, remote) for i, info in enumerate(self.files)]
        keys = {place.path: self.partitions.of_file(info.path) for place, info in zip(places, self.files, strict=True)}
        least = LEAST_BYTES_ON_YARN if reads_hdfs else LEAST_BYTES
        if self.table:
            parts = tuple(replace(part, place=place) for part, place in zip(self.table.parts, places, strict=True))
            pieces = pieces_of_table(replace(self.table, parts=parts), keys)
        else:
            pieces = pieces_of_texts(places, keys, least)
        return shared_out(pieces, sum(info.size for info in self.files), least, work / "input")

    def _place(self, number: int, info: FileInfo, reads_hdfs: bool, remote: str) -> Place:
        """Return where tasks find a file."""
        if is_hdfs(info.path) or not reads_hdfs:
            return place_of(info.path, info.size)
        copied = f"{remote}/data/{number:05d}{Path(info.path).suffix}"
        hdfs_store().put(info.path, copied)
        return place_of(copied, info.size)
