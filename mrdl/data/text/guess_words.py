"""Tells what columns were taken for, in words."""

from collections.abc import Mapping, Sequence

import pyarrow.compute as pc

from mrdl.data.text.columns import LONG, Wording, names_of
from mrdl.data.text.dates import ISO
from mrdl.data.text.distinct import Distinct
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY, DATE, HASH, KINDS, NUMBER, PLAIN, ColumnType
from mrdl.errors import DataError, brief

SHOWN = 6  # columns that a line names


def of_several_formats(dates: Sequence[str], schema: Schema, place: int, source: str, wording: Wording) -> DataError:
    """Return the error for a column of dates that are written in several ways."""
    formats = ", ".join(dates)
    return DataError(
        f"{source}: column {brief(schema.columns[place], LONG)} holds dates of several formats, {formats}; nothing was "
        f"trained. Write them in one, or leave it out with {wording.drop(names_of([place], schema))}"
    )


def doubt(column: ColumnType, dates: Sequence[str], schema: Schema, place: int, wording: Wording) -> list[str]:
    """Return which other dates a column may hold, a line or none."""
    others = [each for each in dates if each != (column.format or ISO)]
    if column.kind != DATE or not others:
        return []
    said = wording.columns(DATE, [f"{names_of([place], schema)[0]}={others[0]}"])
    name = brief(schema.columns[place], LONG)
    return [
        f"{name} may be dates of {column.format or ISO} or {others[0]}, and is read as the first: {said} changes it"
    ]


def told_types(schema: Schema, said: Mapping[int, ColumnType]) -> list[str]:
    """Return how many columns hold what, and which are no plain numbers, a line or none."""
    if not schema.types or all(column == PLAIN for column in schema.feature_types):
        return []
    told = []
    for kind in KINDS:
        names = [(schema.columns[i], schema.types[i]) for i in schema.feature_places if schema.types[i].kind == kind]
        shown = [(name, column) for name, column in names if column != PLAIN]
        some = [brief(name, LONG) + (f" as {column.format}" if column.format else "") for name, column in shown[:SHOWN]]
        more = [f"{len(shown) - SHOWN} more"] if len(shown) > SHOWN else []
        if names:
            plural = {CATEGORY: "categories"}.get(kind, f"{kind}s") if len(names) > 1 else kind
            told.append(f"{len(names)} {plural}" + (f" ({', '.join([*some, *more])})" if some else ""))
    return [f"columns: {', '.join(told)}"]


def told_left_out(places: Sequence[int], cells: Mapping[int, Distinct], schema: Schema, wording: Wording) -> list[str]:
    """Return which columns are left out and why, a line or none."""
    if not places:
        return []
    some = [f"{brief(schema.columns[i], LONG)}, as {cells[i][0][0].as_py()[:LONG]!r}" for i in places[:SHOWN]]
    more = f"; and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    category, hashed = (wording.columns(each, names_of(places[:SHOWN], schema)) for each in (CATEGORY, HASH))
    ways = f"{category} learns them, {hashed} by buckets of a hash, as for ids that come again later"
    return [f"left out, as nearly each row has another text: {'; '.join(some)}{more}. {ways}"]


def told_codes(
    codes: Mapping[int, Distinct], digits: Mapping[int, Distinct], schema: Schema, wording: Wording
) -> list[str]:
    """Return which columns of digits that begin with 0 are levels, and which of them numbers, a line each.

    codes: those that are levels; digits: all.
    """
    told = []
    for place, (values, _) in digits.items():
        example = values.filter(pc.starts_with(values, "0"))[0].as_py()[:LONG]
        name, [column] = brief(schema.columns[place], LONG), names_of([place], schema)
        if place in codes:
            told.append(
                f"{name} holds codes, as some begin with 0, such as {example!r}, and is a category: "
                f"{wording.columns(NUMBER, [column])} learns numbers"
            )
        else:
            told.append(
                f"{name} is read as numbers, though some begin with 0, such as {example!r}, as nearly each row has "
                f"another: {wording.columns(HASH, [column])} learns codes"
            )
    return told
