"""Every kind of network through whole runs: the same bytes wherever rows lie and whenever it was stopped."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import mrdl
from mrdl.errors import ConfigError, DataError, ModelError
from mrdl.nn.weights import digest
from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig
from mrdl.shards import cache, loaded

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
QUICK = {"shards": 3, "rounds": 2, "epochs": 1, "batch_size": 64, "warm_rows": 60, "warm_epochs": 1, "seed": 2}
CLASSIFIER = {"kind": "dbn", "nodes": (64, 12, 8, 10)}
NETWORKS = {
    "mlp": {"nodes": (64, 12, 10)},
    "mlp of sigmoid": {"nodes": (64, 12, 10), "activation": "sigmoid"},
    "autoencoder": {"kind": "autoencoder", "nodes": (64, 12, 4)},
    "rbm": {"kind": "rbm", "nodes": (64, 12)},
    "stack": {"kind": "rbm", "nodes": (64, 12, 8)},
    "gaussian rbm": {"kind": "rbm", "nodes": (64, 12), "visible": "gaussian"},
    "persistent rbm": {"kind": "rbm", "nodes": (64, 12), "chains": "persistent", "cd_steps": 2},
    "dbn": CLASSIFIER,
    "dbn of one machine": {"kind": "dbn", "nodes": (64, 12, 10)},
    "gaussian dbn": {"kind": "dbn", "nodes": (64, 12, 10), "visible": "gaussian"},
    "unrolled dbn": {"kind": "dbn", "nodes": (64, 12, 4), "fine_tune": "autoencoder"},
    "rbm with a threshold": {"kind": "rbm", "nodes": (64, 12), "threshold": "7.5"},
}
SUPERVISED = ["mlp", "mlp of sigmoid", "dbn", "dbn of one machine", "gaussian dbn"]
kinds = pytest.mark.parametrize("kind", NETWORKS)
MACHINES = [name for name in NETWORKS if NETWORKS[name].get("kind") == "rbm"]


def settings(kind, **changes):
    return {**QUICK, **NETWORKS[kind], **changes}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """known(kind): the Run of a network, its model and its cache; made once."""
    made = {}

    def get(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp("known")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
                run = Run(DIGITS, TrainConfig().with_changes({**settings(kind), "run_dir": str(folder / "run")}))
                made[kind] = run, run.execute(), folder / "cache"
        return made[kind]

    return get


@pytest.fixture
def resumed(known, new_run, tmp_path):
    """Make a Run of a kind that goes on in a copy of the known one's folder, with its cache or without."""

    def make(kind, with_cache=True, **changes):
        shutil.copytree(known(kind)[0].folder.path, tmp_path / "run")
        if with_cache:
            shutil.copytree(known(kind)[2], tmp_path / "cache")
        return new_run(folder="run", resume=True, **settings(kind, **changes))

    return make


# --- the same bytes ---


@kinds
def test_a_kind_ends_in_the_same_bytes_each_time_and_in_any_number_of_tasks(known, new_run, kind):
    assert new_run(**settings(kind, tasks=1)).execute().to_bytes() == known(kind)[1].to_bytes()
    assert new_run(**settings(kind, tasks=2)).execute().to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stack", "dbn", "gaussian rbm"])
@pytest.mark.parametrize("tasks", [1, 2])
def test_processes_end_in_the_same_bytes(known, new_run, kind, tasks):
    assert new_run(runner="local", **settings(kind, tasks=tasks)).execute().to_bytes() == known(kind)[1].to_bytes()


@kinds
def test_the_order_of_rows_does_not_matter(known, new_run, tmp_path, kind):
    """In several files, too, and with rows that are there twice."""
    head, *rows = DIGITS.read_text().splitlines()
    np.random.default_rng(1).shuffle(rows)
    folder = tmp_path / "data"
    folder.mkdir()
    for i, part in enumerate((rows[:100], rows[100:])):
        (folder / f"{i}.csv").write_text("\n".join([head, *part]) + "\n")
    model = new_run(folder, **settings(kind)).execute()
    assert model.sha256 == known(kind)[1].sha256
    assert model.rounds == known(kind)[1].rounds


@pytest.mark.parametrize(
    ("kind", "with_cache"), [*((kind, True) for kind in NETWORKS), ("rbm", False), ("stack", False), ("dbn", False)]
)
def test_a_run_that_was_stopped_after_any_round_ends_in_the_same_bytes(resumed, known, tmp_path, kind, with_cache):
    numbers = [m.round for m in known(kind)[0].folder.manifests()]
    for last in numbers[:-1]:
        made = resumed(kind, with_cache)
        for number in range(last + 1, numbers[-1] + 1):
            made.folder.weights_of(number).unlink()
            made.folder.manifest_of(number).unlink()
        made.folder.model.unlink()
        assert made.execute().to_bytes() == known(kind)[1].to_bytes(), f"after round {last}"
        assert [m.round for m in made.folder.manifests()] == numbers
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(tmp_path / "cache")


@pytest.mark.parametrize("with_cache", [True, False], ids=["its cache", "no cache"])
@pytest.mark.parametrize("kind", ["mlp", "gaussian rbm", "dbn", "unrolled dbn"])
def test_a_run_that_is_done_gives_its_network_again(resumed, known, kind, with_cache):
    before = known(kind)[0].folder.history.read_text()
    made = resumed(kind, with_cache)
    assert made.execute().to_bytes() == known(kind)[1].to_bytes()
    assert made.folder.history.read_text() == before


@pytest.mark.parametrize("damage", ["weights", "manifest", "cut"])
@pytest.mark.parametrize("kind", ["rbm", "stack", "dbn", "unrolled dbn"])
def test_a_damaged_round_is_made_again_from_the_one_before(resumed, known, kind, damage):
    """Each round in turn with all later ones: the first of a stage is begun again from the stage before."""
    made = resumed(kind)
    last = made.folder.manifests()[-1].round
    for number in (last, last - 2):
        for path in [made.folder.weights_of(n) for n in range(number, last + 1)]:
            data = path.read_bytes()
            if damage == "manifest":
                path.with_suffix(".json").write_text("{")
            else:
                path.write_bytes(data[:-9] if damage == "cut" else data[:-4] + b"\0\0\x80?")
        assert made.execute().to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.parametrize("kind", ["rbm", "dbn"])
def test_a_damaged_shard_of_the_cache_is_made_again(resumed, known, tmp_path, kind):
    made = resumed(kind)
    last = made.folder.manifests()[-1].round
    for number in (last - 1, last):
        made.folder.weights_of(number).unlink()
        made.folder.manifest_of(number).unlink()
    for path in (tmp_path / "cache").rglob("part-*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert made.execute().to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.parametrize("kind", ["rbm", "dbn"])
def test_networks_of_other_kinds_may_share_the_cache_of_shards(known, new_run, kind):
    for other in ("mlp", kind):
        model = new_run(**settings(other)).execute()
    assert model.to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.parametrize("shards", [1, 3])
def test_a_machine_after_a_network_without_a_warm_start_in_one_cache(new_run, tmp_path, monkeypatch, shards):
    """What one leaves out of the cache, the sample, the other needs."""
    plain = {"warm_rows": 0, "shards": shards}
    alone = new_run(**settings("rbm", **plain)).execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    new_run(**settings("mlp", **plain)).execute()
    assert new_run(**settings("rbm", **plain)).execute().to_bytes() == alone.to_bytes()


def test_the_order_in_which_lines_of_the_sample_come_back_does_not_matter(new_run, monkeypatch, tmp_path):
    """Hadoop sorts them by key alone."""
    monkeypatch.setattr(loaded, "LINE_BYTES", 640)
    expected = new_run(**settings("rbm")).execute().to_bytes()
    prepared_from, turned = cache.prepared_from, lambda lines: list(lines)[::-1]
    for module in (cache, mrdl.rounds.submission):
        monkeypatch.setattr(module, "prepared_from", lambda lines, *more: prepared_from(turned(lines), *more))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert new_run(**settings("rbm")).execute().to_bytes() == expected


# --- the model ---


@kinds
def test_a_model_that_was_saved_and_loaded_is_the_same(known, digits, tmp_path, kind):
    model = known(kind)[1]
    model.save(tmp_path / "net")
    again = mrdl.load(tmp_path / "net")
    assert again.to_bytes() == model.to_bytes()
    assert (again.arch, repr(again)) == (model.arch, repr(model))
    assert again.evaluate(digits) == model.evaluate(digits)
    for method in ("predict", "transform", "reconstruct", "predict_proba", "encode"):
        try:
            expected = getattr(model, method)(digits)
        except ConfigError as error:
            with pytest.raises(ConfigError, match=str(error)):
                getattr(again, method)(digits)
        else:
            np.testing.assert_array_equal(getattr(again, method)(digits), expected)


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_transforms_reconstructs_and_dreams_as_numpy_has_it(known, digits, kind):
    model = known(kind)[1]
    raw = pd.read_csv(digits).drop(columns="digit").to_numpy()
    x = (raw > 7.5) if NETWORKS[kind].get("threshold") else raw / 16
    scale, layers = model.weights.get("layers.0.visible_scale", 1), range(len(model.arch.nodes) - 1)
    v = x * scale
    for i in layers:
        v = expit(v @ model.weights[f"layers.{i}.weight"].T + model.weights[f"layers.{i}.bias"])
    np.testing.assert_allclose(model.transform(digits), v, atol=1e-5)
    for i in reversed(layers):
        v = v @ model.weights[f"layers.{i}.weight"] + model.weights[f"layers.{i}.visible_bias"]
        v = v if i == 0 and "gaussian" in kind else expit(v)
    np.testing.assert_allclose(model.reconstruct(digits), v / scale, atol=1e-5)
    np.testing.assert_array_equal(model.predict(digits), model.reconstruct(digits))
    first, again, other = (model.sample(5, 20, seed) for seed in (0, 0, 1))
    assert first.shape == (5, 64) and first.tobytes() == again.tobytes() != other.tobytes()


@pytest.mark.parametrize("kind", ["autoencoder", "unrolled dbn"])
def test_a_code_is_decoded_to_the_reconstruction(known, digits, kind):
    model = known(kind)[1]
    code = model.encode(digits)
    assert code.shape == (1797, 4)
    np.testing.assert_array_equal(model.transform(digits), code)
    np.testing.assert_allclose(model.decode(code), model.reconstruct(digits), atol=1e-6)


@pytest.mark.parametrize("kind", ["autoencoder", "unrolled dbn"])
def test_a_code_of_another_width_is_refused_with_both_widths(known, kind):
    with pytest.raises((ConfigError, DataError), match=r"5.*4"):
        known(kind)[1].decode(np.zeros((3, 5)))


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in MACHINES])
def test_only_machines_dream(known, kind):
    with pytest.raises(ConfigError, match="has not samples"):
        known(kind)[1].sample(3)


@pytest.mark.parametrize("about", [{"count": -1}, {"count": 1, "steps": -1}])
def test_samples_that_cannot_be_are_refused(known, about):
    with pytest.raises(ConfigError):
        known("rbm")[1].sample(**about)


@pytest.mark.parametrize("kind", [*MACHINES, "dbn", "unrolled dbn", "autoencoder"])
def test_what_only_classifiers_can_is_refused_and_what_only_others_can_too(known, digits, kind):
    model = known(kind)[1]
    if kind == "dbn":
        for method in ("encode", "transform", "reconstruct"):
            with pytest.raises(ConfigError, match="kind 'dbn' has not"):
                getattr(model, method)(digits)
    else:
        with pytest.raises(ConfigError, match=f"kind '{model.arch.kind}' has not probabilities"):
            model.predict_proba(digits)


@kinds
def test_the_validation_loss_of_the_last_round_is_that_of_the_model(known, table, kind):
    model = known(kind)[1]
    held = np.setdiff1d(np.arange(len(table.targets)), table.training())
    found = model.score(table.features[held], table.targets[held])
    assert model.rounds[-1]["loss"] == pytest.approx(found["loss"], rel=1e-5)
    assert found["rows"] == len(held)


@kinds
def test_a_history_names_the_stages_where_there_are_several(known, kind):
    run, model, _ = known(kind)
    history = model.history
    assert len(history) == 2 * len(model.arch.stages)
    assert ("stage" in history.columns) == (len(model.arch.stages) > 1)
    if len(model.arch.stages) > 1:
        assert history["stage"].tolist() == [stage.name for stage in model.arch.stages for _ in range(2)]
        assert history["stage"].map(bool).all() and history["stage"].nunique() == len(model.arch.stages)


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


# --- the label ---


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in SUPERVISED])
def test_a_kind_without_classes_needs_no_label(new_run, tmp_path, known, kind):
    frame = pd.read_csv(DIGITS).drop(columns="digit")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model = new_run(tmp_path / "rows.csv", **settings(kind, label="none")).execute()
    assert (model.classes, model.arch) == ((), known(kind)[1].arch)
    assert model.reconstruct(frame).shape == (1797, 64)
    assert model.evaluate(tmp_path / "rows.csv")["rows"] == 1797


@pytest.mark.parametrize("kind", SUPERVISED)
def test_a_kind_with_classes_needs_a_label(new_run, tmp_path, kind):
    pd.read_csv(DIGITS).drop(columns="digit").to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(mrdl.MrdlError, match="label"):
        new_run(tmp_path / "rows.csv", **settings(kind, label="none")).execute()


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in SUPERVISED])
def test_labels_of_one_class_do_for_kinds_without_classes(new_run, tmp_path, kind):
    pd.read_csv(DIGITS).assign(digit=1).to_csv(tmp_path / "rows.csv", index=False)
    assert new_run(tmp_path / "rows.csv", **settings(kind)).execute().rounds


# --- the threshold ---


def binarised(path, above):
    frame = pd.read_csv(DIGITS)
    pixels = frame.columns != "digit"
    frame.loc[:, pixels] = (frame.loc[:, pixels] > above).astype(int)
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("above", ["7", "7.5", "0", "15"])
def test_a_threshold_makes_the_rows_those_of_a_binary_file(new_run, tmp_path, digits, above):
    """One shard, of which only the numbers count: rows of another file have other hashes, and other places."""
    plain = {
        "shards": 1,
        "warm_rows": 20_000,
        "batch_size": 5000,
        "validation": 0,
        "cd_steps": 1,
        "learning_rate": 1e-12,
    }
    path = binarised(tmp_path / "binary.csv", float(above))
    model = new_run(**settings("rbm", threshold=above, **plain)).execute()
    other = new_run(path, **settings("rbm", scaling="common", **plain)).execute()
    for name, array in other.weights.items():
        np.testing.assert_allclose(model.weights[name], array, atol=1e-5)
    assert model.preparation.threshold == float(above)
    np.testing.assert_allclose(model.transform(digits), other.transform(path), atol=1e-5)
    np.testing.assert_allclose(model.evaluate(digits)["loss"], other.evaluate(path)["loss"], rtol=1e-4)


@pytest.mark.parametrize("kind", ["mlp", "autoencoder", "dbn", "unrolled dbn"])
def test_a_threshold_works_for_every_kind_and_travels_with_the_model(new_run, tmp_path, digits, kind):
    model = new_run(**settings(kind, threshold="7.5")).execute()
    model.save(tmp_path / "net")
    again = mrdl.load(tmp_path / "net")
    assert again.preparation.threshold == 7.5
    rows = pd.read_csv(digits).drop(columns="digit").to_numpy()
    np.testing.assert_array_equal(again.predict((rows > 7.5) * 16), model.predict(rows))


@pytest.mark.parametrize("above", ["-1", "0.30000001192092896", "0.1", "1e-300"])
def test_a_threshold_cuts_alike_in_training_and_in_use(above):
    import torch

    from mrdl.data.preparation import Preparation
    from mrdl.nn.minibatch import Batches
    from mrdl.nn.rows import Rows

    for values in (np.array([[0, 1, 255]], np.uint8), np.array([[0.1, 0.3, -2]], np.float32)):
        ones = np.ones(3, np.float32)
        rows = Rows(values, np.zeros(1, np.int64), np.arange(1), 0 * ones, ones, float(above))
        trained = Batches(rows, 1, torch.device("cpu")).inputs(torch.arange(1)).numpy()
        used = Preparation(("a", "b", "c"), "", None, (), 0 * ones, ones, float(above)).scale(values)
        np.testing.assert_array_equal(trained, used)
        assert set(used.ravel()) <= {0, 1}


def test_the_rows_of_another_threshold_are_those_of_another_run(known, new_run, tmp_path):
    shutil.copytree(known("rbm with a threshold")[0].folder.path, tmp_path / "run")
    with pytest.raises(ConfigError, match="threshold 7.5 there, 8.0 now"):
        new_run(folder="run", resume=True, **settings("rbm", threshold="8")).execute()


# --- from a model ---


@pytest.fixture
def saved(known, tmp_path):
    """saved(kind): the path of a known model's file."""

    def get(kind):
        path = tmp_path / f"{kind}.net"
        known(kind)[1].save(path)
        return str(path)

    return get


def same_layers(weights, given):
    """Names of tensors that are those given; a rate of next to nothing moves a bias of 0."""
    return sorted(name for name in given if name in weights and np.allclose(weights[name], given[name], 0, 1e-20))


@pytest.mark.parametrize("warm_rows", [0, 60])
@pytest.mark.parametrize(
    ("source", "kind"), [("stack", "dbn"), ("rbm", "dbn of one machine"), ("gaussian rbm", "gaussian dbn")]
)
def test_a_dbn_from_trained_machines_is_fine_tuned_at_once_and_begins_with_their_weights(
    known, saved, new_run, source, kind, warm_rows
):
    changes = {"warm_rows": warm_rows, "learning_rate": 1e-30}
    made = new_run(**settings(kind, start_from=saved(source), **changes))
    model = made.execute()
    given = known(source)[1].weights
    assert {m.stage for m in made.folder.manifests()} == {"fine-tuning"}
    assert same_layers(model.weights, given) == sorted(given)
    assert len(model.rounds) == QUICK["rounds"] and made.rounds[0].number == (0 if warm_rows else 1)


def test_an_unrolled_dbn_from_trained_machines_begins_with_both_halves(known, saved, new_run):
    """Those of an unrolled one: its topmost machine has Gaussian hidden units."""
    source = new_run(**settings("unrolled dbn", rounds=1)).execute()
    path = str(Path(source.run_dir) / "model.safetensors")
    made = new_run(**settings("unrolled dbn", start_from=path, learning_rate=1e-30, warm_rows=0))
    model = made.execute()
    assert {m.stage for m in made.folder.manifests()} == {"fine-tuning"}
    assert same_layers(model.weights, source.weights)


def test_a_deeper_dbn_from_fewer_machines_trains_the_layers_that_are_new(saved, new_run):
    made = new_run(**settings("dbn", start_from=saved("rbm")))
    made.execute()
    assert [m.stage for m in made.folder.manifests() if not m.stage_round] == [
        "layer 2",
        "fine-tuning",
    ]


@pytest.mark.parametrize("changes", [{"nodes": (64, 16, 10)}, {"nodes": (64, 12, 9, 10)}, {"nodes": (64, 16, 8, 10)}])
def test_machines_whose_weights_do_not_fit_are_not_taken_for_trained_ones(saved, new_run, changes):
    """A visible bias fits whatever the number of hidden units is."""
    made = new_run(**settings("dbn", start_from=saved("stack"), **changes))
    try:
        made.execute()
    except ConfigError:
        return
    assert made.folder.manifests()[0].stage != "fine-tuning"


def test_machines_of_gaussian_units_are_not_taken_for_binary_ones(saved, new_run):
    """Weights learnt on rows of unit variance mean nothing on rows in [0, 1]."""
    made = new_run(**settings("dbn of one machine", start_from=saved("gaussian rbm")))
    try:
        made.execute()
    except ConfigError:
        return
    assert made.folder.manifests()[0].stage != "fine-tuning"


@pytest.mark.parametrize("kind", ["mlp", "autoencoder", "rbm", "stack", "gaussian rbm", "dbn", "unrolled dbn"])
def test_a_network_from_one_of_its_kind_begins_with_all_of_its_weights(known, saved, new_run, kind):
    made = new_run(
        **settings(kind, start_from=saved(kind), rounds=1, warm_rows=0, learning_rate=1e-30, layer_learning_rate=1e-30)
    )
    model = made.execute()
    given = known(kind)[1].weights
    assert same_layers(model.weights, given) == sorted(given)


@pytest.mark.parametrize("nodes", [(64, 12, 10), ()], ids=["nodes given", "nodes left out"])
@pytest.mark.parametrize("kind", ["mlp", "dbn of one machine"])
def test_the_topmost_layer_is_taken_too(new_run, nodes, kind):
    """Where nodes are left out the number of classes is known only after the data was seen."""
    changes = {"nodes": nodes, "rounds": 1, "warm_rows": 0}
    source = new_run(**settings(kind, **changes)).execute()
    path = str(Path(source.run_dir) / "model.safetensors")
    model = new_run(**settings(kind, start_from=path, learning_rate=1e-30, **{**changes, "seed": 9})).execute()
    assert same_layers(model.weights, source.weights) == sorted(source.weights)


@pytest.mark.parametrize("source", ["rbm with a threshold", "rbm"])
def test_the_scaling_is_the_models(known, saved, new_run, tmp_path, source):
    """Of a file whose own would be another one."""
    frame = pd.read_csv(DIGITS)
    pixels = frame.columns != "digit"
    frame.loc[:, pixels] = frame.loc[:, pixels].clip(upper=12)
    frame.to_csv(tmp_path / "other.csv", index=False)
    model = new_run(tmp_path / "other.csv", **settings("dbn of one machine", start_from=saved(source))).execute()
    expected = known(source)[1].preparation
    np.testing.assert_array_equal(model.preparation.factor, expected.factor)
    np.testing.assert_array_equal(model.preparation.minimum, expected.minimum)
    assert model.preparation.threshold == expected.threshold


def test_a_threshold_of_ones_own_beside_a_model_is_not_left_out_silently(saved, new_run):
    made = new_run(**settings("dbn of one machine", start_from=saved("rbm"), threshold="7.5"))
    try:
        model = made.execute()
    except ConfigError as error:
        assert "threshold" in str(error)
    else:
        assert model.preparation.threshold == 7.5


def test_a_model_of_columns_in_another_order_is_refused(saved, new_run, tmp_path):
    frame = pd.read_csv(DIGITS)
    frame[["digit", *frame.columns[:0:-1]]].to_csv(tmp_path / "turned.csv", index=False)
    with pytest.raises(ConfigError, match=r"column 'r7c7' of the data is 'r0c0' in .*rbm\.net"):
        new_run(tmp_path / "turned.csv", **settings("dbn of one machine", start_from=saved("rbm"))).execute()


def test_a_model_of_other_columns_is_refused_with_both_numbers(saved, new_run, small_csv):
    with pytest.raises(ConfigError, match=r"rbm\.net was trained on 64 columns.* 3"):
        new_run(small_csv, **settings("rbm", nodes=(3, 12), label="answer", start_from=saved("rbm"))).execute()


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("mlp", {"nodes": (64, 7, 10), "kind": "mlp"}),
        ("stack", {"kind": "rbm", "nodes": (64, 7)}),
        ("rbm", {"kind": "dbn", "nodes": (64, 7, 10)}),
        ("autoencoder", {"kind": "autoencoder", "nodes": (64, 7)}),
    ],
)
def test_a_model_without_a_fitting_layer_is_refused(saved, new_run, source, changes):
    """A bias alone is no layer."""
    with pytest.raises(ConfigError, match=rf"{source}\.net is a Model\(.*no layer of it is one of"):
        new_run(**{**QUICK, **changes, "start_from": saved(source)}).execute()


@pytest.mark.parametrize("name", ["nowhere.net", "digits.csv"])
def test_a_file_to_start_from_that_is_no_model_is_refused_by_name(new_run, tmp_path, name):
    shutil.copy(DIGITS, tmp_path)
    with pytest.raises(ModelError, match=name):
        new_run(**settings("dbn", start_from=str(tmp_path / name))).execute()


@pytest.mark.parametrize("stop", [0, 1])
def test_a_run_from_a_model_that_was_stopped_ends_in_the_same_bytes(saved, new_run, stop):
    begun = settings("dbn", start_from=saved("stack"))
    made = new_run(folder="run", **begun)
    whole = made.execute().to_bytes()
    for number in range(stop + 1, 3):
        made.folder.weights_of(number).unlink()
        made.folder.manifest_of(number).unlink()
    assert new_run(folder="run", resume=True, **begun).execute().to_bytes() == whole


def test_a_run_from_a_model_goes_on_from_it_and_from_no_other(saved, new_run):
    model = new_run(folder="run", **settings("dbn", start_from=saved("stack"))).execute()
    assert new_run(folder="run", resume=True, **settings("dbn")).execute().to_bytes() == model.to_bytes()
    with pytest.raises(ConfigError, match="another settings .start_from, by the digest of its weights, "):
        new_run(folder="run", resume=True, **settings("dbn", start_from=saved("dbn"))).execute()


# --- what is wrong ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "dbn", "nodes": "64,10"}, "hidden layer"),
        ({"kind": "dbn", "nodes": "64,12,4", "visible": "gaussian", "fine_tune": "autoencoder"}, "--visible binary"),
        ({"kind": "dbn", "nodes": "64,12,9,64", "fine_tune": "autoencoder"}, "not symmetric"),
        ({"kind": "dbn", "nodes": "64,12,9"}, "ends with 9, .* 10 classes"),
        ({"kind": "rbm", "nodes": "63,12"}, "begins with 63, .* 64 columns"),
        ({"kind": "rbm", "threshold": "abc"}, "threshold is 'abc', expected a number"),
        ({"kind": "rbm", "threshold": "nan"}, "threshold is 'nan', expected a number"),
        ({"kind": "rbm", "threshold": "inf"}, "threshold is inf, expected a number"),
        ({"activation": "foo"}, "activation is 'foo', expected one of relu, tanh, sigmoid"),
        ({"kind": "rbm", "visible": "foo"}, "visible is 'foo', expected one of binary, gaussian"),
        ({"kind": "rbm", "chains": "foo"}, "chains is 'foo', expected one of data, persistent"),
        ({"kind": "dbn", "fine_tune": "foo"}, "fine_tune is 'foo', expected one of classifier, autoencoder"),
        ({"kind": "rbm", "cd_steps": "0"}, "cd_steps is 0, expected 1 or more"),
        ({"kind": "rbm", "weight_cost": "-1"}, "weight_cost is -1.0, expected a number from 0 to 1"),
    ],
)
def test_settings_that_are_wrong_are_refused_in_words(new_run, changes, says):
    with pytest.raises(ConfigError, match=says):
        new_run(**{**QUICK, **changes}).execute()


def test_a_machine_with_an_absurd_rate_stops_or_stays_finite(new_run):
    made = new_run(**settings("rbm", learning_rate=1e6, rounds=3))
    try:
        model = made.execute()
    except mrdl.MrdlError as error:
        assert "--learning-rate" in str(error)
    else:
        assert all(np.isfinite(array).all() for array in model.weights.values())


def test_layers_that_diverge_advise_the_rate_of_layers(new_run):
    made = new_run(**settings("gaussian dbn", layer_learning_rate=1e6))
    with pytest.raises(mrdl.MrdlError, match="--layer-learning-rate 500000 in another"):
        made.execute()


# --- odd rows ---

ODD = {
    "a constant column": lambda rng: np.column_stack([rng.integers(0, 9, (60, 2)), np.full(60, 5)]),
    "columns of zeros": lambda rng: np.column_stack([rng.integers(0, 9, 60), np.zeros((60, 3))]),
    "nothing but zeros": lambda rng: np.zeros((60, 3)),
    "one column": lambda rng: rng.integers(0, 9, (60, 1)),
    "huge numbers": lambda rng: rng.normal(size=(60, 3)) * 1e30,
    "tiny numbers": lambda rng: rng.normal(size=(60, 3)) * 1e-30,
    "equal rows": lambda rng: np.tile(rng.integers(0, 9, 4), (60, 1)),
    "missing cells": lambda rng: np.where(rng.random((60, 3)) < 0.5, np.nan, rng.normal(size=(60, 3))),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "about", [{}, {"visible": "gaussian"}, {"threshold": "0.5"}, {"chains": "persistent"}], ids=str
)
def test_machines_learn_odd_rows(new_run, tmp_path, odd, about):
    path = tmp_path / "odd.csv"
    pd.DataFrame(ODD[odd](np.random.default_rng(0))).to_csv(path, index=False)
    made = new_run(path, kind="rbm", label="none", header="yes", shards=1 if odd == "equal rows" else 3, **{
        "rounds": 2, "epochs": 2, **about})  # fmt: skip
    model = made.execute()
    assert all(np.isfinite(array).all() for array in model.weights.values())
    assert np.isfinite(model.reconstruct(path)).all() and np.isfinite(model.sample(4, 5)).all()
    assert np.isfinite(model.rounds[-1]["training_loss"])
    json.loads(made.folder.history.read_text().splitlines()[-1])


@pytest.mark.parametrize("shards", [1, 10, 12])
@pytest.mark.parametrize("kind", ["rbm", "stack", "dbn", "persistent rbm", "gaussian rbm"])
def test_as_many_shards_as_rows(new_run, tmp_path, kind, shards):
    """Some are empty then."""
    path = tmp_path / "few.csv"
    path.write_text("".join(f"{i % 2},{i},{i * i % 7}\n" for i in range(12)))
    nodes = {"rbm": (2, 3), "stack": (2, 3, 2), "dbn": (2, 3, 2)}.get(kind.split()[-1])
    changes = {"nodes": nodes, "shards": shards, "validation": 0, "rounds": 2}
    first, again = (new_run(path, **settings(kind, **changes)).execute() for _ in range(2))
    assert first.to_bytes() == again.to_bytes()
    assert all(np.isfinite(array).all() for array in first.weights.values())


@kinds
def test_a_run_without_validation_rows_has_no_scores(new_run, kind):
    model = new_run(**settings(kind, validation=0, rounds=1)).execute()
    assert all("loss" not in round_ or np.isnan(round_["loss"]) for round_ in model.rounds)
    assert digest(model.weights) == model.sha256
