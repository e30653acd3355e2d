"""A report tells of each measure what knowing nothing would give, and of each class what is found of it."""

import json
import re

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, confusion_matrix, log_loss, roc_auc_score

import mrdl
from mrdl.errors import ConfigError
from mrdl.metrics.classification import Classification
from mrdl.model.report import Report


def report(targets, output, class_rows, classes=None):
    answers = Classification(output.shape[1], int(np.argmax(class_rows)))
    answers.add(output, targets)
    return Report("rows.csv", answers, classes or tuple("abcdefghijklmnopqrstuvwxyz"[: output.shape[1]]), class_rows)


def noise(rows, classes, seed=0):
    sums = np.random.default_rng(seed).normal(size=(rows, classes)).astype(np.float32)
    return sums - np.log(np.exp(sums).sum(1, keepdims=True))


def test_knowing_nothing_is_scikit_learns_dummy():
    rng = np.random.default_rng(1)
    class_rows, targets = (880, 90, 30), rng.choice(3, 500, p=[0.8, 0.15, 0.05])
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((1000, 1)), np.repeat([0, 1, 2], class_rows))
    said, priors = dummy.predict(np.zeros((500, 1))), dummy.predict_proba(np.zeros((500, 1)))
    found = report(targets, noise(500, 3), class_rows).baselines
    assert found["accuracy"] == (said == targets).mean()
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(targets, said))
    assert found["loss"] == pytest.approx(log_loss(targets, priors))
    assert found["brier"] == pytest.approx(brier_score_loss(targets, priors, labels=[0, 1, 2]))
    assert found["auc"] == roc_auc_score(targets, priors, multi_class="ovr")
    two = report(targets.clip(0, 1), noise(500, 2), (880, 120)).baselines
    assert two["pr_auc"] == (targets > 0).mean()
    assert two["brier"] == pytest.approx(brier_score_loss(targets > 0, np.full(500, 0.12)))


def test_an_unbalanced_table_is_not_praised_for_its_majority():
    targets, output = (np.arange(1000) < 30).astype(int), np.log(np.full((1000, 2), [0.9, 0.1], np.float32))
    told = str(report(targets, output, (970, 30), ("no", "yes")))
    lines = [line.split() for line in told.splitlines()]
    assert ["accuracy", "97.00", "%", "97.00", "%"] in [[*line[:3], *line[-2:]] for line in lines]
    assert ["balanced", "accuracy", "50.00", "%"] in [line[:4] for line in lines]
    assert ["ROC", "AUC", "0.5000"] in [line[:3] for line in lines]
    assert "its accuracy is no better than that of always saying 'no': look at the classes below" in told
    assert ["'yes'", "30", "0.00", "%", "0.0", "to", "11.4", "%", "0", "never"] in [line[:10] for line in lines]


def test_more_than_twelve_classes_have_their_most_frequent_errors_and_worst_classes():
    rng = np.random.default_rng(2)
    targets, output = rng.integers(0, 26, 4000), noise(4000, 26)
    output[targets == 3, 7] = 5
    told = str(report(targets, output, (1,) * 26)).splitlines()
    assert f"'h' was said of {(targets == 3).sum()} rows of class 'd'" in told
    assert "the 20 of 26 classes with the lowest F1" in told and sum(line.startswith("'") for line in told) == 20 + 10


def test_a_network_that_is_too_sure_is_told_so():
    targets = (np.arange(400) % 10 < 3).astype(int)
    sure = report(targets, np.log(np.full((400, 2), [0.95, 0.05], np.float32)), (7, 3))
    assert "it is surer than it should be: off by 25.0 points in the mean" in str(sure)
    honest = report(targets, np.log(np.full((400, 2), [0.7, 0.3], np.float32)), (7, 3))
    assert "it is as often right as it says: off by 0.0 points in the mean" in str(honest)


def test_the_command_tells_what_scikit_learn_finds(digits, command, tmp_path):
    model = mrdl.train(digits, nodes=[64, 10], shards=1, rounds=1, epochs=1, run_dir=str(tmp_path / "run"), show=False)
    model.save(tmp_path / "net.out")
    status, out, _ = command("evaluate", tmp_path / "net.out", digits, "--json")
    found, table = json.loads(out), np.loadtxt(digits, delimiter=",", skiprows=1)
    said = model.predict(table[:, 1:])
    assert status == 0 and found["rows"] == len(table) and found["accuracy"] == (said == table[:, 0]).mean()
    assert found["auc"] == pytest.approx(
        roc_auc_score(table[:, 0], model.predict_proba(table[:, 1:]), multi_class="ovr"), abs=1e-6
    )
    square = confusion_matrix(table[:, 0], said)
    assert {(int(c["class"]), int(c["said"])): c["rows"] for c in found["confusion"]} == {
        (i, j): square[i, j] for i, j in zip(*np.nonzero(square), strict=True)
    }
    status, out, _ = command("evaluate", tmp_path / "run", digits)
    assert status == 0 and out == f"{model.report(digits)}\n"
    assert re.search(rf"^accuracy +{100 * found['accuracy']:.2f} %", out, re.MULTILINE)


def test_networks_without_classes_have_measures_but_no_report(digits, command, tmp_path):
    model = mrdl.train(digits, kind="autoencoder", nodes=[64, 4], shards=1, rounds=1, epochs=1, show=False,
                       run_dir=str(tmp_path / "run"))  # fmt: skip
    status, out, _ = command("evaluate", tmp_path / "run", digits)
    assert status == 0 and out.startswith("rows 1797\nloss ")
    with pytest.raises(ConfigError, match="has not a report: it gives no classes"):
        model.report(digits)
