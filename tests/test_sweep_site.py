"""Where the tasks of a sweep run is said as for a training, by one builder of the command line, and kept for resume."""

import json
import os
import sys
from pathlib import Path

import pytest

from mrdl.cli.main import main
from mrdl.errors import ConfigError
from mrdl.mapreduce.arguments import Job
from mrdl.mapreduce.memory import Containers
from mrdl.mapreduce.runners import runner_of
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.jobs import trainings, yarn_packs
from mrdl.sweep.jobs.trainings import Jobs

TESTS = Path(__file__).resolve().parent


@pytest.fixture
def sweep(tmp_path, small_csv, monkeypatch):
    """Make a sweep of three designs that are trained at once."""
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    monkeypatch.chdir(tmp_path)
    space = {"nodes": [[1], [2], [3]]}
    about = {"data": {"label": "answer"}, "space": space, "sweep": {"backend": "backends:at_once"}}
    return SweepFolder.create(tmp_path / "sweep", about, str(small_csv))


@pytest.fixture
def python(tmp_path):
    """A Python of its own name, which leaves a line for each process."""
    path = tmp_path / "a python"
    path.write_text(f'#!/bin/sh\necho x >> "{tmp_path}/started"\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return f"'{path}'"


def options(arguments):
    """Each option with the values that follow it."""
    found = {}
    for i, word in enumerate(arguments):
        if word.startswith("-"):
            found.setdefault(word, []).append(arguments[i + 1] if i + 1 < len(arguments) else "")
    return found


def test_a_sweep_is_told_to_hadoop_as_a_training_is(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(yarn_packs, "hdfs_home", lambda name: f"hdfs:///user/me/{name}")
    (tmp_path / "my.conf").write_text("runners: {hadoop: {jobconf: {mapreduce.job.queuename: night}}}\n")
    sweep.keep_site("python3.11 -q", "my.conf")
    found = options(yarn_packs._arguments(sweep, "s-1", tmp_path, tmp_path / "mrdl.zip", "hdfs:///d"))
    job = Job(
        tag="s-1", work_dir=tmp_path, output_dir=found["--output-dir"][0],
        python_bin="python3.11 -q", mrjob_conf=str(tmp_path / "my.conf"), package=tmp_path / "mrdl.zip",
        containers=Containers(yarn_packs.container(sweep.spec.memory_mb)),
    )  # fmt: skip
    of_training = options(runner_of("hadoop").arguments(job))
    assert {name: found[name][: len(values)] for name, values in of_training.items()} == of_training
    assert found["--conf-path"] == [str(tmp_path / "my.conf")] and found["--python-bin"] == ["python3.11 -q"]


def test_the_python_that_was_named_runs_the_packs_and_is_kept_for_resume(sweep, tmp_path, python, capsys):
    SweepDriver(sweep).run("local", 1, python_bin=python)
    started = (tmp_path / "started").read_text()
    assert started and set(sweep.table().status) == {"done"}
    for path in [*sweep.path.glob("parts/*"), *sweep.path.glob("ledger.db*")]:
        path.unlink()
    assert main(["sweep", "resume", str(sweep.path), "--slots", "1"]) == 0
    assert len((tmp_path / "started").read_text()) > len(started)
    assert json.loads((sweep.path / "sweep.json").read_text())["site"] == {"python_bin": python}


def test_jobs_of_their_own_are_told_the_same(sweep, tmp_path, monkeypatch):
    (tmp_path / "my.conf").write_text("runners: {}\n")
    sweep.keep_site("/opt/python", str(tmp_path / "my.conf"))
    words = []
    monkeypatch.setattr(trainings.subprocess, "Popen", lambda command, **more: words.extend(command))
    Jobs(sweep, runner_of("hadoop"), 1)._start(sweep.ledger.waiting()[0])
    found = options(words)
    assert found["--python-bin"] == ["/opt/python"] and found["--mrjob-conf"] == [str(tmp_path / "my.conf")]


def test_a_conf_that_is_not_there_is_told_before_anything_runs(sweep, capsys):
    with pytest.raises(ConfigError, match="--mrjob-conf nowhere is not there"):
        SweepDriver(sweep).run("inline", mrjob_conf="nowhere")
    assert main(["sweep", "resume", str(sweep.path), "-r", "inline", "--mrjob-conf", "nowhere"]) == 2
    assert sweep.ledger.counts()["planned"] == 3
