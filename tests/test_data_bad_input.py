"""Bad input ends with status 2 and one message that says what was expected, what came, and the way out."""

import os
import resource
import subprocess
import sys

import pytest

from mrdl.cli.main import main

GOOD = "".join(f"{i % 2},{i},{i * i % 7}\n" for i in range(40))


BAD = [
    ("", [], "data.csv is empty"),
    ("\n\n", [], "data.csv is empty"),
    ("label,a,b\n", [], "has a header but no rows"),
    (GOOD + "1,2\n", [], "data.csv line 41: 2 columns, expected 3"),
    (GOOD + "1,2,3,4\n", [], "data.csv line 41: 4 columns, expected 3"),
    ("label,a,b\n" + GOOD + "1,2,x\n", [], "data.csv line 42: column 'b': 'x' is not a number"),
    (GOOD + "1,inf,3\n", [], "column 'c1': 'inf' is not a finite number"),
    (GOOD + ",1,3\n", [], "column 'c0': the label is missing"),
    (GOOD.encode() + b"1,\xff,3\n", [], "byte 0xff is not UTF-8"),
    (GOOD.replace("\n1,", "\n0,"), [], "one class only ('0')"),
    ("0,1\n1,2\n0,3\n", ["--shards", "4", "--validation", "0"], "use --shards 3 or fewer"),
    (GOOD, ["--nodes", "3,2"], "nodes begins with 3, but the data has 2 columns"),
    (GOOD, ["--nodes", "2,5,1"], "nodes ends with 1, but the label column has 2 classes"),
    (GOOD, ["--label", "9"], "has no column number 9: it has 3 columns"),
    ("label,a,b\n" + GOOD, ["--label", "answer"], "has no column 'answer': its columns are label, a, b"),
    (GOOD, ["--run-dir", "/proc/none"], "cannot be written"),
    (GOOD, ["--shards", "0"], "shards is 0, expected 1 or more"),
    (GOOD.encode("utf-16"), [], "iconv -f utf-16"),
]
"""Data that cannot be trained on, the flags that it is given with, and what is said."""


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """Run `mrdl train` on a text in this process; returns (status, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(text, *words):
        path = tmp_path / "data.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        status = main(["train", "data.csv", "--json", "--rounds", "1", "--epochs", "1", *words])
        return status, capsys.readouterr().err

    return run


@pytest.mark.parametrize(("text", "words", "said"), BAD)
def test_what_cannot_be_trained_on_is_said(train, text, words, said):
    status, err = train(text, *words)
    assert status == 2, err
    assert err.count("mrdl: ") == 1 and said in err and "Traceback" not in err


def test_all_places_of_bad_rows_are_lines_of_the_file(train):
    lines = GOOD.splitlines()
    for i in (3, 17, 38):
        lines[i] = "1,oops,2"
    status, err = train("\n".join(lines))
    assert status == 2 and "3 of 40 rows" in err
    assert [f"line {i + 1}" in err for i in (3, 17, 38)] == [True] * 3
    assert "--bad-rows skip" in err


def test_bad_rows_can_be_left_out_and_are_counted(train, tmp_path, capsys):
    status, err = train(GOOD + "1,2\n1,x,2\n", "--bad-rows", "skip", "--run-dir", "run")
    assert status == 0 and "2 left out" in err
    again, err = train(GOOD, "--run-dir", "other")
    weights = [(tmp_path / name / "rounds" / "0001.safetensors").read_bytes() for name in ("run", "other")]
    assert again == 0 and weights[0] == weights[1], "the rows that are left are trained on as if alone"


def test_missing_cells_are_reported(train):
    status, err = train(GOOD + "1,,NA\n", "--run-dir", "missing")
    assert status == 0
    assert "2, filled in (--missing)" in err


def test_a_folder_that_data_was_refused_for_can_be_used_when_it_is_mended(train):
    assert train(GOOD + "1,x,2\n", "--run-dir", "run")[0] == 2
    assert train(GOOD, "--run-dir", "run")[0] == 0


@pytest.mark.parametrize("megabytes", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_disk_that_takes_no_more_ends_in_one_message_and_loses_nothing(tmp_path, digits, megabytes):
    """A limit on the size of files stands in for a full disk: writing fails half-way."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes << 20, megabytes << 20))

    (tmp_path / "some.csv").write_text("".join(digits.read_text().splitlines(keepends=True)[:200]))
    words = ["train", "some.csv", "--json", "--run-dir", "run", "--rounds", "2", "--shards", "2", "--epochs", "1"]
    command = [sys.executable, "-m", "mrdl", *map(str, words)]
    nodes = ["--nodes", "64,6000,10", "--warm-epochs", "1"]  # a round of 1.8 MB
    full = subprocess.run(
        [*command, *nodes], cwd=tmp_path, preexec_fn=limit, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert full.returncode in (1, 2), full.stderr
    assert "File too large" in full.stderr and "Traceback" not in full.stderr
    ended = subprocess.run([*command, *nodes, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_folder_without_permission_to_write_is_said(tmp_path, digits):
    if os.getuid() == 0:  # root may write anywhere: a file in the place of the folder stops it, too
        (tmp_path / "run").write_text("")
    else:
        (tmp_path / "run").mkdir(mode=0o500)
    assert main(["train", str(digits), "--json", "--run-dir", str(tmp_path / "run" / "below")]) == 2


def test_whole_numbers_that_lose_digits_are_said_in_every_run(train):
    rows = "".join(f"{i % 2},{20_000_000 + i},{i % 7}\n" for i in range(40))
    first, again = train(rows, "--run-dir", "run"), train(rows, "--run-dir", "again")
    for status, err in (first, again):
        assert (
            status == 0
            and err.count("note: values of 16,777,216 and more in 'c1': they are kept as 32-bit floats") == 1
        )


@pytest.mark.parametrize("row", ["1,2", '1,"2', "1,oops"])
def test_a_message_quotes_a_part_of_a_long_line_or_name(train, row):
    status, err = train(f"label,{'n' * 3000}\n" + "0,1\n1,2\n" * 20 + row + "x" * 3000 + "\n")
    assert status == 2 and max(map(len, err.splitlines())) < 400


def test_rows_kept_out_that_are_copies_of_few_are_told(train):
    status, err = train(
        "y,a\n" + "".join(f"{i % 2},{i % 6}\n" for i in range(400)), "--validation", "0.4", "--seed", "1"
    )
    told = " ".join(err.split())
    assert status == 0 and ("their score tells little" in told or "no score tells" in told)


def test_classes_that_are_none_are_not_advised_to_be_called_classes(train):
    status, err = train("y,a\n" + "".join(f"{i},{i % 7}\n" for i in range(400)), "--label", "y", "--task", "classify")
    assert status == 2 and "--task regress learns them as numbers" in err and "--task classify" not in err


def test_targets_that_32_bits_cannot_tell_apart_are_told(train):
    rows = "".join(f"{1_600_000_000 + 2 * i},{i % 50}\n" for i in range(400))
    status, err = train("y,a\n" + rows, "--task", "regress")
    assert status == 0 and "values of 16,777,216 and more in 'y'" in " ".join(err.split())
