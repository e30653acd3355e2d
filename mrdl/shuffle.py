"""Rows on their way: out of a mapper in packed lines keyed by shard, and in a training task as one array again.

Beside its shard's, a row may have a place in one of two samples: that of validation, which no shard has, and that
of the warm start, which is a shard of its own.
"""

import copy
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from mrdl import protocol
from mrdl.config import WARM_ROWS, TrainConfig
from mrdl.data import Block
from mrdl.errors import DamagedShard
from mrdl.preparation import KEPT_BAD_ROWS, Statistics
from mrdl.protocol import Write, split_line, unpack
from mrdl.shard import hash_order, is_validation, row_hash, shard_of, warm_rank

BUFFER_BYTES = 16 << 20  # of parsed rows held by a mapper before it writes them out
LINE_BYTES = 2 << 20  # of rows in one line: Hadoop's JVM holds a line several times over
VALIDATION_ROWS = 10_000  # kept by the driver
VALIDATION_KEY = b"validation"
WARM_KEY = b"warm"
SAMPLES = (VALIDATION_KEY, WARM_KEY)
Piece = tuple[np.ndarray, np.ndarray, np.ndarray]  # features, codes and hashes of some rows


class PlacedRows:
    """A mapper's rows: gathered by shard, written out in packed lines when there are enough.

    keys: of the shards in their order.
    """

    def __init__(self, config: TrainConfig, keys: Sequence[bytes], num_features: int, write: Write) -> None:
        self.statistics = Statistics.empty(num_features)
        self._config = config
        self._write = write
        self._shards = keys
        self._pieces: dict[bytes, list[Piece]] = {key: [] for key in (*self._shards, *SAMPLES)}
        self._bytes = 0
        self._labels: dict[str, int] = {}
        self._validation = Lowest(VALIDATION_ROWS, lambda hashes: hashes)
        self._warm = Lowest(WARM_ROWS, warm_rank)

    def add(self, block: Block) -> None:
        """Place a block of parsed rows."""
        hashes = row_hash(block.features, label_hashes(block.label_names)[block.label_codes])
        renumber = np.array([self._labels.setdefault(name, len(self._labels)) for name in block.label_names], np.int32)
        codes = renumber[block.label_codes]
        kept_out = is_validation(hashes, self._config.validation)
        training = np.flatnonzero(~kept_out)
        self._count(block, training)
        if self._config.supervised and self.statistics.too_many_classes:  # it will be refused: nobody needs the rows
            for pieces in self._pieces.values():
                pieces.clear()
            return
        shards = shard_of(hashes[training], self._config.shards)
        by_shard = np.argsort(shards, kind="stable")
        bounds = np.searchsorted(shards[by_shard], np.arange(self._config.shards + 1))
        places = {
            key: training[by_shard[start:stop]]
            for key, start, stop in zip(self._shards, bounds[:-1], bounds[1:], strict=True)
        }
        places[VALIDATION_KEY] = self._validation.of(np.flatnonzero(kept_out), hashes)
        if self._config.warm_rows:
            places[WARM_KEY] = self._warm.of(training, hashes)
        for key, rows in places.items():
            if len(rows):
                self._pieces[key].append((block.features[rows], codes[rows], hashes[rows]))
                self._bytes += len(rows) * (block.features.shape[1] * block.features.itemsize + 12)
        if self._bytes > BUFFER_BYTES:
            self._flush()

    def add_bad(self, file: str, line: int | None, place: int, text: bytes, bad: Sequence[Any]) -> None:
        """Count the bad rows of a text, which begins at a line of its file, or near a byte where that is not known."""
        lines, counted = text.split(b"\n"), self.statistics
        for row in bad[:KEPT_BAD_ROWS]:
            before = sum(len(each) + 1 for each in lines[: row.line])
            counted.add_bad(file, -(place + before) if line is None else line + row.line, row.reason, row.text)
        counted.bad_rows += max(0, len(bad) - KEPT_BAD_ROWS)
        counted.add_unfit((at, cell) for at, (_, cell) in getattr(bad, "columns", {}).items())

    def finish(self) -> None:
        """Write what is left, and the statistics to every shard."""
        self._flush()
        packed = protocol.pack_statistics(b"S", self.statistics)
        for key in (*self._shards, WARM_KEY):
            self._write(key, packed)

    def _count(self, block: Block, training: np.ndarray) -> None:
        counted = self.statistics
        counted.training_rows += len(training)
        counted.validation_rows += len(block.features) - len(training)
        counted.missing += block.missing
        counted.integral &= is_integral(block.features)
        counted.add_range(block.features if len(training) == len(block.features) else block.features[training])
        per_label = np.bincount(block.label_codes, minlength=len(block.label_names))
        found: dict[str, int] = {}
        for name, count in zip(block.label_names, per_label.tolist(), strict=True):  # names of one label may differ
            found[name] = found.get(name, 0) + count
        counted.add_classes(found)

    def _flush(self) -> None:
        names = list(self._labels)
        for key, pieces in self._pieces.items():
            for dtype in (np.uint8, np.float32):
                same = [piece for piece in pieces if piece[0].dtype == dtype]
                if same:
                    features, codes, hashes = (np.concatenate(parts) for parts in zip(*same, strict=True))
                    write_rows(key, b"D", names, features, codes, hashes, self._write)
            pieces.clear()
        self._bytes = 0


class Lowest:
    """Which rows of a stream can still be among the `most` that rank lowest: the more were seen, the fewer."""

    def __init__(self, most: int, rank: Callable[[np.ndarray], np.ndarray]) -> None:
        self._most, self._rank = most, rank
        self._lowest = np.zeros(0, np.uint64)  # ranks of those seen so far, at most `most`

    def of(self, rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """Those of `rows` (indices in hashes) that may belong; none that belongs is ever left out."""
        ranks = self._rank(hashes[rows])
        seen = np.concatenate([self._lowest, ranks])
        if len(seen) > self._most:
            seen = np.partition(seen, self._most - 1)[: self._most]
            rows = rows[ranks <= seen[-1:].max()]
        self._lowest = seen
        return rows


def label_hashes(names: Iterable[str]) -> np.ndarray:
    """A hash of each label, (labels,) uint64."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    return np.frombuffer(b"".join(digests), "<u8")


def is_integral(features: np.ndarray) -> bool:
    """Whether every value is a whole number from 0 to 255."""
    if features.dtype == np.uint8:
        return True
    return bool(((features >= 0) & (features <= 255) & (features == np.floor(features))).all())


def write_rows(
    key: bytes, tag: bytes, names: list[str],
    features: np.ndarray, codes: np.ndarray, hashes: np.ndarray, write: Write,
) -> None:  # fmt: skip
    """Rows as lines of some 2 MB, as uint8 where all values of a line allow it."""
    step = max(1, LINE_BYTES // max(1, features.shape[1] * features.itemsize))
    for i in range(0, len(features), step):
        part = features[i : i + step]
        part = part.astype(np.uint8, copy=False) if is_integral(part) else part
        write(key, protocol.pack_rows(tag, names, part, codes[i : i + step], hashes[i : i + step]))


class RowSpool:
    """Packed lines of rows on their way to one array, in memory or, beyond `limit_bytes`, in files of `folder`.

    Lines stay packed until all are there, and are let go one by one while the array fills,
    so that the peak is the array and little more.
    """

    def __init__(self, limit_bytes: int, folder: str = ".") -> None:
        self.rows = 0
        self._dtype = np.dtype(np.uint8)
        self._limit = limit_bytes
        self._folder = folder
        self._packed = 0
        self._lines: list[bytes] = []
        self._sizes: list[int] = []
        self._file: IO[bytes] | None = None

    def append(self, value: bytes) -> None:
        """Take one D or V record."""
        rows, dtype = protocol.rows_in(value)
        self.rows += rows
        self._dtype = np.promote_types(self._dtype, dtype)
        self._packed += len(value)
        self._lines.append(value)
        if self._packed > self._limit:
            self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._file.writelines(self._lines)
            self._sizes += map(len, self._lines)
            self._lines = []

    def array(self, width: int) -> np.ndarray:
        """(rows, width) zeros that take no memory until written to; beyond the limit mapped from a file."""
        if self.rows * width * self._dtype.itemsize <= self._limit:
            return np.zeros((self.rows, width), self._dtype)
        handle, name = tempfile.mkstemp(dir=self._folder)
        os.close(handle)
        try:
            return np.memmap(name, self._dtype, "w+", shape=(self.rows, width))
        finally:
            os.unlink(name)  # the mapping lives on; nothing is left behind however the task ends

    def drain(self) -> Iterator[bytes]:
        """The records, each let go when the next is asked for."""
        if self._file:
            self._file.seek(0)
            for size in self._sizes:
                yield self._file.read(size)
            self._file.close()
        while self._lines:
            yield self._lines.pop()


class LoadedShard:
    """The rows of one shard from its lines, in any order, whether mappers or the cache wrote them.

    features: (rows, columns), uint8 where all values are whole numbers from 0 to 255, else float32;
    codes: (rows,) int32, index in label_names; order: (rows,) int64, the rows by hash;
    shard: its number where the lines say it (the cache's do), else None.
    """

    def __init__(self, lines: Iterable[bytes], limit_bytes: int) -> None:
        spool = RowSpool(limit_bytes)
        self.shard: int | None = None
        merged: Statistics | None = None
        expected: int | None = None
        for line in lines:
            _, value = split_line(line)
            if value[:1] in protocol.ROWS:
                spool.append(value)
            elif value[:1] in b"SP":
                _, meta, arrays = unpack(value)
                statistics = protocol.to_statistics(meta, arrays)
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
        self.codes = np.zeros(spool.rows, np.int32)
        self.hashes = np.zeros(spool.rows, np.uint64)
        self.features = spool.array(len(self.statistics.minimum))
        labels: dict[str, int] = {}
        row = 0
        for value in spool.drain():
            _, meta, arrays = unpack(value)
            if not row:
                self.features = spool.array(arrays["features"].shape[1])
            renumber = np.array([labels.setdefault(name, len(labels)) for name in meta["names"]], np.int32)
            part = slice(row, row + len(arrays["codes"]))
            self.features[part] = arrays["features"]
            self.codes[part] = renumber[arrays["codes"]]
            self.hashes[part] = arrays["hashes"]
            row = part.stop
        names = list(labels)  # in the order of arrival, which must not show
        self.label_names = sorted({names[code] for code in np.unique(self.codes)})
        place = {name: i for i, name in enumerate(self.label_names)}
        self.codes = np.array([place.get(name, -1) for name in names], np.int32)[self.codes] if names else self.codes
        self.order = hash_order(self.hashes, self.features, self.codes, self.label_names)

    def lowest(self, most: int, rank: Callable[[np.ndarray], np.ndarray]) -> "LoadedShard":
        """Those rows alone, at most so many, whose hashes rank lowest, their order kept."""
        part = copy.copy(self)
        kept = np.zeros(len(self.order), bool)
        kept[self.order[np.argsort(rank(self.hashes[self.order]), kind="stable")[:most]]] = True
        part.features, part.hashes = self.features[kept], self.hashes[kept]
        used, codes = np.unique(self.codes[kept], return_inverse=True)
        part.codes = codes.astype(np.int32)
        part.label_names = [self.label_names[code] for code in used]
        part.order = hash_order(part.hashes, part.features, part.codes, part.label_names)
        return part

    def write(self, key: bytes, tag: bytes, write: Write, order: np.ndarray | None = None) -> None:
        """The rows by hash, or in the order given, as packed lines: a cached shard has one form only."""
        order = self.order if order is None else order
        step = max(1, LINE_BYTES // max(1, self.features.shape[1] * self.features.itemsize))
        for i in range(0, len(order), step):
            rows = order[i : i + step]
            write_rows(key, tag, self.label_names, self.features[rows], self.codes[rows], self.hashes[rows], write)
