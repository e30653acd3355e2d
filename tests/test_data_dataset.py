"""Rows prepared for a sweep: the same however they are written, finite whatever they hold."""

import gzip
import re

import numpy as np
import pytest

from mrdl.data.dataset import load_data, prepare_data, save_data
from mrdl.data.preparation.scaling import LIMIT
from mrdl.data.statistics import MAX_LEVELS
from mrdl.errors import ConfigError, DataError

ROWS = "".join(f"{'ab'[i % 2]},{i % 2 + i / 100},{i % 5}\n" for i in range(50)).encode()


HEADER = b"y,p,q\n"


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        ("d.csv", HEADER + ROWS, "y"), ("d.csv", b"\xef\xbb\xbf" + HEADER + ROWS, "y"), ("d.csv", ROWS, "-3"),
        ("d.csv", ROWS.replace(b"\n", b"\r\n"), "0"), ("d.csv", ROWS[:-1], "0"), ("folder/d.csv", ROWS, "0"),
        ("d.csv.gz", gzip.compress(ROWS), "0"), ("d.csv", ROWS.replace(b"a,", b'"a",'), "0"),
    ],
)  # fmt: skip
def test_the_same_rows_have_the_same_digest_however_they_are_written(tmp_path, name, content, label):
    (tmp_path / "plain.csv").write_bytes(ROWS)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    given = path.parent if name.startswith("folder") else path
    found = prepare_data(str(given), label, "auto", 0.2)
    assert found.digest == prepare_data(str(tmp_path / "plain.csv"), "0", "auto", 0.2).digest
    assert found.classes == ("a", "b")


@pytest.mark.parametrize(
    "cells", ["{label},,{i}", "{label},7,7{i}", "{label},{sign}3e38,{i}", "{label},{sign}1e-45,{i}", "{label},nan,{i}"]
)
def test_odd_columns_end_in_finite_rows(tmp_path, cells):
    lines = [cells.format(label="ab"[i % 2], i=i, sign="-" if i % 3 else "") for i in range(60)]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    found = prepare_data(str(tmp_path / "d.csv"), "0", "no", 0.2)
    assert np.isfinite(found.train_x).all() and np.isfinite(found.test_x).all()
    assert np.abs(found.train_x).max() <= LIMIT and np.abs(found.test_x).max() <= LIMIT


@pytest.mark.parametrize(
    ("content", "label", "words"),
    [
        (ROWS + b"caf\xe9,1,1\n", "0", "line 51: byte 0xe9 is not UTF-8"), (ROWS + b"a,1\n", "0", "line 51"),
        (HEADER + b'"a\nb",1,2\n' + ROWS, "y", "line 2"), (ROWS + b"a,inf,1\n", "0", "not a finite number"),
        (ROWS + b",1,1\n", "0", "the label is missing"), (ROWS, "3", "no column number 3"), (HEADER, "y", "no rows"),
        (ROWS, "-4", "no column number -4"), (HEADER + ROWS, "Y", "no column 'Y'"), (b"\n\n", "0", "empty"),
        (b"a,1,2\n", "0", "both parts need some|one class"),
    ],
)  # fmt: skip
def test_wrong_data_is_told_with_its_place(tmp_path, content, label, words):
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises((DataError, ConfigError), match=words):
        prepare_data(str(tmp_path / "d.csv"), label, "auto", 0.2)


def test_the_rows_are_split_by_their_hashes_whatever_their_order(digits_data, digits, tmp_path):
    header, *rows = digits.read_text().splitlines()
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([header, *np.random.default_rng(1).permutation(rows)]) + "\n")
    again = prepare_data(str(shuffled), "digit", "auto", 0.2)
    assert again.digest == digits_data.digest and np.array_equal(again.test_x, digits_data.test_x)
    assert 0.15 < len(digits_data.test_x) / len(rows) < 0.25
    assert prepare_data(str(digits), "digit", "auto", 0.3).digest != digits_data.digest


def test_the_scaling_is_that_of_the_training_rows(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(200) % 2, rng.normal(5, 3, (200, 2)).round(4)])
    path = tmp_path / "rows.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    found = prepare_data(str(path), "0", "no", 0.5)
    np.testing.assert_allclose(found.train_x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found.train_x.std(0), 1, atol=1e-6)
    assert 0.01 < np.abs(found.test_x.mean(0)).max() < 0.5


def test_the_prepared_data_survives_its_file(digits_data, tmp_path):
    save_data(digits_data, tmp_path / "data.safetensors")
    again = load_data(tmp_path / "data.safetensors")
    assert again.classes == digits_data.classes and again.digest == digits_data.digest
    assert all(
        np.array_equal(getattr(again, n), getattr(digits_data, n)) for n in ("train_x", "train_y", "test_x", "test_y")
    )


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("0,1\n1,x\n", "1 rows to train on and 1 to test on: so few tell designs apart by chance"),
        ("".join(f"{i % 2},{i % 10}\n" for i in range(2000)), r"to test on, copies of \d: so few tell designs apart"),
        ("".join(f"{i % 2},{i}\n" for i in range(2000)), ""),
    ],
)
def test_a_sweep_of_few_rows_says_so(tmp_path, caplog, rows, told):
    (tmp_path / "d.csv").write_text(rows)
    assert prepare_data(str(tmp_path / "d.csv"), "0", "auto", 0.2).label.startswith("column 0, as asked for (2 values")
    assert ("tell designs apart" in caplog.text) == bool(told) and re.search(told, caplog.text)


def test_a_sweep_refuses_what_a_training_refuses_in_the_words_of_a_spec(tmp_path):
    rows = "".join(f"{i % 2},{i % 7},level {i}\n" for i in range(MAX_LEVELS * 7 // 5))
    (tmp_path / "d.csv").write_text("y,a,words\n" + rows)
    with pytest.raises(DataError, match=r"different texts in 'words': leave out with drop = \['words'\] in \[data\]"):
        prepare_data(str(tmp_path / "d.csv"), "y", "auto", 0.2, category=("words",))
