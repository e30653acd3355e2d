"""A run: rounds, what is kept of them, and going on after a stop."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import mrdl
from mrdl.errors import ConfigError, Diverged, TrainingError
from mrdl.rounds.driver import Run

QUICK = {"nodes": (64, 24, 10), "shards": 2, "rounds": 4, "epochs": 1}
WILD = {"nodes": (64, 200, 50, 10), "learning_rate": 1e6}  # no loss stays finite


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings, in the folder `run` where no other is named."""

    def make(folder="run", **changes):
        return new_run(folder=folder, **{**QUICK, **changes})

    return make


def test_a_run_folder_holds_what_the_run_was(run, tmp_path):
    model = run().execute()
    folder = tmp_path / "run"
    names = sorted(path.name for path in folder.iterdir())
    files = ["config.toml", "history.jsonl", "lock", "model.safetensors", "rounds", "run.json", "timeline.jsonl"]
    assert names == files
    assert sorted(path.name for path in (folder / "rounds").iterdir()) == [
        f"{i:04d}.{ending}" for i in range(5) for ending in ("json", "safetensors")
    ]
    assert mrdl.load(folder / "model.safetensors").sha256 == model.sha256
    assert len((folder / "history.jsonl").read_text().splitlines()) == 5


def test_manifests_form_a_chain(run, tmp_path):
    run().execute()
    manifests = [json.loads((tmp_path / "run" / "rounds" / f"{i:04d}.json").read_text()) for i in range(5)]
    assert [m["round"] for m in manifests] == list(range(5))
    assert [m["parent"] for m in manifests] == ["", *(m["sha256"] for m in manifests[:-1])]
    assert all(sum(s["num_examples"] for s in m["shards"]) == m["rows"] for m in manifests)


def test_the_resolved_settings_repeat_the_run(run, tmp_path):
    first = run().execute()
    again = mrdl.settings.config.from_file(str(tmp_path / "run" / "config.toml")).with_changes(
        {"run_dir": str(tmp_path / "again")}
    )
    assert Run(first.settings and run().data, again).execute().to_bytes() == first.to_bytes()


def test_the_model_file_is_the_same_in_another_folder_at_another_time(run, tmp_path):
    run("one").execute()
    run("two").execute()
    one, two = (tmp_path / name / "model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_more_rounds_of_the_same_run_go_on(run):
    whole = run("whole").execute()
    run("part", rounds=2).execute()
    assert run("part", rounds=4, resume=True).execute().to_bytes() == whole.to_bytes()


@pytest.mark.parametrize("how", ["flip", "truncate", "no manifest", "empty", "no weights"])
def test_a_damaged_newest_round_is_made_again(run, tmp_path, how, caplog):
    whole = run().execute()
    weights = tmp_path / "run" / "rounds" / "0004.safetensors"
    data = weights.read_bytes()
    if how == "flip":
        weights.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    elif how == "truncate":
        weights.write_bytes(data[:-100])
    elif how == "no manifest":
        weights.with_suffix(".json").unlink()
    elif how == "empty":
        weights.write_bytes(b"")
    else:
        weights.unlink()
    (tmp_path / "run" / "model.safetensors").unlink()
    again = run(resume=True).execute()
    assert again.to_bytes() == whole.to_bytes()
    assert "round 4" in caplog.text


def test_a_finished_run_resumed_gives_its_model_again_without_the_cache(run, tmp_path, monkeypatch):
    whole = run().execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert run(resume=True).execute().to_bytes() == whole.to_bytes()


def test_a_run_whose_cache_is_gone_parses_again_and_goes_on(run, tmp_path, monkeypatch):
    whole = run("whole").execute()
    run("part", rounds=3).execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert run("part", resume=True).execute().to_bytes() == whole.to_bytes()


def test_runs_of_the_same_second_have_folders_of_their_own(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = [mrdl.train(digits, show=False, **{**QUICK, "rounds": 1}) for _ in range(3)]
    assert len({model.run_dir for model in models}) == 3


def test_a_wrong_path_of_the_test_data_is_found_before_training(run, tmp_path):
    with pytest.raises(mrdl.DataError, match="no such file"):
        run(test=str(tmp_path / "none.csv")).execute()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("change", [{"seed": 9}, {"nodes": (64, 10)}, {"shards": 3}])
def test_a_run_folder_of_other_settings_is_refused_and_untouched(run, tmp_path, change):
    run().execute()
    before = {path: path.read_bytes() for path in (tmp_path / "run" / "rounds").iterdir()}
    with pytest.raises(ConfigError, match=next(iter(change))):
        run(resume=True, **change).execute()
    assert {path: path.read_bytes() for path in (tmp_path / "run" / "rounds").iterdir()} == before


def test_a_run_folder_of_another_data_set_is_refused(run, small_csv):
    run().execute()
    with pytest.raises(ConfigError, match="another data set"):
        run(data=small_csv, label="answer", resume=True).execute()


def test_a_folder_where_nothing_was_trained_may_be_taken_over(run, small_csv, digits):
    with pytest.raises(ConfigError):
        run(nodes=(64, 5)).execute()
    assert run().execute().arch.nodes == (64, 24, 10)


def test_given_initial_weights_are_the_start(run):
    from mrdl.nn.kinds import mlp

    start = mlp((64, 24, 10)).initial_weights(77)
    for warm_rows in (0, 100):
        settings = {"learning_rate": 1e-12, "rounds": 1, "warm_rows": warm_rows}
        seeded = run(f"seeded-{warm_rows}", seed=77, **settings).execute()
        given = run(f"given-{warm_rows}", initial=start, **settings).execute()
        assert np.allclose(seeded.weights["layers.0.weight"], given.weights["layers.0.weight"], atol=1e-9)


def test_a_run_that_diverges_at_once_says_what_to_do(run):
    with pytest.raises(
        Diverged, match=r"no shard gave .* Start again with --learning-rate 500000 in another --run-dir\.$"
    ):
        run(**WILD).execute()


@pytest.mark.slow
def test_nothing_of_a_job_is_left_in_the_run_folder_after_a_failure(run, tmp_path):
    with pytest.raises(TrainingError):
        run(**WILD, runner="local").execute()
    assert not (tmp_path / "run" / "work").exists()


def start_driver(digits, folder, *words):
    command = [sys.executable, "-m", "mrdl", "train", digits, "-r", "local", "--run-dir", folder, "--json", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def wait_for(path, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_driver_that_was_killed_goes_on_to_the_same_bytes(run, digits, tmp_path):
    settings = ["--nodes", "64,24,10", "--shards", "2", "--rounds", "2", "--epochs", "1"]
    calm = run("calm", rounds=2).execute()
    process = start_driver(digits, tmp_path / "killed", *settings)
    wait_for(tmp_path / "killed" / "rounds" / "0001.json", process)
    process.kill()  # the driver alone: its tasks must end with it
    process.communicate()
    again = start_driver(digits, tmp_path / "killed", *settings, "--resume")
    out, err = again.communicate(timeout=120)
    assert json.loads(out)["sha256"] == calm.sha256, err
    assert not tasks_below(tmp_path)


def tasks_below(folder):
    """The processes whose working directory or command line lies in a folder."""
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
    return [line for line in listing if str(folder) in line and "pytest" not in line]


@pytest.mark.slow
def test_an_interrupted_driver_leaves_no_process_and_can_go_on(run, digits, tmp_path):
    calm = run("calm", rounds=2).execute()
    settings = ["--nodes", "64,24,10", "--shards", "2", "--rounds", "2", "--epochs", "1"]
    process = start_driver(digits, tmp_path / "stopped", *settings)
    wait_for(tmp_path / "stopped" / "rounds" / "0001.json", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and b"--resume" in err
    assert not tasks_below(tmp_path)
    out, _ = start_driver(digits, tmp_path / "stopped", *settings, "--resume").communicate(timeout=120)
    assert json.loads(out)["sha256"] == calm.sha256
