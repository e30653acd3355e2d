"""A round's manifest: what it tells, and that one which is not whole is never taken for one."""

import json
import math

import pytest
from manifests import PLAIN, SHARD, manifest

from mrdl.errors import DamagedRound
from mrdl.rounds.manifest import Manifest, ShardRecord, best_round, rows_trained, seconds_by_phase, training_loss


def test_a_manifest_comes_back_from_json_as_it_was():
    known = manifest(round=7, stage="layer 1", cpu_s=1.5, training_loss=1)
    assert Manifest.from_json(json.loads(json.dumps(known.to_json()))) == known


def test_the_json_of_a_manifest_has_its_parts_in_order_and_the_metrics_of_shards_beside_the_rest():
    told = manifest().to_json()
    assert list(told) == list(PLAIN)
    assert told["shards"] == [
        {"shard": 0, "num_examples": 9, "loss": 0.5, "steps": 3.0, "device": "cpu", "left_out": ""}
    ]


@pytest.mark.parametrize("part", PLAIN)
def test_a_manifest_without_a_part_is_damaged_and_the_part_is_named(part):
    told = manifest().to_json()
    del told[part]
    with pytest.raises(DamagedRound, match=f"it lacks '{part}'"):
        Manifest.from_json(told)


@pytest.mark.parametrize("part", PLAIN)
def test_a_part_of_another_kind_is_damage(part):
    told = {**manifest().to_json(), part: {} if isinstance(PLAIN[part], list | tuple) else ["x"]}
    with pytest.raises(DamagedRound, match=f"its '{part}' is a "):
        Manifest.from_json(told)


@pytest.mark.parametrize("told", [None, [], "text", 3])
def test_json_of_another_shape_is_no_manifest(told):
    with pytest.raises(DamagedRound, match="expected an object of JSON"):
        Manifest.from_json(told)


@pytest.mark.parametrize("shard", [{}, {**SHARD.to_json(), "num_examples": "nine"}, None])
def test_a_shard_that_is_no_record_is_damage(shard):
    with pytest.raises(DamagedRound):
        Manifest.from_json({**manifest().to_json(), "shards": [shard]})


def test_what_a_later_version_adds_is_passed_over():
    assert Manifest.from_json({**manifest().to_json(), "weather": "fine"}) == manifest()


def test_rows_and_loss_are_those_of_the_shards_that_count():
    records = [
        ShardRecord(0, 1, {"loss": 1.0}, "", ""),
        ShardRecord(1, 50, {"loss": None}, "", "its loss is nan"),
        ShardRecord(2, 3, {"loss": 2.0}, "", ""),
    ]
    assert (rows_trained(records), training_loss(records)) == (4, 7 / 4)
    assert (rows_trained([]), training_loss([])) == (0, 0.0)


def test_the_driver_has_the_time_that_the_job_did_not_take():
    assert seconds_by_phase(3.0, {"map": 1.2504, "reduce": 0.5}) == {"map": 1.25, "reduce": 0.5, "driver": 1.25}


def test_the_row_of_a_history_is_what_model_files_have_kept_always():
    """Model files with these rows are read by everybody: the names are a format."""
    row = manifest(round=3, stage="layer 1").history_row()
    assert row == {
        "round": 3,
        "stage": "layer 1",
        "training_loss": 0.5,
        "loss": 0.25,
        "accuracy": 0.75,
        "validation_rows": 4,
        "rows": 9,
    }
    assert "stage" not in manifest().history_row() and "validation_rows" not in manifest(validation={}).history_row()


def test_the_summary_is_a_line_of_losses_scores_and_seconds():
    assert manifest().summary() == "training loss 0.5000   validation loss 0.2500   accuracy 75.00 %   2.0 s"


@pytest.mark.parametrize(
    ("seen", "best"), [([3, 2, 1], 3), ([2, 1, 1], 2), ([math.nan, 5], 2), ([5, math.nan], 1), ([math.inf, 9, 8], 3)]
)
def test_the_best_round_is_the_first_of_least_loss_and_one_that_is_not_finite_is_never_it(seen, best):
    assert best_round([manifest(round=i + 1, validation={"loss": loss}) for i, loss in enumerate(seen)], "loss") == best


def test_of_a_measure_that_rises_the_best_round_has_the_most():
    rounds = [manifest(round=i + 1, validation={"auc": auc, "loss": auc}) for i, auc in enumerate((0.6, 0.9, 0.9, 0.7))]
    assert (best_round(rounds, "auc"), best_round(rounds, "loss"), best_round(rounds, "f1")) == (2, 1, 4)


def test_a_line_has_more_measures_where_one_class_is_most_of_the_rows_and_that_which_decides():
    scores = {"loss": 0.3, "accuracy": 0.9, "baseline": 0.5, "balanced_accuracy": 0.6, "auc": 0.8, "f1": 0.4}
    assert manifest(validation=scores).main_scores() == {"loss": 0.3, "accuracy": 0.9}
    assert "F1 0.4000" in manifest(validation=scores).summary("f1")
    told = manifest(validation=scores | {"baseline": 0.9}).summary()
    assert "accuracy 90.00 %   balanced accuracy 60.00 %   AUC 0.8000   " in told and "F1" not in told


def test_without_validation_rows_the_best_round_is_the_last():
    assert best_round([manifest(round=number, validation={}) for number in (1, 2)], "loss") == 2
