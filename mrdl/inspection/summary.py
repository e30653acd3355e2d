"""What is known of a table from some of its rows; it adds up to the same in any order and parts of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mrdl.data.hashing import mix
from mrdl.data.text.arrays import flags_of
from mrdl.inspection.cells import Texts, is_text
from mrdl.inspection.reader import Piece
from mrdl.inspection.sample import RowSample, rows_of, weights
from mrdl.inspection.values import Arrays, ValueCounts, kept_of
from mrdl.metrics.column_sums import ColumnSums
from mrdl.metrics.sums import squares

TILE = 1 << 16  # cells that are gone through at once: they stay in the cache
RECORD_BYTES = 4 << 20  # of the columns in one record: a line, which Java holds several times
SHOWN_TEXT = 60  # characters of a value
TEXTS_IN_ALL, LEAST_TEXTS = 1 << 18, 16  # whose text is kept, of all columns, and of each
REASONS = 5  # why lines are no rows
LOOKED_AT = 1000  # lines of a piece that are no rows, of which the reason is found out
COUNTS = ("missing", "texts", "whole")


class Summary:
    """What is known of some rows, column by column.

    rows, bad: how many lines are rows, and how many none; reasons: some of why. counts: by name, (columns,) int64 each:
    cells that are missing, that are texts, and that are whole numbers. minimum, maximum: (columns,), of numbers.
    prints: (columns,) uint64: columns of one content have the same. levels: by column, the text of values by their
    hashes.
    """

    def __init__(self, columns: int, table_columns: int | None = None) -> None:
        """Begin with no rows. table_columns: of the whole table, where these are some of them."""
        self.columns = columns
        self._of_table = of_table = table_columns or columns
        self.rows = self.bad = 0
        self.reasons: list[str] = []
        self.counts = {name: np.zeros(columns, np.int64) for name in COUNTS}
        self.minimum = np.full(columns, np.inf)
        self.maximum = np.full(columns, -np.inf)
        self.sums, self.squares = ColumnSums(columns), ColumnSums(columns)
        self.prints = np.zeros(columns, np.uint64)
        self.values = ValueCounts(columns, kept_of(of_table))
        self.sample = RowSample(columns, rows_of(of_table))
        self.levels: dict[int, dict[int, str]] = {}
        self._most_texts = max(LEAST_TEXTS, min(self.values.kept, TEXTS_IN_ALL // of_table))
        self._weights = weights(columns)

    def add(self, piece: Piece) -> None:
        """Take in the rows of a piece of text, and its lines that are none."""
        cells = piece.cells
        self.bad += len(piece.bad)
        self._tell(bad.reason for bad in piece.bad[:LOOKED_AT])
        rows = cells.shape[1]
        if not rows:
            return
        self.rows += rows
        step = max(1, TILE // rows)
        tiles = [slice(first, min(first + step, self.columns)) for first in range(0, self.columns, step)]
        hashes = np.empty(cells.shape, np.uint64)
        of_rows = np.zeros(rows, np.uint64)
        for tile in tiles:
            hashes[tile] = mix(cells[tile].view(np.uint64))
            of_rows += (hashes[tile] * self._weights[tile, None]).sum(axis=0)
        of_rows = mix(of_rows)
        odd = of_rows | np.uint64(1)
        for tile in tiles:
            self.prints[tile] += (hashes[tile] * odd).sum(axis=1)
            self.values.add(tile.start, hashes[tile])
            self._add_numbers(tile, cells[tile])
        self.sample.add(of_rows, cells)
        for column, texts in piece.texts.items():
            self._add_levels(column, texts)

    def _add_numbers(self, tile: slice, cells: np.ndarray) -> None:
        """Count, and add up, the numbers in some columns. cells: (columns of the tile, rows)."""
        without = np.isnan(cells)
        numbers = low = high = cells
        if without.any():
            texts = is_text(cells).sum(axis=1)
            self.counts["texts"][tile] += texts
            self.counts["missing"][tile] += without.sum(axis=1) - texts
            numbers, low, high = (np.where(without, other, cells) for other in (0.0, np.inf, -np.inf))
        self.counts["whole"][tile] += (cells == np.floor(cells)).sum(axis=1)
        self.minimum[tile] = np.minimum(self.minimum[tile], low.min(axis=1))
        self.maximum[tile] = np.maximum(self.maximum[tile], high.max(axis=1))
        self.sums.add(tile, numbers)
        for part in squares(numbers):
            self.squares.add(tile, part)

    def _add_levels(self, column: int, texts: Texts) -> None:
        """Keep the text of those values that are kept."""
        hashes = mix(texts.cells.view(np.uint64))
        known = self.levels.setdefault(column, {})
        lowest = sorted(known)[self._most_texts - 1] if len(known) >= self._most_texts else None
        new = is_text(texts.cells)
        if lowest is not None:
            new &= hashes < np.uint64(lowest)
        places = np.flatnonzero(new)
        places = places[np.argsort(hashes[places])][: self._most_texts]
        chosen = np.zeros(len(hashes), bool)
        chosen[places] = True
        found = zip(hashes[chosen].tolist(), texts.texts.filter(flags_of(chosen)).to_pylist(), strict=True)
        known.update((key, text.strip()[:SHOWN_TEXT]) for key, text in found if key not in known)
        self._cut_levels(column)

    def _cut_levels(self, column: int) -> None:
        """Keep as many levels of a column as may be kept, by their keys, in which no order of rows shows."""
        known = self.levels[column]
        if len(known) > self._most_texts:
            self.levels[column] = {key: known[key] for key in sorted(known)[: self._most_texts]}

    def _tell(self, reasons: Iterator[str]) -> None:
        """Keep reasons for lines that are no rows: the first ones as they are sorted."""
        self.reasons = sorted({*self.reasons, *reasons})[:REASONS]

    def merge(self, other: "Summary") -> None:
        """Take in what is known from other rows, of the same columns."""
        self.rows += other.rows
        self.bad += other.bad
        self._tell(iter(other.reasons))
        for name in COUNTS:
            self.counts[name] += other.counts[name]
        self.minimum = np.minimum(self.minimum, other.minimum)
        self.maximum = np.maximum(self.maximum, other.maximum)
        self.sums.merge(other.sums)
        self.squares.merge(other.squares)
        self.prints += other.prints
        self.values.merge(other.values)
        self.sample.merge(other.sample)
        for column, known in other.levels.items():
            self.levels[column] = {**self.levels.get(column, {}), **known}
            self._cut_levels(column)

    # --- records ---

    def parts(self) -> Iterator[tuple[int, dict[str, Any], Arrays]]:
        """What `from_part` reads, some columns at a time: their group's number, what JSON can say, and arrays."""
        bytes_of_column = 20 * self.values.kept + 8 * self.sample.most
        step = max(1, RECORD_BYTES // bytes_of_column)
        for group, first in enumerate(range(0, self.columns, step)):
            yield group, *self._part(range(first, min(first + step, self.columns)))

    def _part(self, columns: range) -> tuple[dict[str, Any], Arrays]:
        """Some columns of the summary, as they are sent."""
        part = slice(columns.start, columns.stop)
        meta = {
            "columns": len(columns),
            "table": self._of_table,
            **{name: getattr(self, name) for name in ("rows", "bad", "reasons")},
            "levels": {i - columns.start: self.levels[i] for i in columns if i in self.levels},
        }
        arrays = {name: self.counts[name][part] for name in COUNTS}
        arrays |= {name: getattr(self, name)[part] for name in ("minimum", "maximum", "prints")}
        for name, sums in (("sums", self.sums), ("squares", self.squares)):
            arrays |= {f"{name}.{word}": multiples[part] for word, multiples in sums.words.items()}
        return meta, {**arrays, **self.values.arrays(columns), **self.sample.arrays(columns)}

    @classmethod
    def from_part(cls, meta: Mapping[str, Any], arrays: Arrays) -> "Summary":
        """What is known of the columns of a part."""
        found = cls(meta["columns"], meta["table"])
        found.rows, found.bad, found.reasons = (meta[name] for name in ("rows", "bad", "reasons"))
        found.counts = {name: arrays[name] for name in COUNTS}
        found.minimum, found.maximum, found.prints = (arrays[name] for name in ("minimum", "maximum", "prints"))
        for name, sums in (("sums", found.sums), ("squares", found.squares)):
            sums.words = {_word(key): each for key, each in arrays.items() if key.startswith(f"{name}.")}
        found.values = ValueCounts.from_arrays(arrays, found.columns, found.values.kept)
        found.sample = RowSample.from_arrays(arrays, found.sample.most)
        for column, levels in meta["levels"].items():  # the keys of JSON are texts
            found.levels[int(column)] = {int(key): text for key, text in levels.items()}
        return found

    @classmethod
    def joined(cls, parts: Sequence["Summary"]) -> "Summary":
        """What is known of the whole table. parts: of all its columns, one group after the other."""
        if len(parts) == 1:
            return parts[0]
        found = cls(sum(part.columns for part in parts))
        found.rows, found.bad, found.reasons = parts[0].rows, parts[0].bad, parts[0].reasons
        found.counts = {name: np.concatenate([part.counts[name] for part in parts]) for name in COUNTS}
        for name in ("minimum", "maximum", "prints"):
            setattr(found, name, np.concatenate([getattr(part, name) for part in parts]))
        found.values = ValueCounts.joined([part.values for part in parts])
        found.sample.hashes, found.sample.counts = parts[0].sample.hashes, parts[0].sample.counts
        found.sample.cells = np.concatenate([part.sample.cells for part in parts], axis=1)
        found.sums = ColumnSums.joined([part.sums for part in parts])
        found.squares = ColumnSums.joined([part.squares for part in parts])
        first = 0
        for part in parts:
            found.levels |= {first + column: levels for column, levels in part.levels.items()}
            first += part.columns
        return found


def _word(name: str) -> int:
    """The unit of an array of multiples: sums.-2."""
    return int(name.partition(".")[2])
