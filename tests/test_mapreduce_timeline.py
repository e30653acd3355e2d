"""Where the time of a round went: what tasks tell of themselves, how it is kept, and what is said and drawn of it."""

import json
import os
import sys

import pytest

from mrdl.cli.main import main
from mrdl.mapreduce.task import until_now
from mrdl.mapreduce.timeline import Keeper, Span, Timeline, kept, of_task
from mrdl.rounds.folder import RunFolder

ROUND = Timeline(
    1,
    "round 1/2",
    "hadoop",
    (
        Span("driver", "driver", 100.0, 110.0),
        Span("client", "client", 101.0, 109.5),
        Span("master", "job", 102.0, 109.0),
        *of_task("map 0", 103.0, 107.0, {"container": 1.0, "Python": 0.5, "rows": 0.25, "train": 2.0}),
        *of_task("map 1", 103.0, 105.0, {"container": 1.0, "Python": 0.5, "train": 0.5}),
        Span("failed attempt", "reduce 0", 107.0, 108.0),
    ),
)


def test_shares_add_up_to_the_round_and_tasks_side_by_side_share_a_moment():
    shares = ROUND.shares()
    assert sum(shares.values()) == pytest.approx(10.0)
    assert shares["driver"] == pytest.approx(1.0 + 0.5) and shares["client"] == pytest.approx(1.0 + 0.5)
    assert shares["master"] == pytest.approx(1.0 + 1.0)
    assert shares["container"] == pytest.approx(1.0) and shares["Python"] == pytest.approx(0.5)
    assert shares["rows"] == pytest.approx(0.125), "map 1 trained meanwhile"
    assert shares["train"] == pytest.approx(0.125 + 0.25 + 1.75)
    assert shares["failed attempt"] == pytest.approx(1.0)


def test_a_task_that_tells_more_time_than_it_had_is_cut_and_one_that_tells_nothing_is_one_span():
    assert of_task("map 0", 0.0, 1.0, {"Python": 0.75, "train": 9.0})[1:] == [
        Span("train", "map 0", 0.75, 1.0),
        Span("commit", "map 0", 1.0, 1.0),
    ]
    assert of_task("map 0", 0.0, 1.0, {}) == [Span("task", "map 0", 0.0, 1.0)]


def test_timelines_are_read_as_they_were_kept_and_a_line_that_a_kill_has_cut_is_passed_over(tmp_path):
    path = tmp_path / "timeline.jsonl"
    with Keeper(path) as keeper:
        keeper.keep(lambda: ROUND)
        keeper.keep(lambda: 1 / 0)
    assert kept(path) == [ROUND]
    path.write_text(path.read_text() + json.dumps(ROUND.to_json())[:50])
    assert kept(path) == [ROUND]


def test_a_history_server_that_is_away_is_told_in_the_log_and_fails_nothing(tmp_path, caplog):
    with Keeper(tmp_path / "timeline.jsonl") as keeper:
        keeper.keep(lambda: 1 / 0)
    assert "times are not kept" in caplog.text and kept(tmp_path / "timeline.jsonl") == []


def test_a_process_knows_how_long_its_python_takes_and_where_it_is_no_container(monkeypatch):
    monkeypatch.delenv("CONTAINER_ID", raising=False)
    told = until_now()
    assert set(told) == ({"Python"} if sys.platform == "linux" else set())
    monkeypatch.setenv("CONTAINER_ID", "container_1")
    assert until_now()["container"] >= 0 if os.getsid(0) else set(until_now()) == set(told)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_process_whose_session_is_led_from_out_of_sight_tells_of_its_python_all_the_same(monkeypatch):
    monkeypatch.setattr(os, "getsid", lambda pid: 0)  # as in a process namespace of its own
    monkeypatch.setenv("CONTAINER_ID", "container_1")
    assert set(until_now()) == {"Python"}


@pytest.mark.parametrize("runner", ["inline", "local"])
def test_a_run_tells_where_the_time_of_each_round_went_and_draws_it(new_run, tmp_path, capsys, runner):
    run = new_run(folder="run", runner=runner, nodes=(64, 10), shards=1, rounds=1, epochs=40)
    run.execute()
    found = {timeline.name: timeline for timeline in kept(run.folder.timeline)}
    manifests = run.folder.manifests()
    assert [timeline.round for timeline in found.values()] == [m.round for m in manifests]
    for timeline, manifest in zip(found.values(), manifests, strict=True):
        assert timeline.seconds == pytest.approx(manifest.seconds, abs=0.5)
        assert {"driver", "job", "rows", "train"} <= set(timeline.shares())
        assert ("Python" in timeline.shares()) == (runner == "local"), "the driver's own has started before"
    assert main(["show", str(run.folder.path), "--timeline"]) == 0
    told = capsys.readouterr().out
    assert "training" in told and f"-r {runner}" in told and str(run.folder.path / "timeline.html") in told
    picture = (run.folder.path / "timeline.html").read_text()
    assert picture.count("<svg") == len(manifests) and "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    assert main(["show", str(run.folder.path), "--timeline", "--json"]) == 0
    assert [t["round"] for t in json.loads(capsys.readouterr().out)] == [m.round for m in manifests]


def test_a_run_that_has_kept_no_times_is_told_in_words(new_run, capsys):
    run = new_run(folder="run", nodes=(64, 10), shards=1, rounds=1, epochs=1)
    run.execute()
    RunFolder(run.folder.path).timeline.unlink()
    assert main(["show", str(run.folder.path), "--timeline"]) == 2
    assert "has kept no times" in capsys.readouterr().err


def test_later_rounds_of_each_runner_have_a_mean_of_their_own(new_run, capsys):
    run = new_run(folder="run", nodes=(64, 10), shards=1, rounds=1, epochs=1)
    run.execute()
    told = [(1, "inline", 9.0), (2, "inline", 1.0), (3, "local", 4.0), (4, "inline", 3.0)]
    lines = [Timeline(n, f"round {n}", runner, (Span("driver", "driver", 0.0, s),)) for n, runner, s in told]
    run.folder.timeline.write_text("".join(json.dumps(each.to_json()) + "\n" for each in lines))
    assert main(["show", str(run.folder.path), "--timeline"]) == 0
    shown = capsys.readouterr().out
    for head in (
        "round 1, -r inline: 9.0 s",
        "mean of 2 later rounds, -r inline: 2.0 s",
        "mean of 1 later round, -r local: 4.0 s",
    ):
        assert head in shown
    assert "round 3, -r local: 4.0 s" in (run.folder.path / "timeline.html").read_text()
