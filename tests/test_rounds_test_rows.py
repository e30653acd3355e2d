"""Rows that only test choose nothing, and are told apart from those that do."""

import numpy as np
import pytest

import mrdl
from mrdl.errors import ConfigError

QUICK = {"nodes": (64, 12, 10), "shards": 2, "rounds": 2, "epochs": 1, "warm_rows": 100, "warm_epochs": 1}


def test_rows_that_test_are_neither_trained_on_nor_validated(new_run):
    made = new_run(validation=0.2, test_fraction=0.1, **QUICK)
    trained = made.train()
    plain = new_run(validation=0.3, **QUICK).train()
    assert trained.statistics.training_rows == plain.statistics.training_rows
    tested, judged, both = trained.test["rows"], trained.model.validation["rows"], plain.model.validation["rows"]
    assert tested + judged == both and 0.2 < tested / both < 0.5
    assert trained.summary()["accuracy"] == trained.test["accuracy"] != trained.model.validation["accuracy"]
    assert 0 < trained.test["auc"] <= 1 and "flatters" not in " ".join(trained.remarks)


def test_without_validation_all_rows_that_are_kept_out_test(new_run):
    trained = new_run(validation=0, test_fraction=0.1, outer_step=1.0, **QUICK).train()
    assert trained.test["rows"] == trained.statistics.validation_rows > 0 and not trained.model.validation


def test_the_rows_that_choose_are_said_to_flatter(new_run):
    def told(**changes):
        return " ".join(new_run(**QUICK | changes).train().remarks)

    searched = "the validation rows also chose the length of the outer step, so their score flatters a little"
    assert searched in told()
    assert "flatters" not in told(outer_step=1.0)
    assert "also chose when to stop and which round is kept, so" in told(outer_step=1.0, patience=1)
    assert "flatters" not in told(shards=1) and "which round is kept" in told(shards=1, keep="best")


def test_the_same_rows_test_in_any_order_of_the_data(digits, tmp_path):
    head, *rows = digits.read_text().splitlines()
    (tmp_path / "shuffled.csv").write_text("\n".join([head, *np.random.default_rng(0).permutation(rows), ""]))
    from mrdl.rounds.driver import Run
    from mrdl.settings.config import TrainConfig

    found = [
        Run(str(data), TrainConfig(test_fraction=0.1, run_dir=str(tmp_path / name), **QUICK)).train().test
        for name, data in (("a", digits), ("b", tmp_path / "shuffled.csv"))
    ]
    assert found[0] == found[1]


def test_two_tests_of_one_network_or_too_few_rows_to_train_on_are_refused(new_run, digits):
    with pytest.raises(ConfigError, match="test and test_fraction are two tests of one network: leave out one of them"):
        new_run(test=str(digits), test_fraction=0.1).execute()
    with pytest.raises(ConfigError, match="validation and test_fraction are 1 in all, expected 0.9 or less"):
        new_run(validation=0.6, test_fraction=0.4)


def test_a_shell_is_told_the_test_beside_the_validation(command, digits, tmp_path):
    words = ["--nodes", "64,10", "--shards", "1", "--rounds", "1", "--epochs", "1", "--test-fraction", "0.2"]
    status, _, err = command("train", digits, "--run-dir", tmp_path / "run", *words)
    assert status == 0 and "  test " in err and "AUC" in err
    assert mrdl.load(tmp_path / "run").settings["test_fraction"] == 0.2
