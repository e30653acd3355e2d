"""Back ends that train one design after the other do what the sweep's table says, each by its own engine."""

import dataclasses

import pytest
from plain_network import train_plainly

from mrdl.data.dataset import prepare_data
from mrdl.nn.backends.numpy_single import with_numpy
from mrdl.nn.backends.registry import BACKENDS
from mrdl.nn.backends.torch_single import with_torch
from mrdl.nn.backends.training import architecture_of
from mrdl.nn.design import Design
from mrdl.nn.net import build

SEEDS = range(3)
RATES = {"sgd": 0.05, "adam": 0.005}

# --- fixtures ---


@pytest.fixture
def data(small_csv):
    return prepare_data(str(small_csv), "answer", "auto", 0.2)


def trained(fit, design, data):
    """The result of a design, and its losses by epoch."""
    curve = []
    return fit(design, data, lambda epoch, loss: curve.append(loss)), curve


# --- back ends ---


@pytest.mark.parametrize("fit", [with_numpy, with_torch])
def test_each_initialisation_is_another_training(data, fit):
    designs = [Design((8,), initialisation=name, optimizer="sgd", epochs=1) for name in ("he", "xavier", "default")]
    assert len({trained(fit, design, data)[0].loss for design in designs}) == 3


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_back_ends_agree_within_the_noise_of_seeds(digits_data, optimizer, dropout, residual):
    base = Design((24, 24), "relu", residual=residual, dropout=dropout, optimizer=optimizer, epochs=4)
    designs = [dataclasses.replace(base, learning_rate=RATES[optimizer], seed=seed) for seed in SEEDS]
    found = {}
    for name, fit in (("numpy", with_numpy), ("torch", with_torch)):
        results = [trained(fit, design, digits_data)[0] for design in designs]
        right = [float((result.predicted == digits_data.test_y).mean()) for result in results]
        found[name] = sum(right) / len(right), sum(result.loss for result in results) / len(results)
    assert found["numpy"][0] > 0.85
    assert found["numpy"][0] == pytest.approx(found["torch"][0], abs=0.03)
    assert found["numpy"][1] == pytest.approx(found["torch"][1], rel=0.2)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_same_design_ends_in_the_same_bits(data, name, optimizer):
    dropout = 0.0 if BACKENDS[name].alone else 0.2  # with which none trains together
    design = Design((6, 6), "tanh", residual=True, dropout=dropout, optimizer=optimizer, epochs=2, seed=3)
    three = [design, design, dataclasses.replace(design, seed=4)]
    curves = []
    first, again, other = (BACKENDS[name].fit([one], data, lambda _, losses: curves.append(losses))[0] for one in three)
    assert (first.loss, curves[:2], first.predicted.tobytes()) == (again.loss, curves[2:4], again.predicted.tobytes())
    assert other.loss != first.loss


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "linear"])
def test_the_back_end_of_numpy_trains_as_a_network_written_anew_does(data, activation):
    design = Design((16, 8), activation, optimizer="sgd", learning_rate=0.05, epochs=5)
    (result, curve), (plain, its) = (trained(fit, design, data) for fit in (with_numpy, train_plainly))
    assert curve == pytest.approx(its, rel=1e-4) and result.loss == pytest.approx(plain.loss, rel=1e-4)
    assert (result.predicted == plain.predicted).all()


@pytest.mark.parametrize("hidden", [(), (5,), (5, 5, 5), (8, 4, 2)])
@pytest.mark.parametrize("residual", [False, True])
def test_parameters_are_those_of_the_network(hidden, residual):
    design = Design(hidden, residual=residual)
    arch = architecture_of(design, 7, 3)
    net = build(arch, arch.initial_weights(0))
    assert sum(p.numel() for p in net.parameters()) == design.parameters(7, 3)
