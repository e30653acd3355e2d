"""Large designs that are a job of their own train what the table says, and end with their driver."""

import pytest
from odd_back_ends import HERE, toml
from watching import processes, wait_for

from mrdl.nn.design import Design
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.jobs.child import over
from mrdl.sweep.routes import refused_by_train

pytestmark = pytest.mark.usefixtures("importable")


def test_a_job_does_not_train_another_initialisation_than_the_table_says():
    able = [
        n for n in ("he", "xavier", "default") if not refused_by_train(Design((8,), optimizer="sgd", initialisation=n))
    ]
    assert len(able) <= 1, "mrdl train has one initialisation"


@pytest.mark.slow
def test_a_job_trains_as_many_epochs_as_the_table_says(tmp_path, small_csv):
    space = {"nodes": [[4]], "optimizer": "sgd", "initialisation": "he", "learning_rate": 0.05, "epochs": 1}
    about = {"data": {"label": "answer"}, "space": space, "sweep": {"route": "job", "shards": 1}}
    table = SweepDriver.create(tmp_path / "sweep", about, str(small_csv)).run("inline")
    assert table.status[0] == "done", table.reason[0]
    assert len(table.curve[0]) == 1


def test_long_designs_of_a_back_end_of_ones_own_are_trained_by_it(odd_sweep):
    made = odd_sweep(nodes=[[1], [2]])
    (first, text, *_), (second, *_) = made.ledger.waiting()
    took = {"arch_id": first, "spec": text, "status": "done", "wall_s": 300.0, "accuracy": 0.5, "loss": 1.0}
    made.parts.close(made.intend([[first]]), [took])
    table = made.run("inline").set_index("arch_id")
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
    assert SweepDriver(tmp_path / "long").table().reason[0] == over(1)


@pytest.mark.slow
def test_a_killed_driver_leaves_no_job_running(tmp_path, small_csv, sweep_process):
    process = sweep_process("run", toml(tmp_path, **LONG), small_csv, "--dir", "long", "-r", "local")
    assert wait_for(lambda: list(tmp_path.glob("long/runs/*/run.json")), 40)
    process.kill()
    process.wait()
    assert wait_for(lambda: not processes(tmp_path / "long"), 3), "or resume finds its run folder in use, and gives up"
