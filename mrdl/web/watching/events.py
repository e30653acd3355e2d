"""What happens in a session as server-sent events, and all that a page shows of it."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from mrdl.web.found import session_of
from mrdl.web.home import Session
from mrdl.web.watching.source import plain
from mrdl.web.watching.watchers import Watcher, watcher_of

QUIET_S = 15.0  # after which a line says that it is not dead
LONGEST_ID = 100

router = APIRouter(prefix="/api/sessions", tags=["watching"])


async def told_of(request: Request, session: Session) -> dict[str, Any]:
    """All that a page shows of a run, {"run": ...}, or of a sweep, {"sweep": ...}; `last_event_id` in it is the id from
    which its events go on."""
    watcher = watcher_of(request, session)
    return {session.kind: plain(await watcher.call(watcher.source.told))}


@router.get("/{key}/events", response_class=StreamingResponse)
async def events(request: Request, key: str, after: str | None = None) -> StreamingResponse:
    """What happens in a session: state, round, designs, warning, reset. It goes on after the id of the header
    Last-Event-ID, or of `after`; without one all rounds of a run are told, and of a sweep what comes from now on."""
    watcher = watcher_of(request, session_of(request, key))
    heard = request.headers.get("last-event-id") or after
    lines = _lines(watcher, heard[:LONGEST_ID] if heard else None)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


async def _lines(watcher: Watcher, heard: str | None) -> AsyncIterator[bytes]:
    """The events of a watcher until it ends, or who listens has gone."""
    with watcher.reading():
        telling = await watcher.first(heard)
        yield telling.text
        while not watcher.is_over:
            found = await watcher.next(telling, QUIET_S)
            if found is None:
                yield b": nothing new\n\n"
                continue
            telling = found
            yield telling.text
