"""A sweep in processes: each design exactly once, whatever dies, and a table that says what became of it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mrdl.data.dataset import load_data, prepare_data, save_data
from mrdl.errors import ConfigError, DataError
from mrdl.nn.backends.batched import family
from mrdl.nn.backends.reference import with_numpy
from mrdl.nn.backends.single import with_torch
from mrdl.nn.design import Design, design_of
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.jobs.child import Limits, over_limit
from mrdl.sweep.jobs.pack import run_pack, verdicts
from mrdl.sweep.ledger import Ledger

TESTS = Path(__file__).resolve().parent
LIMITS = Limits(cpu_s=60, memory_mb=2048)
SMALL = {
    "data": {"label": "digit"}, "space": {"width": [8, 16], "depth": [1, 2], "epochs": 2, "optimizer": "sgd"},
    "sweep": {"seeds": 2, "backend": "numpy"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def back_ends(monkeypatch):
    """The back ends of tests can be imported, by the processes of a sweep, too."""
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


@pytest.fixture(scope="module")
def data():
    return prepare_data(str(TESTS / "data" / "digits.csv"), "digit", "auto", 0.2)


@pytest.fixture
def sweep(tmp_path, digits):
    """Make a sweep of a spec in a folder of its own: sweep(spec) or sweep(backend="backends:fit", nodes=[[1]])."""

    def make(spec=None, folder="sweep", data=digits, on_progress=lambda counts: None, limits=None, **more):
        backend = more.pop("backend", "torch")
        about = spec or {"data": {"label": "digit"}, "space": more, "sweep": {"backend": backend}}
        about = {**about, "limits": limits} if limits else about
        return SweepDriver.create(tmp_path / folder, about, str(data), on_progress=on_progress)

    return make


def records(data, designs, backend="torch", limits=LIMITS):
    names = ["torch" if backend == "batched" and not family(design) else backend for design in designs]
    work = [(d.arch_id(data.digest, name), d.canonical(), name) for d, name in zip(designs, names, strict=True)]
    return [record.to_json() for record in run_pack(work, data, limits)]


def same(table, other):
    """Whether two tables agree in all but what a clock says."""
    drop = ["wall_s", "cpu_s", "attempts", "log"]
    return table.drop(columns=drop).equals(other.drop(columns=drop))


# --- data ---


def test_the_rows_are_split_by_their_hashes_whatever_their_order(data, digits, tmp_path):
    header, *rows = digits.read_text().splitlines()
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([header, *np.random.default_rng(1).permutation(rows)]) + "\n")
    again = prepare_data(str(shuffled), "digit", "auto", 0.2)
    assert again.digest == data.digest and np.array_equal(again.test_x, data.test_x)
    assert 0.15 < len(data.test_x) / len(rows) < 0.25
    assert prepare_data(str(digits), "digit", "auto", 0.3).digest != data.digest


def test_the_scaling_is_that_of_the_training_rows(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(200) % 2, rng.normal(5, 3, (200, 2)).round(4)])
    path = tmp_path / "rows.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    found = prepare_data(str(path), "0", "no", 0.5)
    assert found.train_x.min(0).tolist() == [0, 0] and found.train_x.max(0) == pytest.approx([1, 1])
    assert found.test_x.min() >= 0 and found.test_x.max() <= 1


def test_the_prepared_data_survives_its_file(data, tmp_path):
    save_data(data, tmp_path / "data.safetensors")
    again = load_data(tmp_path / "data.safetensors")
    assert again.classes == data.classes and again.digest == data.digest
    assert all(np.array_equal(getattr(again, n), getattr(data, n)) for n in ("train_x", "train_y", "test_x", "test_y"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n1,3\n", "test on|one class"),
        ("", "empty"),
        ("0,1\n1,x\n", "not a number|x"),
        ("1\n2\n", "one column"),
    ],
)
def test_wrong_data_is_refused_before_anything_is_written(sweep, tmp_path, content, words):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises((DataError, ConfigError), match=words):
        sweep({"data": {"label": "0"}}, data=path)
    assert not (tmp_path / "sweep").exists()


# --- one training ---


def test_accuracy_is_that_of_scikit_learn_and_loss_its_log_loss(data):
    from sklearn.metrics import accuracy_score, log_loss

    result = with_torch(Design((16,), epochs=6), data, lambda epoch, loss: None)
    (record,) = records(data, [Design((16,), epochs=6)])
    assert record["accuracy"] == accuracy_score(data.test_y, result.predicted) > 0.7
    reference = with_numpy(Design((16,), optimizer="sgd", learning_rate=0.05, epochs=3), data, lambda e, loss: None)
    assert accuracy_score(data.test_y, reference.predicted) > 0.8
    assert 0 < record["loss"] < log_loss(data.test_y, np.full((len(data.test_y), 10), 0.1))


def test_the_same_design_ends_in_the_same_numbers(data):
    designs = [Design((8, 8), "tanh", residual=True, dropout=0.2, epochs=2, seed=s) for s in (3, 4)]
    first, other = records(data, designs)
    (again,) = records(data, designs[:1])
    told = ("accuracy", "loss", "curve")
    assert [first[n] for n in told] == [again[n] for n in told] != [other[n] for n in told]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_is_that_of_torch_optim(data, optimizer):
    import torch

    from mrdl.nn.backends.single import architecture_of, initial_weights
    from mrdl.nn.net import build

    design = Design((16, 8), "tanh", optimizer=optimizer, learning_rate=0.01, epochs=3, seed=4)
    arch, drawn = architecture_of(design, data.columns, 10), torch.Generator().manual_seed(4)
    net, losses, known = build(arch, initial_weights(design, arch, drawn)), [], []
    known_by = {"sgd": torch.optim.SGD(net.parameters(), 0.01, 0.9), "adam": torch.optim.Adam(net.parameters(), 0.01)}
    x, y = torch.tensor(data.train_x), torch.tensor(data.train_y)
    for _ in range(3):
        total = 0.0
        for rows in torch.randperm(len(x), generator=drawn).split(32):
            loss = torch.nn.functional.cross_entropy(net.logits(x[rows]), y[rows])
            known_by[optimizer].zero_grad()
            loss.backward()
            known_by[optimizer].step()
            total += loss.item() * len(rows)
        known.append(total / len(x))
    result = with_torch(design, data, lambda epoch, loss: losses.append(loss))
    assert losses == pytest.approx(known, rel=1e-4)
    assert (result.predicted == net(torch.tensor(data.test_x)).argmax(1).numpy()).mean() > 0.99


def test_the_record_says_what_was_trained(data):
    (record,) = records(data, [Design((8, 4), "tanh", epochs=5)])
    assert (design_of(record["spec"]).hidden, record["parameters"]) == ((8, 4), 65 * 8 + 9 * 4 + 5 * 10)
    assert len(record["curve"]) == 5 and record["curve"][-1] < record["curve"][0]
    assert record["baseline"] == pytest.approx((data.test_y == data.majority).mean()) and not record["collapsed"]


def test_a_perfect_network_of_three_classes_is_right_and_a_constant_one_has_collapsed(tmp_path):
    """A metric that compares a column of the one-hot labels with a class would say 0 and 67 per cent."""
    rows = "".join(f"{i % 3},{(i % 3) / 2},{i % 7}\n" for i in range(600))
    (tmp_path / "three.csv").write_text(rows)
    data = prepare_data(str(tmp_path / "three.csv"), "0", "no", 0.2)
    (perfect,) = records(data, [Design((9,))], "backends:fit")
    (constant,) = records(data, [Design((9,))], "backends:constant")
    assert perfect["accuracy"] == 1 and not perfect["collapsed"]
    assert constant["accuracy"] == constant["baseline"] < 0.5 and constant["collapsed"]


def right_in(data, accuracy):
    """Predictions of several classes that are right in a share of the test rows."""
    right = round(accuracy * len(data.test_y))
    return np.where(np.arange(len(data.test_y)) < right, data.test_y, (data.test_y + 1) % len(data.classes))


def test_a_network_that_says_one_class_has_collapsed_and_no_other_has(data):
    """What is no better than the majority class within two deviations may say every class."""
    deviation = np.sqrt(data.baseline * (1 - data.baseline) / len(data.test_y))
    guesses = right_in(data, data.baseline + 1.9 * deviation)
    assert verdicts(guesses, data) == {"collapsed": False, "no_better": True}
    assert verdicts(right_in(data, data.baseline + 2.2 * deviation), data) == {"collapsed": False, "no_better": False}
    for said in range(len(data.classes)):
        assert verdicts(np.full(len(data.test_y), said), data)["collapsed"]


def test_a_class_that_is_nearly_all_does_not_make_a_network_collapse(tmp_path):
    """A network that finds half of the few is right in more than the majority class, though not by two deviations."""
    rows = "".join(f"{int(i % 40 == 0)},{i / 900},{i % 7}\n" for i in range(900))
    (tmp_path / "few.csv").write_text(rows)
    data = prepare_data(str(tmp_path / "few.csv"), "0", "no", 0.2)
    (one, *others) = np.flatnonzero(data.test_y == 1)
    said = np.zeros(len(data.test_y), int)
    said[one] = 1
    assert others and verdicts(said, data) == {"collapsed": False, "no_better": True}


def test_what_goes_wrong_costs_one_row_with_its_reason(data):
    found = [
        records(data, [Design((kind,))], "backends:fit", Limits(1.5, 512, 1.5) if kind in (3, 5) else LIMITS)[0]
        for kind in range(1, 9)
    ]
    assert [r["reason"] for r in found] == [
        "ValueError: no such luck", "killed by signal 11 (SIGSEGV)", over_limit(1.5), "ran out of memory",
        "hangs: in 1.5 s it ended no epoch and used no CPU time to speak of (limits.hang_s)",
        "ended with status 3, and said nothing", "its loss is not finite", "",
    ]  # fmt: skip
    assert [r["status"] for r in found] == ["failed"] * 7 + ["done"]
    assert "no such luck" in found[0]["log"] and all(r["cpu_s"] < 5 for r in found)


def test_designs_that_train_together_have_the_results_of_each_by_itself(data):
    mixed = [Design((8, 8), seed=s, epochs=3) for s in range(20)] + [
        Design((8,), dropout=0.5),
        Design((200,), epochs=1),
    ]
    found = {r["spec"]: r for r in records(data, mixed, "batched")}
    assert [found[d.canonical()]["together"] for d in mixed] == [16] * 16 + [4] * 4 + [1, 1]
    for alone in records(data, mixed, "torch"):
        record = found[alone["spec"]]
        assert record["accuracy"] == pytest.approx(alone["accuracy"], abs=0.01)
        assert record["curve"] == pytest.approx(alone["curve"], rel=1e-4)
    told = ("accuracy", "loss", "curve")
    fewer = records(data, mixed[3:5], "batched")
    assert [[r[n] for n in told] for r in fewer] == [[found[d.canonical()][n] for n in told] for d in mixed[3:5]]


def test_where_a_group_fails_each_of_it_is_trained_by_itself(data):
    """The limit is too short for one of the epochs asked for, which are the same for all of a group."""
    designs = [Design((8,), seed=s, epochs=10**6) for s in range(3)]
    found = records(data, designs, "batched", Limits(1, 2048))
    assert [(r["status"], r["reason"], r["together"]) for r in found] == [("failed", over_limit(1), 1)] * 3
    diverging = [Design((8,), optimizer="sgd", learning_rate=rate, epochs=2) for rate in (0.01, 1e30, 0.02)]
    found = records(data, diverging, "batched")
    assert [r["status"] for r in found] == ["done", "failed", "done"]
    assert [r["together"] for r in found] == [3] * 3 and found[1]["reason"] == "its loss is not finite"


# --- the whole sweep ---


def test_a_sweep_trains_each_design_once_in_any_runner(sweep):
    told = []
    first, second = sweep(SMALL, on_progress=told.append), sweep(SMALL, folder="inline")
    table = first.run("local")
    assert len(table) == 8 == len(set(table.arch_id)) and set(table.status) == {"done"} and set(table.attempts) == {1}
    assert same(table, second.run("inline"))
    assert told[-1] == {
        "designs": 8, "done": 8, "failed": 0, "collapsed": int(table.collapsed.sum()),
        "no_better": int(table.no_better.sum()), "running": 0, "planned": 0,
        "duplicates": 0,
    }  # fmt: skip


def test_what_trains_together_ends_in_the_same_table_in_any_runner_and_any_packs(sweep):
    about = {**SMALL, "sweep": {"seeds": 8, "backend": "batched"}, "limits": {"pack_s": 0.05}}
    table = sweep(about, limits={"pack_s": 0.05}).run("local", 2)
    inline = sweep(about, folder="inline", limits={"pack_s": 0.05}).run("inline")
    clock = ["together"]
    assert set(table.status) == {"done"} and same(table.drop(columns=clock), inline.drop(columns=clock))


def test_a_finished_sweep_trains_nothing_again(sweep):
    table = sweep(SMALL).run()
    again = sweep(SMALL)
    jobs = again.ledger.jobs()
    assert same(again.run(), table) and again.ledger.jobs() == jobs


def test_the_index_is_made_again_from_the_parts(sweep):
    made = sweep(SMALL)
    table, counts = made.run(), made.ledger.counts()
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    again = SweepDriver(made.path, reindex=True)
    assert again.table().equals(table) and again.ledger.counts() == counts


def test_failed_designs_are_rows_and_can_be_tried_again(sweep):
    made = sweep(backend="backends:fit", nodes=[[1], [9], [7]])
    table = made.run()
    assert table.status.tolist() == ["failed", "done", "failed"] and table.attempts.tolist() == [1, 1, 1]
    assert made.ledger.ask_again() == 2
    assert made.run().attempts.tolist() == [2, 1, 2]
    assert made.ledger.counts()["failed"] == 2


def test_a_design_that_takes_its_task_along_stands_alone_in_the_end(sweep):
    """Its pack is sent again design by design; the second time that it dies alone it is a row."""
    made = sweep(backend="backends:kills_its_parent", nodes=[[n] for n in range(1, 7)])
    table = made.run("inline")
    assert table.status.tolist() == ["failed"] + ["done"] * 5
    assert table.reason[0] == "its task died three times, the last time with it alone in it"
    assert made.ledger.counts()["duplicates"] == 0


def test_another_spec_or_other_data_in_the_folder_is_refused(sweep, digits, tmp_path):
    sweep(SMALL)
    with pytest.raises(ConfigError, match="another spec or other data"):
        sweep({**SMALL, "sweep": {"seeds": 3, "backend": "numpy"}})
    (tmp_path / "other.csv").write_text(digits.read_text().rpartition("\n0")[0] + "\n")
    with pytest.raises(ConfigError, match="another spec or other data"):
        sweep(SMALL, data=tmp_path / "other.csv")


def test_a_back_end_that_is_not_there_is_told(sweep):
    for name, words in (("tensorflow", "expected one of torch, numpy"), ("nowhere:fit", "cannot be loaded")):
        with pytest.raises(ConfigError, match=words):
            sweep(backend=name)


# --- whatever dies ---


def start(folder, spec, digits):
    code = (
        "import json, sys; from mrdl.sweep.driver import SweepDriver;"
        "SweepDriver.create(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]).run('local', 2)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder), json.dumps(spec), str(digits)])


def counted(folder):
    """Designs done by now; -1 before there is a ledger."""
    if not (folder / "ledger.db").exists():
        return -1
    ledger = Ledger(folder / "ledger.db")
    try:
        return ledger.counts()["done"]
    finally:
        ledger.close()


def workers(folder):
    """Processes of a sweep's packs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"mrdl.sweep.jobs.pack" in (words := path.read_bytes()) and str(folder).encode() in words:
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has just ended
    return found


SLOW = {
    "data": {"label": "digit"}, "space": {"nodes": [[n] for n in range(1, 25)]},
    "sweep": {"backend": "backends:slow"}, "limits": {"pack_s": 2.0},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("done", [0, 1, 7, 23])
def test_a_killed_driver_leaves_nothing_running_and_loses_nothing_that_is_done(tmp_path, digits, done):
    process = start(tmp_path / "sweep", SLOW, digits)
    while counted(tmp_path / "sweep") < done and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while workers(tmp_path / "sweep"):
        assert time.monotonic() < deadline, "workers live on"
        time.sleep(0.05)
    before = {path.name: path.read_bytes() for path in (tmp_path / "sweep" / "parts").glob("*")}
    made = SweepDriver(tmp_path / "sweep")
    table = made.run("local", 2)
    counts = made.ledger.counts()
    assert (counts["designs"], counts["done"], counts["duplicates"]) == (24, 24, 0)
    assert len(table) == 24 and set(table.status) == {"done"}
    for name, content in before.items():
        assert (tmp_path / "sweep" / "parts" / name).read_bytes().startswith(content), "what was written stays"


@pytest.mark.slow
def test_2250_designs_are_2250_trainings_though_drivers_die(tmp_path, digits):
    """Another engine made 124,070 of 22,500; scripts/bench/sweep.py kills as many as those."""
    spec = {
        "data": {"label": "digit"}, "space": {"nodes": [[n] for n in range(1, 751)]},
        "sweep": {"backend": "backends:at_once", "seeds": 3},
    }  # fmt: skip
    path = tmp_path / "sweep"
    for done in (400, 1_200, 2_000):
        driver = start(path, spec, digits)
        while counted(path) < done:
            assert driver.poll() is None
            time.sleep(0.1)
        driver.kill()
        driver.wait()
    made = SweepDriver(path)
    table, counts = made.run("local", 2), made.ledger.counts()
    assert (counts["designs"], counts["done"], counts["duplicates"]) == (2_250, 2_250, 0)
    assert len(table) == table.arch_id.nunique() == 2_250 and set(table.attempts) == {1}
    written = [line for part in path.glob("parts/*.jsonl") for line in part.read_bytes().splitlines()]
    assert len(written) == 2_250, "nothing was trained that is not in the table"


@pytest.mark.slow
def test_killed_tasks_are_made_up_for(tmp_path, digits):
    process, killed = start(tmp_path / "sweep", SLOW, digits), 0
    while process.poll() is None:
        found = workers(tmp_path / "sweep")
        if found and killed < 5 and counted(tmp_path / "sweep") >= 3 * killed:
            os.kill(found[0], signal.SIGKILL)
            killed += 1
        time.sleep(0.05)
    assert process.returncode == 0 and killed == 5
    made = SweepDriver(tmp_path / "sweep")
    counts = made.ledger.counts()
    assert (counts["done"], counts["failed"], counts["duplicates"]) == (24, 0, 0)


def test_a_part_that_ends_within_a_line_is_read_as_far_as_it_is_whole(sweep):
    made = sweep(SMALL)
    table = made.run()
    part = sorted((made.path / "parts").glob("*.jsonl"))[0]
    whole = part.read_bytes()
    part.write_bytes(whole[:-20])
    made = SweepDriver(made.path, reindex=True)
    assert made.ledger.counts()["done"] == 8 - 1
    assert same(made.run(), table)


def test_two_drivers_do_not_run_one_sweep(sweep):
    made = sweep(SMALL)
    with made.held(), pytest.raises(ConfigError, match=f"is in use by process {os.getpid()}"):
        SweepDriver(made.path).run()


def test_a_sweep_that_is_stopped_goes_on_later(tmp_path, digits):
    def stop_after_three(counts):
        if counts["done"] >= 3:
            made.stop()

    made = SweepDriver.create(tmp_path / "sweep", SLOW, str(digits), on_progress=stop_after_three)
    table = made.run("local", 1)
    assert 3 <= (table.status == "done").sum() < 24
    made._on_progress = lambda counts: None
    assert set(made.run().status) == {"done"}


# --- a job for each design ---


@pytest.mark.slow
def test_a_design_can_be_a_job_of_its_own_and_is_tested_on_the_same_rows(sweep, data):
    spec = {
        "data": {"label": "digit"}, "space": {"nodes": [[32], [16, 16]], "optimizer": "sgd", "learning_rate": 0.05,
                                              "epochs": 6},
        "sweep": {"route": "job", "shards": 2},
    }  # fmt: skip
    made = sweep(spec)
    table = made.run("inline")
    assert set(table.status) == {"done"} and (table.accuracy > 0.8).all()
    assert set(table.device) == {"cpu"} and set(table.trained_epochs) == {6}
    assert (table.cpu_s > 0).all() and not table.collapsed.any() and not table.no_better.any()
    import mrdl

    for row in table.itertuples():
        model = mrdl.load(made.path / "runs" / row.arch_id / "model.safetensors")
        predicted = model.net(prepared=True)
        import torch

        with torch.no_grad():
            found = predicted(torch.from_numpy(np.asarray(data.test_x))).argmax(1).numpy()
        assert (found == data.test_y).mean() == pytest.approx(row.accuracy)


@pytest.mark.slow
def test_jobs_of_a_killed_driver_end_with_it_and_go_on_after_their_last_round(tmp_path, digits):
    spec = {
        "data": {"label": "digit"}, "space": {"nodes": [[64, 64]], "optimizer": "sgd", "learning_rate": 0.05,
                                              "epochs": 60},
        "sweep": {"route": "job", "shards": 2},
    }  # fmt: skip
    driver = start(tmp_path / "sweep", spec, digits)
    while not list(tmp_path.glob("sweep/runs/*/rounds/0001.json")):
        assert driver.poll() is None
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    rounds = {path.name: path.read_bytes() for path in tmp_path.glob("sweep/runs/*/rounds/*")}
    table = SweepDriver(tmp_path / "sweep").run("local")
    calm = SweepDriver.create(tmp_path / "calm", spec, str(digits)).run("inline")
    told = ["arch_id", "status", "accuracy", "loss", "curve"]
    assert table[told].equals(calm[told]) and table.attempts.tolist() == [1]
    for path in tmp_path.glob("sweep/runs/*/rounds/*"):
        assert rounds.get(path.name, path.read_bytes()) == path.read_bytes(), "no round is trained again"
