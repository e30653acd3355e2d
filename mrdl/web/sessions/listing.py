"""All runs and sweeps of the home, those of the command line, too: found, sorted, a part at a time."""

import asyncio
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Query, Request

from mrdl.reports.places import PLACES
from mrdl.web.found import session_of
from mrdl.web.home import OWN, Home, Session
from mrdl.web.sessions.files import warnings_of
from mrdl.web.sessions.kept import kept_of
from mrdl.web.sessions.summary import actions, failed_of, summary
from mrdl.web.watching.events import told_of

Sort = Literal["changed", "score", "title", "state"]
STATES = ("running", "waiting", "failed", "stopped", "done")  # in this order: what wants a look first
MARKERS = {marker for _, marker in PLACES.values()}
MOST = 500  # sessions in an answer
DEEPEST = 8  # folders below runs/ or sweeps/

router = APIRouter(prefix="/api")


@router.get("/sessions")
def sessions(
    request: Request,
    search: str = "",
    sort: Sort = "changed",
    state: str = "",
    offset: int = Query(0, ge=0),
    limit: int = Query(50, ge=1, le=MOST),
) -> dict[str, Any]:
    """All sessions. search: words that must be in title, table, label or key; state: of which alone, where said."""
    home: Home = request.app.state.home
    found = [summary(home, session) for session in sessions_of(home)]
    words = search.lower().split()
    fitting = [one for one in found if (not state or one["state"] == state) and _has(one, words)]
    key, is_down = SORTS[sort]
    fitting.sort(key=lambda one: str(one["key"]))
    fitting.sort(key=key, reverse=is_down)
    return {"total": len(fitting), "sessions": fitting[offset : offset + limit]}


@router.get("/sessions/{key}")
async def session(request: Request, key: str) -> dict[str, Any]:
    """A session: its summary, its settings, the command that it was started by, what can be done with it, what a person
    should know, and all that is shown of a `run` or a `sweep`."""
    home: Home = request.app.state.home
    found = session_of(request, key)
    told = await told_of(request, found)
    about = await asyncio.to_thread(detail, home, found)
    warnings = dict.fromkeys([*told[found.kind]["warnings"], *about["warnings"]])
    return {**about, **told, "warnings": list(warnings)}


def detail(home: Home, session: Session) -> dict[str, Any]:
    """What the page of a session begins with."""
    told, kept = summary(home, session), kept_of(home, session.key)
    command = kept.about().get("command")
    return {
        **told,
        "toml": settings_of(home, session),
        "command": shlex.join(map(str, command)) if isinstance(command, list) else None,
        "warnings": warnings_of(home, session),
        "actions": actions(told, failed_of(session)),
    }


def settings_of(home: Home, session: Session) -> str:
    """The settings of a session as TOML: what the page was given, or what the folder of a run has; "" without."""
    for place in (kept_of(home, session.key).settings, session.folder / "config.toml"):
        try:
            return place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return ""


# --- finding ---


def sessions_of(home: Home) -> Iterator[Session]:
    """All sessions of a home, in no order: folders of runs and sweeps, and those that are not there yet."""
    found: set[str] = set()
    for kind, (place, _) in PLACES.items():
        for folder in _marked((home.folder / place).resolve(), PLACES[kind][1]):
            session = home.session(home.key_of(kind, folder))
            if session is not None and session.key not in found:
                found.add(session.key)
                yield session
    for folder in _folders(home.folder / "sessions"):
        if OWN.fullmatch(folder.name) and folder.name not in found and (session := home.session(folder.name)):
            yield session


def _marked(folder: Path, marker: str, depth: int = 0) -> Iterator[Path]:
    """The folders below one that hold a file of this name; none within them, no links, no runs inside of sweeps."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return
    if MARKERS & {name for name, is_folder in found if not is_folder}:
        if marker in {name for name, _ in found}:
            yield folder
        return
    for name, is_folder in found:
        if is_folder and depth < DEEPEST:
            yield from _marked(folder / name, marker, depth + 1)


def _folders(folder: Path) -> Iterator[Path]:
    """The folders in one, no links among them."""
    try:
        with os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return


# --- sorting ---


def _has(one: dict[str, Any], words: list[str]) -> bool:
    """Whether all words are in what a session is found by."""
    text = "\n".join(str(one[name] or "") for name in ("title", "table", "label", "key")).lower()
    return all(word in text for word in words)


def _by_score(one: dict[str, Any]) -> tuple[bool, float]:
    """Scores of which more is better, then losses, the best first."""
    score = one["score"]
    if score is None:
        return False, float("-inf")
    return (False, -score["value"]) if score["name"] == "loss" else (True, score["value"])


SORTS: dict[str, tuple[Callable[[dict[str, Any]], Any], bool]] = {
    "changed": (lambda one: one["changed"] or "", True),
    "score": (_by_score, True),
    "title": (lambda one: one["title"].lower(), False),
    "state": (lambda one: STATES.index(one["state"]), False),
}
"""Sort -> what it goes by, and whether the largest come first."""
