"""Networks that train together: the results of each by itself, and bit for bit the same whoever trains with it."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from mrdl.nn.backends import torch_batched
from mrdl.nn.backends.families import MOST_ROWS, TOGETHER, WIDEST, family
from mrdl.nn.backends.groups import LEAST, chosen, grouped
from mrdl.nn.backends.torch_batched import with_batch
from mrdl.nn.backends.torch_single import with_torch
from mrdl.nn.design import Design
from mrdl.nn.rows import Dataset

ACTIVATIONS, OPTIMIZERS = ("relu", "tanh", "sigmoid", "linear"), ("sgd", "adam")
KINDS = list(itertools.product(ACTIVATIONS, OPTIMIZERS))


def blobs(rows=150, columns=6, classes=3, seed=0):
    """Classes around points of their own. 150 rows: 120 to train on, whose last batch of 32 has 24."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    x = np.clip(rng.random((classes, columns))[y] + rng.normal(0, 0.2, (rows, columns)), 0, 1).astype(np.float32)
    cut = rows * 4 // 5
    return Dataset(x[:cut], y[:cut], x[cut:], y[cut:], tuple(map(str, range(classes))), str(seed))


@pytest.fixture(scope="module")
def data():
    return blobs()


def together(designs, data):
    """The results of designs of one family, and the losses of each, epoch after epoch."""
    assert len({family(design) for design in designs}) == 1 and family(designs[0]) is not None
    curves = []
    results = with_batch(designs, data, lambda epoch, losses: curves.append((epoch, list(losses))))
    assert [epoch for epoch, _ in curves] == list(range(1, designs[0].epochs + 1))
    return results, list(zip(*(losses for _, losses in curves), strict=True))


def alone(design, data):
    curve = []
    return with_torch(design, data, lambda epoch, loss: curve.append(loss)), curve


def agree(designs, data, tolerance=2e-5):
    """Each is what it is by itself, but for rounding: losses of each epoch and of the test rows, and what it says."""
    results, curves = together(designs, data)
    assert len(results) == len(curves) == len(designs)
    for design, result, curve in zip(designs, results, curves, strict=True):
        expected, losses = alone(design, data)
        assert curve == pytest.approx(losses, rel=tolerance, abs=1e-6), design
        assert result.loss == pytest.approx(expected.loss, rel=tolerance, abs=1e-6), design
        assert result.predicted.dtype == expected.predicted.dtype and result.device == expected.device
        assert (result.predicted == expected.predicted).mean() > 0.95, design  # two outputs may be as good as equal


def bits(result, curve):
    return result.loss, result.predicted.tobytes(), tuple(curve)


# --- the results of each by itself ---


@pytest.mark.parametrize(("activation", "optimizer"), KINDS)
@pytest.mark.parametrize("residual", [False, True])
def test_each_is_what_it_is_by_itself(data, activation, optimizer, residual):
    base = Design((10, 10, 7), activation, residual=residual, optimizer=optimizer, epochs=4)
    rates = (0.001, 0.003, 0.01) if optimizer == "adam" else (0.003, 0.01, 0.03)
    agree(
        [
            dataclasses.replace(base, hidden=hidden, initialisation=start, learning_rate=rate, seed=seed)
            for seed, (hidden, start, rate) in enumerate(
                zip([(10, 10, 7), (10, 10, 16), (10, 10, 3)], ("he", "xavier", "default"), rates, strict=True)
            )
        ],
        data,
    )


@pytest.mark.parametrize("columns", [6, 16, 40])
def test_the_first_layer_adds_its_rows_where_it_has_as_many_nodes_as_they_have_columns(columns):
    agree([Design((6, 6), residual=True, epochs=2, seed=seed) for seed in range(2)], blobs(columns=columns))
    agree([Design((40, 40), residual=True, epochs=2, seed=seed) for seed in range(2)], blobs(columns=columns))


@pytest.mark.parametrize("widths", [(1, 16, 5), (17, 32, 20), (33, 64), (65, 96), (100, 128)])
def test_networks_of_unequal_widths_train_together(data, widths):
    agree([Design((width, width), "sigmoid", epochs=3, learning_rate=0.01, seed=width) for width in widths], data)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 120, 500])
def test_the_last_batch_of_an_epoch_has_the_rows_that_are_left(data, batch_size):
    agree([Design((8,), batch_size=batch_size, epochs=2, seed=seed) for seed in range(3)], data)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("residual", [False, True])
def test_a_network_may_have_no_hidden_layer(data, optimizer, residual):
    agree([Design((), optimizer=optimizer, residual=residual, epochs=3, seed=seed) for seed in range(3)], data)


def test_a_deep_network(data):
    agree([Design((9,) * 12, "tanh", residual=True, epochs=2, seed=seed) for seed in range(2)], data)


def test_more_test_rows_than_are_predicted_at_once():
    agree([Design((5,), epochs=1)], blobs(rows=5 * torch_batched.TEST_ROWS + 150, classes=20))


# --- bit for bit, whoever trains with it ---


@pytest.mark.parametrize(("activation", "optimizer"), KINDS)
@pytest.mark.parametrize("width", [5, 30, 60])
def test_mates_and_places_change_no_bit(activation, optimizer, width):
    data = blobs(columns=13, classes=5, rows=100)
    base = Design((width, width - 2), activation, optimizer=optimizer, batch_size=11, epochs=3)
    crowd = [
        dataclasses.replace(base, hidden=(width - seed % 3, width - 2), learning_rate=0.001 * (1 + seed), seed=seed)
        for seed in range(TOGETHER)
    ]
    expected = list(map(bits, *together(crowd, data)))
    assert list(map(bits, *together(crowd[::-1], data))) == expected[::-1]
    assert list(map(bits, *together([crowd[3], crowd[8], crowd[5]], data))) == [expected[i] for i in (3, 8, 5)]
    assert list(map(bits, *together([crowd[1]], data))) == [expected[1]]
    assert list(map(bits, *together([crowd[2]] * TOGETHER, data))) == [expected[2]] * TOGETHER


@pytest.mark.parametrize("batch_size", [1, 3, 32])
@pytest.mark.parametrize("hidden", [(), (1,), (16, 16), (50,)])
@pytest.mark.parametrize(("columns", "classes"), [(3, 2), (16, 16), (30, 26)])
def test_every_place_gives_the_same_bits(hidden, batch_size, columns, classes):
    """MKL rounds by how a matrix lies in memory: what is not a multiple of a cache line shows here."""
    data = blobs(columns=columns, classes=classes, rows=130)
    results, curves = together([Design(hidden, residual=True, batch_size=batch_size, epochs=2)] * TOGETHER, data)
    assert len(set(map(bits, results, curves))) == 1


@pytest.mark.parametrize(("activation", "optimizer"), KINDS)
def test_a_network_that_diverges_disturbs_no_other(data, activation, optimizer):
    calm = [Design((8, 4), activation, optimizer=optimizer, epochs=6, seed=seed) for seed in range(3)]
    wild = dataclasses.replace(calm[0], learning_rate=1e3, seed=7)
    results, curves = together([calm[0], wild, *calm[1:]], data)
    if optimizer == "sgd" and activation == "linear":
        assert not math.isfinite(results[1].loss)
    del results[1], curves[1]
    assert list(map(bits, results, curves)) == list(map(bits, *together(calm, data)))


# --- what pads ---


@pytest.mark.parametrize(("activation", "optimizer"), KINDS)
def test_what_pads_stays_as_it_was(monkeypatch, activation, optimizer):
    kept = []

    class Kept(torch_batched._Networks):
        def __init__(self, *args):
            super().__init__(*args)
            kept.append((self, self.values.clone()))

    monkeypatch.setattr(torch_batched, "_Networks", Kept)
    data, hidden = blobs(columns=5, classes=3), (6, 6)
    together([Design(hidden, activation, optimizer=optimizer, residual=True, epochs=3, learning_rate=0.01)], data)
    [(nets, before)] = kept
    nodes, values = (5, *hidden, 3), nets.values.clone()
    nets.values.zero_()  # and mark through the views what is the networks' own
    for weight, bias, fan_in, fan_out in zip(nets.weights, nets.biases, nodes[:-1], nodes[1:], strict=True):
        weight[:, :fan_in, :fan_out] = 1
        bias[:, :, :fan_out] = 1
    real = nets.values == 1
    assert int(real[0].sum()) == Design(hidden).parameters(5, 3)
    assert torch.equal(values[~real], before[~real])
    assert not torch.equal(values[real], before[real])
    assert set(values[~real].tolist()) == {0.0, -math.inf}


# --- families ---


def test_designs_of_one_family():
    base = Design((20, 12))
    for same in (
        dict(learning_rate=0.1), dict(seed=3), dict(initialisation="xavier"), dict(hidden=(32, 16)),
    ):  # fmt: skip
        assert family(dataclasses.replace(base, **same)) == family(base) is not None
    for other in (
        dict(activation="tanh"), dict(batch_size=8), dict(optimizer="sgd"), dict(epochs=3), dict(residual=True),
        dict(hidden=(20,)), dict(hidden=(20, 12, 12)), dict(hidden=(20, 17)), dict(hidden=()),
    ):  # fmt: skip
        assert family(dataclasses.replace(base, **other)) != family(base)
    assert {family(base): 0}  # a key


def test_designs_that_train_only_by_themselves():
    for alone_ in (dict(dropout=0.1), dict(hidden=(8, WIDEST + 1)), dict(batch_size=MOST_ROWS + 1)):
        assert family(dataclasses.replace(Design((8, 8)), **alone_)) is None


def test_designs_of_several_families_are_refused(data):
    for designs in ([], [Design((8,))] * (TOGETHER + 1), [Design((8,)), Design((8, 8))], [Design((8,), dropout=0.1)]):
        with pytest.raises(ValueError, match="cannot train together"):
            with_batch(designs, data, lambda epoch, losses: None)


def test_residual_designs_add_in_the_same_layers():
    def of(*hidden):
        return family(Design(hidden, residual=True))

    assert of(10, 10, 5) == of(10, 10, 9) and of(10, 10) != of(10, 9) and of(10, 10) != of(11, 11)


def test_a_plan_trains_together_what_has_enough_of_its_kind():
    many, few = [Design((8,), seed=s) for s in range(LEAST)], [Design((8, 8), seed=s) for s in range(LEAST - 1)]
    alone = [Design((8,), dropout=0.1, seed=s) for s in range(LEAST)]
    plan = [*many, *few, *alone]
    assert chosen(plan, "batched", 6) == ["batched"] * len(many) + ["torch"] * (len(few) + len(alone))
    assert set(chosen(plan, "numpy", 6)) == {"numpy"}
    groups = grouped(((str(i), d, n) for i, (d, n) in enumerate(zip(plan, chosen(plan, "batched", 6), strict=True))), 6)
    assert [len(group) for group in groups] == [len(many)] + [1] * (len(few) + len(alone))
    assert [len(group) for group in grouped(((str(i), many[0], "batched") for i in range(40)), 6)] == [16, 16, 8]


def test_residual_designs_of_any_width_but_that_of_the_data_train_together():
    designs = [Design((width, width), residual=True) for width in (5, 7, 12)]
    assert len({family(design, 6) for design in designs}) == 1 < len({family(design, 7) for design in designs})
