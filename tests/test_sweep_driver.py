"""A whole sweep: each design exactly once, in any runner, and a table that says what became of it."""

import os

import pytest
from sweeps import SLOW

from mrdl.errors import ConfigError, DataError
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder

pytestmark = pytest.mark.usefixtures("importable")


SMALL = {
    "data": {"label": "digit"}, "space": {"width": [8, 16], "depth": [1, 2], "epochs": 2, "optimizer": "sgd"},
    "sweep": {"seeds": 2, "backend": "numpy"},
}  # fmt: skip


def same(table, other):
    """Whether two tables agree in all but what a clock says."""
    drop = ["wall_s", "cpu_s", "attempts", "log"]
    return table.drop(columns=drop).equals(other.drop(columns=drop))


# --- data ---


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n1,3\n", "test on|one class"),
        ("", "empty"),
        ("0,1\n1,2,3\n0,2\n1,4\n", "line 2: 3 columns, expected 2"),
        ("1\n2\n", "one column"),
    ],
)
def test_wrong_data_is_refused_before_anything_is_written(digits_sweep, tmp_path, content, words):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises((DataError, ConfigError), match=words):
        digits_sweep({"data": {"label": "0"}}, data=path)
    assert not (tmp_path / "sweep").exists()


# --- the whole sweep ---


def test_a_sweep_trains_each_design_once_in_any_runner(digits_sweep):
    told = []
    first, second = digits_sweep(SMALL, on_progress=told.append), digits_sweep(SMALL, folder="inline")
    table = SweepDriver(first).run("local")
    assert len(table) == 8 == len(set(table.arch_id)) and set(table.status) == {"done"} and set(table.attempts) == {1}
    assert same(table, SweepDriver(second).run("inline"))
    assert told[-1] == {
        "designs": 8, "done": 8, "failed": 0, "collapsed": int(table.collapsed.sum()),
        "no_better": int(table.no_better.sum()), "running": 0, "planned": 0,
        "duplicates": 0,
    }  # fmt: skip


def test_what_trains_together_ends_in_the_same_table_in_any_runner_and_any_packs(digits_sweep):
    about = {**SMALL, "sweep": {"seeds": 8, "backend": "batched"}, "limits": {"pack_s": 0.05}}
    table = SweepDriver(digits_sweep(about, limits={"pack_s": 0.05})).run("local", 2)
    inline = SweepDriver(digits_sweep(about, folder="inline", limits={"pack_s": 0.05})).run("inline")
    clock = ["together"]
    assert set(table.status) == {"done"} and same(table.drop(columns=clock), inline.drop(columns=clock))


def test_a_finished_sweep_trains_nothing_again(digits_sweep):
    table = SweepDriver(digits_sweep(SMALL)).run()
    again = digits_sweep(SMALL)
    jobs = again.ledger.jobs()
    assert same(SweepDriver(again).run(), table) and again.ledger.jobs() == jobs


def test_the_index_is_made_again_from_the_parts(digits_sweep):
    made = digits_sweep(SMALL)
    table, counts = SweepDriver(made).run(), made.ledger.counts()
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    again = SweepFolder(made.path, reindex=True)
    assert again.table().equals(table) and again.ledger.counts() == counts


def test_failed_designs_are_rows_and_can_be_tried_again(digits_sweep):
    made = digits_sweep(backend="backends:fit", nodes=[[1], [9], [7]])
    table = SweepDriver(made).run()
    assert table.status.tolist() == ["failed", "done", "failed"] and table.attempts.tolist() == [1, 1, 1]
    assert made.ledger.ask_again() == 2
    assert SweepDriver(made).run().attempts.tolist() == [2, 1, 2]
    assert made.ledger.counts()["failed"] == 2


def test_a_design_that_takes_its_task_along_stands_alone_in_the_end(digits_sweep):
    """Its pack is sent again design by design; the second time that it dies alone it is a row."""
    made = digits_sweep(backend="backends:kills_its_parent", nodes=[[n] for n in range(1, 7)])
    table = SweepDriver(made).run("inline")
    assert table.status.tolist() == ["failed"] + ["done"] * 5
    assert set(table.backend) == {"backends:kills_its_parent"}
    assert table.reason[0] == "its task died three times, the last time with it alone in it"
    assert made.ledger.counts()["duplicates"] == 0


def test_another_spec_or_other_data_in_the_folder_is_refused(digits_sweep, digits, tmp_path):
    digits_sweep(SMALL)
    with pytest.raises(ConfigError, match="another spec or other data"):
        digits_sweep({**SMALL, "sweep": {"seeds": 3, "backend": "numpy"}})
    (tmp_path / "other.csv").write_text(digits.read_text().rpartition("\n0")[0] + "\n")
    with pytest.raises(ConfigError, match="another spec or other data"):
        digits_sweep(SMALL, data=tmp_path / "other.csv")


def test_a_back_end_that_is_not_there_is_told(digits_sweep):
    for name, words in (("tensorflow", "expected one of auto, numpy, torch"), ("nowhere:fit", "cannot be loaded")):
        with pytest.raises(ConfigError, match=words):
            digits_sweep(backend=name)


# --- whatever dies ---


def test_a_part_that_ends_within_a_line_is_read_as_far_as_it_is_whole(digits_sweep):
    made = digits_sweep(SMALL)
    table = SweepDriver(made).run()
    part = sorted((made.path / "parts").glob("*.jsonl"))[0]
    whole = part.read_bytes()
    part.write_bytes(whole[:-20])
    made = SweepFolder(made.path, reindex=True)
    assert made.ledger.counts()["done"] == 8 - 1
    assert same(SweepDriver(made).run(), table)


def test_two_drivers_do_not_run_one_sweep(digits_sweep):
    made = digits_sweep(SMALL)
    with made.held(), pytest.raises(ConfigError, match=f"is in use by process {os.getpid()}"):
        SweepDriver(SweepFolder(made.path)).run()


def test_a_sweep_that_is_stopped_goes_on_later(tmp_path, digits):
    def stop_after_three(counts):
        if counts["done"] >= 3:
            made.stop()

    made = SweepFolder.create(tmp_path / "sweep", SLOW, str(digits), on_progress=stop_after_three)
    table = SweepDriver(made).run("local", 1)
    assert 3 <= (table.status == "done").sum() < 24
    made._on_progress = lambda counts: None
    assert set(SweepDriver(made).run().status) == {"done"}


def test_a_sweep_that_is_stopped_leaves_its_packs_where_they_are(tmp_path, digits):
    spec = {**SMALL, "space": {"width": 8, "epochs": 60}, "sweep": {"seeds": 30, "backend": "numpy"}}

    def stop_after_one(counts):
        if counts["done"]:
            made.stop()

    made = SweepFolder.create(tmp_path / "sweep", spec, str(digits), on_progress=stop_after_one)
    SweepDriver(made).run("inline")
    (pack,) = made.paths.parts.glob("*.jsonl")
    done = made.ledger.counts()["done"]
    assert 1 <= done < 30 and len(pack.read_bytes().splitlines()) == done
    assert not any(one.lost for one in made.ledger.waiting())
    made._on_progress = lambda counts: None
    assert set(SweepDriver(made).run().status) == {"done"}
