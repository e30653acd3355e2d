"""Rounds: what their arithmetic must equal, and that a run ends in the same bytes wherever it was stopped."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mrdl.cli.script import TrainJob
from mrdl.model.model import Model
from mrdl.nn.engines.table import engine_of
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.trainer import train_shard
from mrdl.nn.weights import digest
from mrdl.rounds import outer_step
from mrdl.rounds.driver import Run
from mrdl.rounds.folder import RunFolder
from mrdl.settings.config import TrainConfig

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
PLAIN = {"warm_rows": 0, "outer_momentum": 0, "outer_step": 1}
NUMPY = engine_of("numpy")
QUICK = {"nodes": (64, 12, 10), "shards": 3, "rounds": 2, "epochs": 1, "batch_size": 64, "warm_rows": 60, "seed": 2}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


# --- arithmetic ---


def test_shards_that_are_averaged_after_every_step_equal_one_batch_of_all(run):
    """A step of each shard on all of its rows, weighted by rows, is a step on all rows."""
    steps = {"batch_size": 5000, "rounds": 6, "momentum": 0, "learning_rate": 0.5, **PLAIN}
    together = run(shards=1, **steps).execute()
    apart = run(shards=7, **steps).execute()
    unweighted = run(shards=7, combine="uniform", **steps).execute()
    for name, array in together.weights.items():
        np.testing.assert_allclose(apart.weights[name], array, atol=2e-6)
        assert np.abs(unweighted.weights[name] - array).max() > 2e-5
    assert apart.rounds[-1]["training_loss"] == pytest.approx(together.rounds[-1]["training_loss"], rel=1e-5)


def test_the_rounds_of_one_shard_are_one_plain_training(run, table):
    model = run(shards=1, rounds=3).execute()
    rows = table.rows(table.training(), model.preparation)
    weights = model.arch.initial_weights(2)
    for round_ in (1, 2, 3):
        settings, rng = Hyperparameters(1, 64, 0.03, 0.8), np.random.default_rng([2, round_, 0])
        weights, _ = train_shard(model.arch, weights, rows, settings, rng, NUMPY)
    assert digest(weights) == model.sha256


def test_a_round_is_the_mean_of_its_shards_weighted_by_rows(run):
    made = run(rounds=1, keep_shards=True, **PLAIN)
    trained = made.train()
    model = trained.model
    rows = [result.num_examples for result in trained.results]
    assert len(set(rows)) > 1
    for name, array in model.weights.items():
        stacked = np.stack([result.weights[name] for result in trained.results]).astype(np.float64)
        np.testing.assert_allclose(array, np.average(stacked, axis=0, weights=rows), atol=1e-7)


class Tiny(TrainJob):
    """A job whose rule gives weights far smaller than those that a round starts from."""

    @staticmethod
    def combine_rule(results):
        return {name: np.full_like(array, 1e-20) for name, array in results[0].weights.items()}


@pytest.mark.parametrize("length", [None, 1], ids=["searched", "given"])
def test_where_nothing_is_added_a_round_is_what_the_rule_gives_to_the_bit(run, length):
    model = run(job_class=Tiny, rounds=1, validation=0, warm_rows=0, outer_momentum=0, outer_step=length).execute()
    assert {value for array in model.weights.values() for value in array.ravel()} == {np.float32(1e-20)}


@pytest.mark.parametrize(("momentum", "length"), [(0.5, 1.25), (0.9, 0.5), (0.0, 2.0)])
def test_weights_and_velocity_of_every_round_are_those_of_the_formula(run, momentum, length):
    made = run(rounds=3, keep_shards=True, outer_momentum=momentum, outer_step=length)
    trained = made.train()
    before, *rounds = [made.folder.read(number) for number in range(4)]
    assert before.velocity == {}
    for after in rounds:
        for name, array in after.weights.items():
            speed = before.velocity.get(name, 0.0)
            change = after.velocity[name] - momentum * speed
            np.testing.assert_allclose(
                array, before.weights[name] + length * (momentum * after.velocity[name] + change), atol=1e-6
            )
        before, last = after, change
    name, start = list(before.weights)[-1], made.folder.read(2).weights
    rows = [result.num_examples for result in trained.results]
    mean = np.average([result.weights[name] for result in trained.results], axis=0, weights=rows)
    np.testing.assert_allclose(last, mean - start[name], atol=1e-6)


def test_the_length_of_a_step_is_the_one_that_the_validation_rows_ask_for(run, table):
    made = run(rounds=2, learning_rate=0.2, keep_shards=True)
    trained = made.train()
    model = trained.model
    start, rows = made.folder.read(1), [result.num_examples for result in trained.results]
    mean = {
        name: np.average([r.weights[name] for r in trained.results], axis=0, weights=rows).astype(np.float32)
        for name in model.weights
    }
    step, _ = outer_step.nesterov(start.weights, mean, start.velocity, 0.3)
    held = np.setdiff1d(np.arange(len(table.targets)), table.training())

    def loss(length: float) -> float:
        at = Model(model.arch, outer_step.along(start.weights, step, length), model.preparation)
        return at.score(table.features[held], table.targets[held])["loss"]

    chosen = made.folder.manifests()[2].outer_step
    assert chosen == outer_step.best_length(loss)
    assert model.rounds[-1]["loss"] == pytest.approx(loss(chosen), rel=1e-4)


def test_without_validation_rows_the_length_is_that_of_the_mean(run):
    made = run(validation=0)
    made.execute()
    assert [m.outer_step for m in made.folder.manifests()] == [1, 1, 1]


# --- wherever it was stopped ---


@pytest.fixture(scope="module")
def stops(tmp_path_factory):
    """A run of a warm start and two rounds: its model, and a copy of its folder after each file it has written."""
    folder = tmp_path_factory.mktemp("stops")
    write, copies = RunFolder.write, []

    def writing(self: RunFolder, path: Path, data: bytes) -> None:
        write(self, path, data)
        copies.append(shutil.copytree(self.path, folder / f"{len(copies):02d}-{path.name}"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(RunFolder, "write", writing)
        model = Run(DIGITS, TrainConfig().with_changes({**QUICK, "run_dir": str(folder / "run")})).execute()
    return model.to_bytes(), copies, folder / "cache"


@pytest.mark.parametrize(
    ("stop", "cache"), [*((stop, "its cache") for stop in range(12)), *((stop, "no cache") for stop in (4, 7, 10))]
)
def test_a_run_ends_in_the_same_bytes_whatever_file_it_wrote_last(stops, run, tmp_path, stop, cache):
    """run.json, config.toml, three times weights, manifest and history, and the model."""
    known, copies, shards = stops
    assert len(copies) == 12
    if cache == "its cache":
        shutil.copytree(shards, tmp_path / "cache")
    shutil.copytree(copies[stop], tmp_path / "run")
    made = run(folder="run", resume=True)
    assert made.execute().to_bytes() == known == made.folder.model.read_bytes()
    names = sorted(path.name for path in (copies[-1] / "rounds").iterdir())
    assert sorted(path.name for path in made.folder.rounds.iterdir()) == names
    history = [json.loads(line) for line in made.folder.history.read_text().splitlines()]
    assert history == [m.to_json() for m in made.folder.manifests()] and [m["round"] for m in history] == [0, 1, 2]


def test_what_a_killed_write_has_left_beside_is_no_round(stops, run, tmp_path):
    known, copies, shards = stops
    shutil.copytree(shards, tmp_path / "cache")
    shutil.copytree(copies[6], tmp_path / "run")
    (tmp_path / "run" / "rounds" / f".0002.safetensors.{os.getpid() + 1}").write_bytes(b"half of it")
    assert run(folder="run", resume=True).execute().to_bytes() == known


def test_a_round_whose_velocity_is_damaged_is_made_again(stops, run, tmp_path):
    known, copies, shards = stops
    shutil.copytree(shards, tmp_path / "cache")
    shutil.copytree(copies[-1], tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    for number in (1, 2):
        whole = folder.read(number)
        name = list(whole.velocity)[0]
        whole.velocity[name][0] += 1
        folder.commit(whole, folder.manifest(number))
    assert run(folder="run", resume=True).execute().to_bytes() == known
