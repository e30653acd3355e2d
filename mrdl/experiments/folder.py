"""The folder of an experiment, each file that it leaves, and what became of it."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError, brief
from mrdl.experiments.history import now, read
from mrdl.experiments.queue.files import found as queued_as
from mrdl.experiments.queue.files import highest, locked
from mrdl.storage.process import Process

STATES = ("defined", "queued", "submitted", "running", "lost", "stopped", "failed", "finished")
ENDED = ("lost", "stopped", "failed", "finished")
VARIABLE = "MRDL_EXPERIMENTS"  # the environment's name of the folder of all experiments


def root(named: str | None = None) -> Path:
    """Return the folder of all experiments: the one that is named, else that of the environment, else ./experiments.

    named: '' is no name. The path is absolute, and need not be there yet.
    """
    return Path(named or os.environ.get(VARIABLE) or "experiments").absolute()


@dataclass(frozen=True)
class Folder:
    """The files of one experiment. path: ROOT/ID.

    spec.json is written once and says what it is; events.jsonl gets a line for all that becomes of it; claim-ATTEMPT
    names the process that started it. They can be read whenever a process was killed, and need no database, no port and
    no server.

    Folder.made(root(), {"name": "lang", "argv": ["python", "lang.py"], ...}).state()["state"]  # "defined"
    """

    path: Path

    @property
    def id(self) -> str:
        """How the experiment is called."""
        return self.path.name

    def file(self, name: str) -> Path:
        """The place of a file: spec.json, facts.json, diff.patch, log, history.jsonl, events.jsonl or alive."""
        return self.path / name

    @classmethod
    def made(cls, where: Path, spec: dict[str, Any]) -> "Folder":
        """Make the folder of a new experiment, of the next number that is free, with its specification.

        where: ROOT, made where it is not there, and locked meanwhile: no two experiments get one number, in the queue
        or out of it. spec: as `spec` gives it, without id. Raises OSError on a full disk.
        """
        with locked(where):
            return cls.placed(where, {"id": str(highest(where) + 1), **spec}, "defined")

    @classmethod
    def placed(cls, where: Path, spec: dict[str, Any], state: str = "queued") -> "Folder":
        """Make the folder of an experiment that has its id, whole or not at all; the one that is there already else.

        It is written beside its place and renamed, so of two processes that do this at once both get the same folder.
        spec: with its id; state: its first one, of STATES. Raises OSError on a full disk.
        """
        found = cls(where / spec["id"])
        if found.path.exists():
            return found
        half = cls(Path(tempfile.mkdtemp(prefix=".half-", dir=where)))
        half.path.chmod(0o755)
        half.file("spec.json").write_text(json.dumps(spec, indent=1))
        half.tell("state", state=state)
        try:
            half.path.rename(found.path)
        except OSError:  # another process has just made it
            if not found.path.exists():
                raise
            shutil.rmtree(half.path)
        return found

    @classmethod
    def named(cls, where: Path, ident: str) -> "Folder":
        """The experiment of an id, which is given its folder where it waits in the queue without one.

        ident: as it was typed. Raises ConfigError where there is none, with the last ten that there are.
        """
        found = cls(where / ident)
        queued = None if found.path.exists() else queued_as(where, ident)
        if queued is not None:
            return cls.placed(where, queued)
        if not ident.isdecimal() or not found.file("spec.json").exists():
            there = ", ".join(folder.id for folder in all_of(where)[-10:]) or "none yet"
            raise ConfigError(f"expected the id of an experiment in {where} ({there}), got {brief(ident)}")
        return found

    def spec(self) -> dict[str, Any]:
        """What the experiment is: id, name, argv, cwd, when, patterns, needs, data, limits, notify.

        One of the queue has created, group and size, too, and what was set for it; see queue.files.add.
        """
        found: dict[str, Any] = json.loads(self.file("spec.json").read_text())
        return found

    def tell(self, what: str, **more: Any) -> None:
        """Add a line to the events: whole, whoever else adds one.

        what: state, condition, warning or note; more: what JSON can have. Raises OSError on a full disk.

        folder.tell("state", state="running", attempt=1, pid=4711)
        """
        line = json.dumps({"at": now(), "what": what, **more}).encode() + b"\n"
        events = os.open(self.file("events.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.write(events, line)
        finally:
            os.close(events)

    def events(self) -> list[dict[str, Any]]:
        """The events, oldest first; a line that was not written whole is passed over."""
        return read(self.file("events.jsonl"))

    def state(self) -> dict[str, Any]:
        """The last event that is a state; running without a process that watches over it is lost.

        Returns {"state": one of STATES, "at": when it came into it, ...}, with why, exit and tail, the last lines of
        its log, of one that has ended. That it is lost is found by who asks: there was nobody left to write it down.
        """
        states = [event for event in self.events() if event.get("what") == "state"]
        last: dict[str, Any] = states[-1] if states else {"state": "defined", "at": ""}
        is_begun = last["state"] == "running" or (
            last["state"] not in ENDED and self.is_claimed(last.get("attempt", 1))
        )
        if is_begun and (watcher := self.watcher()) is not None and not watcher.is_alive():
            return {**last, "state": "lost", "why": "the process that watched over it has ended without a word"}
        return last

    def is_claimed(self, attempt: int) -> bool:
        """Whether a process has taken an attempt, from 1 on."""
        return self.file(f"claim-{attempt}").exists()

    def claim(self, attempt: int) -> bool:
        """Take an attempt for this process; False where another has it: each attempt is started once.

        attempt: from 1 on. The claim is a file that only one process can make; it says which one, with the time of its
        start, by which it is known from a later process of the same number. Raises OSError on a full disk.
        """
        process = Process.of(os.getpid())
        assert process is not None
        try:
            claim = os.open(self.file(f"claim-{attempt}"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        os.write(claim, f"{process.pid} {process.born}\n".encode())
        os.close(claim)
        return True

    def watcher(self) -> Process | None:
        """The process that watches over the last attempt, be it alive or not; None where none was made."""
        claims = sorted(self.path.glob("claim-*"), key=lambda path: int(path.name.partition("-")[2]))
        pid, _, born = claims[-1].read_text().strip().partition(" ") if claims else ("", "", "")
        return Process(int(pid), born) if pid else None

    def is_watched(self) -> bool:
        """Whether a process of this machine watches over it."""
        process = self.watcher()
        return process is not None and process.is_alive()


def all_of(where: Path) -> list[Folder]:
    """The experiments of a folder by number; [] where it is not there.

    Those that wait in the queue without a folder of their own are not among them: queue.files.spans tells of these.
    """
    try:
        names = [name for name in os.listdir(where) if name.isdecimal()]
    except FileNotFoundError:
        return []
    return [Folder(where / name) for name in sorted(names, key=int)]
