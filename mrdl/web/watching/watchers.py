"""One watcher for each session that somebody looks at, shared by all who do: it reads in a thread, they wait."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI, Request

from mrdl.web.home import Home, Session
from mrdl.web.watching.runs import RunSource
from mrdl.web.watching.source import Source
from mrdl.web.watching.sweeps import SweepSource

LOOK_S = 0.5  # between two looks at a folder
TELL_S = 1.0  # between two tellings, at the least
ALONE_S = 60.0  # that a watcher stays when nobody looks
SOURCES: dict[str, Callable[[Home, Session], Source]] = {"run": RunSource, "sweep": SweepSource}
T = TypeVar("T")


@dataclass(frozen=True)
class Telling:
    """What was new at one moment. number: counts; after, until: ids; text: the events between them, as bytes."""

    number: int
    after: str
    until: str
    text: bytes


class Watcher:
    """Watches the folder of one session until nobody has looked for ALONE_S.

    source: what it reads, which is used within `call` alone.
    """

    def __init__(self, home: Home, session: Session, threads: ThreadPoolExecutor) -> None:
        self.source = SOURCES[session.kind](home, session)
        self._home, self._session, self._threads = home, session, threads
        self._lock = asyncio.Lock()
        self._readers, self._left_at = 0, time.monotonic()
        self._telling: Telling | None = None
        self._number = 0
        self._told = asyncio.Event()  # is set, and another one put in its place, when there is something to tell
        self._looked, self._is_due = False, False
        self.is_over = False

    async def call(self, read: Callable[[], T]) -> T:
        """What a function of the source gives, called in a thread, after the first look."""
        self._left_at = time.monotonic()
        async with self._lock:
            if not self._looked:
                await self._in_thread(self.source.look)
                self._looked = True
            return await self._in_thread(read)

    async def looked_now(self, read: Callable[[], T]) -> T:
        """The same after a look of its own, for what must not be half a second old."""

        def look_and_read() -> T:
            self._is_due |= self.source.look()
            return read()

        return await self.call(look_and_read)

    async def _in_thread(self, read: Callable[[], T]) -> T:
        """What a function gives that reads files, without keeping others waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    async def watch(self) -> None:
        """Look again and again, and tell who waits."""
        try:
            before, told_at = await self.call(lambda: self.source.cursor), 0.0
            while not self.is_over and (self._readers or time.monotonic() - self._left_at < ALONE_S):
                async with self._lock:
                    self._is_due |= await self._in_thread(self.source.look)
                    if self._is_due and time.monotonic() - told_at >= TELL_S:
                        text = await self._in_thread(partial(self._text_since, before))
                        after = self.source.cursor
                        self._number += 1
                        self._telling, before = Telling(self._number, before, after, text), after
                        self._is_due, told_at = False, time.monotonic()
                        self._told.set()
                        self._told = asyncio.Event()
                if self._home.session(self._session.key) is None:  # it is deleted
                    return
                await asyncio.sleep(LOOK_S)
        finally:
            self.end()
            self.source.close()

    def _text_since(self, cursor: str | None) -> bytes:
        """The events after an id, as they are sent."""
        return b"".join(event.to_bytes() for event in self.source.since(cursor))

    async def first(self, cursor: str | None) -> Telling:
        """What a reader is told who comes with an id, or with none."""

        def read() -> Telling:
            return Telling(self._number, "", self.source.cursor, self._text_since(cursor))

        return await self.call(read)

    async def next(self, last: Telling, seconds: float) -> Telling | None:
        """What comes after what a reader has heard; None where nothing does for so long."""
        if self._number == last.number:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), seconds)
        if self._number == last.number or self.is_over:
            return None
        telling = self._telling
        if telling is not None and telling.number == last.number + 1 and telling.after == last.until:
            return telling  # as nearly all readers need it
        return await self.first(last.until)

    def end(self) -> None:
        """Let all who wait go."""
        self.is_over = True
        self._told.set()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Inside, somebody looks."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            self._left_at = time.monotonic()


class Watchers:
    """The watchers of a server, one a session."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="watching")
        self._watchers: dict[Path, Watcher] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, home: Home, session: Session) -> Watcher:
        """The watcher of a session, which begins to watch where there was none."""
        found = self._watchers.get(session.folder)
        if found is None or found.is_over:
            found = self._watchers[session.folder] = Watcher(home, session, self._threads)
            task = asyncio.create_task(found.watch())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(partial(self._forget, session.folder, found))
        return found

    def end(self) -> None:
        """Let all who listen go, as the server ends."""
        for watcher in self._watchers.values():
            watcher.end()

    def _forget(self, folder: Path, watcher: Watcher, task: object) -> None:
        """Forget a watcher that has ended, unless another one has come in its place."""
        if self._watchers.get(folder) is watcher:
            del self._watchers[folder]


def watcher_of(request: Request, session: Session) -> Watcher:
    """The watcher of a session, of the server that a request came to."""
    state = request.app.state
    if not hasattr(state, "watchers"):
        state.watchers = Watchers()
    watchers: Watchers = state.watchers
    return watchers.of(state.home, session)


def end_watching(app: FastAPI) -> None:
    """Let all who listen to events of an application go."""
    watchers: Watchers | None = getattr(app.state, "watchers", None)
    if watchers is not None:
        watchers.end()
