"""Stop, resume, retry and delete sessions: each is a verb of the command line, and told in its words."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from mrdl.errors import ConfigError, MrdlError
from mrdl.reports.places import PLACES
from mrdl.storage.lock import is_held
from mrdl.web.commands import Refused, told
from mrdl.web.found import no_session, session_of
from mrdl.web.home import Home, Session
from mrdl.web.sessions.children import begin, said_since
from mrdl.web.sessions.kept import kept_of
from mrdl.web.sessions.starting import LOOK_S, forget
from mrdl.web.sessions.summary import actions, failed_of, summary

WAIT_S = 20.0  # for what goes on to hold its folder, or to say why not
END_S = 60.0  # for a command to end that has no folder yet
MOST = 500  # sessions of one request

router = APIRouter(prefix="/api")
Action = Literal["stop", "resume", "retry", "delete"]


class Several(BaseModel):
    """What is to be done with the sessions of several keys."""

    action: Action
    keys: list[str] = Field(max_length=MOST)


@router.post("/sessions/{key}/stop")
async def stop(request: Request, key: str) -> dict[str, Any]:
    """Stop a session, as `mrdl stop` does: a sweep when what is trained is over, or at once when it is said again."""
    return await _done(request, key, "stop")


@router.post("/sessions/{key}/resume")
async def resume(request: Request, key: str) -> dict[str, Any]:
    """Go on with a session, as `mrdl resume` does."""
    return await _done(request, key, "resume")


@router.post("/sessions/{key}/retry")
async def retry(request: Request, key: str) -> dict[str, Any]:
    """Train the designs of a sweep that failed once more, as `mrdl sweep retry-failed` does."""
    return await _done(request, key, "retry")


@router.delete("/sessions/{key}", status_code=204)
async def delete(request: Request, key: str) -> Response:
    """Delete a session, as `mrdl delete` does; one that runs is refused."""
    await _act(request.app.state.home, session_of(request, key), "delete")
    return Response(status_code=204)


@router.post("/actions")
async def several(request: Request, wanted: Several) -> dict[str, Any]:
    """Do the same with several sessions; tells of each whether it was done, or in words why not."""
    home: Home = request.app.state.home

    async def one(key: str) -> dict[str, Any]:
        """Act on one of them; what is wrong with it ends none of the others."""
        session = home.session(key)
        if session is None:
            return {"key": key, "ok": False, "error": no_session(key).detail}
        try:
            await _act(home, session, wanted.action)
        except MrdlError as error:
            return {"key": key, "ok": False, "error": str(error)}
        return {"key": key, "ok": True, "error": None}

    return {"results": await asyncio.gather(*map(one, dict.fromkeys(wanted.keys)))}


async def _done(request: Request, key: str, action: Action) -> dict[str, Any]:
    """Act on a session, and tell what it is like then."""
    home, session = request.app.state.home, session_of(request, key)
    await _act(home, session, action)
    return await asyncio.to_thread(summary, home, session)


_at_work: set[Session] = set()


async def _act(home: Home, session: Session, action: Action) -> None:
    """Act on a session; raises ConfigError or Refused, in words, where that cannot be."""
    if session in _at_work:
        raise ConfigError(f"the {session.kind} is being acted on already: look again in a moment")
    _at_work.add(session)
    try:
        now = await asyncio.to_thread(summary, home, session)
        if action not in actions(now, failed_of(session)):
            raise ConfigError(_why_not(now, action))
        await ACTS[action](home, session, now["state"] == "waiting" or not session.folder.exists())
    finally:
        _at_work.discard(session)


def _why_not(now: dict[str, Any], action: str) -> str:
    """Why something cannot be done with a session."""
    kind, state = now["kind"], now["state"]
    if action == "retry":
        return f"nothing of this {kind} failed, or it still runs, so there is nothing to try again"
    way_out = {"delete": ": stop it first", "resume": "", "stop": ""}[action]
    return f"this {kind} is {state}, so it cannot be {WORDS[action]}{way_out}"


# --- the verbs; each is given whether the session has no folder yet, or nobody who works in it ---


async def _stop(home: Home, session: Session, is_waiting: bool) -> None:
    """Stop what works on a session: by the verb, or, of one that has not begun, by a signal to its process."""
    if not is_waiting:
        await told(home, ["stop", session.place], at_once=True)
        return
    process = kept_of(home, session.key).process()
    if process is not None:
        process.send(signal.SIGTERM)
        until = time.monotonic() + END_S
        while process.is_alive():
            if time.monotonic() > until:
                raise Refused(f"process {process.pid} was asked to stop, but has not ended after {END_S:.0f} s")
            await asyncio.sleep(LOOK_S)


async def _resume(home: Home, session: Session, is_waiting: bool) -> None:
    """Go on with a session by the verb, where its tasks ran before."""
    runner = kept_of(home, session.key).about().get("runner")
    if session.kind == "sweep":
        runner = runner or home.runner
    await _go_on(home, session, ["resume", session.place, *(["-r", runner] if runner else []), "--json"])


async def _retry(home: Home, session: Session, is_waiting: bool) -> None:
    """Try the designs of a sweep that failed once more."""
    runner = kept_of(home, session.key).about().get("runner") or home.runner
    await _go_on(home, session, ["sweep", "retry-failed", session.place, "-r", runner, "--json"])


async def _go_on(home: Home, session: Session, words: list[str]) -> None:
    """Start a command that goes on with a session, and wait until it does; raises Refused where it ended in vain."""
    kept = kept_of(home, session.key)
    kept.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    child = begin(home, kept, words)
    kept.write({**kept.about(), **child.about})
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until and not is_held(session.folder):
        if (status := child.status()) is not None:
            if status:
                raise Refused(said_since(kept.log))
            return
        await asyncio.sleep(LOOK_S)


async def _delete(home: Home, session: Session, is_waiting: bool) -> None:
    """Delete a session by the verb, with what the page keeps of it."""
    if is_waiting:
        await _stop(home, session, True)
    if home.session(session.key) is not None and (session.folder / PLACES[session.kind][1]).exists():
        await told(home, ["delete", session.place, "--yes"], at_once=True)
    await asyncio.to_thread(forget, home, session)


ACTS: dict[str, Callable[[Home, Session, bool], Awaitable[None]]] = {
    "stop": _stop,
    "resume": _resume,
    "retry": _retry,
    "delete": _delete,
}
WORDS = {"stop": "stopped", "resume": "resumed", "delete": "deleted"}
