"""The facts of an experiment's start: code, command, machine, Python, data and seed, in a few tenths of a second."""

import getpass
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrdl.experiments.facts import data as datas
from mrdl.experiments.facts import git
from mrdl.experiments.facts.python import python
from mrdl.experiments.history import now
from mrdl.experiments.machine import gpus
from mrdl.experiments.machine.memory import cpus, memory

SEEDS = ("--seed", "--random-seed", "--random_seed", "--rng-seed")


def facts(
    cwd: Path | str,
    argv: Sequence[str],
    data: str | Sequence[str] | None = None,
    seed: int | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what an experiment starts from, ready for JSON.

    cwd: the folder it runs in; argv: its command; data: paths of what it reads, whose digests are taken (relative ones
    are below cwd); seed: where it is not said, that of the command's --seed; env: its environment, else this one's.
    What cannot be found out is None, or says why in `none`; nothing here fails.

    facts(".", ["python", "lang.py", "--lr", "0.1"])["git"]["commit"]  # "f822d29..."
    """
    names, driver = gpus.names()
    whole = memory()
    paths = [data] if isinstance(data, str) else list(data or [])
    return {
        "at": now(),
        "argv": list(argv),
        "cwd": str(Path(cwd).absolute()),
        "seed": _seed(argv) if seed is None else seed,
        "git": git.code(cwd),
        "host": socket.gethostname(),
        "user": _user(),
        "system": platform.platform(),
        "cpus": cpus(),
        "memory_mb": round(whole.total_mb) if whole else None,
        "gpus": names,
        "gpu_driver": driver or None,
        "python": python(argv, env),
        "data": [datas.digest(path if "://" in path else os.path.join(cwd, path)) for path in paths],
    }


def _user() -> str | None:
    """Who starts it; None where the number has no name, as in a container."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def _seed(argv: Sequence[str]) -> int | None:
    """The seed that a command names."""
    for i, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name in SEEDS:
            text = value or (argv[i + 1] if i + 1 < len(argv) else "")
            return int(text) if text.lstrip("-").isdecimal() else None
    return None
