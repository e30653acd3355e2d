"""How a task tells what it is doing, and how the driver reads it: one short status line.

A status travels as Hadoop Streaming has it, `reporter:status:...` on standard error; the inline and local
runners leave the same lines in a file, so one reader serves all three.
"""

import contextvars
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

STATUS = re.compile(
    r"shard (?P<shard>\d+) round \d+ "
    r"epoch (?P<epoch>\d+)/(?P<epochs>\d+) (?P<percent>\d+)% loss (?P<loss>\S+)"
)
EVERY_S = 0.5
TAIL_BYTES = 4096


def training_status(shard: int, round_: int, epoch: int, epochs: int, done: float, loss: float) -> str:
    """What a training task says; epoch counts from 0, done is the fraction of that epoch."""
    return f"shard {shard} round {round_} epoch {epoch + 1}/{epochs} {100 * done:.0f}% loss {loss:.4f}"


@dataclass
class Progress:
    """What is known of a running job: `fraction` 0 to 1, `text` for people."""

    shards: int
    fraction: float = 0.0
    text: str = "starting"
    done: dict[int, float] = field(default_factory=dict)

    def read(self, statuses: Iterable[str]) -> None:
        """Take in status lines in any order; a shard never goes back, though its task may be retried."""
        for status in statuses:
            if match := STATUS.search(status):
                shard, epoch, epochs = int(match["shard"]), int(match["epoch"]), int(match["epochs"])
                share = (epoch - 1 + int(match["percent"]) / 100) / epochs
                if share > self.done.get(shard, -1.0):
                    self.done[shard] = share
                    self.text = f"shard {shard} epoch {epoch}/{epochs} loss {match['loss']}"
        self.fraction = max(self.fraction, sum(self.done.values()) / self.shards)


class Watcher:
    """Calls `look()` each half second in a thread of its own, as long as it is entered."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._over = threading.Event()
        # in a copy of this context, for a run waits for its services in all of its threads alike
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._run,), daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            self._look()


def last_statuses(folder: Path, since: float) -> list[str]:
    """The newest status of every task that the inline and local runners started below `folder`."""
    found = []
    for stderr in folder.glob("*/step/*/*/*/stderr"):
        try:
            if stderr.stat().st_mtime < since:
                continue
            with stderr.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            continue  # the job has just ended and its files go
        found += [line for line in lines if line.startswith("reporter:status:")][-1:]
    return found


def now() -> float:
    """Wall-clock seconds, for reports only: no result may depend on it."""
    return time.time()
