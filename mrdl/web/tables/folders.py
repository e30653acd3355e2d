"""The tables that are here, and the folders in which more lie: those that may be read, and no other."""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from mrdl.cluster.webhdfs import hidden
from mrdl.errors import ConfigError, MrdlError
from mrdl.storage.store import hdfs_store, is_hdfs
from mrdl.web.home import Home
from mrdl.web.tables.places import Upload
from mrdl.web.tables.uploads import place_of

router = APIRouter(prefix="/api")

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".gz", ".bz2", ".zst", ".parquet", ".orc")
MOST = 2000  # entries of a folder that are told


@dataclass(frozen=True)
class Entry:
    """What lies in a folder. place: as it is named elsewhere; size: bytes, of a file; changed: seconds since 1970."""

    name: str
    place: str
    is_folder: bool
    size: int
    changed: float


@router.get("/tables")
def tables(request: Request) -> dict[str, Any]:
    """The tables that were uploaded and those that lie right in the folders that may be read, the newest first.

    unfinished: uploads that can go on; problems: in words, where a folder cannot be read now.
    """
    home: Home = request.app.state.home
    found, unfinished, problems = [], [], []
    try:
        uploads = list(place_of(home).all())
    except (MrdlError, OSError) as error:
        uploads, problems = [], [str(error)]
    found += [_of_upload(upload) for upload in uploads if upload.done]
    unfinished += [upload.to_json() for upload in uploads if not upload.done]
    for root in home.roots:
        if root == home.tables:
            continue
        try:
            found += [
                {"table": each.place, "name": each.name, "size": each.size, "changed": each.changed, "where": root}
                for each in entries_of(home, root)
                if not each.is_folder and each.name.lower().endswith(ENDINGS)
            ]
        except (MrdlError, OSError) as error:
            problems.append(_told(root, error))
    found.sort(key=lambda each: -each["changed"])
    return {"tables": found, "unfinished": unfinished, "problems": problems}


@router.get("/browse")
def browse(request: Request, place: str = "") -> dict[str, Any]:
    """What lies in a folder that may be read; of no place: those folders. left_out: entries beyond the first ones."""
    home: Home = request.app.state.home
    if not place:
        roots = [root for root in home.roots if root != home.tables]
        return {"place": "", "parent": None, "entries": [asdict(Entry(root, root, True, 0, 0.0)) for root in roots]}
    place = home.place(place)
    try:
        found = sorted(entries_of(home, place), key=lambda each: (not each.is_folder, each.name.casefold()))
    except MrdlError as error:
        raise HTTPException(404, str(error)) from error
    except OSError as error:
        raise HTTPException(403 if isinstance(error, PermissionError) else 404, _told(place, error)) from error
    more = {"entries": [asdict(each) for each in found[:MOST]], "left_out": max(0, len(found) - MOST)}
    return {"place": place, "parent": _parent(home, place), **more}


def entries_of(home: Home, folder: str) -> Iterator[Entry]:
    """What lies in a folder, but what is hidden, and links that lead out of what may be read."""
    if is_hdfs(folder):
        for name, is_folder, info in hdfs_store().entries(folder):
            if not hidden(name):
                yield Entry(name, info.path, is_folder, info.size, info.modified / 1000)
        return
    with os.scandir(folder) as listed:
        for each in listed:
            if hidden(each.name) or (each.is_symlink() and not home.is_inside(each.path)):
                continue
            try:
                about, is_folder = each.stat(), each.is_dir()
            except OSError:  # it has gone
                continue
            name = each.name.encode(errors="replace").decode()  # a name that is no UTF-8 cannot be told
            yield Entry(name, each.path, is_folder, 0 if is_folder else about.st_size, about.st_mtime)


def _of_upload(upload: Upload) -> dict[str, Any]:
    """An upload as the list of tables has it."""
    about = {"table": upload.table, "name": upload.name, "size": upload.size, "changed": upload.changed}
    return {**about, "where": "uploads"}


def _parent(home: Home, place: str) -> str:
    """The folder above, "" where that is none that may be read."""
    above = posixpath.dirname(place.rstrip("/"))
    try:
        return home.place(above)
    except ConfigError:
        return ""


def _told(place: str, error: MrdlError | OSError) -> str:
    """What is wrong with a folder, in words."""
    if isinstance(error, OSError) and error.strerror:
        return f"the folder {place} cannot be read: {error.strerror}"
    return str(error)
