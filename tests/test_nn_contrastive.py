"""Training of Boltzmann machines against plain numpy, exact gradients and scikit-learn."""

import numpy as np
import pytest
import torch
from machines import TORCH, energies, exact_means, machine, of_machine, parts, states, tensor, weights_of
from scipy.special import expit, logit, logsumexp
from sklearn.neural_network import BernoulliRBM

from mrdl.nn.contrastive import ContrastiveDivergence, fit_visible
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.kinds import dbn, rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rbm import RBM, Stack, score
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard

pytestmark = pytest.mark.usefixtures("one_thread")


SETTINGS = Hyperparameters(epochs=1, batch_size=16, learning_rate=0.1, momentum=0.5)


# --- what the data decides beforehand ---


def test_visible_biases_are_the_log_odds_of_the_means_and_stay_within_reach():
    x = np.random.default_rng(0).random((50, 6)).astype(np.float32)
    x[:, 4], x[:, 5] = 0, 1
    arch = rbm((6, 3))
    start = arch.initial_weights(0)
    fitted = fit_visible(arch, 0, start, torch.from_numpy(x), TORCH)
    expected = logit(x.astype(np.float64).mean(0).clip(0.01, 0.99))
    np.testing.assert_allclose(fitted["layers.0.visible_bias"], expected, atol=1e-5)
    assert expected[4:] == pytest.approx([logit(0.01), logit(0.99)])
    assert all(fitted[name] is start[name] for name in ("layers.0.weight", "layers.0.bias"))
    assert not start["layers.0.visible_bias"].any()


def test_gaussian_units_are_normalised_to_unit_variance_and_their_bias_is_the_mean():
    x = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    x[:, 3] = 0.25  # does not vary: must not be blown up
    arch = rbm((4, 3), "gaussian")
    fitted = fit_visible(arch, 0, arch.initial_weights(0), torch.from_numpy(x), TORCH)
    scale = 1 / np.maximum(x.astype(np.float64).std(0), 0.1)
    np.testing.assert_allclose(fitted["layers.0.visible_scale"], scale, rtol=1e-5)
    np.testing.assert_allclose(fitted["layers.0.visible_bias"], x.mean(0) * scale, rtol=1e-5)
    v = Stack(arch, fitted, TORCH).features(torch.from_numpy(x), 0).numpy()
    np.testing.assert_allclose(v.std(0)[:3], 1, rtol=1e-4)
    np.testing.assert_allclose(v.mean(0), fitted["layers.0.visible_bias"], rtol=1e-4)


def test_the_biases_of_an_upper_layer_are_fitted_to_the_features_below():
    arch = rbm((6, 5, 3), "gaussian")
    weights, x = weights_of(arch), tensor(np.random.default_rng(0).random((50, 6)))
    fitted = fit_visible(arch, 1, weights, x, TORCH)
    mean = Stack(arch, weights, TORCH).features(x, 1).double().mean(0).numpy().clip(0.01, 0.99)
    np.testing.assert_allclose(fitted["layers.1.visible_bias"], logit(mean), atol=1e-5)
    assert [name for name in weights if fitted[name] is not weights[name]] == ["layers.1.visible_bias"]


def test_a_machine_fitted_to_its_data_has_their_means_to_begin_with():
    x = (np.random.default_rng(0).random((500, 5)) < [0.1, 0.3, 0.5, 0.7, 0.95]).astype(np.float32)
    arch = rbm((5, 4))
    fitted = fit_visible(arch, 0, arch.initial_weights(0), torch.from_numpy(x), TORCH)
    np.testing.assert_allclose(exact_means(Stack(arch, fitted, TORCH).machines[0]), x.mean(0), atol=0.01)


# --- a step of contrastive divergence ---


def rows_of(x):
    x = np.asarray(x, np.float32)
    return Rows(x, np.zeros(len(x), np.int64), np.arange(len(x)), Encoding.none(x.shape[1]))


def a_step(arch, weights, x, settings, layer=0, seed=11):
    step = ContrastiveDivergence(arch, layer, weights, rows_of(x), settings, TORCH, TORCH.generator(seed))
    return step, tensor(x)


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
    for batch in tensor(x).split(8):
        step(batch, None)
    expected = by_numpy(arch, 0, weights, np.split(x, range(8, 37, 8)), settings)
    for name, array in expected.items():
        np.testing.assert_allclose(step.weights()[name], array, atol=2e-5)


def test_an_upper_layer_learns_the_features_below_it_and_changes_nothing_else():
    arch = rbm((6, 5, 4), "gaussian")
    weights, x = weights_of(arch, scale=0.3), np.random.default_rng(2).random((16, 6))
    step, batch = a_step(arch, weights, x, SETTINGS, layer=1)
    step(batch, None)
    below = Stack(arch, weights, TORCH).features(tensor(x), 1)
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
    for batch in tensor(x).split(batch_size):
        step(batch, None)
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
    for batch in tensor(np.repeat([[0.0] * 4, [1.0] * 4], 8, axis=0)).split(8):
        step(batch, None)
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
    free = RBM(TORCH, *leaves)
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
    step(batch, None)
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
        step(batch, None)
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
    weights = weights or fit_visible(arch, arch.stages[stage].layer, arch.initial_weights(1), tensor(x), TORCH)
    return train_shard(
        arch, weights, rows_of(x), settings, np.random.default_rng(seed), TORCH, stage=arch.stages[stage]
    )[0]


@pytest.mark.parametrize(
    "about",
    [{}, {"cd_steps": 5}, {"persistent": True, "epochs": 3000, "learning_rate": 0.1}],
    ids=["cd-1", "cd-5", "pcd"],
)
@pytest.mark.parametrize(("size", "gained"), [(2, 0.5), (3, 1.0)])
def test_training_raises_the_exact_likelihood_of_bars_and_stripes(size, gained, about):
    x, arch = stripes(size).repeat(20, axis=0), rbm((size * size, 8))
    start = fit_visible(arch, 0, arch.initial_weights(1), tensor(x), TORCH)
    weights = train(arch, x, **{"epochs": 1500, "batch_size": len(x), "learning_rate": 0.05, **about})
    before, after = (Stack(arch, w, TORCH).machines[0].log_likelihood(tensor(x)) for w in (start, weights))
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
    plain[0](plain[1], None), costly[0](costly[1], None)
    for name, array in plain[0].weights().items():
        cost = 0.1 * 0.5 * 2 if name.endswith("weight") else 0
        np.testing.assert_allclose(costly[0].weights()[name], array - cost, atol=1e-6)


def test_gaussian_units_learn_normalised_rows():
    rng = np.random.default_rng(0)
    hidden = (rng.random((2000, 3)) < 0.5).astype(float)
    x = 0.5 + hidden @ rng.normal(0, 0.15, (3, 8)) + rng.normal(0, 0.02, (2000, 8))
    x = ((x - x.min(0)) / (x.max(0) - x.min(0))).astype(np.float32)
    arch = rbm((8, 12), "gaussian")
    start = fit_visible(arch, 0, arch.initial_weights(1), tensor(x), TORCH)
    weights = train(arch, x, epochs=15, learning_rate=0.01)
    errors = [score(Stack(arch, w, TORCH), 0, tensor(x), None)["loss"] for w in (start, weights)]
    assert errors[1] < errors[0] / 3


def test_a_machine_learns_as_well_as_scikit_learns(digits):
    pixels = np.loadtxt(digits, delimiter=",", skiprows=1)[:, 1:]
    x = (pixels > 7).astype(np.float32)
    theirs = BernoulliRBM(32, learning_rate=0.05, batch_size=16, n_iter=5, random_state=0).fit(x)
    weights = train(rbm((64, 32)), x, epochs=5, learning_rate=0.05)
    ours = Stack(rbm((64, 32)), weights, TORCH).machines[0].pseudo_log_likelihood(tensor(x))
    assert ours > theirs.score_samples(x).mean() - 1
