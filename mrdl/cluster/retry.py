"""Waits for HDFS and YARN to come back: a restart, safe mode or a full disk costs a run time, not its life."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from mrdl.errors import Unavailable

EVERY_S = 2.0
T = TypeVar("T")


def _unheard(text: str) -> None:
    """Take a note where nobody listens."""


class Retry:
    """Calls again what is Unavailable, for as long as `waiting` says; outside it gives up at once.

    retry = Retry()
    with retry.waiting(600, print):
        retry(lambda: client.status("/"))
    """

    def __init__(self) -> None:
        # of each run its own: several may go on in one process, each in a thread
        self._now: ContextVar[tuple[float, Callable[[str], None]]] = ContextVar("waiting", default=(0.0, _unheard))

    @contextmanager
    def waiting(self, wait_s: float, note: Callable[[str], None]) -> Iterator[None]:
        """Inside, calls wait up to `wait_s` seconds each time that a service is away.

        note: told in words, once for each such time. Of several threads each waits as its own `waiting` says.
        """
        before = self._now.set((wait_s, note))
        try:
            yield
        finally:
            self._now.reset(before)

    def __call__(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns; raises its last Unavailable when the time is over."""
        pause = self.pauses()
        while True:
            try:
                return attempt()
            except Unavailable as error:
                pause(error)

    def pauses(self) -> Callable[[Unavailable], None]:
        """Return a function for one wait: it sleeps EVERY_S seconds after a failure, and raises it when time is over.

        For callers that do not begin anew, but go on where they were: a file is read on from the same byte.
        """
        wait_s, note = self._now.get()
        deadline = time.monotonic() + wait_s
        told = False

        def pause(error: Unavailable) -> None:
            """Wait until the next try, or raise where the time is over."""
            nonlocal told
            if not wait_s:
                raise error
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"{error} mrdl waited {wait_s:.0f} s for it. Nothing that is done is lost: "
                    "mend that and go on with --resume"
                ) from error
            if not told:
                note(f"{error} Waiting up to {wait_s:.0f} s for it to come back")
                told = True
            time.sleep(EVERY_S)

        return pause
