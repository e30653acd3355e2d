"""Uploads come in parts, each at its offset, and are written as they come: no part is ever held in memory.

What is here of a file is what counts: whoever sends the same file again, after the page, the net or this server went
away, is told from which byte on.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from mrdl.rounds.provenance import DONE
from mrdl.storage.store import is_hdfs
from mrdl.web.home import Home
from mrdl.web.sessions.listing import sessions_of
from mrdl.web.sessions.summary import summary
from mrdl.web.tables.hdfs import HdfsPlace
from mrdl.web.tables.local import LocalPlace
from mrdl.web.tables.naming import last_part
from mrdl.web.tables.places import Conflict, Full, Gone, Place, Upload, Writer

router = APIRouter(prefix="/api/uploads")

GATHERED = 1 << 20  # bytes that are written at once
IDLE_S = 120  # without a byte, after which who sends is taken to be gone
DRAINED = 32 << 20  # bytes of a refused part that are read, since a browser hears no answer before it has sent all


class Begun(BaseModel):
    """A file that is to come. digest: anything that tells it from others of this name and size."""

    name: str = Field(min_length=1, max_length=4096)
    size: int = Field(ge=0, strict=True)
    digest: str = Field("", max_length=200)


def place_of(home: Home) -> Place:
    """Where the uploads of a home are."""
    if is_hdfs(home.tables):
        return HdfsPlace(f"{home.tables.rstrip('/')}/tables")
    folder = Path(home.tables)
    named = "tables" if folder == home.folder / "tables" else str(folder)
    return LocalPlace(folder, named)


@router.post("", status_code=201)
def begin(request: Request, begun: Begun) -> dict[str, Any]:
    """Begin an upload, or go on with the unfinished one of the same name and size: the answer's offset says where."""
    home: Home = request.app.state.home
    if begun.size > home.limit_bytes:
        raise HTTPException(413, _too_large(home))
    place = place_of(home)
    try:
        upload = place.begin(last_part(begun.name), begun.size, begun.digest)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    except Full as error:
        raise _status(507, error) from error
    return {**upload.to_json(), "part_bytes": place.part_bytes}


@router.get("/{upload}")
def state(request: Request, upload: str) -> dict[str, Any]:
    """How far an upload is."""
    return _found(request, upload).to_json()


@router.delete("/{upload}", status_code=204)
def remove(request: Request, upload: str) -> None:
    """Delete an upload, whole or not; 409 where a session that is not done reads it, and could not go on without."""
    home: Home = request.app.state.home
    found = _found(request, upload)
    if found.done and (title := _reader_of(home, found.file)):
        raise HTTPException(
            409, f"{found.name!r} is read by the session {title!r}, which is not done: delete that first"
        )
    place_of(home).remove(found)


def _reader_of(home: Home, file: str) -> str:
    """The title of a session that is not done, and that reads a file; empty where there is none."""
    names = {file, os.path.realpath(file)}  # sessions know it without links on the way
    for session in sessions_of(home):
        about = summary(home, session)
        if about["state"] != DONE and about["table"] in names:
            return str(about["title"])
    return ""


@router.put("/{upload}")
async def part(request: Request, upload: str, offset: int) -> Response:
    """Take a part of a file, its bytes as they are, from an offset on. Returns {offset, done}.

    400: no offset; 404: no such upload; 409: the upload is at another offset, which is told; 413: more than was said
    or is allowed; 507: the disk is full. What is here stays each time.
    """
    if offset < 0:
        raise HTTPException(400, f"offset is {offset}, expected 0 or more")
    found = await asyncio.to_thread(_found, request, upload)
    place = place_of(request.app.state.home)
    body = request.stream()
    if found.done and offset == found.size and request.headers.get("content-length") == "0":
        return _state(found)  # nothing behind all of it, as of an empty file
    try:
        declared = int(request.headers.get("content-length", "0"))
        if offset == found.offset and offset + declared > found.size:
            raise _more(found)
        with contextlib.ExitStack() as stack:
            writer = await _in_thread(stack.enter_context, place.writing(found, offset))
            await _write_all(body, writer, found, offset)
            await _in_thread(stack.close)  # which may wait for the disk
    except ClientDisconnect:
        return Response(status_code=400)  # nobody hears it
    except (Conflict, Full, Gone, HTTPException) as error:
        await _drain(body)
        if isinstance(error, HTTPException):
            raise
        raise _status({Conflict: 409, Full: 507}.get(type(error), 404), error) from error
    return _state(await asyncio.to_thread(_found, request, upload))


def _state(now: Upload) -> JSONResponse:
    return JSONResponse({"offset": now.offset, "done": now.done, "table": now.table})


async def _write_all(body: AsyncIterator[bytes], writer: Writer, upload: Upload, offset: int) -> None:
    """Write a body as it comes; what came before whoever sends it went away is written, too."""
    gathered = bytearray()
    try:
        async for chunk in _chunks(body):
            offset += len(chunk)
            if offset > upload.size:
                gathered.clear()
                raise _more(upload)
            gathered += chunk
            if len(gathered) >= GATHERED and offset < upload.size:  # the last bytes wait for the end: more may come
                data = bytes(gathered)
                gathered.clear()
                await _in_thread(writer.write, data)
    finally:
        if gathered:
            await _in_thread(writer.write, bytes(gathered))


async def _in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns that may wait for a disk; it is waited for even if this is cancelled: its file stays open."""
    work = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


async def _chunks(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of a body; raises 408 where none comes for long."""
    while True:
        try:
            yield await asyncio.wait_for(anext(body), IDLE_S)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, f"nothing came for {IDLE_S} s; what came before is kept") from None


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Read what still comes of a part that was refused, if it is not very much."""
    left = DRAINED
    with contextlib.suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(IDLE_S):
            while left > 0 and (chunk := await anext(body, None)) is not None:
                left -= len(chunk)


def _found(request: Request, upload: str) -> Upload:
    """The upload of an id; raises 404."""
    found = place_of(request.app.state.home).find(upload)
    if found is None:
        raise HTTPException(404, f"there is no upload {upload[:100]!r} here: it was deleted, or is of another folder")
    return found


def _more(upload: Upload) -> HTTPException:
    """The answer where more came than was said."""
    words = f"more came of {upload.name!r} than the {upload.size:,} bytes that were said: send the file again"
    return HTTPException(413, {"error": words, "offset": upload.offset})


def _too_large(home: Home) -> str:
    """The words for a file above the limit."""
    return f"the file is larger than {home.limit_bytes:,} bytes, which is the limit here: `mrdl web --limit-gb`"


def _status(status: int, error: Conflict | Full | Gone) -> HTTPException:
    """The answer for what a place of uploads refuses."""
    told = {} if isinstance(error, Gone) else {"offset": error.offset}
    return HTTPException(status, {"error": str(error), **told})
