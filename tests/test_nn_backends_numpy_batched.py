"""Networks that numpy trains together: the results of each by itself, bit for bit the same whoever trains with it."""

import dataclasses
import itertools
import math

import pytest

from mrdl.data.dataset import prepare_data
from mrdl.nn.backends.families import TOGETHER
from mrdl.nn.backends.groups import LEAST, chosen
from mrdl.nn.backends.numpy_batched import with_numpy_batch
from mrdl.nn.backends.numpy_single import with_numpy
from mrdl.nn.design import Design
from mrdl.sweep.jobs.child import Limits
from mrdl.sweep.jobs.pack import run_pack

KINDS = list(itertools.product(("relu", "tanh", "sigmoid", "linear"), ("sgd", "adam"), (False, True)))


@pytest.fixture
def data(small_csv):
    return prepare_data(str(small_csv), "answer", "auto", 0.2)


def together(designs, data):
    """The result of each, and its losses by epoch, as bits."""
    curves = []
    results = with_numpy_batch(designs, data, lambda epoch, losses: curves.append(list(losses)))
    of_each = zip(*curves, strict=True)
    return [(r.loss, r.predicted.tobytes(), curve) for r, curve in zip(results, of_each, strict=True)]


def crowd(activation, optimizer, residual, count=TOGETHER):
    """Designs of one family, of unequal widths, rates and starts."""
    base = Design((9, 9), activation, residual=residual, optimizer=optimizer, epochs=3)
    widths = [(9 - i % 3,) * 2 if residual else (9 - i % 3, 5 + i % 4) for i in range(count)]
    starts = itertools.cycle(("he", "xavier", "default"))
    return [
        dataclasses.replace(base, hidden=hidden, initialisation=next(starts), learning_rate=0.001 * (1 + i), seed=i)
        for i, hidden in enumerate(widths)
    ]


@pytest.mark.parametrize(("activation", "optimizer", "residual"), KINDS)
def test_each_is_what_it_is_by_itself(data, activation, optimizer, residual):
    designs = crowd(activation, optimizer, residual, 5)
    for design, (loss, predicted, curve) in zip(designs, together(designs, data), strict=True):
        losses = []
        alone = with_numpy(design, data, lambda epoch, mean, losses=losses: losses.append(mean))
        assert curve == pytest.approx(losses, rel=2e-5) and loss == pytest.approx(alone.loss, rel=2e-5), design
        assert predicted == alone.predicted.tobytes(), design


@pytest.mark.parametrize("hidden", [(), (40,), (128, 96)])
@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_other_depths_widths_and_batches(data, hidden, batch_size):
    designs = [Design(hidden, batch_size=batch_size, residual=True, epochs=1, seed=seed) for seed in range(2)]
    for design, (loss, *_) in zip(designs, together(designs, data), strict=True):
        assert loss == pytest.approx(with_numpy(design, data, lambda epoch, mean: None).loss, rel=2e-5)


@pytest.mark.parametrize(("activation", "optimizer", "residual"), KINDS)
def test_mates_and_places_change_no_bit(data, activation, optimizer, residual):
    designs = crowd(activation, optimizer, residual)
    expected = together(designs, data)
    assert together(designs[::-1], data) == expected[::-1]
    assert together([designs[8], designs[3], designs[5]], data) == [expected[i] for i in (8, 3, 5)]
    assert together([designs[1]], data) == [expected[1]]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_network_that_diverges_disturbs_no_other(data, optimizer):
    calm = [Design((8, 4), "linear", optimizer=optimizer, epochs=4, seed=seed) for seed in range(3)]
    wild = dataclasses.replace(calm[0], learning_rate=1e3, seed=7)
    found = together([calm[0], wild, *calm[1:]], data)
    assert optimizer == "adam" or not math.isfinite(found[1][0])
    assert [found[0], *found[2:]] == together(calm, data)


def test_a_pack_trains_them_together_and_others_by_numpy(data):
    designs = [Design((8,), seed=seed, epochs=1) for seed in range(LEAST)]
    designs += [Design((8,), dropout=0.1, seed=seed, epochs=1) for seed in range(2)]
    names = chosen(designs, "batched-numpy", data.columns)
    assert names == ["batched-numpy"] * LEAST + ["numpy"] * 2
    work = [(str(i), design.canonical(), name) for i, (design, name) in enumerate(zip(designs, names, strict=True))]
    found = list(run_pack(work, data, Limits(60, 1024)))
    assert [(r.status, r.together) for r in found] == [("done", LEAST)] * LEAST + [("done", 1)] * 2


def test_designs_of_several_families_are_refused(data):
    for designs in ([], [Design((8,))] * (TOGETHER + 1), [Design((8,)), Design((8, 8))]):
        with pytest.raises(ValueError, match="cannot train together"):
            with_numpy_batch(designs, data, lambda epoch, losses: None)
