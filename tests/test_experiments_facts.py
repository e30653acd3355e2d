"""The facts of an experiment's start, of real repositories, and what differs between two."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from mrdl.experiments.facts import data, git
from mrdl.experiments.facts.differ import differ
from mrdl.experiments.facts.facts import facts
from mrdl.experiments.facts.python import python


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit and its program, and a way to run git in it."""
    folder = tmp_path / "code"
    folder.mkdir()

    def run(*words):
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        told = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
        return told.stdout.strip()

    run("init", "-q", "-b", "trunk")
    (folder / "lang.py").write_text("print('loss: 1')\n")
    (folder / "old name.py").write_text("x = 1\n" * 20)
    run("add", "-A")
    run("commit", "-qm", "First")
    return folder, run


def test_a_clean_repository_is_its_commit_and_branch(repository):
    folder, run = repository
    found = git.code(folder)
    assert found == {"commit": run("rev-parse", "HEAD"), "branch": "trunk", "changed": [], "untracked": []}
    assert git.patch(folder) == ""


def test_a_patch_brings_back_what_was_not_committed(repository):
    folder, run = repository
    (folder / "lang.py").write_text("print('loss: 2')\n")
    run("mv", "old name.py", "new näme.py")
    (folder / "note.txt").write_text("mine")
    found, patch = git.code(folder), git.patch(folder)
    assert (found["changed"], found["untracked"]) == (["lang.py", "new näme.py"], ["note.txt"])
    assert patch.startswith("# not followed by git: note.txt\n")
    run("reset", "-q", "--hard")
    subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, text=True, check=True)
    assert (folder / "lang.py").read_text() == "print('loss: 2')\n"
    assert (folder / "new näme.py").exists() and not (folder / "old name.py").exists()


def test_a_huge_patch_is_cut_and_says_so(repository, monkeypatch):
    folder, _ = repository
    (folder / "lang.py").write_text("x" * 79 + "\n")
    whole = git.patch(folder)
    monkeypatch.setattr(git, "MOST_BYTES", 100)
    assert git.patch(folder) == (
        "# the patch was cut: it has more than 100 bytes, so `git apply` will not take it\n" + whole[:100]
    )


def test_a_repository_without_a_commit_no_repository_no_folder_and_no_git_are_said(tmp_path, monkeypatch):
    assert git.code(tmp_path) == {"none": "the folder is in no git repository"}
    assert git.patch(tmp_path) == "# no patch: the folder is in no git repository\n"
    assert git.code(tmp_path / "gone") == {"none": f"the folder {tmp_path / 'gone'} is not there"}
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert git.code(tmp_path)["commit"] is None
    assert git.patch(tmp_path) == "# no patch: the repository has no commit yet\n"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.code(tmp_path) == {"none": "git is not installed"}


def test_a_git_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "PATIENCE_S", 0.2)
    assert git.code(tmp_path) == {"none": "git did not answer in 0.2 s"}


def test_facts_are_of_the_command_its_folder_machine_python_and_data(repository):
    folder, run = repository
    (folder / "data.csv").write_text("a,b\n1,2\n")
    found = facts(folder, [sys.executable, "lang.py", "--seed", "7"], data="data.csv")
    assert json.loads(json.dumps(found)) == found
    assert (found["cwd"], found["seed"], found["argv"][1]) == (str(folder), 7, "lang.py")
    assert found["git"]["commit"] == run("rev-parse", "HEAD") and found["git"]["untracked"] == ["data.csv"]
    assert found["python"]["version"] == sys.version.split()[0] and "numpy" in found["python"]["packages"]
    assert found["host"] and found["cpus"] >= 1 and found["memory_mb"] > 100 and found["gpus"] is not None
    assert found["data"][0]["sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert facts(folder, [])["seed"] is None and facts(folder, ["x", "--seed"])["seed"] is None
    assert facts(folder, ["x", "--seed=5"], seed=9)["seed"] == 9


def test_the_python_of_another_environment_is_told_without_starting_it(tmp_path):
    packages = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    (packages / "torch-2.9.0.dist-info").mkdir(parents=True)
    (packages / "My_Tool-1.0-py3.12.egg-info").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.4\n")
    program = tmp_path / "env" / "bin" / "python"
    program.parent.mkdir()
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    expected = {"path": str(program), "version": "3.12.4", "packages": {"my-tool": "1.0", "torch": "2.9.0"}}
    assert python([str(program), "x.py"]) == expected
    script = tmp_path / "tool"
    script.write_text("#!/usr/bin/env python\n")
    script.chmod(0o755)
    assert python([str(script)], {"PATH": str(program.parent)}) == expected
    assert python(["sh", "x.sh"]) == python(["no-such-program"]) == python([]) == {}
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexec python\n")
    shim.chmod(0o755)
    assert "which one shows when it runs" in python([str(shim)])["none"]


def test_large_data_is_known_by_samples_and_a_change_of_them_shows(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MOST_BYTES", 1000)
    file = tmp_path / "large"
    file.write_bytes(b"a" * 2000)
    first = data.digest(str(file))
    assert first["of"] == "size, time and 16 samples of each file" and first["bytes"] == 2000
    assert data.digest(str(file)) == first
    file.write_bytes(b"a" * 1999 + b"b")
    assert data.digest(str(file))["sha256"] != first["sha256"]
    assert data.digest(str(tmp_path))["bytes"] == 2000
    assert data.digest(str(tmp_path / "gone"))["none"] == "No such file or directory"
    assert data.digest("hdfs://a/b")["none"] == "it is not on this machine"


def test_what_differs_between_two_runs_is_named():
    one = {
        "at": "x",
        "argv": ["python", "a.py", "--lr", "0.1", "--iter=5"],
        "git": {"commit": "1", "changed": []},
        "python": {"version": "3.11", "packages": {"torch": "2.2", "old": "1"}},
        "data": [{"sha256": "a"}],
    }
    other = {
        "at": "y",
        "argv": ["python", "a.py", "--lr", "0.2", "--iter=6"],
        "git": {"commit": "2", "changed": ["a.py"]},
        "python": {"version": "3.11", "packages": {"torch": "2.3"}},
        "data": [{"sha256": "b"}, {"sha256": "c"}],
    }
    assert differ(one, other) == [
        ("argv --lr", "0.1", "0.2"),
        ("argv --iter", "5", "6"),
        ("git.commit", "1", "2"),
        ("git.changed", [], ["a.py"]),
        ("python.packages.torch", "2.2", "2.3"),
        ("python.packages.old", "1", None),
        ("data.0.sha256", "a", "b"),
        ("data.1.sha256", None, "c"),
    ]
    assert differ(one, one) == []
    assert differ({"argv": ["a"]}, {"argv": ["a", "b c"]}) == [("argv", "a", "a 'b c'")]
