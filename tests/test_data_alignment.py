"""Where a model's columns lie in another file: its first line is compared with the names that the model knows."""

import pytest

from mrdl.data.alignment import Columns, layout_of_file, layout_of_names, places_of_names
from mrdl.errors import DataError

TEXT = Columns(("a", "b", "c"), "kind", 1)
NUMBERS = Columns(tuple("0123456789"), "label", 0)
NAMELESS = Columns(("c1", "c2", "c3"), "c0", 0)
UNLABELLED = Columns(("a", "b", "c"), "", None)
TEN = ",".join("0123456789")

KEPT = Columns(("c1", "c3", "c4"), "c2", 1, (0, 5))  # of six columns without names
NAMED_KEPT = Columns(("a", "", "c"), "kind", None, (1,))

FOUND = {  # the model's columns, the first line of a file -> a header?, places of the columns and of the label
    "names": (TEXT, "a,kind,b,c", True, [0, 2, 3], 1),
    "names without the label": (TEXT, "a,b,c", True, [0, 1, 2], None),
    "names in another order, and more": (TEXT, "x,c,kind,b,y z,a", True, [5, 3, 1], 2),
    "quoted names with blanks": (TEXT, '"a", b ,"c "', True, [0, 1, 2], None),
    "a byte order mark": (TEXT, "\ufeffa,b,c", True, [0, 1, 2], None),
    "a row with its label": (TEXT, "1,yes,NA,-3e5", False, [0, 2, 3], 1),
    "a row with a label that is a number": (TEXT, "1,0,2,3", False, [0, 2, 3], 1),
    "a row without its label": (TEXT, "1,2,3", False, [0, 1, 2], None),
    "a row of truth values": (TEXT, "True,2,false", False, [0, 1, 2], None),
    "names that are numbers": (NUMBERS, TEN, True, list(range(10)), None),
    "names that are numbers, and an index": (NUMBERS, "," + TEN, True, list(range(1, 11)), None),
    "names that are numbers, and the label": (NUMBERS, TEN + ",label", True, list(range(10)), 10),
    "names that are numbers, in another order": (NUMBERS, "9,8,7,6,5,4,3,2,1,0", True, list(range(10))[::-1], None),
    "a row of small numbers where names are": (NUMBERS, "5,3,4,1,0,0,7,2,9,9", False, list(range(10)), None),
    "a row where no names are known": (NAMELESS, "7,1,2,3", False, [1, 2, 3], 0),
    "other names where none are known": (NAMELESS, "kind,x,y,z", True, [1, 2, 3], 0),
    "other names, no label, where none are known": (NAMELESS, "x,y,z", True, [0, 1, 2], None),
    "a row as in training, where columns were left out": (KEPT, "x,1,yes,3,4,y z", False, [1, 3, 4], 2),
    "a row of what was kept": (KEPT, "1,yes,3,4", False, [0, 2, 3], 1),
    "a row of values": (KEPT, "1,3,4", False, [0, 1, 2], None),
    "other names, as in training": (KEPT, "u,v,w,x,y,z", True, [1, 3, 4], 2),
    "an empty name": (NAMED_KEPT, ",c,a", True, [2, 0, 1], None),
    "a row as in training, without names": (NAMED_KEPT, "1,text,2,3", False, [0, 2, 3], None),
    "a model without a label": (UNLABELLED, "kind,c,a,b", True, [2, 3, 1], None),
}


@pytest.mark.parametrize("case", FOUND)
def test_columns_are_found(case):
    wanted, line, is_header, places, label = FOUND[case]
    layout = layout_of_file(f"{line}\n1,2\n".encode(), wanted, "data.csv")
    assert (layout.schema.header_crc is not None) == is_header
    assert [layout.schema.places[i] for i in layout.order] == places
    assert layout.schema.label == label and layout.without_label.label is None
    assert layout.without_label.features == layout.schema.features


REFUSED = {
    "other names": (TEXT, "x,y,z", "data.csv lacks 3 of the model's 3 columns: 'a', 'b', 'c'; it has 'x, y, z'"),
    "some names": (TEXT, "a,b,kind,x", "lacks 1 of the model's 3 columns: 'c'"),
    "a name in other letters": (TEXT, "a,B,c", "lacks 1 of the model's 3 columns: 'b'"),
    "a count where the model has names": (TEXT, "0,1,2,3", "lacks 3 .* it is not taken for a row"),
    "a count where no names are known": (NAMELESS, "0,1,2,3", "lacks 3 .* it is not taken for a row"),
    "a number is missing": (NUMBERS, "0,1,2,3,4,5,6,7,8,10", "lacks 1 .*: '9'.* it is not taken for a row"),
    "too wide a row": (TEXT, "1,2,3,4,5", "has 5 columns, expected 3, or 4 with the label 'kind'"),
    "too narrow a row": (UNLABELLED, "1,2", "has 2 columns, expected 3$"),
    "too narrow a row where columns were left out": (
        KEPT,
        "1,2",
        "2 columns, expected 3, or 4 .*, or 6 as in training",
    ),
    "some of its own names where the data said none": (NAMELESS, "c2,c1,x", "lacks 1 .*: 'c3'; it has 'c2, c1, x'"),
    "too many names where none are known": (NAMELESS, "v,w,x,y,z", "has 5 columns, expected 3, or 4"),
    "a name twice": (TEXT, "a,b,c,b", "more than one column of the name 'b'"),
    "the label twice": (TEXT, "a,b,c,kind,kind", "more than one column of the name 'kind'"),
    "Latin-1": (TEXT, b"a,b,\xfc", "not a CSV in UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_words(case):
    wanted, line, said = REFUSED[case]
    with pytest.raises(DataError, match=said):
        layout_of_file((line if isinstance(line, bytes) else line.encode()) + b"\n", wanted, "data.csv")


def test_a_name_that_occurs_twice_does_not_matter_where_it_is_not_wanted():
    assert layout_of_file(b"x,a,b,x,c\n", TEXT, "data.csv").schema.dropped == (0, 3)


@pytest.mark.parametrize(
    ("names", "unnamed", "places", "labels"),
    [
        (["c", "kind", "a", "b"], False, [2, 3, 0], [1]),
        (["0", "1", "2"], True, [0, 1, 2], []),
        (["0", "1", "2", "3"], True, [0, 2, 3], [1]),
    ],
)
def test_columns_of_a_table_in_memory_are_found(names, unnamed, places, labels):
    assert places_of_names(names, TEXT, "the table", unnamed=unnamed) == (places, labels)


@pytest.mark.parametrize(
    ("wanted", "names", "places", "told"),
    [
        (TEXT, ["x", "c", "kind", "a", "b"], [3, 4, 1], ""),
        (NAMELESS, ["c0", "c1", "c2", "c3"], [1, 2, 3], ""),
        (NAMELESS, ["kind", "x", "0", "z"], [1, 2, 3], "by their places: c1 is 'x', c2 is '0', c3 is 'z'"),
        (NAMELESS, ["x", "y", "z"], [0, 1, 2], "by their places: c1 is 'x', c2 is 'y', c3 is 'z'"),
        (KEPT, ["u", "v", "u", "x", "y", "u"], [1, 3, 4], "by their places: c1 is 'v', c3 is 'x', c4 is 'y'"),
    ],
)
def test_columns_of_a_file_that_names_them_are_found(wanted, names, places, told):
    layout = layout_of_names(names, wanted, "data.parquet")
    assert [layout.schema.places[i] for i in layout.order] == places
    assert layout.schema.columns == tuple(names)  # by which its rows are read
    assert layout.told.endswith(told) and bool(layout.told) == bool(told)


@pytest.mark.parametrize(
    ("wanted", "names", "told"),
    [
        (TEXT, ["x", "y", "z"], "data.parquet lacks 3 of the model's 3 columns: 'a', 'b', 'c'; it has 'x, y, z'$"),
        (NAMELESS, ["c2", "c1", "x"], "data.parquet lacks 1 of the model's 3 columns: 'c3'; it has 'c2, c1, x'$"),
        (NAMELESS, ["x", "y"], "data.parquet has 2 columns, expected 3, or 4 with the label 'c0'"),
        (NAMELESS, ["x", "y", "x"], "data.parquet has more than one column of the name 'x'"),
    ],
)
def test_a_file_whose_names_do_not_fit_is_refused_in_words(wanted, names, told):
    with pytest.raises(DataError, match=told):
        layout_of_names(names, wanted, "data.parquet")
