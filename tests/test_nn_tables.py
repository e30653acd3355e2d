"""Each activation, loss, optimiser and initialisation of the tables against torch's own."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.design import CHOICES
from mrdl.nn.engines.table import EVERY, engine_of
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.optimizers import OPTIMIZERS, SCHEDULES
from mrdl.settings.config import TrainConfig

TORCH = engine_of("torch", "cpu")
engines = pytest.mark.parametrize("engine", [engine_of(name, "cpu") for name in EVERY], ids=EVERY)
FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "linear": lambda x: x}
BY_TORCH = {
    "sgd": lambda tensors, rate, momentum: torch.optim.SGD(tensors, rate, momentum),
    "adam": lambda tensors, rate, momentum: torch.optim.Adam(tensors, rate, (momentum, 0.999)),
    "adamw": lambda tensors, rate, momentum: torch.optim.AdamW(tensors, rate, (momentum, 0.999)),
}


def sums(rows=12, columns=5):
    return torch.from_numpy(np.random.default_rng(2).normal(size=(rows, columns)).astype(np.float32))


def given(engine, tensor):
    """A tensor as an array of an engine, in memory of its own."""
    return engine.array(tensor.detach().numpy().copy())


def close(engine, array, expected):
    """The reference is torch's own to the bit, any other engine but for rounding."""
    if engine.name == "torch":
        assert torch.equal(array, expected)
    np.testing.assert_allclose(engine.numpy(array), expected.numpy(), rtol=1e-5, atol=1e-6)


@engines
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_torchs_function_by_every_engine(name, engine):
    close(engine, ACTIVATIONS[name].apply_(engine, given(engine, sums())), FUNCTIONS[name](sums()))


@engines
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activations_derivative_is_that_of_autograd_by_every_engine(name, engine):
    activation, x, delta = ACTIVATIONS[name], sums().requires_grad_(), sums().flip(0)
    FUNCTIONS[name](x).backward(delta)
    out, by_hand = activation.apply_(engine, given(engine, sums())), given(engine, delta)
    activation.backward_(engine, by_hand, out)
    close(engine, by_hand, x.grad)


def wanted_by(loss):
    """Classes, or values near to the sums and far from them."""
    if loss.wanted is Wanted.CLASS:
        return torch.arange(12) % 5
    values = torch.rand(12, 5, generator=torch.Generator().manual_seed(0))
    return {Wanted.NUMBERS: 4 * values - 2, Wanted.FLAGS: values.round()}.get(loss.wanted, values)


@engines
@pytest.mark.parametrize("share", [1 / 12, 0.01])
@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.gradient])
def test_a_losss_gradient_is_that_of_autograd_and_its_sum_that_of_torch(name, share, engine):
    loss, x, delta = LOSSES[name], sums().requires_grad_(), engine.empty((12, 5))
    wanted = wanted_by(loss)
    total = {
        "nll": lambda: F.cross_entropy(x, wanted, reduction="sum"),
        "bce": lambda: F.binary_cross_entropy_with_logits(x, wanted, reduction="sum"),
        "mse": lambda: 12 * F.mse_loss(x, wanted),
        "mae": lambda: 12 * F.l1_loss(x, wanted),
        "huber": lambda: 12 * F.huber_loss(x, wanted),
        "multilabel": lambda: 12 * F.binary_cross_entropy_with_logits(x, wanted),
    }[name]()
    (total * share).backward()
    found = loss.gradient(engine, given(engine, sums()), given(engine, wanted), delta, share)
    assert float(found) == pytest.approx(total.item(), rel=1e-6)
    np.testing.assert_allclose(engine.numpy(delta), x.grad.numpy(), rtol=1e-4, atol=1e-7)


@engines
@pytest.mark.parametrize("smoothing", [0.1, 0.9])
@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.smooths])
def test_smoothed_labels_are_those_of_torch(name, smoothing, engine):
    loss, x, delta = LOSSES[name], sums().requires_grad_(), engine.empty((12, 5))
    wanted = wanted_by(loss)
    total = F.cross_entropy(x, wanted, reduction="sum", label_smoothing=smoothing)
    (total / 12).backward()
    found = loss.gradient(engine, given(engine, sums()), given(engine, wanted), delta, 1 / 12, smoothing)
    assert float(found) == pytest.approx(total.item(), rel=1e-6)
    np.testing.assert_allclose(engine.numpy(delta), x.grad.numpy(), rtol=1e-4, atol=1e-7)


@engines
@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.scores])
def test_the_loss_of_scores_is_the_mean_of_what_training_sums(name, engine):
    loss, delta = LOSSES[name], engine.empty((12, 5))
    wanted = wanted_by(loss)
    found = loss.scores(engine.numpy(loss.output(engine, given(engine, sums()))), wanted.numpy(), 5, None)
    assert found["rows"] == 12
    total = float(loss.gradient(engine, given(engine, sums()), given(engine, wanted), delta, 1 / 12))
    assert found["loss"] == pytest.approx(total / 12, rel=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_is_that_of_torch_with_a_rate_for_each_network(name):
    momentum, rates = OPTIMIZERS[name].momentum or 0.8, (0.01, 0.03)
    values, gradients = torch.stack([sums().flatten()] * 2), torch.zeros(2, 60)
    decay = OPTIMIZERS[name].weight_decay
    step = OPTIMIZERS[name].start(TORCH, values, gradients, torch.tensor(rates)[:, None], momentum, decay)
    theirs = [by_torch(name, rate, momentum) for rate in rates]
    for k in range(20):
        gradients[:] = sums().flatten().roll(k)
        step()
    torch.testing.assert_close(values, torch.stack(theirs), rtol=1e-5, atol=1e-6)


@engines
@pytest.mark.parametrize("size", [60, 200_000])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_is_that_of_torch_by_every_engine(name, size, engine):
    """200,000 parameters are several of the blocks that numpy goes through."""
    momentum = OPTIMIZERS[name].momentum or 0.8
    values, gradients = engine.zeros((size,)), engine.zeros((size,))
    values[...] = given(engine, sums().flatten().repeat(-(-size // 60))[:size])
    step = OPTIMIZERS[name].start(engine, values, gradients, 0.01, momentum, OPTIMIZERS[name].weight_decay)
    for k in range(20):
        gradients[...] = given(engine, sums().flatten().roll(k).repeat(-(-size // 60))[:size]) * step.factor
        step()
    expected = by_torch(name, 0.01, momentum).repeat(-(-size // 60))[:size]
    np.testing.assert_allclose(engine.numpy(values), expected.numpy(), rtol=1e-5, atol=1e-6)


@engines
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rates_may_change_between_steps_and_weights_decay_by_them(name, engine):
    """As by torch, where SGD has no decay of this kind: the weights are shrunk before its steps."""
    momentum, decay = OPTIMIZERS[name].momentum or 0.8, 0.3
    values, gradients, tensor = engine.zeros((60,)), engine.zeros((60,)), sums().flatten().requires_grad_()
    values[...] = given(engine, sums().flatten())
    step = OPTIMIZERS[name].start(engine, values, gradients, 1.0, momentum, decay)
    theirs = BY_TORCH["sgd" if name == "sgd" else "adam"]([tensor], 1.0, momentum)
    for k in range(20):
        step.rate = theirs.param_groups[0]["lr"] = 0.02 / (1 + k)
        gradients[...] = given(engine, sums().flatten().roll(k)) * step.factor
        step()
        tensor.grad = sums().flatten().roll(k)
        with torch.no_grad():
            tensor.mul_(1 - step.rate * decay)
        theirs.step()
    np.testing.assert_allclose(engine.numpy(values), tensor.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_annealing_is_half_a_cosine_to_the_last_bits():
    shares = [SCHEDULES["annealing"].share(k / 1000) for k in range(1001)]
    np.testing.assert_allclose(shares, (1 + np.cos(np.pi * np.arange(1001) / 1000)) / 2, atol=1e-15)
    assert shares[0] == 1 and shares == sorted(shares, reverse=True) and shares[-1] < 1e-15


def by_torch(name, rate, momentum):
    """What torch's own optimiser makes of the sums in 20 steps."""
    tensor = sums().flatten().requires_grad_()
    optimizer = BY_TORCH[name]([tensor], rate, momentum)
    for k in range(20):
        tensor.grad = sums().flatten().roll(k)
        optimizer.step()
    return tensor.detach()


@pytest.mark.parametrize("name", ["he", "xavier", "default"])
def test_an_initialisation_draws_between_torchs_own_bounds(name):
    torch.manual_seed(0)
    layer, bounds = torch.nn.Linear(200, 300), INITIALISATIONS[name]
    if name == "he":
        torch.nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if name == "xavier":
        torch.nn.init.xavier_uniform_(layer.weight)
    torch.manual_seed(0)
    drawn = torch.empty(300, 200)
    for _ in range(1 + (name != "default")):
        bound = bounds.weight(200, 300, 1.0)
        drawn.uniform_(-bound, bound)
        if name != "default" and _ == 0:
            torch.empty(300).uniform_()
    assert torch.equal(drawn, layer.weight)
    assert bounds.bias(200) == (pytest.approx(layer.bias.abs().max().item(), rel=0.02) if name == "default" else 0)


@pytest.mark.parametrize(
    ("name", "table"),
    [("activation", ACTIVATIONS), ("optimizer", OPTIMIZERS), ("initialisation", INITIALISATIONS)],
)
def test_settings_and_designs_have_the_choices_of_the_table(name, table):
    assert CHOICES[name] == tuple(table)
    for value in table:
        assert getattr(TrainConfig().with_changes({name: value}), name) == value
