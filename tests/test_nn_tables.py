"""Each activation, loss, optimiser and initialisation of the tables against torch's own."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.design import CHOICES
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.losses import LOSSES
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.settings.config import TrainConfig

FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "linear": lambda x: x}
BY_TORCH = {
    "sgd": lambda tensors, rate, momentum: torch.optim.SGD(tensors, rate, momentum),
    "adam": lambda tensors, rate, momentum: torch.optim.Adam(tensors, rate, (momentum, 0.999)),
}


def sums(rows=12, columns=5):
    return torch.from_numpy(np.random.default_rng(2).normal(size=(rows, columns)).astype(np.float32))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_torchs_function_whoever_computes_it(name):
    activation, x, expected = ACTIVATIONS[name], sums(), FUNCTIONS[name](sums())
    assert torch.equal(activation.apply(x), expected) and torch.equal(x, sums())
    assert torch.equal(activation.apply_(x.clone()), expected)
    np.testing.assert_allclose(activation.numpy(sums().numpy()), expected.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activations_derivative_is_that_of_autograd_whoever_computes_it(name):
    activation, x, delta = ACTIVATIONS[name], sums().requires_grad_(), sums().flip(0)
    FUNCTIONS[name](x).backward(delta)
    out, by_hand = activation.apply(sums()), delta.clone()
    activation.backward_(by_hand, out)
    assert torch.equal(by_hand, x.grad)
    torch.testing.assert_close(delta * activation.slope(out), x.grad)
    np.testing.assert_allclose(delta.numpy() * activation.numpy_slope(out.numpy()), x.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.gradient])
def test_a_losss_gradient_is_that_of_autograd_and_its_sum_that_of_torch(name):
    loss, x, delta = LOSSES[name], sums().requires_grad_(), torch.empty(12, 5)
    wanted = torch.arange(12) % 5 if loss.needs_label else torch.rand(12, 5, generator=torch.Generator().manual_seed(0))
    total = {
        "nll": lambda: F.cross_entropy(x, wanted, reduction="sum"),
        "bce": lambda: F.binary_cross_entropy_with_logits(x, wanted, reduction="sum"),
    }[name]()
    (total / 12).backward()
    assert float(loss.gradient(sums(), wanted, delta)) == pytest.approx(total.item(), rel=1e-6)
    torch.testing.assert_close(delta, x.grad)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.scores])
def test_the_loss_of_scores_is_the_mean_of_what_training_sums(name):
    loss, delta = LOSSES[name], torch.empty(12, 5)
    wanted = torch.arange(12) % 5 if loss.needs_label else torch.rand(12, 5, generator=torch.Generator().manual_seed(0))
    found = loss.scores(loss.output(sums()).numpy(), wanted.numpy(), 5, None)
    assert found["rows"] == 12
    assert found["loss"] == pytest.approx(float(loss.gradient(sums(), wanted, delta)) / 12, rel=1e-5)


@pytest.mark.parametrize("of_each", [False, True], ids=["one rate", "a rate of each network"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_is_that_of_torch(name, of_each):
    momentum, rates = OPTIMIZERS[name].momentum or 0.8, (0.01, 0.03)
    values, gradients = torch.stack([sums().flatten()] * 2), torch.zeros(2, 60)
    if of_each:
        steps = [OPTIMIZERS[name].start(values, gradients, torch.tensor(rates)[:, None], momentum)]
    else:
        steps = [OPTIMIZERS[name].start(values[i], gradients[i], rates[i], momentum) for i in range(2)]
    theirs = [sums().flatten().requires_grad_() for _ in rates]
    known = [BY_TORCH[name]([tensor], rate, momentum) for tensor, rate in zip(theirs, rates, strict=True)]
    for k in range(20):
        gradients[:] = sums().flatten().roll(k)
        for step in steps:
            step()
        for tensor, optimizer in zip(theirs, known, strict=True):
            tensor.grad = sums().flatten().roll(k)
            optimizer.step()
    torch.testing.assert_close(values, torch.stack(theirs).detach(), rtol=1e-5, atol=1e-6)


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
