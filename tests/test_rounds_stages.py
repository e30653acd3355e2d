"""Networks that are trained layer by layer: what a stage leaves alone, begins with, and is told."""

import numpy as np
import pytest
from networks import QUICK, settings
from scipy.special import logit

from mrdl.settings.config import TrainConfig

# --- stages ---


@pytest.mark.parametrize("kind", ["stack", "dbn", "unrolled dbn"])
def test_a_stage_leaves_the_tensors_of_other_layers_to_the_bit(known, kind):
    run, model, _ = known(kind)
    states = {m.round: run.folder.read(m.round).weights for m in run.folder.manifests()}
    for manifest in run.folder.manifests()[1:]:
        layer = next(stage.layer for stage in model.arch.stages if stage.name == manifest.stage)
        if layer is None:
            continue
        before, after = states[manifest.round - 1], states[manifest.round]
        changed = {name for name in after if not np.array_equal(before[name], after[name])}
        own = {f"layers.{layer}.{part}" for part in ("weight", "bias", "visible_bias")}
        assert changed == own if manifest.stage_round else changed <= own


@pytest.mark.parametrize("kind", ["rbm", "rbm with a threshold"])
def test_biases_begin_at_the_log_odds_of_the_samples_means(new_run, table, kind):
    """All training rows are in the sample, and a rate of next to nothing moves nothing."""
    made = new_run(**settings(kind, warm_rows=20_000, learning_rate=1e-12))
    made.execute()
    rows = table.features[table.training()]
    x = rows > 7.5 if "threshold" in kind else rows / 16
    expected = logit(x.mean(0).clip(0.01, 0.99))
    np.testing.assert_allclose(made.folder.read(0).weights["layers.0.visible_bias"], expected, atol=1e-4)


@pytest.mark.parametrize("changes", [{"warm_rows": 0}, {"warm_epochs": 0}, {"shards": 1}])
@pytest.mark.parametrize("kind", ["rbm", "gaussian rbm", "stack", "dbn"])
def test_biases_are_fitted_without_a_warm_start_too(new_run, kind, changes):
    made = new_run(**settings(kind, **changes))
    model = made.execute()
    fitted, manifests = made.folder.read(0).weights, made.folder.manifests()
    assert fitted["layers.0.visible_bias"].any()
    np.testing.assert_array_equal(
        fitted["layers.0.weight"], model.arch.initial_weights(QUICK["seed"])["layers.0.weight"]
    )
    rounds = [(m.stage, m.stage_round) for m in manifests]
    assert (manifests[-1].stage, 0) not in rounds if kind == "dbn" else rounds[0][1] == 0


def test_an_unrolled_dbns_decoder_begins_as_the_transposed_encoder(new_run):
    made = new_run(**settings("unrolled dbn", nodes=(64, 12, 6, 4), warm_rows=0, learning_rate=1e-12))
    made.execute()
    manifests = made.folder.manifests()
    end = max(m.round for m in manifests if m.stage != "fine-tuning")
    stacked, tuned = made.folder.read(end).weights, made.folder.read(end + 1).weights
    for i in range(3):
        np.testing.assert_allclose(tuned[f"layers.{i}.weight"], stacked[f"layers.{i}.weight"], atol=1e-7)
        np.testing.assert_allclose(tuned[f"layers.{5 - i}.weight"], stacked[f"layers.{i}.weight"].T, atol=1e-7)
        np.testing.assert_allclose(tuned[f"layers.{5 - i}.bias"], stacked[f"layers.{i}.visible_bias"], atol=1e-7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [(2, 1, 0.02), (2, 1, 0.02), (2, 1, 0.05)]),
        ({"layer_rounds": 1}, [(1, 1, 0.02), (1, 1, 0.02), (2, 1, 0.05)]),
        ({"layer_epochs": 3}, [(2, 3, 0.02), (2, 3, 0.02), (2, 1, 0.05)]),
        ({"layer_learning_rate": 0.5}, [(2, 1, 0.5), (2, 1, 0.5), (2, 1, 0.05)]),
        ({"learning_rate": 0.5}, [(2, 1, 0.02), (2, 1, 0.02), (2, 1, 0.5)]),
        ({"layer_rounds": 3, "rounds": 1, "epochs": 2}, [(3, 2, 0.02), (3, 2, 0.02), (1, 2, 0.05)]),
    ],
)
def test_layers_have_rounds_epochs_and_rates_of_their_own(new_run, given, expected):
    run = new_run(**settings("dbn", **given))
    run.execute()
    found = [[t for t in run.setup.rounds if t.stage == stage and t.stage_round] for stage in range(3)]
    assert [(len(ts), ts[0].epochs, ts[0].learning_rate) for ts in found] == expected
    manifests = run.folder.manifests()
    steps = [m.shards[0].metrics["steps"] for m in manifests if m.stage_round]
    batches = -(-manifests[-1].shards[0].num_examples // 64)
    assert steps == [epochs * batches for rounds, epochs, _ in expected for _ in range(rounds)]
    assert [t.number for t in run.setup.rounds] == [m.round for m in manifests] == list(range(len(manifests)))


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("rbm", {}, [0.5, 0.9, 0.9]),
        ("rbm", {"warm_rows": 0}, [0.5, 0.5, 0.9]),
        ("rbm", {"momentum": 0.3}, [0.3, 0.3, 0.3]),
        ("rbm", {"momentum": 0}, [0, 0, 0]),
        ("dbn of one machine", {}, [0.5, 0.9, 0.9, 0.8, 0.8, 0.8]),
        ("mlp", {}, [0.8, 0.8, 0.8]),
    ],
)
def test_momentum_is_the_kinds_own_and_rises_after_the_first_epochs(kind, given, expected):
    from mrdl.nn.kinds import build
    from mrdl.rounds.plan import resolved, rounds_of

    config = resolved(TrainConfig().with_changes(settings(kind, **given)))
    rounds = rounds_of(config, build(config.kind, config.nodes, config.options).stages)
    assert [planned.momentum for planned in rounds] == expected


def test_the_settings_of_machines_change_what_is_learnt(known, new_run):
    seen = {known("rbm")[1].sha256}
    for change in ({"cd_steps": 3}, {"chains": "persistent"}, {"weight_cost": 0.01}, {"momentum": 0.2}):
        seen.add(new_run(**settings("rbm", **change)).execute().sha256)
    assert len(seen) == 5


def test_settings_of_other_kinds_change_nothing(known, new_run):
    others = {"activation": "tanh", "fine_tune": "autoencoder", "layer_rounds": 9, "layer_learning_rate": 0.9}
    assert new_run(**settings("rbm", **others)).execute().sha256 == known("rbm")[1].sha256
    machines = {"visible": "gaussian", "cd_steps": 5, "chains": "persistent", "weight_cost": 0.5}
    assert new_run(**settings("mlp", **machines)).execute().sha256 == known("mlp")[1].sha256


@pytest.mark.parametrize("kind", ["rbm", "stack"])
def test_training_lowers_the_error_of_reconstructions(new_run, kind):
    losses = new_run(**settings(kind, rounds=4, epochs=4, batch_size=16)).execute().history["loss"]
    assert losses.iloc[3] < 0.75 * losses.iloc[0] or kind == "stack" and losses.iloc[-1] < losses.iloc[4]


def test_a_dbn_learns_digits(new_run):
    model = new_run(kind="dbn", nodes=(64, 64, 32, 10), shards=2, rounds=3, epochs=4, seed=1).execute()
    assert model.rounds[-1]["accuracy"] > 0.9


# --- stopping early ---


@pytest.mark.parametrize("kind", ["stack", "dbn", "unrolled dbn"])
def test_patience_looks_at_the_last_stage_alone(new_run, kind):
    """A rate so high that the layers' own losses rise."""
    changes = {"rounds": 5, "patience": 1, "learning_rate": 0.9, "layer_learning_rate": 0.9}
    made = new_run(**settings(kind, **changes))
    model = made.execute()
    manifests = made.folder.manifests()
    stages = [stage.name for stage in made.setup.architecture.stages]
    for name in stages[:-1]:
        assert [m.stage_round for m in manifests if m.stage == name] == list(range(6))
    last = [m for m in manifests if m.stage == stages[-1] and m.stage_round]
    best = min(last, key=lambda m: m.validation["loss"])
    assert model.sha256 == best.sha256 and len(last) in (5, best.stage_round + 1)
    assert model.rounds[-1]["round"] == best.round
