"""The script that fetches and starts a local Hadoop: jars that are not those we know are never used."""

import hashlib
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
SCRIPT = REPO / "scripts" / "hadoop"
MAVEN = """#!/bin/sh
for word; do case $word in -Dout=*) out=${word#-Dout=};; esac; done
mkdir -p "$out/jars" "$out/cli"
echo evil > "$out/jars/hadoop-common-3.5.0.jar"
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script as a module, with two jars installed that are pinned."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("hadoop_script", str(SCRIPT))
    module = module_from_spec(spec_from_loader("hadoop_script", loader))
    loader.exec_module(module)
    for name in ("jars/a.jar", "cli/b.jar"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(name.encode())
    module.HOME, module.PINNED = tmp_path, tmp_path / "pinned" / "jars.sha256"
    module.PINNED.parent.mkdir()
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("cli/b.jar", "jars/a.jar")}
    module.PINNED.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    return module


def test_pinned_jars_pass_and_their_sums_are_printed_as_they_are_pinned(script, capsys):
    assert not script.checked(script.HOME)
    script.verify(script.HOME)
    assert script.checked(script.HOME)
    script.print_checksums()
    assert capsys.readouterr().out == script.PINNED.read_text()


def test_a_changed_a_missing_and_an_added_jar_are_named(script):
    (script.HOME / "jars/a.jar").write_bytes(b"evil")
    with pytest.raises(script.Problem, match=r"(?s)1 jars.*jars/a.jar: [0-9a-f]{64}, expected [0-9a-f]{64}"):
        script.verify(script.HOME)
    (script.HOME / "jars/a.jar").unlink()
    (script.HOME / "cli/c.jar").write_bytes(b"more")
    with pytest.raises(script.Problem, match=r"(?s)2 jars.*cli/c.jar: [0-9a-f]{64}, expected no such.*a.jar: missing"):
        script.verify(script.HOME)
    assert not script.checked(script.HOME)


def test_a_repository_that_gives_other_jars_is_refused_and_nothing_is_installed(tmp_path):
    (tmp_path / "mvn").write_text(MAVEN)
    (tmp_path / "mvn").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = subprocess.run([sys.executable, str(SCRIPT), "install"], env=env, capture_output=True, text=True)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "jars/hadoop-common-3.5.0.jar: " in ended.stderr and "none is used" in ended.stderr
    assert list((tmp_path / "cache" / "mrdl").iterdir()) == []


def test_every_hadoop_jar_is_pinned():
    names = (REPO / "configs" / "hadoop" / "jars.sha256").read_text().split()[1::2]
    assert len(names) == len(set(names)) > 150
    assert {"jars/hadoop-common-3.5.0.jar", "jars/hadoop-streaming-3.4.2.jar"} <= set(names)


def test_that_any_user_of_the_machine_can_run_code_is_said():
    told = subprocess.run([sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True).stdout
    assert "run programs as you" in told and "run programs as its owner" in (REPO / "README.md").read_text()
