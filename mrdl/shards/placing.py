"""Rows on their way: each row of a block is placed in its shard, and rows of one shard are packed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mrdl.data.hashing import is_integral, is_validation, label_hashes, row_hash, shard_of, warm_rank
from mrdl.data.levels import LevelCodes, by_dictionary
from mrdl.data.statistics import KEPT_BAD_ROWS, MAX_LEVELS, Statistics
from mrdl.data.text.csv import Block
from mrdl.settings.config import TrainConfig
from mrdl.settings.samples import SAMPLE_BYTES, rows_within
from mrdl.shards.keys import SAMPLES, VALIDATION_KEY, VALIDATION_ROWS, WARM_KEY
from mrdl.shards.loaded import write_rows
from mrdl.shards.lowest import Lowest
from mrdl.shards.records import Tag, Write, pack_statistics

BUFFER_BYTES = 16 << 20  # of parsed rows held by a mapper before it writes them out
CODE_AND_HASH_BYTES = 12  # of a row, beside its values: int32 and uint64
Piece = tuple[np.ndarray, np.ndarray, np.ndarray]  # features, codes and hashes of some rows


class PlacedRows:
    """Gathers the rows of one map task by shard, and writes them out in packed lines when there are enough.

        placed = PlacedRows(config, shard_keys(config.shards, reducers), num_columns, write)
        for block in blocks:
            placed.add(block)
        placed.finish()

    statistics: of the rows placed so far.
    """

    def __init__(
        self, config: TrainConfig, keys: Sequence[bytes], num_columns: int, write: Write, num_targets: int = 0
    ) -> None:
        """keys: of the shards in their order, as `shard_keys` gives them; num_columns: of a raw row, of which so many,
        the last ones, are targets or a weight."""
        self.statistics = Statistics.empty(num_columns, num_targets)
        self._config = config
        self._write = write
        self._shards = keys
        self._pieces: dict[bytes, list[Piece]] = {key: [] for key in (*self._shards, *SAMPLES)}
        self._bytes = 0
        self._labels: dict[str, int] = {}
        self._levels: dict[int, LevelCodes] = {}
        self._level_rows: dict[int, np.ndarray] = {}  # training rows of each level, by its code
        self._too_many_levels: set[int] = set()  # columns with more levels than are learnt
        self._validation = Lowest(rows_within(SAMPLE_BYTES, num_columns, VALIDATION_ROWS), lambda hashes: hashes)
        self._warm = Lowest(config.sample_rows(num_columns), warm_rank)

    def add(self, block: Block) -> None:
        """Place a block of parsed rows; they may be written out now, or with later ones."""
        block = self._with_levels_of_task(block)
        level_hashes = {place: self._levels[place].hashes for place in block.levels}
        hashes = row_hash(block.features, label_hashes(block.label_names)[block.label_codes], level_hashes)
        renumber = np.array([self._labels.setdefault(name, len(self._labels)) for name in block.label_names], np.int32)
        codes = renumber[block.label_codes]
        kept_out = is_validation(hashes, self._config.kept_out)
        training = np.flatnonzero(~kept_out)
        self._count(block, training)
        unfit = self._config.supervised and self.statistics.too_many_classes
        if unfit or self._too_many_levels:  # it will be refused: nobody needs the rows
            for pieces in self._pieces.values():
                pieces.clear()
            return
        for key, rows in self._places(hashes, training, np.flatnonzero(kept_out)).items():
            if len(rows):
                self._pieces[key].append((block.features[rows], codes[rows], hashes[rows]))
                self._bytes += len(rows) * (block.features.shape[1] * block.features.itemsize + CODE_AND_HASH_BYTES)
        if self._bytes > BUFFER_BYTES:
            self._flush()

    def _with_levels_of_task(self, block: Block) -> Block:
        """Return a block whose codes of categories are those of all of the task's blocks.

        Columns that have too many levels by now have none in it: they may be millions, which nobody needs.
        """
        if not block.levels:
            return block
        learnt = {place: names for place, names in block.levels.items() if place not in self._too_many_levels}
        for place, names in learnt.items():
            self._levels.setdefault(place, LevelCodes()).add(names)
        known = {place: self._levels[place].names for place in learnt}
        return replace(block, features=by_dictionary(block.features, block.levels, known), levels=learnt)

    def _places(self, hashes: np.ndarray, training: np.ndarray, kept_out: np.ndarray) -> dict[bytes, np.ndarray]:
        """Where a block's rows belong: key -> indices of rows. Rows of the warm start are a shard's rows, too.

        hashes: (rows,) uint64; training, kept_out: indices of the rows that are trained on, and of the others.
        """
        shards = shard_of(hashes[training], self._config.shards)
        by_shard = training[np.argsort(shards, kind="stable")]
        sizes = np.bincount(shards, minlength=self._config.shards)
        places = dict(zip(self._shards, np.split(by_shard, np.cumsum(sizes)[:-1]), strict=True))
        places[VALIDATION_KEY] = self._validation.among(kept_out, hashes)
        if self._config.warm_rows:
            places[WARM_KEY] = self._warm.among(training, hashes)
        return places

    def add_bad(self, file: str, line: int | None, place: int, text: bytes, bad: Sequence[Any]) -> None:
        """Count the bad rows of a text, and keep the first few as examples.

        file: that the text is of; line, place: the line, from 1, and the byte of the file that the text begins at;
        line None: it is not known, and a row is told by the byte near which it lies; bad: as the parser gave them.
        """
        lines, counted = text.split(b"\n"), self.statistics
        for row in bad[:KEPT_BAD_ROWS]:
            before = sum(len(each) + 1 for each in lines[: row.line])
            counted.add_bad(file, -(place + before) if line is None else line + row.line, row.reason, row.text)
        counted.bad_rows += max(0, len(bad) - KEPT_BAD_ROWS)
        counted.add_unfit((at, cell) for at, (_, cell) in getattr(bad, "columns", {}).items())

    def finish(self) -> None:
        """Write the rows that are left, and the statistics to all that need them: levels have their numbers by them."""
        self._flush()
        for place, rows in self._level_rows.items():
            counted = zip(self._levels[place].names, rows.tolist(), strict=False)
            self.statistics.add_levels({place: {name: count for name, count in counted if count}})
        packed = pack_statistics(Tag.SPLIT_STATISTICS, self.statistics)
        for key in (*self._shards, WARM_KEY, *([VALIDATION_KEY] if self._levels else [])):
            self._write(key, packed)

    def _count(self, block: Block, training: np.ndarray) -> None:
        """Take a block into the statistics. training: indices of the rows that are trained on."""
        counted = self.statistics
        counted.training_rows += len(training)
        counted.validation_rows += len(block.features) - len(training)
        counted.missing += block.missing
        num_features = block.features.shape[1] - len(counted.targets)
        features = block.features[:, :num_features]
        counted.integral = counted.integral and not block.levels and is_integral(features, or_missing=True)
        trained_on = block.features if len(training) == len(block.features) else block.features[training]
        counted.add_range(trained_on)
        counted.add_targets(trained_on)
        for place in block.levels:
            counted.minimum[place], counted.maximum[place] = np.inf, -np.inf
            codes = trained_on[:, place]
            rows = np.bincount(codes[~np.isnan(codes)].astype(np.intp), minlength=len(self._levels[place].names))
            before = self._level_rows.get(place, np.zeros(0, np.int64))
            rows[: len(before)] += before
            self._level_rows[place] = rows
            if np.count_nonzero(rows) > MAX_LEVELS:
                self._too_many_levels.add(place)
        per_label = np.bincount(block.label_codes, minlength=len(block.label_names))
        found: dict[str, int] = {}
        for name, count in zip(block.label_names, per_label.tolist(), strict=True):  # names of one label may differ
            found[name] = found.get(name, 0) + count
        counted.add_classes(found)

    def _flush(self) -> None:
        """Write all rows that were gathered, those of one type together."""
        names = list(self._labels)
        levels = {place: list(known.names) for place, known in self._levels.items()}
        for key, pieces in self._pieces.items():
            for dtype in (np.uint8, np.float32):
                same = [piece for piece in pieces if piece[0].dtype == dtype]
                if same:
                    features, codes, hashes = (np.concatenate(parts) for parts in zip(*same, strict=True))
                    write_rows(key, Tag.SHARD_ROWS, names, features, codes, hashes, self._write, levels)
            pieces.clear()
        self._bytes = 0
