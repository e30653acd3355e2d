"""From CSV text to arrays: whole lines of bytes cut anywhere, values as pandas has them, bad rows one by one."""

import io
import os
import signal

import numpy as np
import pandas as pd
import pytest

from mrdl.data.text.arrays import read_csv
from mrdl.data.text.csv import BlockParser, read_table, whole_lines
from mrdl.data.text.schema import BOM, MISSING, Schema, header_crc
from mrdl.errors import DataError

LABELLED = Schema(("kind", "x", "y"), 0, header_crc(b"kind,x,y"))
HEADER = header_crc(b"a,b")


def parse(text: bytes, schema: Schema = LABELLED):
    """features, labels, bad rows as (line, reason), and the number of missing cells."""
    blocks, bad = BlockParser(schema).parse(text)
    width = len(schema.features)
    features = np.concatenate([np.zeros((0, width), np.uint8), *(block.features for block in blocks)])
    labels = [block.label_names[code] for block in blocks for code in block.label_codes]
    return features, labels, [(row.line, row.reason) for row in bad], sum(block.missing for block in blocks)


def listed(features: np.ndarray) -> list[list[float | None]]:
    """Rows as lists that can be compared: None for a missing cell."""
    return [[None if np.isnan(cell) else cell for cell in row] for row in features.tolist()]


# --- whole lines ---


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(b"1,2\n3,4\n", b"1,2\n3,4\n", id="LF"),
        pytest.param(b"1,2\r\n3,4\r\n", b"1,2\n3,4\n", id="CRLF"),
        pytest.param(b"1,2\r3,4\r", b"1,2\n3,4\n", id="CR"),
        pytest.param(b"1,2\r\n\r\n3,4\r\n", b"1,2\n\n3,4\n", id="CRLF with a blank line"),
        pytest.param(b"1,2\r\r3,4\n\n5,6", b"1,2\n\n3,4\n\n5,6", id="mixed ends"),
        pytest.param(b"1,2\n3,4", b"1,2\n3,4", id="no end of the last line"),
        pytest.param(b"1,2\r\n3,4", b"1,2\n3,4", id="CRLF, no end of the last line"),
        pytest.param(BOM + b"1,2\n3,4\n", b"1,2\n3,4\n", id="byte order mark"),
        pytest.param(b"a,b\n1,2\n", b"\n1,2\n", id="header"),
        pytest.param(b"a,b\r\n1,2\r\n", b"\n1,2\n", id="header, CRLF"),
        pytest.param(b"a,b\r1,2", b"\n1,2", id="header, CR"),
        pytest.param(BOM + b"a,b\r\n1,2\r\n", b"\n1,2\n", id="header, byte order mark"),
        pytest.param(b"a,b", b"", id="header alone"),
        pytest.param(b"b,a\n1,2\n", b"b,a\n1,2\n", id="another line is no header"),
        pytest.param(b"1,2\na,b\n3,4\n", b"1,2\na,b\n3,4\n", id="only the first line is blanked"),
        pytest.param(b"", b"", id="nothing"),
    ],
)
def test_lines_are_the_same_wherever_the_text_is_cut(text, lines):
    for cut in range(len(text) + 1):
        blocks = list(whole_lines([text[:cut], text[cut:]], HEADER))
        assert (b"".join(blocks), all(block.endswith(b"\n") for block in blocks[:-1])) == (lines, True)
    assert b"".join(whole_lines([text[i : i + 1] for i in range(len(text))], HEADER)) == lines


def test_a_header_after_blank_lines_is_blanked_wherever_the_text_is_cut():
    text = b"\r\n\na,b\n1,2\n"
    for cut in range(len(text) + 1):
        assert b"".join(whole_lines([text[:cut], text[cut:]], HEADER)) == b"\n\n\n1,2\n"


def test_no_line_is_blanked_where_there_is_no_header():
    assert list(whole_lines([b"\n1,2\n"], None)) == [b"\n1,2\n"]


# --- values ---


def table(kind: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    if kind == "bytes":
        return rng.integers(0, 256, (500, 7))
    if kind == "integers":
        return rng.integers(-(10**6), 10**6, (500, 7))
    return rng.normal(size=(500, 7)) * 10.0 ** rng.integers(-8, 8, (500, 7))


@pytest.mark.parametrize("label", [0, 3, 7])
@pytest.mark.parametrize("kind", ["bytes", "integers", "floats"])
def test_values_and_labels_are_those_of_pandas(kind, label):
    frame = pd.DataFrame(table(kind))
    frame.insert(label, "label", np.random.default_rng(4).choice(["a", "b c", "d,e", 'f"g', "7"], 500))
    text = frame.to_csv(index=False, header=False)
    features, labels, bad, missing = parse(text.encode(), Schema(tuple(map(str, frame.columns)), label, None))
    known = pd.read_csv(io.StringIO(text), header=None, dtype={label: str})
    assert labels == known.pop(label).tolist()
    np.testing.assert_array_equal(features, known.to_numpy(np.float32))
    assert (bad, missing) == ([], 0)


@pytest.mark.parametrize(
    ("cell", "dtype"),
    [
        ("0", np.uint8),
        ("255", np.uint8),
        ("256", np.float32),
        ("-1", np.float32),
        ("1.0", np.float32),
        ("", np.float32),
    ],
)
def test_whole_numbers_from_0_to_255_are_bytes_and_others_float32(cell, dtype):
    assert parse(f"a,{cell},255\n".encode())[0].dtype == dtype


@pytest.mark.parametrize("before", [b"a,1,2\n", b"a,1.5,2\n"])
@pytest.mark.parametrize("cell", ["16", "007", " 7 ", "+7", "1e2", "1.5", '"5"', "0x10", "1_000", "TRUE", ""])
def test_a_row_is_read_alike_whatever_block_came_before(cell, before):
    """Where blocks are cut must not decide whether a row is one."""
    row = f"b,{cell},3\n".encode()
    parser = BlockParser(LABELLED)
    parser.parse(before)
    blocks, bad = parser.parse(row)
    alone = parse(row)
    assert ([listed(b.features) for b in blocks] or [[]])[0] == listed(alone[0])
    assert [r.line for r in bad] == [line for line, _ in alone[2]]


@pytest.mark.parametrize(
    "cell",
    ["0", "255", "007", "256", "999", "0000", "1000", "", "-1", "+7", " 7 ", "1.5", '"5"', "4,4", "4\n4", "x", "/"],
)
def test_rows_of_small_numbers_are_read_as_among_others(cell):
    """Whole numbers of one to three digits, labels included, have a reader of their own."""
    rows = f"\n7,{cell},3\n07,1,{cell}\n{cell},1,2\n7,19,255\n".encode()
    features, labels, *told = parse(rows)
    among = parse(rows + b"a,1,2\n")
    assert (listed(features), [*labels, "a"], *told) == (listed(among[0][:-1]), *among[1:])


@pytest.mark.parametrize(("label", "dropped"), [(0, ()), (2, ()), (4, ()), (1, (3,)), (None, ()), (None, (0, 2))])
def test_small_numbers_of_many_lines_are_those_of_numpy(label, dropped):
    known = np.random.default_rng(1).integers(0, 256, (40_000, 5))
    text = "".join(f"{a},{b},{c},{d},{e}\n" for a, b, c, d, e in known.tolist()).encode()
    features, labels, bad, missing = parse(text, schema := Schema(tuple("abcde"), label, None, dropped))
    np.testing.assert_array_equal(features, known[:, schema.places])
    assert labels == ([""] * len(known) if label is None else list(map(str, known[:, label])))
    assert (features.dtype, bad, missing) == (np.uint8, [], 0)


@pytest.mark.parametrize("other", ["2", "0.5"])
@pytest.mark.parametrize("cell", MISSING)
def test_a_missing_cell_is_nan_and_is_counted(cell, other):
    features, labels, bad, missing = parse(f"a,{cell},{other}\nb,1,{cell}\n".encode())
    assert (listed(features), labels, bad, missing) == ([[None, float(other)], [1, None]], ["a", "b"], [], 2)


@pytest.mark.parametrize("cell", [" ", " NA", "? "])
def test_a_missing_cell_may_have_spaces_around(cell):
    features, _, bad, missing = parse(f"a,1,{cell}\n".encode())
    assert (listed(features), bad, missing) == ([[1, None]], [], 1)


def test_minus_0_is_0_to_the_bit():
    assert parse(b"a,-0,-0.0\n")[0].tobytes() == bytes(8)


def test_values_too_small_for_float32_become_0():
    assert parse(b"a,1e-50,-1e-400\n")[0].tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("cat", "cat"),
        ("  cat ", "cat"),
        ('"cat"', "cat"),
        ('"cat, big"', "cat, big"),
        ('"a ""q"" b"', 'a "q" b'),
        ("nano", "nano"),
        ("1.0", "1.0"),
        ("größe", "größe"),
    ],
)
def test_a_label_is_its_text_without_quotes_and_spaces_around(cell, label):
    assert parse(f"{cell},1,2\n".encode())[1] == [label]


def test_rows_without_a_label_column():
    features, labels, bad, missing = parse(b"1,2\n3,\n", Schema(("x", "y"), None, None))
    assert (listed(features), labels, bad, missing) == ([[1, 2], [3, None]], ["", ""], [], 1)


# --- bad rows ---

GOOD = [f"{'abc'[i % 3]},{i},{2 * i}" for i in range(21)]
BAD = [
    pytest.param(b"a,1", "2 columns, expected 3", id="short"),
    pytest.param(b"a,1,2,3", "4 columns, expected 3", id="long"),
    pytest.param(b"a", "1 columns, expected 3", id="one cell"),
    pytest.param(b"a,1,2,", "4 columns, expected 3", id="comma at the end"),
    pytest.param(b"a,b,2", "column 'x': 'b' is not a number", id="text"),
    pytest.param(b"a,1,12:30", "column 'y': '12:30' is not a number", id="time"),
    pytest.param(b'a,1,"1,5"', "column 'y': '1,5' is not a number", id="decimal comma"),
    pytest.param(b"a,inf,2", "column 'x': 'inf' is not a finite number", id="inf"),
    pytest.param(b"a,1,-Infinity", "column 'y': '-Infinity' is not a finite number", id="minus infinity"),
    pytest.param(
        b"a,1,1e999", "column 'y': '1e999' is not a finite number of 32 bits, at most 3.4e+38", id="beyond float64"
    ),
    pytest.param(
        b"a,1,1e39", "column 'y': '1e39' is not a finite number of 32 bits, at most 3.4e+38", id="beyond float32"
    ),
    pytest.param(b",1,2", "column 'kind': the label is missing", id="no label"),
    pytest.param(b'" ",1,2', "column 'kind': the label is missing", id="blank label"),
    pytest.param(b"\xff,1,2", "byte 0xff is not UTF-8", id="not UTF-8"),
    pytest.param(b"a,1,\xb5", "byte 0xb5 is not UTF-8", id="not UTF-8 in a value"),
]


@pytest.mark.parametrize("at", [0, 7, 20])
@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_row_is_told_by_line_and_reason_and_the_others_stay(line, reason, at):
    rows = [row.encode() for row in GOOD]
    features, labels, bad, _ = parse(b"\n".join([*rows[:at], line, *rows[at:]]) + b"\n")
    assert bad == [(at, reason)]
    assert features.tolist() == [[i, 2 * i] for i in range(21)]
    assert labels == [row[0] for row in GOOD]


def test_many_bad_rows_are_told_in_the_order_of_lines():
    places = [0, 1, 17, 500, 501, 998, 999]
    text = "\n".join(f"a,{'oops' if i in places else i},1" for i in range(1000))
    features, _, bad, _ = parse(text.encode())
    assert [line for line, _ in bad] == places
    assert features[:, 0].tolist() == [i for i in range(1000) if i not in places]


def test_all_rows_may_be_bad():
    features, labels, bad, _ = parse(b"a,b,c\n" * 5)
    assert (len(features), labels, [line for line, _ in bad]) == (0, [], [0, 1, 2, 3, 4])


def test_blank_lines_are_no_rows_but_count_as_lines():
    features, _, bad, _ = parse(b"\na,1,2\n\n   \nb,x,4\n\nc,5,6\n\n")
    assert (features.tolist(), [line for line, _ in bad]) == ([[1, 2], [5, 6]], [4])


@pytest.mark.parametrize("text", [b"", b"\n", b" \n\n"])
def test_text_without_rows_gives_no_blocks(text):
    assert BlockParser(LABELLED).parse(text) == ([], [])


def test_a_header_between_joined_files_is_left_out_silently():
    features, _, bad, _ = parse(b"a,1,2\nkind,x,y\nb,3,4\n" + BOM + b"kind,x,y\nc,5,6\n")
    assert (features.tolist(), bad) == ([[1, 2], [3, 4], [5, 6]], [])


def test_a_long_bad_line_is_shown_by_its_beginning():
    assert len(BlockParser(LABELLED).parse(b"a," + b"x" * 5000)[1][0].text) == 120


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'"a\nb",1,2\n', id="quotes over two lines"),
        pytest.param(b'"a,1,2\nb,3,4\nc",5,6\n', id="quotes over whole rows"),
        pytest.param(b'b,3,4\n"a,1,2\nc,5,6\n', id="quotes not closed"),
    ],
)
def test_quotes_do_not_join_lines(text):
    """MapReduce may cut between any two lines: a line is read as if it stood alone."""
    features, labels, bad, _ = parse(text)
    alone = [parse(line) for line in text.splitlines()]
    assert features.tolist() == [row for one in alone for row in one[0].tolist()]
    assert labels == [label for one in alone for label in one[1]]
    assert [line for line, _ in bad] == [i for i, one in enumerate(alone) if one[2]]


def test_a_quote_left_open_in_the_last_column_takes_in_no_further_line():
    features = parse(b'1,2,"a\n3,4,b\n5,6,c\n', Schema(("x", "y", "kind"), 2, None))[0]
    assert features.tolist()[-2:] == [[3, 4], [5, 6]]


# --- whole tables ---


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_a_table_is_that_of_pandas_however_the_file_is_cut(digits, size):
    text = digits.read_bytes()
    known = pd.read_csv(digits)
    schema = Schema(tuple(known.columns), 0, header_crc(text.splitlines()[0]))
    text = text if size > 7 else b"".join(text.splitlines(keepends=True)[:40])
    features, labels = read_table([text[i : i + size] for i in range(0, len(text), size)], schema, "x.csv")
    assert labels == known["digit"].astype(str).tolist()[: len(labels)]
    np.testing.assert_array_equal(features, known.drop(columns="digit").to_numpy()[: text.count(b"\n") - 1])


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_table_refuses_a_bad_row_by_its_line_in_the_file(size):
    text = b"kind,x,y\r\na,1,2\r\n\r\nb,3,oops\r\nc,5,6\r\n"
    with pytest.raises(DataError) as raised:
        read_table([text[i : i + size] for i in range(0, len(text), size)], LABELLED, "x.csv")
    assert str(raised.value) == "x.csv line 4: column 'y': 'oops' is not a number"


def test_a_table_of_a_header_alone_has_no_rows_but_all_columns():
    features, labels = read_table([b"kind,x,y\n"], LABELLED, "x.csv")
    assert (features.shape, labels) == ((0, 2), [])


# --- signals ---


def test_a_signal_does_not_end_the_reading_of_a_csv_but_reaches_python():
    """pyarrow would handle it to end early, and of fifty that come give Python one not back."""
    heard = []

    class Signalled(io.BytesIO):
        def read(self, size=-1):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().read(size)

    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        assert read_csv(Signalled(b"a\n1\n")).to_pydict() == {"a": [1]}
    finally:
        signal.signal(signal.SIGTERM, before)
    assert set(heard) == {signal.SIGTERM}
