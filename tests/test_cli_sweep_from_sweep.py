"""`mrdl train --from-sweep`: a design that a sweep found is trained by `mrdl train`, with all that it is."""

import json
import shutil

import numpy as np
import pytest

import mrdl
from mrdl.nn.design import design_of
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.ledger import Ledger

SPEC = {
    "data": {"label": "digit"},
    "sweep": {"seeds": 2},
    "space": {
        "nodes": [[12, 12], [3]],
        "residual": True,
        "optimizer": "adam",
        "dropout": 0.1,
        "initialisation": "xavier",
        "learning_rate": 0.005,
        "batch_size": 32,
        "epochs": 2,
    },
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of two designs of two seeds, of which the wider one is the better."""
    from conftest import DIGITS

    folder = tmp_path_factory.mktemp("swept") / "sweeps" / "narrow"
    SweepDriver(SweepFolder.create(folder, SPEC, str(DIGITS))).run("inline")
    return folder


@pytest.fixture
def train(command, digits, tmp_path):
    """Run `mrdl train` on the digits: its model, and what it said."""

    def run(*words, folder="run"):
        status, _, told = command("train", digits, "--run-dir", tmp_path / folder, *words)
        assert status == 0, told
        return mrdl.load(tmp_path / folder), told

    return run


def records(swept):
    return Ledger(swept / "ledger.db").results()


def test_the_best_design_is_trained_with_all_that_it_is(train, swept):
    model, told = train("--from-sweep", swept, "--shards", "2")
    assert model.arch.nodes == (64, 12, 12, 10) and model.arch.residual
    chosen = {name: model.settings[name] for name in SPEC["space"] if name in model.settings and name != "nodes"}
    assert chosen.pop("epochs") == 1, "2 epochs in all, among 3 rounds"
    assert chosen == {name: SPEC["space"][name] for name in chosen}
    assert (model.settings["label"], model.settings["validation"]) == ("digit", 0.2)
    means = [
        np.mean([r.accuracy for r in records(swept) if max(design_of(r.spec).hidden) == width]) for width in (12, 3)
    ]
    assert f"the best of 2 designs, {records(swept)[0].arch_id}" in told
    assert f"accuracy {max(means):.4f}, the mean of 2 seeds" in told
    assert model.validation["accuracy"] > 0.6


def test_a_design_is_trained_by_the_beginning_of_its_name(train, swept):
    record = records(swept)[3]
    model, told = train("--from-sweep", f"{swept}:{record.arch_id[:9]}", "--shards", "1")
    assert model.arch.nodes == (64, 3, 10)
    assert model.settings["seed"] == design_of(record.spec).seed == 1
    assert f"the design, {record.arch_id}" in told


def test_flags_and_files_go_before_the_sweep(train, swept, tmp_path):
    (tmp_path / "more.toml").write_text('learning_rate = 0.01\nactivation = "tanh"\n')
    words = ("--shards", "1", "--residual", "no", "--activation", "sigmoid")
    model, _ = train("--from-sweep", swept, "--config", tmp_path / "more.toml", *words)
    assert (model.settings["learning_rate"], model.settings["activation"]) == (0.01, "sigmoid")
    assert not model.arch.residual and model.settings["optimizer"] == "adam"


def test_a_design_whose_columns_are_said_to_be_others_has_the_inputs_of_these(train, swept):
    pixels = [f"r{i}c{j}" for i in range(8) for j in range(4)]
    model, told = train("--from-sweep", swept, "--shards", "1", "--drop", ",".join(pixels))
    assert model.arch.nodes == (32, 12, 12, 10) and model.arch.residual
    assert "with --drop r0c0,r0c1," in told
    assert "which the sweep had not, it has as many inputs as the data gives" in told


def test_a_design_with_other_buckets_of_a_hash_is_trained(command, tmp_path):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 5000, 3000)
    rows = "".join(f"u{i},{x:.3f},{'ab'[i % 2]}\n" for i, x in zip(ids, rng.normal(size=3000), strict=True))
    (tmp_path / "t.csv").write_text("id,x,y\n" + rows)
    spec = {"data": {"label": "y", "hash": ["id"]}, "sweep": {"seeds": 1}, "space": {"nodes": [[5]], "epochs": 1}}
    SweepDriver(SweepFolder.create(tmp_path / "swept", spec, str(tmp_path / "t.csv"))).run("inline")
    for said, inputs in (("id", 65), ("id=16", 17)):
        words = ["--from-sweep", tmp_path / "swept", "--hash", said, "--shards", "1", "--run-dir", tmp_path / said]
        status, _, told = command("train", tmp_path / "t.csv", *words)
        assert status == 0, told
        assert mrdl.load(tmp_path / said).arch.nodes == (inputs, 5, 2)


def test_a_sweep_is_known_by_its_name_below_sweeps(train, swept, monkeypatch):
    monkeypatch.chdir(swept.parent.parent)
    assert train("--from-sweep", "narrow", "--shards", "1", folder="by name")[0].arch.nodes == (64, 12, 12, 10)


def test_the_same_bytes_come_of_a_run_that_is_resumed_and_of_tasks_that_are_processes(train, swept, tmp_path):
    calm, _ = train("--from-sweep", swept, "--shards", "2", folder="calm")
    shutil.copytree(tmp_path / "calm", tmp_path / "cut")
    for left in (*(tmp_path / "cut" / "rounds").glob("0003*"), tmp_path / "cut" / "model.safetensors"):
        left.unlink()
    resumed, _ = train("--from-sweep", swept, "--shards", "2", "--resume", folder="cut")
    local, _ = train("--from-sweep", swept, "--shards", "2", "-r", "local", folder="local")
    assert calm.sha256 == resumed.sha256 == local.sha256


def test_what_is_loaded_predicts_as_its_torch_module_does(train, swept, digits):
    import torch

    model, _ = train("--from-sweep", swept, "--shards", "1")
    rows = np.loadtxt(digits, np.float32, delimiter=",", skiprows=1)
    with torch.no_grad():
        found = model.net()(torch.from_numpy(rows[:, 1:])).argmax(1).numpy()
    assert (np.array(model.classes)[found].astype(int) == model.predict(str(digits))).all()
    assert model.evaluate(str(digits))["accuracy"] == pytest.approx((found == rows[:, 0]).mean())


def refused(command, digits, *words):
    status, _, told = command("train", digits, *words)
    assert status == 2
    return told


def test_a_sweep_or_a_design_that_is_not_there_is_told(command, digits, swept, tmp_path):
    assert "is not the folder of a sweep" in refused(command, digits, "--from-sweep", "nowhere")
    told = refused(command, digits, "--from-sweep", f"{swept}:zz")
    assert "0 designs" in told and "begins with 'zz'" in told and "mrdl sweep export" in told
    SweepFolder.create(tmp_path / "planned", SPEC, str(digits))
    told = refused(command, digits, "--from-sweep", tmp_path / "planned")
    assert "no design" in told and f"mrdl sweep resume {tmp_path / 'planned'}" in told


def test_data_that_the_design_does_not_fit_is_told(command, small_csv, swept):
    told = refused(command, small_csv, "--from-sweep", swept, "--label", "answer")
    assert "nodes begins with 64, but the data has 3 columns" in told


@pytest.mark.parametrize(
    "words",
    [("--optimizer", "adam"), ("--dropout", "0.1"), ("--initialisation", "he")],
)
def test_machines_have_no_use_for_what_is_of_gradients(command, digits, words):
    told = refused(command, digits, "--kind", "rbm", *words)
    assert "trained by contrastive divergence" in told and f"leave out {words[0]}" in told


@pytest.mark.parametrize("kind", ["autoencoder", "rbm", "dbn"])
def test_other_kinds_have_no_residual_connections(command, digits, kind):
    assert "no residual connections: leave out --residual" in refused(command, digits, "--kind", kind, "--residual")


def test_the_settings_file_of_a_run_reads_back_a_yes_or_no(tmp_path):
    from mrdl.settings.config import TrainConfig

    config = TrainConfig().with_changes({"residual": "yes", "dropout": 0.1})
    assert "residual = true" in config.to_toml() and json.loads(json.dumps(config.said(("model",))))["residual"] is True
