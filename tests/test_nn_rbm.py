"""Restricted Boltzmann machines against enumeration of all states, numpy and scikit-learn."""

import itertools

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.special import expit, logit, logsumexp
from sklearn.neural_network import BernoulliRBM

from mrdl.errors import ConfigError
from mrdl.nn.contrastive import ContrastiveDivergence, fit_visible
from mrdl.nn.kinds import dbn, rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rbm import RBM, Stack, score
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard

SETTINGS = Hyperparameters(epochs=1, batch_size=16, learning_rate=0.1, momentum=0.5, device="cpu")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def states(bits):
    """Every state of binary units, (2 ** bits, bits)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=bits)))


def machine(columns=4, units=3, seed=0, scale=1.0, **kinds):
    rng = np.random.default_rng(seed)
    shapes = [(units, columns), (units,), (columns,)]
    return RBM(*(torch.tensor(rng.normal(0, scale, shape), dtype=torch.float32) for shape in shapes), **kinds)


def parts(rbm):
    """weight, bias and visible bias as float64 arrays."""
    return [tensor.double().numpy() for tensor in (rbm.weight, rbm.bias, rbm.visible_bias)]


def energies(rbm, v, h):
    """E(v, h) of every pair of rows by its definition, (rows of v, rows of h)."""
    weight, bias, visible_bias = parts(rbm)
    of_visible = -v @ visible_bias if rbm.visible == "binary" else ((v - visible_bias) ** 2).sum(1) / 2
    of_hidden = -h @ bias if rbm.hidden == "binary" else ((h - bias) ** 2).sum(1) / 2
    return of_visible[:, None] + of_hidden - v @ weight.T @ h.T


def tensor(array):
    return torch.tensor(array, dtype=torch.float32)


SIZES = [(4, 3), (3, 5), (1, 1), (6, 1), (1, 6)]


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
    turned = RBM(rbm.weight.t().contiguous(), rbm.visible_bias, rbm.bias)
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
    rbm, v = RBM(torch.zeros(5, 3), torch.ones(5), tensor(biases)), states(3)
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


def weights_of(arch, seed=5, scale=0.7):
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in arch.shapes().items()}
    return {name: np.abs(array) + 0.5 if name.endswith("scale") else array for name, array in found.items()}


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_features_and_rows_of_a_stack_are_numpys_own_chain(visible):
    arch = rbm((6, 5, 4, 3), visible)
    weights, x = weights_of(arch), np.random.default_rng(1).random((9, 6))
    v = x * weights.get("layers.0.visible_scale", 1)
    stack = Stack(arch, weights)
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
    np.testing.assert_allclose(Stack(arch, weights).features(tensor(x)), code, atol=1e-5)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_score_of_a_layer_is_that_of_numpy(visible, layer):
    arch = rbm((6, 5, 3), visible)
    weights, rng = weights_of(arch), np.random.default_rng(1)
    stack, x, other = Stack(arch, weights), tensor(rng.random((9, 6))), tensor(rng.random((4, 6)))
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


def exact_means(rbm):
    """E[v] of the machine's own distribution."""
    v = states(len(rbm.visible_bias))
    logs = logsumexp(-energies(rbm, v, states(len(rbm.bias))), axis=1)
    return np.exp(logs - logsumexp(logs)) @ v


def of_machine(arch, rbm):
    return {
        "layers.0.weight": rbm.weight.numpy(), "layers.0.bias": rbm.bias.numpy(),
        "layers.0.visible_bias": rbm.visible_bias.numpy(),
    }  # fmt: skip


def test_samples_have_the_frequencies_of_the_distribution():
    arch, rbm_ = rbm((4, 3)), machine(4, 3, seed=2)
    drawn = Stack(arch, of_machine(arch, rbm_)).sample(20_000, 50, 0)
    np.testing.assert_allclose(drawn.double().mean(0), exact_means(rbm_), atol=0.01)


def test_samples_of_independent_gaussian_units_are_their_means_in_the_rows_own_unit():
    arch = rbm((3, 2), "gaussian")
    weights = {**arch.initial_weights(0), "layers.0.weight": np.zeros((2, 3), np.float32)}
    weights["layers.0.visible_bias"] = np.array([1, 2, 3], np.float32)
    weights["layers.0.visible_scale"] = np.array([2, 4, 10], np.float32)
    np.testing.assert_allclose(Stack(arch, weights).sample(5, 3, 0), [[0.5, 0.5, 0.3]] * 5, rtol=1e-6)


def test_a_seed_decides_the_samples():
    arch = rbm((6, 5, 4))
    stack = Stack(arch, weights_of(arch))
    first, again, other = (stack.sample(30, 20, seed).numpy().tobytes() for seed in (3, 3, 4))
    assert first == again != other


def test_samples_are_as_many_as_are_asked_for_and_as_wide_as_the_rows():
    arch = rbm((6, 5, 4))
    assert [tuple(Stack(arch, weights_of(arch)).sample(n, 1, 0).shape) for n in (0, 1, 7)] == [(0, 6), (1, 6), (7, 6)]


# --- what the data decides beforehand ---


def test_visible_biases_are_the_log_odds_of_the_means_and_stay_within_reach():
    x = np.random.default_rng(0).random((50, 6)).astype(np.float32)
    x[:, 4], x[:, 5] = 0, 1
    arch = rbm((6, 3))
    start = arch.initial_weights(0)
    fitted = fit_visible(arch, 0, start, torch.from_numpy(x))
    expected = logit(x.astype(np.float64).mean(0).clip(0.01, 0.99))
    np.testing.assert_allclose(fitted["layers.0.visible_bias"], expected, atol=1e-5)
    assert expected[4:] == pytest.approx([logit(0.01), logit(0.99)])
    assert all(fitted[name] is start[name] for name in ("layers.0.weight", "layers.0.bias"))
    assert not start["layers.0.visible_bias"].any()


def test_gaussian_units_are_normalised_to_unit_variance_and_their_bias_is_the_mean():
    x = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    x[:, 3] = 0.25  # does not vary: must not be blown up
    arch = rbm((4, 3), "gaussian")
    fitted = fit_visible(arch, 0, arch.initial_weights(0), torch.from_numpy(x))
    scale = 1 / np.maximum(x.astype(np.float64).std(0), 0.1)
    np.testing.assert_allclose(fitted["layers.0.visible_scale"], scale, rtol=1e-5)
    np.testing.assert_allclose(fitted["layers.0.visible_bias"], x.mean(0) * scale, rtol=1e-5)
    v = Stack(arch, fitted).features(torch.from_numpy(x), 0).numpy()
    np.testing.assert_allclose(v.std(0)[:3], 1, rtol=1e-4)
    np.testing.assert_allclose(v.mean(0), fitted["layers.0.visible_bias"], rtol=1e-4)


def test_the_biases_of_an_upper_layer_are_fitted_to_the_features_below():
    arch = rbm((6, 5, 3), "gaussian")
    weights, x = weights_of(arch), tensor(np.random.default_rng(0).random((50, 6)))
    fitted = fit_visible(arch, 1, weights, x)
    mean = Stack(arch, weights).features(x, 1).double().mean(0).numpy().clip(0.01, 0.99)
    np.testing.assert_allclose(fitted["layers.1.visible_bias"], logit(mean), atol=1e-5)
    assert [name for name in weights if fitted[name] is not weights[name]] == ["layers.1.visible_bias"]


def test_a_machine_fitted_to_its_data_has_their_means_to_begin_with():
    x = (np.random.default_rng(0).random((500, 5)) < [0.1, 0.3, 0.5, 0.7, 0.95]).astype(np.float32)
    arch = rbm((5, 4))
    fitted = fit_visible(arch, 0, arch.initial_weights(0), torch.from_numpy(x))
    np.testing.assert_allclose(exact_means(Stack(arch, fitted).machines[0]), x.mean(0), atol=0.01)


# --- a step of contrastive divergence ---


def rows_of(x):
    x = np.asarray(x, np.float32)
    ones = np.ones(x.shape[1], np.float32)
    return Rows(x, np.zeros(len(x), np.int64), np.arange(len(x)), 0 * ones, ones)


def a_step(arch, weights, x, settings, layer=0, seed=11):
    step = ContrastiveDivergence(arch, layer, weights, rows_of(x), settings, CPU, seed)
    return step, torch.arange(len(x))


def by_numpy(arch, layer, weights, batches, settings, seed=11):
    """CD-k or PCD-k, written down plainly in float64, with the draws of a torch generator of the same seed."""
    rng = torch.Generator().manual_seed(seed)
    w, b, c = (
        weights[f"layers.{layer}.{part}"].astype(np.float64) for part in ("weight", "bias", "visible_bias")
    )  # fmt: skip
    visible = arch.visible if layer == 0 else "binary"
    hidden = arch.hidden_units(layer)
    speed, chains = [0.0, 0.0, 0.0], None

    def draw(mean):
        if hidden == "gaussian":
            return mean + torch.empty(mean.shape).normal_(generator=rng).numpy()
        return (torch.empty(mean.shape).uniform_(generator=rng).numpy() < mean).astype(float)

    for v in batches:
        v = np.asarray(v, np.float64)
        up = [v @ w.T + b]
        up[0] = up[0] if hidden == "gaussian" else expit(up[0])
        h = draw(up[0]) if chains is None or not settings.persistent else chains[: len(v)]
        for k in range(settings.cd_steps):
            r = h @ w + c
            r = r if visible == "gaussian" else expit(r)
            if settings.persistent and visible == "binary":
                r = (torch.rand(r.shape, generator=rng).numpy() < r).astype(float)
            p = r @ w.T + b
            p = p if hidden == "gaussian" else expit(p)
            if settings.persistent or k + 1 < settings.cd_steps:
                h = draw(p)
        if settings.persistent:
            chains = h if chains is None else np.concatenate([h, chains[len(v) :]])
        gradient = [
            (up[0].T @ v - p.T @ r) / len(v) - settings.weight_cost * w, (up[0] - p).mean(0), (v - r).mean(0)
        ]  # fmt: skip
        speed = [settings.momentum * s + g for s, g in zip(speed, gradient, strict=True)]
        w, b, c = (at + settings.learning_rate * s for at, s in zip((w, b, c), speed, strict=True))
    return {f"layers.{layer}.weight": w, f"layers.{layer}.bias": b, f"layers.{layer}.visible_bias": c}


STEPS = {
    "cd-1": {},
    "cd-3": {"cd_steps": 3},
    "pcd-1": {"persistent": True},
    "pcd-2": {"persistent": True, "cd_steps": 2},
    "weight cost": {"weight_cost": 0.01},
    "no momentum": {"momentum": 0.0},
}


@pytest.mark.parametrize("about", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("kinds", ["binary", "gaussian", "linear code"])
def test_steps_are_those_of_plain_numpy_with_the_same_draws(kinds, about):
    """Five batches, the last of them smaller, of which only as many chains move."""
    arch = dbn((6, 4), fine_tune="autoencoder") if kinds == "linear code" else rbm((6, 4), kinds)
    weights, x = weights_of(arch, scale=0.3), np.random.default_rng(2).random((37, 6))
    weights.pop("layers.0.visible_scale", None)
    settings = Hyperparameters(**{**vars(SETTINGS), "batch_size": 8, **about})
    step, _ = a_step(arch, weights, x, settings)
    for batch in torch.arange(37).split(8):
        step(batch)
    expected = by_numpy(arch, 0, weights, np.split(x, range(8, 37, 8)), settings)
    for name, array in expected.items():
        np.testing.assert_allclose(step.weights()[name], array, atol=2e-5)


def test_an_upper_layer_learns_the_features_below_it_and_changes_nothing_else():
    arch = rbm((6, 5, 4), "gaussian")
    weights, x = weights_of(arch, scale=0.3), np.random.default_rng(2).random((16, 6))
    step, batch = a_step(arch, weights, x, SETTINGS, layer=1)
    step(batch)
    below = Stack(arch, weights).features(tensor(x), 1)
    expected = by_numpy(arch, 1, weights, [below], SETTINGS)
    for name, array in step.weights().items():
        np.testing.assert_allclose(array, expected.get(name, weights[name]), atol=1e-5 * (name in expected))


@pytest.mark.parametrize("batch_size", [5, 16])
@pytest.mark.parametrize("about", [{}, {"cd_steps": 3}], ids=["cd-1", "cd-3"])
def test_the_loss_is_the_squared_error_of_the_first_reconstruction(batch_size, about):
    arch, x = rbm((6, 4)), np.random.default_rng(2).random((16, 6))
    weights = weights_of(arch)
    weights["layers.0.bias"] += 60  # every hidden unit is 1: nothing is left to chance
    settings = Hyperparameters(**{**vars(SETTINGS), "learning_rate": 0.0, **about})
    step, _ = a_step(arch, weights, x, settings)
    for batch in torch.arange(16).split(batch_size):
        step(batch)
    again = expit(weights["layers.0.weight"].sum(0) + weights["layers.0.visible_bias"])
    assert step.loss_sum.item() == pytest.approx(((again - x) ** 2).mean(1).sum(), rel=1e-5)


@pytest.mark.parametrize("persistent", [False, True])
def test_the_loss_is_that_of_the_batchs_own_rows_wherever_the_chains_are(persistent):
    """Each hidden unit copies a visible one: every row is reconstructed without an error."""
    arch = rbm((4, 4))
    weights = {"layers.0.weight": 60 * np.eye(4, dtype=np.float32)}
    weights |= {f"layers.0.{part}": np.full(4, -30, np.float32) for part in ("bias", "visible_bias")}
    settings = Hyperparameters(**{**vars(SETTINGS), "learning_rate": 0.0, "persistent": persistent})
    step, _ = a_step(arch, weights, np.repeat([[0.0] * 4, [1.0] * 4], 8, axis=0), settings)
    for batch in torch.arange(16).split(8):
        step(batch)
    assert step.loss_sum.item() == pytest.approx(0, abs=1e-4)


# --- in expectation ---


def exact_gradient(rbm, x):
    """Of the mean log-likelihood of rows x, by enumeration: of weight, bias and visible bias."""
    v, (weight, bias, _) = states(x.shape[1]), parts(rbm)
    logs = logsumexp(-energies(rbm, v, states(len(bias))), axis=1)
    share = np.exp(logs - logsumexp(logs))

    def up(rows):
        return expit(rows @ weight.T + bias)

    return (
        up(x).T @ x / len(x) - (up(v) * share[:, None]).T @ v,
        up(x).mean(0) - share @ up(v),
        x.mean(0) - share @ v,
    )


def test_the_exact_gradient_of_these_tests_is_that_of_autograd():
    rbm_, x = machine(4, 3), states(4)[[0, 3, 3, 9]]
    leaves = [each.clone().requires_grad_() for each in (rbm_.weight, rbm_.bias, rbm_.visible_bias)]
    free = RBM(*leaves)
    partition = torch.logsumexp(-free.free_energy(tensor(states(4))), 0)
    (-free.free_energy(tensor(x)).mean() - partition).backward()
    for leaf, expected in zip(leaves, exact_gradient(rbm_, x), strict=True):
        np.testing.assert_allclose(leaf.grad, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [0.3, 1.0])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_long_chain_steps_along_the_gradient_of_the_likelihood(persistent, scale):
    """To the direction where the chains are thrown away: visible units that are mean values bend it a little. Chains
    that are kept add up what they are wrong by."""
    arch, rbm_ = rbm((4, 3)), machine(4, 3, scale=scale)
    x = states(4)[[0, 3, 3, 9]].repeat(10_000, axis=0)
    weights, expected = of_machine(arch, rbm_), exact_gradient(rbm_, x)
    about = {"batch_size": len(x), "cd_steps": 40, "momentum": 0.0, "persistent": persistent}
    step, batch = a_step(arch, weights, x, Hyperparameters(**{**vars(SETTINGS), **about}))
    step(batch)
    gradient = np.concatenate([part.ravel() for part in expected])
    names = [f"layers.0.{part}" for part in ("weight", "bias", "visible_bias")]
    change = np.concatenate([(step.weights()[name].astype(np.float64) - weights[name]).ravel() for name in names]) / 0.1
    assert change @ gradient > 0.99 * np.linalg.norm(change) * np.linalg.norm(gradient)
    np.testing.assert_allclose(change, gradient, atol=0.01 if persistent else 0.05)


def test_persistent_chains_go_on_from_batch_to_batch_without_a_look_at_the_rows():
    """At a rate of 0 they come to the machine's own distribution, however far from it the rows are."""
    arch, rbm_ = rbm((4, 3)), machine(4, 3, seed=2, scale=0.5)
    x = np.ones((5000, 4))
    settings = Hyperparameters(
        **{**vars(SETTINGS), "batch_size": 5000, "learning_rate": 0.0, "momentum": 0.0, "persistent": True}
    )
    step, batch = a_step(arch, of_machine(arch, rbm_), x, settings)
    for _ in range(30):
        step(batch)
    weight, bias, _ = parts(rbm_)
    v = states(4)
    logs = logsumexp(-energies(rbm_, v, states(3)), axis=1)
    of_hidden = np.exp(logs - logsumexp(logs)) @ expit(v @ weight.T + bias)
    np.testing.assert_allclose(step._chains.double().mean(0), of_hidden, atol=0.03)


# --- training ---


def stripes(size):
    """Bars and stripes: every pattern of whole rows or whole columns, once."""
    bars = [np.repeat(row[:, None], size, 1).ravel() for row in states(size)]
    return np.unique(bars + [np.repeat(row[None], size, 0).ravel() for row in states(size)], axis=0)


def train(arch, x, weights=None, seed=3, stage=0, **about):
    settings = Hyperparameters(**{**vars(SETTINGS), **about})
    weights = weights or fit_visible(arch, arch.stages[stage].layer, arch.initial_weights(1), tensor(x))
    return train_shard(arch, weights, rows_of(x), settings, np.random.default_rng(seed), stage=arch.stages[stage])[0]


@pytest.mark.parametrize(
    "about",
    [{}, {"cd_steps": 5}, {"persistent": True, "epochs": 3000, "learning_rate": 0.1}],
    ids=["cd-1", "cd-5", "pcd"],
)
@pytest.mark.parametrize(("size", "gained"), [(2, 0.5), (3, 1.0)])
def test_training_raises_the_exact_likelihood_of_bars_and_stripes(size, gained, about):
    x, arch = stripes(size).repeat(20, axis=0), rbm((size * size, 8))
    start = fit_visible(arch, 0, arch.initial_weights(1), tensor(x))
    weights = train(arch, x, **{"epochs": 1500, "batch_size": len(x), "learning_rate": 0.05, **about})
    before, after = (Stack(arch, w).machines[0].log_likelihood(tensor(x)) for w in (start, weights))
    assert before + gained < after <= -np.log(len(stripes(size))) + 1e-4


def test_persistent_chains_make_another_machine_than_those_from_the_data():
    x, arch = stripes(3), rbm((9, 8))
    plain, persistent = (train(arch, x, epochs=5, persistent=persistent) for persistent in (False, True))
    assert not np.array_equal(plain["layers.0.weight"], persistent["layers.0.weight"])


def test_a_weight_cost_shrinks_the_weights_and_not_the_biases():
    x, arch = stripes(3), rbm((9, 8))
    norms = [
        np.linalg.norm(train(arch, x, epochs=300, weight_cost=cost)["layers.0.weight"]) for cost in (0, 0.005, 0.05)
    ]
    assert norms[0] > norms[1] > norms[2]
    free = np.zeros_like(x) + 0.5
    weights = {name: np.full(shape, 2, np.float32) for name, shape in arch.shapes().items()}
    settings = Hyperparameters(**{**vars(SETTINGS), "weight_cost": 0.5})
    plain, costly = (a_step(arch, weights, free, s) for s in (SETTINGS, settings))
    plain[0](plain[1]), costly[0](costly[1])
    for name, array in plain[0].weights().items():
        cost = 0.1 * 0.5 * 2 if name.endswith("weight") else 0
        np.testing.assert_allclose(costly[0].weights()[name], array - cost, atol=1e-6)


def test_gaussian_units_learn_normalised_rows():
    rng = np.random.default_rng(0)
    hidden = (rng.random((2000, 3)) < 0.5).astype(float)
    x = 0.5 + hidden @ rng.normal(0, 0.15, (3, 8)) + rng.normal(0, 0.02, (2000, 8))
    x = ((x - x.min(0)) / (x.max(0) - x.min(0))).astype(np.float32)
    arch = rbm((8, 12), "gaussian")
    start = fit_visible(arch, 0, arch.initial_weights(1), tensor(x))
    weights = train(arch, x, epochs=15, learning_rate=0.01)
    errors = [score(Stack(arch, w), 0, tensor(x), None)["loss"] for w in (start, weights)]
    assert errors[1] < errors[0] / 3


def test_a_machine_learns_as_well_as_scikit_learns(digits):
    pixels = np.loadtxt(digits, delimiter=",", skiprows=1)[:, 1:]
    x = (pixels > 7).astype(np.float32)
    theirs = BernoulliRBM(32, learning_rate=0.05, batch_size=16, n_iter=5, random_state=0).fit(x)
    weights = train(rbm((64, 32)), x, epochs=5, learning_rate=0.05)
    ours = Stack(rbm((64, 32)), weights).machines[0].pseudo_log_likelihood(tensor(x))
    assert ours > theirs.score_samples(x).mean() - 1
