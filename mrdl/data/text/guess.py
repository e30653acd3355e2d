"""Guesses what columns hold by the first rows of a table, where nobody says it, and tells what it took them for."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import mask_of, texts_of
from mrdl.data.text.cells import Cells
from mrdl.data.text.columns import AS_FLAGS, LONG, Wording
from mrdl.data.text.csv import BlockParser
from mrdl.data.text.dates import COMPACT, DATES, ISO, MILLISECONDS, SECONDS, days_of
from mrdl.data.text.distinct import Distinct, distinct_cells
from mrdl.data.text.guess_words import doubt, of_several_formats, told_codes, told_left_out, told_types
from mrdl.data.text.numbers import WRITINGS, is_written
from mrdl.data.text.schema import MARKS, Schema
from mrdl.data.types import CATEGORY, DATE, NUMBER, PLAIN, ColumnType
from mrdl.errors import ConfigError, brief

NEARLY, HALF = 0.9, 0.5  # of the rows of a column
FEW = 20  # so many different texts are levels, however few the rows are
SURE = 5  # rows from which on a column whose texts never come again is no category
NO_SLIP = 0.01  # of the rows: fewer that begin with 0 are slips among numbers
FEW_WORDS = 5  # among numbers: they are cells to be mended, and no levels
TRIED = 300  # different texts that each way of writing is tried on before all are
MOST_DAYS = 1e6  # of seconds since 1970: the year 4700
COMMA, THOUSANDS, EUROPEAN = "1234,5", "1,234.5", "1.234,5"
_DOTTED = r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+$"


@dataclass(frozen=True)
class Guessed:
    """What columns were taken for.

    schema: with their types, and without those that are left out; told: all that a person should know of it, a line
    each.
    """

    schema: Schema
    told: tuple[str, ...]


@dataclass(frozen=True)
class _Ways:
    """How the cells of a column can be read. numbers, dates: formats that nearly all fit, the likeliest first.

    mixed: dates of several formats alone make nearly all; levels: whether texts come again as those of categories do.
    """

    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    mixed: bool = False
    levels: bool = False


def guessed(
    lines: bytes, schema: Schema, said: Mapping[int, ColumnType], source: str, wording: Wording = AS_FLAGS
) -> Guessed:
    """Return what columns hold, by the first rows; of the label, too.

    lines: whole ones, without the header; said: index of a column -> the type that was said of it, whose format is
    found where it is empty; source: the data's name; wording: how settings are said by whoever asks.
    Raises ConfigError or DataError where a column cannot be what was said, holds dates of several formats, or where
    none is left.
    """
    learnt = [i for i in (*schema.targets, schema.label, schema.weight) if i is not None]
    plain = replace(schema, types=())
    digits = _begun_with_0(lines, plain, {*said, *learnt})
    codes = {place: each for place, each in digits.items() if _come_again(*each)}
    odd = getattr(BlockParser(plain, keep_unlabelled=True).parse(lines)[1], "columns", {})
    places = sorted({*odd, *said, *learnt} - set(schema.dropped))
    cells = distinct_cells(lines, plain, places, MARKS)
    cells |= codes
    ways = {place: _ways(*each) for place, each in cells.items() if place not in said}
    ways |= dict.fromkeys(codes, _Ways(levels=True))
    comma = _has_decimal_commas(ways.values(), schema.separator)
    types = {place: column for place, column in said.items() if place not in cells}
    left_out, told = [], []
    for place, each in cells.items():
        if place in said:
            types[place] = _as_said(said[place], each, schema.columns[place], source)
        elif (found := ways[place]).mixed:
            raise of_several_formats(found.dates, schema, place, source, wording)
        elif (column := _chosen(found, each, comma)) is not None:
            types[place] = column
            told += doubt(column, found.dates, schema, place, wording)
        elif place not in learnt:
            left_out.append(place)
    if comma:
        types |= {place: ColumnType(NUMBER, EUROPEAN) for place in _dotted(lines, plain, set(types) | set(left_out))}
    found_types = tuple(types.get(i, PLAIN) for i in range(len(schema.columns)))
    dropped = tuple(sorted({*schema.dropped, *left_out}))
    typed = replace(schema, types=found_types if set(found_types) != {PLAIN} else (), dropped=dropped)
    told += told_codes(codes, digits, schema, wording)
    told = [*told_types(typed, said), *told, *told_left_out(left_out, cells, schema, wording)]
    if left_out and not typed.features:
        raise ConfigError(f"{source}: no column is left to learn from.\n" + "\n".join(told))
    return Guessed(typed, tuple(told))


def without_names(
    lines: bytes, schema: Schema, said: Mapping[int, ColumnType], source: str, wording: Wording = AS_FLAGS
) -> Guessed:
    """Return the columns of files that say themselves what those hold, without texts that hardly come again.

    lines: the first rows as text; said: index of a column of text -> category, which keeps it; the rest as `guessed`
    has it. Raises ConfigError where none is left.
    """
    places = [i for i in schema.feature_places if schema.types and schema.types[i].kind == CATEGORY and i not in said]
    cells = distinct_cells(lines, replace(schema, types=()), places, MARKS)
    left_out = [place for place, (values, counts) in cells.items() if len(values) and not _come_again(values, counts)]
    found = replace(schema, dropped=tuple(sorted({*schema.dropped, *left_out})))
    told = told_left_out(left_out, cells, schema, wording)
    if left_out and not found.features:
        raise ConfigError(f"{source}: no column is left to learn from.\n" + "\n".join(told))
    return Guessed(found, tuple(told))


def written_otherwise(cells: Sequence[str]) -> np.ndarray:
    """Return which cells are numbers or dates, though no plain numbers, (cells,) bool."""
    text = texts_of([cell.strip() for cell in cells])
    columns = [*(ColumnType(NUMBER, each) for each in WRITINGS), *(ColumnType(DATE, each) for each in DATES)]
    read = [~Cells.of(text, each).bad for each in columns]
    return np.any(read, 0) & mask_of(pc.match_substring_regex(text, "[0-9]"))


# --- codes ---


def _begun_with_0(lines: bytes, schema: Schema, but: set[int]) -> dict[int, Distinct]:
    """Return the columns of digits alone of which no few begin with 0: as numbers 01234 and 1234 would be the same.

    but: columns that are not looked at.
    """
    begins = re.compile(rb"(?:^|[\s\"" + re.escape(schema.separator.encode()) + rb"])0[0-9]", re.MULTILINE)
    if not begins.search(lines):
        return {}
    places = [place for place in schema.feature_places if place not in but]
    found = distinct_cells(lines, schema, places, MARKS)
    return {place: (values, counts) for place, (values, counts) in found.items() if _are_codes(values, counts)}


def _are_codes(values: pa.Array, counts: np.ndarray) -> bool:
    """Return whether cells are digits, no few of which begin with 0."""
    begin = mask_of(pc.match_substring_regex(values, "^0[0-9]"))
    digits = mask_of(pc.match_substring_regex(values, "^[0-9]+$"))
    few = counts[begin].sum() < NO_SLIP * counts.sum()
    return bool(begin.any() and digits.all() and not few)


# --- ways ---


def _ways(values: pa.Array, counts: np.ndarray) -> _Ways:
    """Return how cells can be read. values: the different ones; counts: (values,), in how many rows each is."""
    rows = int(counts.sum())
    share = _shares(values, counts)
    numbers = share(ColumnType(NUMBER))
    words = len(values) - int((~Cells.of(values).bad).sum())
    if rows and numbers < NEARLY:
        numbers += _share_beyond(values, counts)
    if not rows or numbers >= NEARLY or (numbers >= HALF and words <= FEW_WORDS < FEW < len(values) - words):
        return _Ways(numbers=("",))
    if written := tuple(each for each in WRITINGS if share(ColumnType(NUMBER, each)) >= NEARLY):
        return _Ways(numbers=written)
    of_dates = {each: share(ColumnType(DATE, each)) for each in DATES}
    if dates := tuple(each for each, rate in of_dates.items() if rate >= NEARLY):
        return _Ways(dates=dates)
    some = tuple(each for each, rate in of_dates.items() if rate)
    if some and _are_any(values, counts, some) >= NEARLY:
        return _Ways(dates=some, mixed=True)
    return _Ways(levels=_come_again(values, counts))


def _share_beyond(values: pa.Array, counts: np.ndarray) -> float:
    """Return the share of rows that are numbers which 32 bits cannot hold; digits alone are rather names."""
    digits = mask_of(pc.match_substring_regex(values, r"^\s*[0-9]+\s*$"))
    beyond = Cells.of(values).bad & ~digits & is_written(pc.utf8_trim_whitespace(values))
    return float(counts[beyond].sum() / counts.sum())


def _come_again(values: pa.Array, counts: np.ndarray) -> bool:
    """Return whether texts come again as the levels of a category do."""
    rows = int(counts.sum())
    new = len(values) == rows >= SURE or len(values) > max(FEW, rows * HALF)
    return not new


def _shares(values: pa.Array, counts: np.ndarray) -> Callable[[ColumnType], float]:
    """Return what tells the share of rows that a type fits: 0 where the first different cells show that few do."""
    first, of_first = values[:TRIED], counts[:TRIED]

    def share(column: ColumnType) -> float:
        if not len(values) or of_first[~Cells.of(first, column).bad].sum() < HALF / 2 * of_first.sum():
            return 0.0
        return float(counts[~Cells.of(values, column).bad].sum() / counts.sum())

    return share


def _are_any(values: pa.Array, counts: np.ndarray, patterns: Iterable[str]) -> float:
    """Return the share of rows that are dates of any of some patterns."""
    wrong = np.ones(len(values), bool)
    for pattern in patterns:
        wrong &= days_of(values, pattern)[1]
    return float(counts[~wrong].sum() / counts.sum())


def _has_decimal_commas(ways: Iterable[_Ways], separator: str) -> bool:
    """Return whether numbers are written with decimal commas: some surely are, or all may be where ; parts cells."""
    written = [each.numbers for each in ways if each.numbers and each.numbers != ("",)]
    sure = [each for each in written if {COMMA, THOUSANDS} - set(each)]
    with_comma = any(set(each) & {COMMA, EUROPEAN} and THOUSANDS not in each for each in sure)
    with_point = any(THOUSANDS in each and COMMA not in each for each in sure)
    return with_comma or (separator == ";" and not with_point and bool(written))


def _chosen(ways: _Ways, cells: Distinct, comma: bool) -> ColumnType | None:
    """Return the likeliest type; None for text that is not learnt. comma: whether others have decimal commas."""
    if ways.numbers:
        wanted = [each for each in ways.numbers if not (comma and each == THOUSANDS)]
        if not comma and THOUSANDS in ways.numbers:
            wanted = [THOUSANDS]
        return ColumnType(NUMBER, wanted[0])
    if ways.dates:
        pattern = min(ways.dates, key=partial(_span, cells[0]))
        return ColumnType(DATE, "" if pattern == ISO else pattern)
    return ColumnType(CATEGORY) if ways.levels else None


def _span(values: pa.Array, pattern: str) -> float:
    """Return the days from the first to the last date: the fewer, the likelier is the pattern."""
    days, wrong = days_of(values, pattern)
    return float(np.ptp(days[~wrong])) if not wrong.all() else np.inf


def _dotted(lines: bytes, schema: Schema, but: set[int]) -> list[int]:
    """Return the columns of plain numbers whose dots set thousands apart, in a table of decimal commas."""
    places = [place for place in schema.feature_places if place not in but]
    return [
        place
        for place, (values, _) in distinct_cells(lines, schema, places, MARKS).items()
        if len(dots := values.filter(pc.match_substring(values, ".")))
        and mask_of(pc.match_substring_regex(dots, _DOTTED)).all()
    ]


def _as_said(column: ColumnType, cells: Distinct, name: str, source: str) -> ColumnType:
    """Return the type that was said, with the format that most cells have; raises ConfigError where none fits."""
    values, counts = cells
    if column.format or column.kind == CATEGORY or not len(values):
        return column
    share = _shares(values, counts)
    patterns = ("", *WRITINGS) if column.kind == NUMBER else ("", *DATES[1:])
    fits = {each: share(ColumnType(column.kind, each)) for each in patterns}
    best = [each for each in patterns if fits[each] == max(fits.values())]
    if max(fits.values()) >= HALF:
        return ColumnType(column.kind, best[0] if column.kind == NUMBER else min(best, key=partial(_span, values)))
    if column.kind == DATE and (found := _of_numbers(values, share)):
        return ColumnType(DATE, found)
    example = 'when = "date %d/%m/%Y"' if column.kind == DATE else f'price = "number {COMMA}"'
    raise ConfigError(
        f"{source}: most cells of {brief(name, LONG)} are no {column.kind}s, as {values[0].as_py()[:LONG]!r}; "
        f"say how they are written in [columns] of a TOML file, as {example}"
    )


def _of_numbers(values: pa.Array, share: Callable[[ColumnType], float]) -> str:
    """Return the pattern of whole numbers that are said to be dates; "" where they are none."""
    if share(ColumnType(DATE, COMPACT)) >= HALF:
        return COMPACT
    if share(ColumnType(DATE, SECONDS)) < HALF:
        return ""
    days, wrong = days_of(values, SECONDS)
    return MILLISECONDS if np.median(np.abs(days[~wrong])) > MOST_DAYS else SECONDS
