"""The estimators are scikit-learn's: its own checks, its pipelines and searches, and what pickling keeps."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import mrdl
from mrdl.api.estimators import DECIDED_HERE

QUICK = {"nodes": (4, 8, 3), "rounds": 1, "epochs": 2}
SMALL = {"rounds": 1, "epochs": 2, "hidden": (16,)}
ESTIMATORS = [mrdl.Classifier, mrdl.Regressor, mrdl.Transformer]


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [mrdl.Classifier(), mrdl.Regressor(), mrdl.Transformer(**SMALL), mrdl.Transformer(kind="rbm", **SMALL)],
    ids=repr,
)
def test_it_passes_the_checks_of_scikit_learn(estimator):
    found = check_estimator(estimator, on_skip=None)
    assert len(found) > 40 and {each["check_name"] for each in found if each["status"] != "passed"} <= {
        "check_array_api_input"  # of scikit-learn's own arrays, skipped unless SCIPY_ARRAY_API is set
    }


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_its_parameters_are_the_settings(estimator):
    settings = {field.name: field.default for field in dataclasses.fields(mrdl.TrainConfig)}
    found = estimator().get_params()
    assert set(found) == settings.keys() - set(DECIDED_HERE) | {"verbose"}
    differ = {name for name in found.keys() & settings.keys() if found[name] != settings[name]}
    assert differ <= {"shards", "kind", "fine_tune"}
    assert clone(estimator(batch_size="32")).get_params()["batch_size"] == "32"  # as it was given


def test_a_name_that_is_no_setting_is_refused_at_once():
    with pytest.raises(TypeError, match="batchsize"):
        mrdl.Classifier(batchsize=3)


def test_a_wrong_value_is_refused_in_words_when_it_is_used(iris):
    with pytest.raises(mrdl.ConfigError, match="batch_size is 0, expected 1 or more"):
        mrdl.Classifier(batch_size=0).fit(*iris)


@pytest.mark.parametrize(
    ("estimator", "told"),
    [
        (mrdl.Classifier(kind="rbm"), "'rbm' has no label: take mrdl.Transformer"),
        (mrdl.Transformer(kind="mlp"), "'mlp' has a label: take mrdl.Classifier or Regressor"),
        (mrdl.Regressor(kind="dbn"), "'dbn' learns neither numbers nor several labels"),
    ],
)
def test_a_kind_that_learns_something_else_is_refused(iris, estimator, told):
    with pytest.raises(mrdl.ConfigError, match=told):
        estimator.fit(*iris)


def test_it_trains_the_network_of_train(iris, tmp_path):
    rows, y = iris
    fitted = mrdl.Classifier(**QUICK).fit(rows, y)
    settings = {**QUICK, "shards": 1, "label": "y", "run_dir": str(tmp_path / "run")}
    model = mrdl.train(rows.assign(y=y), show=False, **settings)
    assert fitted.model_.sha256 == model.sha256
    assert np.array_equal(fitted.predict(rows), model.predict(rows))
    in_double = dataclasses.replace(model, double=True)
    assert in_double.to_bytes() == model.to_bytes()
    assert np.array_equal(fitted.predict_proba(rows), in_double.predict_proba(rows))
    assert np.allclose(fitted.predict_proba(rows), model.predict_proba(rows), rtol=1e-5, atol=1e-7)


def test_a_rare_class_is_said_as_its_decision_has_it():
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(1000, 2)), np.where(rng.random(1000) < 0.1, "rare", "usual")
    rows[y == "rare", 0] += 1.5
    settings = {"validation": 0.5, "rounds": 1, "hidden": (8,)}
    usual = mrdl.Classifier(**settings).fit(rows, y)
    wide = mrdl.Classifier(decision="balanced_accuracy", **settings).fit(rows, y)
    assert np.array_equal(wide.predict(rows), wide.model_.predict(rows))
    assert np.mean(wide.predict(rows) == "rare") > 1.5 * np.mean(usual.predict(rows) == "rare")


def test_nothing_is_left_behind_and_nothing_is_printed(iris, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mrdl.Classifier(**QUICK).fit(*iris).predict(iris[0])
    assert list(tmp_path.rglob("*")) == [] and capfd.readouterr() == ("", "")
    mrdl.Classifier(**QUICK, verbose=True).fit(*iris)
    assert "round 1/1" in capfd.readouterr().err


@pytest.mark.parametrize(
    "names", [["b", "a", "c"], [2.0, 1.0, 10.0], [3, -1, 20], [" x", "x y", "é,"], [10, 9, 1]], ids=str
)
def test_classes_come_back_as_they_were_given(iris, names):
    rows, y = iris
    labels = np.array(names)[y]
    fitted = mrdl.Classifier(nodes=(4, 16, 3), batch_size=4, validation=0).fit(rows, labels)
    assert np.array_equal(fitted.classes_, np.unique(labels)) and fitted.predict(rows).dtype == labels.dtype
    assert fitted.score(rows, labels) > 0.8


def test_a_class_that_is_missing_as_text_is_refused(iris):
    rows, y = iris
    with pytest.raises(mrdl.DataError, match="'NA' cannot be told"):
        mrdl.Classifier(**QUICK, bad_rows="skip").fit(rows, np.array(["NA", "b", "c"])[y])


def test_columns_are_found_by_name_and_others_are_refused(iris):
    rows, y = iris
    fitted = mrdl.Classifier(**QUICK).fit(rows, y)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        fitted.predict(rows[rows.columns[::-1]])
    with pytest.raises(ValueError, match="Feature names unseen at fit time"):
        fitted.predict(rows.rename(columns={rows.columns[0]: "other"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        by_place = fitted.predict(rows.to_numpy())
    assert np.array_equal(by_place, fitted.predict(rows))


def test_missing_values_and_truth_values_are_taken():
    rng = np.random.default_rng(0)
    hole = np.where(rng.random(200) < 0.2, np.nan, rng.random(200))
    frame = pd.DataFrame({"flag": rng.random(200) < 0.5, "hole": hole})
    y = np.where(frame["flag"], "on", "off")
    assert mrdl.Classifier(batch_size=4).fit(frame, y).score(frame, y) == 1


def test_words_dates_and_categories_are_taken():
    rng, n = np.random.default_rng(0), 400
    frame = pd.DataFrame({
        "city": rng.choice(["Rom", "Köln, alt", None], n), "when": pd.date_range("2024-01-01", periods=n, freq="7h"),
        "number": rng.normal(size=n), "zip": pd.Categorical(rng.integers(1000, 1005, n)),
    })  # fmt: skip
    y = np.where((frame["city"] == "Rom") | (frame["number"] > 1), "yes", "no")
    fitted = mrdl.Classifier(hidden=(16,)).fit(frame, y)
    assert [each.kind for each in fitted.model_.preparation.types] == ["category", "date", "number", "category"]
    assert fitted.score(frame, y) > 0.95
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(frame), fitted.predict(frame))
    explained = mrdl.explain(fitted.model_, frame.assign(y=y))
    assert [each.column for each in explained.importances[:2]] == ["city", "number"]
    assert "Köln, alt" in {name for each in explained.dependences for name in each.names}


def test_it_works_in_a_pipeline_and_in_a_search():
    rows, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), mrdl.Classifier(nodes=(13, 16, 3), validation=0, batch_size=4))
    assert cross_val_score(pipeline, rows, y, cv=3).mean() > 0.9
    search = GridSearchCV(pipeline, {"classifier__epochs": [1, 5]}, cv=2).fit(rows, y)
    assert search.best_params_ == {"classifier__epochs": 5}


def test_a_regressor_learns_one_number_or_several():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3))
    y = 1e6 + 1000 * rows[:, 0]
    assert mrdl.Regressor(batch_size=4).fit(rows, y).score(rows, y) > 0.95
    both = np.stack([y, -rows[:, 1]], 1)
    fitted = mrdl.Regressor(batch_size=4).fit(pd.DataFrame(rows, columns=list("yab")), both)
    assert fitted.predict(pd.DataFrame(rows, columns=list("yab"))).shape == both.shape
    assert fitted.score(pd.DataFrame(rows, columns=list("yab")), both) > 0.95


@pytest.mark.parametrize("rows", [1, 7, 199, 1001])
def test_what_is_said_of_a_row_does_not_depend_on_the_others(rows):
    rng = np.random.default_rng(1)
    table = rng.normal(size=(1500, 30))
    fitted = mrdl.Regressor(rounds=1, epochs=1, batch_size=64).fit(table, table.sum(1))
    assert np.array_equal(fitted.predict(table[:rows]), fitted.predict(table)[:rows])


def test_a_transformer_goes_before_a_classifier(iris):
    rows, y = iris
    first = mrdl.Transformer(nodes=(4, 8, 2), batch_size=4, learning_rate=0.05)
    codes = first.fit_transform(rows)
    assert codes.shape == (150, 2) and codes.dtype == np.float32
    assert list(first.get_feature_names_out()) == ["transformer0", "transformer1"]
    pipeline = make_pipeline(first, mrdl.Classifier(nodes=(2, 16, 3), batch_size=4)).fit(rows, y)
    assert pipeline.score(rows, y) > 0.6


def test_pickling_keeps_the_bytes_of_the_model_file(iris):
    rows, y = iris
    fitted = mrdl.Classifier(**QUICK).fit(rows, y)
    assert fitted.__getstate__()["model_"] == fitted.model_.to_bytes()
    again = pickle.loads(pickle.dumps(fitted))
    assert again.model_.to_bytes() == fitted.model_.to_bytes()
    assert np.array_equal(again.predict_proba(rows), fitted.predict_proba(rows))
    state = fitted.__getstate__()
    with pytest.raises(mrdl.ModelError, match="damaged"):
        mrdl.Classifier().__setstate__({**state, "model_": state["model_"][:-1]})


def test_without_scikit_learn_the_error_names_the_extra():
    code = "import sys; sys.modules['sklearn'] = None; import mrdl; mrdl.train; mrdl.Classifier"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(mrdl.__file__).parents[1]
    )
    assert 'SetupError: mrdl.Classifier and its like need scikit-learn: pip install "mrdl[sklearn]"' in found.stderr


def test_errors_of_fit_name_the_frame_and_its_row_and_no_file():
    x = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7}, index=[f"n{i}" for i in range(40)])
    x.iloc[5, 0] = 1e39
    with pytest.raises(
        mrdl.DataError, match=r"^the DataFrame: 1 of 40 .*\n  the DataFrame row 5 \(index n5\): column 'a'"
    ):
        mrdl.Classifier(rounds=1).fit(x, np.arange(40) % 2)
