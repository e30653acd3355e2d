"""What is known of rows adds up to the same however they are cut, and is what numpy and pandas say of them."""

import io
import json
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from mrdl.data.hashing import mix, unmix
from mrdl.data.text.arrays import texts_of
from mrdl.data.text.sniffing import sniff
from mrdl.data.types import ColumnType
from mrdl.inspection.cells import read
from mrdl.inspection.columns import Figures
from mrdl.inspection.job import lines_of_text, merge, sum_up, to_part
from mrdl.inspection.reader import Reader
from mrdl.inspection.summary import Summary
from mrdl.metrics.column_sums import ColumnSums


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "y": rng.integers(0, 3, rows),
            "heavy": np.round(np.exp(rng.normal(0, 4, rows)), 6),
            "far": 1.7e9 + np.round(rng.normal(0, 1, rows), 3),
            "town": rng.choice(["Rome", "Oslo, N", 'a "b"', "née"], rows),
            "id": np.arange(rows) + 1000,
            "gap": np.where(rng.random(rows) < 0.3, np.nan, np.round(rng.normal(5, 2, rows), 2)),
            "odd": np.where(rng.random(rows) < 0.01, "x", np.round(rng.random(rows), 2).astype(str)),
        }
    )
    return frame


def summary_of(text: bytes, schema, cuts: list[int]) -> list[Summary]:
    """What separate tasks know of parts of a text. cuts: numbers of lines at which it is cut."""
    lines = text.split(b"\n")[1:-1]
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        out: list[bytes] = []
        part = b"\n".join(lines[start:stop]) + b"\n"
        sum_up(
            lines_of_text(io.BytesIO(part), schema),
            lambda key, value, out=out: out.append(key + b"\t" + value + b"\n"),
            schema,
        )
        found.append(out)
    return found


def merged(parts: list[list[bytes]]) -> Summary:
    lines = sorted((line for part in parts for line in part), key=lambda line: line.split(b"\t")[0])
    out: list[bytes] = []
    merge(lines, lambda key, value: out.append(key + b"\t" + value + b"\n"))
    return Summary.joined([to_part(line) for line in out])


def figures(summary: Summary, schema) -> str:
    of = Figures(summary, schema)
    columns = [of.column(place).to_json() for place in range(len(schema.columns))]
    return json.dumps([columns, summary.rows, summary.bad, summary.prints.tolist(), of.rows_different])


def schema_of(text: bytes):
    return sniff(text[: 1 << 16], "y", "auto", "t.csv")


def test_the_figures_of_a_table_are_those_of_pandas():
    frame = table(5000)
    text = frame.to_csv(index=False).encode()
    schema = schema_of(text)
    of = Figures(merged(summary_of(text, schema, [1700])), schema)
    for name in ("heavy", "far", "gap"):
        column, values = of.column(frame.columns.get_loc(name)), frame[name]
        assert column.missing == values.isna().sum()
        assert (column.minimum, column.maximum) == (values.min(), values.max())
        assert column.mean == pytest.approx(values.mean(), rel=1e-12)
        assert column.deviation == pytest.approx(values.std(), rel=1e-6)
        assert column.quantiles["0.25"] == np.nanquantile(values, 0.25, method="inverted_cdf")
    assert dict(of.column(3).common) == frame["town"].value_counts().to_dict()
    assert [of.column(i).type for i in range(7)] == ["number", "number", "number", "category", "id", "number", "number"]
    assert of.column(6).texts == (frame["odd"] == "x").sum()


@pytest.mark.parametrize("cuts", [[], [1], [700, 701, 4000], list(range(400, 5000, 400))])
def test_the_figures_are_the_same_however_rows_are_cut(cuts):
    text = table(5000).to_csv(index=False).encode()
    schema = schema_of(text)
    parts = summary_of(text, schema, cuts)
    assert figures(merged(parts[::-1]), schema) == figures(merged(summary_of(text, schema, [2500])), schema)


def test_the_order_of_rows_changes_no_figure():
    frame = table(3000)
    schema = schema_of(frame.to_csv(index=False).encode())
    mixed = frame.sample(frac=1, random_state=1)
    both = [merged(summary_of(each.to_csv(index=False).encode(), schema, [999])) for each in (frame, mixed)]
    assert figures(both[0], schema) == figures(both[1], schema)


def test_the_groups_of_a_wide_table_are_joined_to_what_one_has_seen():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 1000, (300, 2500)), columns=[f"c{i}" for i in range(2500)])
    text = frame.to_csv(index=False).encode()
    schema = sniff(text, "none", "yes", "wide.csv")
    parts = summary_of(text, schema, [100])
    assert len(parts[0]) > 1, "more than one record"
    whole = merged(parts)
    column = Figures(whole, schema).column(2400)
    assert column.mean == pytest.approx(frame["c2400"].mean()) and column.distinct == frame["c2400"].nunique()


def test_distinct_values_are_within_the_error_that_is_told():
    rng = np.random.default_rng(3)
    numbers = rng.integers(0, 60_000, 100_000)
    text = ("a,b\n" + "\n".join(f"{i},{n}" for i, n in enumerate(numbers)) + "\n").encode()
    schema = sniff(text, "none", "yes", "t.csv")
    of = Figures(merged(summary_of(text, schema, [30_000])), schema)
    for place, exact in ((0, 100_000), (1, len(np.unique(numbers)))):
        column = of.column(place)
        assert 0 < column.distinct_error < 0.02
        assert abs(column.distinct - exact) < 4 * column.distinct_error * exact
    assert of.column(0).type == "id", "no value came twice among those that are kept"


def test_rows_that_come_again_count_as_often_as_they_are_there():
    text = b"a,b\n" + b"1,x\n" * 700 + b"2,y\n" * 300
    schema = sniff(text, "none", "yes", "t.csv")
    of = Figures(merged(summary_of(text, schema, [650])), schema)
    assert of.rows_different == (2, 0.0)
    assert of.column(0).quantiles == {"0.01": 1, "0.25": 1, "0.5": 1, "0.75": 2, "0.99": 2}


def test_lines_that_are_no_rows_are_counted_with_a_reason():
    text = b"a,b\n1,2\n3\n\xff,1\n4,5,6\n7,8\n"
    schema = sniff(text[:8], "none", "yes", "t.csv")
    known = merged(summary_of(text, schema, [2]))
    assert (known.rows, known.bad) == (2, 3)
    assert known.reasons == ["1 columns, expected 2", "3 columns, expected 2", "byte 0xff is not UTF-8"]


def test_a_cell_is_the_same_whatever_stands_beside_it():
    schema = sniff(b"1,2\n3,4\n", "none", "no", "t.csv")
    alone = [Reader(schema).read(line) for line in (b"1.5,-0\n", b"NA,2\n", b"x,inf\n", b" 1e39 ,0x10\n", b",\n")]
    cells = np.concatenate([piece.cells for piece in alone], axis=1)
    together = Reader(schema).read(b"1.5,-0\nNA,2\nx,inf\n 1e39 ,0x10\n,\n").cells
    assert np.array_equal(cells.view(np.uint64), together.view(np.uint64))
    assert np.array_equal(np.isnan(cells), [[0, 1, 1, 1, 1], [0, 0, 1, 1, 1]])


def test_numbers_and_dates_are_read_as_their_column_says():
    assert read(texts_of(["1.234,5", "7", "x"]), ColumnType("number", "1.234,5"))[:2].tolist() == [1234.5, 7]
    assert read(texts_of(["02.01.1970"]), ColumnType("date", "%d.%m.%Y")).tolist() == [1]
    as_level = read(texts_of(["7", "x", "NA"]), ColumnType("category"))
    assert np.isnan(as_level).all() and len(set(as_level.view(np.uint64).tolist())) == 3


def test_a_hash_is_undone():
    numbers = np.random.default_rng(0).integers(0, 1 << 63, 1000).astype(np.uint64)
    assert np.array_equal(unmix(mix(numbers)), numbers)


def test_sums_of_columns_are_exact_in_any_order():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 4000)) * 10.0 ** rng.integers(-30, 30, (2, 4000))
    values = np.concatenate([values, -values, [[1.0] * 3, [0.1] * 3]], axis=1)
    whole, parts = ColumnSums(2), [ColumnSums(2), ColumnSums(2)]
    whole.add(slice(0, 2), values)
    parts[0].add(slice(0, 2), values[:, ::-2])
    parts[1].add(slice(0, 2), values[:, -2::-2])
    parts[0].merge(parts[1])
    assert [whole.exact(i) for i in (0, 1)] == [parts[0].exact(i) for i in (0, 1)]
    assert [whole.exact(i) for i in (0, 1)] == [3, 3 * Fraction(0.1)]
