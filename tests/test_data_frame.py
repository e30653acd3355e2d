"""A DataFrame trains the network that its CSV trains."""

import numpy as np
import pandas as pd
import pytest

import mrdl
from mrdl.data.frames.as_csv import written
from mrdl.data.inputs import features_of
from mrdl.errors import ConfigError, DataError

SETTINGS = {"nodes": (5, 6, 2), "shards": 2, "rounds": 1, "epochs": 1, "warm_rows": 50, "label": "kind", "show": False}


def a_frame(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    kinds = rng.choice(["no", "yes, often"], rows)
    return pd.DataFrame(
        {
            "small": rng.uniform(0, 1e-6, rows), "whole": rng.integers(-5, 2**40, rows), "kind": kinds,
            "byte": rng.integers(0, 256, rows).astype(np.uint8), 7: rng.normal(0, 1e30, rows).astype(np.float32),
            "hole": pd.array(rng.integers(0, 9, rows), "Int64"),
        },
        index=rng.permutation(rows),
    ).assign(hole=lambda frame: frame["hole"].mask(frame["hole"] == 3))  # fmt: skip


def trained(data, folder, **settings):
    return mrdl.train(data, **{**SETTINGS, "run_dir": str(folder), **settings})


def test_a_frame_trains_the_network_of_its_csv(tmp_path):
    frame = a_frame()
    frame.to_csv(tmp_path / "data.csv", index=False)
    ours, theirs = trained(frame, tmp_path / "ours"), trained(tmp_path / "data.csv", tmp_path / "theirs")
    assert ours.sha256 == theirs.sha256 and ours.classes == ("no", "yes, often")
    assert ours.preparation.columns == ("small", "whole", "byte", "7", "hole")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (lambda kinds: kinds.astype("category"), ("no", "yes, often")),
        (lambda kinds: kinds == "no", ("False", "True")),
        (lambda kinds: (kinds == "no") + 0.0, ("0.0", "1.0")),
        (lambda kinds: (kinds == "no").astype("category"), ("False", "True")),
    ],
    ids=["category", "bool", "float", "category of bool"],
)
def test_labels_of_any_type_are_classes(tmp_path, labels, classes):
    frame = a_frame()
    model = trained(frame.assign(kind=labels(frame["kind"])), tmp_path / "run")
    assert [float(name) if name[0].isdigit() else name for name in model.classes] == [
        float(name) if name[0].isdigit() else name for name in classes
    ]


def test_the_rows_are_gone_when_the_run_has_ended(tmp_path):
    model = trained(a_frame(), tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*data*"))
    with pytest.raises(ConfigError):
        trained(a_frame(), tmp_path / "bad", label="whole", task="classify")
    assert not list((tmp_path / "bad").rglob("*data*"))
    assert mrdl.load(model.run_dir).sha256 == model.sha256


def test_a_run_of_a_frame_goes_on_with_the_same_rows_alone(tmp_path):
    frame = a_frame()
    whole = trained(frame, tmp_path / "whole", rounds=2, schedule="constant")
    trained(frame, tmp_path / "run", schedule="constant")
    assert trained(frame.copy(), tmp_path / "run", rounds=2, schedule="constant", resume=True).sha256 == whole.sha256
    with pytest.raises(ConfigError, match="another data set"):
        trained(frame.assign(byte=0), tmp_path / "run", rounds=2, schedule="constant", resume=True)


WRONG = {
    "two columns of a name": (a_frame().set_axis(["a", "b", "kind", "c", "a", "d"], axis=1), "name 'a'"),
    "a line end in a name": (a_frame().rename(columns={"byte": "a\nb"}), "line end"),
    "lists": (a_frame().assign(byte=[[1]] * 300), "column 'byte'"),
    "a line end in a cell": (
        a_frame().assign(byte=["x", "a\nb", None] * 100),
        "'byte'.* 100 of its cells hold a line end",
    ),
    "bytes of another code": (a_frame().assign(byte=[b"\xff"] * 300), "column 'byte'"),
    "no rows": (a_frame().iloc[:0], "0 rows"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_frame_that_is_no_plain_table_is_refused(tmp_path, case):
    frame, said = WRONG[case]
    with pytest.raises(DataError, match=said):
        trained(frame, tmp_path / "run")
    assert not list(tmp_path.rglob("*.csv*"))


def test_what_is_no_frame_and_no_path_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a ndarray, expected a path or a DataFrame"):
        trained(np.zeros((3, 3)), tmp_path / "run")


def test_rows_lie_where_their_owner_alone_reads_them(tmp_path):
    with written(a_frame(), tmp_path) as path:
        assert path.stat().st_mode & 0o077 == 0


TYPED = {
    "words": (np.array(["Rom", "Köln, alt", None] * 100, object), "category"),
    "numbers and words": ([1, "x", 2.5] * 100, "category"),
    "other marks": (["a;b;c", "d;e;f", "g;h;i"] * 100, "category"),
    "bytes": ([b"x", b"\xc3\xa9", b"z"] * 100, "category"),
    "categories of numbers": (pd.Categorical([1, 2, 3] * 100), "category"),
    "times": (pd.date_range("2024-01-01", periods=300, freq="7h", tz="Europe/Rome"), "date"),
    "days": (pd.Series(pd.date_range("2024-01-01", periods=300)).dt.date, "date"),
    "periods": (pd.period_range("2020-01", periods=300, freq="M"), "date"),
    "durations": (pd.to_timedelta(np.arange(300), unit="h"), "number"),
    "truth values": (pd.array([True, False, None] * 100, "boolean"), "number"),
}


@pytest.mark.parametrize("case", TYPED)
def test_a_column_of_a_frame_is_what_pandas_says_in_training_and_after_it(tmp_path, case):
    values, kind = TYPED[case]
    frame = a_frame()[["small", "kind"]].reset_index(drop=True).assign(column=values)
    model = mrdl.train(
        frame, label="kind", shards=1, rounds=1, epochs=1, hidden=(4,), show=False, run_dir=str(tmp_path)
    )
    assert (model.preparation.types[1].kind if model.preparation.types else "number") == kind
    raw = features_of(frame, model.preparation)
    assert np.array_equal(np.isnan(raw[:, 1]), frame["column"].isna())
    if kind == "category":
        assert (raw[:, 1] >= 0).sum() == frame["column"].notna().sum()  # no level is unknown
    if case == "durations":
        assert raw[2, 1] == 7200


def test_a_category_of_pandas_is_one_unless_settings_say_something_else(tmp_path):
    frame = a_frame().assign(zip=pd.Categorical([1, 2, 3] * 100), code=pd.Categorical(["a", "b"] * 150))
    places = {name: str(place) for place, name in enumerate(map(str, frame.columns))}
    settings = {"label": "kind", "shards": 1, "rounds": 1, "epochs": 1, "hidden": (4,), "show": False}
    for said, kinds in (
        ({}, ["category", "category"]),
        ({"number": ("zip",)}, ["number", "category"]),
        ({"drop": (places["zip"],)}, ["category"]),
        ({"number": (places["zip"],), "drop": ("code",)}, ["number"]),
    ):
        model = mrdl.train(frame, run_dir=str(tmp_path / str(said)), **settings, **said)
        found = dict(zip(model.preparation.columns, model.preparation.types, strict=True))
        assert [found[name].kind for name in ("zip", "code") if name in found] == kinds


def test_a_table_where_a_path_belongs_is_told_by_what_it_is(tmp_path):
    frame = pd.DataFrame({"y": [0, 1] * 20, "x": range(40)})
    with pytest.raises(ConfigError, match="test is a DataFrame, expected text"):
        mrdl.train(frame, label="y", test=frame, run_dir=tmp_path / "run", show=False)


def test_a_number_that_32_bits_cannot_hold_is_refused_as_that_of_a_csv(tmp_path):
    frame = pd.DataFrame({"y": [0, 1] * 20, "x": np.arange(40.0)})
    model = mrdl.train(frame, label="y", run_dir=tmp_path / "run", rounds=1, epochs=1, shards=1, show=False)
    for value in (np.inf, -1e300):
        with pytest.raises(DataError, match="'x' holds .*, expected finite numbers"):
            model.predict(frame.assign(x=value))


@pytest.mark.parametrize("index", [None, "shop {}"])
def test_errors_name_the_frame_and_its_rows_and_no_file(tmp_path, index):
    frame = pd.DataFrame({"y": [0, 1] * 20, "x": np.arange(40.0)})
    if index:
        frame.index = [index.format(i) for i in range(40)]
    beyond, unlabelled = frame.copy(), frame.astype({"y": "Int64"})
    beyond.iloc[7, 1] = 1e39
    unlabelled.iloc[39, 0] = pd.NA
    for wrong, place, told in ((beyond, 7, "column 'x': '1e"), (unlabelled, 39, "column 'y': the label is missing")):
        with pytest.raises(DataError) as raised:
            mrdl.train(wrong, label="y", run_dir=tmp_path / "run", shards=1, show=False)
        row = f"row {place}" + (f" (index shop {place})" if index else "")
        assert str(raised.value).startswith("the DataFrame: 1 of 40 rows cannot be read")
        assert f"  the DataFrame {row}: {told}" in str(raised.value) and str(tmp_path) not in str(raised.value)
    with pytest.raises(ConfigError, match="^the DataFrame has no column 'z': its columns are y, x$"):
        mrdl.train(frame, label="z", run_dir=tmp_path / "run", shards=1, show=False)
