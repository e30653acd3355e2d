"""Figures of a training against plain PyTorch's, and that nobody who is looked at trains otherwise."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mrdl.nn.diagnostics.figures import EpochFigures, LayerFigures, merged
from mrdl.nn.diagnostics.observer import Observer, shares_at_ends
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.table import EVERY, engine_of
from mrdl.nn.kinds import autoencoder, dbn, mlp, rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.net import build
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard
from mrdl.nn.weights import digest

SETTINGS = Hyperparameters(epochs=2, batch_size=16, learning_rate=0.05, momentum=0.8)
KINDS = {
    "mlp": mlp((20, 16, 9, 7)),
    "tanh": mlp((20, 16, 7), "tanh"),
    "residual": mlp((20, 20, 20, 7), "relu", "yes"),
    "numbers": mlp((20, 16, 2), loss="mse"),
    "flags": mlp((20, 16, 2), loss="multilabel"),
    "autoencoder": autoencoder((20, 12, 4)),
    "rbm": rbm((20, 12)),
    "gaussian rbm": rbm((20, 12), "gaussian"),
    "dbn": dbn((20, 12, 9, 7)),
}
each_engine = pytest.mark.parametrize("name", EVERY)


def rows_for(arch, count=203):
    """Random rows whose targets are what the network's loss wants."""
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 7, count)
    if arch.loss in ("mse", "multilabel"):
        targets = rng.integers(0, 2, (count, arch.nodes[-1])).astype(np.float32)
    encoding = Encoding(shift=np.zeros(20, np.float32), factor=np.full(20, 1 / 200, np.float32))
    return Rows(rng.integers(0, 200, (count, 20), dtype=np.uint8), targets, rng.permutation(count), encoding)


def train(arch, name, observer=None, stage=-1, count=203, **about):
    settings = dataclasses.replace(SETTINGS, **about)
    rng = np.random.default_rng(5)
    rows, start, engine = rows_for(arch, count), arch.initial_weights(3), engine_of(name, "cpu")
    return train_shard(arch, start, rows, settings, rng, engine, stage=arch.stages[stage], observer=observer)


@each_engine
@pytest.mark.parametrize(
    "about", [{}, {"optimizer": "adam"}, {"dropout": 0.3}, {"schedule": "annealing"}, {"persistent": True}], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_is_watched_ends_in_the_same_bytes(kind, about, name):
    for stage in range(len(KINDS[kind].stages)):
        observer = Observer()
        plain, seen = (train(KINDS[kind], name, each, stage, **about) for each in (None, observer))
        assert digest(plain[0]) == digest(seen[0]) and plain[1] == seen[1]
        assert len(observer.epochs) == 2 and all(each.nonfinite == 0 for each in observer.epochs)


def by_autograd(arch, optimizer):
    """The norms of the only step of an epoch: of weights after it, of gradients and updates, by layer; and the net."""
    rows = rows_for(arch, 16)
    net = build(arch, arch.initial_weights(3))
    how = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    x = torch.tensor(rows.features / np.float32(200))
    before = [layer.weight.detach().clone() for layer in net.layers]
    F.nll_loss(net(x), torch.tensor(rows.targets)).backward()
    gradients = [float(layer.weight.grad.norm()) for layer in net.layers]
    how(net.parameters(), 0.05).step()
    updates = [float((layer.weight - b).norm().detach()) for layer, b in zip(net.layers, before, strict=True)]
    return [float(layer.weight.norm().detach()) for layer in net.layers], gradients, updates, net, x, rows


@each_engine
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_norms_are_those_of_plain_pytorch(optimizer, name):
    arch, observer = KINDS["mlp"], Observer()
    train(arch, name, observer, count=16, epochs=1, optimizer=optimizer, momentum=0.9)
    (epoch,) = observer.epochs
    weights, gradients, updates, net, x, rows = by_autograd(arch, optimizer)
    found = [(f.weight, f.gradient, f.update, f.ratio, f.moved) for f in epoch.layers]
    wanted = [(w, g, u, u / w, u / w) for w, g, u in zip(weights, gradients, updates, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-3)
    first = torch.relu(net.layers[0](x))
    assert epoch.layers[0].dead == pytest.approx(float((first == 0).all(0).float().mean()), rel=1e-5)
    assert epoch.outputs["loss"] == pytest.approx(F.nll_loss(net(x), torch.tensor(rows.targets)).item(), rel=1e-4)
    shares = np.bincount(rows.targets) / 16
    assert epoch.outputs["baseline"] == pytest.approx(-sum(p * math.log(p) for p in shares if p), rel=1e-5)
    assert epoch.outputs["majority"] == pytest.approx(shares.max())


@each_engine
def test_what_is_not_finite_is_counted_and_kept_as_nothing(name):
    observer = Observer()
    with np.errstate(all="ignore"):
        train(KINDS["mlp"], name, observer, learning_rate=1e30)
    assert observer.epochs[-1].nonfinite > 0 and observer.epochs[-1].layers[0].weight is None


def test_shares_at_ends():
    assert shares_at_ends(np.array([[0.0, 1.0], [0.0, 0.0]]), (0.0,)) == (0.5, None)
    assert shares_at_ends(np.array([[0.999, -0.5], [-0.995, 0.0]]), (-1.0, 1.0)) == (None, 0.5)


def test_no_rows_leave_no_figures():
    observer = Observer()
    train(KINDS["mlp"], "numpy", observer, count=0)
    assert observer.epochs == []


# --- shards ---


def epoch_of(rows, weight, nonfinite=0, loss=1.0):
    return EpochFigures(1, rows, 5, loss, (LayerFigures(0, weight, nonfinite=nonfinite),), {"rows": 10, "loss": weight})


def test_shards_are_merged_by_their_rows():
    (found,) = merged([[epoch_of(100, 1.0, 1)], [], [epoch_of(300, 3.0, 2)]])
    assert (found.rows, found.layers[0].weight, found.layers[0].nonfinite) == (400, 2.5, 3)
    assert found.outputs == {"rows": 20, "loss": 2.5}


def test_a_shard_that_is_not_finite_is_told_beside_the_others_figures():
    (found,) = merged([[epoch_of(100, None, 1, None)], [epoch_of(100, 3.0)]])
    assert (found.layers[0].weight, found.loss, found.nonfinite) == (3.0, 1.0, 2)
    assert merged([[], []]) == ()


def test_figures_come_back_from_json():
    figures = dataclasses.replace(epoch_of(3, 0.5), round=2, stage="layer 1")
    assert EpochFigures.from_json(figures.to_json()) == figures
    with pytest.raises(TypeError):
        EpochFigures.from_json({**figures.to_json(), "weights": 3})
