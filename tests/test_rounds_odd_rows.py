"""Wrong settings of each kind are refused in words; odd rows, shards of one row and no validation are no harm."""

import json

import numpy as np
import pandas as pd
import pytest
from networks import QUICK, kinds, settings

import mrdl
from mrdl.errors import ConfigError
from mrdl.nn.weights import digest

# --- what is wrong ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "dbn", "nodes": "64,10"}, "hidden layer"),
        ({"kind": "dbn", "nodes": "64,12,4", "visible": "gaussian", "fine_tune": "autoencoder"}, "--visible binary"),
        ({"kind": "dbn", "nodes": "64,12,9,64", "fine_tune": "autoencoder"}, "not symmetric"),
        ({"kind": "dbn", "nodes": "64,12,9"}, "ends with 9, .* 10 classes"),
        ({"kind": "rbm", "nodes": "63,12"}, "begins with 63, .* 64 columns"),
        ({"kind": "rbm", "threshold": "abc"}, "threshold is 'abc', expected a number"),
        ({"kind": "rbm", "threshold": "nan"}, "threshold is 'nan', expected a number"),
        ({"kind": "rbm", "threshold": "inf"}, "threshold is inf, expected a number"),
        ({"activation": "foo"}, "activation is 'foo', expected one of relu, tanh, sigmoid"),
        ({"kind": "rbm", "visible": "foo"}, "visible is 'foo', expected one of binary, gaussian"),
        ({"kind": "rbm", "chains": "foo"}, "chains is 'foo', expected one of data, persistent"),
        ({"kind": "dbn", "fine_tune": "foo"}, "fine_tune is 'foo', expected one of classifier, autoencoder"),
        ({"kind": "rbm", "cd_steps": "0"}, "cd_steps is 0, expected 1 or more"),
        ({"kind": "rbm", "weight_cost": "-1"}, "weight_cost is -1.0, expected a number from 0 to 1"),
    ],
)
def test_settings_that_are_wrong_are_refused_in_words(new_run, changes, says):
    with pytest.raises(ConfigError, match=says):
        new_run(**{**QUICK, **changes}).execute()


def test_a_machine_with_an_absurd_rate_stops_or_stays_finite(new_run):
    made = new_run(**settings("rbm", learning_rate=1e6, rounds=3))
    try:
        model = made.execute()
    except mrdl.MrdlError as error:
        assert "--learning-rate" in str(error)
    else:
        assert all(np.isfinite(array).all() for array in model.weights.values())


def test_layers_that_diverge_advise_the_rate_of_layers(new_run):
    made = new_run(**settings("gaussian dbn", layer_learning_rate=1e6))
    with pytest.raises(mrdl.MrdlError, match="--layer-learning-rate 500000 in another"):
        made.execute()


# --- odd rows ---


ODD = {
    "a constant column": lambda rng: np.column_stack([rng.integers(0, 9, (60, 2)), np.full(60, 5)]),
    "columns of zeros": lambda rng: np.column_stack([rng.integers(0, 9, 60), np.zeros((60, 3))]),
    "nothing but zeros": lambda rng: np.zeros((60, 3)),
    "one column": lambda rng: rng.integers(0, 9, (60, 1)),
    "huge numbers": lambda rng: rng.normal(size=(60, 3)) * 1e30,
    "tiny numbers": lambda rng: rng.normal(size=(60, 3)) * 1e-30,
    "equal rows": lambda rng: np.tile(rng.integers(0, 9, 4), (60, 1)),
    "missing cells": lambda rng: np.where(rng.random((60, 3)) < 0.5, np.nan, rng.normal(size=(60, 3))),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "about", [{}, {"visible": "gaussian"}, {"threshold": "0.5"}, {"chains": "persistent"}], ids=str
)
def test_machines_learn_odd_rows(new_run, tmp_path, odd, about):
    path = tmp_path / "odd.csv"
    pd.DataFrame(ODD[odd](np.random.default_rng(0))).to_csv(path, index=False)
    made = new_run(path, kind="rbm", label="none", header="yes", shards=1 if odd == "equal rows" else 3, **{
        "rounds": 2, "epochs": 2, **about})  # fmt: skip
    model = made.execute()
    assert all(np.isfinite(array).all() for array in model.weights.values())
    assert np.isfinite(model.reconstruct(path)).all() and np.isfinite(model.sample(4, 5)).all()
    assert np.isfinite(model.rounds[-1]["training_loss"])
    json.loads(made.folder.history.read_text().splitlines()[-1])


@pytest.mark.parametrize("shards", [1, 10, 12])
@pytest.mark.parametrize("kind", ["rbm", "stack", "dbn", "persistent rbm", "gaussian rbm"])
def test_as_many_shards_as_rows(new_run, tmp_path, kind, shards):
    """Some are empty then."""
    path = tmp_path / "few.csv"
    path.write_text("".join(f"{i % 2},{i},{i * i % 7}\n" for i in range(12)))
    nodes = {"rbm": (2, 3), "stack": (2, 3, 2), "dbn": (2, 3, 2)}.get(kind.split()[-1])
    changes = {"nodes": nodes, "shards": shards, "validation": 0, "rounds": 2}
    first, again = (new_run(path, **settings(kind, **changes)).execute() for _ in range(2))
    assert first.to_bytes() == again.to_bytes()
    assert all(np.isfinite(array).all() for array in first.weights.values())


@kinds
def test_a_run_without_validation_rows_has_no_scores(new_run, kind):
    model = new_run(**settings(kind, validation=0, rounds=1)).execute()
    assert all("loss" not in round_ or np.isnan(round_["loss"]) for round_ in model.rounds)
    assert digest(model.weights) == model.sha256
