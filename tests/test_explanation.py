"""What a network is said to look at is what it looks at: beside scikit-learn's figures, on tables that are known."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import make_scorer, r2_score, roc_auc_score

import mrdl
from mrdl.data.preparation.preparation import prepare
from mrdl.data.preparation.scaling import STANDARD, Scaling
from mrdl.data.sample import Sample as Told
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.data.types import ColumnType
from mrdl.explanation.alone import alone
from mrdl.explanation.dependence import dependence
from mrdl.explanation.importance import Measure
from mrdl.explanation.sample import Sample
from mrdl.model.model import Model
from mrdl.nn.kinds import mlp
from mrdl.reports.explanation_page import page_of

ROWS = 800
QUICK = {"shards": 1, "rounds": 1, "epochs": 6, "hidden": (16,), "show": False}


def a_table() -> pd.DataFrame:
    """Columns of which the label needs the first much, the second a little, and the third not at all."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(ROWS, 3)), columns=["much", "little", "nothing"])
    frame["amount"] = 1000 + 100 * frame["much"] + 20 * frame["little"] + rng.normal(size=ROWS)
    frame["y"] = np.where(frame["much"] + 0.3 * frame["little"] + 0.3 * rng.normal(size=ROWS) > 0, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def tables():
    return a_table()


@pytest.fixture(scope="module")
def classifier(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return mrdl.train(tables.drop(columns="amount"), label="y", run_dir=str(folder / "run"), **QUICK)


@pytest.fixture(scope="module")
def regressor(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return mrdl.train(tables.drop(columns="y"), label="amount", task="regress", run_dir=str(folder / "run"), **QUICK)


@pytest.mark.parametrize(
    ("kind", "label", "scorer", "measure"),
    [
        ("classifier", "y", make_scorer(roc_auc_score, response_method="predict_proba"), "auc"),
        ("regressor", "amount", make_scorer(r2_score), "r2"),
    ],
)
def test_importances_are_those_of_scikit_learn(kind, label, scorer, measure, tables, request):
    model = request.getfixturevalue(kind)
    found = mrdl.explain(model, tables)

    class Theirs(mrdl.Classifier if kind == "classifier" else mrdl.Regressor):
        """The same network as an estimator that scikit-learn asks."""

    asked = Theirs()
    asked.model_, asked._outputs, asked.classes_ = model, np.arange(2), np.array(["no", "yes"])
    rows = tables[list(model.preparation.columns)]
    asked.n_features_in_, asked.feature_names_in_ = 3, rows.columns.to_numpy()
    theirs = permutation_importance(asked, rows, tables[label], scoring=scorer, n_repeats=20, random_state=0)
    ours = {each.column: each for each in found.importances}
    assert found.measure == measure and found.value == pytest.approx(model.evaluate(tables)[measure])
    assert [each.column for each in found.importances] == ["much", "little", "nothing"]
    for name, loss in zip(rows.columns, theirs.importances_mean, strict=True):
        assert ours[name].low - 0.002 < loss < ours[name].high + 0.002 and abs(ours[name].loss - loss) < 0.04
    assert ours["nothing"].low < 0.002 and ours["much"].low > 0.1


def test_intervals_are_about_as_wide_as_importances_vary_from_table_to_table(classifier):
    losses, reaches = [], []
    for seed in range(12):
        rng = np.random.default_rng([7, seed])
        rows = pd.DataFrame(rng.normal(size=(300, 3)), columns=["much", "little", "nothing"])
        rows["y"] = np.where(rows["much"] + 0.3 * rows["little"] + 0.3 * rng.normal(size=300) > 0, "yes", "no")
        (much,) = (each for each in mrdl.explain(classifier, rows).importances if each.column == "much")
        losses.append(much.loss)
        reaches.append((much.high - much.low) / 2)
    assert 1 < np.mean(reaches) / np.std(losses, ddof=1) < 4


def test_dependence_is_the_mean_answer_where_a_column_has_one_value(classifier, regressor, tables):
    rows = tables[["much", "little", "nothing"]].to_numpy(np.float32)
    for model, ask in ((classifier, classifier.predict_proba), (regressor, lambda x: regressor.predict(x)[:, None])):
        found = dependence(model, rows, 0)
        assert len(found.values) == 20 and np.all(np.diff(found.values) > 0)
        low, high = np.quantile(rows[:, 0], [0.01, 0.99], method="nearest")
        assert found.values[0] == low and found.values[-1] == high
        for value, mean in list(zip(found.values, found.means, strict=True))[::7]:
            given = ask(np.column_stack([np.full(ROWS, value, np.float32), rows[:, 1:]]))
            assert mean == pytest.approx(given.mean(0), rel=1e-5)
        assert found.means[-1, -1] > found.means[0, -1]


def test_neither_order_nor_files_of_rows_matter(classifier, tables, tmp_path):
    rows = tables.drop(columns="amount")
    for name, part in (("a", rows[500:]), ("b", rows[:500])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    settings = {"rows": 300, "repeats": 2}
    of_frame, of_files = (mrdl.explain(classifier, data, **settings) for data in (rows, str(tmp_path)))
    shuffled = mrdl.explain(classifier, rows.sample(frac=1, random_state=0), **settings)
    assert of_frame.to_json() == shuffled.to_json() == {**of_files.to_json(), "data": "the DataFrame"}
    assert (of_frame.rows, of_frame.seen) == (300, ROWS) and "300 of 800 rows, chosen by their hash" in str(of_frame)


def test_a_sample_of_blocks_is_that_of_all_rows():
    rng = np.random.default_rng(3)
    features, targets = rng.normal(size=(1000, 4)).astype(np.float32), rng.integers(0, 2, 1000)
    whole = Sample.of([(features, targets)], 50)
    parts = Sample.of([(features[i : i + 70], targets[i : i + 70]) for i in range(0, 1000, 70)], 50)
    assert np.array_equal(whole.features, parts.features) and np.array_equal(whole.targets, parts.targets)
    assert whole.seen == parts.seen == 1000 and len(whole.features) == 50
    places = [int(np.flatnonzero((features == row).all(1))[0]) for row in whole.features]
    assert np.array_equal(targets[places], whole.targets) and np.ptp(places) > 500


def test_a_leak_two_columns_alike_and_a_network_that_knows_nothing_are_told(tables, tmp_path):
    leaking = tables.assign(code=(tables["y"] == "yes") * 1.0, twice=2 * tables["little"]).drop(columns="amount")
    model = mrdl.train(leaking, label="y", run_dir=str(tmp_path / "run"), **QUICK)
    told = mrdl.explain(model, leaking).warnings
    assert any(each.startswith("a leak? 'code' alone gives 1.0000, the network ") for each in told)
    assert any("'little' and 'twice' say nearly the same" in each or "'twice' and 'little'" in each for each in told)
    shuffled = leaking.assign(y=leaking["y"].sample(frac=1, random_state=0).to_numpy())
    assert "hardly better than knowing nothing" in mrdl.explain(model, shuffled).warnings[0]


@pytest.mark.parametrize(("kind", "name"), [("classifier", "auc"), ("regressor", "r2")])
def test_alone_is_what_a_table_of_a_column_tells_and_knows_nothing_of_names(kind, name, tables, request):
    model, rng = request.getfixturevalue(kind), np.random.default_rng(0)
    targets = model.labelled(tables)
    sample = Sample.of(targets, ROWS)
    measure = Measure(model, sample)
    nothing = {"auc": 0.5, "r2": 0.0}[name]
    assert alone(model, measure, sample, None) == pytest.approx(nothing, abs=0.02)
    much, little, none = (alone(model, measure, sample, place) for place in range(3))
    assert 0.9 < much < measure.value + 0.01 and none < nothing + 0.05 and nothing - 0.06 < little < much
    sample.features[:, 1] = sample.targets if kind == "classifier" else sample.targets[:, 0]
    assert alone(model, measure, sample, 1) > 0.97
    sample.features[:, 2] = rng.permutation(ROWS)  # a name of each row, which no other has
    assert alone(model, measure, sample, 2) < nothing + 0.08


def test_without_a_leak_nothing_is_told(classifier, tables):
    assert mrdl.explain(classifier, tables).warnings == ()


def test_levels_dates_and_missing_values_have_their_names():
    rng = np.random.default_rng(0)
    raw = np.column_stack([rng.integers(0, 3, 200), np.arange(19_000, 19_200), rng.normal(size=200)]).astype(np.float32)
    raw[::6, 0] = np.nan
    told = Statistics.empty(3)
    told.training_rows, told.classes, told.sample = 200, {"no": 120, "yes": 80}, Told.of(raw)
    told.add_range(raw)
    told.levels = {0: {"Bonn": 50, "Köln": 60, "Rom": 57}}
    types = tuple(map(ColumnType.of, ("category", "date", "number", "number")))
    prepared = prepare(told, Schema(("city", "when", "age", "y"), 3, 1, types=types), Scaling(STANDARD))
    arch = mlp((prepared.width, 4, 2))
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in arch.shapes().items()}
    model = Model(arch, weights, prepared.with_own_dictionary())
    assert dependence(model, raw, 0).names == ("Bonn", "Köln", "Rom", "missing")
    dates = dependence(model, raw, 1).names
    assert dates[0] == "2022-01-10" and len(dates) == 20 and dependence(model, raw, 2).kind == "number"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"measure": "acuracy"}, "measure is 'acuracy', expected one of loss, accuracy"),
        ({"repeats": 1}, "1 repeats on all rows: expected 2 or more"),
        ({"rows": 1}, "10 repeats on 1 rows: expected 2 or more"),
    ],
)
def test_what_cannot_be_is_refused(classifier, tables, settings, told):
    with pytest.raises(mrdl.ConfigError, match=told):
        mrdl.explain(classifier, tables, **settings)


def test_a_network_without_a_label_is_refused(tables, tmp_path):
    rows = tables[["much", "little"]]
    model = mrdl.train(
        rows, label="none", kind="autoencoder", nodes=(2, 1), run_dir=str(tmp_path / "run"), rounds=1, show=False
    )
    with pytest.raises(mrdl.ConfigError, match="'autoencoder' has not a label"):
        mrdl.explain(model, rows)


def test_the_command_prints_words_or_json_and_writes_a_page(classifier, tables, tmp_path, command):
    model, data, page = (str(tmp_path / name) for name in ("net.safetensors", "data.csv", "page.html"))
    classifier.save(model)
    tables.to_csv(data, index=False)
    status, out, _ = command("explain", model, data, "--measure", "loss", "--repeats", "2", "--html", page)
    assert status == 0 and "much: as it goes from" in out and out.index("\nmuch ") < out.index("\nlittle ")
    status, out, _ = command("explain", model, data, "--json", "--rows", "100")
    found = json.loads(out)
    assert found["rows"] == 100 and [each["column"] for each in found["importances"]][0] == "much"
    assert len(found["dependences"][0]["means"]) == 20
    status, _, err = command("explain", model, data, "--html", str(tmp_path / "no" / "page.html"))
    assert status == 2 and "cannot be written" in err


def test_a_page_works_offline_and_escapes_names(tables, tmp_path):
    odd = '<script>alert("1")</script>'
    rows = tables.rename(columns={"much": odd}).drop(columns="amount")
    rows.loc[::5, "little"] = np.nan
    rows["city"] = np.where(np.arange(ROWS) % 7 < 3, "<b>Rom</b>", "Köln")
    model = mrdl.train(rows, label="y", run_dir=str(tmp_path / "run"), **QUICK)
    page = page_of(mrdl.explain(model, rows, repeats=2))
    assert "<script" not in page and "<b>" not in page and "Köln" in page and "http" not in page and "missing" in page
    pictures = [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    assert len(pictures) == 5
    for picture in pictures:
        width, height = float(picture.get("width")), float(picture.get("height"))
        for name, end in (("x", width), ("cx", width), ("x2", width), ("y", height), ("cy", height)):
            places = [float(each.get(name)) for each in picture.iter() if each.get(name)]
            assert all(0 <= place <= end for place in places), (name, places)
