"""`mrdl exp add` and `start`: grids, the queue's files, and a runner that is killed."""

import json
import random
import subprocess
import sys
import time

import pytest
from experiments import until
from mail_server import plain

from mrdl.errors import ConfigError
from mrdl.experiments.folder import Folder
from mrdl.experiments.queue import files, grid, runner


def spawned(where, slots):
    """A runner of a folder of experiments, as `mrdl exp start` starts it."""
    command = [sys.executable, "-m", "mrdl.experiments.queue.runner", str(where), str(slots)]
    return subprocess.Popen(command, start_new_session=True)


def states(where):
    """The state of each experiment that was started, by id."""
    return {path.name: Folder(path).state()["state"] for path in where.iterdir() if path.name.isdecimal()}


def test_a_grid_has_each_combination_in_order():
    told = grid.combinations(["lr=0.1,0.01", "seed=1..2"])
    assert [tuple(one.values()) for one in told] == [("0.1", "1"), ("0.1", "2"), ("0.01", "1"), ("0.01", "2")]
    assert grid.filled(["a", "--lr={lr}", "{seed}", '{"x": 1}'], told[1]) == ["a", "--lr=0.1", "2", '{"x": 1}']
    assert [one["repeat"] for one in grid.combinations([], 3)] == ["1", "2", "3"]
    assert grid.combinations([]) == [{}]


@pytest.mark.parametrize(
    ("told", "repeat", "words"),
    [
        (["lr"], 1, "NAME=VALUE"),
        (["lr="], 1, "NAME=VALUE"),
        (["n=9..1"], 1, "FIRST..LAST"),
        (["n=1..999999"], 1, "FIRST..LAST"),
        (["a=1", "a=2"], 1, "set twice"),
        (["a=1..1000", "b=1..1000"], 1, "1,000,000"),
        ([], 0, "--repeat"),
    ],
)
def test_a_grid_that_cannot_be_is_said(told, repeat, words):
    with pytest.raises(ConfigError, match=words):
        grid.combinations(told, repeat)


def test_ids_go_on_over_adds_and_runs(tmp_path):
    assert files.add(tmp_path, [{"name": "a"}, {"name": "b"}]) == ["1", "2"]
    assert Folder.made(tmp_path, {"name": "c"}).id == "3"
    assert files.add(tmp_path, [{"name": "d"}]) == ["4"]
    assert files.found(tmp_path, "2") == {"id": "2", "group": "1-2", "size": 2, "name": "b"}
    assert files.found(tmp_path, "3") is None


def test_a_grid_runs_to_its_end_through_the_commands(exp, tmp_path):
    added = exp("add", "--set", "x=5,7", "--", "sh", "-c", "echo got: {x}")
    assert (added.returncode, added.stdout) == (0, "1-2\n"), added.stderr
    assert "mrdl exp start" in added.stderr
    assert [json.loads(line)["state"] for line in exp("list", "--json").stdout.splitlines()] == ["queued"] * 2
    assert exp("start", "--slots", 2).returncode == 0
    where = tmp_path / "experiments"
    until(lambda: states(where) == {"1": "finished", "2": "finished"})
    assert (where / "1" / "log").read_text() == "got: 5\n"
    assert (where / "2" / "log").read_text() == "got: 7\n"
    until(lambda: runner.working(where) is None)  # it ends with its queue


def test_placeholders_and_values_must_meet(exp):
    assert "{rate}" in exp("add", "--set", "lr=1", "--", "echo", "{lr}", "{rate}").stderr
    assert "not in the command" in exp("add", "--set", "lr=1", "--", "echo").stderr
    assert exp("add", "--", "no-such-program").returncode == 2


def test_what_waits_can_be_taken_out(exp, tmp_path):
    exp("add", "--repeat", 2, "--", "true")
    assert "stopped" in exp("stop", 1).stdout
    exp("start")
    until(lambda: states(tmp_path / "experiments") == {"1": "stopped", "2": "finished"})


def test_a_second_runner_leaves_the_queue_to_the_first(exp, tmp_path):
    exp("add", "--", "sleep", "60")
    where = tmp_path / "experiments"
    exp("start")
    until(lambda: states(where) == {"1": "running"})
    again = exp("start")
    assert (again.returncode, "already" in again.stderr) == (2, True)
    assert spawned(where, 1).wait(60) == 0
    assert "has ended" in exp("stop").stdout
    assert states(where) == {"1": "running"}  # it outlives its runner
    exp("stop", 1)
    assert states(where) == {"1": "stopped"}


def test_a_runner_killed_anywhere_starts_each_experiment_once(tmp_path):
    where, started = tmp_path / "experiments", tmp_path / "started"
    argv = ["sh", "-c", f"echo x >> {started}"]
    files.add(where, [{"name": "short", "argv": argv, "cwd": str(tmp_path)} for _ in range(8)])
    chance = random.Random(5)
    for _ in range(6):
        process = spawned(where, 3)
        time.sleep(chance.uniform(0.1, 0.8))
        process.kill()
        process.wait()
    assert spawned(where, 3).wait(90) == 0
    assert list(states(where).values()) == ["finished"] * 8
    assert started.read_text() == "x\n" * 8


def test_run_with_values_waits_for_all_of_them(exp, tmp_path):
    (tmp_path / "write.sh").write_text('echo "$1 $2" >> ran; echo "loss: $1"; exit $2\n')
    ran = exp("run", "--set", "lr=0.5,0.1", "--set", "bad=0,3", "--", "sh", "write.sh", "{lr}", "{bad}")
    assert ran.returncode == 1 and ran.stderr.endswith("2 failed, 2 finished\n")
    assert sorted((tmp_path / "ran").read_text().splitlines()) == ["0.1 0", "0.1 3", "0.5 0", "0.5 3"]
    assert states(tmp_path / "experiments") == {"1": "finished", "2": "failed", "3": "finished", "4": "failed"}
    assert exp("run", "--set", "lr=1,2", "--", "test", "{lr}", "-gt", "0").returncode == 0


def test_a_need_that_nobody_knows_is_refused_before_it_is_in_the_queue(exp, tmp_path):
    for need in ("memory=5", "cpus=-1", "cpus=nan", "cpus"):
        ran = exp("add", "--need", need, "--", "true")
        assert ran.returncode == 2 and "expected" in ran.stderr and not (tmp_path / "experiments").exists()


def test_what_failed_is_tried_again_in_the_same_folder(exp, tmp_path):
    exp("add", "--set", "x=1,2", "--", "sh", "-c", "echo loss: {x}; test {x} = 1 || test -e mended")
    where = tmp_path / "experiments"
    exp("start", "--slots", 2)
    until(lambda: states(where) == {"1": "finished", "2": "failed"})
    assert "only what failed" in exp("retry", 1).stderr
    (tmp_path / "mended").touch()
    until(lambda: runner.working(where) is None)
    assert exp("retry", 2).stdout == "experiment 2 waits for attempt 2\n"
    assert states(where)["2"] == "queued"
    exp("start")
    until(lambda: states(where) == {"1": "finished", "2": "finished"})
    assert (where / "2" / "log").read_text() == "loss: 2\n" * 2
    told = [event.get("attempt") for event in Folder(where / "2").events() if event.get("state") == "running"]
    assert told == [1, 2]


def test_a_retry_that_waits_can_be_taken_out(exp, tmp_path):
    exp("run", "--", "false")
    exp("retry", 1)
    assert exp("stop", 1).stdout == "experiment 1: stopped\n"
    assert spawned(tmp_path / "experiments", 1).wait(90) == 0
    assert states(tmp_path / "experiments") == {"1": "stopped"}


def test_what_is_deleted_does_not_come_back(exp, tmp_path):
    exp("add", "--repeat", 3, "--", "true")
    where = tmp_path / "experiments"
    assert "end it first" in exp("rm", 1).stderr
    exp("stop", 1)
    exp("stop", 3)
    assert exp("rm", 1, 3).stdout == "experiment 1 is deleted\nexperiment 3 is deleted\n"
    assert [json.loads(line)["id"] for line in exp("list", "--json").stdout.splitlines()] == ["2"]
    assert spawned(where, 1).wait(90) == 0
    assert states(where) == {"2": "finished"}
    assert exp("show", 3).returncode == 2 and exp("add", "--", "true").stdout == "4\n"


def test_an_attempt_whose_process_ended_before_a_word_is_lost(tmp_path):
    folder = Folder.made(tmp_path / "experiments", {"name": "a", "argv": ["true"], "cwd": "/"})
    folder.file("claim-1").write_text("")  # it is just being taken
    assert folder.state()["state"] == "defined"
    folder.file("claim-1").write_text("999999999 no-such-process\n")
    assert folder.state()["state"] == "lost"


def test_a_digest_tells_of_many_that_were_added_together_once(exp, tmp_path, mail_server):
    server = mail_server()
    table = f'[notify]\nto = "me@example.org"\nsmtp = "127.0.0.1:{server.port}"\non = ["digest"]\npicture = false\n'
    (tmp_path / "mail.toml").write_text(table)
    exp("add", "--notify", "mail.toml", "--set", "x=0,0.5,1,7", "--", "test", "{x}", "-ge", "1")
    exp("add", "--notify", "mail.toml", "--repeat", "2", "--", "true")
    where = tmp_path / "experiments"
    for _ in range(2):  # the second runner has nothing to tell
        assert spawned(where, 2).wait(90) == 0
    until(lambda: server.mails)
    exp("messages")
    [mail] = server.mails
    assert (
        "2 finished" in plain(mail)
        and "2 failed" in plain(mail)
        and mail["Subject"] == "[mrdl] 4 experiments (test) have ended"
    )
