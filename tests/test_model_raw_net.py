"""The torch module of a model: raw rows in, and the very labels, codes and features out that the model gives."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import mrdl
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import Preparation
from mrdl.model.model import Model
from mrdl.nn.kinds import autoencoder, mlp, rbm

RNG = np.random.default_rng(11)
ROWS = 3000
LOW, HIGH = np.array([-1e6, 0, 1e-4, 7, -3]), np.array([1e6, 1, 2e-4, 7, 255])
SPAN = HIGH - LOW
RAW = RNG.uniform(LOW - SPAN / 5, HIGH + SPAN / 5, (ROWS, 5)).astype(np.float32)  # beyond the range of training, too
RAW[RNG.random(RAW.shape) < 0.05] = np.nan
FACTOR = np.divide(1, SPAN, out=np.zeros(5), where=SPAN > 0).astype(np.float32)  # a column that never varied


def a_model(arch, threshold=None, classes=("a", "b", "c")) -> Model:
    names = tuple("vwxyz")
    prepared = Preparation(names, "kind", 0, classes, Inputs.scaled(LOW.astype(np.float32), FACTOR, threshold))
    rng = np.random.default_rng(4)
    weights = {name: rng.normal(0.1, 1, shape).astype(np.float32) for name, shape in arch.shapes().items()}
    return Model(arch, weights, prepared)


CLASSIFIERS = {
    "scaled": a_model(mlp((5, 16, 3))),
    "a threshold": a_model(mlp((5, 16, 3)), threshold=0.1),
    "outputs without a class": a_model(mlp((5, 16, 7))),
}


def numbers(model: Model, net, rows=RAW) -> np.ndarray:
    """The class of each row by the module, as a place in the model's classes."""
    with torch.no_grad():
        return net(torch.from_numpy(rows)).argmax(1).numpy()


def expected(model: Model, rows=RAW) -> np.ndarray:
    return model.predict_proba(rows).argmax(1)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_raw_rows_get_the_labels_of_predict(kind):
    model = CLASSIFIERS[kind]
    assert len(set(expected(model))) > 1
    np.testing.assert_array_equal(numbers(model, model.net()), expected(model))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_the_module_gives_the_logarithms_of_probabilities(kind):
    model = CLASSIFIERS[kind]
    with torch.no_grad():
        np.testing.assert_allclose(model.net()(torch.from_numpy(RAW)).exp(), model.predict_proba(RAW), atol=1e-6)


def test_every_digit_is_what_predict_says(digits, tmp_path):
    model = mrdl.train(digits, nodes=(64, 16, 10), shards=1, rounds=1, show=False, run_dir=str(tmp_path / "run"))
    raw = np.loadtxt(digits, np.float32, delimiter=",", skiprows=1)[:, 1:]
    said = np.asarray(model.classes)[numbers(model, model.net(), raw)]
    np.testing.assert_array_equal(said, model.predict(raw).astype(str))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_the_bare_network_takes_prepared_rows(kind):
    model = CLASSIFIERS[kind]
    scaled = model.preparation.scale(RAW)
    with torch.no_grad():
        out = model.net(prepared=True)(torch.from_numpy(scaled))
    assert out.shape == (ROWS, model.arch.nodes[-1])
    np.testing.assert_array_equal(out[:, :3].argmax(1), expected(model))


def test_codes_and_reconstructions_are_those_of_the_model():
    model = a_model(autoencoder((5, 8, 2)), classes=())
    net, rows = model.net(), torch.from_numpy(RAW)
    with torch.no_grad():
        np.testing.assert_allclose(net(rows), model.reconstruct(RAW), atol=1e-6)
        np.testing.assert_allclose(net.encode(rows), model.encode(RAW), atol=1e-5)
        np.testing.assert_allclose(net.decode(net.encode(rows)), model.decode(model.encode(RAW)), atol=1e-6)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_features_are_those_of_the_model(visible):
    model = a_model(rbm((5, 8, 4), visible), classes=())
    with torch.no_grad():
        np.testing.assert_allclose(model.net()(torch.from_numpy(RAW)), model.transform(RAW), atol=1e-6)


MODELS = {
    **CLASSIFIERS,
    "codes": a_model(autoencoder((5, 8, 2)), classes=()),
    "features": a_model(rbm((5, 8), "gaussian"), classes=()),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("kind", MODELS)
def test_a_traced_module_says_the_same_of_any_number_of_rows(kind, tmp_path):
    net, rows = MODELS[kind].net(), torch.from_numpy(RAW)
    torch.jit.save(torch.jit.trace(net, rows[:2]), tmp_path / "net.pt")
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.load(tmp_path / "net.pt")(rows), net(rows))


@pytest.mark.parametrize("kind", MODELS)
def test_an_exported_module_says_the_same_of_any_number_of_rows(kind):
    net, rows = MODELS[kind].net(), torch.from_numpy(RAW)
    exported = torch.export.export(net, (rows[:5],), dynamic_shapes=({0: torch.export.Dim("rows")},))
    torch.testing.assert_close(exported.module()(rows), net(rows))


@pytest.mark.parametrize("kind", MODELS)
def test_all_that_the_module_knows_is_in_plain_tensors(kind, tmp_path):
    model = MODELS[kind]
    save_file(model.net().state_dict(), tmp_path / "net.safetensors")
    blank = Model(model.arch, model.arch.initial_weights(9), model.preparation).net()
    for buffer in blank.buffers():
        buffer.zero_()
    blank.load_state_dict(load_file(tmp_path / "net.safetensors"))
    with torch.no_grad():
        rows = torch.from_numpy(RAW)
        torch.testing.assert_close(blank(rows), model.net()(rows), rtol=0, atol=0)
