"""mrdl installed from a wheel, outside the repository: every command does its work."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

QUICK = ["--nodes", "64,8,10", "--shards", "2", "--rounds", "1", "--epochs", "1", "--warm-rows", "0"]
SPEC = """
[space]
depth = [1, 2]
width = [4]
epochs = 1
"""


def make_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the tree: what building leaves there would be in the next wheel, too."""
    tree = folder / "tree"
    shutil.copytree(REPO / "mrdl", tree / "mrdl", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, tree)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", str(folder), str(tree)], check=True)
    shutil.rmtree(tree)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory) -> Path:
    """The programs of an empty environment with mrdl's wheel, which borrows what mrdl needs from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    here = Path(sysconfig.get_path("purelib"))
    (site / "a-borrowed.pth").write_text(f"{here}\n")  # a line of a path: the .pth files there are not read
    for shim in here.glob("distutils-precedence.pth"):  # mrjob imports distutils, gone from Python 3.12
        shutil.copy(shim, site)
    pip = [sys.executable, "-m", "pip", "-q", "--python", str(folder / "env" / "bin" / "python")]
    # whatever else is on this Python's path: an editable mrdl would be taken for this one
    subprocess.run(
        [*pip, "install", "--ignore-installed", "--no-deps", "--no-index", str(make_wheel(folder))], check=True
    )
    return folder / "env" / "bin"


@pytest.fixture
def installed(bin_folder, tmp_path):
    """Run a program of that environment in an empty folder; it must end so. Returns what it prints."""

    def run(program, *words, status=0) -> str:
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MRDL_HADOOP_DIR")}
        command = [str(bin_folder / program), *map(str, words)]
        ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert ended.returncode == status, ended.stderr
        return ended.stdout

    return run


def test_every_command_on_a_run_works_outside_the_repository(installed, bin_folder, digits, tmp_path):
    where = installed("python", "-c", "import mrdl; print(mrdl.__file__)")
    assert Path(where).is_relative_to(bin_folder.parent)
    trained = [
        json.loads(installed("mrdl", "train", digits, "-r", runner, *QUICK, "--run-dir", f"runs/{runner}", "--json"))
        for runner in ("inline", "local")
    ]
    assert trained[0]["sha256"] == trained[1]["sha256"]
    assert len(installed("mrdl", "predict", "runs/local", digits).splitlines()) == 1797
    assert "training" in installed("mrdl", "show", "runs/local/model.safetensors")
    assert len(json.loads(installed("mrdl", "runs", "--json"))) == 2
    installed("mrdl", "plot", "runs/local", "--out", "picture")
    assert (tmp_path / "picture.png").stat().st_size and (tmp_path / "picture.html").stat().st_size
    assert "inline" in installed("mrdl", "advise", digits, *QUICK)
    drilled = json.loads(installed("mrdl", "drill", digits, *QUICK, "--faults", "1", "--json"))
    assert drilled["calm"] == trained[0]["sha256"] and drilled["wrong"] == []


def test_every_command_on_a_sweep_works_outside_the_repository(installed, digits, tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC)
    assert "designs" in installed("mrdl", "sweep", "plan", "spec.toml", digits)
    ended = installed("mrdl", "sweep", "run", "spec.toml", digits, "-r", "local", "--dir", "found", "--json")
    told = installed("mrdl", "sweep", "status", "found", "--json")
    assert json.loads(ended.splitlines()[-1])["done"] == json.loads(told)["done"] == 2
    assert installed("mrdl", "sweep", "show", "found")
    installed("mrdl", "sweep", "export", "found", "table.csv")
    installed("mrdl", "sweep", "report", "found", "--out", "report.html")
    assert (tmp_path / "table.csv").stat().st_size and (tmp_path / "report.html").stat().st_size


def test_a_hadoop_of_an_installed_mrdl_lies_in_the_users_cache(installed, tmp_path):
    """And all that it is started from, jars' sums, site files, launcher, came with the wheel."""
    assert f"{tmp_path}/cache/mrdl/hadoop" in installed("mrdl", "hadoop", "status", status=3)
    files = "from mrdl.cluster.mini.folders import SHIPPED; print(*sorted(path.name for path in SHIPPED.iterdir()))"
    assert installed("python", "-c", files).split() == sorted(
        path.name for path in (REPO / "mrdl" / "cluster" / "mini" / "hadoop").iterdir()
    )
