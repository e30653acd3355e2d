"""Opens one Parquet or ORC file, local or in HDFS: its columns, its groups of rows, and batches of them."""

import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mrdl.data.columnar.kinds import column_type, is_date
from mrdl.data.types import CATEGORY, NUMBER
from mrdl.errors import DataError

PARQUET, ORC = "parquet", "orc"
SPELLED = {PARQUET: "Parquet", ORC: "ORC"}
MAGIC = {PARQUET: b"PAR1", ORC: b"ORC"}
BATCH_CELLS = 1 << 20  # of a batch of rows: their copy as floats, 4 MB, stays near the cache
MOST_ROWS = 1 << 16  # of a batch
READ_AHEAD = 4 << 20  # bytes of a request to HDFS, for what reads in small pieces


@dataclass(frozen=True)
class Place:
    """Where a file lies, and how a task comes by its bytes.

    path: local, or an hdfs:// URI; size: bytes; webhdfs: URLs of NameNodes, user: as Hadoop knows them, both empty for
    a local path.
    """

    path: str
    size: int
    webhdfs: str = ""
    user: str = ""

    def open(self) -> io.RawIOBase:
        """Return the file, opened to be read and sought."""
        if not self.webhdfs:
            return open(self.path, "rb", buffering=0)
        from mrdl.cluster.ranges import RangeFile  # a task whose rows Hadoop brings has no use for it

        _, _, rest = self.path.removeprefix("hdfs://").partition("/")
        return RangeFile(self.webhdfs, f"/{rest}", self.user, self.size)


@dataclass(frozen=True)
class Group:
    """Rows of a file that are read together: a row group of Parquet, a stripe of ORC.

    rows: how many; size: bytes, about.
    """

    rows: int
    size: int


class ColumnFile:
    """One Parquet or ORC file.

    schema: its columns, as Arrow has them; groups: of its rows, in their order.

    ColumnFile(Place.of("rows.parquet", 4096), PARQUET).schema.names
    """

    def __init__(self, place: Place, kind: str) -> None:
        """kind: PARQUET or ORC. Raises DataError where the file is none, or damaged."""
        self.place = place
        self._kind = kind
        with _told(place.path, kind):
            self._file: Any = _opened(place, kind)
            self.schema: pa.Schema = self._file.schema_arrow if kind == PARQUET else self._file.schema
        self._names = {name.strip(): name for name in self.schema.names}

    @property
    def names(self) -> list[str]:
        """The names of the columns, without blanks around them, as those of a CSV are taken."""
        return [name.strip() for name in self.schema.names]

    def holds_numbers(self, name: str) -> bool:
        """Return whether one of `names` is a column of numbers, of truth values or of decimals."""
        found = column_type(self.schema.field(self._names[name]).type)
        return found is not None and found.kind == NUMBER

    def holds_dates(self, name: str) -> bool:
        """Return whether one of `names` is a column of dates, times, or both."""
        return is_date(self.schema.field(self._names[name]).type)

    @property
    def groups(self) -> list[Group]:
        """The groups of the file. ORC does not say how long each stripe is: they are taken for equal, but for one row,
        so that all together have the rows of the file."""
        if self._kind == PARQUET:
            about = self._file.metadata
            found = [about.row_group(i) for i in range(about.num_row_groups)]
            return [Group(each.num_rows, _packed_size(each)) for each in found]
        count = self._file.nstripes
        if not count:  # of a table without rows
            return []
        each, left = divmod(self.rows, count)
        return [Group(each + (number < left), self.place.size // count) for number in range(count)]

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return int(self._file.metadata.num_rows if self._kind == PARQUET else self._file.nrows)

    def batches(
        self, groups: Sequence[int], columns: Sequence[str], rows: int, uncoded: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some groups in their order, of some of `names`, so many at a time or fewer.

        Columns of text come as dictionaries, which grow from batch to batch of a group, but for those of `uncoded`.
        Raises DataError where the file is damaged.
        """
        stored = [self._names[name] for name in columns]
        if self._kind == PARQUET:
            texts = {name for name in stored if _is_text(self.schema.field(name).type)}
            found = self._of_parquet(groups, stored, rows, sorted(texts - {self._names[name] for name in uncoded}))
        else:
            found = self._of_orc(groups, stored, rows)
        while True:
            with _told(self.place.path, self._kind):
                batch = next(found, None)
            if batch is None:
                return
            yield batch.select(stored)

    def _of_parquet(
        self, groups: Sequence[int], columns: list[str], rows: int, coded: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of a Parquet file. coded: those of the columns that come as dictionaries."""
        file = _opened(self.place, self._kind, coded) if coded else self._file
        yield from file.iter_batches(rows, row_groups=list(groups), columns=columns, use_threads=False)

    def _of_orc(self, groups: Sequence[int], columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Yield batches of an ORC file, whose stripes are read whole."""
        for group in groups:
            stripe = self._file.read_stripe(group, columns)
            for start in range(0, stripe.num_rows, rows):
                yield stripe.slice(start, rows)


def rows_of_batch(columns: int) -> int:
    """Return how many rows are read at a time of a table with so many columns."""
    return min(MOST_ROWS, max(1, BATCH_CELLS // max(1, columns)))


def _opened(place: Place, kind: str, as_text: Sequence[str] = ()) -> Any:
    """Return pyarrow's reader of a file. as_text: names of columns that come as dictionaries."""
    far = bool(place.webhdfs)
    if kind == ORC:
        from pyarrow import orc

        return orc.ORCFile(io.BufferedReader(place.open(), READ_AHEAD) if far else pa.OSFile(place.path))
    from pyarrow import parquet

    source = pa.PythonFile(place.open(), "r") if far else pa.OSFile(place.path)
    return parquet.ParquetFile(source, read_dictionary=list(as_text), pre_buffer=far)


def _packed_size(group: Any) -> int:
    """Return the bytes of a row group in its file."""
    return sum(group.column(i).total_compressed_size for i in range(group.num_columns))


def _is_text(arrow: pa.DataType) -> bool:
    """Return whether a type's values are texts, which are not read as dictionaries yet."""
    found = column_type(arrow)
    return found is not None and found.kind == CATEGORY and not pa.types.is_dictionary(arrow)


@contextmanager
def _told(path: str, kind: str) -> Iterator[None]:
    """Turn what pyarrow raises inside into DataError with the file's name."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        told = str(error).partition("\n")[0].rstrip(".")
        raise DataError(
            f"{path} cannot be read as {SPELLED[kind]}: {told}. "
            "It is damaged, was not copied whole, or is of another format: copy or make it again"
        ) from error
