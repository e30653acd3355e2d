"""`mrdl predict`: a label for each row of any file, in the memory of a block of rows."""

import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import mrdl
from mrdl.data.inputs import batches
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import Preparation
from mrdl.model.model import Model
from mrdl.nn.kinds import mlp

NAMES = tuple("0123456789")


def a_model(classes=("0", "1", "2"), columns=NAMES) -> Model:
    rng = np.random.default_rng(4)
    arch = mlp((len(columns), 16, len(classes)))
    weights = {name: rng.normal(0.1, 1, shape).astype(np.float32) for name, shape in arch.shapes().items()}
    inputs = Inputs.scaled(np.zeros(len(columns), np.float32), np.full(len(columns), 0.01, np.float32))
    return Model(arch, weights, Preparation(columns, "label", 0, classes, inputs))


@pytest.fixture
def model(tmp_path) -> Model:
    made = a_model()
    made.save(tmp_path / "model.safetensors")
    return made


def rows_of(count: int, columns: int = 10) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 100, (count, columns))


def write(path, rows: np.ndarray, head: str = "") -> None:
    text = head + "".join(",".join(map(str, row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def test_a_header_of_numbers_is_no_row(command, model, tmp_path):
    rows = rows_of(1095)
    write(tmp_path / "data.csv", rows, ",".join(NAMES) + "\n")
    status, out, _ = command("predict", tmp_path, tmp_path / "data.csv")
    assert status == 0 and out.split() == [str(label) for label in model.predict(rows)]


def test_files_of_a_folder_may_have_their_columns_in_other_orders(command, model, tmp_path):
    rows, folder = rows_of(60), tmp_path / "parts"
    folder.mkdir()
    write(folder / "1.csv", rows[:20], ",".join(NAMES) + "\n")
    write(folder / "2.csv.gz", rows[20:40, ::-1], ",".join(NAMES[::-1]) + "\n")
    write(folder / "3.csv", rows[40:])
    write(folder / "4.csv", rows[:0], ",".join(NAMES) + "\n")
    write(folder / "5.csv", rows[:0])
    _, out, _ = command("predict", tmp_path, folder)
    assert out.split() == [str(label) for label in model.predict(rows)]


@pytest.mark.parametrize("flag", [[], ["--proba"]])
def test_output_is_that_of_all_rows_at_once(command, model, tmp_path, monkeypatch, flag):
    rows = rows_of(4321)
    write(tmp_path / "data.csv", rows)
    monkeypatch.setattr("mrdl.cluster.webhdfs.CHUNK_BYTES", 5000)
    monkeypatch.setattr("mrdl.storage.local.CHUNK_BYTES", 5000)
    monkeypatch.setattr("mrdl.model.network.BLOCK_BYTES", 1)
    _, out, _ = command("predict", tmp_path, tmp_path / "data.csv", *flag)
    if not flag:
        assert out.split() == model.labels(rows)
        return
    lines = [",".join(f"{value:.6f}" for value in row) for row in model.predict_proba(rows)]
    assert out.split("\n") == ["0,1,2", *lines, ""]


@pytest.mark.parametrize("sizes", [[0], [1, 2, 3], [1000], [5, 0, 2500, 1, 494], [3000]])
def test_batches_are_whole_but_for_the_last(sizes):
    rows = np.arange(2 * sum(sizes)).reshape(-1, 2)
    cuts = np.cumsum(sizes)[:-1]
    parts = zip(np.split(rows, cuts), np.split(rows[:, 0], cuts), strict=True)
    found = list(batches(parts, 1000))
    assert [len(part) for part, _ in found[:-1]] == [1000] * max(0, len(found) - 1)
    assert sum(len(part) for part, _ in found) == len(rows)
    for i, (part, beside) in enumerate(found):
        np.testing.assert_array_equal(part, rows[1000 * i : 1000 * (i + 1)])
        np.testing.assert_array_equal(beside, part[:, 0])


@pytest.mark.parametrize("header", [True, False])
def test_what_was_left_out_of_training_may_be_in_a_file_or_not(command, tmp_path, header):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.random((200, 4)).round(3), columns=list("abcd"))
    frame.insert(1, "name", "some words")
    frame.insert(3, "kind", np.where(frame.a + frame.c > 1, "x", "y"))
    full, fitting, bare = (tmp_path / f"{name}.csv" for name in ("full", "fitting", "bare"))
    frame.to_csv(full, index=False, header=header)
    frame.drop(columns=["name", "d"]).to_csv(fitting, index=False, header=header)
    frame[["a", "b", "c"]].to_csv(bare, index=False, header=header)
    settings = {"label": "kind" if header else "3", "drop": ("name", "d") if header else ("1", "5")}
    settings.update(header="yes" if header else "no", run_dir=str(tmp_path / "run"), test=str(full))
    settings.update(nodes=(3, 8, 2), shards=1, rounds=1, show=False)
    model = mrdl.train(full, **settings)
    labels = model.predict(frame[["a", "b", "c"]].to_numpy())
    assert len(set(labels)) == 2
    for path in (full, fitting, bare):
        assert command("predict", tmp_path / "run", path)[1].split() == list(labels)
    assert model.evaluate(full) == model.evaluate(fitting)
    assert model.evaluate(full)["accuracy"] == (labels == frame.kind).mean()


def test_probabilities_that_there_are_not_leave_nothing(command, model, tmp_path):
    write(tmp_path / "data.csv", rows_of(3, 9))
    status, out, err = command("predict", tmp_path, tmp_path / "data.csv", "--proba")
    assert (status, out) == (2, "") and "has 9 columns, expected 10, or 11 with the label 'label'" in err


def test_a_bad_row_is_named_by_its_line(command, model, tmp_path):
    rows = rows_of(300).astype(str)
    rows[200, 3] = "x"
    write(tmp_path / "data.csv", rows, ",".join(NAMES) + "\n")
    status, _, err = command("predict", tmp_path, tmp_path / "data.csv")
    assert status == 2 and "data.csv line 202: column '3': 'x' is not a number" in err


def test_what_has_no_rows_is_refused(command, model, tmp_path):
    for text in ("", "\n\n", ",".join(NAMES) + "\n"):
        (tmp_path / "data.csv").write_text(text)
        status, out, err = command("predict", tmp_path, tmp_path / "data.csv")
        assert (status, out) == (2, "") and "data.csv has no rows" in err


PROBE = """
import resource, sys
import mrdl.cli.predict, torch
mrdl.Model
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from mrdl.cli.main import main
assert main(["predict", *sys.argv[1:]]) == 0
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, file=sys.stderr)
"""


def test_a_large_file_needs_the_memory_of_a_block(tmp_path):
    columns = tuple(f"p{i}" for i in range(784))
    a_model(tuple("0123456789"), columns).save(tmp_path / "model.safetensors")
    block = (",".join(["123"] * 784) + "\n") * 500
    (tmp_path / "data.csv").write_text(block * 14)  # 22 MB
    words = [sys.executable, "-c", PROBE, str(tmp_path), str(tmp_path / "data.csv")]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stdout.count("\n") == 7000
    assert int(ended.stderr) < 150
    assert mrdl.load(tmp_path).predict(np.full((1, 784), 123))[0] == int(ended.stdout.split()[0])


def test_a_model_of_a_csv_without_a_header_takes_named_columns_by_their_places_and_says_so(command, tmp_path, caplog):
    model = a_model(columns=("c0", "c2", "c3"))
    model.save(tmp_path / "model.safetensors")
    rows = rows_of(60, 3)
    frame = pd.DataFrame(rows, columns=["height", "width", "weight"])
    (tmp_path / "parts").mkdir()
    for i in range(3):
        frame[20 * i : 20 * i + 20].to_parquet(tmp_path / "parts" / f"{i}.parquet")
    frame.to_csv(tmp_path / "data.csv", index=False)
    expected = list(model.labels(rows))
    for data in (tmp_path / "parts", tmp_path / "data.csv"):
        caplog.clear()
        _, out, _ = command("predict", tmp_path, data)
        assert out.split() == expected
        (told,) = [line for line in caplog.messages if "by their places" in line]
        assert told.endswith("c0 is 'height', c2 is 'width', c3 is 'weight'")
    caplog.clear()
    assert model.labels(frame) == expected and "the DataFrame: the model was trained on columns without" in caplog.text
    caplog.clear()
    assert model.labels(pd.DataFrame(rows)) == expected and "by their places" not in caplog.text
