"""The process that watches over one experiment: python -m mrdl.experiments.supervise ROOT/ID ATTEMPT.

It starts the program in a session of its own, keeps its output, variables and monitor's samples, holds conditions
against them, ends the program where one says so, and tells people. It outlives whoever started it.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from mrdl.errors import MrdlError
from mrdl.experiments.conditions.watcher import Fired, Watcher, parse
from mrdl.experiments.facts import git
from mrdl.experiments.facts.facts import facts
from mrdl.experiments.folder import Folder
from mrdl.experiments.history import VARIABLE, History, Tail
from mrdl.experiments.machine.monitor import Monitor
from mrdl.experiments.machine.processes import tree
from mrdl.experiments.notify.crash import tail
from mrdl.experiments.notify.notifier import Notifier
from mrdl.experiments.notify.settings import Settings
from mrdl.experiments.output import BLOCK, MOST_BYTES, Output
from mrdl.experiments.variables import Variables

LOOK_S = 0.5  # between two looks at what was told
SAMPLE_S = 5.0  # between two samples of the monitor
MERCY_S = 10.0  # from a request to end to the end by force
DRAIN_S = 1.0  # for output that comes after a program's end, from what it left behind
TAIL = 50
SECRETS = ("MRDL_SMTP_PASSWORD", "MRDL_APPRISE_URLS")  # of this process, not of the program


class Supervisor:
    """Watches over one attempt of an experiment.

    folder: of the experiment, whose spec says what to do; attempt: from 1 on, claimed by this process. Of the spec's
    limits time_s is in seconds and log_mb in MB; its env is added to the program's environment. Raises ConfigError for
    conditions or patterns that cannot be read, OSError where the log cannot be opened.

    Supervisor(Folder(Path("experiments/7")), 1).run()  # "finished", "failed" or "stopped"
    """

    def __init__(self, folder: Folder, attempt: int) -> None:
        self.folder, self.attempt = folder, attempt
        self.spec = folder.spec()
        self.mark = f"{VARIABLE}={folder.file('history.jsonl')}"
        self.history = History(folder.file("history.jsonl"))
        self.tail = Tail(folder.file("history.jsonl"))
        self.tail.new()  # what an earlier attempt told is no matter of this one's conditions
        self.watcher = Watcher(parse(text) for text in self.spec.get("when", []))
        limits = self.spec.get("limits", {})
        self.limit_s = float(limits.get("time_s") or 0)
        most = int(limits["log_mb"] * 1e6) if limits.get("log_mb") else MOST_BYTES
        self.output = Output(folder.file("log"), self.history, Variables(self.spec.get("patterns", [])), most)
        self.notifier = Notifier(Settings.from_json(self.spec.get("notify") or {}), folder.path.parent)
        self.stop_why = ""
        self.started_s = time.monotonic()
        self._troubles = 0
        self._looked_s = self._kill_s = 0.0
        self._sampled_s = -SAMPLE_S

    def run(self) -> str:
        """Start the program, watch over it to its end, and return the state that it ended in.

        finished: with exit status 0; failed: with another, by a signal, or not to be started at all; stopped: by a
        condition, its limit of time, or a SIGTERM to this process, which is why this runs in the main thread. Asked to
        end, the program has MERCY_S seconds. What it has left behind is ended with it. It finds its history by
        MRDL_HISTORY, and none of SECRETS.
        """
        signal.signal(signal.SIGTERM, self._asked)
        self._write_facts()
        environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        environment |= {"PYTHONUNBUFFERED": "1", **self.spec.get("env", {})}  # else Python tells nothing before its end
        environment[VARIABLE] = str(self.folder.file("history.jsonl"))
        try:
            program = subprocess.Popen(
                self.spec["argv"],
                cwd=self.spec["cwd"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            why = f"the program {self.spec['argv'][0]} cannot be started: {error.strerror}"
            if not Path(self.spec["cwd"]).is_dir():
                why = f"the folder {self.spec['cwd']} is not there"
            return self._end("failed", why, None)
        self.folder.tell("state", state="running", attempt=self.attempt, pid=program.pid)
        self._notify("started", "")
        self._watch(program)
        status = program.wait()
        self._end_left(program)
        self.output.close()
        self._look()
        if self.stop_why:
            return self._end("stopped", self.stop_why, status)
        return self._end("failed" if status else "finished", _in_words(status), status)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        """Take note of a SIGTERM: the program is asked to end at the next moment, and the state will be stopped."""
        self.stop_why = self.stop_why or "it was asked to stop"

    def _write_facts(self) -> None:
        """Write what it starts from; that a disk takes no more must not keep a program from its work."""
        found = facts(self.spec["cwd"], self.spec["argv"], self.spec.get("data"), self.spec.get("seed"))
        with contextlib.suppress(OSError):
            self.folder.file("facts.json").write_text(json.dumps(found, indent=1))
            self.folder.file("diff.patch").write_text(git.patch(self.spec["cwd"], found["git"]))

    def _watch(self, program: subprocess.Popen[bytes]) -> None:
        """Read, look and sample until the program has ended and its output is read."""
        assert program.stdout is not None
        monitor = Monitor(program.pid, self.folder.path, self.mark)
        ended_s = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(program.stdout, selectors.EVENT_READ)
            while True:
                if not selector.get_map():  # it has closed its output, and may work on
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        program.wait(LOOK_S)
                elif selector.select(LOOK_S):
                    data = os.read(program.stdout.fileno(), BLOCK)
                    if data:
                        self.output.take(data)
                    else:
                        selector.unregister(program.stdout)
                self._moment(program, monitor)
                if program.poll() is not None:
                    ended_s = ended_s or time.monotonic()
                    if not selector.get_map() or time.monotonic() - ended_s >= DRAIN_S:
                        return

    def _moment(self, program: subprocess.Popen[bytes], monitor: Monitor) -> None:
        """Do what is due now: look, sample, ask the program to end, or end it by force."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._look()
        if now_s - self._sampled_s >= SAMPLE_S:
            self._sampled_s = now_s
            self._sample(monitor)
        if self.stop_why and now_s >= self._kill_s and program.poll() is None:
            _signal(program.pid, signal.SIGKILL if self._kill_s else signal.SIGTERM)
            self._kill_s = now_s + MERCY_S

    def _look(self) -> None:
        """Hold what was told since the last look against the conditions, and the time against its limit."""
        at_s = time.monotonic() - self.started_s
        for entry in self.tail.new():
            if "monitor" not in entry:
                self._fire(self.watcher.told({name: value for name, value in entry.items() if name != "at"}, at_s))
        self._fire(self.watcher.tick(at_s))
        if self.limit_s and at_s > self.limit_s:
            self.stop_why = self.stop_why or f"it ran longer than its limit of {self.limit_s:g} s"
        for words in self.output.troubles[self._troubles :]:
            self._troubles += 1
            self._warn(words)
        with contextlib.suppress(OSError):
            self.folder.file("alive").touch()

    def _fire(self, fired: list[Fired]) -> None:
        """Keep conditions that hold as events, let "stop" end the program, and tell people of all but "warn"."""
        for one in fired:
            action, text = one.condition.action, one.condition.text
            self.folder.tell("condition", condition=text, action=action, why=one.why)
            if action == "stop":
                self.stop_why = self.stop_why or f'the condition "{text}" holds: {one.why}'
            if action != "warn":
                self._notify("condition", one.why, condition=text)

    def _sample(self, monitor: Monitor) -> None:
        """Keep a sample of the machine, and warn of what it says is about to go wrong."""
        self.history.monitor(monitor.sample())
        for words in monitor.warnings():
            self._warn(words)

    def _warn(self, words: str) -> None:
        """Keep a warning as an event and tell people; a full disk, of which it may warn, does not end this process."""
        with contextlib.suppress(OSError):
            self.folder.tell("warning", why=words)
        self._notify("warning", words)

    def _end_left(self, program: subprocess.Popen[bytes]) -> None:
        """End what the program left behind, so that nothing goes on taking the machine unseen."""
        left = tree(program.pid, mark=self.mark)
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        if left and not self.stop_why:
            self.folder.tell("note", why=f"it left {len(left)} processes behind, which were ended")

    def _end(self, state: str, why: str, status: int | None) -> str:
        """Tell the end: its state, reason and last lines.

        state: finished, failed or stopped; why: in words; status: of the program as subprocess has it, negative for a
        signal, None where it never started. Conditions that name what was never told are noted, as a misspelt one would
        never hold.
        """
        for words in self.watcher.never():
            self.folder.tell("note", why=words)
        last = tail(self.folder.file("log"), TAIL).split("\n")
        self.folder.tell("state", state=state, why=why, exit=status, attempt=self.attempt, tail=last)
        self._notify(state, why, exit=status)
        return state

    def _notify(self, what: str, why: str, **more: Any) -> None:
        """Tell people of an event; see Notifier.send, which never raises."""
        about = {name: self.spec.get(name) for name in ("id", "name", "argv", "group", "size")}
        event = {**about, "what": what, "why": why, "folder": str(self.folder.path), "attempt": self.attempt, **more}
        self.notifier.send(event)


def _signal(group: int, number: signal.Signals) -> None:
    """Send a signal to a group of processes, where there is one still."""
    with contextlib.suppress(OSError):
        os.killpg(group, number)


def _in_words(status: int) -> str:
    """How a program ended."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"ended by the signal {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by the signal {-status}"


def main() -> None:
    """Watch over the experiment that the command line names, where nobody else does.

    What keeps this process from doing so is the reason of the state failed, and is raised: it ends with a traceback,
    which supervisor.log holds.
    """
    folder, attempt = Folder(Path(sys.argv[1]).absolute()), int(sys.argv[2])
    if not folder.claim(attempt):
        return
    try:
        Supervisor(folder, attempt).run()
    except (OSError, MrdlError) as error:
        folder.tell("state", state="failed", why=f"it could not be watched over: {error}", attempt=attempt)
        raise


if __name__ == "__main__":
    main()
