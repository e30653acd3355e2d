"""Shards whose loss is not finite: left out and trained more gently, until none is left and the run stops."""

import dataclasses
import json
import math
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

import mrdl
from mrdl.cli.script import TrainJob
from mrdl.errors import Diverged
from mrdl.nn.weights import digest
from mrdl.rounds import tasks

PLAIN = {"warm_rows": 0, "outer_momentum": 0, "outer_step": 1}
QUICK = {"nodes": (64, 12, 10), "shards": 3, "rounds": 3, "epochs": 1, "batch_size": 64, "warm_rows": 60, "seed": 2}


class Spoilt(TrainJob):
    """A job in which the loss of some shards in some rounds is not a number: `spoilt` holds (round, shard)."""

    spoilt: frozenset[tuple[int, int]] = frozenset()

    def run_mapper(self, step_num=0):
        with self._spoiling():
            super().run_mapper(step_num)

    def run_reducer(self, step_num=0):
        with self._spoiling():
            super().run_reducer(step_num)

    @contextmanager
    def _spoiling(self):
        train = tasks.train

        def spoiling(shard, loaded, order, *more):
            result = train(shard, loaded, order, *more)
            if (order.round.number, shard) not in self.spoilt:
                return result
            return dataclasses.replace(result, metrics={**result.metrics, "loss": math.nan})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks, "train", spoiling)
            yield


def spoilt(*places: tuple[int, int]) -> type[TrainJob]:
    """A job that spoils these (round, shard)."""
    return type("Spoilt", (Spoilt,), {"spoilt": frozenset(places)})


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


# --- some shards ---


def test_a_shard_that_failed_is_left_out_of_the_mean_and_told_of(run):
    made = run(job_class=spoilt((1, 1)), rounds=1, keep_shards=True, **PLAIN)
    trained = made.train()
    model = trained.model
    kept = [result for result in trained.results if result.shard != 1]
    expected = mrdl.nn.weights.weighted_mean([r.weights for r in kept], [r.num_examples for r in kept])
    assert digest(model.weights) == digest(expected)
    (manifest,) = made.folder.manifests()
    assert [shard.left_out for shard in manifest.shards] == ["", "its loss is nan", ""]
    assert manifest.rows == model.rounds[0]["rows"] == sum(result.num_examples for result in kept)


def test_the_training_loss_is_the_mean_over_the_rows_of_the_others(run):
    made = run(job_class=spoilt((1, 1)), rounds=1)
    made.execute()
    shards = [shard for shard in made.folder.manifests()[1].shards if not shard.left_out]
    expected = np.average([s.loss for s in shards], weights=[s.num_examples for s in shards])
    assert made.folder.manifests()[1].training_loss == pytest.approx(expected, rel=1e-12)


def test_it_trains_with_half_the_rate_from_the_next_round_on_and_with_a_quarter_after_the_second_time(run, rates):
    run(job_class=spoilt((1, 1), (2, 1), (2, 2)), rounds=4, learning_rate=0.04).execute()
    warm, *rest = rates
    assert (warm, np.reshape(rest, (4, 3)).tolist()) == (
        0.04,
        [[0.04, 0.04, 0.04], [0.04, 0.02, 0.04], [0.04, 0.01, 0.02], [0.04, 0.01, 0.02]],
    )


def test_half_the_rate_is_half_of_what_the_schedule_says(run, rates):
    run(job_class=spoilt((1, 0)), rounds=2, learning_rate=0.04, schedule="linear", warm_rows=0).execute()
    assert rates == [0.04, 0.04, 0.04, 0.01, 0.02, 0.02]


def test_a_run_that_is_resumed_knows_which_shards_failed(run):
    job = spoilt((1, 1), (2, 2))
    whole = run(job_class=job, folder="whole", rounds=4).execute()
    for done in (1, 2, 3):
        run(job_class=job, folder=f"part{done}", rounds=done).execute()
        again = run(job_class=job, folder=f"part{done}", rounds=4, resume=True).execute()
        assert again.to_bytes() == whole.to_bytes()


def test_empty_shards_are_left_out_but_do_not_count_as_failed(new_run, tmp_path, rates):
    path = tmp_path / "few.csv"
    path.write_text("".join(f"{i % 2},{i}\n" for i in range(12)))
    made = new_run(path, shards=8, nodes=(1, 2), rounds=2, epochs=1, validation=0, learning_rate=0.04)
    made.execute()
    assert "no rows" in {shard.left_out for shard in made.folder.manifests()[1].shards}
    assert set(rates) == {0.04}


def test_the_failed_shard_makes_the_next_round_another_one(run):
    """Its rows come back into the mean, trained more gently."""
    made = run(job_class=spoilt((1, 1)), rounds=2)
    made.execute()
    assert [shard.left_out for shard in made.folder.manifests()[2].shards] == ["", "", ""]


def test_what_the_manifests_hold_is_json_for_everybody(run):
    """nan is no number in JSON, and other programs refuse it."""
    made = run(job_class=spoilt((1, 1)), rounds=1)
    made.execute()

    def refuse(name):
        raise ValueError(f"{name} is not JSON")

    for text in (made.folder.manifest_of(1).read_text(), *made.folder.history.read_text().splitlines()):
        json.loads(text, parse_constant=refuse)


# --- all shards ---


@pytest.mark.parametrize("folder_of_cache", ["cache", "elsewhere"])
def test_if_all_fail_the_last_good_round_is_kept_as_a_network_and_the_advice_names_it(
    run, tmp_path, monkeypatch, folder_of_cache
):
    job = spoilt((3, 0), (3, 1), (3, 2))
    good = run(job_class=job, folder="good", rounds=2).execute()
    run(job_class=job, folder="run", rounds=2).execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / folder_of_cache))
    made = run(job_class=job, folder="run", rounds=3, resume=True)
    made.folder.model.unlink()
    with pytest.raises(Diverged) as stopped:
        made.execute()
    told = str(stopped.value)
    assert told.startswith(
        "no shard gave usable weights: shard 0: its loss is nan, shard 1: its loss is nan, shard 2: "
    )
    assert "Start again with --learning-rate 0.015 in another --run-dir" in told
    assert told.endswith(f"take the network of round 2, in {made.folder.model}.")
    kept = mrdl.load(made.folder.model)
    assert (kept.sha256, kept.rounds) == (good.sha256, good.rounds)
    assert [m.round for m in made.folder.manifests()] == [0, 1, 2]
    assert not made.folder.work.exists()


@pytest.mark.parametrize("warm_rows", [0, 60])
@pytest.mark.parametrize(("given", "advised"), [(None, "0.015"), (0.5, "0.25")])
def test_if_the_first_to_be_trained_fail_the_advice_is_to_start_again(run, warm_rows, given, advised):
    places = [(0, 0)] if warm_rows else [(1, 0), (1, 1), (1, 2)]
    made = run(job_class=spoilt(*places), warm_rows=warm_rows, learning_rate=given)
    with pytest.raises(Diverged, match=rf"Start again with --learning-rate {advised} in another --run-dir\.$"):
        made.execute()
    assert not made.folder.model.exists() and not made.folder.manifests()


def test_if_all_fail_in_the_first_round_there_is_no_network_of_the_warm_start(run):
    made = run(job_class=spoilt((1, 0), (1, 1), (1, 2)))
    with pytest.raises(Diverged, match=r"in another --run-dir\.$"):
        made.execute()
    assert not made.folder.model.exists() and [m.round for m in made.folder.manifests()] == [0]


def test_a_run_that_stopped_can_go_on_when_its_shards_are_fit_again(run):
    """The rounds that are done stay as they are, whatever was wrong with the next one."""
    whole = run(job_class=spoilt(), rounds=3).execute()
    made = run(job_class=spoilt((2, 0), (2, 1), (2, 2)), folder="run", rounds=3)
    with pytest.raises(Diverged):
        made.execute()
    assert run(job_class=spoilt(), folder="run", rounds=3, resume=True).execute().to_bytes() == whole.to_bytes()


def test_a_run_that_is_done_gives_its_network_again_whatever_becomes_of_its_shards(run, tmp_path, monkeypatch):
    """Without a cache the rows are parsed once more, for the scaling and the classes alone."""
    whole = run(job_class=spoilt(), folder="run").execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    again = run(job_class=spoilt((3, 0), (3, 1), (3, 2)), folder="run", resume=True)
    assert again.execute().to_bytes() == whole.to_bytes()
