"""Large designs that are a job of their own train what the table says, and end with their driver."""

import time

import numpy as np
import pytest
from odd_back_ends import HERE, toml
from sweeps import start
from watching import processes, wait_for

from mrdl.nn.design import CHOICES, Design
from mrdl.settings.config import TrainConfig
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.jobs.child import over_limit
from mrdl.sweep.routes import settings_of_design

pytestmark = pytest.mark.usefixtures("importable")


@pytest.mark.parametrize("choice", [{name: value} for name in CHOICES if name != "shape" for value in CHOICES[name]])
def test_a_job_trains_the_design_that_the_table_says(choice):
    design = Design((8, 8), dropout=0.25, learning_rate=0.02, batch_size=7, seed=5, **choice)
    config = TrainConfig().with_changes(settings_of_design(design, 64, 10))
    assert config.nodes == (64, 8, 8, 10) and config.budget == design.epochs
    same = ("activation", "initialisation", "residual", "dropout", "optimizer", "learning_rate", "batch_size", "seed")
    assert {name: getattr(config, name) for name in same} == {name: getattr(design, name) for name in same}


@pytest.mark.slow
def test_a_job_trains_as_many_epochs_as_the_table_says(tmp_path, small_csv):
    space = {"nodes": [[4]], "optimizer": "sgd", "initialisation": "he", "learning_rate": 0.05, "epochs": 1}
    about = {"data": {"label": "answer"}, "space": space, "sweep": {"route": "job", "shards": 1}}
    table = SweepDriver(SweepFolder.create(tmp_path / "sweep", about, str(small_csv))).run("inline")
    assert table.status[0] == "done", table.reason[0]
    assert len(table.curve[0]) == 1


def test_long_designs_of_a_back_end_of_ones_own_are_trained_by_it(odd_sweep):
    made = odd_sweep(nodes=[[1], [2]])
    (first, text, *_), (second, *_) = made.ledger.waiting()
    took = made.record(first, text, made.spec.backend, status="done", wall_s=300.0, accuracy=0.5, loss=1.0)
    made.parts.close(made.register([[first]]), [took])
    table = SweepDriver(made).run("inline").set_index("arch_id")
    assert (table.status[second], table.backend[second]) == ("done", f"{HERE}:perfect"), table.reason[second]


LONG = {
    "space": {"nodes": [[8]], "optimizer": "sgd", "initialisation": "he", "epochs": 100_000},
    "sweep": {"route": "job", "shards": 1},
}  # fmt: skip


@pytest.mark.slow
def test_the_limit_of_time_holds_for_a_job_of_its_own(tmp_path, small_csv, sweep_process):
    spec = toml(tmp_path, **LONG, limits={"cpu_s": 1})
    process = sweep_process("run", spec, small_csv, "--dir", "long", "-r", "inline")
    assert wait_for(lambda: list(tmp_path.glob("long/runs/*/err.txt")), 40)
    assert wait_for(lambda: process.poll() is not None, 40), "it trains on"
    assert SweepFolder(tmp_path / "long").table().reason[0] == over_limit(1)


@pytest.mark.slow
def test_a_killed_driver_leaves_no_job_running(tmp_path, small_csv, sweep_process):
    process = sweep_process("run", toml(tmp_path, **LONG), small_csv, "--dir", "long", "-r", "local")
    assert wait_for(lambda: list(tmp_path.glob("long/runs/*/run.json")), 40)
    process.kill()
    process.wait()
    assert wait_for(lambda: not processes(tmp_path / "long"), 3), "or resume finds its run folder in use, and gives up"


@pytest.mark.slow
def test_a_design_can_be_a_job_of_its_own_and_is_tested_on_the_same_rows(digits_sweep, digits_data):
    spec = {
        "data": {"label": "digit"}, "space": {"nodes": [[32], [16, 16]], "optimizer": "sgd", "learning_rate": 0.05,
                                              "epochs": 6},
        "sweep": {"route": "job", "shards": 2},
    }  # fmt: skip
    made = digits_sweep(spec)
    table = SweepDriver(made).run("inline")
    assert set(table.status) == {"done"} and (table.accuracy > 0.8).all()
    assert set(table.device) == {"cpu"} and set(table.trained_epochs) == {6}
    assert (table.cpu_s > 0).all() and not table.collapsed.any() and not table.no_better.any()
    import mrdl

    for row in table.itertuples():
        model = mrdl.load(made.path / "runs" / row.arch_id / "model.safetensors")
        predicted = model.net(prepared=True)
        import torch

        with torch.no_grad():
            found = predicted(torch.from_numpy(np.asarray(digits_data.test_x))).argmax(1).numpy()
        assert (found == digits_data.test_y).mean() == pytest.approx(row.accuracy)


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
    table = SweepDriver(SweepFolder(tmp_path / "sweep")).run("local")
    calm = SweepDriver(SweepFolder.create(tmp_path / "calm", spec, str(digits))).run("inline")
    told = ["arch_id", "status", "accuracy", "loss", "curve"]
    assert table[told].equals(calm[told]) and table.attempts.tolist() == [1]
    for path in tmp_path.glob("sweep/runs/*/rounds/*"):
        assert rounds.get(path.name, path.read_bytes()) == path.read_bytes(), "no round is trained again"
