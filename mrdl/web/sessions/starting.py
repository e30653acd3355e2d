"""Start trainings as commands of their own: they go on whatever becomes of this server."""

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mrdl.errors import ConfigError
from mrdl.mapreduce.runners import RUNNERS
from mrdl.reports.places import PLACES, below
from mrdl.rounds.provenance import utc
from mrdl.storage import atomic
from mrdl.web.commands import Refused
from mrdl.web.home import OWN, Home, Session
from mrdl.web.labels import without_folders
from mrdl.web.sessions.children import Child, begin, said_since
from mrdl.web.sessions.kept import FORMS, Kept, kept_of
from mrdl.web.sessions.settings import check_settings
from mrdl.web.sessions.summary import summary_of

WAIT_S = 3.0  # for the folder of what was started: a large table takes longer to be looked at
SMALL = 32 << 20  # bytes of a table that is looked at in less, so that it is waited for on a busy machine, too
SMALL_WAIT_S = 30.0
EARLY_S = 0.8  # after the folder is there: a row that cannot be read is mostly found by then, and nothing has begun
LOOK_S = 0.05
WRONG = 2  # the exit status of a command whose settings or data are wrong
LONGEST_TOML = 1 << 18
FORM = r"^[A-Za-z0-9_-]{16,64}$"
TITLE = 200  # characters

Kind = Literal["run", "sweep"]

router = APIRouter(prefix="/api")


class Wanted(BaseModel):
    """What is to be trained.

    table: its name, as the server gave it, or its place in a folder that is allowed; toml: the settings of a run, or
    the spec of a sweep; title: for people; runner: where tasks run; slots: trainings at a time, of a sweep; form: an id
    that the page makes up for each form: what is sent twice with the same one is started once.
    """

    kind: Kind
    table: str = Field(min_length=1, max_length=4096)
    toml: str = Field(default="", max_length=LONGEST_TOML)
    title: str = Field(default="", max_length=TITLE)
    runner: str | None = None
    slots: int | None = Field(default=None, ge=1, le=10_000)
    form: str | None = Field(default=None, pattern=FORM)


@router.post("/sessions", status_code=201)
async def start(request: Request, wanted: Wanted) -> dict[str, object]:
    """Start a training; answers when its folder is there, or a large table is being looked at.

    What ends in vain before it trains is answered by 422 with the words of the command, and nothing of it stays.
    """
    home: Home = request.app.state.home
    if wanted.form is None:
        key = await _start(home, wanted)
    else:
        key = await _once(home, wanted, wanted.form)
    return await asyncio.to_thread(summary_of, home, key)


_under_way: dict[tuple[Path, str], "asyncio.Task[str]"] = {}


async def _once(home: Home, wanted: Wanted, form: str) -> str:
    """The key of what a form starts, or has started."""
    if found := _of_form(home, form):
        return found
    name = (home.folder, form)
    task = _under_way.get(name)
    if task is None:
        task = _under_way[name] = asyncio.create_task(_start(home, wanted))
        task.add_done_callback(lambda _: _under_way.pop(name, None))
    return await asyncio.shield(task)


def _of_form(home: Home, form: str) -> str | None:
    """The key of what was started by a form, be it by an earlier server; None where nothing was, or it is deleted."""
    try:
        key = (home.folder / FORMS / form).read_text()
    except OSError:
        return None
    return key if re.fullmatch("[0-9a-f]{32}", key) and home.session(key) else None


async def _start(home: Home, wanted: Wanted) -> str:
    """Start what is wanted; gives its key. Raises Refused, with the command's words, where it ended in vain."""
    runner = wanted.runner or home.runner
    if runner not in RUNNERS:
        raise ConfigError(f"runner is {runner[:40]!r}, expected one of {', '.join(RUNNERS)}")
    table, key = home.table(wanted.table), home.new_key()
    kept = kept_of(home, key)
    kept.folder.mkdir(parents=True, mode=0o700)
    try:
        kept.settings.write_text(wanted.toml, encoding="utf-8")
        with _without_path(home, kept):
            await asyncio.to_thread(check_settings, home, wanted.kind, kept.settings)
        words = _words(home, kept, wanted, table, runner)
        child = begin(home, kept, words)
        about: dict[str, Any] = {
            "key": key,
            "kind": wanted.kind,
            "title": wanted.title.strip() or table.rpartition("/")[2],
        }
        about |= {"table": table, "runner": runner, "started": utc(), "form": wanted.form}
        kept.write({**about, **child.about})
        if wanted.form:
            forms = home.folder / FORMS
            forms.mkdir(exist_ok=True, mode=0o700)
            atomic.write(forms / wanted.form, key.encode())
        await _wait(home, kept, child, wanted.kind, SMALL_WAIT_S if _is_small(table) else WAIT_S)
    except BaseException:
        if not _process_runs(kept):
            forget(home, Session(key, wanted.kind, home.folder / PLACES[wanted.kind][0] / key))
        raise
    return key


def _process_runs(kept: Kept) -> bool:
    """Whether the process of a session works."""
    process = kept.process()
    return process is not None and process.is_alive()


@contextlib.contextmanager
def _without_path(home: Home, kept: Kept) -> Iterator[None]:
    """Inside, what is wrong with the settings is told without the name of the file that the page does not know."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(plain(home, kept, str(error))) from None


def plain(home: Home, kept: Kept, words: str) -> str:
    """Words of a command without the file of settings that the page has written for it, and the folders of tables."""
    shown = kept.settings.relative_to(home.folder)
    for name in (str(kept.settings), str(shown)):
        words = words.replace(f" ({name})", "").replace(name, "the settings")
    return without_folders(words, home.folder)


def _words(home: Home, kept: Kept, wanted: Wanted, table: str, runner: str) -> list[str]:
    """The command that trains, relative to the home's folder."""
    settings = str(kept.settings.relative_to(home.folder))
    folder = below(wanted.kind, kept.key)
    if wanted.kind == "run":
        return ["train", table, "--config", settings, "--run-dir", folder, "-r", runner, "--json"]
    slots = [f"--slots={wanted.slots}"] if wanted.slots else []
    return ["sweep", "run", settings, table, "--dir", folder, "-r", runner, *slots, "--json"]


def _is_small(table: str) -> bool:
    """Whether a table is looked at within moments."""
    with contextlib.suppress(OSError):
        return "://" not in table and os.path.isfile(table) and os.path.getsize(table) <= SMALL
    return False


async def _wait(home: Home, kept: Kept, child: Child, kind: str, seconds: float) -> None:
    """Wait until a training has begun, for so many seconds at most; raises Refused where it ended in vain before."""
    place, marker = PLACES[kind]
    folder = home.folder / place / kept.key
    until, there = time.monotonic() + seconds, None
    while (now := time.monotonic()) < until:
        if (status := child.status()) is not None:
            if status and (not (folder / marker).exists() or (status == WRONG and not _has_results(folder))):
                raise Refused(plain(home, kept, said_since(kept.log)))
            return
        if there is None and (folder / marker).exists():
            there = now
            until = min(until, now + EARLY_S)
        if there is not None and _has_results(folder):
            return
        await asyncio.sleep(LOOK_S)


def _has_results(folder: Path) -> bool:
    """Whether something was trained."""
    return any((folder / "rounds").glob("*.json")) or any((folder / "parts").glob("*.jsonl"))


def forget(home: Home, session: Session) -> None:
    """Delete what the page has kept of a session, and what lies in the folder of one that it began in vain."""
    kept = kept_of(home, session.key)
    form = kept.about().get("form")
    if isinstance(form, str) and re.fullmatch(FORM, form):
        (home.folder / FORMS / form).unlink(missing_ok=True)
    begun = [session.folder] if OWN.fullmatch(session.key) and session.folder.name == session.key else []
    for folder in (*begun, kept.folder):
        with contextlib.suppress(OSError):  # a link is no folder: rmtree refuses it
            shutil.rmtree(folder)
