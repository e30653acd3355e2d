"""Stopping early: patience ends a run when its validation loss gets no better, and the best round is the network."""

import math
from functools import partial

import pytest

import mrdl
from mrdl.driver import _best
from mrdl.errors import ConfigError

# so long a step that the loss goes up and down from round to round
QUICK = {"nodes": (64, 12, 10), "shards": 2, "rounds": 12, "epochs": 1, "warm_rows": 100, "warm_epochs": 1}
QUICK |= {"learning_rate": 0.5, "patience": 1}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


def losses(made) -> list[float]:
    """The validation loss of each round, without that of the warm start."""
    return [m["validation"]["loss"] for m in made.folder.manifests() if m["round"]]


@pytest.mark.parametrize("patience", [1, 2])
def test_a_run_stops_after_as_many_rounds_without_a_better_loss(run, patience):
    made = run(patience=patience)
    model = made.execute()
    seen = losses(made)

    def is_over(rounds: int) -> bool:
        best = seen.index(min(seen[:rounds])) + 1
        return rounds - best >= patience

    assert [rounds for rounds in range(1, len(seen) + 1) if is_over(rounds)] == [len(seen)] != [12]
    assert model.sha256 == made.folder.manifests()[len(seen) - patience]["sha256"]


def test_the_network_is_that_of_the_best_round_and_tells_of_no_later_one(run):
    made = run()
    model = made.execute()
    manifests = made.folder.manifests()
    best = min(manifests[1:], key=lambda m: m["validation"]["loss"])
    assert model.sha256 == best["sha256"] != manifests[-1]["sha256"]
    assert [r["round"] for r in model.rounds] == list(range(1, best["round"] + 1))
    assert model.rounds[-1]["loss"] == best["validation"]["loss"]
    assert model.lineage["rounds"] == [m["sha256"] for m in manifests[: best["round"] + 1]]
    assert mrdl.load(made.folder.model).to_bytes() == model.to_bytes()
    assert made.summary(model)["rounds"] == best["round"]


def test_what_is_trained_does_not_depend_on_patience(run):
    patient, plain = run(), run(patience=0, rounds=4)
    patient.execute()
    plain.execute()
    known = [m["sha256"] for m in plain.folder.manifests()]
    assert [m["sha256"] for m in patient.folder.manifests()][:5] == known[: len(patient.folder.manifests())]


def test_a_run_that_reaches_its_last_round_ends_with_the_best_one_too(run):
    made = run(patience=9, rounds=6)
    model = made.execute()
    seen = losses(made)
    assert len(seen) == 6 and model.rounds[-1]["loss"] == min(seen) and len(model.rounds) == seen.index(min(seen)) + 1


@pytest.mark.parametrize("cache", ["cache", "elsewhere"])
def test_a_run_that_stopped_gives_the_same_network_when_it_is_resumed(run, tmp_path, monkeypatch, cache):
    first = run(folder="run").execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
    made = run(folder="run", resume=True)
    made.folder.model.unlink()
    before = made.folder.manifests()
    assert made.execute().to_bytes() == first.to_bytes() == made.folder.model.read_bytes()
    assert made.folder.manifests() == before


def test_a_run_that_is_killed_on_its_way_stops_at_the_same_round(run):
    whole = run(folder="whole").execute()
    for done in (1, 2):
        run(folder=f"part{done}", rounds=done).execute()
        again = run(folder=f"part{done}", resume=True).execute()
        assert again.to_bytes() == whole.to_bytes()


def test_a_run_that_stopped_goes_on_where_more_patience_is_asked_for(run):
    stopped = run(folder="run")
    stopped.execute()
    done = len(stopped.folder.manifests())
    made = run(folder="run", patience=0, rounds=done, resume=True)
    model = made.execute()
    assert len(model.rounds) == done and len(made.folder.manifests()) == done + 1


@pytest.mark.parametrize(
    ("seen", "best"), [([3, 2, 1], 3), ([2, 1, 1], 2), ([math.nan, 5], 2), ([5, math.nan], 1), ([math.inf, 9, 8], 3)]
)
def test_the_best_round_is_the_first_of_least_loss_and_one_that_is_not_finite_is_never_it(seen, best):
    assert _best([{"round": i + 1, "validation": {"loss": loss}} for i, loss in enumerate(seen)]) == best


def test_rows_for_validation_must_be_kept_out(new_run):
    with pytest.raises(ConfigError, match="patience needs validation rows, but validation is 0"):
        new_run(patience=1, validation=0)


def test_where_chance_keeps_no_row_out_the_run_goes_on_to_its_last_round(new_run, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("".join(f"{i % 2},{i}\n" for i in range(12)))
    made = new_run(path, nodes=(1, 2), shards=2, rounds=4, epochs=1, validation=0.01, patience=1)
    model = made.execute()
    assert made.jobs.prepared.statistics.validation_rows == 0
    assert len(model.rounds) == 4


def test_a_best_round_that_is_damaged_is_named_with_the_way_out(run):
    first = run(folder="run").execute()
    made = run(folder="run", resume=True)
    best = made.folder.weights_of(len(first.rounds))
    best.write_bytes(best.read_bytes()[:-20])
    with pytest.raises(ConfigError) as refused:
        made.execute()
    assert f"round {len(first.rounds)} in {made.folder.rounds}" in str(refused.value)
    assert f"Delete {best.stem}.json" in str(refused.value) and "--resume" in str(refused.value)
    best.with_suffix(".json").unlink()
    assert run(folder="run", resume=True).execute().to_bytes() == first.to_bytes()
