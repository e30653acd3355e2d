"""The MapReduce shape: the same rows give the same network, however they arrive and wherever tasks run."""

import gzip
import itertools
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

import mrdl
from mrdl.nn.engines.table import engine_of
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard
from mrdl.nn.weights import digest
from mrdl.rounds import tasks
from mrdl.rounds.combine import ShardResult, mean, pack_result
from mrdl.rounds.driver import Run
from mrdl.rounds.folder import RunFolder
from mrdl.settings.config import TrainConfig

NUMPY = engine_of("numpy")
QUICK = {"nodes": (64, 32, 10), "shards": 2, "rounds": 2, "epochs": 1, "seed": 5}


@pytest.fixture
def train(tmp_path):
    """Train inline with quick settings in a run folder of its own; returns the model."""
    counter = iter(range(100))

    def run(data, **settings):
        runner = settings.pop("runner", "inline")
        folder = tmp_path / f"run{next(counter)}"
        return mrdl.train(data, runner=runner, show=False, **{**QUICK, "run_dir": str(folder), **settings})

    return run


@pytest.fixture
def calm(train, digits):
    """The network that every arrival of the same rows must end in."""
    return train(digits).sha256


def write(path, text):
    path.write_bytes(text)
    return path


def test_local_processes_that_share_shards_end_in_the_same_bytes_as_inline(train, digits):
    settings = {"shards": 5, "rounds": 1}
    assert train(digits, runner="local", tasks=2, **settings).to_bytes() == train(digits, **settings).to_bytes()


def test_rows_in_another_order_give_the_same_bytes(train, digits, calm, tmp_path):
    header, *rows = digits.read_bytes().splitlines(keepends=True)
    np.random.default_rng(1).shuffle(rows)
    assert train(write(tmp_path / "shuffled.csv", header + b"".join(rows))).sha256 == calm


def test_rows_sorted_by_label_give_the_same_bytes(train, digits, calm, tmp_path):
    header, *rows = digits.read_bytes().splitlines(keepends=True)
    assert train(write(tmp_path / "sorted.csv", header + b"".join(sorted(rows)))).sha256 == calm


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\n\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: b"\n".join(b",".join(b'"%s"' % cell for cell in line.split(b",")) for line in text.split()),
        lambda text: text.replace(b",0,", b",0.0,"),
    ],
    ids=["crlf", "byte-order-mark", "blank-lines", "no-last-newline", "quoted", "written-as-floats"],
)
def test_another_spelling_of_the_same_rows_gives_the_same_bytes(train, digits, calm, tmp_path, change):
    assert train(write(tmp_path / "spelt.csv", change(digits.read_bytes()))).sha256 == calm


def test_a_gz_file_gives_the_same_bytes(train, digits, calm, tmp_path):
    assert train(write(tmp_path / "digits.csv.gz", gzip.compress(digits.read_bytes()))).sha256 == calm


def test_a_folder_of_files_with_a_header_each_gives_the_same_bytes(train, digits, calm, tmp_path):
    header, *rows = digits.read_bytes().splitlines(keepends=True)
    folder = tmp_path / "parts"
    folder.mkdir()
    for i in range(4):
        write(folder / f"part-{i}.csv", header + b"".join(rows[i::4]))
    write(folder / "_SUCCESS", b"")
    assert train(folder).sha256 == calm
    assert train(f"{folder}/part-*.csv").sha256 == calm


def test_a_file_without_header_gives_the_same_bytes(train, digits, calm, tmp_path):
    assert train(write(tmp_path / "bare.csv", digits.read_bytes().split(b"\n", 1)[1])).sha256 == calm


def test_the_label_may_stand_anywhere(train, digits, calm, tmp_path):
    lines = [line.split(b",") for line in digits.read_bytes().split()]
    last = b"\n".join(b",".join([*cells[1:], cells[0]]) for cells in lines)
    assert train(write(tmp_path / "last.csv", last), label="digit").sha256 == calm
    assert train(tmp_path / "last.csv", label="-1").sha256 == calm


@pytest.mark.parametrize("setting", [{"seed": 6}, {"epochs": 2}, {"shards": 3}, {"momentum": 0.5}, {"batch_size": 8}])
def test_another_setting_gives_other_bytes(train, digits, calm, setting):
    assert train(digits, **setting).sha256 != calm


def test_a_shard_trained_from_a_mapped_file_gives_the_same_bytes(train, digits, calm, monkeypatch):
    monkeypatch.setattr("mrdl.shards.loaded.RowSpool.array", lambda self, width, least=None: _mapped(self, width))
    assert train(digits).sha256 == calm


def _mapped(spool, width):
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        return np.memmap(file.name, np.uint8, "w+", shape=(max(1, spool.rows), width))[: spool.rows]


def test_one_shard_and_one_round_equal_training_all_rows_at_once(train, digits):
    """The walk through CSV, hash, shuffle and packed lines adds nothing to plain training."""
    model = train(digits, shards=1, rounds=1, validation=0)
    assert len(model.lineage["rounds"]) == 1, "no warm start"
    table = np.loadtxt(digits, delimiter=",", skiprows=1)
    weights = model.arch.initial_weights(5)
    from mrdl.data.hashing import hash_order, label_hashes, row_hash

    names = [str(i) for i in range(10)]
    features, targets = table[:, 1:].astype(np.uint8), table[:, 0].astype(np.int64)
    hashes = row_hash(features, label_hashes(names)[targets])
    order = hash_order(hashes, features, targets, names)
    rows = Rows(features, targets, order, model.preparation.inputs.encoding)
    settings = Hyperparameters(1, 16, 0.03, 0.8)
    expected, _ = train_shard(model.arch, weights, rows, settings, np.random.default_rng([5, 1, 0]), NUMPY)
    assert all(np.array_equal(expected[name], model.weights[name]) for name in expected)


def test_training_learns_as_plain_pytorch_does(train, digits):
    """Three rounds on four shards come within two points of one plain loop of as many epochs on all rows."""
    model = train(digits, nodes=(64, 100, 10), shards=4, rounds=3, epochs=4)
    table = np.loadtxt(digits, delimiter=",", skiprows=1)
    x, y = torch.tensor(table[:, 1:] / 16, dtype=torch.float32), torch.tensor(table[:, 0], dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    held = torch.rand(len(x), generator=generator) < 0.1
    net = mrdl.Net([64, 100, 10])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.8)
    for _ in range(12):
        for batch in torch.randperm(int((~held).sum()), generator=generator).split(16):
            optimiser.zero_grad()
            torch.nn.functional.nll_loss(net(x[~held][batch]), y[~held][batch]).backward()
            optimiser.step()
    plain = (net(x[held]).argmax(1) == y[held]).float().mean().item()
    assert model.rounds[-1]["accuracy"] > plain - 0.02


def test_a_label_column_without_a_name_is_a_label_all_the_same(train, digits, tmp_path):
    """The labels are 0 to 27, so that their order as numbers is another one than as text."""
    header, *rows = digits.read_text().splitlines(keepends=True)
    rows = [f"{3 * int(row[0])}{row[1:]}" for row in rows]
    named = train(write(tmp_path / "named.csv", "".join([header, *rows]).encode()))
    nameless = train(write(tmp_path / "nameless.csv", "".join([header.removeprefix("digit"), *rows]).encode()))
    assert nameless.classes == named.classes == tuple(str(3 * i) for i in range(10))
    assert nameless.sha256 == named.sha256
    assert nameless.evaluate(tmp_path / "nameless.csv") == named.evaluate(tmp_path / "named.csv")


def test_a_class_that_one_shard_never_sees_is_a_class_all_the_same(train, small_csv, tmp_path):
    rare = write(tmp_path / "rare.csv", small_csv.read_bytes() + b"0.5,0.5,0.5,maybe\n")
    model = train(rare, nodes=(3, 8, 3), label="answer", validation=0)
    assert model.classes == ("maybe", "no", "yes")


def test_fewer_rows_than_a_batch_train(train, tmp_path):
    path = write(tmp_path / "few.csv", b"label,a\n" + b"".join(b"%d,%d\n" % (i % 2, i) for i in range(9)))
    model = train(path, nodes=(1, 4, 2), shards=2, batch_size=64, validation=0)
    assert model.rounds[-1]["rows"] == 9


def test_an_empty_shard_does_not_count(train, tmp_path):
    """With as many shards as rows some stay empty; the combined weights are those of the others."""
    path = write(tmp_path / "few.csv", b"label,a\n" + b"".join(b"%d,%d\n" % (i % 2, i) for i in range(8)))
    model = train(path, shards=8, nodes=(1, 2), rounds=1, validation=0)
    shards = RunFolder(model.run_dir).manifests()[-1].shards
    assert {(bool(shard.num_examples), shard.left_out) for shard in shards} == {(True, ""), (False, "no rows")}
    assert sum(shard.num_examples for shard in shards) == 8 and np.isfinite(model.rounds[-1]["training_loss"])


def test_validation_rows_are_never_trained_on(train, digits):
    model = train(digits, validation=0.25, rounds=1)
    assert model.rounds[0]["rows"] < 1797 * 0.8


def test_an_autoencoder_trains_without_labels(train, digits, tmp_path):
    bare = b"\n".join(line.split(b",", 1)[1] for line in digits.read_bytes().split())
    path = write(tmp_path / "unlabelled.csv", bare)
    settings = {"kind": "autoencoder", "nodes": (64, 16), "label": "none", "rounds": 3, "epochs": 8}
    model = train(path, **settings)
    assert model.arch.nodes == (64, 16, 64)
    table = np.loadtxt(path, delimiter=",", skiprows=1) / 16
    assert model.rounds[-1]["mse"] < 0.6 * ((table - table.mean(0)) ** 2).mean()  # of the mean image


@pytest.mark.slow
def test_an_autoencoder_is_the_same_in_processes(train, digits):
    settings = {"kind": "autoencoder", "nodes": (64, 16), "rounds": 1}
    assert train(digits, runner="local", **settings).sha256 == train(digits, **settings).sha256


def test_results_that_arrive_in_another_order_give_the_same_bytes(order):
    """Numbers whose sum does depend on its order, even in float64."""
    values = [1e17, 3, -1e17, 7]
    results = [ShardResult(i, 10, {"w": np.array([v], np.float32)}, {"loss": 0.5}, "a") for i, v in enumerate(values)]
    lines = [b"combine\t" + pack_result(result) + b"\n" for result in results]
    combined = set()
    for arrival in itertools.permutations(lines):
        tasks.combine_results(arrival, lambda key, value: combined.add(value), order(), mean)
    assert len(combined) == 1


def test_a_round_has_one_task_that_combines(train, digits, monkeypatch):
    calls, combine = [], tasks.combine_results
    monkeypatch.setattr(tasks, "combine_results", lambda *of_task: calls.append(of_task) or combine(*of_task))
    train(digits, shards=4, tasks=3, rounds=2)
    assert len(calls) == 3, "the warm start and two rounds"


SCRIPT = """
    import sys
    from mrdl import TrainJob
    from mrdl.rounds.combine import weighted_mean

    def last_shard(results):
        return results[-1].weights

    class Mine(TrainJob):
        combine_rule = staticmethod(last_shard)

        def parse(self, schema):
            inner = super().parse(schema)
            print("a print in a task must not reach its output")
            return lambda text: inner(text.replace(b";", b","))

    if __name__ == "__main__":
        Mine.run()
"""


@pytest.mark.parametrize("runner", ["inline", pytest.param("local", marks=pytest.mark.slow)])
def test_a_users_script_reads_other_lines_and_combines_in_another_way(runner, digits, tmp_path):
    (tmp_path / "mine.py").write_text(textwrap.dedent(SCRIPT))
    header, rows = digits.read_bytes().split(b"\n", 1)
    write(tmp_path / "other.csv", header + b"\n" + rows.replace(b",", b";").replace(b"\n;", b"\n"))
    words = ["other.csv", "-r", runner, "--json", "--nodes", "64,32,10", "--shards", "2", "--rounds", "1"]
    words += ["--epochs", "1", "--seed", "5", "--header", "yes", "--outer-step", "1", "--outer-momentum", "0"]
    ended = subprocess.run([sys.executable, "mine.py", *words], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    settings = {**QUICK, "rounds": 1, "outer_step": 1.0, "outer_momentum": 0.0, "run_dir": str(tmp_path / "x")}
    run = Run(digits, TrainConfig(**settings), keep_shards=True)
    results = run.train().results
    assert f'"sha256": "{digest(results[-1].weights)}"' in ended.stdout
