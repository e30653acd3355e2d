"""Drivers of a sweep that are killed leave nothing running, lose nothing and train nothing twice."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from odd_back_ends import HERE, toml, written
from sweeps import SLOW, start
from watching import processes, wait_for

from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.ledger import Ledger

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
    made = SweepFolder.create(folder, {
        "data": {"label": "answer"}, "space": {"nodes": [[n] for n in range(1, 31)]},
        "sweep": {"backend": f"{HERE}:perfect"},
    }, str(small_csv))  # fmt: skip
    table = SweepDriver(made).run("local", 2)
    counts = made.ledger.counts()
    assert (counts["designs"], counts["done"], counts["duplicates"]) == (30, 30, 0)
    assert sorted(json.loads(line)["arch_id"] for line in written(folder)) == sorted(table.arch_id)
    made = SweepFolder(made.path, reindex=True)
    assert made.table().equals(table)


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
    made = SweepFolder(tmp_path / "sweep")
    table = SweepDriver(made).run("local", 2)
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
    made = SweepFolder(path)
    table, counts = SweepDriver(made).run("local", 2), made.ledger.counts()
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
    made = SweepFolder(tmp_path / "sweep")
    counts = made.ledger.counts()
    assert (counts["done"], counts["failed"], counts["duplicates"]) == (24, 0, 0)
