"""Drivers of a sweep that are killed leave nothing running, lose nothing and train nothing twice."""

import json
import random
import signal

import pytest
from odd_back_ends import HERE, toml, written
from watching import processes, wait_for

from mrdl.sweep.driver import SweepDriver

pytestmark = pytest.mark.usefixtures("importable")


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_whatever_ends_a_driver_leaves_no_training_running(tmp_path, small_csv, sweep_process, sign):
    spec = toml(tmp_path, space={"nodes": [[1]]}, sweep={"backend": f"{HERE}:sleeps"})
    process = sweep_process("run", spec, small_csv, "--dir", "sweep", "-r", "inline")
    assert wait_for(lambda: len(processes(tmp_path / "sweep" / "control")) == 2, 40), "a worker and its training"
    process.send_signal(sign)
    process.wait()
    assert wait_for(lambda: not processes(tmp_path / "sweep" / "control"), 2), "the training lives on"
    if sign != signal.SIGKILL:
        assert "mrdl sweep resume" in (tmp_path / "err.txt").read_text(), "how to go on"


@pytest.mark.slow
def test_drivers_killed_at_random_lose_nothing_and_train_nothing_twice(tmp_path, small_csv, sweep_process):
    rng, folder = random.Random(1), tmp_path / "sweep"
    spec = toml(tmp_path, space={"nodes": [[n] for n in range(1, 31)]}, sweep={"backend": f"{HERE}:perfect"})
    for _ in range(5):
        process = sweep_process("run", spec, small_csv, "--dir", "sweep", "--slots", 2)
        wait_for(lambda process=process: process.poll() is not None, rng.uniform(0.4, 2.0))
        process.kill()
        process.wait()
    made = SweepDriver.create(folder, {
        "data": {"label": "answer"}, "space": {"nodes": [[n] for n in range(1, 31)]},
        "sweep": {"backend": f"{HERE}:perfect"},
    }, str(small_csv))  # fmt: skip
    table = made.run("local", 2)
    counts = made.ledger.counts()
    assert (counts["designs"], counts["done"], counts["duplicates"]) == (30, 30, 0)
    assert sorted(json.loads(line)["arch_id"] for line in written(folder)) == sorted(table.arch_id)
    made = SweepDriver(made.path, reindex=True)
    assert made.table().equals(table)
