"""Runs that start from a model: what they take of it, and what they refuse."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from networks import DIGITS, QUICK, settings

import mrdl
from mrdl.errors import ConfigError, ModelError


@pytest.fixture
def saved(known, tmp_path):
    """saved(kind): the path of a known model's file."""

    def get(kind):
        path = tmp_path / f"{kind}.net"
        known(kind)[1].save(path)
        return str(path)

    return get


def same_layers(weights, given):
    """Names of tensors that are those given; a rate of next to nothing moves a bias of 0."""
    return sorted(name for name in given if name in weights and np.allclose(weights[name], given[name], 0, 1e-20))


@pytest.mark.parametrize("warm_rows", [0, 60])
@pytest.mark.parametrize(
    ("source", "kind"), [("stack", "dbn"), ("rbm", "dbn of one machine"), ("gaussian rbm", "gaussian dbn")]
)
def test_a_dbn_from_trained_machines_is_fine_tuned_at_once_and_begins_with_their_weights(
    known, saved, new_run, source, kind, warm_rows
):
    changes = {"warm_rows": warm_rows, "learning_rate": 1e-30}
    made = new_run(**settings(kind, start_from=saved(source), **changes))
    model = made.execute()
    given = known(source)[1].weights
    assert {m.stage for m in made.folder.manifests()} == {"fine-tuning"}
    assert same_layers(model.weights, given) == sorted(given)
    assert len(model.rounds) == QUICK["rounds"] and made.setup.rounds[0].number == (0 if warm_rows else 1)


def test_an_unrolled_dbn_from_trained_machines_begins_with_both_halves(known, saved, new_run):
    """Those of an unrolled one: its topmost machine has Gaussian hidden units."""
    source = new_run(**settings("unrolled dbn", rounds=1)).execute()
    path = str(Path(source.run_dir) / "model.safetensors")
    made = new_run(**settings("unrolled dbn", start_from=path, learning_rate=1e-30, warm_rows=0))
    model = made.execute()
    assert {m.stage for m in made.folder.manifests()} == {"fine-tuning"}
    assert same_layers(model.weights, source.weights)


def test_a_deeper_dbn_from_fewer_machines_trains_the_layers_that_are_new(saved, new_run):
    made = new_run(**settings("dbn", start_from=saved("rbm")))
    made.execute()
    assert [m.stage for m in made.folder.manifests() if not m.stage_round] == [
        "layer 2",
        "fine-tuning",
    ]


@pytest.mark.parametrize("changes", [{"nodes": (64, 16, 10)}, {"nodes": (64, 12, 9, 10)}, {"nodes": (64, 16, 8, 10)}])
def test_machines_whose_weights_do_not_fit_are_not_taken_for_trained_ones(saved, new_run, changes):
    """A visible bias fits whatever the number of hidden units is."""
    made = new_run(**settings("dbn", start_from=saved("stack"), **changes))
    try:
        made.execute()
    except ConfigError:
        return
    assert made.folder.manifests()[0].stage != "fine-tuning"


def test_machines_of_gaussian_units_are_not_taken_for_binary_ones(saved, new_run):
    """Weights learnt on rows of unit variance mean nothing on rows in [0, 1]."""
    made = new_run(**settings("dbn of one machine", start_from=saved("gaussian rbm")))
    try:
        made.execute()
    except ConfigError:
        return
    assert made.folder.manifests()[0].stage != "fine-tuning"


@pytest.mark.parametrize("kind", ["mlp", "autoencoder", "rbm", "stack", "gaussian rbm", "dbn", "unrolled dbn"])
def test_a_network_from_one_of_its_kind_begins_with_all_of_its_weights(known, saved, new_run, kind):
    made = new_run(
        **settings(kind, start_from=saved(kind), rounds=1, warm_rows=0, learning_rate=1e-30, layer_learning_rate=1e-30)
    )
    model = made.execute()
    given = known(kind)[1].weights
    assert same_layers(model.weights, given) == sorted(given)


@pytest.mark.parametrize("nodes", [(64, 12, 10), ()], ids=["nodes given", "nodes left out"])
@pytest.mark.parametrize("kind", ["mlp", "dbn of one machine"])
def test_the_topmost_layer_is_taken_too(new_run, nodes, kind):
    """Where nodes are left out the number of classes is known only after the data was seen."""
    changes = {"nodes": nodes, "rounds": 1, "warm_rows": 0}
    source = new_run(**settings(kind, **changes)).execute()
    path = str(Path(source.run_dir) / "model.safetensors")
    model = new_run(**settings(kind, start_from=path, learning_rate=1e-30, **{**changes, "seed": 9})).execute()
    assert same_layers(model.weights, source.weights) == sorted(source.weights)


@pytest.mark.parametrize("source", ["rbm with a threshold", "rbm"])
def test_the_scaling_is_the_models(known, saved, new_run, tmp_path, source):
    """Of a file whose own would be another one."""
    frame = pd.read_csv(DIGITS)
    pixels = frame.columns != "digit"
    frame.loc[:, pixels] = frame.loc[:, pixels].clip(upper=12)
    frame.to_csv(tmp_path / "other.csv", index=False)
    model = new_run(tmp_path / "other.csv", **settings("dbn of one machine", start_from=saved(source))).execute()
    expected = known(source)[1].preparation
    np.testing.assert_array_equal(model.preparation.inputs.factor, expected.inputs.factor)
    np.testing.assert_array_equal(model.preparation.inputs.shift, expected.inputs.shift)
    assert model.preparation.inputs.threshold == expected.inputs.threshold


def test_a_threshold_of_ones_own_beside_a_model_is_not_left_out_silently(saved, new_run):
    made = new_run(**settings("dbn of one machine", start_from=saved("rbm"), threshold="7.5"))
    try:
        model = made.execute()
    except ConfigError as error:
        assert "threshold" in str(error)
    else:
        assert model.preparation.inputs.threshold == 7.5


def test_a_model_of_columns_in_another_order_is_refused(saved, new_run, tmp_path):
    frame = pd.read_csv(DIGITS)
    frame[["digit", *frame.columns[:0:-1]]].to_csv(tmp_path / "turned.csv", index=False)
    with pytest.raises(ConfigError, match=r"column 'r7c7' of the data is 'r0c0' in .*rbm\.net"):
        new_run(tmp_path / "turned.csv", **settings("dbn of one machine", start_from=saved("rbm"))).execute()


def test_a_model_of_other_columns_is_refused_with_both_numbers(saved, new_run, small_csv):
    with pytest.raises(ConfigError, match=r"rbm\.net was trained on 64 columns.* 3"):
        new_run(small_csv, **settings("rbm", nodes=(3, 12), label="answer", start_from=saved("rbm"))).execute()


@pytest.fixture
def houses(tmp_path, new_run):
    """A table of a number and of a code that a model has learnt as a category, and the model's file."""
    rng = np.random.default_rng(4)
    zips, size = rng.choice([7, 53111, 80331], 600), rng.normal(90, 20, 600).round(1)
    path = tmp_path / "houses.csv"
    pd.DataFrame({"zip": zips, "size": size, "dear": (zips == 7) ^ (size > 95)}).to_csv(path, index=False)
    model = new_run(path, hidden=(8,), label="dear", category=("zip",), shards=2, rounds=1, epochs=1).execute()
    return path, str(Path(model.run_dir) / "model.safetensors")


def test_columns_that_are_taken_for_something_else_than_in_the_model_are_refused(houses, new_run):
    """The codes of its levels are other numbers."""
    path, model = houses
    further = {"hidden": (8,), "label": "dear", "start_from": model, "shards": 2, "rounds": 1}
    told = r"column 'zip' of the data is taken for a number, in .* it is a category: say --category 'zip'"
    with pytest.raises(ConfigError, match=told):
        new_run(path, **further).execute()
    same = new_run(path, category=("zip",), learning_rate=1e-30, warm_rows=0, **further).execute()
    np.testing.assert_allclose(same.predict_proba(path), mrdl.load(model).predict_proba(path), 0, 1e-12)


def test_levels_are_the_models(houses, new_run):
    path, model = houses
    with pytest.raises(ConfigError, match="leave out --scaling, --missing, --fill, --levels and --threshold"):
        new_run(path, hidden=(8,), label="dear", category=("zip",), levels=2, start_from=model).execute()


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("mlp", {"nodes": (64, 7, 10), "kind": "mlp"}),
        ("stack", {"kind": "rbm", "nodes": (64, 7)}),
        ("rbm", {"kind": "dbn", "nodes": (64, 7, 10)}),
        ("autoencoder", {"kind": "autoencoder", "nodes": (64, 7)}),
    ],
)
def test_a_model_without_a_fitting_layer_is_refused(saved, new_run, source, changes):
    """A bias alone is no layer."""
    with pytest.raises(ConfigError, match=rf"{source}\.net is a Model\(.*no layer of it is one of"):
        new_run(**{**QUICK, **changes, "start_from": saved(source)}).execute()


@pytest.mark.parametrize("name", ["nowhere.net", "digits.csv"])
def test_a_file_to_start_from_that_is_no_model_is_refused_by_name(new_run, tmp_path, name):
    shutil.copy(DIGITS, tmp_path)
    with pytest.raises(ModelError, match=name):
        new_run(**settings("dbn", start_from=str(tmp_path / name))).execute()


@pytest.mark.parametrize("stop", [0, 1])
def test_a_run_from_a_model_that_was_stopped_ends_in_the_same_bytes(saved, new_run, stop):
    begun = settings("dbn", start_from=saved("stack"))
    made = new_run(folder="run", **begun)
    whole = made.execute().to_bytes()
    for number in range(stop + 1, 3):
        made.folder.weights_of(number).unlink()
        made.folder.manifest_of(number).unlink()
    assert new_run(folder="run", resume=True, **begun).execute().to_bytes() == whole


def test_a_run_from_a_model_goes_on_from_it_and_from_no_other(saved, new_run):
    model = new_run(folder="run", **settings("dbn", start_from=saved("stack"))).execute()
    assert new_run(folder="run", resume=True, **settings("dbn")).execute().to_bytes() == model.to_bytes()
    with pytest.raises(ConfigError, match="other settings .start_from, by the digest of its weights, "):
        new_run(folder="run", resume=True, **settings("dbn", start_from=saved("dbn"))).execute()
