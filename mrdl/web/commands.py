"""Commands of mrdl as processes: what the page does is what the command line does, in the same words."""

import asyncio
import contextlib
import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.errors import MrdlError
from mrdl.web.home import Home

AT_A_TIME = 3  # commands that answer somebody, which are short; trainings are not counted
_turns = asyncio.Semaphore(AT_A_TIME)
BEGINNING = "mrdl: "  # of what a command says before it ends in vain


class Refused(MrdlError):
    """A command that ended in vain; the message is what it said."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit status, and what it wrote."""

    status: int
    out: bytes
    errors: str


def command(arguments: Sequence[str]) -> list[str]:
    """The words that start a command of mrdl by this very Python.

    Python looks for no module in the folder that a command runs in (-P): what lies in a home is data.

    command(["show", "first"])[-2:] == ["show", "first"]
    """
    return [sys.executable, "-P", "-m", "mrdl", *arguments]


def environment() -> dict[str, str]:
    """The variables of a command: those of the server, and a width that cuts no table."""
    return {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}


def words_of(errors: str) -> str:
    """What a command said when it ended in vain, without notes and what came before it.

    words_of("  note: 3 rows\\nmrdl: no such run\\n") == "no such run"
    """
    lines = errors.splitlines()
    last = max((i for i, line in enumerate(lines) if line.startswith(BEGINNING)), default=None)
    if last is None:
        return "\n".join(lines[-20:]).strip() or "the command ended without a word"
    return "\n".join(lines[last:]).removeprefix(BEGINNING).strip()


async def ended(
    home: Home,
    arguments: Sequence[str],
    given: bytes | None = None,
    *,
    folder: Path | None = None,
    at_once: bool = False,
) -> Ended:
    """Run a command to its end, in the home's folder unless another one is named.

    given: its standard input; at_once: whether it waits for no other one, as what does little itself.
    """
    async with contextlib.nullcontext() if at_once else _turns:
        process = await asyncio.create_subprocess_exec(
            *command(arguments),
            cwd=folder or home.folder,
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await process.communicate(given)
        except asyncio.CancelledError:  # who asked has gone
            process.kill()
            await process.wait()
            raise
    return Ended(process.returncode or 0, out, errors.decode(errors="replace"))


async def told(
    home: Home,
    arguments: Sequence[str],
    given: bytes | None = None,
    *,
    folder: Path | None = None,
    at_once: bool = False,
) -> bytes:
    """What a command prints; raises Refused, with its words, where it ends in vain. See ended.

    json.loads(await told(home, ["sweep", "status", "depth", "--json"]))["done"]
    """
    found = await ended(home, arguments, given, folder=folder, at_once=at_once)
    if found.status:
        raise Refused(words_of(found.errors))
    return found.out


def flags_of(settings: Mapping[str, Any]) -> list[str]:
    """Settings as flags of a command: label -> --label. Those that are None or empty are left out.

    flags_of({"label": "y", "drop": ["id", "a,b"]}) == ["--label=y", '--drop=id,"a,b"']
    """
    found: list[str] = []
    for name, value in settings.items():
        if value is None or value == "" or value == []:
            continue
        if isinstance(value, list | tuple):  # names may hold commas
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(value)
            value = line.getvalue()
        found.append(f"--{name.replace('_', '-')}={value}")
    return found
