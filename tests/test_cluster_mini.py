"""The Hadoop that mrdl fetches and starts itself: its jars are the pinned ones, its files lie where it says."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrdl.cli import hadoop
from mrdl.cli.main import main
from mrdl.cluster.mini import folders, jars
from mrdl.cluster.mini.folders import Folders
from mrdl.errors import SetupError

REPO = Path(__file__).resolve().parent.parent
SCRIPT = REPO / "scripts" / "hadoop"
MAVEN = """#!/bin/sh
for word; do case $word in -Dout=*) out=${word#-Dout=};; esac; done
mkdir -p "$out/jars" "$out/cli"
echo evil > "$out/jars/hadoop-common-3.5.0.jar"
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The folder where this user's jars are: two, which are pinned."""
    folder = Folders.of_user().installed
    for name in ("jars/a.jar", "cli/b.jar"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(name.encode())
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("cli/b.jar", "jars/a.jar")}
    pinned = tmp_path / "jars.sha256"
    pinned.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    monkeypatch.setattr(jars, "PINNED", pinned)
    return folder


def test_pinned_jars_pass_and_their_sums_are_printed_as_they_are_pinned(installed, capsys):
    assert not jars.is_verified(installed)
    jars.verify(installed)
    assert jars.is_verified(installed)
    assert main(["hadoop", "checksums"]) == 0
    assert capsys.readouterr().out == jars.PINNED.read_text()


def test_a_changed_a_missing_and_an_added_jar_are_named(installed):
    (installed / "jars/a.jar").write_bytes(b"evil")
    with pytest.raises(SetupError, match=r"(?s)1 jars.*jars/a.jar: [0-9a-f]{64}, expected [0-9a-f]{64}"):
        jars.verify(installed)
    (installed / "jars/a.jar").unlink()
    (installed / "cli/c.jar").write_bytes(b"more")
    with pytest.raises(SetupError, match=r"(?s)2 jars.*cli/c.jar: [0-9a-f]{64}, expected no such.*a.jar: missing"):
        jars.verify(installed)
    assert not jars.is_verified(installed)


def test_a_repository_that_gives_other_jars_is_refused_and_nothing_is_installed(tmp_path):
    (tmp_path / "mvn").write_text(MAVEN)
    (tmp_path / "mvn").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = subprocess.run([sys.executable, str(SCRIPT), "install"], env=env, capture_output=True, text=True)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "jars/hadoop-common-3.5.0.jar: " in ended.stderr and "none is used" in ended.stderr
    assert list((tmp_path / "cache" / "mrdl").iterdir()) == []


def test_every_hadoop_jar_is_pinned():
    names = jars.PINNED.read_text().split()[1::2]
    assert len(names) == len(set(names)) > 150
    assert {"jars/hadoop-common-3.5.0.jar", "jars/hadoop-streaming-3.4.2.jar"} <= set(names)


def test_that_any_user_of_the_machine_can_run_code_is_said():
    told = subprocess.run([sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True).stdout
    assert "run programs as you" in told and "run programs as its owner" in (REPO / "README.md").read_text()


def test_the_script_needs_the_standard_library_alone(tmp_path):
    """A Python without site-packages runs it: what every verb imports is there."""
    modules = [f"mrdl.cluster.mini.{path.stem}" for path in Path(folders.__file__).parent.glob("*.py")]
    program = f"import sys; sys.path.insert(0, {str(REPO)!r}); import mrdl.cli.hadoop, {', '.join(modules)}"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
    env = {**os.environ, "MRDL_HADOOP_DIR": str(tmp_path)}
    command = [sys.executable, "-S", str(SCRIPT), "status"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True)
    assert ended.returncode == hadoop.NOT_READY and f"its files will lie in {tmp_path}" in ended.stdout


def test_the_files_lie_in_the_clone_or_in_the_users_cache_or_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.delenv("MRDL_HADOOP_DIR", raising=False)
    cache = tmp_path / "cache" / "mrdl"  # XDG_CACHE_HOME of every test
    assert Folders.of_user() == Folders((REPO / ".hadoop").resolve(), cache / "hadoop-3.5.0")
    monkeypatch.setattr(folders, "PACKAGE", tmp_path / "site-packages" / "mrdl")
    assert Folders.of_user() == Folders(cache / "hadoop", cache / "hadoop-3.5.0")
    monkeypatch.setenv("MRDL_HADOOP_DIR", str(tmp_path / "mine"))
    assert Folders.of_user().base == tmp_path / "mine"


def test_a_verb_before_any_start_says_how_to_start(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MRDL_HADOOP_DIR", str(tmp_path))
    assert main(["hadoop", "env"]) == 2
    assert main(["hadoop", "stop"]) == 0
    assert main(["hadoop", "checksums"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"mrdl: there is no cluster in {tmp_path} yet: mrdl hadoop start",
        "was not running",
        "mrdl: no jars are installed yet: mrdl hadoop install",
    ]
    assert list(tmp_path.iterdir()) == [], "and nothing is made"
