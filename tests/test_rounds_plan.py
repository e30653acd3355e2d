"""How often, how long and how fast: what is left to mrdl, how rates fall, and which of it a run may change later."""

import dataclasses
import math
from functools import partial

import numpy as np
import pytest

from mrdl.errors import ConfigError
from mrdl.nn.kinds import KINDS, mlp
from mrdl.rounds.plan import SCHEDULES, resolved, rounds_of
from mrdl.settings.config import TrainConfig

QUICK = {"nodes": (64, 12, 10), "shards": 2, "batch_size": 64, "warm_rows": 50, "warm_epochs": 1}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


# --- what is left to mrdl ---


@pytest.mark.parametrize(
    ("shards", "rounds", "epochs", "momentum"),
    [(1, 3, 4, 0), (2, 3, 4, 0.3), (8, 3, 4, 0.3), (9, 4, 3, 0.5), (16, 4, 3, 0.5), (17, 4, 3, 0.7), (32, 4, 3, 0.7),
     (33, 6, 2, 0.7), (9999, 6, 2, 0.7)],
)  # fmt: skip
def test_the_number_of_shards_decides_what_is_left_to_mrdl(shards, rounds, epochs, momentum):
    config = resolved(TrainConfig(shards=shards))
    assert (config.rounds, config.epochs, config.outer_momentum) == (rounds, epochs, momentum)
    assert config.rounds * config.epochs == 12


def test_one_shard_is_plain_training():
    config = resolved(TrainConfig(shards=1, warm_rows=500))
    assert (config.warm_rows, config.outer_momentum, config.outer_step) == (0, 0, 1)


@pytest.mark.parametrize(("budget", "rounds", "epochs"), [(12, 5, 2), (1, 5, 1), (12, 100, 1), (30, 4, 8), (7, 1, 7)])
def test_the_budget_is_shared_out_among_rounds_with_one_epoch_in_each_at_least(budget, rounds, epochs):
    assert resolved(TrainConfig(budget=budget, rounds=rounds)).epochs == epochs


@pytest.mark.parametrize("shards", [2, 20, 200])
def test_what_is_given_is_not_changed(shards):
    given = TrainConfig(
        shards=shards, rounds=7, epochs=5, outer_momentum=0.0, outer_step=1.6, warm_rows=0, warm_epochs=0, budget=3,
        engine="torch", weight_decay=0.5, batch_size=4, schedule="linear",
    )  # fmt: skip
    assert resolved(given) == given


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("warm", [{}, {"warm_rows": 0}, {"warm_epochs": 0}], ids=str)
@pytest.mark.parametrize("shards", [1, 2, 16, 64])
def test_what_is_resolved_stays_as_it_is_and_passes_through_the_file(shards, warm, kind, tmp_path):
    from mrdl.settings.config import from_file

    config = resolved(TrainConfig(shards=shards, kind=kind, **warm))
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert resolved(config) == config == from_file(str(tmp_path / "config.toml"))


@pytest.mark.parametrize("shards", [1, 3])
def test_a_run_is_that_of_the_settings_that_it_resolved(new_run, shards):
    settings = {"nodes": (64, 10), "shards": shards, "batch_size": 64, "budget": 2}
    decided = dataclasses.asdict(resolved(TrainConfig(**settings)))
    names = ("rounds", "epochs", "outer_momentum", "outer_step", "warm_rows")
    explicit = new_run(**settings, **{name: decided[name] for name in names}).execute()
    assert new_run(**settings).execute().to_bytes() == explicit.to_bytes()


# --- rates ---


@pytest.mark.parametrize("rounds", [1, 2, 5])
@pytest.mark.parametrize(
    ("schedule", "share"),
    [
        ("constant", lambda done: 1.0),
        ("linear", lambda done: 1 - done),
        ("cosine", lambda done: math.cos(math.pi * done / 2) ** 2),
    ],
)
def test_a_rate_is_that_of_the_closed_form_and_never_zero(schedule, share, rounds):
    config = resolved(TrainConfig(rounds=rounds, schedule=schedule, learning_rate=0.08))
    warm, *rates = [planned.learning_rate for planned in rounds_of(config, mlp((4, 2)).stages)]
    assert rates == pytest.approx([0.08 * share(i / rounds) for i in range(rounds)], rel=1e-12)
    assert rates[0] == 0.08 and min(rates) > 0 and rates == sorted(rates, reverse=True)
    assert warm == 0.08, "the warm start has the whole rate"


def test_every_schedule_that_a_setting_names_is_in_the_table_and_begins_with_the_whole_rate():
    (field,) = [field for field in dataclasses.fields(TrainConfig) if field.name == "schedule"]
    assert set(SCHEDULES) == set(field.metadata["choices"])
    assert {schedule.share(0.0) for schedule in SCHEDULES.values()} == {1.0}


@pytest.fixture
def told_rates(monkeypatch):
    """(rate of the first step, of the last) of each training."""
    from mrdl.nn import trainer

    found, train_shard = [], trainer.train_shard

    def watched(arch, weights, rows, settings, *rest, **stage):
        steps = settings.epochs * -(-len(rows.order) // settings.batch_size)
        every = list(settings.rates(steps) or [settings.learning_rate] * steps)
        found.append((every[0], every[-1]))
        return train_shard(arch, weights, rows, settings, *rest, **stage)

    monkeypatch.setattr(trainer, "train_shard", watched)
    return found


def test_annealing_falls_within_rounds_and_ends_at_zero_with_the_last_one(run, told_rates):
    run(shards=1, rounds=2, epochs=1, learning_rate=0.04, schedule="annealing", validation=0).execute()
    run(shards=2, rounds=1, epochs=1, learning_rate=0.04, schedule="annealing", validation=0).execute()
    last = 1 - 1 / 29  # of 29 batches of 64
    of_round = 0.04 * math.cos(math.pi * last / 4) ** 2, 0.04 * math.cos(math.pi * (1 + last) / 4) ** 2
    assert told_rates[:2] == [(0.04, pytest.approx(of_round[0])), (pytest.approx(0.02), pytest.approx(of_round[1]))]
    assert told_rates[2] == (0.04, 0.04), "a warm start keeps its rate"
    assert [first for first, _ in told_rates[3:]] == [0.04, 0.04] and max(end for _, end in told_rates[3:]) < 6e-4


def test_machines_have_the_rates_of_annealing_from_round_to_round():
    config = resolved(TrainConfig(kind="dbn", rounds=2, schedule="annealing", learning_rate=0.08, warm_rows=0))
    rates = [planned.learning_rate for planned in rounds_of(config, KINDS["dbn"]((4, 3, 2)).stages)]
    assert rates == pytest.approx([0.02, 0.02, 0.01, 0.08, 0.08]), "the first fits the biases"


@pytest.mark.parametrize(
    ("about", "flag"),
    [({"kind": "rbm", "weight_decay": 0.1}, "--weight-decay"), ({"kind": "autoencoder"}, "--label-smoothing"),
     ({"kind": "rbm"}, "--label-smoothing")],
)  # fmt: skip
def test_a_setting_of_no_use_to_the_network_is_refused(new_run, about, flag):
    smoothing = {} if "weight_decay" in about else {"label_smoothing": 0.1}
    with pytest.raises(ConfigError, match=f"leave out {flag}"):
        new_run(**about, **smoothing, nodes=(64, 10)).execute()


def test_the_rates_of_a_schedule_are_those_that_shards_are_trained_with(run, rates):
    run(rounds=4, epochs=1, learning_rate=0.04, schedule="linear").execute()
    warm, *rest = rates
    assert (warm, np.reshape(rest, (4, 2)).T.tolist()) == (0.04, [[0.04, 0.03, 0.02, 0.01]] * 2)


def test_the_rate_of_the_network_kind_falls_as_a_given_one_does(run, rates):
    run(rounds=2, epochs=1, schedule="cosine", warm_rows=0).execute()
    assert rates == pytest.approx([0.03, 0.03, 0.015, 0.015], rel=1e-12)


# --- what may change ---


@pytest.mark.parametrize("schedule", ["linear", "cosine", "annealing"])
@pytest.mark.parametrize("rounds", [2, 4])
def test_the_rounds_of_a_schedule_cannot_be_changed(run, schedule, rounds):
    made = run(folder="run", rounds=3, epochs=1, schedule=schedule)
    known = made.execute()
    why = rf"falls to 0 with the last round \(schedule {schedule}\).* begin with --schedule constant"
    with pytest.raises(ConfigError, match=rf"other settings \(rounds 3 there, {rounds} now\); .*{why}"):
        run(folder="run", rounds=rounds, epochs=1, schedule=schedule, resume=True).execute()
    again = run(folder="run", rounds=3, epochs=1, schedule=schedule, resume=True).execute()
    assert again.to_bytes() == known.to_bytes()


def test_more_rounds_of_a_run_have_as_many_epochs_as_the_first_ones(run):
    """Not the fewer ones that the budget would leave to each of so many rounds."""
    run(folder="run", budget=6, rounds=2).execute()
    more = run(folder="run", budget=6, rounds=3, resume=True).execute()
    assert more.settings["epochs"] == 3
    assert more.sha256 == run(rounds=3, epochs=3).execute().sha256


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_a_run_that_is_resumed_with_no_word_of_rounds_goes_on_to_those_it_was_begun_with(run, schedule):
    """As `--run-dir RUN --resume` alone, after a kill in the third of five rounds."""
    made = run(folder="run", rounds=5, epochs=1, schedule=schedule)
    whole = made.execute()
    for number in (3, 4, 5):
        made.folder.weights_of(number).unlink()
        made.folder.manifest_of(number).unlink()
    assert run(folder="run", schedule=schedule, resume=True).execute().to_bytes() == whole.to_bytes()


def test_another_number_of_epochs_is_another_run(run):
    run(folder="run", budget=6, rounds=2).execute()
    with pytest.raises(ConfigError, match=r"other settings \(epochs 3 there, 2 now\)"):
        run(folder="run", budget=6, rounds=3, epochs=2, resume=True).execute()


def test_fewer_rounds_give_the_network_of_an_earlier_one(run):
    run(folder="run", rounds=3, epochs=1).execute()
    short = run(rounds=2, epochs=1).execute()
    assert run(folder="run", rounds=2, epochs=1, resume=True).execute().to_bytes() == short.to_bytes()
