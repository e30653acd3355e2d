"""A sweep's table as files and on a page: the same to every reader, whatever a reason says."""

import csv
import json
import math
import re

import pytest
from odd_back_ends import nodes_of

from mrdl.cli.main import main
from mrdl.nn.design import Design
from mrdl.sweep.driver import SweepDriver

pytestmark = pytest.mark.usefixtures("importable")


# --- tables ---


@pytest.fixture
def mixed(odd_sweep):
    """Designs that are done, have failed, and were not trained yet."""
    made = odd_sweep("odd", nodes=nodes_of("list", "nothing", "formula", "says a formula", "prints", "markup"))
    SweepDriver(made).run("inline")
    made.ledger.plan([("f" * 16, Design((99,)).canonical(), 1.0, "torch")])
    return made


def test_both_exports_say_the_same_to_readers_that_know_no_mrdl(mixed, tmp_path):
    import pyarrow.parquet

    for name in ("t.csv", "t.parquet"):
        assert main(["sweep", "export", str(mixed.path), name]) == 0
    with open(tmp_path / "t.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    others = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert len(rows) == len(others) == 7 and list(rows[0]) == list(others[0])
    for row, other in zip(rows, others, strict=True):
        for name in ("arch_id", "status", "hidden", "attempts"):
            assert row[name] == str(other[name])
        for name in ("accuracy", "loss", "wall_s", "parameters"):
            assert (float(row[name]) if row[name] else None) == other[name] or math.isnan(other[name])
        assert (json.loads(row["curve"]) if row["curve"] else None) == other["curve"]


def test_no_cell_of_a_csv_is_a_formula(mixed, tmp_path):
    assert main(["sweep", "export", str(mixed.path), "t.csv"]) == 0
    with open(tmp_path / "t.csv", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r") and cell]


def test_a_reason_that_is_no_unicode_does_not_cost_the_table(odd_sweep, tmp_path):
    made = odd_sweep("odd", nodes=nodes_of("file name", "list"))
    assert SweepDriver(made).run("inline").status.tolist() == ["failed", "done"]
    for words in (["export", str(made.path), "t.csv"], ["export", str(made.path), "t.parquet"],
                  ["report", str(made.path)], ["show", str(made.path)]):  # fmt: skip
        assert main(["sweep", *words]) == 0


# --- the report ---


def test_whatever_a_reason_says_is_no_markup_of_the_page(mixed):
    assert main(["sweep", "report", str(mixed.path)]) == 0
    page = (mixed.path / "report.html").read_text()
    (drawn,) = re.findall(r"const drawn = (\{.*\});\n", page)
    assert "<!--" not in drawn and "</script" not in drawn, "a comment in a script hides its end"
    assert "alert(1)" in drawn, "but it is told"
