"""A model of categories and dates gives the same for the same rows, whatever they come in: CSV, DataFrame or array."""

import datetime
import math

import numpy as np
import pandas as pd
import pytest

import mrdl
from mrdl.data.preparation.preparation import prepare
from mrdl.data.preparation.scaling import STANDARD, Scaling
from mrdl.data.sample import Sample
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.data.types import ColumnType
from mrdl.errors import DataError
from mrdl.model.model import Model
from mrdl.nn.kinds import mlp

TYPES = tuple(map(ColumnType.of, ("category", "number", "date", "category", "number 1.234,5")))
NAMES = ("city", "age", "when", "zip", "wage")
LEVELS = ("Bonn", "Köln", "Rom"), ("1011", "53111", "9")
ROWS = 60


@pytest.fixture(scope="module")
def model() -> Model:
    rng = np.random.default_rng(0)
    raw = np.column_stack([
        rng.integers(0, 3, ROWS), rng.normal(40, 10, ROWS), rng.uniform(19_000, 20_000, ROWS).round(),
        rng.integers(0, 3, ROWS), rng.lognormal(8, 1, ROWS),
    ]).astype(np.float32)  # fmt: skip
    raw[::6, [1, 3]] = np.nan
    counted = Statistics.empty(5)
    counted.training_rows, counted.classes, counted.sample = ROWS, {"no": 40, "yes": 20}, Sample.of(raw)
    counted.add_range(raw)
    counted.levels = {0: dict.fromkeys(LEVELS[0], 20), 3: dict.fromkeys(LEVELS[1], 17)}
    prepared = prepare(counted, Schema((*NAMES, "y"), 5, 1, types=(*TYPES, ColumnType())), Scaling(STANDARD))
    arch = mlp((prepared.width, 8, 2))
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in arch.shapes().items()}
    return Model(arch, weights, prepared.with_own_dictionary())


def days(text: str) -> float:
    return (datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1)).total_seconds() / 86400


NAN = math.nan
RAW = np.array(
    [
        [2, 33, days("2024-02-29"), 0, 1234.5],
        [0, NAN, days("2023-05-01"), 2, 99],
        [NAN, 61.5, NAN, NAN, NAN],
        [-1, 20, days("2022-01-01"), 1, 1e6],
    ],
    np.float32,
)
CSV = """when;y,wage,zip,age,extra,city
2024-02-29,"1.234,5",1011,33,x,Rom
2023-05-01,99,9,,x, Bonn
NA,?,,61.5,x,n/a
2022-01-01,"1.000.000",53111,20,x,Atlantis
""".replace("when;y", "when")


def a_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "wage": [1234.5, 99, NAN, 1e6],
            "age": pd.array([33, None, 61.5, 20], dtype="Float64"),
            "zip": [1011.0, 9.0, NAN, 53111.0],
            "when": pd.to_datetime(["2024-02-29", "2023-05-01", None, "2022-01-01"]),
            "city": pd.Categorical(["Rom", "Bonn", None, "Atlantis"]),
            "extra": "x",
        }
    )


def expected(model: Model) -> np.ndarray:
    return model.predict_proba(RAW)


def test_the_levels_are_those_with_an_input(model):
    assert model.preparation.levels == dict(zip(("city", "zip"), LEVELS, strict=True))
    assert len(np.unique(expected(model)[:, 0])) == 4


def test_a_csv_is_read_by_the_types_of_training(model, tmp_path, caplog):
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    np.testing.assert_array_equal(model.predict_proba(path), expected(model))
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == f"{path}: of 4 rows some have levels that training had in few rows or none: 'city' in 1"


def test_a_column_without_a_value_in_many_rows_is_told(tmp_path, caplog):
    rows = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100) % 7, "city": ["Rom", "Bonn"] * 50})
    settings = {"label": "y", "shards": 1, "rounds": 1, "epochs": 1, "show": False}
    model = mrdl.train(rows.assign(y=rows.a > 50), run_dir=str(tmp_path / "run"), **settings)
    caplog.clear()
    model.predict(rows.assign(b=np.nan, city=None))
    assert caplog.messages == ["the DataFrame: not one of 100 rows has a value in: 'b', 'city'"]
    rows.assign(b="").to_csv(tmp_path / "x.csv", index=False)
    model.predict(tmp_path / "x.csv")
    assert caplog.messages[1:] == [f"{tmp_path}/x.csv: not one of 100 rows has a value in: 'b'"]
    model.predict(rows[:19].assign(b=np.nan))
    model.predict(rows.assign(b=[np.nan] * 99 + [1]))
    assert len(caplog.messages) == 2


FRAMES = {
    "typed": a_frame,
    "of text": lambda: pd.DataFrame(
        {
            "city": ["Rom", " Bonn", "", "Atlantis"],
            "age": ["33", "", "61.5", "20"],
            "when": ["2024-02-29", "2023-05-01", "?", "2022-01-01"],
            "zip": ["1011", "9", None, "53111"],
            "wage": ["1.234,5", "99", None, "1.000.000"],
        }
    ),
    "of whole numbers and zones": lambda: a_frame().assign(
        zip=pd.array([1011, 9, None, 53111], dtype="Int64"),
        when=pd.to_datetime(a_frame()["when"]).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        city=["Rom", "Bonn", None, "Atlantis"],
    ),
    "of dates": lambda: a_frame().assign(
        when=[datetime.date(2024, 2, 29), datetime.date(2023, 5, 1), None, datetime.date(2022, 1, 1)]
    ),
}


@pytest.mark.parametrize("written", ["01011", "1011.0"])
def test_text_is_the_level_that_is_written_like_it_and_a_stored_number_that_of_its_value(model, tmp_path, written):
    """In training, too, 01011 was a level beside 1011."""
    unseen = model.predict_proba(a_frame().assign(zip=["1", "9", None, "53111"]))
    frame = a_frame()[list(NAMES)].assign(wage=FRAMES["of text"]()["wage"], zip=[written, "9", None, "53111"])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "text.parquet")
    for table in (frame, tmp_path / "rows.csv", tmp_path / "text.parquet"):
        np.testing.assert_array_equal(model.predict_proba(table), unseen)
    frame.assign(zip=a_frame()["zip"]).to_parquet(tmp_path / "numbers.parquet")
    np.testing.assert_array_equal(model.predict_proba(tmp_path / "numbers.parquet"), expected(model))


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_means_the_same_whatever_its_types(model, kind):
    np.testing.assert_array_equal(model.predict_proba(FRAMES[kind]()), expected(model))


def test_an_array_of_objects_is_read_by_place(model):
    rows = FRAMES["of text"]()[list(NAMES)].to_numpy(object)
    np.testing.assert_array_equal(model.predict_proba(rows), expected(model))


def test_codes_that_no_level_has_are_unseen_ones(model):
    other = RAW.copy()
    other[3, 0] = 17
    np.testing.assert_array_equal(model.predict_proba(other), expected(model))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"age": ["old"] * 4}, "column 'age' holds 'old', expected numbers"),
        ({"when": ["29.02.2024"] * 4}, "column 'when' holds '29.02.2024', expected dates as in training"),
        ({"wage": ["1,234.5"] * 4}, "column 'wage' holds '1,234.5', expected numbers"),
    ],
)
def test_a_cell_of_another_kind_is_named(model, change, told):
    with pytest.raises(DataError, match=told):
        model.predict(a_frame().assign(**change))


def test_a_saved_model_reads_the_same_types(model, tmp_path):
    model.save(tmp_path / "net")
    again = mrdl.load(tmp_path / "net")
    assert again.preparation.types == TYPES and again.digest == model.digest
    np.testing.assert_array_equal(again.predict_proba(a_frame()), expected(model))


def test_the_module_takes_codes_and_days(model):
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        given = model.net()(torch.from_numpy(RAW)).exp().numpy()
        np.testing.assert_allclose(given, expected(model), atol=1e-6)
        rows = torch.export.Dim("rows")
        exported = torch.export.export(model.net(), (torch.from_numpy(RAW[:2]),), dynamic_shapes=({0: rows},)).module()
        np.testing.assert_allclose(exported(torch.from_numpy(RAW)).exp(), given, atol=1e-6)
