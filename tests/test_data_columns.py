"""Columns that cannot be trained on are told from the head of the data, all at once, with a way out that works."""

import pandas as pd
import pytest

import mrdl
from mrdl.cli.main import main
from mrdl.data.source import Source
from mrdl.data.text.sniffing import sniff
from mrdl.errors import ConfigError, DataError
from mrdl.settings.config import TrainConfig

PEOPLE = 'income,age,work class,gain,"city, state",flag\n' + "".join(
    f"{'yes' if i % 3 else 'no'},{20 + i % 50},{'Private' if i % 2 else 'State'},{i / 7:.3f},"
    + ('"a, b"' if i % 5 else "c")
    + f",{bool(i % 3)}\n"
    for i in range(400)
)
DROP = 'work class,"city, state"'
QUICK = ["--json", "--rounds", "1", "--epochs", "1", "--warm-rows", "0", "--shards", "1"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(path, *words, nodes: str | None = "3,4,2"):
    """nodes: of the network; None: as the data has it."""
    return main(["train", str(path), *QUICK, *(["--nodes", nodes] if nodes else []), *words])


def test_columns_of_text_are_learnt_as_categories_or_left_out_and_it_is_told(folder, capsys):
    lines = PEOPLE.splitlines()
    with_names = [f"{line},{'name' if not i else f'Mr {i}'}" for i, line in enumerate(lines)]
    (folder / "people.csv").write_text("\n".join(with_names))
    assert train("people.csv", "--label", "income", "--run-dir", "run", nodes=None) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "columns: 3 numbers, 2 categories ('work class', 'city, state')" in told
    assert "left out, as nearly each row has another text: 'name', as 'Mr 1'. --category name learns them" in told
    assert train("people.csv", "--label", "income", "--ignore", "name", "--run-dir", "other", nodes=None) == 0
    weights = [(folder / run / "rounds" / "0001.safetensors").read_bytes() for run in ("run", "other")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_digits_of_which_some_begin_with_0_are_codes_and_it_is_told(folder, capsys, mark):
    zips = ["01234", "1234", "99999"]
    lines = [mark.join(["y", "zip", "age", "id", "hour"])]
    lines += [mark.join([str(i % 3), zips[i % 3], str(i % 80), f"{i:06}", f"0.{i % 7}"]) for i in range(300)]
    (folder / "x.csv").write_text("\n".join(lines))
    assert train("x.csv", "--label", "y", "--run-dir", "codes", nodes=None) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "columns: 3 numbers, 1 category ('zip')" in told
    assert "'id' is read as numbers, though some begin with 0, such as '000000', as nearly each row has an" in told
    assert "'zip' holds codes, as some begin with 0, such as '01234', and is a category: --number zip learns n" in told
    assert mrdl.load("codes").preparation.inputs.categories[0].levels == ("01234", "1234", "99999")
    assert train("x.csv", "--label", "y", "--number", "zip", "--run-dir", "numbers", nodes=None) == 0
    assert not mrdl.load("numbers").preparation.inputs.categories
    assert "holds codes" not in capsys.readouterr().err


def test_a_slip_among_numbers_makes_no_codes_of_them(folder, capsys):
    ages = [18 + i % 70 for i in range(500)]
    rows = [f"{i % 2},{age}" for i, age in enumerate(ages)]
    (folder / "x.csv").write_text("\n".join(["y,age", *rows, "1,07"]))
    assert train("x.csv", "--label", "y", nodes=None) == 0
    assert "codes" not in capsys.readouterr().err


def test_stored_numbers_are_the_levels_of_a_model_whose_columns_had_no_names(folder):
    codes = [f"{i % 12:02}" for i in range(600)]
    rows = [(code, i % 7, "no" if int(code) < 6 else "yes") for i, code in enumerate(codes)]
    (folder / "x.csv").write_text("".join(f"{code},{x},{y}\n" for code, x, y in rows))
    model = mrdl.train("x.csv", label="2", category=("0",), shards=1, show=False, run_dir="run")
    pd.DataFrame({"zip": [int(row[0]) for row in rows], "x": [row[1] for row in rows]}).to_parquet("x.parquet")
    assert list(model.predict("x.parquet")) == list(model.predict("x.csv")) == [row[2] for row in rows]


def test_parts_with_long_lines_are_compared_by_whole_ones(folder):
    names = [f"a column of a very long name that is number {i}" for i in range(30_000)]
    row = ",".join(["0.5"] * 30_000)
    for part in ("a.csv", "b.csv"):
        (folder / part).write_text("\n".join([",".join(["y", *names]), f"yes,{row}", f"no,{row}", ""]))
    (folder / "c.csv").write_text(f"yes,{row}0\n" * 2)
    source = Source.look_at(str(folder), TrainConfig(label="y"))
    source.check_columns()
    assert len(source.schema.features) == 30_000
    (folder / "c.csv").write_text(f"{row}0\n" * 2)
    with pytest.raises(DataError, match="c.csv is no part of the table: none of its first lines has 30001 cells"):
        Source.look_at(str(folder), TrainConfig(label="y")).check_columns()


def test_a_column_of_nothing_but_names_leaves_nothing_to_learn_from(folder, capsys):
    (folder / "x.csv").write_text("y,name\n" + "".join(f"{i % 2},Mr {i}\n" for i in range(100)))
    assert train("x.csv", "--label", "y", nodes=None) == 2
    told = capsys.readouterr().err
    assert "no column is left to learn from" in told and "--category name learns them" in told


def test_a_model_knows_the_columns_alone_that_it_uses(folder):
    (folder / "people.csv").write_text(PEOPLE)
    settings = {"label": "income", "nodes": (3, 4, 2), "rounds": 1, "epochs": 1, "shards": 1, "show": False}
    model = mrdl.train("people.csv", drop=("work class", "4"), run_dir="run", **settings)
    assert model.preparation.columns == ("age", "gain", "flag")
    rows = [line.split(",") for line in PEOPLE.replace('"a, b"', "c").replace('"city, state"', "city").splitlines()]
    (folder / "used.csv").write_text("".join(",".join([r[0], r[1], r[3], r[5]]) + "\n" for r in rows))
    assert list(model.predict("people.csv")) == list(model.predict("used.csv"))
    assert model.evaluate("people.csv") == model.evaluate("used.csv")
    as_numbers = "\n".join(",".join([r[0], r[1], r[3], {"True": "1", "False": "0"}.get(r[5], r[5])]) for r in rows)
    (folder / "numbers.csv").write_text(as_numbers)
    assert mrdl.train("numbers.csv", run_dir="other", **settings).evaluate("people.csv") == model.evaluate("people.csv")


def test_a_sweep_takes_columns_as_a_training_does(folder, caplog):
    names = [f"{line},{'name' if not i else f'Mr {i}'}" for i, line in enumerate(PEOPLE.splitlines())]
    (folder / "people.csv").write_text("\n".join(names))
    spec = {"data": {"label": "income"}, "space": {"nodes": [[4]], "epochs": 1}}
    assert mrdl.Sweep(spec, folder="one").run("people.csv", runner="inline", show=False).status.tolist() == ["done"]
    assert "category = ['name'] in [data] learns them" in caplog.text
    spec["data"] |= {"drop": ["work class", "city, state", "name"], "separator": ","}
    assert mrdl.Sweep(spec, folder="two").run("people.csv", runner="inline", show=False).status.tolist() == ["done"]


@pytest.mark.parametrize(
    ("drop", "dropped"),
    [(["a"], (1, 3)), (["3"], (3,)), (["-1"], (3,)), (["b", "1"], (1, 2)), ([" a "], (1, 3)), ([], ())],
)
def test_columns_are_dropped_by_name_or_index(drop, dropped):
    schema = sniff(b"y,a,b,a\n0,1,2,3\n", "y", "auto", "x.csv", drop)
    assert schema.dropped == dropped
    assert schema.places == tuple(i for i in (1, 2, 3) if i not in dropped)


@pytest.mark.parametrize(
    ("drop", "said"),
    [(["z"], "no column 'z'"), (["y"], "is the label"), (["1", "2", "3"], "no values"), (["9"], "no column number 9")],
)
def test_what_cannot_be_dropped_is_said(drop, said):
    with pytest.raises(ConfigError, match=said):
        sniff(b"y,a,b,a\n0,1,2,3\n", "y", "auto", "x.csv", drop)


@pytest.mark.parametrize("header", ["y,a,b,a", "y,a,y,b"])
def test_two_columns_of_one_name_are_refused_until_one_is_dropped(folder, capsys, header):
    (folder / "x.csv").write_text(header + "\n" + "".join(f"{i % 2},{i},{i % 7},{i % 5}\n" for i in range(40)))
    assert train("x.csv", "--label", "0", nodes="2,4,2") == 2
    told = capsys.readouterr().err
    number = told.rpartition("--drop ")[2].strip()
    assert "more than one column of a name" in told and number in ("2", "3")
    assert train("x.csv", "--label", "0", "--drop", number, "--run-dir", "run", nodes="2,4,2") == 0


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("y,b,a\n", "in another order"),
        ("y,a,c\n", "'b' missing, 'c' beyond"),
        ("y,a\n", "'b' missing"),
        ("y, a,b\n", "written otherwise"),
        ("u,v,w\n", "'y', 'a', 'b' missing"),
    ],
)
def test_another_header_in_a_later_file_is_refused_by_the_file_s_name(folder, capsys, second, said):
    rows = "".join(f"{i % 2},{i},{i % 7}\n" for i in range(40))
    (folder / "parts").mkdir()
    (folder / "parts" / "1.csv").write_text("y,a,b\n" + rows)
    (folder / "parts" / "2.csv").write_text(second + rows)
    assert train("parts", nodes="2,4,2") == 2
    told = capsys.readouterr().err
    assert "parts/2.csv: its" in told and said in told.replace("missing: ", "")
    for fine in ("", "y,a,b\n", "\n"):
        (folder / "parts" / "2.csv").write_text(fine + rows)
        assert train("parts", "--run-dir", f"run{len(fine)}", nodes="2,4,2") == 0


def test_a_header_over_rows_without_one_in_the_first_file_is_refused(folder, capsys):
    rows = "".join(f"{i % 2},{i},{i % 7}\n" for i in range(40))
    (folder / "parts").mkdir()
    (folder / "parts" / "1.csv").write_text(rows)
    (folder / "parts" / "2.csv").write_text("y,a,b\n" + rows)
    assert train("parts", nodes="2,4,2") == 2
    assert "2.csv: its first line names columns ('y', 'a', 'b'), but the first file has no" in capsys.readouterr().err


PARTS = {  # a second file -> its name, and what is said of it
    "another separator": ("b.csv", "y;a;b\n0;1;2\n1;2;3\n", r"b\.csv has ';' between its cells, .*a\.csv ',': write"),
    "rows with another separator": ("b.csv", "0|1|2\n1|2|3\n", r"b\.csv has '\|' between its cells, .*a\.csv ','"),
    "a README": (
        "z.md",
        "# Data\n\nrows, made\n",
        r"z\.md is no part .* has 3 cells, .*a\.csv have, but 1\. .*/\*\.csv'$",
    ),
    "notes of one name": ("b.csv", "do not use\n", r"b\.csv is no part .* but 1\. Move it out of the folder$"),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_file_that_is_no_part_of_the_table_is_named_with_the_way_out(folder, case):
    name, text, told = PARTS[case]
    rows = "".join(f"{i % 2},{i},{i % 7}\n" for i in range(40))
    (folder / "parts").mkdir()
    for header in ("y,a,b\n", ""):
        (folder / "parts" / "a.csv").write_text(header + rows)
        (folder / "parts" / name).write_text(text)
        source = Source.look_at(str(folder / "parts"), TrainConfig(label="0"))
        with pytest.raises(DataError, match=told):
            source.check_columns()
        source.check_columns(foreign=True)


def test_a_foreign_file_that_comes_first_is_named_with_the_way_out(folder, capsys):
    (folder / "parts").mkdir()
    (folder / "parts" / "README.md").write_text("# Data\n\nof all shops\n")
    for name in "ab":
        (folder / "parts" / f"{name}.csv").write_text("y,a,b\n" + "0,1,2\n1,2,3\n" * 20)
    assert train("parts", "--label", "y") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "So says the first file, " in told and "README.md: is it no part of the table? Move it" in told
    assert train("parts/*.csv", "--label", "y", "--bad-rows", "skip", nodes="2,4,2") == 0
    (folder / "parts" / "README.md").rename(folder / "parts" / "z.md")
    assert train("parts", "--bad-rows", "skip", "--run-dir", "skipped", nodes="2,4,2") == 0
    assert train("parts", "--label", "x", "--bad-rows", "skip") == 2
    assert "So says the first file" not in capsys.readouterr().err


def test_text_and_numbers_in_both_first_lines_are_a_question():
    with pytest.raises(DataError, match="--header yes"):
        sniff(b"39,State-gov,77516\n50,Private,83311\n", "0", "auto", "x.csv")
    assert sniff(b"39,State-gov,77516\n", "0", "no", "x.csv").header_crc is None


def test_a_mapper_stops_at_a_hundred_bad_rows_and_says_at_least(folder, capsys, monkeypatch):
    monkeypatch.setattr("mrdl.rounds.tasks.READ_BYTES", 4096)
    lines = [f"{i % 2},{i % 9},{'oops' if i > 500 and i % 3 == 0 else i % 7}" for i in range(5000)]
    monkeypatch.setattr("mrdl.data.source.HEAD_BYTES", 2000)
    (folder / "x.csv").write_text("y,a,b\n" + "\n".join(lines))
    assert train("x.csv", nodes="2,4,2") == 2
    told = capsys.readouterr().err
    assert "x.csv: at least " in told and "which --drop b leaves out" in told and "x.csv line 503: column 'b'" in told
    assert train("x.csv", "--bad-rows", "skip", "--run-dir", "run", nodes="2,4,2") == 0
    assert "1500 left out" in capsys.readouterr().err


def test_leaving_rows_out_is_not_advised_where_most_are_bad(folder, capsys):
    (folder / "x.csv").write_text("y,a,b\n" + "0,1,2\n1,2,3\n" * 20 + "0,1\n" * 90)
    assert train("x.csv", nodes="2,4,2") == 2
    told = capsys.readouterr().err
    assert "90 of 130 rows" in told and "skip" not in told


@pytest.mark.parametrize("word", ["NA", "?", "nan", " NULL "])
def test_a_missing_label_is_a_bad_row_and_no_class(folder, capsys, word):
    (folder / "x.csv").write_text("y,a,b\n" + "0,1,2\n1,2,3\n" * 20 + f"{word},1,2\n")
    assert train("x.csv", nodes="2,4,2") == 2
    assert f"x.csv line 42: column 'y': the label is missing ({word.strip()!r})" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["", "Unnamed: 0"])
def test_the_index_of_pandas_is_told_where_it_is_learnt_and_not_where_it_is_left_out(first, folder, caplog):
    (folder / "x.csv").write_text(f"{first},a,y\n" + "".join(f"{i},{i % 7},{i // 20}\n" for i in range(40)))
    for drop, told in (((), 1), (("0",), 0)):
        caplog.clear()
        config = TrainConfig(label="y", drop=drop)
        Source.look_at("x.csv", config).check_columns()
        found = [each.getMessage() for each in caplog.records]
        assert len(found) == told
        assert all("as pandas calls its index" in each and "--drop" in each for each in found)
