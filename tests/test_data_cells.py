"""Cells as what their column holds: numbers as people write them, dates, categories, whatever block they come in."""

import datetime
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from mrdl.data.text.cells import Cells
from mrdl.data.text.csv import BlockParser
from mrdl.data.text.dates import DATES, days_of, expression_of
from mrdl.data.text.schema import MARKS, Schema
from mrdl.data.types import PLAIN, ColumnType

CATEGORY, WHEN, EURO = ColumnType("category"), ColumnType("date", "%d.%m.%Y"), ColumnType("number", "1.234,5")


def values(column: ColumnType, *cells: str) -> list[float | None]:
    """What cells of a column are; None for one that is none, nan for a missing one."""
    found = Cells.of(pa.array(cells, pa.string()), column)
    return [None if bad else value for value, bad in zip(found.values.tolist(), found.bad, strict=True)]


# --- numbers ---


@pytest.mark.parametrize(
    ("writing", "cells", "numbers"),
    [
        ("1234,5", ["0,5", "-1234,25", "7", ",5", "1e3"], [0.5, -1234.25, 7, 0.5, 1000]),
        ("1,234.5", ["1,234", "12,345,678.5", "999", "1234.5"], [1234, 12345678.5, 999, 1234.5]),
        ("1.234,5", ["1.234", "-12.345.678,5", "999,75 €", "€ 5"], [1234, -12345678.5, 999.75, 5]),
        ("1 234,5", ["1 234,5", "1\u00a0234\u00a0567", "1\u202f234"], [1234.5, 1234567, 1234]),
        ("1'234.5", ["1'234.50", "CHF 2\u2019000"], [1234.5, 2000]),
        ("1234.5", ["12.5%", "12 %", "$5", "-$5.25", "$-5"], [12.5, 12, 5, -5.25, -5]),
        ("1234.5", ["USD 3", "(4.5)", "\u22124"], [3, -4.5, -4]),
    ],
)  # fmt: skip
def test_numbers_are_read_as_they_are_written(writing, cells, numbers):
    assert values(ColumnType("number", writing), *cells) == pytest.approx(numbers, rel=1e-6)


@pytest.mark.parametrize(
    ("writing", "cell"),
    [
        ("1,234.5", "1,23"), ("1,234.5", "12,3456"), ("1.234,5", "5.5"), ("1234,5", "1.5"), ("1234.5", "PC 17599"),
        ("1234.5", "(5"), ("1234.5", "5)"), ("1234.5", "12%%"), ("1234.5", "$"), ("1234.5", "1e999"), ("1234,5", "inf"),
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_no_number(writing, cell):
    assert values(ColumnType("number", writing), cell, "7") == [None, 7]


@pytest.mark.parametrize("column", [PLAIN, CATEGORY, WHEN, EURO], ids=str)
@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_of_a_missing_cell_is_one_in_every_column(column, mark):
    assert np.isnan(values(column, f" {mark} ")).all()


# --- dates ---


def day(*date: int) -> float:
    return (datetime.datetime(*date) - datetime.datetime(1970, 1, 1)) / datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("pattern", "cell", "expected"),
    [
        ("", "2025-12-31", day(2025, 12, 31)), ("", "1969-12-31", -1), ("", "2024-02-29", day(2024, 2, 29)),
        ("", "2025-12-31 06:00", day(2025, 12, 31, 6)),
        ("", "2025-12-31T06:00:00.5Z", day(2025, 12, 31, 6, 0, 0, 500_000)),
        ("", "2025-12-31T23:00:00+02:00", day(2025, 12, 31, 21)),
        ("", "2025-12-31 23:00:00-0500", day(2026, 1, 1, 4)),
        ("%d.%m.%Y", "1.2.2025", day(2025, 2, 1)), ("%d.%m.%Y", "31.12.2025 8:05", day(2025, 12, 31, 8, 5)),
        ("%m/%d/%Y", "12/31/2025 11:05 PM", day(2025, 12, 31, 23, 5)),
        ("%m/%d/%Y", "1/2/2025 12:00 am", day(2025, 1, 2)),
        ("%d/%m/%y", "31/12/68", day(2068, 12, 31)), ("%d/%m/%y", "31/12/69", day(1969, 12, 31)),
        ("%d-%b-%Y", "31-DEC-2025", day(2025, 12, 31)), ("%b %d, %Y", "March 1, 2024", day(2024, 3, 1)),
        ("%H:%M", "18:00", 0.75), ("%Y-%m", "2025-03", day(2025, 3, 1)), ("%Y%m%d", "20250301", day(2025, 3, 1)),
        ("seconds", "43200", 0.5), ("milliseconds", "-86400000", -1),
    ],
)  # fmt: skip
def test_a_date_is_days_since_1970_in_utc(pattern, cell, expected):
    found, wrong = days_of(pa.array([cell], pa.string()), pattern)
    assert (found.tolist(), wrong.tolist()) == (pytest.approx([expected], abs=1e-9), [False])


@pytest.mark.parametrize(
    ("pattern", "cell"),
    [
        ("", "2025-02-29"), ("", "2025-13-01"), ("", "31.12.2025"), ("", "2025-12-31 25:00"), ("", "20251231"),
        ("", "x"),
        ("%d.%m.%Y", "32.1.2025"), ("%d.%m.%Y", "1.1.25"), ("%m/%d/%Y", "31/12/2025"), ("%d-%b-%Y", "1-foo-2025"),
        ("%m/%d/%Y", "1/1/2025 13:00 PM"), ("%Y%m%d", "2025031"), ("seconds", "now"),
    ],
)  # fmt: skip
def test_what_is_in_no_calendar_is_no_date(pattern, cell):
    assert days_of(pa.array([cell], pa.string()), pattern)[1].tolist() == [True]


@pytest.mark.parametrize("zone", ["", "Z"])
def test_dates_are_read_alike_with_a_bad_one_beside_them(zone):
    """All good ones are read by Arrow, in a fifth of the time."""
    rng = np.random.default_rng(1)
    texts = [
        f"{datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(s))}{zone}"
        for s in rng.integers(-(2**34), 2**34, 500)
    ]
    known, _ = days_of(pa.array(texts, pa.string()), "")
    found, wrong = days_of(pa.array([*texts, "never"], pa.string()), "")
    np.testing.assert_allclose(found[:-1], known, rtol=0, atol=1e-9)
    assert wrong.tolist() == [False] * 500 + [True]


@pytest.mark.parametrize("pattern", DATES)
def test_every_pattern_reads_what_it_writes(pattern):
    moment = datetime.datetime(2025, 11, 9, 0 if "%H" not in pattern else 7)
    found, wrong = days_of(pa.array([moment.strftime(pattern)], pa.string()), pattern)
    first = moment.replace(day=1) if "%d" not in pattern else moment
    expected = 7 / 24 if "%H" in pattern else day(first.year, first.month, first.day)
    assert (found[0], wrong[0]) == (pytest.approx(expected), False)


@pytest.mark.parametrize(
    ("pattern", "told"), [("%q", "%q is no part"), ("%d", "neither a year nor"), ("%Y %Y", "twice")]
)
def test_what_is_no_pattern_is_told(pattern, told):
    with pytest.raises(ValueError, match=told):
        expression_of(pattern)


# --- columns of all kinds in blocks ---

SCHEMA = Schema(("y", "n", "c", "d", "m"), 0, None, (), (PLAIN, PLAIN, CATEGORY, WHEN, EURO), separator=";")
GOOD = 'a;1;red;31.12.2025;1.234,50 €\nb;2;"blue;x";01.01.1970;-5 %\na;NA; red ;;\n'.encode()
CELLS = [["a", "b", "?"], ["1", "2.5", "NA", "True", "x"], ["red", " red ", '"red"', '"b;c"', "größe", "-", ""],
         ["31.12.2025", "1.1.2024", "", "2025-01-01", "32.1.2025"],
         ["1.234,5", "€ 7", "7", "", "5.5", "seven"]]  # fmt: skip


def test_a_block_has_numbers_codes_days_and_what_the_codes_are_of():
    (block,), bad = BlockParser(SCHEMA).parse(GOOD)
    nan = np.nan
    rows = [[1, 0, day(2025, 12, 31), 1234.5], [2, 1, 0, -5], [nan, 0, nan, nan]]
    np.testing.assert_array_equal(block.features, np.array(rows, np.float32))
    assert (block.levels, block.missing, list(bad)) == ({1: ("red", "blue;x")}, 3, [])
    assert [block.label_names[code] for code in block.label_codes] == ["a", "b", "a"]


def test_rows_of_all_kinds_are_read_alike_in_any_block():
    """A good block goes to Arrow as a whole, one with a bad row through the sieve."""
    rng = np.random.default_rng(3)
    for _ in range(25):
        damage = rng.choice([1, 2])  # the last cells of a column's list are bad
        rows = [[str(rng.choice(cells[:-damage])) for cells in CELLS] for _ in range(rng.integers(1, 30))]
        lines = [";".join(row).encode() for row in rows]
        together = read(BlockParser(SCHEMA), b"\n".join(lines) + b"\n")
        parser = BlockParser(SCHEMA)
        alone = [read(parser, line + b"\n") for line in lines]
        assert together[0] == [row for rows, _ in alone for row in rows]
        assert together[1] == [(i, why) for i, (_, bad) in enumerate(alone) for _, why in bad]


def read(parser: BlockParser, text: bytes) -> tuple[list, list]:
    """Rows as texts, categories by name, and the bad rows."""
    blocks, bad = parser.parse(text)
    rows = []
    for block in blocks:
        for features, code in zip(block.features, block.label_codes, strict=True):
            name = "missing" if np.isnan(features[1]) else block.levels[1][int(features[1])]
            rows.append(str([block.label_names[code], name, *features[[0, 2, 3]].tolist()]))
    return rows, [(row.line, row.reason) for row in bad]


def test_why_a_row_is_none_says_how_its_column_is_written():
    _, bad = BlockParser(SCHEMA).parse(b"a;1;red;2025-01-01;5\na;x;red;1.1.2025;5\na;1;red;1.1.2025;5.5\n")
    assert [row.reason for row in bad] == [
        "column 'd': '2025-01-01' is not a date, as %d.%m.%Y",
        "column 'n': 'x' is not a number",
        "column 'm': '5.5' is not a number, as 1.234,5",
    ]


@pytest.mark.parametrize("separator", ["\t", "|", "\x01", " "])
def test_any_mark_may_stand_between_cells(separator):
    schema = Schema(("y", "n", "c"), 0, None, (), (PLAIN, PLAIN, CATEGORY), separator=separator)
    rows = [b"a", b"1.5", b'"x, y"'], [b"b", b"2", b"z"], [b"b", b"two", b"z"]
    between = b" \t  " if separator == " " else separator.encode()
    text = b"\n".join(between.join(row) for row in rows) + b"\n"
    (block,), bad = BlockParser(schema).parse(b"  " * (separator == " ") + text)
    assert (block.features.tolist(), block.levels[1][:2], len(bad)) == ([[1.5, 0], [2, 1]], ("x, y", "z"), 1)


def test_reading_columns_of_all_kinds_loads_no_pandas():
    """It would take a task longer than its work."""
    program = (
        "import sys, json; from mrdl.data.text.csv import BlockParser; from mrdl.data.text.schema import Schema;"
        "schema = Schema.from_meta(json.loads(sys.argv[1]));"
        "BlockParser(schema).parse(sys.argv[2].encode()); print('pandas' in sys.modules)"
    )
    text = GOOD.decode() + "a;x;red;1.1.2025;5\n"
    words = [sys.executable, "-c", program, json.dumps(SCHEMA.to_meta()), text]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "False\n"
