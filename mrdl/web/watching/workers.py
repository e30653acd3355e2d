"""Where tasks run: this machine, with what it has and which sessions work on it, and the nodes of YARN."""

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from mrdl.cluster.yarn import Cluster
from mrdl.errors import MrdlError
from mrdl.experiments.machine.memory import cpus
from mrdl.storage.lock import is_held
from mrdl.web.home import Home
from mrdl.web.sessions.listing import sessions_of

LIMIT_S = 4.0  # that YARN has for an answer; it is asked again
KILOBYTE = 1024
COMMAND = 300  # characters

router = APIRouter(prefix="/api", tags=["workers"])
_asked: dict[str, "asyncio.Future[dict[str, Any] | None]"] = {}


@router.get("/workers")
async def workers(request: Request) -> dict[str, Any]:
    """This machine, and YARN; `yarn` is null where tasks run here and no cluster is set up."""
    home: Home = request.app.state.home
    yarn = asyncio.ensure_future(_yarn_in_time(home.runner == "hadoop"))
    return {"this_machine": await asyncio.to_thread(this_machine, home), "yarn": await yarn}


def this_machine(home: Home) -> dict[str, Any]:
    """Cores, memory, and the sessions that run here, as their folders tell: each with the process that holds it."""
    memory = _memory()
    return {
        "cores": cpus(),
        "memory_mb": memory.get("MemTotal"),
        "free_mb": memory.get("MemAvailable"),
        "running": [
            {"key": session.key, "kind": session.kind, "pid": pid, "command": _command(pid)}
            for session in sessions_of(home)
            if (pid := _holder(session.folder)) is not None
        ],
    }


def _memory() -> dict[str, int]:
    """What Linux tells of memory, in MB; empty elsewhere."""
    with contextlib.suppress(OSError):
        found = re.findall(r"^(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
        return {name: int(kb) // KILOBYTE for name, kb in found}
    return {}


def _holder(folder: Path) -> int | None:
    """The process that holds a folder; None where none does."""
    with contextlib.suppress(OSError, ValueError):
        if is_held(folder):
            return int((folder / "lock").read_text())
    return None


def _command(pid: int) -> str:
    """The command of a process, as much as is shown; empty where there is none."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        return b" ".join(words).decode(errors="replace")[:COMMAND]
    return ""


async def _yarn_in_time(is_used: bool) -> dict[str, Any] | None:
    """What YARN tells, or in words that it does not; who asks meanwhile waits for the same answer."""
    found = _asked.get("yarn")
    if found is None:
        found = _asked["yarn"] = asyncio.ensure_future(asyncio.to_thread(_yarn, is_used))
        found.add_done_callback(lambda _: _asked.pop("yarn", None))
    try:
        return await asyncio.wait_for(asyncio.shield(found), LIMIT_S)
    except TimeoutError:
        return _down(f"YARN has not answered for {LIMIT_S:.0f} s")


def _down(words: str) -> dict[str, Any]:
    """What is told of a YARN that does not answer."""
    return {"ok": False, "words": words, "nodes": [], "applications": []}


def _yarn(is_used: bool) -> dict[str, Any] | None:
    """Nodes and applications of the cluster that is set up; None where none is, and none is asked for."""
    try:
        cluster = Cluster.from_conf()
    except MrdlError as error:
        return _down(str(error)) if is_used else None
    try:
        return {"ok": True, "words": "", "nodes": cluster.nodes(), "applications": cluster.ours()}
    except MrdlError as error:
        return _down(str(error))
