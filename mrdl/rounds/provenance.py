"""Where a run comes from: who started its drivers, by what command, from which code, and how each of them ended.

Nothing here decides anything: not which run it is, and no byte of a model.
"""

import functools
import getpass
import importlib.metadata
import importlib.util
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mrdl

GIT = ("git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=no")
GIT_LIMIT_S = 2.0
DRIVERS = 100  # that are kept, besides those that have left something
REASON = 300  # characters of why a run failed
DONE, STOPPED, FAILED, INTERRUPTED = "done", "stopped", "failed", "interrupted"


def driver(runner: str, cache: str) -> dict[str, Any]:
    """The record of a driver that starts now, as run.json has it.

    runner: by name; cache: the folder of its shards, beside which its first job writes. `cleared` tells whether what it
    may leave, an application or an unfinished cache, is gone; `end`, `ended` and `reason` are known when it ends.
    """
    return {
        "command": sys.orig_argv,
        "folder": os.getcwd(),
        "host": socket.gethostname(),
        "user": _user(),
        "git": git(),
        "runner": runner,
        "cache": cache,
        "cleared": False,
        "start": utc(),
        "end": None,
        "ended": None,
        "reason": None,
    }


def end(error: BaseException | None, stopped: str | None = None) -> dict[str, Any]:
    """What is known of a driver's end: when, how, and why where it was not by itself.

    error: what it ended by, None where it ended well; stopped: why a listener ended the run early, None where none did.
    """
    if stopped is not None:
        return {"end": utc(), "ended": STOPPED, "reason": _first_line(stopped)}
    if error is None:
        return {"end": utc(), "ended": DONE, "reason": None}
    if isinstance(error, KeyboardInterrupt):
        return {"end": utc(), "ended": INTERRUPTED, "reason": None}
    return {"end": utc(), "ended": FAILED, "reason": _first_line(str(error).strip() or type(error).__name__)}


def _first_line(text: str) -> str:
    """The beginning of a reason."""
    return (text.splitlines() or [""])[0][:REASON]


def kept(drivers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first and the last of many drivers, and all that have left something."""
    last = len(drivers) - DRIVERS
    return [dict(d) for i, d in enumerate(drivers) if i == 0 or i > last or not d["cleared"]]


def left(drivers: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(runner, cache) of drivers that may have left something, each once."""
    return list(dict.fromkeys((d["runner"], d["cache"]) for d in drivers if not d["cleared"]))


def git(folder: str = ".") -> dict[str, Any] | None:
    """The commit that a folder is at, and whether its files differ from it; None where git tells nothing in time."""
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        told = subprocess.run(
            GIT, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_LIMIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = told.stdout.decode(errors="replace").splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "")
    if not commit or commit == "(initial)":
        return None
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


def utc(seconds: float | None = None) -> str:
    """A time, in seconds since 1970, as 2026-01-31T12:00:00Z; left out: now."""
    at = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.cache
def versions() -> dict[str, str]:
    """What the numbers are made with; torch is not asked itself, since to import it costs seconds."""
    numpy = importlib.metadata.version("numpy")
    torch = {"torch": found} if (found := _torch()) else {}
    return {"mrdl": mrdl.__version__, "numpy": numpy, **torch, "python": platform.python_version()}


def _torch() -> str:
    """Its version with its build, which its package's metadata may lack; empty where there is none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    place = Path(spec.origin).with_name("version.py")
    written = re.search(r"^__version__ = ['\"](.+?)['\"]", place.read_text(), re.M) if place.exists() else None
    try:
        return written[1] if written else importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:  # a folder of that name that is no installed package
        return ""


def differ(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """The versions that are not the same, as `torch 2.5.0 there, 2.13.0 here`; empty where all are."""
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    return ", ".join(f"{name} {there.get(name, '?')} there, {here.get(name, '?')} here" for name in names)


def _user() -> str:
    """The name of this process's user, or the number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
