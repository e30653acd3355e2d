"""Which column is the label: said with the reason, asked for where it is not plain, refused where it is no class."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

import mrdl
from mrdl.cli.main import main
from mrdl.cli.script import TrainJob
from mrdl.data.dataset import prepare_data
from mrdl.data.source import Source
from mrdl.data.target import Head, problem
from mrdl.data.text.sniffing import sniff
from mrdl.data.types import ColumnType
from mrdl.data.values import MAX_CLASSES
from mrdl.errors import ConfigError, DataError
from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig
from mrdl.shards.placing import PlacedRows

RNG = np.random.default_rng(4)
PRICES = [f"{value:.4f}" for value in RNG.normal(size=400)]
QUICK = {"show": False, "nodes": (2, 4, 2), "shards": 2, "rounds": 1, "epochs": 1, "warm_epochs": 1}


def table(labels, header="label,a,b"):
    rows = RNG.normal(size=(len(labels), 2)).round(3)
    return header + "\n" + "".join(f"{label},{a},{b}\n" for label, (a, b) in zip(labels, rows, strict=True))


def head(text, said="", whole=True):
    data = text.encode()
    return Head("x.csv", data, whole, sniff(data, said, "auto", "x.csv"))


# --- what is no class ---

NUMBERS = {
    "real numbers": (PRICES, "holds real numbers ("),
    "tenths": ([f"{i % 50 / 10}" for i in range(400)], "holds real numbers (0.0, 0.1, 0.2, ...)"),
    "real numbers and a word": ([*PRICES, "unknown"], "holds real numbers ("),
    "a number of its own for each row": (range(400), "has another value in each of 400 rows"),
    "amounts": ([i // 3 for i in range(400)], "has 134 different values in 400 rows"),
}
NO_CLASSES = {
    "a name of its own for each row": ([f"row {i}" for i in range(400)], "has another value in each of 400 rows"),
    "names that come twice at most": ([f"n{i // 2 + i % 7}" for i in range(400)], "different values in 400 rows"),
    "one class": (["a"] * 400, "has one class only ('a')"),
    "one number": (["7"] * 400, "has one class only ('7')"),
}
CLASSES = {
    "two": [i % 2 for i in range(400)],
    "counts from 0 to 20": [i % 21 for i in range(400)],
    "100 numbers": [i % 100 for i in range(1000)],
    "numbers as pandas writes them after a hole": [f"{i % 3}.0" for i in range(400)],
    "100 names, four rows each": [f"n{i % 100}" for i in range(400)],
    "twelve rows of ten digits": [i % 10 for i in range(12)],
    "mostly missing, else two": ["NA", "?", "", "a", "b", "a", "b", "b"] * 10,
}


def counts_of(labels):
    counts = zip(*np.unique(np.array([str(label) for label in labels]), return_counts=True), strict=True)
    return {str(name): int(count) for name, count in counts}


@pytest.mark.parametrize(("labels", "why"), NO_CLASSES.values(), ids=NO_CLASSES)
def test_a_label_that_is_no_class_is_refused_with_what_was_taken_and_what_to_do(labels, why):
    with pytest.raises(ConfigError, match=r"x\.csv: the label, column 0 'label', ") as found:
        head(table(labels)).learnt("label")
    assert why in str(found.value) and "choose another column with --label" in str(found.value).lower()
    assert why.split("(")[0] in problem("label", counts_of(labels)), "the same by what all rows tell"


@pytest.mark.parametrize(("labels", "why"), NUMBERS.values(), ids=NUMBERS)
def test_a_label_of_numbers_is_learnt_as_numbers_and_it_is_said_how_to_choose_otherwise(labels, why):
    learnt = head(table(labels)).learnt("label")
    assert (learnt.task, learnt.schema.label, learnt.schema.targets, learnt.schema.flags) == (
        "regress",
        None,
        (0,),
        False,
    )
    assert learnt.told.startswith("column 0 'label', as asked for (") and "numbers: regression" in learnt.told
    assert learnt.told.endswith("--task classify takes each value for a class")
    with pytest.raises(ConfigError, match=r"which column is the label\? column 0 'label', the first one, "):
        head(table(labels)).learnt(None)
    told = problem("label", counts_of(labels))
    assert why.split("(")[0] in told and "--task regress learns them as numbers" in told


@pytest.mark.parametrize("labels", CLASSES.values(), ids=CLASSES)
def test_classes_are_taken_whether_the_label_is_said_or_not(labels):
    text = table(labels)
    assert "as asked for (" in head(text, "label").learnt("label").told
    assert head(text).learnt("").told.startswith("column 0 'label', the first column (")


@pytest.mark.parametrize(("counts", "told"), [(10, False), (11, True), (19, True)])
def test_classes_that_may_be_counts_are_told_how_to_be_learnt_as_such(counts, told):
    """Ten are digits."""
    learnt = head(table([i % counts for i in range(400)]), "label").learnt("label")
    assert learnt.task == "auto" and (": each number is a class, --task regress" in learnt.told) == told


def test_whoever_says_so_learns_counts_as_numbers_and_amounts_as_classes():
    counts, grades = table([i % 21 for i in range(400)]), table([f"{i % 7 / 2}" for i in range(400)])
    assert head(counts, "label").learnt("label", "regress").schema.targets == (0,)
    assert "21 values in 400 rows: each number is a class, --task regress" in head(counts, "label").learnt("label").told
    learnt = head(grades, "label").learnt("label", "classify")
    assert (learnt.task, learnt.schema.label, learnt.schema.targets) == ("classify", 0, ())
    assert not problem("label", counts_of(f"{i % 7 / 2}" for i in range(400)), said=True)


def test_several_columns_are_flags_where_all_hold_0_or_1_and_else_numbers():
    lines = "".join(f"{i % 2},{'True' if i % 3 else 'False'},{i},{i / 7:.3f}\n" for i in range(200))
    text = "wet,cold,id,size\n" + lines
    learnt = head(text, "cold,wet").learnt("cold,wet")
    assert (learnt.task, learnt.schema.targets, learnt.schema.flags) == ("multilabel", (1, 0), True)
    assert learnt.schema.features == ("id", "size") and learnt.schema.places == (2, 3, 1, 0)
    assert learnt.told == "2 columns, column 1 'cold', column 0 'wet', yes or no in each: several labels"
    assert head(text, "0,-1").learnt("0,-1").task == "regress"
    assert head(text, "0").learnt("0", "multilabel").schema.flags


def test_money_is_learnt_as_numbers_where_it_is_known_how_it_is_written():
    found = head(table([f'"${1000 + i * 7:,}.50"' for i in range(400)]))
    money = (ColumnType("number", "1,234.5"), ColumnType(), ColumnType("category"))
    learnt = replace(found, schema=replace(found.schema, types=money)).learnt("label")
    assert learnt.task == "regress" and learnt.schema.types == money
    as_category = (ColumnType("category"), ColumnType(), ColumnType())
    flags = replace(head(table([i % 2 for i in range(40)])).schema, types=as_category)
    learnt = replace(head(table([i % 2 for i in range(40)])), schema=flags).learnt("label", "regress")
    assert learnt.schema.types == (ColumnType(),) * 3, "what is learnt as a number is read as one"


WRONG = {
    "text": ("kind", "regress", "'kind', holds text ('a', 'b'), expected numbers"),
    "one value": ("one", "regress", "'one', has one value only (5): expected two or more"),
    "numbers among flags": ("flag,size", "multilabel", "'size', holds .*: expected 0 or 1"),
    "classes of several": ("flag,size", "classify", "task is classify, which has one label, but 2 columns are named"),
    "no label": ("none", "regress", "task is regress, but label is none"),
}


@pytest.mark.parametrize(("label", "task", "why"), WRONG.values(), ids=WRONG)
def test_a_target_that_does_not_hold_what_is_to_be_learnt_is_refused(label, task, why):
    lines = "".join(f"{i % 2},{'ab'[i % 2]},5,{i / 7:.3f},{i}\n" for i in range(200))
    with pytest.raises(ConfigError, match=re.escape(why).replace(r"\.\*", ".*")):
        head("flag,kind,one,size,id\n" + lines, label).learnt(label, task)


def test_whoever_wants_numbers_says_of_which_column():
    with pytest.raises(ConfigError, match=r"task is regress, but of which column\? Say it, as --label b$"):
        head("age,a,b\n" + "".join(f"{i},{i},{i}\n" for i in range(50))).learnt(None, "regress")
    named = head("y,a,b\n" + "".join(f"{i},{i},{i}\n" for i in range(50))).learnt(None, "regress")
    assert named.schema.targets == (0,)


def test_columns_that_are_named_twice_or_left_out_too_are_refused():
    for label, drop, why in (
        ("a,b,a", (), "named twice"),
        ("a,b", ("b",), "to be dropped"),
        ("label,a,b", (), "no values"),
    ):
        with pytest.raises(ConfigError, match=why):
            sniff(b"label,a,b\n1,2,3\n", label, "auto", "x.csv", drop)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_tables_that_people_know_ask_for_their_label_and_train_with_it(load, tmp_path):
    data = load(as_frame=True)
    data.frame.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(ConfigError, match=r"which column is the label\? .* Say it, as --label target$"):
        mrdl.train(tmp_path / "x.csv", show=False, run_dir=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    source = Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label="target"))
    classes = len(data.target_names)
    assert source.head.learnt("target").told == (
        f"column {source.schema.label} 'target', as asked for ({classes} values in {len(data.frame)} rows)"
    )


def test_amounts_that_people_know_are_asked_for_and_learnt_as_numbers(tmp_path):
    load_diabetes(as_frame=True).frame.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(
        ConfigError, match=r"which column is the label\? .*'target' \(214 values, numbers\).*--label target$"
    ):
        mrdl.train(tmp_path / "x.csv", show=False, run_dir=str(tmp_path / "run"))
    assert Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label="target")).head.learnt("target").task == "regress"


# --- nobody has said it ---


def test_an_id_in_the_first_column_is_not_trained_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [f"{i},{i % 7 / 2},{'ab'[i % 2]},{i % 5}" for i in range(200)]
    (tmp_path / "data.csv").write_text("id,size,kind,grade\n" + "\n".join(lines) + "\n")
    for command in ("train", "advise"):
        assert main([command, "data.csv"]) == 2
        said = capsys.readouterr().err
        assert "column 0 'id', the first one, has another value in each of 200 rows" in said
        assert "look like classes: column 3 'grade' (5 values), column 2 'kind' (2 values)" in said
        assert "--label grade" in said
    assert not (tmp_path / "runs").exists()


def test_a_column_of_a_labels_name_is_what_is_suggested_first_and_never_taken():
    lines = [f"{i},{i % 2},{'abc'[i % 3]},{i % 5}" for i in range(200)]
    text = "id,flag,Class,grade\n" + "\n".join(lines) + "\n"
    with pytest.raises(ConfigError, match="--label Class$"):
        head(text).learnt("")


def test_a_first_column_of_numbers_is_not_taken_where_another_is_called_label():
    lines = [f"{20 + i % 60},{i % 11},{'yn'[i % 2]}" for i in range(600)]
    with pytest.raises(ConfigError, match=r"column 0 'age', the first one, is not called so.*--label class$"):
        head("age,hours,class\n" + "\n".join(lines) + "\n").learnt("")
    assert head("kind,hours,class\n" + "\n".join(lines).replace("2", "k") + "\n").learnt("").told.startswith("column 0")


def test_a_table_without_header_has_all_its_rows_and_is_asked_for_its_label_by_number():
    text = "".join(f"{a},{a},{'xyz'[i % 3]}\n" for i, a in enumerate(PRICES))
    first = head(text)
    assert first.schema.header_crc is None
    with pytest.raises(ConfigError, match="column 0, the first one, holds real numbers .* --label 2$"):
        first.learnt("")


def test_a_pixel_that_is_always_0_is_not_the_label():
    text = "".join(f"0,{i % 9},{i % 10}\n" for i in range(200))
    with pytest.raises(ConfigError, match=r"column 0, the first one, has one class only \('0'\).*--label 2$"):
        head(text).learnt("")


def test_a_head_of_few_rows_tells_classes_by_how_often_they_come_again():
    names = table([f"n{i}" for i in range(50)])
    assert head(names, whole=False).learnt("label").told.endswith("(50 values in the first 50 rows)")
    with pytest.raises(ConfigError, match="has another value in each of the first 2,000 rows"):
        head(table([f"n{i}" for i in range(2000)]), whole=False).learnt("label")
    with pytest.raises(ConfigError, match="which column is the label"):
        head(names, whole=False).learnt("")
    assert head(table(range(50)), whole=False).learnt("label").task == "regress"
    hundred = table(np.random.default_rng(1).integers(0, 100, 340))
    assert head(hundred, whole=False).learnt("label").task == "auto"


def test_the_screen_tells_which_column_is_the_label_and_why(digits, tmp_path, capsys):
    words = [
        "--shards",
        "1",
        "--rounds",
        "1",
        "--epochs",
        "1",
        "--nodes",
        "64,4,10",
        "--run-dir",
        str(tmp_path / "run"),
    ]
    assert main(["train", str(digits), "--json", *words]) == 0
    assert "label: column 0 'digit', the first column (10 values in 1,797 rows)\n" in capsys.readouterr().err


def test_where_no_classes_are_learnt_the_column_that_is_left_out_is_told(digits):
    first = Source.look_at(str(digits), TrainConfig()).head
    assert first.learnt("", supervised=False).told == (
        "column 0 'digit', the first column, is left out: --label none if all columns are values"
    )
    assert first.learnt("digit", supervised=False).told == "column 0 'digit', as asked for, is left out"
    bare = Source.look_at(str(digits), TrainConfig(label="none")).head
    assert bare.learnt("none", supervised=False).told == "none, all 65 columns are values"


def test_a_label_that_was_not_said_is_the_same_run_as_the_first_column_said(digits, tmp_path, monkeypatch):
    settings = {**QUICK, "nodes": (64, 4, 10), "run_dir": str(tmp_path / "run")}
    unsaid = mrdl.train(digits, **settings)
    again = mrdl.train(digits, **{**settings, "label": "0", "rounds": 2}, resume=True)
    assert again.lineage["rounds"][:2] == unsaid.lineage["rounds"]
    assert len(list((tmp_path / "cache" / "mrdl" / "shards").iterdir())) == 1


# --- the head misleads ---


@pytest.fixture
def short_head(monkeypatch):
    """The driver sees the first 300 bytes."""
    monkeypatch.setattr("mrdl.data.source.HEAD_BYTES", 300)


def test_rows_in_the_order_of_their_labels_train_as_in_any_other(short_head, tmp_path):
    header, *rows = table([i % 2 for i in range(200)]).splitlines(keepends=True)
    (tmp_path / "any.csv").write_text(header + "".join(rows))
    (tmp_path / "sorted.csv").write_text(header + "".join(sorted(rows)))
    found = [
        mrdl.train(tmp_path / f"{name}.csv", run_dir=str(tmp_path / name), **QUICK).sha256 for name in ("any", "sorted")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("labels", "why"),
    [(["0", "1"] * 50 + PRICES, "holds real numbers"), (["a"] * 100 + [f"n{i}" for i in range(400)], "401 different")],
)
def test_what_all_rows_tell_is_refused_before_anything_is_trained(short_head, labels, why, tmp_path, monkeypatch):
    from mrdl.nn import trainer

    monkeypatch.setattr(trainer, "train_shard", lambda *_: pytest.fail("it was trained"))
    (tmp_path / "x.csv").write_text(table(labels))
    with pytest.raises(DataError, match=rf"x\.csv: the label column 'label' .*{why}.*--label$"):
        mrdl.train(tmp_path / "x.csv", run_dir=str(tmp_path / "run"), **{**QUICK, "nodes": ()})


def test_a_mapper_that_has_seen_more_labels_than_classes_can_be_keeps_no_rows():
    from mrdl.data.text.csv import BlockParser
    from mrdl.data.text.schema import Schema

    written = []
    placed = PlacedRows(TrainConfig(shards=2), [b"0", b"1"], 1, lambda key, value: written.append(value[:1]))
    parser = BlockParser(Schema(("label", "a"), 0, None))
    for start in range(0, 30_000, 6000):
        blocks, _ = parser.parse("".join(f"n{i},{i % 5}\n" for i in range(start, start + 6000)).encode())
        placed.add(blocks[0])
    placed.finish()
    assert placed.statistics.training_rows + placed.statistics.validation_rows == 30_000
    assert len(placed.statistics.classes) > MAX_CLASSES and set(written) == {b"S"}


# --- who else asks ---


class Halves(TrainJob):
    """A job of a user's own that makes two classes of real numbers."""

    def parse(self, schema):
        inner = super().parse(schema)

        def halve(text):
            cells = [line.split(b",", 1) for line in text.splitlines() if line]
            return inner(b"".join(b"%s,%s\n" % (b"low" if float(y) < 0 else b"high", rest) for y, rest in cells))

        return halve


def test_what_a_users_own_parse_makes_classes_of_is_not_judged_by_the_text(tmp_path):
    (tmp_path / "x.csv").write_text(table(PRICES))
    settings = {name: value for name, value in QUICK.items() if name != "show"}
    model = Run(tmp_path / "x.csv", TrainConfig(run_dir=str(tmp_path / "run"), **settings), job_class=Halves).execute()
    assert model.classes == ("high", "low")


@pytest.mark.parametrize("setting", ["hash", "category", "number", "date"])
def test_what_columns_are_cannot_be_said_beside_a_users_own_parse(tmp_path, setting):
    (tmp_path / "x.csv").write_text(table(PRICES))
    config = TrainConfig(run_dir=str(tmp_path / "run"), **{setting: ("1",)})
    told = f"{setting} is 1, but the columns are what `parse` of the job gives: leave out --{setting}"
    with pytest.raises(ConfigError, match=told):
        Run(tmp_path / "x.csv", config, job_class=Halves).execute()


def test_a_sweep_asks_for_its_label_as_a_spec_says_it(tmp_path):
    (tmp_path / "x.csv").write_text("".join(f"{price},{i},{i % 2}\n" for i, price in enumerate(PRICES)))
    with pytest.raises(ConfigError, match=r'which column is the label\?.*\[data\] label = "2"$'):
        prepare_data(str(tmp_path / "x.csv"), "", "auto", 0.2)


# --- a header of numbers ---

NUMBERED = {
    "without an index": ("0,1,2,3", "1"),
    "with an index": (",0,1,2,3", "2"),
    "of eleven": (",".join(map(str, range(11))), "1"),
}


@pytest.mark.parametrize(("first", "label"), NUMBERED.values(), ids=NUMBERED)
def test_a_first_line_that_counts_the_columns_is_asked_about(first, label, tmp_path):
    row = ",".join("1" for _ in first.split(","))
    (tmp_path / "x.csv").write_text(f"{first}\n{row}\n{row}\n")
    with pytest.raises(ConfigError, match=r"Set header to yes .* to no .*: --header yes, or"):
        Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label=label))
    for header, columns in (
        ("yes", tuple(first.split(","))),
        ("no", tuple(f"c{i}" for i in range(row.count(",") + 1))),
    ):
        found = Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label=label, header=header))
        assert found.schema.columns == columns


@pytest.mark.parametrize("first", ["0,1", "0,1,2,4", "1,2,3", "0,1.0,2", "1,0,1,2", "0,0,1"])
def test_a_first_line_that_may_only_be_a_row_is_a_row(first, tmp_path):
    (tmp_path / "x.csv").write_text(f"{first}\n" * 3)
    assert Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label="0")).schema.header_crc is None
