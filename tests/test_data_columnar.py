"""Parquet and ORC: the rows of a column file are those of a CSV of it, value by value; what is no table is refused."""

import datetime
import decimal
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import orc, parquet

import mrdl
from mrdl.data.columnar.files import ORC, PARQUET, ColumnFile, Place
from mrdl.data.columnar.pieces import Piece, blocks_of
from mrdl.data.preparation.fitness import Refusal, Unfit
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics
from mrdl.data.text.csv import BlockParser
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY, DATE, NUMBER, ColumnType
from mrdl.errors import ConfigError, DataError
from mrdl.settings.config import TrainConfig

ROWS = 500
QUICK = {"nodes": (64, 32, 10), "shards": 2, "rounds": 2, "epochs": 1, "seed": 5}


def some_missing(rng, column):
    return pa.array([None if gone else value for gone, value in zip(rng.random(ROWS) < 0.1, column, strict=True)])


def every_type():
    """A table with a column of each type that is read, one value in ten missing; the label is text and stands last."""
    rng = np.random.default_rng(3)
    days = [datetime.date(1969, 12, 1) + datetime.timedelta(int(day)) for day in rng.integers(0, 20_000, ROWS)]
    moments = [datetime.datetime.combine(day, datetime.time(7, 30, 1, 250_000)) for day in days]
    zoned = [moment.replace(tzinfo=datetime.UTC) for moment in moments]
    columns = {
        "byte": pa.array(rng.integers(0, 256, ROWS), pa.uint8()),
        "whole": some_missing(rng, rng.integers(-(10**15), 10**15, ROWS).tolist()),
        "large": pa.array([2**53 + 1, 2**64 - 1, 2**24 + 1, 0] * (ROWS // 4), pa.uint64()),
        "float": pa.array(rng.normal(size=ROWS).astype(np.float32)),
        "double": some_missing(rng, (rng.normal(size=ROWS) * 10.0 ** rng.integers(-30, 30, ROWS)).tolist()),
        "tie": pa.array((rng.integers(2**24, 2**25, ROWS) * 2 + 1) / 2.0 ** rng.integers(0, 60, ROWS)),
        "half": pa.array(rng.normal(size=ROWS).astype(np.float16)),
        "money": pa.array([decimal.Decimal(int(cents)) / 100 for cents in rng.integers(-(10**6), 10**6, ROWS)]),
        "flag": some_missing(rng, (rng.random(ROWS) < 0.5).tolist()),
        "town": some_missing(rng, rng.choice(["Bonn", " Köln", "a,b", 'say "x"', "NA", "?"], ROWS).tolist()),
        "level": pa.array(rng.choice(["low", "high"], ROWS).tolist()).dictionary_encode(),
        "day": some_missing(rng, days),
        "moment": pa.array(moments, pa.timestamp("us")),
        "zoned": pa.array(zoned, pa.timestamp("ms", "Europe/Berlin")),
        "none": pa.nulls(ROWS),
        "answer": pa.array(rng.choice(["yes", "no "], ROWS).tolist()),
    }
    return pa.table(columns)


def schema_of(table):
    dates, texts = ("day", "moment", "zoned"), ("town", "level")
    kinds = {**dict.fromkeys(dates, DATE), **dict.fromkeys(texts, CATEGORY)}
    types = tuple(ColumnType(kinds.get(name, NUMBER)) for name in table.column_names)
    return Schema(tuple(table.column_names), len(types) - 1, None, (), types)


def as_csv(table):
    """The lines of a table, in plain Python's spelling."""
    text = io.BytesIO()
    columns = [pa.array(["" if cell is None else spelled(cell) for cell in each.to_pylist()]) for each in table.columns]
    arrow_csv.write_csv(pa.table(columns, table.column_names), text, arrow_csv.WriteOptions(include_header=False))
    return text.getvalue()


def spelled(cell):
    return cell.isoformat(" ") if isinstance(cell, datetime.datetime) else str(cell)


def rows_of(blocks):
    """Each row as its values, categories by name, and its label: what the numbering of a block does not show in."""
    found = []
    for block in blocks:
        columns = []
        for place, column in enumerate(block.features.astype(np.float32).T):
            names = block.levels.get(place)
            columns.append([repr(v) if names is None else "nan" if v != v else names[int(v)] for v in column.tolist()])
        labels = [block.label_names[code].strip() for code in block.label_codes]
        found += zip(*columns, labels, strict=True)
    return found


def read(path, schema, kind=PARQUET):
    place = Place(str(path), path.stat().st_size)
    groups = len(ColumnFile(place, kind).groups)
    return list(blocks_of(Piece(place, kind, 0, groups, 1), schema))


def write(path, table, **options):
    parquet.write_table(table, path, **options)
    return path


@pytest.mark.parametrize("kind", [PARQUET, ORC])
def test_each_type_is_read_as_its_text_would_be(tmp_path, kind):
    table = every_type()
    if kind == ORC:  # which has none of these types
        table = table.drop_columns(["large", "half", "none", "zoned", "level", "byte"])
        orc.write_table(table, tmp_path / "x", stripe_size=1 << 16)
    else:
        write(tmp_path / "x", table, row_group_size=130)
    schema = schema_of(table)
    parsed, bad = BlockParser(schema).parse(as_csv(table))
    found = read(tmp_path / "x", schema, kind)
    assert not bad and not any(each.bad for each in found)
    assert rows_of(each.block for each in found) == rows_of(parsed)


def test_small_whole_numbers_stay_bytes(tmp_path, digits):
    table = arrow_csv.read_csv(digits)
    schema = Schema(tuple(table.column_names), 0, None)
    found = read(write(tmp_path / "x", table), schema)
    assert {each.block.features.dtype for each in found} == {np.dtype(np.uint8)}
    assert (
        np.concatenate([each.block.features for each in found]).tolist()
        == np.loadtxt(digits, np.uint8, delimiter=",", skiprows=1)[:, 1:].tolist()
    )


# --- bad rows ---


def test_rows_that_are_none_are_told_as_those_of_a_csv_are(tmp_path):
    table = pa.table({"a": [1.0, np.inf, 2.0, 1e308], "b": [1, 2, 3, 4], "y": ["u", "v", None, "w"]})
    schema = Schema(("a", "b", "y"), 2, None)
    [found] = read(write(tmp_path / "x", table), schema)
    _, bad = BlockParser(schema).parse(as_csv(table))
    assert [(row.line, row.reason) for row in found.bad] == [(1, bad[0].reason), (2, bad[1].reason), (3, bad[2].reason)]
    assert found.bad.columns == {0: (2, "inf")} and len(found.block.features) == 1


def test_a_bad_row_is_told_by_its_number_in_the_file(tmp_path, new_run):
    values = np.arange(400, dtype=float)
    table = pa.table({"a": np.where(values % 149 == 101, np.inf, values), "b": values % 7, "y": values % 2})
    data = write(tmp_path / "x.parquet", table, row_group_size=60)
    words = {"label": "y", "nodes": (2, 3, 2), "shards": 1, "rounds": 1, "epochs": 1}
    with pytest.raises(DataError, match=r"x\.parquet row 102: column 'a': 'inf' is not a finite number") as raised:
        new_run(data=data, task="classify", **words).train()
    assert "row 251" in str(raised.value) and "3 of 400 rows" in str(raised.value)
    trained = new_run(data=data, task="classify", bad_rows="skip", **words).train()
    assert trained.summary()["rows"] == 397


@pytest.mark.parametrize(
    ("name", "where", "told"),
    [
        ("x.csv", "hdfs://h/tmp/x.csv", "x.csv line 3: why"),
        ("x.parquet", "hdfs://h/tmp/data/00000.parquet", "x.parquet row 3: why"),
        ("x.orc", "hdfs://h/tmp/data/00000.orc stripe 2", "x.orc stripe 2 row 3: why"),
    ],
)
def test_a_row_of_a_file_that_was_copied_to_the_cluster_is_told_by_the_users_name(tmp_path, name, where, told):
    table = pa.table({"a": [1.0, 2.0], "y": ["u", "v"]})
    {"x.csv": arrow_csv.write_csv, "x.orc": orc.write_table}.get(name, parquet.write_table)(table, tmp_path / name)
    source = Source.look_at(str(tmp_path / name), TrainConfig(label="y"))
    statistics = Statistics.empty(1)
    statistics.add_bad(where, 3, "why", "")
    assert told in str(source.refused(statistics, Refusal(Unfit.ROWS, "")))


# --- data sets ---


@pytest.fixture
def train(tmp_path):
    def run(data, folder, **settings):
        return mrdl.train(str(data), show=False, run_dir=str(tmp_path / folder), **{**QUICK, **settings})

    return run


@pytest.mark.parametrize(("runner", "rounds"), [("inline", 2), ("local", 1)])
def test_parts_with_several_groups_train_the_network_of_the_csv(train, tmp_path, digits, runner, rounds, monkeypatch):
    """The second part has its columns in another order, and one that the first has not."""
    monkeypatch.setattr("mrdl.data.columnar.listing.LEAST_BYTES", 60_000)
    table = arrow_csv.read_csv(digits)
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.parquet", table.slice(0, 700), row_group_size=150, compression="zstd")
    other = table.slice(700).select(table.column_names[::-1]).append_column("extra", pa.nulls(len(table) - 700))
    write(tmp_path / "in" / "b.parquet", other, row_group_size=400)
    (tmp_path / "in" / "_SUCCESS").write_bytes(b"")
    found = train(tmp_path / "in", "columns", runner=runner, rounds=rounds)
    assert len(list(found.predict(str(tmp_path / "in")))) == len(table)
    assert found.to_bytes() == train(digits, "text", rounds=rounds).to_bytes()


def test_names_and_types_are_those_of_the_file(tmp_path):
    table = every_type()
    source = Source.look_at(str(write(tmp_path / "x.parquet", table)), TrainConfig(label="answer"))
    assert (source.schema.columns, source.schema.types) == (tuple(table.column_names), schema_of(table).types)
    assert source.rows == ROWS


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pa.array([[1, 2]] * 4), r"'odd': list<.*> *, write its elements as columns of their own"),
        (pa.array([{"x": 1}] * 4), "'odd': struct<x: int64>, write its fields as columns"),
        (pa.array([b"raw"] * 4), r"'odd': binary, write it as text if it is one"),
        (pa.array([datetime.timedelta(1)] * 4), r"'odd': duration\[us\], write it as a number or text"),
    ],
)
def test_a_column_that_is_not_read_is_named_with_the_way_out(tmp_path, column, told):
    data = write(tmp_path / "x.parquet", pa.table({"y": ["u", "v"] * 2, "odd": column, "a": [1.0, 2, 3, 4]}))
    with pytest.raises(DataError, match=told) as raised:
        Source.look_at(str(data), TrainConfig(label="y")).check_columns()
    assert "--drop odd" in str(raised.value)
    source = Source.look_at(str(data), TrainConfig(label="y", drop=("odd",)))
    source.check_columns()
    assert source.schema.features == ("a",) and sum(len(block.features) for block in source.blocks()) == 4


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (pa.table({"y": ["u"], "b": [1]}), r"b\.parquet has no column 'a', which .*a\.parquet has"),
        (pa.table({"y": ["u"], "a": ["x"]}), r"b\.parquet: column 'a' is string, in .*a\.parquet double"),
    ],
)
def test_parts_that_are_not_one_table_are_refused(tmp_path, second, told):
    write(tmp_path / "a.parquet", pa.table({"y": ["u", "v"], "a": [1.0, 2.0]}))
    write(tmp_path / "b.parquet", second)
    with pytest.raises(DataError, match=told):
        Source.look_at(str(tmp_path), TrainConfig(label="y")).check_columns()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (lambda whole: whole[: len(whole) // 2], "cannot be read as Parquet: .*damaged, was not copied whole"),
        (lambda whole: b"PAR1" + b"\0" * 20, "cannot be read as Parquet"),
        (lambda whole: b"", "is empty"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_by_its_name(tmp_path, data, told):
    whole = write(tmp_path / "whole", pa.table({"y": ["u", "v"], "a": [1.0, 2.0]})).read_bytes()
    (tmp_path / "x.parquet").write_bytes(data(whole))
    with pytest.raises(DataError, match=rf"x\.parquet .*{told}"):
        Source.look_at(str(tmp_path / "x.parquet"), TrainConfig(label="y"))


def test_a_page_that_was_changed_is_told_with_its_file(tmp_path, train):
    table = pa.table({"y": [str(i % 2) for i in range(400)], "a": np.arange(400.0)})
    whole = bytearray(write(tmp_path / "x.parquet", table, compression="zstd").read_bytes())
    whole[20:200] = bytes(180)
    (tmp_path / "x.parquet").write_bytes(whole)
    with pytest.raises(DataError, match=r"x\.parquet cannot be read as Parquet"):
        train(tmp_path / "x.parquet", "run", label="y")


def test_parts_without_rows_are_passed_over_and_a_table_without_any_is_refused(tmp_path):
    table = pa.table({"y": ["u", "v"], "a": [1.0, 2.0]})
    write(tmp_path / "a.parquet", table.slice(0, 0))
    with pytest.raises(DataError, match="has 2 columns but no rows"):
        Source.look_at(str(tmp_path), TrainConfig(label="y"))
    write(tmp_path / "b.parquet", table)
    assert sum(len(block.features) for block in Source.look_at(str(tmp_path), TrainConfig(label="y")).blocks()) == 2


def test_an_orc_file_without_rows_is_passed_over_and_its_stripes_have_all_rows_of_the_others(tmp_path):
    table = pa.table({"y": ["u", "v"] * 3750 + ["u"], "a": np.arange(7501.0)})
    orc.write_table(table.slice(0, 0), tmp_path / "a.orc")
    with pytest.raises(DataError, match="has 2 columns but no rows"):
        Source.look_at(str(tmp_path), TrainConfig(label="y"))
    orc.write_table(table, tmp_path / "b.orc", stripe_size=1024, batch_size=1000)
    source = Source.look_at(str(tmp_path), TrainConfig(label="y"))
    groups = source.listing.table.parts[1].groups
    assert len(groups) > 1 and 7501 % len(groups)
    assert source.rows == sum(len(block.features) for block in source.blocks()) == 7501


def test_a_column_file_among_texts_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("y,a\n0,1\n1,2\n")
    write(tmp_path / "b.parquet", pa.table({"y": [0], "a": [1]}))
    with pytest.raises(DataError, match=r"b\.parquet is a column file, .*a\.csv is not: .* as \S*/\*\.parquet'$"):
        Source.look_at(str(tmp_path), TrainConfig(label="y"))
    (tmp_path / "a.csv").rename(tmp_path / "c.csv")
    with pytest.raises(
        DataError, match=r"c\.csv cannot be read as Parquet, which .*b\.parquet is: .* as \S*/\*\.parquet'$"
    ):
        Source.look_at(str(tmp_path), TrainConfig(label="y"))


@pytest.mark.parametrize("stranger", ["a.parquet", "z.parquet"])
def test_of_a_folder_s_files_those_are_named_as_the_table_that_are_most(tmp_path, stranger):
    for name in ("b.csv", "c.csv"):
        (tmp_path / name).write_text("y,x\n0,1\n1,2\n")
    write(tmp_path / stranger, pa.table({"y": [0, 1], "x": [1, 2]}))
    with pytest.raises(DataError, match=r"give mrdl files of one kind, as \S*/\*\.csv'$"):
        Source.look_at(str(tmp_path), TrainConfig(label="y"))


def test_a_job_with_a_parse_of_its_own_is_not_given_column_files(tmp_path, new_run):
    from mrdl.rounds.job import RoundJob

    class Own(RoundJob):
        def parse(self, schema):
            return BlockParser(schema).parse

    data = write(tmp_path / "x.parquet", pa.table({"y": ["u", "v"] * 9, "a": np.arange(18.0)}))
    with pytest.raises(ConfigError, match="reads lines of text, but these are column files"):
        _ = new_run(data=data, label="y", job_class=Own).setup


def test_an_inspection_tells_of_parquet_what_it_tells_of_the_csv(command, tmp_path, digits):
    write(tmp_path / "x.parquet", arrow_csv.read_csv(digits), row_group_size=500)
    told = [
        json.loads(command("inspect", data, "--label", "digit", "--json")[1])
        for data in (tmp_path / "x.parquet", digits)
    ]
    assert [one["rows"] for one in told] == [1797, 1797] and told[0]["columns"] == told[1]["columns"]


def test_texts_that_hardly_come_again_are_left_out_with_a_word_and_brought_back_by_their_name(tmp_path, command):
    rng = np.random.default_rng(0)
    columns = {
        "y": rng.choice(["no", "yes"], ROWS).tolist(),
        "x": rng.normal(size=ROWS),
        "town": rng.choice(["Bonn", "Köln"], ROWS).tolist(),
        "name": [f"Ann {i}" for i in range(ROWS)],
    }
    parquet.write_table(pa.table(columns), tmp_path / "data.parquet")
    words = ["train", tmp_path / "data.parquet", "--label", "y", "--rounds", "1", "--epochs", "1", "--json"]
    status, _, err = command(*words, "--run-dir", tmp_path / "without")
    told = " ".join(err.split())
    assert status == 0 and "left out, as nearly each row has another text: 'name'" in told
    assert "--category name" in told and mrdl.load(tmp_path / "without").preparation.columns == ("x", "town")
    status, _, err = command(*words, "--category", "name", "--run-dir", tmp_path / "with")
    assert status == 0 and mrdl.load(tmp_path / "with").preparation.columns == ("x", "town", "name")
    status, _, err = command(*words, "--category", "x", "--run-dir", tmp_path / "wrong")
    assert status == 2 and "its files say what columns hold" in err
