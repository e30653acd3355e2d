"""Sweeps of numbers: trained by each back end that can, compared by R², told in words of their own."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from test_rounds_targets import a_frame

import mrdl
from mrdl.cli.main import main
from mrdl.data.dataset import load_data, prepare_data, save_data
from mrdl.errors import ConfigError, DataError
from mrdl.nn.backends.registry import BACKENDS
from mrdl.nn.backends.result import Result
from mrdl.nn.design import Design
from mrdl.reports.analysis import importances, verdicts
from mrdl.reports.score import ACCURACY, R2, score_of
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.jobs.pack import scores_of
from mrdl.sweep.winner import winner

SPEC = {
    "space": {"depth": [0, 1, 2], "width": 16, "learning_rate": [1e-6, 0.01], "epochs": 4},
    "data": {"label": "price"},
    "sweep": {"seeds": 2},
}


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.csv"
    a_frame(500).drop(columns=["wet", "cold"]).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def sweep(csv, tmp_path_factory):
    """A sweep that is over."""
    found = mrdl.Sweep(SPEC, tmp_path_factory.mktemp("sweeps") / "price")
    found.run(csv, slots=1, show=False)
    return found


def test_designs_are_compared_by_r2_and_the_best_one_can_be_trained(sweep, csv):
    table = sweep.table()
    assert len(table) == 12 and (table.status == "done").all() and set(table.backend) == {"numpy"}
    assert {"r2", "rmse", "baseline_rmse"} < set(table) and not {"accuracy", "baseline"} & set(table)
    np.testing.assert_allclose(table.r2, 1 - (table.rmse / table.baseline_rmse) ** 2, atol=0.02)
    slow = table.learning_rate == 1e-6
    assert table.no_better[slow].all() and not table.no_better[~slow & (table.depth > 0)].any()
    best = winner(SweepFolder(sweep.folder))
    assert best.score == pytest.approx(table.groupby(["depth", "learning_rate"]).r2.mean().max())
    assert re.search(r"; R² 0\.\d{4}, the mean of 2 seeds$", str(best))


def test_the_rows_of_a_sweep_are_those_of_a_training_of_its_own(sweep, csv, tmp_path):
    """A large design is a job: `mrdl train` on the same rows, scored on the same ones."""
    spec = {**SPEC, "space": {"nodes": [[16]], "learning_rate": 0.01, "epochs": 4}, "sweep": {"route": "job"}}
    told = mrdl.Sweep(spec, tmp_path / "jobs").run(csv, slots=1, show=False).iloc[0]
    assert told.status == "done" and told.r2 > 0 and told.baseline_rmse == sweep.table().baseline_rmse[0]


@pytest.mark.parametrize("name", BACKENDS)
def test_a_back_end_learns_numbers_or_says_which_one_does(name, csv, tmp_path):
    spec = {**SPEC, "sweep": {"backend": name, "count": 1}}
    if BACKENDS[name].alone:
        with pytest.raises(ConfigError, match=f"{name}.* not numbers: {BACKENDS[name].alone!r}, or auto"):
            SweepFolder.create(tmp_path / "sweep", spec, csv)
        return
    data = prepare_data(csv, "price", "auto", 0.2)
    (found,) = BACKENDS[name].fit([Design((16,), learning_rate=0.01, epochs=6)], data, lambda *_: None, "cpu")
    told = scores_of(found.predicted, data)
    assert told["r2"] > 0.3 and not told["collapsed"] and not told["no_better"]
    assert found.loss == pytest.approx(((found.predicted - data.test_y) ** 2).mean(), rel=1e-5)


def test_prepared_numbers_are_those_that_a_training_of_the_same_rows_has(csv, tmp_path):
    data = prepare_data(csv, "price", "auto", 0.2)
    run = {"label": "price", "validation": 0.2, "run_dir": str(tmp_path / "run"), "show": False}
    model = mrdl.train(csv, shards=1, rounds=1, epochs=1, **run)
    assert data.unit == tuple(model.preparation.targets.deviation.tolist()) and data.outputs == 1 and not data.classes
    assert model.validation["baseline_rmse"] == pytest.approx(data.baseline, rel=1e-6)
    save_data(data, tmp_path / "data")
    again = load_data(tmp_path / "data")
    assert (again.loss, again.unit, again.digest, again.classes) == ("mse", data.unit, data.digest, ())


def test_what_says_one_number_has_collapsed(csv):
    data = prepare_data(csv, "price", "auto", 0.2)
    told = scores_of(np.zeros_like(data.test_y), data)
    assert told["collapsed"] and told["no_better"] and told["rmse"] == pytest.approx(data.baseline)
    assert Result(data.test_y, 0.0).loss == 0 and scores_of(data.test_y, data)["r2"] == 1


def test_a_report_has_words_of_numbers(sweep, tmp_path, capsys, monkeypatch):
    table = sweep.table()
    assert score_of(table) is R2 and score_of(table.rename(columns={"r2": "accuracy"})) is ACCURACY
    told = " ".join(verdicts(table, importances(table)))
    assert "seeds alone move R² by 0." in told and "better than always saying the mean (two sigma)" in told
    page = sweep.report(tmp_path / "report.html").read_text()
    for words in ("R² by depth", "always the mean: an RMSE of ", json.dumps("test R²")):
        assert words in page
    assert "test accuracy" not in page and "majority" not in page
    assert main(["sweep", "show", str(sweep.folder)]) == 0
    assert "always the mean: an RMSE of " in capsys.readouterr().out


def test_r2_of_a_network_that_went_far_off_does_not_decide_what_is_said(sweep):
    table = sweep.table()
    wild = pd.concat([table, table.iloc[:1].assign(r2=-1e9, seed=7)])
    assert R2.of(wild).min() == -1


@pytest.mark.parametrize("label", ["wet,cold", "none"])
def test_flags_and_no_label_are_refused(label, tmp_path):
    a_frame(100).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DataError, match="but a sweep learns"):
        prepare_data(str(tmp_path / "x.csv"), label, "auto", 0.2)
