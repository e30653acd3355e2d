"""An accuracy is told beside what always saying one class would give, and of how many rows it is."""

import json

import numpy as np
import pytest

import mrdl
from mrdl.cli.main import main
from mrdl.model.baseline import is_no_better, told_absent, told_accuracy, told_classes

QUICK = ["--nodes", "2,4,2", "--shards", "2", "--rounds", "2", "--epochs", "1", "--warm-epochs", "1"]


def test_an_accuracy_of_few_rows_is_told_with_its_interval():
    assert told_accuracy({"accuracy": 26 / 27, "rows": 27}) == "96.30 % of 27 rows (95 % interval: 81.7 to 99.3 %)"
    assert told_accuracy({"accuracy": 0.5, "rows": 1}).startswith("50.00 % of 1 row (")
    assert told_accuracy({"accuracy": 0.9747, "rows": 2000}) == "97.47 % of 2,000 rows"


@pytest.mark.parametrize(
    ("accuracy", "baseline", "rows", "no_better"),
    [(0.9747, 0.9730, 2000, True), (0.985, 0.9730, 2000, False), (0.6, 0.5, 99, True), (0.6, 0.5, 101, False)],
)
def test_no_better_is_within_two_standard_deviations(accuracy, baseline, rows, no_better):
    assert is_no_better(accuracy, baseline, rows) is no_better


def test_what_a_network_finds_of_each_class_is_told_where_it_is_no_better():
    targets = np.array([0] * 6 + [1] * 3 + [2])
    said = np.array([0] * 6 + [0, 1, 0] + [0])
    told = told_classes(("a", "b", "c"), targets, said, no_better=True)
    assert told == "it finds 0 of 1 of class 'c', 1 of 3 of class 'b', 6 of 6 of class 'a'"
    assert told_classes(("a", "b", "c"), targets, said, no_better=False) == "it never says class 'c' (1 row)"
    assert told_classes(("a", "b", "c"), targets, targets, no_better=False) == ""


@pytest.fixture
def rare(tmp_path, monkeypatch):
    """2,000 rows of noise, of which 3 % are of class 1; the current folder is that of the data."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    labels = (rng.random(2000) < 0.03).astype(int)
    rows = "".join(f"{label},{a},{b}\n" for label, (a, b) in zip(labels, rng.normal(size=(2000, 2)), strict=True))
    (tmp_path / "rare.csv").write_text("label,a,b\n" + rows)
    return labels


def test_a_network_that_always_says_one_class_is_not_praised(rare, capsys):
    """By train, its JSON, show, runs and the model itself; the shares are those that numpy counts."""
    assert main(["train", "rare.csv", "--json", "--run-dir", "runs/a", *QUICK]) == 0
    told = capsys.readouterr()
    found, text = json.loads(told.out), " ".join(told.err.split())
    rows = found["accuracy_rows"]
    assert (found["majority"], found["no_better"]) == ("0", True)
    assert found["accuracy"] == found["baseline"] and 0.9 < found["baseline"] < 1
    said = f"always saying '0' would be right in {100 * found['baseline']:.2f} %: no better"
    ones = round(rows * (1 - found["baseline"]))
    assert f"accuracy {100 * found['accuracy']:.2f} % of {rows} rows (95 % interval: " in text
    assert said in text and f"it finds 0 of {ones} of class '1', " in text
    short = f"always '0' {found['baseline']:.4f}, no better"
    assert short in repr(mrdl.load("runs/a/model.safetensors"))
    for words, expected in (
        (["show", "runs/a"], said),
        (["show", "runs/a/model.safetensors"], said),
        (["runs"], short),
    ):
        assert main(words) == 0
        assert expected in capsys.readouterr().out
    for words in (["show", "runs/a/model.safetensors", "--json"], ["runs", "--json"]):
        assert main(words) == 0
        (about,) = np.atleast_1d(json.loads(capsys.readouterr().out))
        assert (about["majority"], about["baseline"], about["no_better"]) == ("0", found["baseline"], True)


def test_the_majority_class_is_that_of_all_rows_and_its_share_that_of_the_rows_scored(rare, tmp_path):
    model = mrdl.train("rare.csv", show=False, nodes=(2, 4, 2), shards=1, rounds=1, epochs=1)
    assert model.preparation.class_rows == tuple(np.bincount(rare))
    (tmp_path / "other.csv").write_text("label,a,b\n0,1,1\n1,2,2\n1,3,3\n1,4,4\n")
    assert model.evaluate("other.csv")["baseline"] == 0.25


def test_classes_without_a_row_in_training_or_validation_are_named():
    assert told_absent({"a": 40, "b": 1, "c": 3}, {"a": 4, "b": 1}) == [
        "not trained on, only among the rows kept out: class 'b' (1 row)",
        "trained on, not among the rows kept out: class 'c' (3 rows)",
    ]
    assert told_absent({"a": 40, "b": 9}, {"a": 4, "b": 1}) == []


def test_a_class_that_is_not_validated_is_said_at_the_end_of_a_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{'ab'[i % 2]},{i % 7},{i % 5}\n" for i in range(300))
    (tmp_path / "rare.csv").write_text("label,x,y\n" + rows + "".join(f"c,{x},9\n" for x in (3, 4)))
    assert main(["train", "rare.csv", "--json", *QUICK[2:], "--nodes", "2,4,3"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "trained on, not among the rows kept out: class 'c' (2 rows)" in told
