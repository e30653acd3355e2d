"""A shard in memory: packed lines, of mappers or of the cache, become the arrays of one shard."""

import copy
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np

from mrdl.data.hashing import hash_order, is_integral, warm_rank
from mrdl.data.levels import by_dictionary, compacted, dictionaries_of
from mrdl.data.sample import Sample, rows_for
from mrdl.data.statistics import Statistics
from mrdl.errors import DamagedShard
from mrdl.shards import records
from mrdl.shards.lowest import Lowest
from mrdl.shards.records import Arrays, Tag, Write, split_line, unpack

BYTES = np.dtype(np.uint8)
LINE_BYTES = 1 << 20  # of rows in one line: Hadoop's JVM holds a line several times over
PACKED_BYTES = 64 << 20  # of packed lines that wait in memory for the others; more of them wait in a file
ARRANGED_CELLS = 1 << 20  # that are copied at once where rows are put into another order


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

    Packed lines are in a file beyond PACKED_BYTES, too. They stay packed until all are there, and are let go one by one
    while the array fills, so that the peak is the array and little more.
    lowest: of all rows those that are kept, None: all are.
    """

    def __init__(self, limit_bytes: int, folder: str = ".", lowest: Lowest | None = None) -> None:
        """folder: of the files, on Hadoop the task's own, which is deleted with it."""
        self.rows = 0
        self._lowest = lowest
        self._hashes: list[np.ndarray] = []  # of each line, where not all of its rows are kept
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
        if self._lowest:
            hashes = unpack(value).arrays["hashes"]
            self._lowest.among(np.arange(len(hashes)), hashes)
            self._hashes.append(hashes)
        if self._packed > min(self._limit, PACKED_BYTES):
            self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._file.writelines(self._lines)
            self._sizes += map(len, self._lines)
            self._lines = []

    @property
    def kept(self) -> int:
        """The number of rows that `unpacked` gives."""
        if not self._lowest:
            return self.rows
        return sum(int(self._lowest.are_among(hashes).sum()) for hashes in self._hashes)

    def array(self, width: int, least: np.dtype = BYTES) -> np.ndarray:
        """Zeros (rows, width), which take no memory until they are written to; beyond the limit mapped from a file.

        least: their type holds what this one does.
        """
        dtype, shape = np.promote_types(self._dtype, least), (self.kept, width)
        if math.prod(shape) * dtype.itemsize <= self._limit:
            return np.zeros(shape, dtype)
        handle, name = tempfile.mkstemp(dir=self._folder)
        os.close(handle)
        try:
            return np.memmap(name, dtype, "w+", shape=shape)
        finally:
            os.unlink(name)  # the mapping lives on; nothing is left behind however the task ends

    def unpacked(self) -> Iterator[tuple[dict[str, Any], Arrays]]:
        """Give what the records say, and their arrays: of the rows that are kept, and none without such rows."""
        for value in self.drain():
            _, meta, arrays = unpack(value)
            if self._lowest:
                kept = self._lowest.are_among(arrays["hashes"])
                if not kept.any():
                    continue
                if not kept.all():
                    arrays = {name: array[kept] for name, array in arrays.items()}
            yield meta, arrays

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

    def __init__(self, lines: Iterable[bytes], limit_bytes: int, lowest: Lowest | None = None) -> None:
        """lines: of one key; limit_bytes: beyond them rows lie in files; lowest: which rows are wanted, those of equal
        ranks with them, None: all. Raises DamagedShard where rows are missing."""
        spool = RowSpool(limit_bytes, lowest=lowest)
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
        self.codes = np.zeros(spool.kept, np.int32)
        self.hashes = np.zeros(spool.kept, np.uint64)
        dictionaries = dictionaries_of(self.statistics.levels)
        many = any(len(levels) > 256 for levels in dictionaries.values())  # more than a byte can number
        least = np.dtype(np.float32) if many else BYTES
        self.features = spool.array(len(self.statistics.minimum), least)
        labels: dict[str, int] = {}
        row = 0
        for meta, arrays in spool.unpacked():
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
        """The `most` rows, or fewer, whose hashes rank lowest, their order kept: a copy, but where these are all.

        rank: hashes (rows,) uint64 -> ranks (rows,) uint64.
        """
        if most >= len(self.order):
            return self
        part = copy.copy(self)
        kept = self._ranks_lowest(most, rank)
        part.features, part.hashes = self.features[kept], self.hashes[kept]
        used, codes = np.unique(self.codes[kept], return_inverse=True)
        part.codes = codes.astype(np.int32)
        part.label_names = [self.label_names[code] for code in used]
        part.order = hash_order(part.hashes, part.features, part.codes, part.label_names)
        return part

    def _ranks_lowest(self, most: int, rank: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Which rows rank lowest, (rows,) bool."""
        kept = np.zeros(len(self.order), bool)
        kept[self.order[np.argsort(rank(self.hashes[self.order]), kind="stable")[:most]]] = True
        return kept

    def sampled(self) -> Sample:
        """What the rows of a sample tell, those of the rows that rank lowest."""
        kept = self._ranks_lowest(rows_for(self.features.shape[1]), warm_rank)
        return Sample.of(self.features, self.order[kept[self.order]])

    def arrange(self, order: np.ndarray) -> None:
        """Bring the rows into an order, some columns at a time, so that there is no second array of them.

        order: (rows,) int64, all rows, each once.
        """
        step = max(1, ARRANGED_CELLS // max(1, len(order)))
        for first in range(0, self.features.shape[1], step):
            columns = self.features[:, first : first + step]
            columns[...] = columns[order]
        self.codes, self.hashes = self.codes[order], self.hashes[order]
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        self.order = places[self.order]

    def write(self, key: bytes, tag: Tag, write: Write, order: np.ndarray | None = None) -> None:
        """Write the rows by hash as packed lines: a cached shard has one form only.

        order: (some rows,) int64, those that are written, in their order; left out: all.
        """
        order = self.order if order is None else order
        step = max(1, LINE_BYTES // max(1, self.features.shape[1] * self.features.itemsize))
        for i in range(0, len(order), step):
            rows = order[i : i + step]
            write_rows(key, tag, self.label_names, self.features[rows], self.codes[rows], self.hashes[rows], write)
