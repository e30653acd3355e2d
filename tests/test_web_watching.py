"""What the pages see of runs and sweeps is what the command line tells of them, from the very same files."""

import json
import os
import sqlite3
import threading

import pytest

from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record, State
from mrdl.web.home import Home, Session
from mrdl.web.watching.runs import RunSource
from mrdl.web.watching.sweeps import SweepSource


def session_at(folder, kind):
    home = Home(folder.parent.parent, "tables", "local", ())
    return home, Session(folder.name, kind, folder)


def sweep_source(folder):
    return SweepSource(*session_at(folder, "sweep"))


def run_source(folder):
    return RunSource(*session_at(folder, "run"))


def counts_of(sweep):
    source = sweep_source(sweep.path)
    source.look()
    return source.told()["counts"]


def record(arch_id, **told):
    of_done = {"accuracy": 0.5, "loss": 1.0, "baseline": 0.5}
    usual = {"status": State.DONE, "wall_s": 0.1, **({} if told.get("status") == State.FAILED else of_done)}
    return Record(arch_id=arch_id, **{**usual, **told})


def test_counts_and_best_designs_are_those_of_the_ledger(digits_sweep):
    sweep = digits_sweep(depth=[1, 2], width=[4, 8], epochs=2, backend="batched-numpy")
    SweepDriver(sweep).run("inline")
    source = sweep_source(sweep.path)
    assert source.look() and not source.look()
    told, results = source.told(), sweep.ledger.results()
    assert told["counts"] == sweep.ledger.counts()
    ordered = sorted(results, key=lambda one: -one.accuracy)
    assert [row["arch_id"] for row in told["best"]] == [one.arch_id for one in ordered]
    assert [row["score"] for row in told["best"]] == [one.accuracy for one in ordered]
    assert [row["hidden"] for row in told["best"]] == [
        "-".join(map(str, json.loads(o.spec)["hidden"])) for o in ordered
    ]
    assert told["baseline"] == results[0].baseline and told["score_name"] == "accuracy"


def test_counts_are_those_of_the_ledger_with_failures_retries_and_duplicates(odd_sweep):
    sweep = odd_sweep("perfect", nodes=[[n] for n in range(1, 9)])
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    source = sweep_source(sweep.path)

    def check():
        source.look()
        assert source.told()["counts"] == sweep.ledger.counts() == counts_of(sweep)

    check()
    first = sweep.register([ids[:2], ids[2:4]])
    check()
    sweep.ledger.take_in(first, [record(ids[0]), record(ids[1], status=State.FAILED, reason="it is odd")])
    check()
    sweep.ledger.take_in(first, [record(ids[2], collapsed=True, no_better=True), record("never planned")])
    check()
    second = sweep.register([[ids[0], ids[5]]])
    sweep.ledger.take_in(second, [record(ids[0]), record(ids[5])])
    check()
    sweep.ledger.harvested(first)
    check()
    sweep.ledger.harvested(second)
    sweep.ledger.ask_again()
    source._asked_at = 0.0  # a look of its own, for which a busy page waits some seconds
    check()
    third = sweep.register([[ids[1]]])
    check()
    sweep.ledger.take_in(third, [record(ids[1], status=State.FAILED, reason="again")])
    sweep.ledger.harvested(third)
    check()
    assert source.told()["counts"]["duplicates"] == 1
    results = {one.arch_id: one for one in sweep.ledger.results()}
    places = {
        row: source.designs.row(i, s) for i, (row, s) in enumerate(zip(ids, source.designs.states(), strict=True))
    }
    assert {a: (r["state"], r["score"], r["reason"]) for a, r in places.items()} == {
        a: (one.status, one.score, one.reason if one.status == State.FAILED else None) for a, one in results.items()
    }


def test_a_sweep_by_halving_is_followed_through_its_rungs(digits_sweep):
    spec = {
        "data": {"label": "digit"},
        "space": {"width": [2, 4, 8, 16], "depth": 1, "epochs": 4},
        "sweep": {"backend": "batched-numpy", "halving": {"first": 1, "eta": 2}},
    }
    sweep = digits_sweep(spec)
    source = sweep_source(sweep.path)
    source.look()
    before = source.told()["counts"]["designs"]
    SweepDriver(sweep).run("inline")
    source.look()
    assert source.told()["counts"] == sweep.ledger.counts() == counts_of(sweep)
    assert source.told()["counts"]["designs"] > before


def test_nothing_is_written_or_made_by_a_reader(digits_sweep):
    sweep = digits_sweep(depth=1, width=[4, 8], epochs=1, backend="batched-numpy")
    SweepDriver(sweep).run("inline")
    sweep.ledger.close()
    before = {path: path.read_bytes() for path in sweep.path.glob("ledger.db*")}
    assert list(before) == [sweep.paths.index]  # what wrote it is gone, and has cleared its log
    source = sweep_source(sweep.path)
    source.look()
    assert source.told()["counts"]["done"] == 2
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        source.index._db.execute("DELETE FROM attempt")
    source.close()
    assert {path: path.read_bytes() for path in sweep.path.glob("ledger.db*")} == before


def test_an_index_that_is_made_again_is_read_again_and_told_as_a_reset(digits_sweep):
    sweep = digits_sweep(depth=1, width=[4, 8], epochs=1, backend="batched-numpy")
    SweepDriver(sweep).run("inline")
    source = sweep_source(sweep.path)
    source.look()
    counts, cursor = source.told()["counts"], source.cursor
    assert [event.name for event in source.since(cursor)] == ["state"]
    sweep.ledger.close()
    again = SweepFolder(sweep.path, reindex=True)
    source.look()
    assert source.told()["counts"] == counts == again.ledger.counts()
    assert [event.name for event in source.since(cursor)] == ["reset", "state"]
    assert [event.name for event in source.since(source.cursor)] == ["state"]


def test_a_sweep_without_its_index_or_with_a_damaged_one_says_the_way_out(digits_sweep):
    sweep = digits_sweep(depth=1, width=[4], epochs=1, backend="batched-numpy")
    sweep.ledger.close()
    source = sweep_source(sweep.path)
    sweep.paths.index.unlink()
    assert source.look()
    assert "reindex" in source.since(None)[-1].data["reason"]
    sweep.paths.index.write_bytes(b"no index " * 1000)
    source.look()
    assert "cannot be read" in source.since(None)[-1].data["reason"]
    assert not sweep.paths.index.with_name("ledger.db-wal").exists()


def test_an_index_that_another_one_holds_is_read_later(odd_sweep):
    sweep = odd_sweep("perfect", nodes=[[1], [2]])
    source = sweep_source(sweep.path)
    source.look()
    with sqlite3.connect(sweep.paths.index) as other:
        other.execute("BEGIN EXCLUSIVE")
        source.look()
        assert source.since(None)[-1].data["reason"] == ""
    other.close()
    assert source.told()["counts"] == sweep.ledger.counts()


def test_what_came_is_told_from_an_id_on_once_and_whole(odd_sweep):
    sweep = odd_sweep("perfect", nodes=[[n] for n in range(1, 7)])
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    source = sweep_source(sweep.path)
    source.look()
    start = source.cursor
    job = sweep.register([ids])
    sweep.ledger.take_in(job, [record(ids[0], accuracy=0.25, parameters=9)])
    source.look()
    middle = source.cursor
    sweep.ledger.take_in(job, [record(ids[1], collapsed=True), record(ids[2], status=State.FAILED, reason="odd")])
    source.look()

    def new_since(cursor, of=source):
        events = {event.name: event.data for event in of.since(cursor)}
        return events.get("designs", {}).get("new"), events.get("warning")

    other = sweep_source(sweep.path)  # as after the start of another server
    other.look()
    for each in (source, other):
        assert new_since(start, each)[0] == [[0, 9, 1, 0.25, 0], [1, None, 1, 0.5, 1], [2, None, 1, None, 2]]
        assert new_since(middle, each) == (
            [[1, None, 1, 0.5, 1], [2, None, 1, None, 2]],
            {"words": "designs fail: odd"},
        )
        assert new_since(each.cursor, each) == (None, None)
        assert [event.name for event in each.since("1.2.3")] == ["reset", "state"]


def test_more_designs_than_a_page_takes_at_once_are_counted(odd_sweep):
    sweep = odd_sweep("perfect", nodes=[[n] for n in range(1, 401)])
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    source = sweep_source(sweep.path)
    source.look()
    start = source.cursor
    sweep.ledger.take_in(sweep.register([ids]), [record(arch_id) for arch_id in ids])
    source.look()
    event = source.since(start)[0]
    assert len(event.to_bytes()) < 4096
    assert len(event.data["new"]) + event.data["more"] == 400


def test_readers_beside_a_writer_see_whole_moments(odd_sweep):
    sweep = odd_sweep("perfect", nodes=[[n] for n in range(1, 301)])
    ids = [one.arch_id for one in sweep.ledger.waiting()]

    def write():
        for arch_id in ids:
            job = sweep.register([[arch_id]])
            sweep.ledger.take_in(job, [record(arch_id)])
            sweep.ledger.harvested(job)

    writer = threading.Thread(target=write)
    writer.start()
    source = sweep_source(sweep.path)
    while writer.is_alive():
        source.look()
        counts = source.told()["counts"]
        assert counts["done"] + counts["planned"] + counts["running"] == 300 and not counts["failed"]
    writer.join()
    source.look()
    assert source.told()["counts"] == sweep.ledger.counts()


def test_a_driver_that_goes_on_is_told_by_the_speed_of_the_one_before(odd_sweep):
    sweep = odd_sweep("perfect", nodes=[[n] for n in range(1, 7)])
    waiting = sweep.ledger.waiting()
    before = sweep.register([[one.arch_id for one in waiting[:3]]])
    sweep.parts.close(before, [record(one.arch_id, wall_s=100 * one.seconds) for one in waiting[:3]])
    os.utime(sweep.paths.part_of(before), (1, 1))
    with sweep.held():
        sweep.register([[one.arch_id for one in waiting[3:]]])
        sweep.parts.write(sweep.ledger.open_jobs()[0][0], b"")
        source = sweep_source(sweep.path)
        source.look()
        eta = source.told()["eta"]
    left_s = 100 * sum(one.seconds for one in waiting[3:])
    assert eta["low_s"] < left_s < eta["high_s"] < 5 * left_s and eta["low_s"] > left_s / 5


# --- runs ---


def test_rounds_of_a_run_are_those_that_show_tells(new_run, command):
    run = new_run(rounds=2, shards=2, hidden=(8,))
    run.train()
    folder = run.folder.path
    source = run_source(folder)
    assert source.look() and not source.look()
    told = source.told()
    shown = json.loads(command("show", folder, "--json")[1])
    same = ("round", "stage", "stage_round", "training_loss", "validation", "rows", "majority", "seconds")
    assert [{n: one[n] for n in same} for one in told["rounds"]] == [{n: m[n] for n in same} for m in shown["rounds"]]
    assert [one["losses"] for one in told["rounds"]] == [[s["loss"] for s in m["shards"]] for m in shown["rounds"]]
    listed = json.loads(command("runs", folder.parent, "--json")[1])[0]
    assert told["kept"] == listed["kept"] and told["score"]["value"] == listed["validation"]["accuracy"]
    assert source.since(None)[-1].data["state"] == listed["state"] == "done"
    assert told["settings"]["rounds"] == 2


def test_events_of_a_run_go_on_from_an_id(new_run):
    run = new_run(rounds=3, shards=1, hidden=(8,))
    run.train()
    source = run_source(run.folder.path)
    source.look()
    events = source.since(None)
    assert [event.name for event in events] == ["round"] * len(source.rounds) + ["state"]
    for i, event in enumerate(events[:-1]):
        rest = run_source(run.folder.path)
        rest.look()
        assert rest.since(event.id) == events[i + 1 :]
    assert [event.name for event in source.since("9.9.9")][0] == "reset"
    run.folder.manifest_of(3).unlink()
    source.look()
    assert [event.name for event in source.since(events[-1].id)] == ["reset"] + ["round"] * (len(events) - 2) + [
        "state"
    ]
