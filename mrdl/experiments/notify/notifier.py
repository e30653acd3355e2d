"""Telling people of what happens to experiments, without holding up or harming any of them."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrdl.experiments.history import VARIABLE, now
from mrdl.experiments.notify.outbox import Outbox
from mrdl.experiments.notify.settings import Settings, read_settings

FEW = 3  # experiments of one `add` that are told of one by one
ONCE = {"failed": "failed", "lost": "failed", "condition": "condition", "warning": "condition", "digest": "digest"}
AGAIN_S = 60.0  # between two trials of a server that did not answer

_log = logging.getLogger(__name__)


class Notifier:
    """Tells people of events: keeps each in the outbox, and starts a process that sends it.

    settings: a `[notify]` table, see settings.read_settings, or Settings, or None for the user's own file; root: the
    folder of the experiments. Raises ConfigError for settings that cannot be used.

    Of more than FEW experiments that were added at once there are at most three messages: the first that failed, the
    first that met a condition, and a digest at the end.

    Notifier({"to": "me@example.org"}, "experiments").send({"what": "failed", "id": "7", "why": "exit status 1"})
    """

    def __init__(self, settings: Mapping[str, Any] | Settings | None, root: Path | str) -> None:
        self.settings = settings if isinstance(settings, Settings) else read_settings(settings)
        self.root = Path(root).absolute()
        self.outbox = Outbox(self.root)
        self._posts: list[subprocess.Popen[bytes]] = []

    def send(self, event: Mapping[str, Any]) -> bool:
        """Tell of an event; returns whether it will be told. It takes some milliseconds, and never raises.

        event: "what", one of settings.KINDS, and where they are known "id", "name", "folder", "argv", "why", "exit",
        "condition", "at", "attempt"; "group" and "size": what was added with it, and how many. A digest has "counts" by
        state, "failed" ids, and "best", (id, name, value) each.
        """
        try:
            if not self._wanted(event):
                return False
            self.outbox.put({"at": now(), **event}, self.settings.to_json())
            self._start()
        except Exception as error:  # a full disk, no more processes: nothing of this may end an experiment
            _log.warning("nobody is told of %s: %s", event.get("what"), error)
            return False
        return True

    def flush(self) -> bool:
        """Try again to send what waits, at most each AGAIN_S, however often this is called; returns whether it does."""
        if not self.outbox.waiting() or time.time() - self.outbox.tried() < AGAIN_S:
            return False
        self.retry()
        return True

    def retry(self) -> None:
        """Try again to send what waits, now."""
        self._start()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the processes that send, and return how many messages are not sent yet."""
        for process in self._posts:
            process.wait(timeout_s)
        self._posts.clear()
        return len(self.outbox.waiting())

    def _wanted(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is told: it is of a kind that is wanted, and of a large sweep the first of its kind."""
        what = str(event.get("what"))
        if what not in self.settings.on or not self.settings.tells:
            return False
        if int(event.get("size") or 1) <= FEW:
            return True
        return what in ONCE and self.outbox.once(f"{event.get('group')}.{ONCE[what]}")

    def _start(self) -> None:
        """Start a process that sends what waits."""
        self._posts = [process for process in self._posts if process.poll() is None]
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        self._posts.append(
            subprocess.Popen(
                [sys.executable, "-m", "mrdl.experiments.notify.post", str(self.root)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )
        )
