"""The mapper's side: each row is placed in its shard, blocks are packed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mrdl.data.csv import Block
from mrdl.data.hashing import is_integral, is_validation, label_hashes, row_hash, shard_of, warm_rank
from mrdl.data.statistics import KEPT_BAD_ROWS, Statistics
from mrdl.settings.config import WARM_ROWS, TrainConfig
from mrdl.shards import records
from mrdl.shards.keys import SAMPLES, VALIDATION_KEY, VALIDATION_ROWS, WARM_KEY
from mrdl.shards.loaded import write_rows
from mrdl.shards.records import Write

BUFFER_BYTES = 16 << 20  # of parsed rows held by a mapper before it writes them out
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
        packed = records.pack_statistics(b"S", self.statistics)
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
