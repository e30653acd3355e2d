"""Waiting for HDFS and YARN to come back: a restart, safe mode or a full disk costs a run time, not its life."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from mrdl.errors import Unavailable

EVERY_S = 2.0
T = TypeVar("T")


def _unheard(text: str) -> None:
    """Where nobody listens."""


class Retry:
    """Calls what may fail for a while, again and again; outside `waiting` it gives up at once."""

    def __init__(self) -> None:
        # of each run its own: several may go on in one process, each in a thread
        self._now: ContextVar[tuple[float, Callable[[str], None]]] = ContextVar("waiting", default=(0.0, _unheard))

    @contextmanager
    def waiting(self, wait_s: float, note: Callable[[str], None]) -> Iterator[None]:
        """Inside, wait up to so many seconds each time that a service is away; `note` is told once for each."""
        before = self._now.set((wait_s, note))
        try:
            yield
        finally:
            self._now.reset(before)

    def __call__(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns; raises its Unavailable when the time is over."""
        pause = self.pauses()
        while True:
            try:
                return attempt()
            except Unavailable as error:
                pause(error)

    def pauses(self) -> Callable[[Unavailable], None]:
        """For one wait: a function that sleeps a little after a failure, and raises it when the time is over."""
        wait_s, note = self._now.get()
        deadline, told = time.monotonic() + wait_s, False

        def pause(error: Unavailable) -> None:
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
