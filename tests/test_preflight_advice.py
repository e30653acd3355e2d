"""How long a training would take: the model in closed form, what is measured, and what is advised."""

import json
import math

import pytest

from mrdl.cli.main import main
from mrdl.cli.preflight.advise import verdict
from mrdl.data.source import Source
from mrdl.mapreduce.memory import LIGHT_MB, PARSE_MB
from mrdl.mapreduce.runners import runner_of
from mrdl.nn import trainer
from mrdl.preflight import advice, costs, measuring, memory
from mrdl.preflight.advice import Plan
from mrdl.preflight.costs import Costs
from mrdl.preflight.measuring import Data
from mrdl.preflight.memory import Shape
from mrdl.rounds.plan import resolved
from mrdl.settings.config import TrainConfig

SPEED = {"parsed_per_s": 40_000.0, "trained_per_s": (30_000.0,)}
BIG = Data(rows=10_000_000, size=18_000_000_000, columns=785, classes=10, **SPEED)
SMALL = Data(rows=60_000, size=110_000_000, columns=785, classes=10, **SPEED)
SMALL_DATA = Data(rows=1797, size=260_000, columns=65, classes=10, parsed_per_s=500_000.0, trained_per_s=(20_000.0,))
HADOOP = Costs(30.0, 20.0, 16)


def seconds(data, runner="hadoop", costs=HADOOP, **settings):
    return advice.predict(data, resolved(TrainConfig(**settings)), runner, costs).seconds


def test_the_model_in_closed_form():
    found = seconds(BIG, shards=16, rounds=3, epochs=4, warm_rows=20_000, warm_epochs=8, validation=0.1)
    first = 30 - 20 + advice.HANDLING * 10_000_000 / 40_000 / 16 + 20 + 20_000 * 8 / 30_000
    each = 20 + 4 * 9_000_000 / 16 / 30_000
    assert found == pytest.approx(first + 3 * each)


def test_the_fullest_task_decides():
    settings = {"rounds": 2, "epochs": 1, "warm_rows": 0, "validation": 0}
    even, uneven = seconds(BIG, shards=16, **settings), seconds(BIG, shards=17, **settings)
    assert uneven - even == pytest.approx(2 * (2 * 10_000_000 / 17 - 10_000_000 / 16) / 30_000)


def test_one_shard_has_no_warm_start():
    one = seconds(SMALL, "inline", Costs(2.0, 0.0, 1), shards=1, rounds=1, epochs=10, validation=0)
    assert one == pytest.approx(2 + advice.HANDLING * 60_000 / 40_000 + 10 * 60_000 / 30_000)


def test_tasks_that_run_side_by_side_are_slower(monkeypatch):
    slower = Costs(30.0, 20.0, 16, shared=0.5)
    settings = {"shards": 16, "rounds": 3, "epochs": 4, "warm_epochs": 8, "validation": 0}
    more = seconds(BIG, costs=slower, **settings) - seconds(BIG, **settings)
    assert more == pytest.approx(3 * 4 * 10_000_000 / 16 / 30_000), "but for the warm start, which is alone"


def test_each_stage_has_a_speed_and_a_warm_start_of_its_own():
    stack = Data(60_000, 110_000_000, 785, 10, parsed_per_s=40_000.0, trained_per_s=(10_000.0, 20_000.0, 40_000.0))
    config = TrainConfig(
        kind="dbn", nodes=(784, 50, 20, 10), shards=4, layer_rounds=2, rounds=3, epochs=1, validation=0
    )
    found = advice.predict(stack, resolved(config), "hadoop", Costs(30.0, 20.0, 4)).seconds
    text = advice.HANDLING * 60_000 / 40_000 / 2
    jobs = 30 + 2 * 20 + 3 * 20 + 4 * 20
    rows = sum((8 * 20_000 + rounds * 15_000) / speed for rounds, speed in ((2, 10_000), (2, 20_000), (3, 40_000)))
    assert found == pytest.approx(text + jobs + rows)


def test_small_data_is_not_to_be_distributed():
    plans = advice.plans(SMALL, TrainConfig(), {"inline": Costs(2.0, 0.1, 1), "hadoop": HADOOP})
    assert plans[0].runner == "inline"
    assert verdict(plans).startswith("Do not distribute this: -r inline needs ")


def test_large_data_is():
    plans = advice.plans(BIG, TrainConfig(), {"inline": Costs(2.0, 0.1, 1), "hadoop": HADOOP})
    assert plans[0].runner == "hadoop" and plans[0].shards >= 16
    assert verdict(plans) == f"Take -r hadoop --shards {plans[0].shards}."
    assert plans[0].seconds < 0.2 * plans[1].seconds


def test_no_shard_is_made_smaller_than_a_task_is_worth():
    tiny = Data(rows=1_500, size=10_000, columns=9, classes=2, parsed_per_s=40_000.0, trained_per_s=(30_000.0,))
    plans = advice.plans(tiny, TrainConfig(), {"local": Costs(6.0, 2.0, 64)})
    assert plans[0].shards <= 2


def test_a_small_table_is_not_trained_in_one_shard_which_has_no_warm_start():
    penguins = Data(rows=342, size=15_000, columns=6, classes=3, parsed_per_s=40_000.0, trained_per_s=(15_000.0,))
    known = {"inline": Costs(2.0, 0.1, 1), "local": Costs(6.0, 2.0, 2)}
    plans = advice.plans(penguins, TrainConfig(), known)
    assert {plan.runner: (plan.shards, plan.passes) for plan in plans} == {"inline": (4, 20.0), "local": (2, 20.0)}
    assert verdict(plans) == "Take -r inline --shards 4."
    (large,) = advice.plans(BIG, TrainConfig(), {"inline": Costs(2.0, 0.1, 1)})
    assert (large.shards, large.passes) == (1, 12.0)


@pytest.mark.parametrize("words", [[], ["--budget", "100000"]], ids=["short", "long"])
def test_what_jobs_cost_is_measured_only_where_the_training_takes_longer(words, digits, monkeypatch, capsys):
    measured = []
    monkeypatch.setattr(costs, "measure_here", lambda: measured.append("jobs"))
    monkeypatch.setattr(measuring, "measure", lambda source, config, seconds=1.0: SMALL_DATA)
    assert main(["advise", str(digits), "--nodes", "64,8,10", *words]) == 0
    assert measured == ["jobs"] * bool(words)
    assert capsys.readouterr().out.splitlines()[-1].startswith("Take -r ")


def test_verdict_of_a_run_on_this_machine():
    assert verdict([Plan("local", 2, 3, 4, 10.0), Plan("inline", 1, 3, 4, 12.0)]) == "Take -r local --shards 2."


def test_a_small_file_is_counted_exactly(digits):
    config = TrainConfig(nodes=(64, 8, 10))
    found = measuring.measure(Source.look_at(str(digits), config), config, seconds=0.02)
    assert (found.rows, found.columns, found.classes) == (1797, 65, 10)
    assert found.size == digits.stat().st_size and found.parsed_per_s > 0
    assert len(found.trained_per_s) == 1 and found.trained_per_s[0] > 0


def test_a_short_run_is_measured_by_a_share_of_its_rows(digits, monkeypatch):
    trained, train_shard = [], trainer.train_shard

    def counted(arch, weights, rows, *more, **named):
        trained.append(len(rows.order))
        return train_shard(arch, weights, rows, *more, **named)

    monkeypatch.setattr(trainer, "train_shard", counted)
    config = resolved(TrainConfig(nodes=(64, 8, 10), rounds=3, epochs=4, batch_size=10))
    found = measuring.measure(Source.look_at(str(digits), config), config, seconds=60.0, share=0.02)
    assert trained == [200, math.ceil(0.02 * 12 * 1797)] and found.trained_per_s[0] > 0


def test_the_rows_of_a_large_file_are_estimated_from_its_head(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "HEAD_BYTES", 1 << 16)
    config = TrainConfig(nodes=(64, 8, 10))
    found = measuring.measure(Source.look_at(str(digits), config), config, seconds=0.02)
    assert found.rows == pytest.approx(1797, rel=0.03)


def test_unlabelled_data_is_measured_too(digits, tmp_path):
    lines = [line.partition(",")[2] for line in digits.read_text().splitlines()]
    (tmp_path / "pixels.csv").write_text("\n".join(lines) + "\n")
    config = TrainConfig(kind="autoencoder", label="none", nodes=(64, 8))
    found = measuring.measure(Source.look_at(str(tmp_path / "pixels.csv"), config), config, seconds=0.02)
    assert (found.rows, found.classes) == (1797, 0)


def test_costs_are_typical_until_they_are_measured():
    assert not costs.is_known("local")
    assert costs.costs("local").first_s == runner_of("local").typical_s[0]
    assert costs.costs("local").shared == costs.TYPICAL_SHARED
    costs.keep("local", 5.0, 1.5)
    costs.keep("inline", 1.0, 0.1)
    assert costs.is_known("local") and costs.costs("local") == Costs(5.0, 1.5, runner_of("local").slots(), 0.85)


@pytest.mark.slow
def test_the_command_prints_a_table_and_one_line_of_advice(mrdl_command, digits):
    ended = mrdl_command("advise", digits, "--nodes", "64,8,10")
    assert ended.rc == 0, ended.err
    lines = ended.out.decode().splitlines()
    assert "about 1797 rows of 65 columns" in lines[0] and lines[-1].startswith("Take -r inline")
    told = mrdl_command("advise", digits, "--nodes", "64,8,10", "--json").json
    assert told["rows"] == 1797 and {plan["runner"] for plan in told["plans"]} == {"inline", "local"}


def test_a_run_says_at_its_start_how_long_it_takes(mrdl_command, digits):
    ended = mrdl_command("train", digits, "--nodes", "64,8,10", "--rounds", "1", "--epochs", "1", "--json")
    assert ended.rc == 0 and "  takes about " in ended.err


@pytest.mark.slow
def test_what_a_run_ends_in_does_not_hang_on_what_was_measured(mrdl_command, digits, tmp_path):
    kept = tmp_path / "cache" / "mrdl" / "measured.json"
    words = ["train", digits, "--nodes", "64,8,10", "--shards", "2", "--rounds", "1", "--epochs", "1", "--json"]
    before = mrdl_command(*words)
    kept.parent.mkdir(parents=True, exist_ok=True)
    for damage in ("not json", json.dumps([1, 2]), json.dumps({runner_of("inline").place: "x"})):
        kept.write_text(damage)
        after = mrdl_command(*words)
        assert after.rc == 0 and after.json["sha256"] == before.json["sha256"], after.err


def test_memory_grows_with_rows_and_weights():
    config = resolved(TrainConfig(shards=4, warm_epochs=0, engine="numpy"))
    few, many = Shape(10_000, 100, 100, 2), Shape(1_000_000, 100, 100, 2)
    assert memory.task_mb(few, config) == LIGHT_MB + PARSE_MB, "a task that reads text takes more than one that trains"
    assert memory.task_mb(many, config) > memory.task_mb(few, config) + 2 * many.rows_mb(900_000 / 4) - 150
    wide = Shape(10_000, 20_000, 20_000, 2)
    assert memory.driver_mb(wide, config) > memory.driver_mb(few, config) + 8 * 4 * 20_000 * 500 / 2**20


def test_the_flags_that_are_told_make_a_task_small():
    long = Shape(50_000_000, 30, 30, 2)
    config = resolved(TrainConfig(shards=4, engine="numpy"))
    assert memory.task_mb(long, config) > memory.ENOUGH_MB
    words = memory.to_fit(long, config).split()
    assert words[0] == "--shards"
    assert memory.task_mb(long, resolved(config.with_changes({"shards": int(words[1])}))) <= memory.ENOUGH_MB
    wide = Shape(10_000, 20_000, 20_000, 2)
    narrow = resolved(TrainConfig(shards=4, hidden=(32,), engine="numpy"))
    _, shards, _, warm = memory.to_fit(wide, narrow).split()
    changed = narrow.with_changes({"shards": int(shards), "warm_rows": int(warm)})
    assert memory.task_mb(wide, resolved(changed)) <= memory.ENOUGH_MB < memory.task_mb(wide, narrow)
    assert memory.to_fit(wide, config) == "", "the weights alone take more"
    assert memory.to_fit(Shape(1000, 10, 10, 2), config) == ""
