"""Stopping early: patience ends a run when its validation loss gets no better, and the best round is the network."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mrdl
from mrdl.errors import ConfigError
from mrdl.model.model import Model
from mrdl.rounds.driver import Run, Trained
from mrdl.settings.config import TrainConfig

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"

# so long a step that the loss goes up and down from round to round
QUICK = {"nodes": (64, 12, 10), "shards": 2, "rounds": 12, "epochs": 1, "warm_rows": 100, "warm_epochs": 1}
QUICK |= {"learning_rate": 0.5, "patience": 1}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> tuple[Run, Model, Path, Trained]:
    """A run that has stopped early, its model, its cache and all that came of it."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        made = Run(DIGITS, TrainConfig().with_changes({**QUICK, "run_dir": str(folder / "run")}))
        trained = made.train()
        return made, trained.model, folder / "cache", trained


@pytest.fixture
def resumed(stopped, run, tmp_path):
    """Make a Run that goes on in a copy of that folder, with its cache."""
    shutil.copytree(stopped[0].folder.path, tmp_path / "run")
    shutil.copytree(stopped[2], tmp_path / "cache")
    return partial(run, folder="run", resume=True)


def losses(made) -> list[float]:
    """The validation loss of each round, without that of the warm start."""
    return [m.validation["loss"] for m in made.folder.manifests() if m.round]


@pytest.mark.parametrize("patience", [1, 2])
def test_a_run_stops_after_as_many_rounds_without_a_better_loss(run, patience):
    made = run(patience=patience)
    model = made.execute()
    seen = losses(made)

    def is_over(rounds: int) -> bool:
        best = seen.index(min(seen[:rounds])) + 1
        return rounds - best >= patience

    assert [rounds for rounds in range(1, len(seen) + 1) if is_over(rounds)] == [len(seen)] != [12]
    assert model.sha256 == made.folder.manifests()[len(seen) - patience].sha256


def test_the_network_is_that_of_the_best_round_and_tells_of_no_later_one(stopped):
    made, model, _, trained = stopped
    manifests = made.folder.manifests()
    best = min(manifests[1:], key=lambda m: m.validation["loss"])
    assert model.sha256 == best.sha256 != manifests[-1].sha256
    assert [r["round"] for r in model.rounds] == list(range(1, best.round + 1))
    assert model.rounds[-1]["loss"] == best.validation["loss"]
    assert model.lineage["rounds"] == [m.sha256 for m in manifests[: best.round + 1]]
    assert mrdl.load(made.folder.model).to_bytes() == model.to_bytes()
    assert trained.summary()["rounds"] == best.round


def test_what_is_trained_does_not_depend_on_patience(stopped, run):
    plain = run(patience=None, rounds=3)
    plain.execute()
    for patient, other in zip(stopped[0].folder.manifests(), plain.folder.manifests(), strict=False):
        assert patient.sha256 == other.sha256


def test_a_run_that_reaches_its_last_round_ends_with_the_best_one_too(run):
    made = run(patience=9, rounds=6)
    model = made.execute()
    seen = losses(made)
    assert len(seen) == 6 and model.rounds[-1]["loss"] == min(seen) and len(model.rounds) == seen.index(min(seen)) + 1


@pytest.mark.parametrize("cache", ["cache", "elsewhere"])
def test_a_run_that_stopped_gives_the_same_network_when_it_is_resumed(stopped, resumed, tmp_path, monkeypatch, cache):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
    made = resumed()
    made.folder.model.unlink()
    before = made.folder.manifests()
    assert made.execute().to_bytes() == stopped[1].to_bytes() == made.folder.model.read_bytes()
    assert made.folder.manifests() == before


@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_run_that_is_killed_on_its_way_stops_at_the_same_round(stopped, resumed, back):
    made = resumed()
    last = made.folder.manifests()[-1].round
    for number in range(last - back + 1, last + 1):
        made.folder.manifest_of(number).unlink()
    assert made.execute().to_bytes() == stopped[1].to_bytes()
    assert made.folder.manifests()[-1].round == last


def test_a_run_that_stopped_goes_on_where_more_patience_is_asked_for(stopped, resumed):
    done = stopped[0].folder.manifests()[-1].round
    made = resumed(patience=None, rounds=done + 1)
    assert len(made.execute().rounds) == done + 1 == made.folder.manifests()[-1].round


@pytest.mark.parametrize("measure", ["accuracy", "auc", "brier"])
def test_patience_and_the_best_round_go_by_the_measure_that_is_asked_for(run, measure):
    made = run(stop_on=measure, patience=2)
    model = made.execute()
    seen = [m.validation[measure] * (-1 if measure == "brier" else 1) for m in made.folder.manifests() if m.round]
    best = seen.index(max(seen)) + 1
    assert len(model.rounds) == best and model.sha256 == made.folder.manifests()[best].sha256
    assert len(seen) == 12 or len(seen) - best == 2


def test_which_round_is_kept_is_a_setting_of_its_own(run, command, stopped):
    settings = {"rounds": len(losses(stopped[0])), "patience": None}
    best, last = (
        run(keep="best", folder="best", **settings),
        run(keep="last", folder="last", **settings | {"patience": 9}),
    )
    assert best.execute().sha256 == stopped[1].sha256
    assert last.execute().sha256 == last.folder.manifests()[-1].sha256 != stopped[1].sha256
    assert "the best one" in command("show", best.folder.path)[1]
    assert "the best one" not in command("show", last.folder.path)[1]


def test_a_measure_that_the_network_has_not_is_refused(new_run):
    with pytest.raises(ConfigError, match="stop_on is rmse, which a network of kind 'mlp' with the loss 'nll' has not"):
        new_run(stop_on="rmse").execute()
    with pytest.raises(ConfigError, match="keep = best needs validation rows, but validation is 0"):
        new_run(keep="best", validation=0)


def test_rows_for_validation_must_be_kept_out(new_run):
    with pytest.raises(ConfigError, match="patience needs validation rows, but validation is 0"):
        new_run(patience=1, validation=0)


def test_where_chance_keeps_no_row_out_the_run_goes_on_to_its_last_round(new_run, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("".join(f"{i % 2},{i}\n" for i in range(12)))
    made = new_run(path, nodes=(1, 2), shards=2, rounds=4, epochs=1, validation=0.01, patience=1)
    trained = made.train()
    assert trained.statistics.validation_rows == 0
    assert len(trained.model.rounds) == 4


def test_a_best_round_that_is_damaged_is_named_with_the_way_out(stopped, resumed):
    made, first = resumed(), stopped[1]
    best = made.folder.weights_of(len(first.rounds))
    best.write_bytes(best.read_bytes()[:-20])
    with pytest.raises(ConfigError) as refused:
        made.execute()
    assert f"round {len(first.rounds)} in {made.folder.rounds}" in str(refused.value)
    assert f"Delete {best.stem}.json" in str(refused.value) and "--resume" in str(refused.value)
    best.with_suffix(".json").unlink()
    assert resumed().execute().to_bytes() == first.to_bytes()


@pytest.mark.parametrize("measure", ["auc", "pr_auc"])
def test_a_measure_that_is_not_told_of_so_many_classes_is_refused(tmp_path, measure):
    rows = pd.DataFrame({"x": np.arange(2000) % 101, "y": [f"c{i % 101}" for i in range(2000)]})
    settings = {"label": "y", "rounds": 2, "epochs": 1, "shards": 1, "keep": "best", "show": False}
    told = f"stop_on is {measure}, which is told of up to 100 classes, and the label has 101: say --stop-on loss or"
    with pytest.raises(mrdl.ConfigError, match=told):
        mrdl.train(rows, stop_on=measure, run_dir=str(tmp_path / "run"), **settings)
    assert not list((tmp_path / "run" / "rounds").glob("*")), "nothing is trained before"
    few = rows[rows.y != "c100"]
    assert "auc" in mrdl.train(few, stop_on=measure, run_dir=str(tmp_path / "few"), **settings).rounds[0]


def test_where_no_round_has_the_measure_it_is_told(tmp_path, capsys):
    rows = pd.DataFrame({"x": np.arange(400.0), "y": ["rare"] + ["usual"] * 399})  # no rare one is kept out
    settings = {"label": "y", "rounds": 2, "epochs": 1, "shards": 1, "keep": "best", "stop_on": "auc"}
    mrdl.train(rows, run_dir=str(tmp_path / "run"), **settings)
    told = " ".join(capsys.readouterr().err.split())
    assert "no round has auc on the validation rows, so the network is that of the last round" in told
