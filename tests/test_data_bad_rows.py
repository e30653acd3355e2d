"""Rows and bad rows of random tables with random damage, beside a slow reading line by line; and what that costs."""

import csv
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import mrdl
from mrdl.data.source import Source
from mrdl.data.text.bad_rows import FLOAT32_MAX, OPEN
from mrdl.data.text.csv import BlockParser
from mrdl.data.text.numbers import PLAIN_NUMBER
from mrdl.data.text.schema import BOOLEANS, MARKS, MISSING, Schema, header_crc
from mrdl.errors import DataError
from mrdl.settings.config import TrainConfig

NAMES = ("kind", "x", "note", "y", "z")
HEADER = b"kind,x,note,y,z"
CELLS = [
    "7", " 7 ", "007", "+7", "-0", "0x10", "1_000", "1.5", ".5", "5.", ".", "1e3", "1e39", "1e999", "1e-60", "1e",
    "1d5", "inf", "-Infinity", "nan", "NAN", "NA", " NA", "?", "", " ", "None", "true", "False", "TRUE", "yes", "T",
    "1 2", "ö", "\u00a05", "\u0661", '"5"', '"1,5"', '"NA"', '"True"', '"5"7', 'a"b', 'a",b', '"', '"""', '""',
    '"a""b"', "x",
]  # fmt: skip
LABELS = [
    "a",
    " a ",
    '"a"',
    "b",
    "1.0",
    "NA",
    "nan",
    "?",
    "",
    " ",
    '""',
    "größe",
    '"b, c"',
    '"d""e"',
    "True",
    '"open',
    "a'",
]
LINES = [b"", b"   ", HEADER, b"\xef\xbb\xbf" + HEADER, b"\xff,1,2,3,4", b"a,1,\xc3\x28,3,4", b"a,1,n,3,\xed\xa0\x80",
         b",,,,", b"a", b"a,1,2,3", b"a,1,2,3,4,5", b"a,1,n,3,4,", b'a,1,"n', b'a,1,n,3,"4', b'"a,1,n,3,4"',
         b'a,1,"n,m",3,4', b'a,1,"n,m,3,4', b"a\x00,1,n,3,4"]  # fmt: skip


def table(seed: int) -> list[bytes]:
    """Lines of five columns, a part of which is damaged: none, few or most."""
    rng = np.random.default_rng(seed)
    damage, quotes = rng.choice([0.0, 0.02, 0.3, 0.9]), rng.random() < 0.5
    lines = []
    for _ in range(rng.integers(1, 60)):
        cells = [str(rng.choice(["a", "b"])), "1", "n", str(rng.integers(300)), str(rng.choice(["1.5", "True", "3"]))]
        if rng.random() < damage:
            at = rng.integers(5)
            cells[at] = str(rng.choice(LABELS if at in (0, 2) else CELLS))
        line = ",".join(cells).encode()
        line = LINES[rng.integers(len(LINES))] if rng.random() < damage / 3 else line
        lines.append(line if quotes or b'"' not in line else b"a,1,n,2,3")
    return lines


def leaves_a_quote_open(line: str) -> bool:
    """By walking through a line."""
    place, begins = 0, True
    while place < len(line):
        if begins and line[place] == '"':
            while True:
                place = line.find('"', place + 1)
                if place < 0:
                    return True
                if line[place + 1 : place + 2] != '"':
                    break
                place += 1
            begins = False
        else:
            begins = line[place] == ","
        place += 1
    return False


def value(cell: str) -> float | None | str:
    """The number that a cell is, None where it is missing, or why it is none."""
    bare = cell.strip(" \t")
    if bare in MARKS:
        return None
    if bare in BOOLEANS:
        return float(BOOLEANS[bare])
    if re.fullmatch(r"[+-]?(inf|infinity|nan)", bare, re.IGNORECASE):
        return f"{cell!r} is not a finite number"
    if re.search(r"[^-+.0-9eE]", bare) or not re.match(PLAIN_NUMBER, bare):
        return f"{cell!r} is not a number"
    number = float(bare)
    return number if abs(number) <= FLOAT32_MAX else f"{cell!r} is not a finite number of 32 bits, at most 3.4e+38"


def read(line: bytes, schema: Schema) -> tuple[list[float], str] | str | None:
    """One line by itself: values and label, why it is no row, or None where it is nothing."""
    if not line.strip() or header_crc(line) == schema.header_crc:
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return f"byte 0x{line[error.start]:02x} is not UTF-8"
    if leaves_a_quote_open(text):
        return OPEN
    cells = next(csv.reader([text]))
    if len(cells) != len(schema.columns):
        return f"{len(cells)} columns, expected {len(schema.columns)}"
    values = []
    for i, (name, cell) in enumerate(zip(schema.columns, cells, strict=True)):
        if i == schema.label and cell.strip() in MISSING:
            return f"column {name!r}: the label is missing" + (f" ({cell.strip()!r})" if cell.strip() else "")
        if i in schema.places:
            found = value(cell)
            if isinstance(found, str):
                return f"column {name!r}: {found}"
            values.append(found)
    return values, cells[schema.label].strip()


@pytest.mark.parametrize("dropped", [(2,), (2, 4), (2, 1)])
def test_rows_and_reasons_are_those_of_reading_line_by_line(dropped):
    schema = Schema(NAMES, 0, header_crc(HEADER), dropped)
    for seed in range(150):
        lines = table(seed)
        known = [read(line, schema) for line in lines]
        rows = [each for each in known if isinstance(each, tuple)]
        rng = np.random.default_rng(seed)
        parser, features, labels, bad = BlockParser(schema), [], [], []
        for start in range(0, len(lines), step := int(rng.integers(1, 61))):
            blocks, refused = parser.parse(b"\n".join(lines[start : start + step]) + b"\n" * int(rng.integers(2)))
            features += [block.features for block in blocks]
            labels += [block.label_names[code] for block in blocks for code in block.label_codes]
            bad += [(start + row.line, row.reason) for row in refused]
        assert bad == [(i, each) for i, each in enumerate(known) if isinstance(each, str)], seed
        assert labels == [label for _, label in rows], seed
        width = len(schema.features)
        expected = np.array([values for values, _ in rows], np.float32).reshape(-1, width)
        np.testing.assert_array_equal(np.concatenate([np.zeros((0, width)), *features]), expected, str(seed))


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_read_alike_after_whatever_came_before(cell):
    """What a parser has learnt of a column makes it faster and nothing else."""
    schema, row = Schema(("kind", "x", "y"), 0, None), f"b,{cell},3\n".encode()
    alone = read(row.rstrip(b"\n"), schema)
    for before in (b"", b"a,1,2\n", b"a,1.5,NA\n", b"a,True,False\na,?,nan\n", b"a,x,y\n", b"a, True , NA \n"):
        parser = BlockParser(schema)
        parser.parse(before)
        blocks, bad = parser.parse(row)
        if isinstance(alone, str):
            assert (blocks, [each.reason for each in bad]) == ([], [alone])
        else:
            np.testing.assert_array_equal(blocks[0].features, np.array([alone[0]], np.float32))
            assert not bad


def test_booleans_are_1_and_0_whatever_the_rest_of_the_column_is():
    schema = Schema(("kind", "x", "y"), 0, None)
    parser = BlockParser(schema)
    texts = [b"a,True,1\nb,False,0\n", b"a,1,TRUE\nb,0,FALSE\n", b"a,true,true\n", b"a,2.5,false\n", b"a,300,1\n"]
    found = [parser.parse(text)[0][0].features.tolist() for text in texts]
    assert found == [[[1, 1], [0, 0]], [[1, 1], [0, 0]], [[1, 1]], [[2.5, 0]], [[300, 1]]]


def test_all_bad_columns_are_named_with_how_many_cells_and_the_first():
    schema = Schema(("kind", "x", "y", "z"), 0, None)
    _, bad = BlockParser(schema).parse(b"a,1,p,q\nb,2,3,s\nc,4,u,5\n")
    assert (len(bad), bad.columns) == (3, {2: (2, "p"), 3: (2, "q")})


def test_half_a_million_bad_rows_are_counted_without_reading_each_reason():
    text = b"".join(b"a,%d,%s\n" % (i, b"x" if i % 2 else b"1") for i in range(500_000))
    began = time.process_time()
    blocks, bad = BlockParser(Schema(("kind", "x", "y"), 0, None)).parse(text)
    assert (len(blocks[0].features), len(bad)) == (250_000, 250_000)
    assert [row.line for row in bad[:3]] == [1, 3, 5]
    assert time.process_time() - began < 5


def test_a_quote_that_never_closes_costs_its_own_line_alone():
    lines = [b'%d,%d,"n"' % (i % 2, i) for i in range(500_000)]
    lines[7] = b'1,7,"n'
    began = time.process_time()
    blocks, bad = BlockParser(Schema(("kind", "x", "note"), 0, None, (2,))).parse(b"\n".join(lines))
    assert [(row.line, row.reason) for row in bad] == [(7, OPEN)] and len(blocks[0].features) == 499_999
    assert time.process_time() - began < 5


@pytest.mark.parametrize("cell", [".5", "x"])
def test_few_rows_of_a_hundred_thousand_columns_take_little_memory(cell):
    program = f"""
import resource
from mrdl.data.text.csv import BlockParser
from mrdl.data.text.numbers import PLAIN_NUMBER
from mrdl.data.text.schema import Schema
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
row = ",".join(str(i % 7 + 0.5) for i in range(100_000))
text = "".join(f"{{i % 2}},{{row}},{cell}\\n" for i in range(12)).encode()
schema = Schema(tuple(f"c{{i}}" for i in range(100_002)), 0, None)
blocks, bad = BlockParser(schema).parse(text)
print(len(blocks), len(bad), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert told[:2] == (["1", "0"] if cell == ".5" else ["0", "12"])
    assert int(told[2]) < 300, "MB"


@pytest.mark.parametrize("share", [1, 40])
def test_numbers_that_32_bits_cannot_hold_are_named_as_such_with_the_way_out(tmp_path, share):
    """Not as texts, be they one or nearly all of a column."""
    lines = ["y,a,b"] + [f"{i % 2},{i * 0.7 + 1}{'e+39' if i < share else ''},{i}" for i in range(40)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as raised:
        mrdl.train(tmp_path / "x.csv", label="y", run_dir=tmp_path / "run", shards=1, show=False)
    told = str(raised.value)
    assert "x.csv line 2: column 'a': '1.0e+39' is not a finite number of 32 bits, at most 3.4e+38" in told
    assert (
        "Columns with numbers beyond 3.4e+38, which 32 bits cannot hold:\n  'a', as '1.0e+39'\nWrite them in a" in told
    )
    assert "or leave the columns out with --drop a" in told and "--category" not in told


def test_long_numbers_of_digits_alone_stay_names(tmp_path):
    lines = ["y,id,b"] + [f"{i % 2},{i + 10**45},{i}" for i in range(40)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    source = Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label="y")).typed(TrainConfig(label="y"))
    assert source.schema.features == ("b",) and "another text: 'id'" in " ".join(source.told)
