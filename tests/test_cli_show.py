"""What `mrdl runs` and `mrdl show` say of runs: which are done, stopped or failed, and how good what was kept is."""

import json
from pathlib import Path

import pytest

from mrdl.cli.main import main
from mrdl.errors import DataError
from mrdl.rounds.folder import RunFolder

QUICK = {"nodes": (64, 10), "shards": 1, "rounds": 2, "epochs": 1}


def listed(folder, capsys) -> dict:
    capsys.readouterr()
    assert main(["runs", str(folder), "--json"]) == 0
    return {Path(run["run"]).name: run for run in json.loads(capsys.readouterr().out)}


def change(path: Path, act) -> None:
    """Change what a JSON file holds."""
    found = json.loads(path.read_text())
    act(found)
    path.write_text(json.dumps(found))


@pytest.fixture
def failed(new_run, tmp_path):
    """The folder of a run that ended at bad data."""
    bad = tmp_path / "bad.csv"
    bad.write_text("y,a,b\n" + "1,2,3\n0,4,5\n" * 20 + "1,x,3\n")
    run = new_run(data=bad, folder="runs/failed", nodes=(2, 2), shards=1)
    with pytest.raises(DataError):
        run.execute()
    return run.folder


def test_a_run_that_failed_is_not_called_stopped(failed, tmp_path, capsys):
    state = listed(tmp_path / "runs", capsys)["failed"]["state"]
    assert state.startswith("failed: ") and "1 of 41 rows cannot be read" in state
    for words in (["runs", str(tmp_path / "runs")], ["show", str(failed.path)]):
        assert main(words) == 0
        assert state in " ".join(capsys.readouterr().out.split())


def test_a_run_whose_driver_was_killed_is_stopped(new_run, tmp_path, capsys):
    run = new_run(folder="runs/one", **QUICK)
    run.execute()
    assert listed(tmp_path / "runs", capsys)["one"]["state"] == "done"
    change(run.folder.identity, lambda about: about["drivers"][-1].update(end=None, ended=None))
    assert listed(tmp_path / "runs", capsys)["one"]["state"] == "stopped, --resume goes on"
    with RunFolder(run.folder.path).held():
        assert listed(tmp_path / "runs", capsys)["one"]["state"] == "running"


def test_a_run_of_an_early_version_is_done_where_its_network_is_there(new_run, tmp_path, capsys):
    run = new_run(folder="runs/one", **QUICK)
    run.execute()
    change(run.folder.identity, lambda about: about.pop("drivers"))
    assert listed(tmp_path / "runs", capsys)["one"]["state"] == "done"
    run.folder.model.unlink()
    assert listed(tmp_path / "runs", capsys)["one"]["state"] == "stopped, --resume goes on"


def test_the_scores_are_those_of_the_round_that_was_kept(new_run, tmp_path, capsys):
    run = new_run(folder="runs/one", patience=3, **{**QUICK, "rounds": 3})
    run.execute()
    for number, loss in ((1, 0.25), (2, 0.5), (3, 0.75)):
        change(
            run.folder.manifest_of(number), lambda m, loss=loss: m["validation"].update(loss=loss, accuracy=1 - loss)
        )
    told = listed(tmp_path / "runs", capsys)["one"]
    assert (told["kept"], told["loss"], told["validation"]["accuracy"], told["rounds"]) == (1, 0.25, 0.75, 3)
    assert main(["show", str(run.folder.path)]) == 0
    shown = capsys.readouterr().out
    assert "kept: round 1, the best one" in shown and "accuracy 75.00 %" in shown


def test_show_says_where_the_versions_changed_and_who_started_the_run(new_run, capsys):
    run = new_run(folder="run", **QUICK)
    run.execute()
    change(run.folder.manifest_of(2), lambda m: m["versions"].update(torch="1.0"))
    assert main(["show", str(run.folder.path)]) == 0
    shown = capsys.readouterr().out
    versions = json.loads(run.folder.manifest_of(1).read_text())["versions"]
    assert f"torch {versions['torch']}" in shown and "from round 2 on made with" in shown and "torch 1.0" in shown
    assert "computed by numpy" in shown
    driver = run.folder.about()["drivers"][0]
    assert f"done; from {driver['start']} until {driver['end']}, {driver['user']} on {driver['host']}" in shown
