"""Back ends that give odd things: what may be done is done, all else is a failure with its reason."""

import time

import pytest
from odd_back_ends import HERE, nodes_of

from mrdl.data.dataset import prepare_data
from mrdl.nn.design import Design
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.jobs.child import Limits
from mrdl.sweep.jobs.pack import run_pack

pytestmark = pytest.mark.usefixtures("importable")


# --- fixtures ---


@pytest.fixture
def data(small_csv):
    return prepare_data(str(small_csv), "answer", "auto", 0.2)


def record(data, kind, function="odd", **limits):
    design = Design(tuple(nodes_of(kind)[0]))
    work = [(design.arch_id(data.digest, HERE), design.canonical(), f"{HERE}:{function}")]
    (record,) = run_pack(work, data, Limits(**{"cpu_s": 20, "memory_mb": 2048, **limits}))
    found = record.to_json()
    return found


# --- back ends ---


NO_CLASSES = ("column", "first", "names", "fractions", "nan", "no such class", "too few", "scores")


@pytest.mark.parametrize("kind", [*NO_CLASSES, "no loss", "nothing", "array"])
def test_what_is_no_list_of_classes_is_a_failure_and_no_accuracy(data, kind):
    found = record(data, kind)
    assert found["status"] == "failed" and "accuracy" not in found and "said nothing" not in found["reason"]


@pytest.mark.parametrize("kind", ["list", "float32 loss", "int32", "prints", "thread", "moves"])
def test_what_a_back_end_may_do_is_done(data, kind):
    found = record(data, kind)
    assert (found["status"], found["accuracy"], found["wall_s"] < 10) == ("done", 1.0, True), found["reason"]


def test_a_device_that_is_no_text_does_not_end_a_child_silently(odd_sweep):
    """By a whole sweep: what a forked child raises past its end runs on in a copy of whoever called run_pack."""
    table = SweepDriver(odd_sweep("odd", nodes=nodes_of("device"))).run("inline")
    assert "said nothing" not in table.reason[0]


def test_a_child_of_a_training_is_not_waited_for(data):
    began = time.monotonic()
    record(data, "child", cpu_s=1)
    assert time.monotonic() - began < 3.5


def test_losses_may_be_numbers_of_any_kind(odd_sweep):
    table = SweepDriver(odd_sweep("reports_float32", nodes=[[1]], epochs=3)).run("inline")
    assert table.status[0] == "done", table.reason[0]
    assert table.curve[0] == pytest.approx([1, 1 / 2, 1 / 3], abs=1e-6)


@pytest.mark.parametrize("epochs", [1, 200, 201, 1000])
def test_a_curve_ends_with_the_last_epoch(data, epochs):
    design = Design((1,), epochs=epochs)
    (found,) = run_pack([("a", design.canonical(), f"{HERE}:reports")], data, Limits(20, 2048))
    assert found.curve[-1] == pytest.approx(1 / epochs, abs=1e-6) and len(found.curve) <= 200
