"""A step with residual connections, dropout and any optimiser against autograd, torch.nn and torch.optim."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.table import engine_of
from mrdl.nn.kinds import autoencoder, dbn, mlp, rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.net import build
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard

TORCH = engine_of("torch", "cpu")
SETTINGS = Hyperparameters(epochs=3, batch_size=16, learning_rate=0.01, momentum=0.8)
RNG = np.random.default_rng(1)
ROWS = Rows(
    features=RNG.integers(0, 200, (101, 20)).astype(np.uint8),
    targets=RNG.integers(0, 7, 101),
    order=RNG.permutation(101),
    encoding=Encoding(np.zeros(20, np.float32), np.full(20, 1 / 199, np.float32)),
)
OPTIMIZERS = {
    "sgd": lambda tensors, by: torch.optim.SGD(tensors, by.learning_rate, by.momentum),
    "adam": lambda tensors, by: torch.optim.AdamW(
        tensors, by.learning_rate, (by.momentum, 0.999), weight_decay=by.weight_decay
    ),
}


def train(arch, stage=-1, engine=TORCH, weights=None, **about):
    settings, rows = dataclasses.replace(SETTINGS, **about), dataclasses.replace(ROWS, weights=weights)
    start = arch.initial_weights(3)
    return train_shard(arch, start, rows, settings, np.random.default_rng(5), engine, stage=arch.stages[stage])[0]


def by_autograd(arch, class_weights=None, **about):
    """The same training by torch's own: the layers' weights after it."""
    settings, rng = dataclasses.replace(SETTINGS, **about), np.random.default_rng(5)
    generator = torch.Generator()
    if settings.dropout:
        generator.manual_seed(int(rng.integers(1 << 62)))
    tensors = {name: torch.tensor(w, requires_grad=True) for name, w in arch.initial_weights(3).items()}
    optimizer = OPTIMIZERS[settings.optimizer](tensors.values(), settings)
    x, y = torch.from_numpy(ROWS.features * ROWS.encoding.factor), torch.from_numpy(ROWS.targets)
    rates = settings.rates(settings.epochs * -(-101 // settings.batch_size)) or itertools.repeat(settings.learning_rate)
    with TORCH.one_thread():
        for _ in range(settings.epochs):
            for batch in torch.from_numpy(ROWS.order[rng.permutation(101)]).split(settings.batch_size):
                out = forward(arch, tensors, x[batch], settings.dropout, generator)
                if arch.loss == "nll":
                    how = {"weight": class_weights, "label_smoothing": settings.label_smoothing}
                    how |= {} if class_weights is None else {"reduction": "sum"}
                    loss = F.cross_entropy(out, y[batch], **how) / (1 if class_weights is None else len(batch))
                else:
                    loss = F.binary_cross_entropy_with_logits(out, x[batch], reduction="sum") / len(batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.param_groups[0]["lr"] = rate = next(rates)
                if settings.optimizer == "sgd" and settings.weight_decay:  # torch.optim.SGD has none of this kind
                    with torch.no_grad():
                        for tensor in tensors.values():
                            tensor.mul_(1 - rate * settings.weight_decay)
                optimizer.step()
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def forward(arch, tensors, x, dropout, generator):
    """What the network gives, as torch.nn.Dropout would leave out what the generator draws."""
    last = len(arch.nodes) - 2
    for i, activation in enumerate(arch.activations):
        given = F.linear(x, tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"])
        given = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "linear": torch.clone}[activation](given)
        if dropout and i < last:
            given = given * torch.empty_like(given).bernoulli_(1 - dropout, generator=generator).div_(1 - dropout)
        x = x + given if arch.residual and i < last and x.shape == given.shape else given
    return x


EQUAL = (20, 20, 20, 20, 7)  # a connection around each hidden layer, the first one too
SOME = (20, 16, 16, 9, 9, 9, 7)
ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("nodes", [(20, 7), EQUAL, SOME], ids=len)
def test_residual_networks_equal_autograd_to_the_bit(nodes, activation, dropout):
    arch = mlp(nodes, activation, "yes")
    weights, expected = train(arch, dropout=dropout), by_autograd(arch, dropout=dropout)
    assert [name for name in expected if not np.array_equal(weights[name], expected[name])] == []


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("make", [lambda a: mlp((20, 16, 9, 7), a), lambda a: autoencoder((20, 13, 5), a)], ids=[0, 1])
def test_dropout_equals_autograd_to_the_bit(make, activation):
    arch = make(activation)
    rate = arch.stages[0].learning_rate
    weights, expected = train(arch, dropout=0.2, learning_rate=rate), by_autograd(arch, dropout=0.2, learning_rate=rate)
    assert [name for name in expected if not np.array_equal(weights[name], expected[name])] == []


@pytest.mark.parametrize("batch_size", [7, 16, 101, 1000])
@pytest.mark.parametrize("arch", [mlp((20, 16, 7)), mlp(EQUAL, "tanh", "yes"), autoencoder((20, 13, 5))], ids=str)
def test_one_shard_by_adam_equals_torch_optim_adam(arch, batch_size):
    """Equal but for the last bits: the roots of denormal numbers are avoided, and two factors are one."""
    about = {"optimizer": "adam", "learning_rate": 0.001, "momentum": 0.9, "batch_size": batch_size}
    weights, expected = train(arch, **about), by_autograd(arch, **about)
    for name, tensor in expected.items():
        np.testing.assert_allclose(weights[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("done", [(0.0, 1.0), (1 / 3, 2 / 3)])
@pytest.mark.parametrize("about", [{"weight_decay": 0.05}, {"schedule": "annealing"}], ids=str)
def test_decay_and_a_rate_that_falls_by_steps_equal_autograd_to_the_bit(about, done):
    arch, about = mlp((20, 16, 9, 7)), {**about, "done": done}
    weights, expected = train(arch, **about), by_autograd(arch, **about)
    assert [name for name in expected if not np.array_equal(weights[name], expected[name])] == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_decay_smoothing_and_annealing_together_equal_torch(optimizer):
    about = {"weight_decay": 0.02, "label_smoothing": 0.1, "schedule": "annealing", "optimizer": optimizer}
    arch = mlp((20, 16, 7))
    weights, expected = train(arch, **about), by_autograd(arch, **about)
    for name, tensor in expected.items():
        np.testing.assert_allclose(weights[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", [engine_of("numpy", "cpu"), TORCH], ids=lambda engine: engine.name)
def test_rows_that_count_by_their_class_equal_torchs_weighted_cross_entropy(engine):
    arch, by_class = mlp((20, 16, 7)), np.array([1, 9, 0.1, 2, 2, 3, 1], np.float32)
    weights = train(arch, engine=engine, weights=by_class[ROWS.targets])
    expected = by_autograd(arch, torch.from_numpy(by_class))
    for name, tensor in expected.items():
        np.testing.assert_allclose(weights[name], tensor, rtol=1e-5, atol=1e-6)
    assert abs(weights["layers.0.weight"] - train(arch, engine=engine)["layers.0.weight"]).max() > 0.01


def test_rows_that_all_count_once_change_no_bit_and_those_that_count_nothing_teach_nothing():
    arch = mlp((20, 16, 7))
    plain, ones = train(arch), train(arch, weights=np.ones(101, np.float32))
    nothing = train(arch, weights=np.zeros(101, np.float32))
    for name, start in arch.initial_weights(3).items():
        assert (plain[name] == ones[name]).all() and (nothing[name] == start).all()


def test_weights_of_rows_are_of_a_loss_and_no_machine_looks_at_them():
    stack = dbn((20, 16, 7))
    for stage, differs in ((0, False), (-1, True)):
        plain, weighted = (train(stack, stage, weights=w) for w in (None, np.arange(101, dtype=np.float32)))
        assert any((plain[name] != weighted[name]).any() for name in plain) == differs


def test_a_networks_module_computes_what_was_trained():
    arch = mlp(SOME, "tanh", "yes")
    weights, x = train(arch), torch.from_numpy(ROWS.features * ROWS.encoding.factor)
    expected = forward(arch, {name: torch.from_numpy(w) for name, w in weights.items()}, x, 0, None)
    torch.testing.assert_close(build(arch, weights).logits(x), expected, rtol=1e-6, atol=1e-6)


def test_fine_tuning_leaves_out_by_dropout_and_the_machines_below_do_not():
    arch = dbn((20, 16, 12, 7))
    changed = [
        any(not np.array_equal(weights[name], other[name]) for name in weights)
        for weights, other in ((train(arch, stage), train(arch, stage, dropout=0.4)) for stage in range(3))
    ]
    assert changed == [False, False, True]


@pytest.mark.parametrize("about", [{"dropout": 0.3}, {"optimizer": "adam"}, {"dropout": 0.3, "optimizer": "adam"}])
def test_what_is_drawn_and_remembered_begins_anew_in_each_training(about):
    arch = mlp(EQUAL, "relu", "yes")
    first, again = train(arch, **about), train(arch, **about)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_a_machine_has_no_use_for_an_optimizer():
    arch = rbm((20, 16))
    plain, other = train(arch), train(arch, optimizer="adam")
    assert all(np.array_equal(plain[name], other[name]) for name in plain)
