"""What a model of each kind can be asked is what numpy says, before and after its file."""

import numpy as np
import pandas as pd
import pytest
from networks import MACHINES, NETWORKS, kinds
from scipy.special import expit

import mrdl
from mrdl.errors import ConfigError, DataError


@kinds
def test_a_model_that_was_saved_and_loaded_is_the_same(known, digits, tmp_path, kind):
    model = known(kind)[1]
    model.save(tmp_path / "net")
    again = mrdl.load(tmp_path / "net")
    assert again.to_bytes() == model.to_bytes()
    assert (again.arch, repr(again)) == (model.arch, repr(model))
    assert again.evaluate(digits) == model.evaluate(digits)
    for method in ("predict", "transform", "reconstruct", "predict_proba", "encode"):
        try:
            expected = getattr(model, method)(digits)
        except ConfigError as error:
            with pytest.raises(ConfigError, match=str(error)):
                getattr(again, method)(digits)
        else:
            np.testing.assert_array_equal(getattr(again, method)(digits), expected)


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_transforms_reconstructs_and_dreams_as_numpy_has_it(known, digits, kind):
    model = known(kind)[1]
    raw = pd.read_csv(digits).drop(columns="digit").to_numpy()
    x = (raw > 7.5) if NETWORKS[kind].get("threshold") else raw / 16
    scale, layers = model.weights.get("layers.0.visible_scale", 1), range(len(model.arch.nodes) - 1)
    v = x * scale
    for i in layers:
        v = expit(v @ model.weights[f"layers.{i}.weight"].T + model.weights[f"layers.{i}.bias"])
    np.testing.assert_allclose(model.transform(digits), v, atol=1e-5)
    for i in reversed(layers):
        v = v @ model.weights[f"layers.{i}.weight"] + model.weights[f"layers.{i}.visible_bias"]
        v = v if i == 0 and "gaussian" in kind else expit(v)
    np.testing.assert_allclose(model.reconstruct(digits), v / scale, atol=1e-5)
    np.testing.assert_array_equal(model.predict(digits), model.reconstruct(digits))
    first, again, other = (model.sample(5, 20, seed) for seed in (0, 0, 1))
    assert first.shape == (5, 64) and first.tobytes() == again.tobytes() != other.tobytes()


@pytest.mark.parametrize("kind", ["autoencoder", "unrolled dbn"])
def test_a_code_is_decoded_to_the_reconstruction(known, digits, kind):
    model = known(kind)[1]
    code = model.encode(digits)
    assert code.shape == (1797, 4)
    np.testing.assert_array_equal(model.transform(digits), code)
    np.testing.assert_allclose(model.decode(code), model.reconstruct(digits), atol=1e-6)


@pytest.mark.parametrize("kind", ["autoencoder", "unrolled dbn"])
def test_a_code_of_another_width_is_refused_with_both_widths(known, kind):
    with pytest.raises((ConfigError, DataError), match=r"5.*4"):
        known(kind)[1].decode(np.zeros((3, 5)))


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in MACHINES])
def test_only_machines_dream(known, kind):
    with pytest.raises(ConfigError, match="has not samples"):
        known(kind)[1].sample(3)


@pytest.mark.parametrize("about", [{"count": -1}, {"count": 1, "steps": -1}])
def test_samples_that_cannot_be_are_refused(known, about):
    with pytest.raises(ConfigError):
        known("rbm")[1].sample(**about)


@pytest.mark.parametrize("kind", [*MACHINES, "dbn", "unrolled dbn", "autoencoder"])
def test_what_only_classifiers_can_is_refused_and_what_only_others_can_too(known, digits, kind):
    model = known(kind)[1]
    if kind == "dbn":
        for method in ("encode", "transform", "reconstruct"):
            with pytest.raises(ConfigError, match="kind 'dbn' has not"):
                getattr(model, method)(digits)
    else:
        with pytest.raises(ConfigError, match=f"kind '{model.arch.kind}' has not probabilities"):
            model.predict_proba(digits)


@kinds
def test_the_validation_loss_of_the_last_round_is_that_of_the_model(known, table, kind):
    model = known(kind)[1]
    held = np.setdiff1d(np.arange(len(table.targets)), table.training())
    found = model.score(table.features[held], table.targets[held])
    assert model.rounds[-1]["loss"] == pytest.approx(found["loss"], rel=1e-5)
    assert found["rows"] == len(held)


@kinds
def test_a_history_names_the_stages_where_there_are_several(known, kind):
    run, model, _ = known(kind)
    history = model.history
    assert len(history) == 2 * len(model.arch.stages)
    assert ("stage" in history.columns) == (len(model.arch.stages) > 1)
    if len(model.arch.stages) > 1:
        assert history["stage"].tolist() == [stage.name for stage in model.arch.stages for _ in range(2)]
        assert history["stage"].map(bool).all() and history["stage"].nunique() == len(model.arch.stages)
