"""The process that starts what is queued: python -m mrdl.experiments.queue.runner ROOT SLOTS.

It holds ROOT/queue while it works, and ends when nothing waits and nothing runs. Each experiment is watched over
by a process of its own, which outlives the runner and starts the program only if it takes the attempt's claim: so a
runner that is killed anywhere loses no experiment, and the next one starts none twice.
"""

import collections
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.experiments.folder import Folder, all_of
from mrdl.experiments.machine.needs import refusal
from mrdl.experiments.queue import digest
from mrdl.experiments.queue.files import is_removed, locked, read, retries, spans
from mrdl.experiments.starting import start
from mrdl.storage.lock import held, holder
from mrdl.storage.process import Process

LOOK_S = 0.1


def working(where: Path) -> Process | None:
    """Return the runner that works on the queue, if there is one. where: ROOT."""
    return holder(where / "queue")


class Runner:
    """Starts the experiments of a queue in the order of their ids, so many at once.

    where: ROOT; slots: how many may run, with those that run already. One whose needs are not met
    waits for what runs, and all behind it wait, too.

    Runner(Path("experiments"), 2).run()
    """

    def __init__(self, where: Path, slots: int) -> None:
        self.where, self.slots = where, slots
        self.waiting: collections.deque[tuple[dict[str, Any], int]] = collections.deque()
        self.running = [folder for folder in all_of(where) if folder.is_watched()]
        self._seen: set[tuple[int | str, int]] = set()  # spans, and attempts that are further ones
        self._untold: set[tuple[int, int]] = set()  # spans whose digest may be due
        self._children: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Work until nothing waits and nothing runs; return where another runner has the queue."""
        stack = contextlib.ExitStack()
        try:
            stack.enter_context(held(self.where / "queue", "queue", elsewhere="Use --folder", again="mrdl exp start"))
        except ConfigError:
            return
        with stack:
            while True:
                self._look()
                self._start_what_fits()
                if not self.waiting and not self.running:
                    with locked(self.where):  # nobody adds between the last look and the end of the lock
                        self._look()
                        if not self.waiting:
                            stack.close()
                            return
                time.sleep(LOOK_S)

    def _look(self) -> None:
        """Read what was added, or is tried again, since the last look, and let go what has ended."""
        for span in spans(self.where):
            if span not in self._seen:
                self._seen.add(span)
                self._untold.add(span)
                self._wait((spec, 1) for spec in read(self.where, span))
        for ident, attempt in retries(self.where):
            folder = Folder(self.where / ident)
            if (ident, attempt) not in self._seen and folder.path.exists():
                self._seen.add((ident, attempt))
                self._wait([(folder.spec(), attempt)])
        self._children = [child for child in self._children if child.poll() is None]
        going = [folder for folder in self.running if folder.is_watched()]
        ended, self.running = len(self.running) - len(going), going
        if ended or not (self.waiting or going):
            self._tell()

    def _tell(self) -> None:
        """Send the digest of each add of which nothing waits and nothing runs any more."""
        specs = [*(folder.spec() for folder in self.running), *(spec for spec, _ in self.waiting)]
        busy = {spec.get("group") for spec in specs}
        for span in [span for span in self._untold if f"{span[0]}-{span[1]}" not in busy]:
            self._untold.discard(span)
            try:
                digest.send(self.where, span)
            except OSError as error:  # a full disk must not keep the queue from its work
                print(f"no digest of the experiments {span[0]} to {span[1]}: {error}", file=sys.stderr)

    def _wait(self, attempts: Iterable[tuple[dict[str, Any], int]]) -> None:
        """Let attempts wait that nobody has taken."""
        self.waiting.extend(one for one in attempts if not Folder(self.where / one[0]["id"]).is_claimed(one[1]))

    def _start_what_fits(self) -> None:
        """Start from the front of the queue while there are slots; fail what lacks something though nothing runs."""
        while self.waiting and len(self.running) < self.slots:
            spec, attempt = self.waiting[0]
            lacking = refusal(spec["needs"], self.where) if spec.get("needs") else ""
            if lacking and self.running:
                return  # what runs may free it
            self.waiting.popleft()
            if is_removed(self.where, spec["id"]):
                continue
            folder = Folder.placed(self.where, spec)
            if lacking and folder.claim(attempt):
                folder.tell("state", state="failed", attempt=attempt, why=lacking)
            elif not lacking and not folder.is_claimed(attempt):
                self._start(folder, attempt)

    def _start(self, folder: Folder, attempt: int) -> None:
        """Start the process that watches over an experiment, and wait until it, or another, has the claim."""
        child = start(folder, attempt)
        self._children.append(child)
        while not folder.is_claimed(attempt):
            if child.poll() is not None and folder.claim(attempt):
                why = f"what watches over it did not start: see {folder.file('supervisor.log')}"
                folder.tell("state", state="failed", attempt=attempt, why=why)
                return
            time.sleep(LOOK_S / 10)
        self.running.append(folder)


if __name__ == "__main__":
    Runner(Path(sys.argv[1]).absolute(), int(sys.argv[2])).run()
