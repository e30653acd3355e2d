"""Files of a session: what its commands said, and its network."""

import re

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response

from mrdl.web.found import session_of
from mrdl.web.home import Home, Session
from mrdl.web.labels import without_folders
from mrdl.web.sessions.children import last_part
from mrdl.web.sessions.kept import kept_of

LINES = 200  # of a log, from its end
TAIL = 1 << 18  # bytes of it
WARNINGS = 50
NOTE = "  note: "  # before what a command warns of

router = APIRouter(prefix="/api")


@router.get("/sessions/{key}/log", response_class=PlainTextResponse)
def log(request: Request, key: str, all: bool = False) -> Response:  # noqa: A002 (a name of the API)
    """What the commands of a session have said: the last lines, or all of it."""
    place = kept_of(request.app.state.home, session_of(request, key).key).log
    if not place.is_file():
        return PlainTextResponse("")
    if all:
        return FileResponse(place, media_type="text/plain; charset=utf-8")
    with place.open("rb") as file:
        file.seek(max(0, place.stat().st_size - TAIL))
        lines = file.read().decode(errors="replace").splitlines(keepends=True)
    return PlainTextResponse("".join(lines[-LINES:]))


@router.get("/sessions/{key}/model")
def model(request: Request, key: str) -> FileResponse:
    """The network of a run, as a file that `mrdl.load` and `mrdl predict` take; 404 until there is one."""
    home: Home = request.app.state.home
    session = session_of(request, key)
    place = session.folder / "model.safetensors"
    if session.kind != "run" or not place.is_file() or place.is_symlink():
        raise HTTPException(404, "there is no network yet")
    title = str(kept_of(home, key).about().get("title") or session.folder.name)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", title.removesuffix(".csv")).strip(".-")[:80] or "network"
    return FileResponse(place, media_type="application/octet-stream", filename=f"{name}.safetensors")


def warnings_of(home: Home, session: Session) -> list[str]:
    """What the last command of a session has warned of, each once."""
    lines = last_part(kept_of(home, session.key).log).splitlines()
    notes = [without_folders(line.removeprefix(NOTE), home.folder) for line in lines if line.startswith(NOTE)]
    return list(dict.fromkeys(notes))[-WARNINGS:]
