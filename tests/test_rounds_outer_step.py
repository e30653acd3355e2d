"""The outer step: the mean where nothing is added, momentum as by hand, and the length of least loss."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from manifests import manifest

from mrdl.nn.kinds import mlp
from mrdl.nn.weights import Weights, digest
from mrdl.rounds.folder import Checkpoint, RunFolder
from mrdl.rounds.outer_step import GAIN, LENGTHS, along, best_length, nesterov

ARCH = mlp([6, 5, 3])
ONE = LENGTHS.index(1.0)


def weights(seed: int, spread: float = 1.0) -> Weights:
    rng = np.random.default_rng(seed)
    return {name: (spread * rng.normal(size=shape)).astype(np.float32) for name, shape in ARCH.shapes().items()}


def number(value: float) -> Weights:
    """Weights of one number."""
    return {"w": np.array([value], np.float32)}


# --- the step ---


@pytest.mark.parametrize("spread", [1e-6, 0.05, 1.0, 1e3])
@pytest.mark.parametrize("velocity", [{}, weights(9)], ids=["first round", "later round"])
def test_without_momentum_a_step_of_length_1_is_the_mean_to_the_bit(velocity, spread):
    start, mean = weights(0), weights(1, spread)
    step, _ = nesterov(start, mean, velocity, 0.0)
    assert digest(along(start, step, 1.0)) == digest(mean)


@pytest.mark.parametrize(("before", "after"), [(0.0, 1e-30), (-0.0, 0.0), (1.0, 1e-8), (3e5, 1e-3), (-2e-9, 0.3)])
def test_the_mean_is_reached_to_the_bit_over_eight_orders_of_magnitude(before, after):
    step, _ = nesterov(number(before), number(after), {}, 0.0)
    assert digest(along(number(before), step, 1.0)) == digest(number(after))


def test_a_step_without_change_and_velocity_stays_where_it_is():
    step, velocity = nesterov(weights(0), weights(0), {}, 0.7)
    assert digest(along(weights(0), step, 2.0)) == digest(weights(0))
    assert all(not array.any() for array in velocity.values())


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.7, 0.999])
@pytest.mark.parametrize("length", [0.5, 1.0, 1.6])
def test_several_rounds_are_those_of_plain_numbers(momentum, length):
    """A scalar that is drawn towards 2 by four fifths in each round, by hand and by arrays."""
    by_hand, speed = 5.0, 0.0
    found, velocity = number(5.0), {}
    for _ in range(6):
        change = -0.8 * (by_hand - 2)
        speed = momentum * speed + change
        by_hand += length * (momentum * speed + change)
        mean = number(float(found["w"][0]) - 0.8 * (float(found["w"][0]) - 2))
        step, velocity = nesterov(found, mean, velocity, momentum)
        found = along(found, step, length)
        assert found["w"][0] == pytest.approx(by_hand, rel=1e-5, abs=1e-5)
        assert velocity["w"][0] == pytest.approx(speed, rel=1e-5, abs=1e-5)


def test_equal_changes_add_up_to_the_geometric_series():
    """With a change of 1 in each round the velocity after n rounds is 1 + m + ... + m^(n-1)."""
    start, velocity = number(0.0), {}
    for n in range(1, 20):
        step, velocity = nesterov(start, number(float(start["w"][0]) + 1), velocity, 0.5)
        assert velocity["w"][0] == pytest.approx(2 * (1 - 0.5**n), rel=1e-6)
        assert step["w"][0] == pytest.approx(1 + 0.5 * velocity["w"][0], rel=1e-6)


def test_nothing_that_goes_in_is_changed_and_what_comes_out_is_its_own():
    start, mean, velocity = weights(0), weights(1), weights(2)
    before = [digest(each) for each in (start, mean, velocity)]
    step, new = nesterov(start, mean, velocity, 0.5)
    after = along(start, step, 0.0)
    assert [digest(each) for each in (start, mean, velocity)] == before
    assert digest(after) == digest(start)
    assert not any(np.shares_memory(after[name], start[name]) for name in start)
    assert not any(np.shares_memory(new[name], velocity[name]) for name in velocity)


def test_names_order_shapes_and_types_are_those_of_the_weights():
    step, velocity = nesterov(weights(0), weights(1), {}, 0.5)
    for found, dtype in ((velocity, np.float32), (along(weights(0), step, 0.5), np.float32), (step, np.float64)):
        assert [(name, array.shape) for name, array in found.items()] == list(ARCH.shapes().items())
        assert {array.dtype for array in found.values()} == {np.dtype(dtype)}


def test_a_velocity_that_was_kept_gives_the_same_next_step(tmp_path: Path):
    """A run that is resumed goes on from the file; the numbers in it are those that a run without a break has."""
    _, velocity = nesterov(weights(0), weights(1), {}, 0.3)
    after = Checkpoint(1, weights(1), velocity)
    folder = RunFolder(tmp_path)
    folder.rounds.mkdir()
    folder.commit(after, manifest(sha256=digest(after.weights), velocity=digest(velocity)))
    read = folder.read(1)
    for whole, kept in zip(
        nesterov(after.weights, weights(2), after.velocity, 0.3),
        nesterov(read.weights, weights(2), read.velocity, 0.3),
        strict=True,
    ):
        assert digest(whole) == digest(kept)


# --- its length ---


class Losses:
    """A loss for each length, which remembers what it was asked for."""

    def __init__(self, values):
        self._values = dict(zip(LENGTHS, values, strict=True))
        self.asked: list[float] = []

    def __call__(self, length: float) -> float:
        self.asked.append(length)
        return self._values[length]


def valley(lowest: int, slope: float = 1.2) -> list[float]:
    """Losses that rise by a factor with every step away from the lowest."""
    return [slope ** abs(i - lowest) for i in range(len(LENGTHS))]


def test_the_lengths_lie_on_both_sides_of_the_mean_in_order():
    assert list(LENGTHS) == sorted(set(LENGTHS)) and 0 < ONE < len(LENGTHS) - 1


@pytest.mark.parametrize("lowest", range(len(LENGTHS)))
def test_the_lowest_of_a_valley_is_found_and_none_is_asked_twice(lowest):
    losses = Losses(valley(lowest))
    assert best_length(losses) == LENGTHS[lowest]
    assert len(losses.asked) == len(set(losses.asked))


def test_where_the_mean_is_best_only_its_neighbours_are_asked():
    losses = Losses(valley(ONE))
    best_length(losses)
    assert sorted(losses.asked) == list(LENGTHS[ONE - 1 : ONE + 2])


def test_the_search_stops_behind_the_first_that_is_worse():
    losses = Losses(valley(ONE + 1))
    best_length(losses)
    assert sorted(losses.asked) == list(LENGTHS[ONE : ONE + 3])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_gain_too_small_to_count_does_not_change_the_length(share):
    losses = [1.0] * len(LENGTHS)
    losses[ONE - 1] = losses[ONE + 1] = 1 - share * GAIN
    assert best_length(Losses(losses)) == 1.0


@pytest.mark.parametrize(
    "losses", [[0.0] * len(LENGTHS), [math.nan] * len(LENGTHS), [math.inf] * len(LENGTHS)], ids=str
)
def test_losses_that_tell_nothing_leave_the_mean(losses):
    assert best_length(Losses(losses)) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("lowest", range(len(LENGTHS)))
def test_a_loss_that_is_not_finite_is_never_chosen(bad, lowest):
    """All beyond the lowest on the far side of 1 are bad: too long a step diverges."""
    losses = valley(lowest)
    for i in range(len(LENGTHS)):
        if (i > lowest >= ONE) or (i < lowest <= ONE):
            losses[i] = bad
    assert best_length(Losses(losses)) == LENGTHS[lowest]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_where_the_mean_itself_is_not_finite_a_finite_neighbour_is_taken(bad):
    for way in (-1, 1):
        losses = [bad] * len(LENGTHS)
        losses[ONE + way] = 5.0
        assert best_length(Losses(losses)) == LENGTHS[ONE + way]


def test_what_is_chosen_is_never_worse_than_the_mean_whatever_the_losses():
    for values in itertools.product([0.5, 1.0, math.nan], repeat=len(LENGTHS)):
        losses = Losses(values)
        chosen = values[LENGTHS.index(best_length(losses))]
        assert chosen == values[ONE] or chosen < values[ONE] or math.isnan(values[ONE])
        assert len(losses.asked) == len(set(losses.asked))
