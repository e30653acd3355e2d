"""What looks wrong in a table is found, and said with what mends it; a good table is left in peace."""

import numpy as np
import pandas as pd
import pytest

from mrdl.inspection.alike import share_told
from mrdl.inspection.inspection import inspect
from mrdl.mapreduce.runners import runner_of
from mrdl.settings.config import TrainConfig

ROWS = 1000
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, ROWS)
GOOD = {
    "y": np.array(["no", "yes"])[Y],
    "age": RNG.integers(18, 90, ROWS),
    "town": RNG.choice(["Rome", "Oslo", "Kyiv"], ROWS),
    "size": np.round(RNG.normal(3, 1, ROWS), 3),
}
FAULTS = {
    "constant": (np.full(ROWS, 7), "constant: always '7'", "drop"),
    "constant or missing": (np.where(RNG.random(ROWS) < 0.3, "7", ""), "always '7' where it is not missing", ""),
    "all missing": (np.full(ROWS, ""), "all cells are missing", "drop"),
    "99 % missing": (np.where(np.arange(ROWS) % 200, "", RNG.integers(0, 9, ROWS).astype(str)), "are missing", "drop"),
    "id": (1000 + RNG.permutation(ROWS), "another value in each row", "drop"),
    "id of text": ([f"u{i}" for i in RNG.permutation(ROWS)], "another value in each row", "drop"),
    "the label": (GOOD["y"], "equal to the label, 'y', in each row", "drop"),
    "the label by other names": (np.array(["down", "up"])[Y], "tells the label nearly by itself", "drop"),
    "nearly the label": (
        np.where(RNG.random(ROWS) < 0.005, 1 - Y, Y) + RNG.random(ROWS) / 2,
        "tells the label",
        "drop",
    ),
    "missing where the label is no": (np.where(Y, RNG.integers(0, 5, ROWS).astype(str), ""), "tells the label", "drop"),
    "once more": (GOOD["age"], "has the content of 'age' once more", "drop"),
    "mixed": (
        np.where(np.arange(ROWS) % 100, GOOD["size"].astype(str), "big"),
        "are no numbers, as 'big'",
        "--bad-rows",
    ),
    "case": (RNG.choice(["a", "A ", "b"], ROWS), "'A' and 'a' differ by case or blanks alone", ""),
    "mark": (np.where(np.arange(ROWS) % 20, GOOD["size"], -999), "-999 may stand for missing", ""),
    "large": (RNG.integers(0, 50, ROWS) + 2**30, "32-bit floats keep the first 7 digits alone", ""),
}


def inspected(tmp_path, columns, label="y"):
    path = tmp_path / "t.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return inspect(str(path), TrainConfig(label=label), runner_of("inline"))


def test_nothing_is_said_of_a_good_table(tmp_path):
    found = inspected(tmp_path, GOOD)
    assert found.faults == () and found.flags == ()
    assert [column.type for column in found.columns] == ["boolean", "number", "category", "number"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_no_other(tmp_path, name):
    values, words, flag = FAULTS[name]
    found = inspected(tmp_path, {**GOOD, name: values})
    (fault,) = found.faults
    assert fault.columns == (name,) and words in fault.words
    assert fault.drop == (flag == "drop") and (fault.drop or fault.other.startswith(flag))


def test_faults_of_the_same_words_are_said_once_and_mended_by_one_flag(tmp_path):
    found = inspected(tmp_path, {**GOOD, "a,b": np.zeros(ROWS, int), "z": np.zeros(ROWS, int), "x": GOOD["age"]})
    assert [fault.columns for fault in found.faults] == [("a,b", "z"), ("x",)]
    assert found.flags == ("""--drop '"a,b",z,x'""",)


def test_rows_that_come_again_are_told(tmp_path):
    twice = {name: np.concatenate([values, values[:100]]) for name, values in GOOD.items()}
    (fault,) = inspected(tmp_path, twice).faults
    again = pd.DataFrame(twice).duplicated().sum()
    assert fault.words == f"{again} of 1,100 rows are there once more, cell for cell"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.where(np.arange(ROWS) % 20, "a", "b"), "95.0% of the rows are of class 'a'"),
        (np.where(np.arange(ROWS) < 995, GOOD["y"], "rare"), "class 'rare' has 5 rows"),
        (np.where(np.arange(ROWS) % 50, GOOD["y"], ""), "20 rows have no label"),
        (np.full(ROWS, "a"), "the label has one value"),
        ([f"u{i}" for i in range(ROWS)], "the label is another one in each row"),
    ],
)
def test_a_label_that_is_hard_to_learn_is_told(tmp_path, label, words):
    (fault,) = inspected(tmp_path, {**GOOD, "y": label}).faults
    assert words in fault.words and fault.columns == ("y",)


def test_what_tells_a_target_of_numbers_is_found(tmp_path):
    price = np.round(np.exp(RNG.normal(5, 1, ROWS)), 2)
    columns = {
        "y": price,
        "age": GOOD["age"],
        "euro": np.round(price * 0.9, 3),
        "near": price * RNG.normal(1, 0.3, ROWS),
    }
    (fault,) = inspected(tmp_path, columns).faults
    assert fault.columns == ("euro",) and "tells the label" in fault.words


def test_chance_is_no_near_duplicate():
    ones, label = np.ones(200, np.int64), RNG.integers(0, 2, 200).astype(float)
    assert share_told(np.arange(200.0), label, ones) is None, "another value in each row"
    assert share_told(RNG.integers(0, 30, 200).astype(float), label, ones) is None
    assert share_told(label + 1, label, ones) == 1


def test_columns_without_names_are_named_by_their_index(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(f"{i % 2},5,{i % 7}.5" for i in range(100)) + "\n")
    found = inspect(str(path), TrainConfig(label="0"), runner_of("inline"))
    assert [str(fault) for fault in found.faults if fault.drop] == ["'1': constant: always '5'"]
    assert "--drop 1" in found.flags
