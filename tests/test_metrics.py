"""Measures are scikit-learn's, in odd cases too, and do not depend on the order or the parts that rows come in."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as theirs

from mrdl.metrics import intervals
from mrdl.metrics.classification import Classification
from mrdl.metrics.decision import best_cut
from mrdl.metrics.multilabel import Multilabel
from mrdl.metrics.ranking import Ranking
from mrdl.metrics.regression import Regression
from mrdl.metrics.sums import ExactSum


def answers(classes, rows, seed=0, sharp=2.0, decimals=None):
    """Log-probabilities, (rows, classes) float32, and classes that they tell something of, (rows,)."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, rows)
    sums = rng.normal(size=(rows, classes)) + sharp * np.eye(classes)[targets] * rng.random((rows, 1))
    if decimals is not None:
        sums = sums.round(decimals)
    output = sums - np.log(np.exp(sums).sum(1, keepdims=True))
    return output.astype(np.float32), targets


def gathered(output, targets, classes, majority=None, parts=1, order=None):
    """The measures of rows that came in parts, each part gathered by itself."""
    whole = Classification(classes, majority)
    for some in np.array_split(np.arange(len(targets)) if order is None else order, parts):
        part = Classification(classes, majority)
        part.add(output[some], targets[some])
        whole.merge(part)
    return whole


def of_class(targets, number):
    return (targets == number).astype(int)


@pytest.mark.parametrize(
    ("classes", "rows", "decimals"),
    [(2, 500, None), (2, 60, 0), (3, 400, None), (12, 3000, None), (5, 300, 1), (5, 7, None)],
)
def test_measures_are_those_of_scikit_learn(classes, rows, decimals):
    output, targets = answers(classes, rows, seed=classes + rows, decimals=decimals)
    found, names = gathered(output, targets, classes).scores(), list(range(classes))
    probability = np.exp(output) / np.exp(output).sum(1, keepdims=True)
    said = output.argmax(1)
    how = {"pos_label": 1} if classes == 2 else {"average": "macro"}
    there = np.unique(targets)
    with warnings.catch_warnings(action="ignore"):
        expected = {
            "rows": rows,
            "loss": theirs.log_loss(targets, np.exp(output.astype(float)), labels=names),
            "accuracy": theirs.accuracy_score(targets, said),
            "balanced_accuracy": theirs.balanced_accuracy_score(targets, said),
            "precision": theirs.precision_score(targets, said, zero_division=0, **how),
            "f1": theirs.f1_score(targets, said, zero_division=0, **how),
            "brier": theirs.brier_score_loss(targets, probability if classes > 2 else probability[:, 1], labels=names),
        }
        areas = [theirs.roc_auc_score(of_class(targets, c), probability[:, c]) for c in there]
        precisions = [theirs.average_precision_score(of_class(targets, c), probability[:, c]) for c in there]
    expected |= {"auc": np.mean(areas), "pr_auc": precisions[1] if classes == 2 else np.mean(precisions)}
    expected["recall"] = theirs.recall_score(targets, said, labels=there, **how)
    if classes > 5:
        expected["top_5"] = theirs.top_k_accuracy_score(targets, probability, k=5, labels=names)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_of_two_classes_the_rarer_in_training_is_the_positive_one():
    output, targets = answers(2, 300)
    found = gathered(output, targets, 2, majority=1).scores()
    said = output.argmax(1)
    assert found["f1"] == pytest.approx(theirs.f1_score(targets, said, pos_label=0), abs=1e-12)
    assert found["precision"] == pytest.approx(theirs.precision_score(targets, said, pos_label=0), abs=1e-12)
    assert found["baseline"] == (targets == 1).mean()


def test_the_matrix_is_scikit_learns_and_its_errors_are_told_by_their_number():
    output, targets = answers(4, 900, sharp=1.0)
    confusion = gathered(output, targets, 4).confusion
    expected = theirs.confusion_matrix(targets, output.argmax(1))
    assert (confusion.matrix == expected).all()
    off = expected - np.diag(np.diag(expected))
    worst = confusion.most_frequent_errors(3)
    assert [rows for _, _, rows in worst] == sorted(off.ravel(), reverse=True)[:3]
    assert all(off[target, said] == rows for target, said, rows in worst)


def test_an_unknown_label_is_an_error_but_no_class():
    output, targets = answers(3, 200)
    targets[::7] = -1
    known, said, found = targets >= 0, output.argmax(1), gathered(output, targets, 3)
    scores = found.scores()
    assert scores["accuracy"] == (said == targets).mean() and scores["rows"] == 200
    assert scores["loss"] == pytest.approx(-output[known, targets[known]].astype(float).mean(), abs=1e-9)
    assert scores["balanced_accuracy"] == theirs.balanced_accuracy_score(targets[known], said[known])
    with_unknown = theirs.precision_score(targets, said, labels=[0, 1, 2], average=None)
    np.testing.assert_allclose(found.confusion.precision, with_unknown)
    assert found.confusion.rows_of.sum() == known.sum() and found.confusion.rows == 200


def test_rows_of_one_class_have_no_area_under_a_curve_and_no_rows_no_measure():
    output, _ = answers(2, 50)
    scores = gathered(output, np.zeros(50, np.int64), 2, majority=0).scores()
    assert {"auc", "recall"}.isdisjoint(scores) and scores["precision"] == 0
    assert scores["balanced_accuracy"] == scores["accuracy"] == (output.argmax(1) == 0).mean()
    none = gathered(output[:0], np.zeros(0, np.int64), 2).scores()
    assert none["rows"] == 0 and math.isnan(none["loss"]) and set(none) == {"rows", "loss", "accuracy"}


def test_a_class_without_rows_counts_only_where_it_was_said():
    output, targets = answers(3, 300)
    targets[targets == 2] = 0
    found = gathered(output, targets, 3)
    said = output.argmax(1)
    assert found.scores()["f1"] == pytest.approx(theirs.f1_score(targets, said, average="macro"), abs=1e-12)
    assert math.isnan(found.confusion.recall[2]) and found.confusion.precision[2] == 0
    output[:, 2] = -100
    assert math.isnan(gathered(output, targets, 3).confusion.f1[2])


def test_a_network_that_gives_no_numbers_has_no_areas():
    output, targets = answers(2, 40)
    output[3] = np.nan
    scores = gathered(output, targets, 2).scores()
    assert math.isnan(scores["loss"]) and "auc" not in scores and "brier" not in scores


@pytest.mark.parametrize("classes", [2, 7])
def test_no_order_and_no_parts_change_a_bit(classes):
    output, targets = answers(classes, 2000)
    whole = gathered(output, targets, classes, 0).scores()
    for seed, parts in ((1, 2), (2, 13), (3, 400)):
        order = np.random.default_rng(seed).permutation(2000)
        assert gathered(output, targets, classes, 0, parts, order).scores() == whole


# --- curves ---


def ranked(probability, is_of_class, most, parts=1):
    whole = Ranking(most)
    for some in np.array_split(np.arange(len(probability)), parts):
        part = Ranking(most)
        part.add(probability[some], is_of_class[some])
        whole.merge(part)
    return whole


@pytest.mark.parametrize("rows", [3, 100, 20_000])
@pytest.mark.parametrize("values", [2, 10, None])
def test_areas_are_exact_with_ties_too(rows, values):
    rng = np.random.default_rng(rows)
    is_of_class = np.r_[True, False, rng.random(rows - 2) < 0.1]
    probability = rng.beta(1 + is_of_class, 3).astype(np.float32)
    probability = probability if values is None else (probability * values).round() / np.float32(values)
    found = ranked(probability, is_of_class, 1 << 20)
    assert found.roc_auc == pytest.approx(theirs.roc_auc_score(is_of_class, probability), abs=1e-12)
    assert found.pr_auc == pytest.approx(theirs.average_precision_score(is_of_class, probability), abs=1e-12)
    assert found.error == (0, 0) and found.rows == (is_of_class.sum(), (~is_of_class).sum())


@pytest.mark.parametrize(("sharpness", "least"), [(1, 1e-3), (20, 0.01)])
def test_beyond_so_many_probabilities_the_error_is_as_stated_and_small(sharpness, least):
    rng = np.random.default_rng(5)
    is_of_class = rng.random(200_000) < 0.02
    sums = rng.normal(size=200_000) * sharpness + is_of_class * sharpness
    probability = (1 / (1 + np.exp(-sums))).astype(np.float32)
    found, exact = (ranked(probability, is_of_class, most, parts=7) for most in (5000, 1 << 20))
    roc, pr = found.error
    assert 0 < roc < least and 0 < pr < 0.02
    assert abs(found.roc_auc - exact.roc_auc) <= roc and abs(found.pr_auc - exact.pr_auc) <= pr
    assert abs(found.roc_auc - exact.roc_auc) < 1e-6
    again = ranked(probability[::-1], is_of_class[::-1], 5000, parts=3)
    assert (again.roc_auc, again.pr_auc, again.error) == (found.roc_auc, found.pr_auc, found.error)


def test_probabilities_near_0_and_1_are_kept_apart():
    probability = np.array([0, 1e-37, 1e-30, 0.4999999, 0.5, 0.50000006, 1 - 6e-8, 1], np.float32)
    for place in range(1, 8):
        assert ranked(probability, np.arange(8) >= place, 99).roc_auc == 1


# --- calibration ---


def test_calibration_counts_how_often_what_was_said_is_right():
    output, targets = answers(2, 5000)
    bins, error = gathered(output, targets, 2).calibration.bins, gathered(output, targets, 2).calibration.error
    said = np.exp(output).max(1) / np.exp(output).sum(1)
    hits = output.argmax(1) == targets
    assert [b.low for b in bins] == [0.5, 0.6, 0.7, 0.8, 0.9] and sum(b.rows for b in bins) == 5000
    for b in bins:
        inside = (said >= np.float32(b.low)) & ((said < np.float32(b.high)) | (b.high == 1))
        assert b.rows == pytest.approx(inside.sum(), abs=1) and b.said == pytest.approx(said[inside].mean(), abs=1e-3)
        assert b.hits == pytest.approx(hits[inside].sum(), abs=1)
    assert error == pytest.approx(sum(abs(b.said - b.hits / b.rows) * b.rows for b in bins) / 5000)


# --- numbers ---


@pytest.mark.parametrize("offset", [0, 1e9, -1e12])
def test_measures_of_numbers_are_those_of_scikit_learn_however_far_from_0(offset):
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=4000) * 3 + offset
    predicted = wanted + rng.normal(size=4000)
    parts = [Regression(offset), Regression(offset), Regression(offset)]
    for part, rows in zip(parts, np.array_split(rng.permutation(4000), 3), strict=True):
        part.add(predicted[rows], wanted[rows])
    parts[0].merge(parts[2])
    parts[0].merge(parts[1])
    found = parts[0].scores()
    assert found["rmse"] == pytest.approx(theirs.root_mean_squared_error(wanted, predicted), rel=1e-12)
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(wanted, predicted), rel=1e-12)
    assert found["r2"] == pytest.approx(theirs.r2_score(wanted, predicted), abs=1e-9)
    assert found["baseline"] == pytest.approx(np.sqrt(((wanted - offset) ** 2).mean()), rel=1e-12)


def test_numbers_that_are_all_alike_have_no_r2_and_infinite_ones_no_measures():
    alike = Regression()
    alike.add(np.array([0.1, 0.3]), np.array([0.1, 0.1]))
    assert alike.scores() == {"rows": 2, "rmse": pytest.approx(0.2 / math.sqrt(2)), "mae": pytest.approx(0.1)}
    alike.add(np.array([np.inf]), np.array([1.0]))
    assert math.isnan(alike.scores()["rmse"]) and "r2" not in alike.scores()
    assert math.isnan(Regression().scores()["rmse"])


def test_a_sum_is_exact_whatever_the_order():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(size=2000) * 10.0 ** rng.integers(-300, 300, 2000), [5e-324, -1e308, 1e308]])
    expected = sum(map(Fraction, values.tolist()))
    for order in (np.arange(2003), rng.permutation(2003)):
        total = ExactSum()
        for part in np.array_split(values[order], 5):
            total.add(part)
        assert total.exact == expected and float(total) == float(expected) == math.fsum(values)


# --- several labels ---


def test_measures_of_several_labels_are_the_means_of_scikit_learns():
    rng = np.random.default_rng(1)
    wanted = (rng.random((800, 3)) < [0.5, 0.2, 0.05]).astype(int)
    probability = rng.beta(1 + 2 * wanted, 2).astype(np.float32)
    found = Multilabel(3, wanted.mean(0))
    for rows in np.array_split(np.arange(800), 4):
        found.add(probability[rows], wanted[rows])
    scores, said = found.scores(), probability > 0.5
    columns = [(wanted[:, i], said[:, i], probability[:, i]) for i in range(3)]
    expected = {
        "f1": theirs.f1_score(wanted, said, average="macro"),
        "precision": theirs.precision_score(wanted, said, average="macro"),
        "recall": theirs.recall_score(wanted, said, average="macro"),
        "auc": theirs.roc_auc_score(wanted, probability),
        "pr_auc": theirs.average_precision_score(wanted, probability),
        "exact": theirs.accuracy_score(wanted, said),
        "loss": np.mean([theirs.log_loss(y, p) for y, _, p in columns]),
        "accuracy": np.mean([theirs.accuracy_score(y, s) for y, s, _ in columns]),
        "brier": np.mean([theirs.brier_score_loss(y, p) for y, _, p in columns]),
        "baseline": (wanted == (wanted.mean(0) > 0.5)).all(1).mean(),
        "rows": 800,
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_a_label_that_was_ruled_out_costs_a_finite_loss():
    found = Multilabel(1)
    found.add(np.array([[0.0], [1.0]], np.float32), np.array([[1], [1]]))
    assert 5 < found.scores()["loss"] < 20


# --- intervals ---


@pytest.mark.parametrize(("right", "rows"), [(26, 27), (0, 5), (5, 5), (1, 1), (613, 999), (9750, 10_000)])
def test_the_interval_of_a_share_is_that_of_scipy(right, rows):
    known = binomtest(right, rows).proportion_ci(method="wilson")
    assert intervals.of_share(right / rows, rows) == pytest.approx((known.low, known.high), abs=1e-12)


def test_nineteen_of_twenty_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    shares, rows = np.array([0.9, 0.6, 0.3]), np.array([400, 60, 30])
    held = [0, 0]
    for _ in range(400):
        low, high = intervals.of_mean_of_shares(list(zip(rng.binomial(rows, shares).tolist(), rows, strict=True)))
        held[0] += low <= shares.mean() <= high
        above, below = rng.normal(1, 1, 60), rng.normal(0, 1, 200)
        auc = float((above[:, None] > below).mean())
        low, high = intervals.of_auc(auc, 60, 200)
        held[1] += low <= 0.7602 <= high  # the normal distribution at 1 / sqrt(2)
    assert all(0.92 <= times / 400 <= 0.99 for times in held)


# --- a decision ---


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("measure", ["f1", "balanced_accuracy"])
@pytest.mark.parametrize("decimals", [1, 6])
def test_the_best_cut_is_that_of_all_that_there_are(measure, positive, decimals):
    rng = np.random.default_rng(decimals)
    is_second = rng.random(200) < 0.2
    probability = rng.beta(1 + 2 * is_second, 6).round(decimals).astype(np.float32)

    def worth(cut):
        said = probability >= cut
        if measure == "f1":
            return theirs.f1_score(is_second, said, pos_label=positive, zero_division=0)
        return theirs.balanced_accuracy_score(is_second, said)

    cut = best_cut(probability, is_second, measure, positive)
    assert worth(cut) == max(worth(each) for each in [*np.unique(probability), 1.1])
    assert abs(probability - cut).min() > 0
    assert best_cut(probability, np.zeros(200, bool), measure, positive) is None
