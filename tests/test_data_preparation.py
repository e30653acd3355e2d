"""What rows go through before training: statistics in any order, scaling, classes, and what cannot be trained on."""

import numpy as np
import pandas as pd
import pytest

from mrdl.data.preparation.choice import looks_like_pixels
from mrdl.data.preparation.fitness import refuse
from mrdl.data.preparation.preparation import Preparation, prepare
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.statistics import Statistics, told_rounding
from mrdl.data.text.schema import Schema
from mrdl.data.values import MAX_CLASSES


def counted(features: np.ndarray, labels=(), targets=0, **more) -> Statistics:
    """The statistics of training rows, as a mapper would count them; targets: how many of the last columns are."""
    statistics = Statistics.empty(features.shape[1], targets)
    statistics.add_range(features.astype(np.float32))
    statistics.add_targets(features)
    statistics.training_rows = len(features)
    names, counts = np.unique(np.asarray(labels, str), return_counts=True)
    statistics.classes = dict(zip(names.tolist(), counts.tolist(), strict=True))
    for name, value in more.items():
        setattr(statistics, name, value)
    return statistics


def prepared(features: np.ndarray, scaling: str, **more) -> Preparation:
    names = tuple(f"c{i}" for i in range(features.shape[1]))
    return prepare(counted(features, ["a", "b"], **more), Schema((*names, "kind"), len(names), None), Scaling(scaling))


# --- statistics ---


def merged(parts: list[Statistics]) -> Statistics:
    whole = Statistics.empty(4, 1)
    for part in parts:
        whole.merge(part)
    return whole


@pytest.mark.parametrize("seed", range(5))
def test_statistics_of_any_parts_in_any_order_are_those_of_all_rows(seed):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(200, 4)).astype(np.float32), rng.choice(list("abc"), 200)
    cuts = [0, *sorted(rng.integers(0, 200, 5)), 200]
    parts = []
    for i, (start, stop) in enumerate(zip(cuts, cuts[1:], strict=False)):
        parts.append(
            counted(features[start:stop], labels[start:stop], 1, missing=i, validation_rows=2, integral=i != 3)
        )
        parts[-1].add_levels({1: {"north": i, "south": 1}, 2 * (i % 2): {"only here": 2}})
        for place in range(3):
            parts[-1].add_bad(f"file{i % 2}", 10 * place + i, "why", "text")
    groups = rng.integers(0, 3, 6)
    whole = merged([merged([parts[i] for i in rng.permutation(6) if groups[i] == group]) for group in range(3)])
    np.testing.assert_array_equal(whole.minimum, features.min(0))
    np.testing.assert_array_equal(whole.maximum, features.max(0))
    (target,) = whole.targets
    assert (target.mean, target.deviation) == pytest.approx((features[:, 3].mean(), features[:, 3].std()), rel=1e-6)
    assert whole.to_meta() == {
        "targets": counted(features, targets=1).to_meta()["targets"],
        "training_rows": 200,
        "validation_rows": 12,
        "missing": 15,
        "bad_rows": 18,
        "integral": False,
        "classes": pd.Series(labels).value_counts().to_dict(),
        "levels": {0: {"only here": 6}, 1: {"north": 15, "south": 6}, 2: {"only here": 6}},
        "bad": [("file0", place, "why", "text") for place in (0, 2, 4, 10, 12)],
        "unfit": [],
        "cut": False,
    }


def test_only_the_first_bad_rows_are_kept_as_examples():
    statistics = Statistics.empty(1)
    for place in (9, 3, 7, 1, 8, 2, 5):
        statistics.add_bad("x.csv", place, "why", "text")
    assert (statistics.bad_rows, [place for _, place, _, _ in statistics.bad]) == (7, [1, 2, 3, 5, 7])


def test_no_rows_widen_no_range():
    statistics = counted(np.array([[1.0], [2.0]]))
    statistics.add_range(np.zeros((0, 1), np.float32))
    assert (statistics.minimum.tolist(), statistics.maximum.tolist()) == ([1], [2])


# --- scaling ---


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_column_scaling_is_that_of_numpy(dtype):
    features = np.random.default_rng(1).integers(0, 200, (50, 6)).astype(dtype)
    low, high = features.min(0).astype(float), features.max(0).astype(float)
    scaled = prepared(features, "column").scale(features)
    np.testing.assert_allclose(scaled, (features - low) / (high - low), atol=1e-6)
    assert (scaled.dtype, scaled.min(), scaled.max()) == (np.float32, 0, 1)


def test_common_scaling_has_one_range_for_all_columns():
    features = np.array([[-2.0, 0.0], [3.0, 8.0], [1.0, 5.0]])
    np.testing.assert_allclose(prepared(features, "common").scale(features), (features + 2) / 10, atol=1e-7)


def test_auto_takes_real_digits_for_pixels(digits):
    pixels = pd.read_csv(digits).drop(columns="digit").to_numpy()
    np.testing.assert_allclose(prepared(pixels, "auto").scale(pixels), pixels / 16, atol=1e-7)


MIXED = np.array([[18, 1, 200], [90, 0, 3], [40, 1, 50]])  # say age, yes or no, weight


@pytest.mark.parametrize(
    ("features", "integral", "pixels"),
    [
        pytest.param(np.array([[0, 0, 0, 255], [0, 240, 255, 0]]), True, True, id="pixels with a border"),
        pytest.param(np.array([[0, 1, 1], [1, 0, 1]]), True, True, id="black and white"),
        pytest.param(MIXED, True, False, id="mixed units"),
        pytest.param(MIXED / 7, False, False, id="fractions"),
        pytest.param(np.array([[0.0, 0.5], [1.0, 0.0]]), False, False, id="fractions of one height"),
        pytest.param(np.array([[7, 7], [7, 7]]), True, False, id="constant"),
    ],
)
def test_auto_tells_pixels_from_mixed_units(features, integral, pixels):
    statistics = counted(features, integral=integral)
    assert looks_like_pixels(statistics) is pixels


@pytest.mark.parametrize(("pixels", "scaling"), [(True, "common"), (False, "column")])
def test_auto_is_common_for_pixels_and_column_for_others(pixels, scaling):
    features = np.array([[0, 250, 3], [10, 255, 255], [255, 0, 0]]) if pixels else MIXED
    chosen, known = prepared(features, Scaling()), prepared(features, scaling)
    np.testing.assert_array_equal(chosen.scale(features), known.scale(features))


@pytest.mark.parametrize("scaling", ["column", "common"])
def test_what_never_varies_becomes_0(scaling):
    features = np.full((4, 2), 7.5, np.float32)
    assert not prepared(features, scaling).scale(features).any()


def test_values_outside_the_training_range_are_cut():
    preparation = prepared(np.array([[0.0, 10.0], [4.0, 20.0]]), "column")
    assert preparation.scale(np.array([[-1, 15], [5, 1e9]])).tolist() == [[0, 0.5], [1, 1]]


@pytest.mark.parametrize(
    "column", [pytest.param([0.0, 1e-40], id="narrow"), pytest.param([-3e38, 0.0, 3e38], id="wide")]
)
def test_the_most_extreme_ranges_of_float32_stay_in_0_to_1(column):
    features = np.array(column, np.float32)[:, None]
    scaled = prepared(features, "column").scale(features)
    assert ((scaled >= 0) & (scaled <= 1)).all()


def test_scaling_leaves_its_input_as_it_is():
    features = np.array([[1.0], [3.0]], np.float32)
    prepared(features, "column").scale(features)
    assert features.tolist() == [[1], [3]]


def test_without_training_rows_everything_becomes_0():
    preparation = prepare(Statistics.empty(2), Schema(("x", "y", "kind"), 2, None), Scaling())
    assert preparation.scale(np.array([[3.0, -4.0]])).tolist() == [[0, 0]]


# --- classes ---


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["10", "9", "1"], ("1", "9", "10")),
        (["b", "a", "B"], ("B", "a", "b")),
        (["cat", "2", "-1", "1.5"], ("-1", "1.5", "2", "cat")),
        (["1.0", "1", "01"], ("01", "1", "1.0")),
        (["nan", "inf", "3", "-inf"], ("3", "-inf", "inf", "nan")),
    ],
)
def test_classes_are_in_order_of_number_then_text(names, order):
    for some_order in (names, names[::-1]):
        statistics = counted(np.array([[0.0], [1.0]]), classes=dict.fromkeys(some_order, 1))
        assert prepare(statistics, Schema(("x", "kind"), 1, None), Scaling()).classes == order


def test_labels_become_class_numbers_and_unseen_ones_minus_1():
    numbers = prepared(np.array([[0.0], [1.0]]), "auto").class_numbers(["b", "a", "z", "b", ""])
    assert (numbers.tolist(), numbers.dtype) == ([1, 0, -1, 1, -1], np.int64)


def test_data_without_a_label_has_no_classes():
    statistics = counted(np.array([[0.0], [1.0]]), ["", ""])
    preparation = prepare(statistics, Schema(("x",), None, None), Scaling())
    assert (preparation.classes, preparation.label, preparation.label_index) == ((), "", None)


# --- what cannot be trained on ---

TWO = {"a": 5, "b": 5}
LABELLED = Schema(("label", "a", "b"), 0, None)


@pytest.mark.parametrize(
    ("about", "skip", "supervised", "reason"),
    [
        ({"bad_rows": 3}, False, True, "3 rows cannot be read"),
        ({"training_rows": 0}, False, True, "there are no rows to train on"),
        ({"training_rows": 0, "validation_rows": 7}, False, True, "no rows to train on: all 7 went to validation"),
        ({"training_rows": 3}, False, True, "4 shards, but only 3 rows to train on: use --shards 3 or fewer"),
        ({"classes": {"a": 10}}, False, True, "one class only ('a')"),
        ({"classes": dict.fromkeys(map(str, range(MAX_CLASSES + 1)), 9)}, False, True, "more than 10,000"),
        ({"training_rows": 0, "bad_rows": 3}, True, True, "there are no rows to train on"),
        ({"training_rows": 3, "classes": {"": 3}}, False, False, "only 3 rows"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_by_its_reason(about, skip, supervised, reason):
    statistics = counted(np.zeros((10, 2)), **{"classes": TWO, **about})
    assert reason in refuse(statistics, LABELLED, 4, skip, "auto" * supervised).text


@pytest.mark.parametrize(
    ("about", "skip", "supervised"),
    [
        ({}, False, True),
        ({"bad_rows": 3}, True, True),
        ({"training_rows": 4}, False, True),
        ({"classes": dict.fromkeys(map(str, range(MAX_CLASSES)), 5)}, False, True),
        ({"classes": {"": 10}}, False, False),
    ],
)
def test_data_that_can_be_trained_on_is_not_refused(about, skip, supervised):
    statistics = counted(np.zeros((10, 2)), **{"classes": TWO, **about})
    assert refuse(statistics, LABELLED, 4, skip, "auto" * supervised) is None


# --- numbers that 32-bit floats cannot hold ---


@pytest.mark.parametrize(
    ("largest", "told"),
    [
        (((1 << 24) - 1, 1 - (1 << 24)), ""),
        (((1 << 24) + 1, 0), "values of 16,777,216 and more in 'a':"),
        ((0, -1e9), "in 'b':"),
        ((2e9, 3e9), "in 'a', 'b':"),
    ],
)
def test_columns_whose_whole_numbers_lose_digits_are_named(largest, told):
    statistics = Statistics.empty(2)
    statistics.add_range(np.array([largest, (1, 2)], np.float32))
    assert told in told_rounding(statistics, ("a", "b")) and bool(told_rounding(statistics, ("a", "b"))) == bool(told)


def test_nothing_is_said_of_the_digits_of_no_rows():
    assert told_rounding(Statistics.empty(2), ("a", "b")) == ""
