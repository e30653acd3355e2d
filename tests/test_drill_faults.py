"""Faults on a real HDFS and YARN, one at a time: each run ends in the bytes of a calm one in one process."""

import getpass
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from yarn import cpu_seconds

import mrdl
from mrdl.drill import faults
from mrdl.drill.trial import Trial
from mrdl.storage import store

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]

LONG = {"nodes": (64, 400, 200, 10), "shards": 2, "rounds": 1, "epochs": 100, "warm_rows": 0}


CACHE_HOME = os.environ.get("XDG_CACHE_HOME")  # where `mrdl hadoop` has its jars


@pytest.fixture(autouse=True)
def environment(cluster, own_cache, monkeypatch):
    """The cluster is this process's own, as in a user's shell."""
    for name, value in {**cluster, "XDG_CACHE_HOME": CACHE_HOME}.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    store._store_of_conf.cache_clear()
    yield
    store._store_of_conf.cache_clear()


@pytest.fixture(scope="module")
def stored(cluster):
    """The digits in HDFS."""
    env = {**os.environ, **cluster}
    digits = Path(__file__).parent / "data" / "digits.csv"
    for words in (["-mkdir", "-p", "faults"], ["-put", "-f", str(digits), "faults/digits.csv"]):
        subprocess.run([f"{cluster['HADOOP_HOME']}/bin/hadoop", "fs", *words], env=env, check=True, capture_output=True)
    return f"hdfs:///user/{getpass.getuser()}/faults/digits.csv"


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """What an undisturbed run in one process ends in."""
    digits = Path(__file__).parent / "data" / "digits.csv"
    folder = tmp_path_factory.mktemp("calm")
    return mrdl.train(digits, show=False, run_dir=f"{folder}/run", cache_dir=f"{folder}/cache", **LONG).sha256


def words_of(settings):
    return [f"--{name.replace('_', '-')}={str(value).strip('()').replace(' ', '')}" for name, value in settings.items()]


@pytest.fixture
def trial(stored, tmp_path):
    """Start a run on YARN: trial("--wait-s=9", shards=3, ...). Ended, whatever happens."""
    started = []

    def start(*words, cache="shared", **settings):
        cache_dir = store.hdfs_store().uri(f"/user/{store.hdfs_store().cluster.user}/faults/{cache}")
        given = [stored, "-r", "hadoop", *words_of({**LONG, **settings}), *words]
        started.append(Trial(given, tmp_path / "run", cache_dir, "hadoop", np.random.default_rng(0)))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.end(signal.SIGKILL)


def until(look, seconds=120):
    """The first true answer of `look`, asked again and again until a deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return answer


def training(trial):
    """Pythons of the run's tasks that have computed for a second, as only those that train do."""
    pids = trial.processes(lambda words, where: "python" in words[0])
    return [pid for pid in pids if cpu_seconds(pid) >= 1]


def ended(trial):
    """What a run printed, and its status; it was not started again."""
    out, err = trial.process.communicate(timeout=400)
    return trial.process.returncode, out.decode(), err.decode()


def retries(trial):
    manifests = [json.loads(path.read_text()) for path in sorted(trial.run_dir.glob("rounds/*.json"))]
    return sum(manifest["retried"] for manifest in manifests)


def test_a_task_whose_container_dies_is_retried_and_the_round_says_so(trial, calm):
    run = trial()
    until(lambda: training(run))
    assert faults.kill_container(run)
    status, out, err = ended(run)
    assert status == 0 and json.loads(out)["sha256"] == calm, err
    assert retries(run) >= 1


def test_a_task_that_hangs_is_retried(trial, calm, tmp_path):
    conf = tmp_path / "mrjob.conf"
    conf.write_text("runners: {hadoop: {bootstrap_mrjob: false, jobconf: {mapreduce.task.timeout: 8000}}}")
    run = trial("--mrjob-conf", str(conf))
    os.kill(until(lambda: training(run))[0], signal.SIGSTOP)
    status, out, err = ended(run)
    assert status == 0 and json.loads(out)["sha256"] == calm, err
    assert retries(run) >= 1


def test_a_job_whose_application_master_dies_goes_on(trial, calm):
    run = trial()
    until(lambda: faults.kill_application_master(run))
    status, out, err = ended(run)
    assert status == 0 and json.loads(out)["sha256"] == calm, err


@pytest.mark.parametrize("daemon", ["nodemanager", "datanode", "namenode", "resourcemanager"])
def test_a_daemon_that_is_killed_and_comes_back_changes_nothing(trial, calm, daemon):
    run = trial()
    until(lambda: training(run))
    assert faults.restart(daemon)(run)
    status, out, err = ended(run)
    assert status == 0 and json.loads(out)["sha256"] == calm, err


def dfs_admin(cluster, *words):
    command = [f"{cluster['HADOOP_HOME']}/bin/hadoop", "org.apache.hadoop.hdfs.tools.DFSAdmin", *words]
    subprocess.run(command, env={**os.environ, **cluster}, check=True, capture_output=True)


def test_a_run_waits_for_an_hdfs_in_safe_mode_then_stops_and_can_be_resumed(trial, calm, cluster):
    dfs_admin(cluster, "-safemode", "enter")
    try:
        run = trial("--wait-s=4")
        status, _, err = ended(run)
        assert status == 2 and "safe mode" in err and "--resume" in err, err
        assert "Waiting up to 4 s" in err and "Traceback" not in err
        run.words = [*run.words[:-1], "--wait-s=200"]
        run.start()
        waited = run.process.stderr.readline
        until(lambda: b"Waiting up to 200 s" in waited())
    finally:
        dfs_admin(cluster, "-safemode", "leave")
    status, out, err = ended(run)
    assert status == 0 and json.loads(out)["sha256"] == calm, err


def test_a_run_whose_hdfs_is_full_goes_on_when_there_is_room_again(trial, calm, cluster):
    hdfs = store.hdfs_store()
    full = f"/user/{hdfs.cluster.user}/faults/full"
    hdfs.mkdir(hdfs.uri(full))
    dfs_admin(cluster, "-setSpaceQuota", "1000", full)
    run = trial(cache="full/cache")
    until(lambda: b"quota" in run.process.stderr.readline())
    dfs_admin(cluster, "-clrSpaceQuota", full)
    status, out, err = ended(run)
    assert status == 0 and json.loads(out)["sha256"] == calm, err


def test_eight_shards_need_one_free_slot(trial, cluster, digits, tmp_path):
    run = trial("--tasks=1", cache="eight", shards=8, epochs=5)
    status, out, err = ended(run)
    folders = {"run_dir": f"{tmp_path}/x", "cache_dir": f"{tmp_path}/cache"}
    same = mrdl.train(digits, show=False, **folders, **{**LONG, "shards": 8, "epochs": 5})
    assert status == 0 and json.loads(out)["sha256"] == same.sha256, err
