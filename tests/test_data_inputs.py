"""Columns of every kind become inputs as scikit-learn's ColumnTransformer makes them, and come back from a header."""

import datetime
import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mrdl.data.preparation.categories import MOST_LEVELS, Category
from mrdl.data.preparation.choice import choose_inputs
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import prepare
from mrdl.data.preparation.scaling import LIMIT, STANDARD, Scaling
from mrdl.data.sample import Sample
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.data.types import ColumnType
from mrdl.errors import ConfigError
from mrdl.settings.config import TrainConfig

NUMBER, CATEGORY, DATE = map(ColumnType, ("number", "category", "date"))


def counted(frame: pd.DataFrame, types) -> tuple[np.ndarray, Statistics, Schema]:
    """The raw rows of a table as a run has them, their statistics, the sample's among them, and its columns."""
    raw, found = np.empty(frame.shape, np.float32), Statistics.empty(frame.shape[1])
    for i, (name, kind) in enumerate(zip(frame, types, strict=True)):
        column = frame[name]
        if kind is CATEGORY:
            rows = column.value_counts()
            found.levels[i] = {str(level): int(rows[level]) for level in rows.index}
            codes = {level: code for code, level in enumerate(sorted(found.levels[i]))}
            raw[:, i] = [codes.get(level, math.nan) for level in column]
        else:
            raw[:, i] = column
    found.training_rows = len(raw)
    found.add_range(raw)
    found.sample = Sample.of(raw)
    return raw, found, Schema((*frame.columns, "y"), len(types), None, types=(*types, NUMBER))


def standard(frame: pd.DataFrame, types, **about) -> tuple[np.ndarray, Inputs]:
    raw, statistics, schema = counted(frame, types)
    prepared = prepare(statistics, schema, Scaling(STANDARD, **about))
    return prepared.scale(raw), prepared.inputs


def a_table(rows=400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "wage": rng.normal(3000, 800, rows),
            "city": rng.choice(["Rom", "Bonn", "Genf", "Köln"], rows),
            "height": rng.uniform(1.5, 2, rows),
            "grade": rng.choice(list("abc"), rows),
        }
    )


def test_numbers_and_categories_become_what_scikit_learn_makes_of_them():
    frame = a_table()
    found, inputs = standard(frame, (NUMBER, CATEGORY, NUMBER, CATEGORY))
    numbers, categories = ["wage", "height"], ["city", "grade"]
    known = ColumnTransformer(
        [("n", StandardScaler(), numbers), ("c", OneHotEncoder(), categories)], sparse_threshold=0
    )
    exact = frame.assign(**{name: frame[name].astype(np.float32).astype(float) for name in numbers})
    np.testing.assert_allclose(found, known.fit_transform(exact), atol=1e-6)
    assert inputs.width == 9 and inputs.names(list(frame))[:4] == ["wage", "height", "city = Bonn", "city = Genf"]


def test_flags_stay_as_they_are_and_far_values_are_cut():
    flags = np.resize([0.0, 1, 1, 1], 1000)
    heavy = np.append(np.random.default_rng(1).normal(size=999), 1e30)
    found, _ = standard(pd.DataFrame({"flag": flags, "heavy": heavy, "same": np.full(1000, 7.0)}), (NUMBER,) * 3)
    np.testing.assert_array_equal(found[:, 0], flags)
    assert found[-1, 1] == LIMIT and not found[:, 2].any()


@pytest.mark.parametrize(("how", "filled"), [("auto", 0.0), ("mean", 0.0), ("median", -0.5), ("zero", -1.0)])
def test_a_missing_number_is_filled_in_as_asked_for_and_told_where_that_is_common(how, filled):
    known = np.array([1.0, 1, 1, 1, 6])  # mean 2, deviation 2, median 1
    often, rare = np.append(known, np.nan), np.append(np.resize(known, 35), np.nan)
    found, inputs = standard(pd.DataFrame({"x": np.resize(often, 36), "z": rare}), (NUMBER, NUMBER), missing=how)
    assert inputs.names(["x", "z"]) == ["x", "z", "x is missing"]
    np.testing.assert_allclose(found[5], [filled, found[5, 1], 1], atol=1e-6)
    np.testing.assert_allclose(found[-1], [found[-1, 0], filled, 1], atol=1e-6)
    assert not found[0, 2]


@pytest.mark.parametrize(("how", "filled"), [("auto", 0.0), ("mean", 0.2), ("median", 0.0), ("zero", 0.0)])
def test_missing_numbers_of_columns_by_their_range_stay_in_it(how, filled):
    frame = pd.DataFrame({"x": [1.0, 1, 1, 1, 6, np.nan]})
    raw, statistics, schema = counted(frame, (NUMBER,))
    made = prepare(statistics, schema, Scaling("column", missing=how)).scale(raw)
    np.testing.assert_allclose(made[:, 0], [0, 0, 0, 0, 1, filled], atol=1e-6)


def test_a_column_may_be_filled_in_by_a_way_of_its_own():
    frame = pd.DataFrame(
        {"x": [1.0, 1, 1, 1, 6, np.nan], "z": [1.0, 1, 1, 1, 6, np.nan], "w": [0, 2, 4, np.nan] + [2.0] * 2}
    )
    raw, statistics, schema = counted(frame, (NUMBER,) * 3)
    scaling = Scaling.of(TrainConfig(scaling="column", fill=("z=median", "w=1")), schema)
    assert scaling.samples and not Scaling.of(TrainConfig(scaling="column", fill=("w=1",)), schema).samples
    made = prepare(statistics, schema, Scaling.from_meta(json.loads(json.dumps(scaling.to_meta())))).scale(raw)
    assert made[5, :2].tolist() == [0, 0] and made[3, 2] == 0.25
    for text in ("q=mean", "x=often", "x", "x=", "x=inf", "x=nan", "x=1e39"):
        with pytest.raises(ConfigError, match=f"fill is '{text}'"):
            Scaling.of(TrainConfig(fill=(text,)), schema)


def test_rare_missing_and_unseen_levels_have_an_input_where_training_had_them():
    city = ["Rom"] * 20 + ["Bonn"] * 10 + ["Ulm"] * 2 + [None] * 8
    found, inputs = standard(pd.DataFrame({"city": city, "all": ["x"] * 20 + ["y"] * 20}), (CATEGORY, CATEGORY))
    names = ["city = Bonn", "city = Rom", "city: other", "city: missing", "all = x", "all = y"]
    assert inputs.names(["city", "all"]) == names
    assert found[[0, 20, 31, 39]].argmax(1).tolist() == [1, 0, 2, 3]
    unseen = inputs.of(np.array([[-1, -1], [np.nan, np.nan]], np.float32))
    np.testing.assert_array_equal(unseen, [[0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]])


def test_of_very_many_levels_the_most_frequent_ones_have_inputs():
    rows = {f"z{i:03}": 1000 - i for i in range(300)}
    category = Category.of(rows, missing=0)
    assert category.levels == tuple(f"z{i:03}" for i in range(MOST_LEVELS)) and category.other
    assert Category.of(rows, 0, most=2) == Category(("z000", "z001"), other=True)
    assert Category.of(dict.fromkeys("ab", 9), missing=0) == Category(("a", "b"))


def days(*texts: str) -> np.ndarray:
    begin = datetime.datetime(1970, 1, 1)
    return np.array([(datetime.datetime.fromisoformat(text) - begin).total_seconds() / 86400 for text in texts])


def test_a_date_is_its_place_in_time_and_in_the_cycles_that_vary():
    frame = pd.DataFrame({"when": np.resize(days("2024-01-01", "2024-07-01", "2024-01-08 06:00", "2023-02-11"), 40)})
    found, inputs = standard(frame, (DATE,))
    assert inputs.cycles == {0: ("year", "week", "day")} and inputs.width == 7
    year, week, day = found[:4, 1:3], found[:4, 3:5], found[:4, 5:7]
    assert (year[0] * year[1]).sum() < -0.9  # half a year apart
    assert (week[0] * week[2]).sum() == pytest.approx(math.cos(2 * math.pi / 28), abs=1e-3)  # a quarter of a day apart
    np.testing.assert_allclose(day, [[0, 1], [0, 1], [1, 0], [0, 1]], atol=1e-3)
    only_days, _ = standard(pd.DataFrame({"when": days("2024-03-01", "2024-03-02", "2024-03-09")}), (DATE,))
    assert only_days.shape == (3, 3)


def test_bounded_inputs_stay_between_0_and_1():
    frame = a_table().assign(when=np.linspace(19_000, 20_000, 400))
    raw, statistics, schema = counted(frame, (NUMBER, CATEGORY, NUMBER, CATEGORY, DATE))
    made = prepare(statistics, schema, Scaling("column")).scale(raw)
    assert made.min() == 0 and made.max() == 1 and made.shape[1] == 3 + 6 + 7


def test_inputs_come_back_from_their_header():
    frame = a_table().assign(when=np.linspace(19_000, 20_000, 400))
    raw, statistics, schema = counted(frame, (NUMBER, CATEGORY, NUMBER, CATEGORY, DATE))
    inputs = choose_inputs(statistics, schema, Scaling(STANDARD))
    meta = json.loads(json.dumps(inputs.to_meta()))
    assert Inputs.is_meta(meta, 5) and not Inputs.is_meta(meta, 4)
    again = Inputs.from_meta(meta, inputs.arrays())
    np.testing.assert_array_equal(again.of(raw), inputs.with_own_dictionary().of(raw))


def test_a_sample_is_exact_far_from_zero():
    values = np.array([1e7, 1e7 + 1, 1e7 + 2, np.nan], np.float32)[:, None]
    found = Sample.of(values)
    assert (found.mean[0], found.median[0], found.rows[0], found.missing[0]) == (1e7 + 1, 1e7 + 1, 3, 1)
    assert found.deviation[0] == pytest.approx(math.sqrt(2 / 3))
    assert (found.whole[0], found.binary[0]) == (1, 0)
