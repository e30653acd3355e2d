"""Writes a DataFrame as the CSV that a run reads, into the run's own folder, for as long as the run lasts."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mrdl.data.frames.plain import plain
from mrdl.errors import DataError, MrdlError, SetupError
from mrdl.storage import atomic
from mrdl.storage.lock import is_held

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def written(frame: "pd.DataFrame", folder: Path) -> Iterator[Path]:
    """Yield the path of a CSV of a DataFrame in a run's folder, which is removed at the end.

    Its name is made of its content, so that a run that goes on finds what it had. The index is left out, as
    `to_csv(index=False)` does. Raises DataError for what is no table of plain cells, SetupError where the folder
    cannot be written. Errors of mrdl from within name the DataFrame and its rows, in place of the file.

    with written(frame, Path("runs/first")) as path:
        Run(str(path), config).execute()
    """
    table = _table(frame)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _write(table, folder)
    except OSError as error:
        raise SetupError(f"the run folder {folder} cannot be written: {error.strerror}. Use --run-dir") from error
    try:
        yield path
    except MrdlError as error:
        error.args = (_of_frame(str(error), str(path), frame.index),)
        raise
    finally:
        if not is_held(folder):  # by another driver, of the same rows
            path.unlink(missing_ok=True)


def _of_frame(told: str, path: str, index: "pd.Index") -> str:
    """Return an error's text with the DataFrame in place of its file, and its rows in place of the file's lines."""

    def row(found: re.Match[str]) -> str:
        place = int(found[1]) - 2  # below the header, and lines count from 1
        if not 0 <= place < len(index):
            return "the DataFrame"
        label = index[place]
        return f"the DataFrame row {place}" + (f" (index {label!s})" if str(label) != str(place) else "")

    return re.sub(rf"{re.escape(path)} line (\d+)", row, told).replace(path, "the DataFrame")


def _write(table: pa.Table, folder: Path) -> Path:
    """Write a table, for this user alone, into a file named by its content; returns its path."""
    path = folder / "data.csv"

    def named(place: Path) -> Path:
        nonlocal path
        path = folder / f"data-{_digest(place)}.csv"
        return path

    with (
        atomic.beside(path, named) as place,
        open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
    ):
        arrow_csv.write_csv(table, file)
    return path


def _digest(path: Path) -> str:
    """Return the digest of a file, 16 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _table(frame: "pd.DataFrame") -> pa.Table:
    """Return the columns by name; categories as what they stand for, True and False as pandas writes them.

    Raises DataError for names that occur twice or hold a line end, and for cells that are neither numbers nor words.
    """
    names = [str(name).strip() for name in frame.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"the DataFrame has more than one column of the name {twice[0]!r}: rename them")
    if broken := [name for name in names if "\n" in name or "\r" in name]:
        raise DataError(f"the name {broken[0]!r} of a column holds a line end: rename it")
    if not len(frame) or not names:
        raise DataError(f"the DataFrame has {len(frame)} rows and {len(names)} columns, expected some of both")
    columns = []
    for place, name in enumerate(names):
        try:
            columns.append(_cells(pa.Array.from_pandas(plain(frame.iloc[:, place]))))
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise DataError(f"column {name!r} of the DataFrame is no column of numbers or words: {error}") from error
    return pa.table(columns, names=names)


def _cells(column: pa.Array) -> pa.Array:
    """Return a column as one array of plain cells; raises TypeError for lists and the like."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "True", "False")
    if pa.types.is_nested(column.type):
        raise TypeError(f"its cells are of type {column.type}")
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        broken = pc.sum(pc.match_substring_regex(column, "[\r\n]")).as_py()
        if broken:
            raise ValueError(f"{broken:,} of its cells hold a line end: put a blank there, or leave the column out")
    return column
