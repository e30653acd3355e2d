"""Restricted Boltzmann machines against enumeration of all states, numpy and scikit-learn."""

import numpy as np
import pytest
import torch
from machines import SIZES, TORCH, energies, exact_means, machine, of_machine, parts, states, tensor, weights_of
from scipy.integrate import trapezoid
from scipy.special import expit, logsumexp
from sklearn.neural_network import BernoulliRBM

from mrdl.errors import ConfigError
from mrdl.nn.kinds import dbn, rbm
from mrdl.nn.rbm import RBM, Stack, score

pytestmark = pytest.mark.usefixtures("one_thread")


# --- energies and likelihoods ---


@pytest.mark.parametrize(("visible", "hidden"), SIZES)
def test_the_free_energy_is_the_sum_over_all_hidden_states(visible, hidden):
    rbm, v = machine(visible, hidden), states(visible)
    expected = -logsumexp(-energies(rbm, v, states(hidden)), axis=1)
    np.testing.assert_allclose(rbm.free_energy(tensor(v)), expected, atol=1e-5)


def test_the_free_energy_of_gaussian_visible_units_is_the_sum_over_all_hidden_states():
    rbm, v = machine(4, 3, visible="gaussian"), np.random.default_rng(1).normal(size=(20, 4))
    expected = -logsumexp(-energies(rbm, v, states(3)), axis=1)
    np.testing.assert_allclose(rbm.free_energy(tensor(v)), expected, atol=1e-5)


def test_the_free_energy_of_gaussian_hidden_units_is_the_integral_over_them_up_to_a_constant():
    rbm, v = machine(3, 2, hidden="gaussian"), states(3)
    at = np.linspace(-15, 15, 301)
    h = np.stack([axis.ravel() for axis in np.meshgrid(at, at, indexing="ij")], 1)
    density = np.exp(-energies(rbm, v, h)).reshape(len(v), 301, 301)
    expected = -np.log(trapezoid(trapezoid(density, at), at))
    found = rbm.free_energy(tensor(v)).double().numpy()
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-4)


@pytest.mark.parametrize(("visible", "hidden"), SIZES)
def test_log_z_is_that_of_all_joint_states_whichever_layer_is_smaller(visible, hidden):
    rbm = machine(visible, hidden)
    assert rbm.log_partition() == pytest.approx(logsumexp(-energies(rbm, states(visible), states(hidden))), abs=1e-5)
    turned = RBM(TORCH, rbm.weight.t().contiguous(), rbm.visible_bias, rbm.bias)
    assert turned.log_partition() == pytest.approx(rbm.log_partition(), abs=1e-5)


def test_log_z_of_gaussian_visible_units_is_the_integral_over_them():
    rbm, at = machine(2, 3, visible="gaussian"), np.linspace(-15, 15, 601)
    v = np.stack([axis.ravel() for axis in np.meshgrid(at, at, indexing="ij")], 1)
    density = np.exp(-energies(rbm, v, states(3)).astype(np.float64)).sum(1).reshape(601, 601)
    assert rbm.log_partition() == pytest.approx(np.log(trapezoid(trapezoid(density, at), at)), abs=1e-4)


@pytest.mark.parametrize(("visible", "hidden"), [*SIZES, (10, 25), (25, 2)])
def test_probabilities_of_all_visible_states_add_up_to_one(visible, hidden):
    rbm = machine(visible, hidden)
    v = states(min(visible, 10))
    if visible > 10:  # units that are 0 with near certainty
        v = np.hstack([v, np.zeros((len(v), visible - 10))])
        rbm.visible_bias[10:] = -60
        rbm.weight[:, 10:] = 0
    total = sum(np.exp(rbm.log_likelihood(row[None])) for row in tensor(v))
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("hidden", [1, 2, 3, 6])
def test_probabilities_add_up_to_one_with_gaussian_hidden_units(hidden):
    rbm = machine(3, hidden, hidden="gaussian", scale=0.5)
    assert sum(np.exp(rbm.log_likelihood(row[None])) for row in tensor(states(3))) == pytest.approx(1, abs=1e-4)


def test_the_likelihood_of_rows_is_the_mean_of_theirs():
    rbm, v = machine(), tensor(states(4)[[3, 7, 7, 12]])
    assert rbm.log_likelihood(v) == pytest.approx(np.mean([rbm.log_likelihood(row[None]) for row in v]), abs=1e-6)


def test_machines_without_weights_are_independent_coins():
    biases = np.array([0.3, -1.2, 2.0])
    rbm, v = RBM(TORCH, torch.zeros(5, 3), torch.ones(5), tensor(biases)), states(3)
    expected = (v * np.log(expit(biases)) + (1 - v) * np.log(expit(-biases))).sum(1)
    assert [rbm.log_likelihood(row[None]) for row in tensor(v)] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_machines_with_too_many_states_are_refused_with_the_numbers(kind):
    with pytest.raises(ConfigError, match="30 visible and 23 hidden units are too many: at most 22"):
        machine(30, 23, visible=kind).log_partition()


# --- pseudo likelihood ---


def pseudo(rbm, v):
    """(rows, units): visible * log p(v_i | the others), by the definition."""
    found = np.zeros(v.shape)
    for i in range(v.shape[1]):
        flipped = v.copy()
        flipped[:, i] = 1 - v[:, i]
        both = np.stack([logsumexp(-energies(rbm, rows, states(len(rbm.bias))), axis=1) for rows in (v, flipped)])
        found[:, i] = v.shape[1] * (both[0] - logsumexp(both, axis=0))
    return found


@pytest.mark.parametrize("rows", [1, 3, 5, 16])
def test_the_pseudo_likelihood_is_that_of_the_definition(rows):
    rbm, v = machine(5, 3), states(5)[np.random.default_rng(2).permutation(32)[:rows]]
    expected = pseudo(rbm, v)[np.arange(rows), np.arange(rows) % 5].mean()
    assert rbm.pseudo_log_likelihood(tensor(v)) == pytest.approx(expected, abs=1e-5)


def test_the_pseudo_likelihood_of_many_rows_is_that_of_scikit_learn():
    rbm = machine(5, 3)
    theirs = BernoulliRBM(3, random_state=0)
    theirs.components_, theirs.intercept_hidden_, theirs.intercept_visible_ = parts(rbm)
    v = np.random.default_rng(2).integers(0, 2, (20_000, 5)).astype(float)
    found = rbm.pseudo_log_likelihood(tensor(v))
    assert found == pytest.approx(theirs.score_samples(v).mean(), rel=0.02)
    assert found == pytest.approx(pseudo(rbm, v).mean(), rel=0.02)


def test_gaussian_units_and_no_rows_have_no_pseudo_likelihood():
    assert np.isnan(machine(visible="gaussian").pseudo_log_likelihood(torch.zeros(3, 4)))
    assert np.isnan(machine().pseudo_log_likelihood(torch.zeros(0, 4)))


# --- up and down ---


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@pytest.mark.parametrize("hidden", ["binary", "gaussian"])
def test_conditional_means_are_those_of_the_energy(visible, hidden):
    rbm = machine(4, 3, visible=visible, hidden=hidden)
    weight, bias, visible_bias = parts(rbm)
    v, h = np.random.default_rng(3).random((7, 4)), np.random.default_rng(4).random((7, 3))
    up, down = v @ weight.T + bias, h @ weight + visible_bias
    up, down = (up if hidden == "gaussian" else expit(up)), (down if visible == "gaussian" else expit(down))
    np.testing.assert_allclose(rbm.up(tensor(v)), up, atol=1e-6)
    np.testing.assert_allclose(rbm.down(tensor(h)), down, atol=1e-6)
    np.testing.assert_allclose(rbm.reconstruct(tensor(v)), rbm.down(tensor(up)), atol=1e-5)


@pytest.mark.parametrize(("kind", "deviation"), [("binary", None), ("gaussian", 1.0)])
def test_states_are_drawn_with_the_conditional_mean_and_deviation(kind, deviation):
    rbm, generator = machine(4, 3, visible=kind, hidden=kind), torch.Generator().manual_seed(1)
    v = tensor(np.full((40_000, 4), 0.5))
    for drawn, mean in ((rbm.draw_up(v, generator), rbm.up(v)[0]), (rbm.draw_down(v[:, :3], generator), None)):
        mean = rbm.down(v[:, :3])[0] if mean is None else mean
        np.testing.assert_allclose(drawn.double().mean(0), mean, atol=0.03)
        expected = deviation or np.sqrt(mean.numpy() * (1 - mean.numpy()))
        np.testing.assert_allclose(drawn.double().std(0), expected * np.ones(len(mean)), atol=0.02)
        assert kind == "gaussian" or set(drawn.unique().tolist()) <= {0.0, 1.0}


# --- a stack ---


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_features_and_rows_of_a_stack_are_numpys_own_chain(visible):
    arch = rbm((6, 5, 4, 3), visible)
    weights, x = weights_of(arch), np.random.default_rng(1).random((9, 6))
    v = x * weights.get("layers.0.visible_scale", 1)
    stack = Stack(arch, weights, TORCH)
    for layer in range(3):
        np.testing.assert_allclose(stack.features(tensor(x), layer), v, atol=1e-5)
        v = expit(v @ weights[f"layers.{layer}.weight"].T + weights[f"layers.{layer}.bias"])
    np.testing.assert_allclose(stack.features(tensor(x)), v, atol=1e-5)
    for layer in reversed(range(3)):
        v = v @ weights[f"layers.{layer}.weight"] + weights[f"layers.{layer}.visible_bias"]
        v = v if visible == "gaussian" and not layer else expit(v)
    np.testing.assert_allclose(
        stack.rows(stack.features(tensor(x))), v / weights.get("layers.0.visible_scale", 1), atol=1e-5
    )


def test_the_topmost_machine_of_a_dbn_for_reconstructions_has_gaussian_hidden_units():
    arch = dbn((6, 5, 2), fine_tune="autoencoder")
    weights, x = weights_of(arch), np.random.default_rng(1).random((9, 6))
    below = expit(x @ weights["layers.0.weight"].T + weights["layers.0.bias"])
    code = below @ weights["layers.1.weight"].T + weights["layers.1.bias"]
    np.testing.assert_allclose(Stack(arch, weights, TORCH).features(tensor(x)), code, atol=1e-5)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_score_of_a_layer_is_that_of_numpy(visible, layer):
    arch = rbm((6, 5, 3), visible)
    weights, rng = weights_of(arch), np.random.default_rng(1)
    stack, x, other = Stack(arch, weights, TORCH), tensor(rng.random((9, 6))), tensor(rng.random((4, 6)))
    v, machine = stack.features(x, layer), stack.machines[layer]
    found = score(stack, layer, x, other)
    assert found["rows"] == 9
    assert found["loss"] == pytest.approx(((machine.reconstruct(v) - v).numpy() ** 2).mean(), rel=1e-5)
    gap = machine.free_energy(v).mean() - machine.free_energy(stack.features(other, layer)).mean()
    assert found["free_energy_gap"] == pytest.approx(gap.item(), rel=1e-4)
    assert ("pseudo_log_likelihood" in found) == (visible == "binary" or layer == 1)
    assert np.isnan(score(stack, layer, x[:0], other)["loss"])
    assert "free_energy_gap" not in score(stack, layer, x, None)


# --- samples ---


def test_samples_have_the_frequencies_of_the_distribution():
    arch, rbm_ = rbm((4, 3)), machine(4, 3, seed=2)
    drawn = Stack(arch, of_machine(arch, rbm_), TORCH).sample(20_000, 50, 0)
    np.testing.assert_allclose(drawn.double().mean(0), exact_means(rbm_), atol=0.01)


def test_samples_of_independent_gaussian_units_are_their_means_in_the_rows_own_unit():
    arch = rbm((3, 2), "gaussian")
    weights = {**arch.initial_weights(0), "layers.0.weight": np.zeros((2, 3), np.float32)}
    weights["layers.0.visible_bias"] = np.array([1, 2, 3], np.float32)
    weights["layers.0.visible_scale"] = np.array([2, 4, 10], np.float32)
    np.testing.assert_allclose(Stack(arch, weights, TORCH).sample(5, 3, 0), [[0.5, 0.5, 0.3]] * 5, rtol=1e-6)


def test_a_seed_decides_the_samples():
    arch = rbm((6, 5, 4))
    stack = Stack(arch, weights_of(arch), TORCH)
    first, again, other = (stack.sample(30, 20, seed).numpy().tobytes() for seed in (3, 3, 4))
    assert first == again != other


def test_samples_are_as_many_as_are_asked_for_and_as_wide_as_the_rows():
    arch = rbm((6, 5, 4))
    assert [tuple(Stack(arch, weights_of(arch), TORCH).sample(n, 1, 0).shape) for n in (0, 1, 7)] == [
        (0, 6),
        (1, 6),
        (7, 6),
    ]
