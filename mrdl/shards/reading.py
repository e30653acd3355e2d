"""Reads the input of a map task, text or pieces of files that it opens itself, and places the rows in their shards."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.columnar.keys import with_cells
from mrdl.data.columnar.pieces import TEXT, Piece, blocks_of, text_of
from mrdl.data.text.csv import Block, whole_lines
from mrdl.data.text.schema import Schema
from mrdl.shards.placing import PlacedRows

Parse = Callable[[bytes], tuple[list[Block], Sequence[Any]]]
"""Whole lines of text -> blocks of rows, and the rows that cannot be read."""


@dataclass(frozen=True)
class Reading:
    """How rows are read, and where they are placed.

    parse: makes lines rows, of text; most_bad: rows that cannot be read, after which no more are looked for, None where
    they are left out.
    """

    placed: PlacedRows
    schema: Schema
    parse: Parse
    most_bad: int | None = None

    def lines(self, chunks: Iterator[bytes], file: str, start: int, keys: Sequence[str] = ()) -> bool:
        """Place the rows of a text; whether it was left before its end, since too many are bad.

        chunks: bytes, cut anywhere; file, start: where they lie, to say where a bad row is; keys: the values of the
        partition folders of the file, which are the last cells of all its rows.
        """
        line, place = 1, start  # where a piece of text begins in the file
        pieces = whole_lines(chunks, self.schema.header_crc)
        for piece in pieces:
            blocks, bad = self.parse(with_cells(piece, keys, self.schema.separator) if keys else piece)
            for block in blocks:
                self.placed.add(block)
            if bad:
                self.placed.add_bad(file, None if start else line, place, piece, bad)
            line += int(np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n")))
            place += len(piece)
            if self._is_enough:
                self.placed.statistics.cut = next(pieces, None) is not None
                return True
        return False

    def pieces(self, lines: Iterable[bytes]) -> None:
        """Place the rows of pieces of files. lines: a piece each (see mrdl.data.columnar.pieces)."""
        pieces = list(map(Piece.from_json, lines))
        for number, piece in enumerate(pieces, 1):
            read = self._text if piece.kind == TEXT else self._groups
            if read(piece):
                self.placed.statistics.cut |= number < len(pieces)
                break

    def _text(self, piece: Piece) -> bool:
        """Place the rows of a piece of text; see `lines`."""
        return self.lines(text_of(piece), piece.place.path, piece.first, list(piece.keys.values()))

    def _groups(self, piece: Piece) -> bool:
        """Place the rows of a piece of a column file; see `lines`."""
        found = blocks_of(piece, self.schema)
        for read in found:
            if read.block:
                self.placed.add(read.block)
            if read.bad:
                self.placed.add_bad(piece.told_file, read.row, 0, b"", read.bad)
            if self._is_enough:
                self.placed.statistics.cut = next(found, None) is not None
                return True
        return False

    @property
    def _is_enough(self) -> bool:
        """Whether so many rows are bad that no more are looked for."""
        return self.most_bad is not None and self.placed.statistics.bad_rows >= self.most_bad
