"""What is in a table, told by `mrdl inspect`: of a large one, or one that is still coming in, by its first megabyte."""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from mrdl.storage.packing import is_packed
from mrdl.storage.store import is_hdfs
from mrdl.web.commands import Refused, flags_of, told
from mrdl.web.home import Home
from mrdl.web.tables.naming import last_part
from mrdl.web.tables.places import Upload
from mrdl.web.tables.uploads import place_of

router = APIRouter(prefix="/api")

HEAD_BYTES = 1 << 20  # that a command takes for the beginning of a table
SMALL = 4 << 20  # bytes of a table that is looked at whole, which takes no longer than to start the command
WHOLE = (".parquet", ".orc")  # of which nothing can be told by a beginning


class Columns(BaseModel):
    """What columns are, as the settings of `mrdl train` say it, where that is not left to be told by the table."""

    drop: list[str] = []
    category: list[str] = []
    number: list[str] = []
    date: list[str] = []
    hash: list[str] = []
    label: str | None = None
    task: Literal["auto", "classify", "regress", "multilabel"] | None = None
    header: Literal["auto", "yes", "no"] | None = None
    separator: str | None = None


class Asked(BaseModel):
    """A table, or an upload, whole or not."""

    table: str | None = None
    upload: str | None = None
    columns: Columns = Columns()


@dataclass(frozen=True)
class _Seen:
    """What a command is shown of a table.

    name: as its user has it; path: the file or folder, "" for a beginning alone; data: that; size: bytes of all of it.
    """

    name: str
    path: str
    size: int
    data: bytes = b""


@router.post("/inspect")
async def inspect(request: Request, asked: Asked) -> dict[str, Any]:
    """Tell what a table holds, column by column, and what looks wrong.

    It is what `mrdl inspect --json` prints, but for: num_rows, how many rows that is told by; rows, the cells of the
    first ones; `head`, whether it is of the first megabyte alone; rows_about, of the whole table; suggestion, {label,
    why} or null, which column may be the label.

    422: the words of the command where it refuses; 409 with `wait`: it can be told when more is here.
    """
    home: Home = request.app.state.home
    seen = await asyncio.to_thread(_seen, home, asked)
    columns = asked.columns.model_dump(exclude_none=True)
    some = seen.size > SMALL or len(seen.data) < seen.size
    words = ["inspect", "--json", *(["--head"] if some else []), *flags_of(columns)]
    with _shown(seen) as (folder, name):
        try:
            found = json.loads(await told(home, [*words, "--", name], folder=folder))
        except Refused as error:
            raise Refused(_named(str(error), seen, folder)) from error
    return _completed(found, seen)


def _seen(home: Home, asked: Asked) -> _Seen:
    """What of a table there is to be seen now; raises 400, 404, 409, or ConfigError for one outside the roots."""
    if (asked.table is None) == (asked.upload is None):
        raise HTTPException(400, "expected one of: table, upload")
    if asked.upload is not None:
        upload = place_of(home).find(asked.upload)
        if upload is None:
            raise HTTPException(404, f"there is no upload {asked.upload[:100]!r} here")
        return _of_upload(home, upload)
    path = home.table(asked.table or "")
    upload = place_of(home).find(os.path.basename(os.path.dirname(path)))
    if upload is not None and os.path.realpath(upload.file) == path:
        return _of_upload(home, upload)
    size = os.path.getsize(path) if os.path.isfile(path) else SMALL + 1  # a folder, a glob, or in HDFS
    return _Seen(os.path.basename(path), path, size)


def _of_upload(home: Home, upload: Upload) -> _Seen:
    """What there is to be seen of an upload."""
    name = last_part(upload.name)
    if upload.done:
        return _Seen(name, upload.file, upload.size if not is_hdfs(upload.file) else SMALL + 1)
    if name.lower().endswith(WHOLE):
        raise _wait(f"{name} can be looked at when all of it is here: its columns are told at its end")
    data = place_of(home).head(upload, SMALL)
    if is_packed(name):
        if len(data) <= HEAD_BYTES:  # a command takes it for all of a file, and that for damaged
            raise _wait(f"of {name} more than a megabyte must be here: it is packed")
    else:
        data = data[: max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1]  # whole lines
        if not data:
            raise _wait(f"{name} has no whole line yet")
    return _Seen(name, "", upload.size, data)


def _wait(words: str) -> HTTPException:
    """The answer for what cannot be told yet: 409, and that to ask again helps."""
    return HTTPException(409, {"error": words, "wait": True})


@contextmanager
def _shown(seen: _Seen) -> Iterator[tuple[Path, str]]:
    """A folder and a name in it by which a command finds the table, so that it calls it as its user does."""
    with tempfile.TemporaryDirectory(prefix="mrdl-seen-") as folder:
        place = Path(folder) / seen.name
        if seen.data:
            place.write_bytes(seen.data)
        elif os.path.isfile(seen.path):
            place.symlink_to(seen.path)
        yield Path(folder), seen.path if seen.path and not place.is_symlink() else seen.name


def _named(words: str, seen: _Seen, folder: Path) -> str:
    """The words of a command with the user's name of the table in place of where it lies."""
    for place in (str(folder / seen.name), os.path.realpath(folder / seen.name), seen.path):
        words = words.replace(place, seen.name) if place else words
    return words


def _completed(found: dict[str, Any], seen: _Seen) -> dict[str, Any]:
    """What the page is told; of what is still coming in, the rows of all of it as its beginning has them."""
    rows = found.pop("rows")
    if seen.data:
        found["head"], found["size"] = True, seen.size
        found["rows_about"] = max(rows, round(found["rows_about"] * seen.size / len(seen.data)))
    more = {"rows": found.pop("first"), "suggestion": found.pop("suggested")}
    return {**found, "num_rows": rows, **more}
