"""What tests share: real data, a cache of shards of their own, the command line, one real cluster for a whole run."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parent.parent
DIGITS = REPO / "tests" / "data" / "digits.csv"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test finds shards that another one left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def digits() -> Path:
    """1,797 real handwritten digits: a header, the label first, 64 pixels from 0 to 16."""
    return DIGITS


@pytest.fixture
def small_csv(tmp_path) -> Path:
    """300 rows of two classes in three columns, floats, with a header; the label is text and comes last."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(300, 3)).round(3)
    labels = np.where(rows[:, 0] + rows[:, 1] > 0, "yes", "no")
    path = tmp_path / "small.csv"
    lines = [",".join(map(str, row)) + f",{label}" for row, label in zip(rows, labels, strict=True)]
    path.write_text("a,b,c,answer\n" + "\n".join(lines) + "\n")
    return path


@dataclass
class Ended:
    """A command that has ended."""

    rc: int
    out: bytes
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out.decode().strip().splitlines()[-1])


@pytest.fixture
def mrdl_command(tmp_path):
    """Run `python -m mrdl ...` as a user would, in an empty folder: mrdl_command("train", path, "-r", "local")."""

    def run(*words, cwd=None, env=None, timeout=240) -> Ended:
        command = [sys.executable, "-m", "mrdl", *map(str, words)]
        ended = subprocess.run(
            command, cwd=cwd or tmp_path, env={**os.environ, **(env or {})}, capture_output=True, timeout=timeout
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())

    return run


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A real HDFS + YARN, started once for a whole run by the script that users have; its environment."""
    folder = tmp_path_factory.mktemp("cluster")
    env = {**os.environ, "MRDL_HADOOP_DIR": str(folder)}
    script = str(REPO / "scripts" / "hadoop")
    subprocess.run([sys.executable, script, "start"], env=env, check=True, timeout=300)
    told = subprocess.run([sys.executable, script, "env"], env=env, check=True, capture_output=True, text=True).stdout
    values = dict(line.removeprefix("export ").split("=", 1) for line in told.splitlines())
    values = {name: value.strip('"').replace("$PATH", os.environ["PATH"]) for name, value in values.items()}
    yield {**values, "MRDL_HADOOP_DIR": str(folder)}
    subprocess.run([sys.executable, script, "stop"], env=env, check=True, timeout=60)
