"""A sweep on real YARN: the table that processes give, each design once, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from yarn import applications, poll, training_processes

from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.ledger import Ledger

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]
TESTS = Path(__file__).resolve().parent
CLOCK = ["wall_s", "cpu_s"]
FOLDER = "s[b] #,*{ü} $(touch hit) %41"  # text, whatever mrjob, Hadoop or a shell would take it for
SPEC = """
[data]
label = "digit"
[space]
nodes = [[8], [16], [24], [32], [8, 8], [16, 16], [24, 24], [32, 32]]
epochs = 12
[sweep]
seeds = 3
[limits]
pack_s = 3.0
"""


@pytest.fixture
def driver(cluster, stored, tmp_path):
    """Start a driver of the sweep on YARN, in tmp_path/FOLDER."""
    drivers = []

    def begin():
        (tmp_path / "spec.toml").write_text(SPEC)
        command = [sys.executable, "-m", "mrdl", "sweep", "run", "spec.toml", stored, "-r", "hadoop", "--dir", FOLDER]
        (tmp_path / "mrjob.conf").write_text("runners: {hadoop: {jobconf: {mapreduce.job.queuename: default}}}\n")
        command += ["--mrjob-conf", "mrjob.conf", "--python-bin", sys.executable]
        env = {**os.environ, **cluster}
        with open(tmp_path / "err.txt", "wb") as err:
            drivers.append(subprocess.Popen(command, cwd=tmp_path, env=env, stderr=err))
        return drivers[-1]

    yield begin
    for one in drivers:
        one.kill()
        one.wait()


def looked_up(path, question):
    """What the ledger of a sweep answers, None before there is one."""
    if not (path / "ledger.db").exists():
        return None
    ledger = Ledger(path / "ledger.db")
    try:
        return question(ledger)
    finally:
        ledger.close()


def of_sweep(cluster, path, states="RUNNING,ACCEPTED,SUBMITTED"):
    """The applications of a sweep."""
    if not (path / "sweep.json").exists():
        return []
    tag = json.loads((path / "sweep.json").read_text())["id"]
    return [app for app in applications(cluster, states) if app["applicationTags"].startswith(tag)]


def clients(path):
    """Processes of Hadoop's client that send a job of this sweep."""
    tag = json.loads((path / "sweep.json").read_text())["id"].encode()
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"mapreduce.job.tags=" + tag in words.read_bytes() and b"java" in words.read_bytes().split(b"\0")[0]:
                found.append(int(words.parent.name))
        except OSError:
            continue  # it has just ended
    return found


def test_each_design_is_trained_once_whatever_is_killed(driver, cluster, digits, tmp_path):
    path, said = tmp_path / FOLDER, tmp_path / "err.txt"
    points = {
        "it has written down what it will send": lambda: looked_up(path, Ledger.open_jobs),
        "its client is at work": lambda: clients(path),
        "the job runs": lambda: [app for app in of_sweep(cluster, path) if app["state"] == "RUNNING"],
        "some results are in": lambda: (looked_up(path, Ledger.counts) or {}).get("done"),
        "the job is over": lambda: of_sweep(cluster, path, "FINISHED"),
    }
    for point, reached in points.items():
        process = driver()
        poll(lambda process=process, reached=reached: reached() or process.poll() is not None)
        assert process.poll() is None, f"the driver ended before {point}: {said.read_text()}"
        process.kill()
        process.wait()
        if point == "the job runs":
            os.kill(poll(lambda: training_processes(cluster, 0.2))[0], signal.SIGKILL)
    assert driver().wait(timeout=300) == 0, said.read_text()
    counts = looked_up(path, Ledger.counts)
    assert (counts["designs"], counts["done"], counts["duplicates"]) == (24, 24, 0)
    states = "FINISHED,KILLED,FAILED,RUNNING,ACCEPTED,SUBMITTED"
    assert len(of_sweep(cluster, path, states)) == 1, "one job was sent, and adopted by each driver that came later"
    local = SweepDriver(SweepFolder.create(tmp_path / "local", tomllib.loads(SPEC), str(digits))).run("local")
    assert SweepFolder(path).table().drop(columns=CLOCK).equals(local.drop(columns=CLOCK))
