"""A run that is killed at any of its writes, and gone on with, ends in the same bytes and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

KILLED = Path(__file__).with_name("killed.py")
EVERY = 200  # writes of a run, at the most


@pytest.fixture(scope="module")
def try_points(tmp_path_factory):
    """Runs of 40 rows, each killed at a write: try_points("inline", ["17", "18t"]); t: when it is half done."""
    rows = np.random.default_rng(0).integers(0, 9, (40, 3))
    lines = [f"{a},{b},{c},{'yes' if a + b > 8 else 'no'}\n" for a, b, c in rows]

    def run(runner, points):
        base = tmp_path_factory.mktemp(runner)
        (base / "rows.csv").write_text("a,b,c,y\n" + "".join(lines))
        command = [sys.executable, str(KILLED), str(base), runner, ",".join(["0", *points])]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stderr
        calm, *others = map(json.loads, ended.stdout.splitlines())
        return calm, others

    return run


def check(calm, others):
    """All of them as the calm run; returns how many were killed at all."""
    wrong = [t for t in others if t["killed"] and (t["rc"] or t["digests"] != calm["digests"])]
    assert not wrong, "other bytes"
    left = {f"{t['point']} {t['torn']}": sorted(set(t["there"]) ^ set(calm["there"])) for t in others if t["killed"]}
    assert not {point: names for point, names in left.items() if names}, "left behind, or missing"
    return sum(t["killed"] for t in others)


def test_a_run_killed_at_some_of_its_writes_ends_in_the_same_bytes_and_leaves_nothing(try_points):
    points = np.random.default_rng(20).choice(np.arange(1, 140), 15, replace=False)
    calm, others = try_points("inline", [f"{point}{'t' * (i % 2)}" for i, point in enumerate(points)])
    assert 140 < calm["writes"] < EVERY and check(calm, others) == len(others)


@pytest.mark.slow
@pytest.mark.timeout(900)  # each of its writes is a run of its own
def test_a_run_killed_at_any_of_its_writes_ends_in_the_same_bytes_and_leaves_nothing(try_points):
    calm, others = try_points("inline", [*map(str, range(1, EVERY)), *(f"{point}t" for point in range(1, EVERY, 5))])
    killed = check(calm, others)
    assert calm["writes"] + calm["writes"] // 5 <= killed < len(others), "the last points are beyond the last write"


@pytest.mark.slow
def test_a_run_of_processes_killed_in_its_first_job_leaves_nothing(try_points):
    calm, others = try_points("local", ["45"])
    assert check(calm, others) == 1
