"""What run.json tells of who started a run, from which code, and how it ended; and that none of it decides anything."""

import json
import re
import shutil
import subprocess
import time

import numpy
import pytest
import torch

from mrdl.errors import DataError
from mrdl.rounds import provenance
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.training import Training

TINY = {"nodes": (64, 10), "shards": 1, "rounds": 2, "epochs": 1}
UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, in which this process stands."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "job.py").write_text("1\n")
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    for words in (["init", "-q"], ["add", "job.py"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True, capture_output=True)
    return folder


def head() -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_and_whether_the_tree_was_dirty_are_told(repository):
    assert provenance.git() == {"commit": head(), "dirty": False}
    (repository / "not-tracked").write_text("")
    assert provenance.git() == {"commit": head(), "dirty": False}
    (repository / "job.py").write_text("2\n")
    assert provenance.git() == {"commit": head(), "dirty": True}


def test_without_git_a_repository_or_a_commit_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git() is None
    subprocess.run(["git", "init", "-q"], check=True)
    assert provenance.git() is None
    monkeypatch.setenv("PATH", "")
    assert provenance.git() is None


def test_a_git_that_hangs_costs_two_seconds_at_the_most(tmp_path, monkeypatch):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(provenance, "GIT_LIMIT_S", 0.2)
    began = time.monotonic()
    assert provenance.git() is None and time.monotonic() - began < 10


def test_run_json_tells_who_started_it_where_and_how_it_ended(new_run, repository):
    run = new_run(**TINY)
    run.execute()
    (driver,) = RunFolder(run.folder.path).about()["drivers"]
    assert driver["git"] == {"commit": head(), "dirty": False} and driver["folder"] == str(repository)
    assert driver["command"] and driver["host"] and driver["user"] and driver["runner"] == "inline"
    assert re.fullmatch(UTC, driver["start"]) and re.fullmatch(UTC, driver["end"])
    assert (driver["ended"], driver["reason"], driver["cleared"]) == ("done", None, True)


def test_each_driver_of_a_run_is_told_and_the_bytes_do_not_hang_on_it(new_run, monkeypatch, tmp_path):
    first = new_run(folder="run", **TINY).execute()
    monkeypatch.setattr(provenance, "_user", lambda: "somebody else")
    monkeypatch.chdir(tmp_path)
    again = new_run(folder="run", resume=True, **TINY).execute()
    drivers = RunFolder(tmp_path / "run").about()["drivers"]
    assert [d["ended"] for d in drivers] == ["done", "done"] and drivers[1]["user"] == "somebody else"
    assert again.to_bytes() == first.to_bytes()


def test_a_run_that_fails_keeps_why(new_run, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("y,a,b\n" + "1,2,3\n0,4,5\n" * 20 + "1,x,3\n")
    run = new_run(data=bad, nodes=(2, 2), shards=1)
    with pytest.raises(DataError) as caught:
        run.execute()
    (driver,) = run.folder.about()["drivers"]
    assert driver["ended"] == "failed" and driver["reason"] == str(caught.value).splitlines()[0]


def test_a_run_that_is_interrupted_says_so(new_run, monkeypatch):
    run = new_run(**TINY)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "_round", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    (driver,) = run.folder.about()["drivers"]
    assert (driver["ended"], driver["reason"]) == ("interrupted", None) and driver["end"]


def test_an_interruption_in_the_midst_of_clearing_up_leaves_no_files_of_the_job(new_run, monkeypatch):
    run, interrupted = new_run(**TINY), []
    remove = shutil.rmtree

    def interrupt(path, **options):
        if path == run.folder.work and path.exists() and not interrupted:
            interrupted.append(path)
            raise KeyboardInterrupt
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    assert interrupted and not run.folder.work.exists()


def test_manifests_name_the_versions_that_the_bytes_hang_on(new_run):
    run = new_run(**TINY)
    run.execute()
    for manifest in run.folder.manifests():
        assert manifest.versions["torch"] == torch.__version__
        assert manifest.versions["numpy"] == numpy.__version__


def test_a_run_that_goes_on_with_another_torch_says_so(new_run, monkeypatch, capsys):
    from mrdl.cli.console import Console

    new_run(folder="run", **{**TINY, "rounds": 1}).execute()
    here = provenance.versions()
    monkeypatch.setattr(provenance, "versions", lambda: {**here, "torch": "1.0"})
    new_run(folder="run", resume=True, listeners=[Console()], **TINY).execute()
    told = capsys.readouterr().err
    assert "round 1 was made with other versions" in told and f"torch {torch.__version__} there, 1.0 here" in told


def test_of_many_drivers_the_first_the_last_and_those_that_left_something_are_kept():
    drivers = [{"start": i, "cleared": i != 50} for i in range(500)]
    kept = [d["start"] for d in provenance.kept(drivers)]
    assert kept[:2] == [0, 50] and kept[-1] == 499 and len(kept) <= provenance.DRIVERS + 1


def test_what_another_cache_was_left_with_is_cleared_by_the_next_driver(new_run, tmp_path):
    """A driver that died, as run.json tells it, had another --cache-dir."""
    run = new_run(folder="run", cache_dir=str(tmp_path / "one"), **TINY)
    run.execute()
    name = run.folder.about()["name"]
    about = json.loads(run.folder.identity.read_text())
    about["drivers"][0].update(cleared=False, ended=None)
    run.folder.identity.write_text(json.dumps(about))
    (cache,) = (tmp_path / "one").iterdir()
    begun, others = (cache.with_name(f"{cache.name}.{of}") for of in (name, "mrdl-of-another-run"))
    for folder in (begun, others):
        (folder / "0000").mkdir(parents=True)
    new_run(folder="run", resume=True, cache_dir=str(tmp_path / "two"), **TINY).execute()
    assert sorted((tmp_path / "one").iterdir()) == sorted([cache, others])
    assert all(driver["cleared"] for driver in run.folder.about()["drivers"])


def test_what_cannot_be_cleared_is_said_and_tried_again(new_run, monkeypatch, capsys):
    from mrdl.cli.console import Console

    run = new_run(folder="run", **TINY)
    run.execute()
    about = run.folder.about()
    about["drivers"].append({**about["drivers"][0], "runner": "hadoop", "cache": "hdfs:///x/y", "cleared": False})
    run.folder.identity.write_text(json.dumps(about))
    monkeypatch.setenv("HADOOP_CONF_DIR", "/nowhere")
    monkeypatch.setenv("HADOOP_HOME", "/nowhere")
    new_run(folder="run", resume=True, listeners=[Console()], **TINY).execute()
    assert "a driver with -r hadoop has left of this run is not cleared away" in " ".join(
        capsys.readouterr().err.split()
    )
    assert [d["cleared"] for d in run.folder.about()["drivers"]] == [True, False, True]
