"""The warm start: one small sample of all rows is trained first, and every shard begins with its weights."""

from functools import partial

import numpy as np
import pytest

import mrdl
from mrdl.data.hashing import shard_of, warm_rank
from mrdl.nn.engines.table import engine_of
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.trainer import train_shard
from mrdl.nn.weights import digest
from mrdl.rounds.driver import Run

NUMPY = engine_of("numpy")
QUICK = {"nodes": (64, 16, 10), "shards": 2, "rounds": 1, "epochs": 1, "warm_rows": 150, "warm_epochs": 2, "seed": 4}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


@pytest.fixture
def other_cache(tmp_path, monkeypatch):
    """Begin with an empty cache of shards."""
    caches = iter(range(100))
    return lambda: monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache{next(caches)}"))


def warm_weights(made: Run) -> dict[str, np.ndarray]:
    """The weights that a run's warm start ended in."""
    return made.folder.read(0).weights


# --- what it is ---


def test_every_shard_begins_with_the_weights_of_the_warm_start(run):
    made = run(shards=5, keep_shards=True)
    trained = made.train()
    assert [result.shard for result in trained.results] == [0, 1, 2, 3, 4]
    assert {result.start for result in trained.results} == {made.folder.manifests()[0].sha256}


def test_every_later_round_begins_with_the_weights_that_the_one_before_has_kept(run):
    """Those after the outer step, not the mean of the shards."""
    made = run(rounds=3, keep_shards=True, outer_step=1.6, outer_momentum=0.5)
    trained = made.train()
    assert {result.start for result in trained.results} == {made.folder.manifests()[2].sha256}


@pytest.mark.parametrize(("warm_rows", "shards"), [(1, 2), (16, 7), (333, 2), (20_000, 7)])
def test_it_is_plain_training_on_the_rows_that_rank_lowest(run, table, warm_rows, shards):
    made = run(warm_rows=warm_rows, shards=shards)
    model = made.execute()
    training = table.training()
    places = training[np.argsort(warm_rank(table.hashes[training]))[:warm_rows]]
    rows = table.rows(np.sort(places), model.preparation)
    settings = Hyperparameters(2, 16, 0.03, 0.8)
    start = model.arch.initial_weights(4)
    expected, metrics = train_shard(model.arch, start, rows, settings, np.random.default_rng([4, 0, 0]), NUMPY)
    manifest = made.folder.manifests()[0]
    assert digest(warm_weights(made)) == manifest.sha256 == digest(expected)
    assert (manifest.round, manifest.rows) == (0, min(warm_rows, len(training)))
    assert manifest.training_loss == pytest.approx(metrics["loss"], rel=1e-12)


def test_its_sample_is_drawn_from_all_shards(table):
    training = table.training()
    places = training[np.argsort(warm_rank(table.hashes[training]))[:150]]
    assert set(shard_of(table.hashes[places], 5)) == {0, 1, 2, 3, 4}
    assert set(table.targets[places]) == set(range(10))


def test_the_round_after_it_is_plain_training_of_each_shard_from_its_weights(run, table):
    made = run(keep_shards=True, shards=3)
    trained = made.train()
    model = trained.model
    training = table.training()
    places = shard_of(table.hashes[training], 3)
    for result in trained.results:
        rows = table.rows(training[places == result.shard], model.preparation)
        rng = np.random.default_rng([4, 1, result.shard])
        settings = Hyperparameters(1, 16, 0.03, 0.8)
        expected, _ = train_shard(model.arch, warm_weights(made), rows, settings, rng, NUMPY)
        assert digest(result.weights) == digest(expected)


def test_given_initial_weights_are_where_it_begins(run, table):
    start = mrdl.Net((64, 16, 10), seed=77).weights()
    made = run(initial=start)
    model = made.execute()
    training = table.training()
    places = training[np.argsort(warm_rank(table.hashes[training]))[:150]]
    settings = Hyperparameters(2, 16, 0.03, 0.8)
    rows = table.rows(places, model.preparation)
    expected, _ = train_shard(model.arch, start, rows, settings, np.random.default_rng([4, 0, 0]), NUMPY)
    assert digest(warm_weights(made)) == digest(expected)


def test_without_it_the_first_round_begins_with_the_seeded_weights(run):
    made = run(warm_rows=0, keep_shards=True)
    trained = made.train()
    model = trained.model
    assert {result.start for result in trained.results} == {digest(model.arch.initial_weights(4))}
    assert [m.round for m in made.folder.manifests()] == [1]


def test_it_is_not_one_of_the_rounds_that_a_model_tells_of(run):
    made = run(rounds=2)
    model = made.execute()
    assert [round_["round"] for round_ in model.rounds] == [1, 2]
    assert model.lineage["rounds"] == [m.sha256 for m in made.folder.manifests()] and len(model.history) == 2


# --- the same one, wherever it is made ---


@pytest.mark.parametrize("change", [{"nodes": (64, 9, 10)}, {"warm_rows": 40}, {"seed": 8}, {"kind": "autoencoder"}])
def test_it_is_the_same_from_the_cache_of_a_run_with_other_settings(run, other_cache, change):
    fresh = run(**change).execute()
    other_cache()
    run().execute()
    assert run(**change).execute().to_bytes() == fresh.to_bytes()


def test_a_sample_of_bytes_from_shards_with_fractions_is_the_same_from_the_cache(run, other_cache, tmp_path):
    """Only one row has a fraction: the shards are float32 on their way, the kept sample may not be."""
    path = tmp_path / "fractions.csv"
    path.write_text("".join(f"{i % 2},{i % 256},{i * i % 251}{'.5' * (i == 7)}\n" for i in range(400)))
    settings = {"nodes": (2, 4, 2), "warm_rows": 20}
    fresh = run(path, **settings).execute()
    other_cache()
    run(path, **settings, seed=9).execute()
    assert run(path, **settings).execute().to_bytes() == fresh.to_bytes()


def test_it_is_made_by_a_run_whose_cache_was_left_by_one_without_it(run, other_cache):
    fresh = run().execute()
    other_cache()
    run(warm_rows=0).execute()
    assert run().execute().to_bytes() == fresh.to_bytes()


def test_a_run_without_it_does_not_take_the_one_in_the_cache(run, other_cache):
    fresh = run(warm_rows=0).execute()
    other_cache()
    run().execute()
    assert run(warm_rows=0).execute().to_bytes() == fresh.to_bytes()


@pytest.mark.parametrize(("tasks", "warm_rows"), [(2, 150), (5, 150), (50, 0)])
def test_tasks_share_out_shards_and_change_no_byte(run, other_cache, tasks, warm_rows):
    known = run(shards=5, tasks=1, warm_rows=warm_rows).execute()
    again = run(shards=5, tasks=tasks, warm_rows=warm_rows).execute()
    assert again.to_bytes() == known.to_bytes(), "from a cache that another number of tasks has made"
    other_cache()
    assert run(shards=5, tasks=tasks, warm_rows=warm_rows).execute().to_bytes() == known.to_bytes()


def test_the_cache_has_a_file_for_each_task_and_no_empty_one(run, tmp_path):
    run(shards=5, tasks=3).execute()
    parts = list((tmp_path / "cache").glob("mrdl/shards/*/0000/part-*"))
    assert len(parts) == 3 and all(part.stat().st_size for part in parts)


def test_a_file_that_is_cut_into_many_splits_gives_the_same_bytes(run, other_cache, monkeypatch, digits, tmp_path):
    known = run(shards=3).execute()
    other_cache()
    monkeypatch.setattr("mrdl.mapreduce.simulated.SPLIT_BYTES", 20_000)
    monkeypatch.setattr("mrdl.rounds.tasks.READ_BYTES", 7_000)
    monkeypatch.setattr("mrjob.sim.SimMRJobRunner._pick_mapper_split_size", lambda *_: 20_000)
    mappers = []
    monkeypatch.setattr("mrdl.rounds.tasks.PlacedRows.finish", _counted(mappers))
    assert run(shards=3).execute().to_bytes() == known.to_bytes()
    assert len(mappers) > 8


def _counted(calls: list) -> object:
    from mrdl.shards.placing import PlacedRows

    finish = PlacedRows.finish

    def counted(self) -> None:
        calls.append(self)
        finish(self)

    return counted


@pytest.mark.slow
@pytest.mark.parametrize("warm_rows", [0, 150])
def test_processes_that_share_shards_end_in_the_same_bytes(run, other_cache, warm_rows):
    known = run(shards=5, rounds=2, warm_rows=warm_rows).execute()
    other_cache()
    assert (
        run(shards=5, rounds=2, tasks=2, runner="local", warm_rows=warm_rows).execute().to_bytes() == known.to_bytes()
    )
