"""The report of an odd sweep is a page or a word, and what it says is neither too much nor too little."""

import re

import numpy as np
import pandas as pd
import pytest
from odd_back_ends import nodes_of

from mrdl.cli.main import main
from mrdl.reports.analysis import importance, time_by_depth, verdicts
from mrdl.reports.sweep_report import write_report
from mrdl.reports.trends import trend
from mrdl.sweep.driver import SweepDriver

pytestmark = pytest.mark.usefixtures("importable")


# --- the report ---


def reported():
    """A table of which a report can be written."""
    ids = [f"{i:016x}" for i in range(24)]
    return shaped([0.5, 0.9], arch_id=ids, hidden="8", reason="", baseline=0.1, loss=1.0, curve=[[2.0, 1.0]] * 24)


def test_whatever_a_name_says_is_no_markup_of_the_page(tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    about = {"id": evil, "source": evil, "spec": {"space": {"note": evil}}}
    page = write_report(reported(), about, tmp_path / "r.html").read_text()
    assert "<script>alert(1)" not in page and "<img src=x" not in page and "&lt;img src=x" in page


@pytest.mark.parametrize(
    ("function", "nodes", "status"),
    [("majority", [[1], [2, 2], []], 0), ("perfect", [[]], 0), ("odd", nodes_of("nothing", "array"), 2)],
    ids=["all collapsed", "one without layers", "all failed"],
)
def test_a_report_of_an_odd_sweep_is_a_page_or_a_word(odd_sweep, function, nodes, status):
    made = odd_sweep(function, nodes=nodes)
    SweepDriver(made).run("inline")
    assert main(["sweep", "report", str(made.path)]) == status
    assert (made.path / "report.html").exists() == (status == 0)
    if function == "majority":
        assert "3 of 3 designs say one class" in "".join(verdicts(made.table(), {}))


# --- what it says ---


def shaped(accuracies, each=12, sigma=0.01, **columns):
    """A table of so many designs at depths 1, 2, 4 and so on with these accuracies."""
    depth = np.repeat([2**i for i in range(len(accuracies))], each)
    accuracy = np.repeat(accuracies, each) + np.random.default_rng(0).normal(0, sigma, len(depth))
    return pd.DataFrame({
        "status": "done", "depth": depth, "accuracy": accuracy, "collapsed": False, "no_better": False,
        "parameters": depth * 100,
        "width": 8, "activation": "relu", "initialisation": "he", "residual": False, "dropout": 0.0, "batch_size": 32,
        "optimizer": "adam", "learning_rate": 0.001, "epochs": 3, "trained_epochs": 3, "seed": 0,
        "cpu_s": 1.0, **columns,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("accuracies", "wrong"),
    [
        ([0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.6], "is flat"),
        ([0.3, 0.6, 0.9, 0.9, 0.9, 0.6, 0.6, 0.3], "no change"),
        ([0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.3], "is flat|no change"),
    ],
)
def test_accuracy_that_rises_and_falls_is_not_told_as_flat(accuracies, wrong):
    found = trend("all", shaped(accuracies), 0.01).words()
    assert not re.search(wrong, found), found


@pytest.mark.parametrize("count", [3, 8])
def test_a_choice_with_a_value_for_each_design_explains_nothing(count):
    accuracies = np.random.default_rng(0).random(count)
    assert not [name for name, share in importance(shaped(accuracies, each=1)).items() if share > 0.99]


@pytest.mark.parametrize("count", [200, 1200])
def test_the_slope_of_time_and_its_interval_are_those_of_scipy(count):
    from scipy.stats import theilslopes

    rng = np.random.default_rng(0)
    depth = rng.integers(1, 41, count)
    cpu = 0.5 + 0.03 * depth + rng.normal(0, 0.3, count)
    table = shaped([0.9], each=count).assign(depth=depth, cpu_s=cpu)
    slope, low, high, _ = time_by_depth(table)
    exact = theilslopes(cpu, depth)
    assert slope == pytest.approx(exact.slope, abs=0.25 * (exact.high_slope - exact.low_slope))
    assert 0.7 < (high - low) / (exact.high_slope - exact.low_slope) < 1.5
