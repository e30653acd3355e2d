"""Combining: means by hand, results that are left out, and an end that does not depend on arrival."""

import itertools
import math

import numpy as np
import pytest

from mrdl.errors import Diverged, TrainingError
from mrdl.nn.kinds import mlp
from mrdl.nn.weights import digest
from mrdl.rounds.combine import RULES, ShardResult, combine, mean, uniform

ARCH = mlp([6, 5, 3])
rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def result(shard, rows=10, weights=None, loss=0.5, start="a" * 64):
    weights = ARCH.initial_weights(shard) if weights is None else weights
    return ShardResult(shard, rows, weights, {"loss": loss, "steps": 1.0}, start)


def one(shard, value, rows=10):
    """A result whose weights are these numbers."""
    return result(shard, rows, {"w": np.asarray(value, np.float32)})


def spoiled(value):
    """Weights of which the last one is this."""
    weights = ARCH.initial_weights(0)
    weights["layers.1.bias"][-1] = value
    return weights


# --- means ---


def test_mean_counts_each_row_once():
    combined, _ = combine([one(0, [1, 2], rows=30), one(1, [5, -2], rows=10)], mean)
    assert combined["w"].tolist() == [2, 1]


def test_uniform_counts_each_shard_once():
    combined, _ = combine([one(0, [1, 2], rows=30), one(1, [5, -2], rows=10)], uniform)
    assert combined["w"].tolist() == [3, 0]


@pytest.mark.parametrize(("rule", "shares"), [(mean, [7, 150, 1, 33]), (uniform, [1, 1, 1, 1])])
def test_a_mean_equals_numpys_average_in_float64(rule, shares):
    results = [result(shard, rows) for shard, rows in enumerate([7, 150, 1, 33])]
    combined, _ = combine(results, rule)
    for name, array in combined.items():
        stacked = np.stack([result.weights[name] for result in results]).astype(np.float64)
        assert np.array_equal(array, np.average(stacked, axis=0, weights=shares).astype(np.float32))


@pytest.mark.parametrize("rows", [[1, 1, 1], [3, 5, 3], [599, 600, 601], [7] * 9, [1, 10**9]], ids=str)
@rules
def test_the_mean_of_equal_weights_is_these_weights_to_the_bit(rule, rows):
    combined, _ = combine([result(i, n, ARCH.initial_weights(4)) for i, n in enumerate(rows)], rule)
    assert digest(combined) == digest(ARCH.initial_weights(4))


@rules
def test_a_single_shard_is_its_own_mean(rule):
    assert digest(combine([result(3, rows=17)], rule)[0]) == digest(result(3).weights)


@rules
def test_what_cancels_out_leaves_the_rest(rule):
    combined, _ = combine([one(0, [1e8]), one(1, [1]), one(2, [-1e8])], rule)
    assert combined["w"][0] == pytest.approx(1 / 3, rel=1e-6)


@rules
def test_the_largest_weights_have_a_mean(rule):
    largest = np.finfo(np.float32).max
    assert combine([one(0, [largest]), one(1, [largest])], rule)[0]["w"][0] == largest


# --- what every rule keeps to ---


@rules
def test_a_rule_keeps_names_order_shapes_and_type(rule):
    combined = rule([result(0), result(1), result(2)])
    assert [(name, w.shape) for name, w in combined.items()] == list(ARCH.shapes().items())
    assert {w.dtype for w in combined.values()} == {np.dtype(np.float32)}


@rules
def test_a_rule_does_not_modify_what_it_combines(rule):
    results = [result(0), result(1)]
    rule(results)
    assert [digest(r.weights) for r in results] == [digest(ARCH.initial_weights(shard)) for shard in (0, 1)]


@rules
def test_a_rule_gives_weights_of_its_own(rule):
    alone = result(0)
    combined = rule([alone])
    assert not any(np.shares_memory(combined[name], alone.weights[name]) for name in combined)


def test_a_rule_of_ones_own_gets_the_fit_results_in_the_order_of_shards():
    seen = []

    def first(results):
        seen.extend(result.shard for result in results)
        return results[0].weights

    combined, _ = combine([result(4), result(0), result(2, rows=0), result(11)], first)
    assert seen == [0, 4, 11]
    assert digest(combined) == digest(ARCH.initial_weights(0))


# --- arrival ---


@rules
def test_the_order_of_arrival_changes_nothing(rule):
    """Numbers whose sum does depend on its order, even in float64."""
    results = [one(0, [1e17]), one(1, [3]), one(2, [-1e17]), one(3, [7])]
    arrivals = list(itertools.permutations(results))
    assert len({rule(arrival)["w"].tobytes() for arrival in arrivals}) > 1
    assert len({combine(arrival, rule)[0]["w"].tobytes() for arrival in arrivals}) == 1


def test_the_reasons_come_in_the_order_of_shards():
    results = [result(3, rows=0), result(1, rows=0), result(2, rows=0), result(0)]
    orders = {tuple(combine(arrival, mean)[1]) for arrival in itertools.permutations(results)}
    assert orders == {(1, 2, 3)}


# --- results that are left out ---

UNFIT = [
    ({"rows": 0}, "no rows"),
    ({"loss": math.nan}, "its loss is nan"),
    ({"loss": math.inf}, "its loss is inf"),
    ({"loss": -math.inf}, "its loss is -inf"),
    ({"weights": spoiled(np.nan)}, "a weight is not finite"),
    ({"weights": spoiled(np.inf)}, "a weight is not finite"),
    ({"weights": spoiled(-np.inf)}, "a weight is not finite"),
]
unfit = pytest.mark.parametrize(
    ("how", "reason"), UNFIT, ids=["no-rows", *(f"{r}-{i}" for i, (_, r) in enumerate(UNFIT[1:]))]
)


@unfit
@rules
def test_an_unfit_result_is_left_out_with_the_reason(rule, how, reason):
    combined, left_out = combine([result(0, 5), result(1, **how), result(2, 9)], rule)
    assert left_out == {1: reason}
    assert digest(combined) == digest(rule([result(0, 5), result(2, 9)]))


def test_fit_results_are_all_taken():
    assert combine([result(0), result(1, loss=1e30), result(2, rows=1)], mean)[1] == {}


@unfit
def test_if_none_is_fit_the_error_names_every_shard_and_the_reason(how, reason):
    with pytest.raises(TrainingError) as refused:
        combine([result(0, **how), result(12, **how)], mean)
    assert f"shard 0: {reason}, shard 12: {reason}" in str(refused.value)


def test_if_all_diverged_the_error_is_one_of_its_own():
    """The driver tells it from a job that failed, and knows what to advise."""
    with pytest.raises(Diverged, match="no shard gave usable weights"):
        combine([result(0, loss=math.nan), result(1, loss=math.nan)], mean)


# --- where training began ---


def test_different_starts_are_refused_with_the_shards_named():
    results = [result(2, start="b" * 64), result(0), result(1)]
    with pytest.raises(TrainingError, match="shard 0 from aaaaaaaa, shard 1 from aaaaaaaa, shard 2 from bbbbbbbb"):
        combine(results, mean)


def test_a_different_start_is_refused_even_in_a_result_that_would_be_left_out():
    with pytest.raises(TrainingError, match="started from different weights"):
        combine([result(0), result(1, rows=0, start="b" * 64)], mean)


@pytest.mark.parametrize("start", ["a" * 64, "b" * 64])
def test_one_start_is_taken_whatever_it_is(start):
    assert combine([result(0, start=start), result(1, start=start)], mean)[1] == {}
