"""`mrdl stop`, `resume` and `delete`: of runs and sweeps, by their folder or name, and of nothing else."""

import json
import os
import subprocess
import sys
import time

import pytest
from web_sessions import DIGITS, LONG_S, LONG_SPEC, SPEC

from mrdl.storage.lock import holder, is_held
from mrdl.storage.process import Process

SHORT = ("--hidden", "4", "--rounds", "1", "--budget", "1", "--shards", "1", "--label", "digit", "--json")
LONG = ("--hidden", "4", "--rounds", "9999", "--epochs", "1", "--shards", "2", "--label", "digit", "--json")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """An empty folder to work in, and what starts commands there; they end with the test."""
    monkeypatch.chdir(tmp_path)
    started = []

    def start(*words, program=(sys.executable, "-m", "mrdl")):
        log = (tmp_path / "log.txt").open("ab")
        started.append(subprocess.Popen([*program, *map(str, words)], stdout=log, stderr=log))
        log.close()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(true):
    """Wait until a function gives something true, and give it."""
    end = time.monotonic() + LONG_S
    while not (found := true()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return found


def test_a_run_is_stopped_and_goes_on_by_its_name_alone(lab, tmp_path, command):
    process = lab("train", DIGITS, "--run-dir", "runs/long", "-r", "inline", *LONG)
    until(lambda: len(list((tmp_path / "runs/long/rounds").glob("*.json"))) > 1)
    assert holder(tmp_path / "runs/long") == Process.of(process.pid)
    status, out, _ = command("stop", "long")
    assert status == 0 and "mrdl resume long" in out and not is_held(tmp_path / "runs/long")
    assert process.wait(LONG_S) == 130
    assert json.loads((tmp_path / "runs/long/run.json").read_text())["drivers"][-1]["ended"] == "interrupted"
    kept = len(list((tmp_path / "runs/long/rounds").glob("*.json")))
    again = lab("resume", "long", "--json")
    until(lambda: len(list((tmp_path / "runs/long/rounds").glob("*.json"))) > kept)
    drivers = json.loads((tmp_path / "runs/long/run.json").read_text())["drivers"]
    assert [driver["runner"] for driver in drivers] == ["inline", "inline"]
    assert command("stop", "runs/long")[0] == 0 and again.wait(LONG_S) == 130
    status, out, _ = command("stop", "long")
    assert status == 0 and "nothing to stop" in out


def test_a_run_goes_on_from_elsewhere_with_the_data_of_its_own_folder(lab, tmp_path, command, monkeypatch):
    (tmp_path / "table.csv").write_bytes(DIGITS.read_bytes())
    assert command("train", "table.csv", "--run-dir", "runs/one", *SHORT)[0] == 0
    before = (tmp_path / "runs/one/model.safetensors").read_bytes()
    (tmp_path / "runs/one/model.safetensors").unlink()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    status, out, _ = command("resume", "../runs/one", "--json")
    assert status == 0 and json.loads(out)["rounds"] == 1
    assert (tmp_path / "runs/one/model.safetensors").read_bytes() == before
    assert os.getcwd() == str(tmp_path / "other")


def test_a_sweep_is_stopped_at_once_when_it_is_said_twice_and_goes_on(lab, tmp_path, command):
    (tmp_path / "long.toml").write_text(LONG_SPEC)
    process = lab("sweep", "run", "long.toml", DIGITS, "-r", "local", "--slots", "1", "--json")
    until(lambda: list((tmp_path / "sweeps/long/control").glob("*.json")))
    status, out, _ = command("stop", "long")
    assert status == 0 and "when the designs that are trained are over" in out and process.poll() is None
    status, out, _ = command("stop", "long")
    assert status == 0 and "stopped" in out and process.wait(LONG_S) == 130
    again = lab("resume", "long", "--json")
    until(lambda: is_held(tmp_path / "sweeps/long"))
    status, out, _ = command("stop", "long", "--now")
    assert status == 0 and again.wait(LONG_S) == 130


def test_a_process_that_holds_no_lock_is_left_alone(lab, tmp_path, command):
    assert command("train", DIGITS, "--run-dir", "runs/one", *SHORT)[0] == 0
    other = lab("600", program=("sleep",))  # what has got the number of a driver that has ended
    (tmp_path / "runs/one/lock").write_text(str(other.pid))
    assert holder(tmp_path / "runs/one") is None
    assert command("stop", "one")[0] == 0 and other.poll() is None


def test_a_program_that_trains_by_itself_is_not_ended(lab, tmp_path, command):
    code = (
        "import sys, pathlib, time; from mrdl.storage.lock import held\n"
        "with held(pathlib.Path('runs/own'), 'run', elsewhere='', again=''):\n"
        "    pathlib.Path('runs/own/run.json').write_text('{}'); time.sleep(600)"
    )
    other = lab("-c", code, program=(sys.executable,))
    until(lambda: (tmp_path / "runs/own/run.json").exists())
    status, _, errors = command("stop", "own")
    assert status == 2 and f"kill {other.pid}" in errors and other.poll() is None


def test_what_runs_is_not_deleted_and_the_rest_is(lab, tmp_path, command):
    assert command("train", DIGITS, "--run-dir", "runs/done", *SHORT)[0] == 0
    process = lab("train", DIGITS, "--run-dir", "runs/long", "-r", "inline", *LONG)
    until(lambda: is_held(tmp_path / "runs/long"))
    until(lambda: (tmp_path / "runs/long/run.json").exists())
    status, out, errors = command("delete", "long", "done", "--yes")
    assert status == 2 and f"in use by process {process.pid}" in errors and "runs/done: deleted" in out
    assert (tmp_path / "runs/long/run.json").exists() and not (tmp_path / "runs/done").exists()


def test_other_files_links_and_what_they_point_to_stay(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("train", DIGITS, "--run-dir", "runs/one", *SHORT)[0] == 0
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    (tmp_path / "runs/one/notes.txt").write_text("mine, too")
    (tmp_path / "runs/one/rounds/link").symlink_to(tmp_path / "precious")
    (tmp_path / "runs/one/work").symlink_to(tmp_path / "precious")
    (tmp_path / "runs/link").symlink_to(tmp_path / "runs/one")
    status, _, errors = command("delete", "link", "--yes")
    assert status == 2 and "is a link" in errors and (tmp_path / "runs/one/run.json").exists()
    status, out, _ = command("delete", "one", "--yes")
    assert status == 0 and "1 other file or folder in it stays" in out
    assert os.listdir(tmp_path / "runs/one") == ["notes.txt"]
    assert (tmp_path / "precious" / "file").read_text() == "mine"


def test_what_is_no_run_the_folder_one_is_in_and_parts_of_sweeps_are_refused(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "sweeps/s/runs/x").mkdir(parents=True)
    (tmp_path / "sweeps/s/runs/x/run.json").write_text("{}")
    (tmp_path / "sweeps/s/sweep.json").write_text("{}")
    for name, words in (
        ("other", "no run or sweep other"),
        ("nothing", "no run or sweep nothing"),
        ("..", "no run or sweep"),
        (".", "the folder that you are in"),
        ("sweeps/s/runs/x", "a part of a sweep"),
    ):
        for verb in ("delete", "stop", "resume") if "no run" in words else ("delete",):
            status, _, errors = command(verb, name, *(["--yes"] if verb == "delete" else []))
            assert status == 2 and words in errors, (verb, name, errors)
    assert (tmp_path / "run.json").exists() and (tmp_path / "sweeps/s/runs/x/run.json").exists()


def test_a_sweep_is_deleted_by_its_name_after_a_question(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC)
    for name in ("a", "group/b"):
        words = ("sweep", "run", "spec.toml", DIGITS, "--dir", f"sweeps/{name}", "-r", "inline", "--json")
        assert command(*words)[0] == 0
    delete = [sys.executable, "-m", "mrdl", "delete", "a"]
    answered = subprocess.run(delete, input="n\n", capture_output=True, text=True)
    assert answered.returncode == 2 and "[y/N]" in answered.stdout and (tmp_path / "sweeps/a").exists()
    assert subprocess.run(delete, input="", capture_output=True, text=True).returncode == 2
    assert subprocess.run(delete, input="y\n", capture_output=True, text=True).returncode == 0
    assert not (tmp_path / "sweeps/a").exists()
    assert command("sweep", "report", "group~b")[0] == 0
    assert command("sweep", "delete", "group~b", "--yes")[0] == 0
    assert not (tmp_path / "sweeps/group/b").exists()
    status, _, errors = command("sweep", "delete", "group~b", "--yes")
    assert status == 2 and "is not the folder of a sweep" in errors


def test_show_finds_a_run_by_its_name(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("train", DIGITS, "--run-dir", "runs/group/one", *SHORT)[0] == 0
    status, out, _ = command("show", "group~one", "--json")
    assert status == 0 and len(json.loads(out)["rounds"]) == 1
