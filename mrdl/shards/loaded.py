"""A shard in memory: packed lines, of mappers or of the cache, become the arrays of one shard."""

import copy
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO

import numpy as np

from mrdl.data.hashing import hash_order, is_integral, warm_rank
from mrdl.data.levels import by_dictionary, compacted, dictionaries_of
from mrdl.data.sample import Sample, rows_for
from mrdl.data.statistics import Statistics
from mrdl.errors import DamagedShard
from mrdl.shards import records
from mrdl.shards.records import Tag, Write, split_line, unpack

BYTES = np.dtype(np.uint8)
LINE_BYTES = 1 << 20  # of rows in one line: Hadoop's JVM holds a line several times over


def write_rows(
    key: bytes,
    tag: Tag,
    names: list[str],
    features: np.ndarray,
    codes: np.ndarray,
    hashes: np.ndarray,
    write: Write,
    levels: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Write rows as lines of some 1 MB, as uint8 where all values of a line allow it.

    key: of every line; tag: what rows they are; names: of the labels; features: (rows, columns) uint8 or float32;
    codes: (rows,) int32, index in names; hashes: (rows,) uint64; levels: of each column of categories, by its place,
    what its values are indices of, where those are not of all the data.
    """
    step = max(1, LINE_BYTES // max(1, features.shape[1] * features.itemsize))
    for i in range(0, len(features), step):
        part, used = compacted(features[i : i + step], levels or {})
        part = part.astype(np.uint8, copy=False) if is_integral(part) else part
        write(key, records.pack_rows(tag, names, part, codes[i : i + step], hashes[i : i + step], used))


class RowSpool:
    """Holds packed lines of rows on their way to one array: in memory or, beyond `limit_bytes`, in files of `folder`.

    Lines stay packed until all are there, and are let go one by one while the array fills,
    so that the peak is the array and little more.
    """

    def __init__(self, limit_bytes: int, folder: str = ".") -> None:
        """folder: of the files, on Hadoop the task's own, which is deleted with it."""
        self.rows = 0
        self._dtype = np.dtype(np.uint8)
        self._limit = limit_bytes
        self._folder = folder
        self._packed = 0
        self._lines: list[bytes] = []
        self._sizes: list[int] = []
        self._file: IO[bytes] | None = None

    def append(self, value: bytes) -> None:
        """Take the value of one record of rows."""
        rows, dtype = records.rows_in(value)
        self.rows += rows
        self._dtype = np.promote_types(self._dtype, dtype)
        self._packed += len(value)
        self._lines.append(value)
        if self._packed > self._limit:
            self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._file.writelines(self._lines)
            self._sizes += map(len, self._lines)
            self._lines = []

    def array(self, width: int, least: np.dtype = BYTES) -> np.ndarray:
        """Zeros (rows, width), which take no memory until they are written to; beyond the limit mapped from a file.

        least: their type holds what this one does.
        """
        dtype = np.promote_types(self._dtype, least)
        if self.rows * width * dtype.itemsize <= self._limit:
            return np.zeros((self.rows, width), dtype)
        handle, name = tempfile.mkstemp(dir=self._folder)
        os.close(handle)
        try:
            return np.memmap(name, dtype, "w+", shape=(self.rows, width))
        finally:
            os.unlink(name)  # the mapping lives on; nothing is left behind however the task ends

    def drain(self) -> Iterator[bytes]:
        """Give the records, each let go when the next is asked for."""
        if self._file:
            self._file.seek(0)
            for size in self._sizes:
                yield self._file.read(size)
            self._file.close()
        while self._lines:
            yield self._lines.pop()


class LoadedShard:
    """Holds the rows of one shard and its statistics, from lines in any order, whether mappers or the cache wrote them.

    features: (rows, columns), uint8 where all values are whole numbers from 0 to 255, else float32;
    codes: (rows,) int32, index in label_names; hashes: (rows,) uint64; order: (rows,) int64, the rows by hash;
    statistics: of all the data; shard: its number where the lines say it (the cache's do), else None.
    """

    def __init__(self, lines: Iterable[bytes], limit_bytes: int) -> None:
        """lines: of one key; limit_bytes: beyond them rows lie in files. Raises DamagedShard where rows are missing."""
        spool = RowSpool(limit_bytes)
        self.shard: int | None = None
        merged: Statistics | None = None
        expected: int | None = None
        for line in lines:
            _, value = split_line(line)
            tag = Tag.of(value)
            if tag.has_rows:
                spool.append(value)
            elif tag in (Tag.SPLIT_STATISTICS, Tag.STATISTICS):
                _, meta, arrays = unpack(value)
                statistics = records.to_statistics(meta, arrays)
                self.shard = meta.get("shard")
                expected = meta.get("rows")
                if merged is None:
                    merged = statistics
                else:
                    merged.merge(statistics)
        if expected not in (None, spool.rows):
            raise DamagedShard(f"shard {self.shard} has {spool.rows} rows, expected {expected}")
        self.statistics = merged or Statistics.empty(0)
        self._fill(spool)

    def _fill(self, spool: RowSpool) -> None:
        """Unpack the rows into the arrays. Labels are numbered as they arrive, then by name: arrival must not show.

        Levels of categories are numbered by the names of all the data, if they are not yet.
        """
        self.codes = np.zeros(spool.rows, np.int32)
        self.hashes = np.zeros(spool.rows, np.uint64)
        dictionaries = dictionaries_of(self.statistics.levels)
        many = any(len(levels) > 256 for levels in dictionaries.values())  # more than a byte can number
        least = np.dtype(np.float32) if many else BYTES
        self.features = spool.array(len(self.statistics.minimum), least)
        labels: dict[str, int] = {}
        row = 0
        for value in spool.drain():
            _, meta, arrays = unpack(value)
            if not row:
                self.features = spool.array(arrays["features"].shape[1], least)
            renumber = np.array([labels.setdefault(name, len(labels)) for name in meta["names"]], np.int32)
            part = slice(row, row + len(arrays["codes"]))
            levels = {int(place): names for place, names in meta.get("levels", {}).items()}
            features = by_dictionary(arrays["features"], levels, dictionaries)
            if levels and self.features.dtype == np.uint8 and not is_integral(features):
                self.features = self.features.astype(np.float32)  # a level that no training row has is -1
            self.features[part] = features
            self.codes[part] = renumber[arrays["codes"]]
            self.hashes[part] = arrays["hashes"]
            row = part.stop
        self._sort_labels(list(labels))
        self.order = hash_order(self.hashes, self.features, self.codes, self.label_names)

    def _sort_labels(self, names: list[str]) -> None:
        """Number the labels that rows have by their names. names: of all labels, in the order of `codes` so far."""
        self.label_names = sorted({names[code] for code in np.unique(self.codes)})
        place = {name: i for i, name in enumerate(self.label_names)}
        if names:
            self.codes = np.array([place.get(name, -1) for name in names], np.int32)[self.codes]

    def lowest(self, most: int, rank: Callable[[np.ndarray], np.ndarray]) -> "LoadedShard":
        """A copy of the `most` rows, or fewer, whose hashes rank lowest, their order kept.

        rank: hashes (rows,) uint64 -> ranks (rows,) uint64.
        """
        part = copy.copy(self)
        kept = np.zeros(len(self.order), bool)
        kept[self.order[np.argsort(rank(self.hashes[self.order]), kind="stable")[:most]]] = True
        part.features, part.hashes = self.features[kept], self.hashes[kept]
        used, codes = np.unique(self.codes[kept], return_inverse=True)
        part.codes = codes.astype(np.int32)
        part.label_names = [self.label_names[code] for code in used]
        part.order = hash_order(part.hashes, part.features, part.codes, part.label_names)
        return part

    def sampled(self) -> Sample:
        """What the rows of a sample tell, those of the rows that rank lowest."""
        part = self.lowest(rows_for(self.features.shape[1]), warm_rank)
        return Sample.of(part.features[part.order])

    def write(self, key: bytes, tag: Tag, write: Write, order: np.ndarray | None = None) -> None:
        """Write the rows by hash as packed lines: a cached shard has one form only.

        order: (some rows,) int64, those that are written, in their order; left out: all.
        """
        order = self.order if order is None else order
        step = max(1, LINE_BYTES // max(1, self.features.shape[1] * self.features.itemsize))
        for i in range(0, len(order), step):
            rows = order[i : i + step]
            write_rows(key, tag, self.label_names, self.features[rows], self.codes[rows], self.hashes[rows], write)
