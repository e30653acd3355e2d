"""`mrdl exp`: any program, watched over by a process of its own, as a user runs it."""

import json
import os
import signal
import subprocess
import sys

import pytest
from experiments import until
from mail_server import plain

from mrdl.experiments.folder import Folder
from mrdl.experiments.history import History, read
from mrdl.experiments.output import A_SECOND, Output
from mrdl.experiments.variables import Variables
from mrdl.storage.process import Process

PROGRAM = """
import sys, time
for epoch in range(1, 200):
    print(f"epoch={epoch} loss: {2 / epoch:.3f} val_loss: {1 + epoch / 3:.3f}")
    time.sleep(0.05)
"""


def state(folder):
    """The state of an experiment and its reason."""
    last = Folder(folder).state()
    return last["state"], last.get("why")


def test_a_condition_stops_a_program_and_a_mail_tells_of_it(exp, tmp_path, mail_server):
    server = mail_server()
    table = f'[notify]\nto = "me@example.org"\nsmtp = "127.0.0.1:{server.port}"\non = ["condition"]\npicture = false\n'
    (tmp_path / "mail.toml").write_text(table)
    (tmp_path / "lang.py").write_text(PROGRAM)
    when = ("--when", "no improvement in 2 epochs", "stop", "--when", "val_los > 2", "warn")
    ran = exp("run", *when, "--notify", "mail.toml", "--", sys.executable, "lang.py", "--seed", "5")
    folder = tmp_path / "experiments" / "1"
    assert ran.returncode == 1 and ran.stdout.startswith("epoch=1 loss: 2.000 val_loss: 1.333\n")
    reached, why = state(folder)
    assert reached == "stopped" and why.startswith('the condition "no improvement in 2 epochs stop" holds: val_loss')
    assert (folder / "log").read_text() == ran.stdout
    history = read(folder / "history.jsonl")
    first = next(entry for entry in history if entry.get("step") == 1)
    assert (first["epoch"], first["loss"], first["val_loss"]) == (1, 2.0, 1.333)
    assert any("monitor" in entry for entry in history)
    assert json.loads((folder / "facts.json").read_text())["seed"] == 5
    notes = [event["why"] for event in Folder(folder).events() if event["what"] == "note"]
    assert any(note.startswith("val_los never appeared") for note in notes)
    [mail] = until(lambda: server.mails)
    assert mail["Subject"].startswith("[mrdl] python") and "val_loss did not fall in 2 epochs" in plain(mail)
    shown = exp("show", 1).stdout
    assert "is stopped: the condition" in shown and "val_los never appeared" in shown and "█" in shown


def test_programs_end_in_their_states_with_reasons_and_last_lines(exp, tmp_path):
    assert exp("run", "--", "sh", "-c", "echo fine").returncode == 0
    assert exp("run", "--", "sh", "-c", "echo bad; exit 3").returncode == 1
    exp("run", "--", "sh", "-c", "kill -SEGV $$")
    exp("run", "--time-limit", "0.2", "--", "sleep", "60")
    exp("run", "--", "sh", "-c", "exec >&- 2>&-; exit 4")
    exp("run", "--", "sh", "-c", "setsid sleep 60 & echo left")
    root = tmp_path / "experiments"
    assert [state(root / str(number)) for number in range(1, 7)] == [
        ("finished", "exit status 0"),
        ("failed", "exit status 3"),
        ("failed", "ended by the signal SIGSEGV"),
        ("stopped", "it ran longer than its limit of 0.2 s"),
        ("failed", "exit status 4"),
        ("finished", "exit status 0"),
    ]
    assert Folder(root / "2").state()["tail"] == ["bad"]
    assert "it left 1 processes behind, which were ended" in (root / "6" / "events.jsonl").read_text()
    listed = [json.loads(line)["state"] for line in exp("list", "--json").stdout.splitlines()]
    assert listed == ["finished", "failed", "failed", "stopped", "failed", "finished"]
    assert exp("diff", 1, 2).stdout == "argv -c: echo fine | echo bad; exit 3\n"
    assert exp("log", 2).stdout == "bad\n"


def test_a_detached_program_is_stopped_with_its_children_though_it_does_not_want_to(exp, tmp_path):
    script = 'trap "" TERM; sleep 60 & echo $!; while :; do wait; done'
    ident = exp("run", "--detach", "--", "sh", "-c", script).stdout.strip()
    folder = tmp_path / "experiments" / ident
    child = int(until(lambda: (folder / "log").exists() and (folder / "log").read_text()))
    assert exp("stop", ident).stdout == f"experiment {ident}: stopped\n"
    assert state(folder) == ("stopped", "it was asked to stop")
    until(lambda: Process.of(child) is None)
    assert exp("stop", ident).stdout == f"experiment {ident}: nobody works on it, it is stopped\n"


def test_an_experiment_whose_watcher_was_killed_is_lost(exp, tmp_path):
    ident = exp("run", "--detach", "--", "sh", "-c", "echo $$; exec sleep 60").stdout.strip()
    folder = Folder(tmp_path / "experiments" / ident)
    program = int(until(lambda: folder.file("log").exists() and folder.file("log").read_text()))
    assert folder.state()["state"] == "running"
    os.kill(folder.watcher().pid, signal.SIGKILL)
    until(lambda: not folder.is_watched())
    os.kill(program, signal.SIGKILL)
    assert "lost" in exp("list").stdout
    assert not Folder(folder.path).claim(1)  # an attempt is started once


REFUSED = {
    ("run",): "expected a program after --",
    ("run", "--", "no-such-program"): "the program 'no-such-program' is not there",
    ("run", "--when", "loss >", "stop", "--", "true"): "at column 8",
    ("run", "--pattern", "x", "--", "true"): "expected a named group",
    ("run", "--need", "disk_mb=1e12", "--", "true"): "needs 1,000,000,000,000 MB of disk",
    ("run", "--need", "disk_mb", "--", "true"): "expected NAME=NUMBER",
    ("run", "--notify", "gone.toml", "--", "true"): "gone.toml cannot be read",
    ("show", "9"): "expected the id of an experiment",
    ("messages", "--test"): "nobody is named",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_run_is_refused_before_anything_starts(words, command, tmp_path, monkeypatch):
    monkeypatch.setenv("MRDL_EXPERIMENTS", str(tmp_path / "experiments"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    status, _, err = command("exp", *words)
    assert status == 2 and REFUSED[words] in err
    assert not (tmp_path / "experiments").exists()


def test_the_light_verbs_import_the_standard_library_alone(tmp_path):
    program = "import sys; from mrdl.cli.main import main; main(['exp', 'list']); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
    heavy = {"torch", "numpy", "pandas", "pyarrow", "rich", "requests", "matplotlib", "psutil", "sqlite3"}
    assert not heavy & set(told.stdout.split())


def test_a_log_has_a_limit_and_a_program_that_tells_too_much_is_not_held_up(tmp_path):
    history = History(tmp_path / "history.jsonl")
    output = Output(tmp_path / "log", history, Variables(), most_bytes=100)
    output.take(b"loss: 1\n" * 100_000)
    output.take(b"a line without an end, loss: 2")
    output.close()
    assert (tmp_path / "log").stat().st_size == 100
    assert A_SECOND <= len(read(history.path)) <= 2 * A_SECOND + 1
    assert ["its limit" in output.troubles[0], "some are not kept" in output.troubles[1]] == [True, True]
    full = Output("/dev/full", history, Variables())
    full.take(b"x\n")
    assert full.troubles == ["the log cannot be written: No space left on device; the program goes on"]
