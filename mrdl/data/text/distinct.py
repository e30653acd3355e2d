"""The different cells of columns, and how often each is there."""

import io
from collections.abc import Collection, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mrdl.data.text.arrays import read_csv, texts_of, values_of
from mrdl.data.text.schema import Schema, single_blanks

Distinct = tuple[pa.Array, np.ndarray]
"""Texts without blanks around, none missing, and in how many rows each is, (texts,) int64."""


def distinct_cells(lines: bytes, schema: Schema, places: Iterable[int], marks: Collection[str]) -> dict[int, Distinct]:
    """Return what columns hold, by their indices in the CSV; nothing where the lines cannot be read.

    lines: whole ones, those with another number of cells are left out; marks: what stands for a missing cell.
    """
    names = [str(i) for i in range(len(schema.columns))]
    wanted = [names[i] for i in places]
    if not wanted:
        return {}
    if schema.separator == " ":
        lines = single_blanks(lines)
    try:
        table = read_csv(
            io.BytesIO(lines),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=names),
            parse_options=arrow_csv.ParseOptions(delimiter=schema.separator, invalid_row_handler=lambda row: "skip"),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return {}
    missing = texts_of(marks)
    found = {}
    for name in wanted:
        cells = pc.utf8_trim_whitespace(table.column(name))
        counted = pc.value_counts(cells.filter(pc.invert(pc.is_in(cells, missing))).combine_chunks())
        found[int(name)] = counted.field("values"), values_of(counted.field("counts"))
    return found
