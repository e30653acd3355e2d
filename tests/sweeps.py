"""What tests of sweeps share: sweeps of few rows and of the digits, and processes of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from watching import processes

from mrdl.data.dataset import prepare_data
from mrdl.sweep.folder import SweepFolder

TESTS = Path(__file__).resolve().parent


def start(folder, spec, digits):
    code = (
        "import json, sys; from mrdl.sweep.driver import SweepDriver; from mrdl.sweep.folder import SweepFolder;"
        "SweepDriver(SweepFolder.create(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3])).run('local', 2)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder), json.dumps(spec), str(digits)])


SLOW = {
    "data": {"label": "digit"}, "space": {"nodes": [[n] for n in range(1, 25)]},
    "sweep": {"backend": "backends:slow"}, "limits": {"pack_s": 2.0},
}  # fmt: skip


@pytest.fixture
def importable(monkeypatch, tmp_path):
    """What lies in tests/ can be imported by the processes of a sweep; sweeps/ is made in a folder of its own."""
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def odd_sweep(tmp_path, small_csv):
    """Make a sweep of 300 rows by a back end of odd_back_ends: odd_sweep("perfect", nodes=[[1]])."""

    def make(function="perfect", folder="sweep", limits=(), **space):
        about = {"data": {"label": "answer"}, "space": space, "sweep": {"backend": f"odd_back_ends:{function}"}}
        return SweepFolder.create(tmp_path / folder, {**about, "limits": dict(limits)}, str(small_csv))

    return make


@pytest.fixture
def sweep_process(tmp_path):
    """Start `mrdl sweep ...` in a process of its own; whatever it leaves behind is ended after the test."""
    started = []

    def start(*words):
        (tmp_path / "err.txt").touch()
        with open(tmp_path / "err.txt", "ab") as err:
            line = [sys.executable, "-m", "mrdl", "sweep", *map(str, words)]
            started.append(subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=err))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    for pid in processes(tmp_path):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def digits_data():
    """The digits, prepared for a sweep."""
    return prepare_data(str(TESTS / "data" / "digits.csv"), "digit", "auto", 0.2)


@pytest.fixture
def digits_sweep(tmp_path, digits):
    """Make a sweep of a spec in a folder of its own: digits_sweep(spec) or digits_sweep(backend="numpy", depth=1)."""

    def make(spec=None, folder="sweep", data=digits, on_progress=lambda counts: None, limits=None, **more):
        backend = more.pop("backend", "torch")
        about = spec or {"data": {"label": "digit"}, "space": more, "sweep": {"backend": backend}}
        about = {**about, "limits": limits} if limits else about
        return SweepFolder.create(tmp_path / folder, about, str(data), on_progress=on_progress)

    return make
