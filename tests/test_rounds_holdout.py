"""--test: a file that the network cannot be tested on is told before anything is trained."""

import numpy as np
import pytest

import mrdl
from mrdl.errors import DataError

RNG = np.random.default_rng(3)
SETTINGS = {"nodes": (2, 4, 2), "shards": 2, "rounds": 1, "epochs": 1, "warm_rows": 0, "show": False}


def write(path, labels, header="kind,a,b") -> str:
    rows = [f"{label},{a:.3f},{b:.3f}" for label, (a, b) in zip(labels, RNG.random((len(labels), 2)), strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n" if header else "\n".join(rows) + "\n")
    return str(path)


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train on labels 0 and 1, with a test file; jobs counts those that were run."""
    jobs = []
    from mrdl.rounds.submission import Submission

    run = Submission.run
    monkeypatch.setattr(Submission, "run", lambda self, *about: jobs.append(1) or run(self, *about))
    data = write(tmp_path / "train.csv", RNG.integers(0, 2, 200))

    def trained(test: str, **settings) -> mrdl.Model:
        return mrdl.train(data, test=test, run_dir=str(tmp_path / "run"), **{**SETTINGS, **settings})

    trained.jobs = jobs
    return trained


WRONG = {
    "a column is missing": (lambda path: write(path, [0, 1], "kind,a,c"), "lacks 1 of the model's 2 columns: 'b'"),
    "no label": (lambda path: write(path, [0, 1], "sort,a,b"), "test.csv has no label column 'kind'"),
    "no rows": (lambda path: write(path, []), "test.csv has no rows"),
    "other labels": (lambda path: write(path, ["x", "y"]), "none of its labels is a class .* 'x', 'y'.*'0'.* '1'"),
    "no labels in the rows": (lambda path: write(path, ["", "NA"]), "none of its 2 rows has a label"),
    "text": (lambda path: str(path.write_text("kind,a,b\n0,1,2\n1,x,3\n") and path), "line 3: column 'a': 'x' is not"),
    "no file": (str, "no such file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_test_file_is_told_before_the_first_job(train, tmp_path, case):
    make, said = WRONG[case]
    with pytest.raises(DataError, match=said):
        train(make(tmp_path / "test.csv"))
    assert not train.jobs


def test_labels_that_the_whole_data_has_not_are_told_after_the_first_job(train, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mrdl.rounds.validation.first_labels", lambda name, *about, **more: ({"x"}, name.endswith("test.csv"))
    )
    with pytest.raises(DataError, match="none of its labels is a class"):
        train(write(tmp_path / "test.csv", ["x", "x"]), rounds=3)
    assert len(train.jobs) == 1


@pytest.mark.parametrize(
    ("labels", "header"),
    [(["0.0", "1.0", "0"], "kind,a,b"), ([0, 1, 7], "kind,a,b"), ([0, "", 1], "kind,a,b"), ([0, 1], None)],
    ids=["as floats", "one unknown", "one missing", "no header"],
)
def test_a_test_file_that_fits_is_no_hindrance(train, tmp_path, labels, header):
    path = write(tmp_path / "test.csv", labels, header)
    model = train(path)
    assert model.evaluate(path)["rows"] == len([label for label in labels if label != ""])


def test_a_test_of_a_network_without_classes_needs_no_label(train, tmp_path):
    path = write(tmp_path / "test.csv", [3, 4], "other,b,a")
    train(path, kind="autoencoder", nodes=(2, 1), label="kind")
    assert train.jobs
