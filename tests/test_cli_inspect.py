"""`mrdl inspect`: the same figures by every runner, a page, and clear words for odd input."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import DIGITS, REPO
from yarn import hadoop

from mrdl.cli.main import main
from mrdl.cli.preflight import inspection

TOWNS = ("Rome", "Oslo", '"a,b"')
TABLE = "y,age,town,seen\n" + "".join(
    f"{'yes' if i % 3 else 'no'},{i % 50 + 18},{TOWNS[i % 7 % 3]},2024-0{i % 8 + 1}-{i % 28 + 1:02d}\n"
    for i in range(400)
)


def told(capsys, *words):
    assert main(["inspect", *map(str, words)]) == 0
    return capsys.readouterr().out


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    return path


def test_a_table_is_told_column_by_column(data, capsys):
    out = told(capsys, data, "--label", "y")
    assert "400 rows of 4 columns" in out and "column 0 'y', as asked for (2 values in 400 rows)" in out
    (line,) = [line for line in out.splitlines() if line.startswith("age")]
    assert line.split()[1:9] == ["number", "1", "0", "50", "18", "42", "67", "42.5"]
    types = {line.split()[0]: line.split()[1:3] for line in out.splitlines()[3:] if line[:4] in ("town", "seen")}
    assert types == {"town": ["category", "3"], "seen": ["date", "5"]}, "a value, and the waves of a week and a year"
    assert "nothing looks wrong" in out


def test_the_page_about_it_shows_what_is_printed(capsys, monkeypatch):
    monkeypatch.chdir(REPO)
    printed = [line.rstrip() for line in told(capsys, "tests/data/digits.csv", "--label", "digit").splitlines()]
    shown = (REPO / "docs" / "training.md").read_text().partition("mrdl inspect tests/data")[2].split("```")[2]
    lines = shown.partition("\n")[2].splitlines()
    assert len(lines) > 10 and [line for line in lines if line not in printed] == ["..."]


def test_the_figures_of_tasks_in_processes_are_those_of_the_inline_runner(tmp_path, capsys):
    path = tmp_path / "long.csv"
    with open(path, "w") as file:  # more than one split
        for start in range(0, 400_000, 400):
            file.write((TABLE if not start else TABLE.partition("\n")[2]).replace("2024", str(1900 + start // 4000)))
    assert path.stat().st_size > 8 << 20
    both = [told(capsys, path, "--json", "-r", name) for name in ("inline", "local")]
    assert both[0] == both[1] and json.loads(both[0])["rows"] == 400_000


def test_a_page_is_written_that_needs_nothing_else(data, tmp_path, capsys):
    page = tmp_path / "page.html"
    data.write_text(TABLE.replace("Rome", "<b>"))
    told(capsys, data, "--html", page)
    text = page.read_text()
    assert text.count("<svg") == 4 and "&lt;b&gt;" in text and "<b>" not in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_of_a_large_table_it_is_told_what_a_training_takes(data, capsys, monkeypatch):
    monkeypatch.setattr(inspection, "LARGE", 1000)
    out = told(capsys, DIGITS, "--label", "digit")
    assert re.search(r"a training takes about \d+ s with -r inline --shards \d+, \d+ MB a task and \d+ MB here", out)
    assert "what a training takes is not known: " in told(capsys, data, "--label", "seen", "--task", "regress")


def test_numbers_are_read_as_people_write_them(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text(
        "price;when;y\n" + "".join(f"{i % 9}.{i:03d},5 €;{i % 28 + 1:02d}.02.2024;{i % 2}\n" for i in range(200))
    )
    found = json.loads(told(capsys, path, "--label", "y", "--json"))["columns"]
    assert [column["type"] for column in found] == ["number", "date", "boolean"]
    assert found[0]["maximum"] == 8197.5 and found[1]["maximum"] == 19754 + 27


def test_a_page_that_cannot_be_written_is_told(data, tmp_path, capsys):
    assert main(["inspect", str(data), "--html", str(tmp_path / "no" / "page.html")]) == 2
    assert "page.html cannot be written" in capsys.readouterr().err
    (tmp_path / "page.html").mkdir()
    assert main(["inspect", str(data), "--html", str(tmp_path / "page.html")]) == 2
    assert list((tmp_path / "page.html").parent.glob(".page*")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty"),
        (b"y,a\n", "has a header but no rows"),
        (b"y,a\n\xff\xfe,1\n", "is not UTF-8"),
        (b"PAR1\x00\x00", ""),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, capsys, text, words):
    path = tmp_path / "odd.csv"
    path.write_bytes(text)
    assert main(["inspect", str(path)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "rows", "bad"),
    [
        (b"y,a\n1,2\n", 1, 0),
        (b"y,a\n1,2\n1\n2,3,4\n", 1, 2),
        (b"y,a\n" + b"1,2\n" * 999 + b"\xff,1\n" + b"1,2\n" * 300_000, 300_999, 1),
        (b"y,a\n,\n,\n", 2, 0),
        (b'y,a\n1,"2\n3,4\n', 1, 1),
        (b"a\n1\n2\n", 2, 0),
    ],
)
def test_odd_tables_are_inspected(tmp_path, capsys, text, rows, bad):
    path = tmp_path / "odd.csv"
    path.write_bytes(text)
    found = json.loads(told(capsys, path, "--json", "--label", "none"))
    assert (found["rows"], found["bad"]) == (rows, bad)


def test_a_label_that_is_not_said_is_asked_for(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("size,y\n" + "".join(f"{i}.5,{i % 2}\n" for i in range(50)))
    found = json.loads(told(capsys, path, "--json"))
    assert found["label"] is None and "which column is the label?" in found["told"]


@pytest.mark.hadoop
@pytest.mark.timeout(300)
def test_the_figures_on_yarn_are_those_of_the_inline_runner(stored, cluster, capsys):
    command = [sys.executable, "-m", "mrdl", "inspect", stored, "--json", "-r", "hadoop", "--label", "digit"]
    ended = subprocess.run(command, env={**os.environ, **cluster}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found, here = json.loads(ended.stdout), json.loads(told(capsys, DIGITS, "--json", "--label", "digit"))
    assert found | {"name": ""} == here | {"name": ""}
    assert "tmp/mrdl-inspect" not in hadoop(cluster, "fs", "-ls", "-R", "mrdl"), "nothing of the job is left"
