"""What the types of column files mean to mrdl, and their cells as the text that a CSV of them would have."""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import texts_of
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY, DATE, NUMBER, PLAIN, ColumnType
from mrdl.errors import ConfigError


def column_type(arrow: pa.DataType) -> ColumnType | None:
    """Return what a column of an Arrow type holds; None for what mrdl does not read, as lists, structs and bytes.

    column_type(pa.timestamp("us")) == ColumnType("date")
    """
    if pa.types.is_dictionary(arrow):
        return column_type(arrow.value_type)
    if is_number(arrow) or pa.types.is_decimal(arrow) or pa.types.is_null(arrow):
        return ColumnType(NUMBER)
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow):
        return ColumnType(CATEGORY)
    if is_date(arrow):
        return ColumnType(DATE)
    return None


def is_number(arrow: pa.DataType) -> bool:
    """Return whether a type's values are numbers or booleans of a machine."""
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_boolean(arrow))


def is_date(arrow: pa.DataType) -> bool:
    """Return whether a type's values are dates, times, or both."""
    return bool(pa.types.is_date(arrow) or pa.types.is_timestamp(arrow) or pa.types.is_time(arrow))


def told_hashed_dates(name: str) -> str:
    """Return that a column that is hashed holds dates, in words."""
    told = f"column {name!r} holds dates, which are not hashed, as each program writes them otherwise"
    return f"{told}: give them as text"


def hashed(schema: Schema, said: Mapping[int, ColumnType], source: str) -> Schema:
    """Return the columns of files that say themselves what these hold, texts and numbers hashed where settings say so.

    said: the types that settings say of columns, by their indices; source: the data's name. Raises ConfigError where
    they say anything else than the files.
    """
    types = list(schema.types or (PLAIN,) * len(schema.columns))
    for place, column in said.items():
        if column.buckets and types[place].kind != DATE:
            types[place] = column
        elif types[place] == PLAIN or types[place] != column:
            raise ConfigError(
                f"{source}: its files say what columns hold: leave out number and date, category but for text, and "
                "hash but for text and numbers"
            )
    return replace(schema, types=tuple(types) if set(types) != {PLAIN} else ())


def texts(column: pa.Array) -> pa.Array:
    """Return cells as a CSV has them, (rows,) of strings; "" where one is missing, or of a type that is not read."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column_type(column.type) is None or pa.types.is_null(column.type):
        return texts_of([""] * len(column))
    if pa.types.is_boolean(column.type):
        true, false = texts_of(["True", "False"])  # as pandas writes them
        column = pc.if_else(column, true, false)
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    return pc.coalesce(column.cast(pa.string()), texts_of([""])[0])
