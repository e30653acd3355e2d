"""The columns of a CSV from its first two lines: header, label, and what is refused with the way out."""

import zlib

import pytest

from mrdl.data.text.schema import BOM, MISSING, Schema, cells_of, header_crc, is_number, normalise
from mrdl.data.text.sniffing import sniff
from mrdl.errors import ConfigError, DataError


def look(head: bytes, label: str = "0", header: str = "auto") -> Schema:
    return sniff(head, label, header, "x.csv")


@pytest.mark.parametrize(
    ("head", "label"),
    [
        pytest.param(b"digit,p0,p1\n5,0,1\n", "0", id="all names"),
        pytest.param(b"species,length\nsetosa,1.5\n", "0", id="names over text labels"),
        pytest.param(b"length,species\n1.5,setosa\n", "-1", id="label last"),
        pytest.param(b"label,1,2\n3,4,5\n", "0", id="numeric names of all values"),
        pytest.param(b"1,2,label\n4,5,3\n", "2", id="numeric names, label last"),
        pytest.param(b"2019,2020,2021\n4,5,6\n", "2020", id="a numeric name is the label given"),
        pytest.param(b"a,b\n1,2\n", "b", id="label by name"),
        pytest.param(b"a,b\n1,2\n", "none", id="no label"),
        pytest.param(b'"a, in m","b"\n1,2\n', "0", id="quoted commas"),
        pytest.param(BOM + b"a,b\n1,2\n", "a", id="byte order mark"),
        pytest.param(b"a,b\r\n1,2\r\n", "b", id="CRLF"),
        pytest.param(b"a,b\r1,2\r", "b", id="CR"),
        pytest.param(b"\n \r\n\na,b\n1,2\n", "b", id="blank lines first"),
        pytest.param("größe,länge\n1,2\n".encode(), "länge", id="umlauts"),
    ],
)
def test_header_is_found(head, label):
    assert look(head, label).header_crc is not None


@pytest.mark.parametrize(
    ("head", "label"),
    [
        pytest.param(b"5,0,1\n4,2,3\n", "0", id="numbers alone"),
        pytest.param(b"setosa,1.5\nvirginica,2.5\n", "0", id="text labels"),
        pytest.param(b"1.5,setosa\n2.5,virginica\n", "-1", id="text labels last"),
        pytest.param(b"setosa,,NA,?\nvirginica,1,2,3\n", "0", id="missing cells in the first row"),
        pytest.param(b'"setosa, wild",1\n"b",2\n', "0", id="quoted commas"),
        pytest.param(b"1,2,3\n4,5,6\n", "0", id="numeric names cannot be told from values"),
        pytest.param(b"1e-3,-2,inf\n4,5,6\n", "none", id="every form of number"),
        pytest.param(b"setosa,1.5", "0", id="one line only"),
        pytest.param(BOM + b"1,2\r\n3,4\r\n", "0", id="byte order mark and CRLF"),
    ],
)
def test_header_is_not_found_where_there_is_none(head, label):
    assert look(head, label).header_crc is None


def test_columns_bear_the_names_of_the_header_without_spaces_around():
    assert look(b'digit, p 0 ,"p,1"\n5,0,1\n') == Schema(("digit", "p 0", "p,1"), 0, zlib.crc32(b'digit, p 0 ,"p,1"'))


def test_columns_without_a_header_are_numbered():
    assert look(b"5,0,1\n4,2,3\n") == Schema(("c0", "c1", "c2"), 0, None)


@pytest.mark.parametrize(
    ("head", "header", "columns"),
    [
        (b"1,2\n3,4\n", "yes", ("1", "2")),
        (b"a,b\n3,4\n", "no", ("c0", "c1")),
    ],
)
def test_the_setting_header_overrides_what_the_lines_look_like(head, header, columns):
    assert look(head, "0", header).columns == columns


@pytest.mark.parametrize(
    ("label", "index"),
    [("a", 0), ("c", 2), ("0", 0), ("1", 1), ("-1", 2), ("-3", 0), ("none", None)],
)
def test_label_by_name_by_index_from_either_end_or_none(label, index):
    assert look(b"a,b,c\n1,2,3\n", label).label == index


def test_label_name_goes_before_an_index_of_the_same_digits():
    assert look(b"1,0\n3,4\n", "0", header="yes").label == 1


def test_a_column_named_none_can_be_the_label():
    assert look(b"a,none\n1,2\n", "none").label == 1


def test_features_are_all_columns_but_the_label():
    schema = look(b"a,b,c\n1,2,3\n", "b")
    assert (schema.features, schema.label_name) == (("a", "c"), "b")


def test_without_a_label_all_columns_are_features():
    schema = look(b"a,b\n1,2\n", "none")
    assert (schema.features, schema.label_name) == (("a", "b"), "")


@pytest.mark.parametrize(
    ("head", "label", "header", "error", "words"),
    [
        pytest.param(b"a,b\n1,2\n", "z", "auto", ConfigError, "no column 'z': its columns are a, b", id="unknown name"),
        pytest.param(b"1,2,3\n4,5,6\n", "z", "auto", ConfigError, "no header; give the index, 0 to 2", id="no names"),
        pytest.param(b"a,b\n1,2\n", "a", "no", ConfigError, "no header; give the index, 0 to 1", id="names denied"),
        pytest.param(b"a,b\n1,2\n", "2", "auto", ConfigError, "no column number 2: it has 2 columns", id="above"),
        pytest.param(b"a,b\n1,2\n", "-3", "auto", ConfigError, "no column number -3", id="below"),
        pytest.param(b"a,b\n1,2\n", "--1", "auto", ConfigError, "no column '--1'", id="two signs"),
        pytest.param(b"a,b\n1,2\n", "²", "auto", ConfigError, "no column '²'", id="a digit that is no int"),
        pytest.param(b"", "0", "auto", DataError, "x.csv is empty", id="empty"),
        pytest.param(BOM + b"\r\n \n", "0", "auto", DataError, "x.csv is empty", id="blank"),
        pytest.param(b"a,b\n\n", "0", "auto", DataError, "a header but no rows", id="header only"),
        pytest.param(b"a\n1\n", "0", "auto", DataError, "one column ('a'), expected a label", id="one column"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), "0", "auto", DataError, "iconv -f utf-16", id="UTF-16 with mark"),
        pytest.param("a,b\n1,2\n".encode("utf-16-le"), "0", "auto", DataError, "iconv -f utf-16", id="UTF-16 without"),
        pytest.param("größe,b\n1,2\n".encode("latin1"), "0", "auto", DataError, "byte 0xf6", id="latin1"),
        pytest.param(b"x" * 200_000, "0", "auto", DataError, "x.csv", id="one endless cell"),
    ],
)
def test_refused_with_what_was_expected(head, label, header, error, words):
    with pytest.raises(error) as raised:
        look(head, label, header)
    assert words in str(raised.value)


def test_an_unknown_name_shows_twenty_columns_and_how_many_there_are():
    names = [f"p{i}" for i in range(784)]
    with pytest.raises(ConfigError, match=r"p18, p19, \.\.\. \(784 in all\)$"):
        look(f"{','.join(names)}\n{','.join('1' * 784)}\n".encode(), "z")


def test_one_column_is_enough_without_a_label():
    assert look(b"a\n1\n", "none") == Schema(("a",), None, zlib.crc32(b"a"))


@pytest.mark.parametrize("line", [b"a,b", BOM + b"a,b", b"a,b\r", BOM + b"a,b\r\n", b"a,b\n", b"a,b "])
def test_a_header_is_known_whatever_its_line_end_and_byte_order_mark(line):
    assert header_crc(line) == zlib.crc32(b"a,b")


@pytest.mark.parametrize("head", [b"a,b\n1,2\n", BOM + b"a,b\r\n1,2\r\n", b"\na,b\r1,2\r"])
def test_a_schema_is_the_same_for_every_line_end_and_byte_order_mark(head):
    assert look(head) == Schema(("a", "b"), 0, zlib.crc32(b"a,b"))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"a\nb\n", b"a\nb\n"),
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"a\rb\r", b"a\nb\n"),
        (b"a\r\rb\r\n\nc", b"a\n\nb\n\nc"),
        (b"", b""),
    ],
)
def test_line_ends_become_lf(text, lines):
    assert normalise(text) == lines


@pytest.mark.parametrize(
    ("line", "cells"),
    [('a,"b,c",', ["a", "b,c", ""]), ('"say ""hi""",1', ['say "hi"', "1"]), ("", [])],
)
def test_cells_of_a_line(line, cells):
    assert cells_of(line) == cells


@pytest.mark.parametrize("cell", [*MISSING, "0", "-1.5e3", " 7 ", ".5", " NA "])
def test_a_number_or_a_missing_value_is_no_name(cell):
    assert is_number(cell)


@pytest.mark.parametrize("cell", ["a", "1a", "12:30", "1 2", "n.a.", "0x"])
def test_text_is_no_number(cell):
    assert not is_number(cell)


# --- what stands between cells ---

CELLS = [["digit", "a b", "c"], ["5", "1.5", "x"], ["4", "2", "y"], ["4", "", "x"]]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "\x01"])
@pytest.mark.parametrize("cells", [CELLS, CELLS[1:]], ids=["header", "rows alone"])
def test_what_stands_between_cells_is_found(mark, cells):
    schema = look("\n".join([*map(mark.join, cells), ""]).encode())
    assert (schema.separator, len(schema.columns), schema.header_crc is None) == (mark, 3, cells[0][0] == "5")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a;b\n1,5;2,25\n3,5;4,0\n", ";"),
        ("1,5;2,5;3\n4,5;5,5;6\n", ";"),
        ("1.234,5 \u20ac;2\n9,5 \u20ac;3\n", ";"),
        ("answer,a,b\nyes;no,1,2\nno;yes,3,4\n", ","),
        ("1,2,48.1;11.5\n3,4,48.2;11.6\n", ","),
        ("name\tage\nDoe, Jane\t5\nRoe, John\t6\n", "\t"),
        ("Doe, Jane\t5\nRoe, John\t6\n", "\t"),
        ('y;text\n1;"a;b, c"\n0;"d, e"\n', ";"),
        ("a   b  c\n  1   2  3\n", " "),
        ("a b\n1 2\n", " "),
        ("one word\nanother one\n", ","),
    ],
)
def test_commas_within_cells_and_other_marks_within_text_do_not_mislead(text, mark):
    assert sniff(text.encode(), "none", "no", "x.csv").separator == mark


@pytest.mark.parametrize(("said", "mark"), [("tab", "\t"), ("blank", " "), ("#", "#"), (";", ";")])
def test_what_stands_between_cells_can_be_said(said, mark):
    text = f"y{mark}a\n1{mark}2\n0{mark}3\n".encode()
    schema = sniff(text, "y", "auto", "x.csv", separator=said)
    assert (schema.separator, schema.columns) == (mark, ("y", "a"))


@pytest.mark.parametrize("said", ["::", "x", '"', "comma", "\n", "\u00a7"])
def test_what_cannot_stand_between_cells_is_told(said):
    with pytest.raises(ConfigError, match="separator is .*, expected one mark"):
        sniff(b"y,a\n1,2\n", "y", "auto", "x.csv", separator=said)


# --- a first line of text over text ---


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (["39, State-gov, 77516", "50, Private, 83311", "38, State-gov, 21564", "53, Private, 23472"], False),
        (["p,x,n", "e,x,y", "p,b,n", "e,b,w", "e,x,n"], False),
        (["class,cap,color", "e,x,y", "p,b,n", "e,b,w"], True),
        (["31.12.2024;1,5", "30.11.2024;2,5", "1.1.2025;2,75"], False),
        (["when,price", "31.12.2024,$5", "1.1.2025,$7"], True),
        (["sex,male", "female,0", "male,1", "sex,male", "female,0"], True),
    ],
)
def test_a_first_line_that_comes_again_below_is_a_row(rows, named):
    schema = sniff("\n".join(rows).encode(), "0", "auto", "x.csv")
    assert (schema.header_crc is not None) == named
