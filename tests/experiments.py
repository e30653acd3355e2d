"""What tests of experiments share: the command in a folder of its own, and waiting."""

import subprocess
import sys
import time

import pytest


@pytest.fixture
def exp(tmp_path, monkeypatch):
    """Run `mrdl exp` in a folder of its own: exp("list") -> the completed process."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MRDL_EXPERIMENTS", raising=False)

    def run(*words):
        command = [sys.executable, "-m", "mrdl", "exp", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


def until(true, timeout_s=90):
    """Wait until a function gives something true, and return that."""
    end = time.monotonic() + timeout_s
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found
