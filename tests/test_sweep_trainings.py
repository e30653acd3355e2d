"""Jobs of their own: on the data that was planned with, and gone with their driver, whenever that is killed."""

import json
import os
import signal
import subprocess
import sys

import pytest
from watching import processes, wait_for

from mrdl.errors import ConfigError, DataError
from mrdl.storage.lock import is_held
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder

ABOUT = {
    "data": {"label": "answer"},
    "space": {"nodes": [[8]], "optimizer": "sgd", "epochs": 100_000},
    "sweep": {"route": "job", "shards": 2},
}


@pytest.fixture
def sweep(tmp_path, small_csv):
    return SweepFolder.create(tmp_path / "sweep", ABOUT, str(small_csv))


def test_a_csv_that_was_changed_since_the_plan_is_trained_on_by_no_job(sweep, small_csv):
    small_csv.write_text(small_csv.read_text().replace("yes", "no", 1))
    with pytest.raises(ConfigError, match="was changed since the sweep was planned"):
        SweepDriver(sweep).run("inline")
    assert not (sweep.path / "runs").exists()
    small_csv.unlink()
    with pytest.raises(DataError):
        sweep.check_source()


def test_a_csv_of_the_same_rows_is_the_same_data(sweep, small_csv):
    sweep.check_source()
    header, *rows = small_csv.read_text().splitlines()
    small_csv.write_text("\r\n".join([header, *rows[::-1]]))
    sweep.check_source()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "point"), [("inline", "err.txt"), ("inline", "run.json"), ("local", "work/*/step/*/*/*/stderr")]
)
def test_a_training_ends_with_its_driver_at_any_moment(tmp_path, small_csv, runner, point):
    code = (
        "import json, sys; from mrdl.sweep.driver import SweepDriver; from mrdl.sweep.folder import SweepFolder;"
        "SweepDriver(SweepFolder.create(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3])).run(sys.argv[4])"
    )
    folder = tmp_path / "sweep"
    words = [sys.executable, "-c", code, "sweep", json.dumps(ABOUT), str(small_csv), runner]
    driver = subprocess.Popen(words, cwd=tmp_path)
    try:
        assert wait_for(lambda: list(folder.glob(f"runs/*/{point}")), 60)
        driver.kill()
        driver.wait()
        assert wait_for(lambda: not processes(folder), 5), "the training lives on"
        (run,) = folder.glob("runs/*")
        assert wait_for(lambda: not is_held(folder) and not is_held(run), 5), "a lock is held by nobody"
    finally:
        driver.kill()
        driver.wait()
        for pid in processes(folder):
            os.kill(pid, signal.SIGKILL)
