"""Numbers and flags that are learnt: trained, predicted in their own unit, measured, refused where they are none."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mrdl
from mrdl.cli.main import main
from mrdl.errors import ConfigError, DataError
from mrdl.metrics.moments import Moments
from mrdl.model.baseline import as_json, told_baseline, told_worth
from mrdl.rounds.events import Noted

QUICK = {"show": False, "shards": 2, "rounds": 2, "nodes": (), "epochs": 2, "warm_epochs": 2}


def a_frame(rows=600, seed=0):
    """Rows with a price that follows from them, and two flags."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)).round(3)
    price = 250_000 + 40_000 * (x[:, 0] + np.sin(2 * x[:, 1])) + 5_000 * rng.normal(size=rows)
    flags = {"wet": (x[:, 2] > 0).astype(int), "cold": x[:, 0] + x[:, 3] > 0.5}
    return pd.DataFrame(x, columns=list("abcd")).assign(price=price.round(2), **flags)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network of prices, two flags left out."""
    folder = str(tmp_path_factory.mktemp("runs") / "price")
    return mrdl.train(a_frame(), label="price", drop=["wet", "cold"], run_dir=folder, **QUICK)


def test_numbers_are_predicted_in_their_own_unit_and_measured_as_scikit_learn_does(model):
    frame = a_frame(300, 1)
    predicted, found = model.predict(frame), model.evaluate(frame)
    assert predicted.dtype == np.float64 and predicted.shape == (300,)
    price = frame["price"].to_numpy(np.float32)
    assert found["r2"] == pytest.approx(r2_score(price, predicted), abs=1e-9) and found["r2"] > 0.5
    assert found["rmse"] == pytest.approx(root_mean_squared_error(price, predicted), rel=1e-9)
    assert found["mae"] == pytest.approx(mean_absolute_error(price, predicted), rel=1e-9)
    mean, deviation = (model.preparation.targets.mean[0], model.preparation.targets.deviation[0])
    assert found["baseline_rmse"] == pytest.approx(np.sqrt(((price - mean) ** 2).mean()), rel=1e-6)
    assert found["loss"] == pytest.approx((found["rmse"] / deviation) ** 2, rel=1e-5)


def test_the_targets_travel_with_the_model(model, tmp_path):
    model.save(tmp_path / "price.safetensors")
    again, frame = mrdl.load(tmp_path / "price.safetensors"), a_frame(50, 2)
    assert (again.predict(frame) == model.predict(frame)).all() and again.digest == model.digest
    frame.to_csv(tmp_path / "whole.csv", index=False)
    frame[list("dcba")].to_csv(tmp_path / "bare.csv", index=False)
    assert (again.predict(tmp_path / "whole.csv") == again.predict(tmp_path / "bare.csv")).all()
    assert again.evaluate(tmp_path / "whole.csv") == again.evaluate(frame)
    with pytest.raises(DataError, match="has no label column 'price'"):
        again.evaluate(tmp_path / "bare.csv")
    with pytest.raises(ConfigError, match="has not probabilities"):
        again.predict_proba(frame)


def test_the_module_of_torch_gives_numbers_in_their_own_unit(model):
    frame = a_frame(50, 2)
    rows = torch.tensor(frame[list("abcd")].to_numpy(np.float32))
    with torch.no_grad():
        given = model.net()(rows)
    np.testing.assert_allclose(given[:, 0], model.predict(frame), rtol=1e-5)


def test_rows_without_a_target_are_refused_left_out_or_told(model, tmp_path, caplog):
    frame = a_frame().drop(columns=["wet", "cold"])
    frame.loc[[3, 7], "price"] = np.nan
    with pytest.raises(DataError, match=r"2 of 600 rows cannot be read(.|\n)*'price': the label is missing"):
        mrdl.train(frame, label="price", run_dir=str(tmp_path / "bad"), **QUICK)
    mrdl.train(frame, label="price", bad_rows="skip", run_dir=str(tmp_path / "skip"), **QUICK)
    assert model.evaluate(frame)["rows"] == 598
    assert "2 of 600 rows have no label and are left out" in caplog.text


def made():
    """A table with products and waves, and its target."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1600, 6)).round(4)
    y = 2 * x[:, 0] + 1.5 * np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] + 0.5 * rng.normal(size=1600)
    return pd.DataFrame(x, columns=list("abcdef")).assign(target=50_000 + 12_000 * y)


TABLES = {
    "diabetes": (load_diabetes(as_frame=True).frame, {"batch_size": 100, "learning_rate": 0.002}),
    "made": (made(), {"batch_size": 50, "learning_rate": 0.003}),
}


@pytest.mark.parametrize(("frame", "how"), TABLES.values(), ids=TABLES)
def test_numbers_are_learnt_as_well_as_scikit_learn_learns_them(frame, how, tmp_path):
    """By the same network, step and passes, the mean of three seeds: only what is drawn differs."""
    order = np.random.default_rng(0).permutation(len(frame))
    test, train = frame.iloc[order[: len(frame) // 4]], frame.iloc[order[len(frame) // 4 :]]
    columns, ours, theirs = frame.shape[1] - 1, [], []
    for seed in range(3):
        about = {"batch_size": how["batch_size"], "learning_rate_init": how["learning_rate"], "max_iter": 40}
        theirs_by = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed, alpha=0, **about))
        reference = TransformedTargetRegressor(theirs_by, transformer=StandardScaler())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            reference.fit(train.drop(columns="target"), train["target"])
        theirs.append(reference.score(test.drop(columns="target"), test["target"]))
        settings = {"nodes": (columns, 100, 1), "optimizer": "adam", "rounds": 1, "epochs": 40, "validation": 0, **how}
        settings |= {"weight_decay": 0, "schedule": "constant"}
        run = {"label": "target", "shards": 1, "seed": seed, "run_dir": str(tmp_path / f"{seed}"), "show": False}
        ours.append(mrdl.train(train, **run, **settings).evaluate(test)["r2"])
    assert np.mean(ours) > np.mean(theirs) - 0.01


def test_flags_are_a_table_of_0_and_1(tmp_path):
    labels, frame = ["wet", "cold"], a_frame()
    found = mrdl.train(frame, label=labels, drop=["price"], run_dir=str(tmp_path / "run"), **QUICK)
    given, shares = found.predict(frame), found.predict_proba(frame)
    assert given.dtype == np.int64 and given.shape == shares.shape == (600, 2) and set(given.flat) == {0, 1}
    assert ((shares > 0.5) == given).all()
    right, scores = given == frame[labels].to_numpy(int), found.evaluate(frame)
    assert scores["accuracy"] == pytest.approx(right.all(1).mean())
    assert scores["accuracy"] > scores["baseline"]
    assert scores["label_accuracy"] == pytest.approx(right.mean()) and right.mean() > 0.5


def test_several_numbers_are_learnt_together(tmp_path):
    frame = a_frame().drop(columns=["wet", "cold"]).assign(twice=lambda table: -2 * table["price"])
    found = mrdl.train(frame, label="price,twice", run_dir=str(tmp_path / "run"), **QUICK)
    given = found.predict(frame)
    assert given.shape == (600, 2) and found.evaluate(frame)["r2"] > 0.5
    assert r2_score(frame[["price", "twice"]], given) == pytest.approx(found.evaluate(frame)["r2"], abs=1e-6)


@pytest.mark.parametrize("settings", [{"loss": "mae"}, {"loss": "huber"}, {"engine": "torch"}, {"shards": 1}], ids=str)
def test_other_losses_engines_and_shards_learn_the_same_numbers(settings, tmp_path):
    frame = a_frame().drop(columns=["wet", "cold"])
    how = {**QUICK, "engine": "numpy", **settings}
    found = mrdl.train(frame, label="price", run_dir=str(tmp_path / "run"), **how)
    assert found.arch.loss == settings.get("loss", "mse") and found.evaluate(frame)["r2"] > 0.5


def test_processes_end_in_the_same_bytes(tmp_path):
    frame = a_frame(300).drop(columns=["wet", "cold"])
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.sample(frac=1, random_state=1).to_csv(tmp_path / "y.csv", index=False)
    runs = [("x.csv", "inline"), ("y.csv", "inline"), ("x.csv", "local")]
    found = [
        mrdl.train(tmp_path / name, label="price", runner=runner, run_dir=str(tmp_path / f"{i}"), **QUICK).digest
        for i, (name, runner) in enumerate(runs)
    ]
    assert found[0] == found[1] == found[2]


WRONG = {
    "one value": (lambda price: price * 0 + 7, {"task": "regress"}, ConfigError, "has one value only"),
    "infinite": (lambda price: price.where(price.index != 5, np.inf), {}, DataError, "'inf' is not a finite number"),
    "1e308": (lambda price: price.where(price.index != 5, 1e308), {}, DataError, "is not a finite number"),
    "text": (lambda price: price.astype(str).where(price.index != 5, "sold"), {}, DataError, "--task classify"),
    "a loss of classes": (
        lambda price: price > 250_000,
        {"loss": "mae"},
        ConfigError,
        "loss is mae, which is of numbers",
    ),
    "nodes": (lambda price: price, {"nodes": (4, 8, 3)}, ConfigError, "ends with 3, but one column of numbers"),
    "machines": (lambda price: price, {"kind": "dbn", "nodes": (4, 8, 1)}, ConfigError, "learns neither numbers"),
}


@pytest.mark.parametrize(("change", "settings", "error", "why"), WRONG.values(), ids=WRONG)
def test_a_target_that_cannot_be_learnt_is_refused_before_anything_is_trained(change, settings, error, why, tmp_path):
    frame = a_frame(200).drop(columns=["wet", "cold"])
    frame["price"] = change(frame["price"])
    with pytest.raises(error, match=why):
        mrdl.train(frame, label="price", run_dir=str(tmp_path / "run"), **{**QUICK, **settings})


def test_targets_of_any_size_are_learnt(tmp_path):
    frame = a_frame().drop(columns=["wet", "cold"])
    for scale in (1e-30, 1e30):
        scaled = frame.assign(price=frame["price"] * scale)
        found = mrdl.train(scaled, label="price", run_dir=str(tmp_path / f"{scale}"), **QUICK)
        assert found.evaluate(scaled)["r2"] > 0.5


def test_moments_are_those_of_numpy_however_the_rows_are_parted():
    values = np.random.default_rng(0).normal(1e6, 3, 1000).astype(np.float32)
    whole, parts = Moments(), [Moments() for _ in range(3)]
    whole.add(values)
    for i, part in enumerate(parts):
        part.add(values[i::3])
    merged = Moments.from_meta(parts[2].to_meta())
    for part in parts[:2]:
        merged.merge(part)
    assert merged == whole and merged.rows == 1000 and not merged.are_flags
    assert (merged.mean, merged.deviation) == pytest.approx((values.mean(dtype=float), values.std(dtype=float)))
    assert (Moments().mean, Moments().deviation) == (0, 0)


# --- what people see ---


def test_everything_that_is_shown_of_a_run_has_its_numbers_and_no_accuracy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    a_frame(300).drop(columns=["wet", "cold"]).to_csv("x.csv", index=False)
    quick = [
        "--label",
        "price",
        "--shards",
        "2",
        "--rounds",
        "1",
        "--epochs",
        "1",
        "--warm-epochs",
        "1",
        "--run-dir",
        "run",
    ]
    assert main(["train", "x.csv", *quick, "--json"]) == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert {"rmse", "mae", "r2", "baseline_rmse", "no_better", "loss"} <= set(summary) and "accuracy" not in summary
    assert "--task classify takes each value for a class" in told.err and "always saying the mean, " in told.err
    for command in (["show", "run"], ["show", "run/model.safetensors"], ["runs", "."], ["evaluate", "run", "x.csv"]):
        assert main(command) == 0
        said = capsys.readouterr().out
        assert "RMSE " in said and "mean" in said and "accuracy" not in said and "nan" not in said
    assert main(["predict", "run", "x.csv"]) == 0
    given = [float(line) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(given, mrdl.load("run").predict("x.csv"), rtol=1e-8)


def test_flags_are_printed_under_their_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    a_frame(300).drop(columns="price").to_csv("x.csv", index=False)
    quick = ["--label", "cold,wet", "--shards", "1", "--rounds", "1", "--epochs", "1", "--run-dir", "run"]
    assert main(["train", "x.csv", *quick]) == 0
    assert "yes or no in each: several labels" in capsys.readouterr().err
    for more, cells in (([], {"0", "1"}), (["--proba"], None)):
        assert main(["predict", "run", "x.csv", *more]) == 0
        heading, *rows = capsys.readouterr().out.splitlines()
        assert heading == "cold,wet" and len(rows) == 300
        assert cells is None or set(",".join(rows).split(",")) == cells


@pytest.mark.parametrize(("rmse", "verdict"), [(9.0, ""), (9.9, ": no better"), (11.0, ": no better")])
def test_a_network_is_told_where_it_is_not_shown_to_be_better_than_the_mean(rmse, verdict):
    """Of 100 rows 16 % of the variance are two standard deviations."""
    assert told_worth({"rows": 9, "rmse": 1e26, "mae": 1.0, "r2": -1e44}) == "RMSE 1e+26, MAE 1, R² -1e+44 of 9 rows"
    scores = {"rows": 100, "rmse": rmse, "mae": 1.0, "r2": 1 - rmse**2 / 100, "baseline_rmse": 10.0}
    assert told_baseline(scores, "7.5") == f"always saying the mean, 7.5, would have an RMSE of 10{verdict}"
    assert as_json(scores, "7.5")["no_better"] == bool(verdict)


def test_a_run_is_tested_on_a_table_of_its_own_goes_on_and_is_started_from(tmp_path):
    a_frame(200, 3).to_csv(tmp_path / "test.csv", index=False)
    frame = a_frame().drop(columns=["wet", "cold"])
    how = {**QUICK, "label": "price", "run_dir": str(tmp_path / "run"), "test": str(tmp_path / "test.csv")}
    how["schedule"] = "constant"  # by others the number of rounds decides what each learns
    first = mrdl.train(frame, **{**how, "rounds": 1})
    whole = mrdl.train(frame, **how, resume=True)
    assert len(whole.rounds) == 2 and whole.rounds[0]["r2"] == first.rounds[0]["r2"]
    start = {"start_from": str(tmp_path / "run" / "model.safetensors"), "run_dir": str(tmp_path / "further")}
    further = mrdl.train(frame, **{**how, **start, "rounds": 1, "warm_rows": 0})
    assert further.rounds[0]["training_loss"] < first.rounds[0]["training_loss"]
    a_frame(20).drop(columns="price").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match="test.csv has no label column 'price'"):
        mrdl.train(frame, **{**how, "run_dir": str(tmp_path / "bad")})


def test_values_far_from_the_mean_are_told_of_where_they_decide(tmp_path):
    frame = a_frame().drop(columns=["wet", "cold"])
    frame.loc[3, "price"] = 1e9
    notes = []
    how = {**QUICK, "label": "price", "listeners": [notes.append]}
    mrdl.train(frame, run_dir=str(tmp_path / "mse"), **how)
    mrdl.train(frame, loss="huber", run_dir=str(tmp_path / "huber"), **how)
    told = [note.text for note in notes if isinstance(note, Noted)]
    assert len([text for text in told if "deviations from its mean: --loss huber" in text]) == 1, "by mse alone"
    assert len([text for text in told if "kept as 32-bit floats" in text]) == 2
