"""A sweep by numpy never loads torch: not its driver, its packs, their children, nor the jobs of single designs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from odd_back_ends import toml

from mrdl.errors import ConfigError, SetupError
from mrdl.nn.backends.groups import LEAST
from mrdl.nn.design import Design
from mrdl.nn.engines import choice, table
from mrdl.sweep import space
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.routes import backend_of
from mrdl.sweep.spec import spec_of

REPO = Path(__file__).resolve().parent.parent
SPACE = {"width": 8, "depth": [1], "optimizer": ["sgd", "adam"], "dropout": 0.1, "residual": True, "epochs": 3}
TELLS = "import sys\nwith open({place!r}, 'a') as file:\n    print(sys.argv, file=file)\nraise ImportError('torch')\n"


@pytest.mark.parametrize("route", ["pack", "job"])
def test_a_sweep_by_the_default_back_end_loads_no_torch(tmp_path, small_csv, route):
    """Whoever imports torch here leaves a word, and fails."""
    loaded, hidden = tmp_path / "loaded.txt", tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "torch.py").write_text(TELLS.format(place=str(loaded)))
    spec = toml(tmp_path, data={"label": "answer"}, space=SPACE, sweep={"route": route, "shards": 1, "device": "cpu"})
    path = f"{hidden}{os.pathsep}{REPO}"
    env = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}  # designs are timed anew
    words = ["sweep", "run", spec, small_csv, "--dir", tmp_path / "made", "-r", "local", "--json"]
    ended = subprocess.run([sys.executable, "-m", "mrdl", *map(str, words)], env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["done"] == 2
    assert not loaded.exists(), loaded.read_text()


def test_the_back_end_is_torch_where_a_gpu_is_used(tmp_path, monkeypatch):
    designs = [Design((4,)), Design((4,), "tanh", optimizer="sgd")]
    monkeypatch.setattr(choice, "GPUS", str(tmp_path / "none"))
    assert backend_of(spec_of({}), designs) == "batched-numpy"
    assert backend_of(spec_of({"sweep": {"device": "cuda"}}), designs) == "torch"
    (tmp_path / "none").touch()
    assert backend_of(spec_of({}), designs) == "torch"
    assert backend_of(spec_of({"sweep": {"device": "cpu"}}), designs) == "batched-numpy"
    assert backend_of(spec_of({"sweep": {"backend": "batched"}}), designs) == "batched"


def test_a_sweep_goes_on_with_the_back_end_that_it_began_with(tmp_path, small_csv, monkeypatch):
    monkeypatch.setattr(choice, "GPUS", str(tmp_path / "gpu"))
    about = {"data": {"label": "answer"}, "space": {**SPACE, "dropout": [0.0, 0.1]}, "sweep": {"seeds": LEAST}}
    made = SweepFolder.create(tmp_path / "made", about, str(small_csv))
    planned = {(one.arch_id, one.backend) for one in made.ledger.waiting()}
    assert {backend for _, backend in planned} == {"batched-numpy", "numpy"}, "those with dropout train by themselves"
    (tmp_path / "gpu").touch()
    again = SweepFolder(tmp_path / "made", reindex=True)
    assert {(one.arch_id, one.backend) for one in again.ledger.waiting()} == planned


def test_a_sweep_of_a_time_when_auto_was_numpy_goes_on_by_numpy(tmp_path, small_csv, monkeypatch):
    monkeypatch.setattr(choice, "GPUS", str(tmp_path / "none"))
    about = {"data": {"label": "answer"}, "space": {**SPACE, "dropout": 0.0}, "sweep": {"seeds": LEAST}}
    made = SweepFolder.create(tmp_path / "made", about, str(small_csv))
    told = json.loads(made.paths.manifest.read_text())
    made.paths.manifest.write_text(json.dumps({**told, "backend": "numpy"}))
    SweepFolder(tmp_path / "made", reindex=True)
    again = SweepFolder.create(tmp_path / "made", about, str(small_csv))
    assert {one.backend for one in again.ledger.waiting()} == {"numpy"}


def test_what_needs_torch_says_so_where_there_is_none(monkeypatch):
    monkeypatch.setattr(table, "has_torch", lambda: False)
    monkeypatch.setattr(space, "has_torch", lambda: False)
    with pytest.raises(SetupError, match="pip install torch"):
        backend_of(spec_of({"sweep": {"backend": "torch"}}), [Design((4,))])
    with pytest.raises(SetupError, match="pip install torch"):
        spec_of({"space": {"depth": {"min": 1, "max": 3}}, "sweep": {"sampler": "sobol", "count": 2}}).designs()
    with pytest.raises(ConfigError, match="numpy computes on the CPU"):
        backend_of(spec_of({"sweep": {"backend": "numpy", "device": "cuda"}}), [Design((4,))])
