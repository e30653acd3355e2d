"""`mrdl stop`: end what works on a run or a sweep; what is done is kept, and resume goes on."""

import argparse
import re
import signal
import time
from pathlib import Path

from mrdl.cli.runs.naming import Named, named
from mrdl.cli.runs.several import each
from mrdl.cli.screen import say
from mrdl.errors import ConfigError, SetupError
from mrdl.storage.lock import holder, is_held
from mrdl.sweep.paths import SweepPaths

WAIT_S = 90.0  # for a process to let go: on YARN it ends its application first
LOOK_S = 0.05


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl stop` can be told."""
    parser.description = (
        "Stop runs and sweeps. A run ends at once, its last whole round is kept. A sweep ends when the designs that "
        "are trained are over; said twice, or with --now, at once. `mrdl resume` goes on with either."
    )
    parser.add_argument("run", nargs="+", help="a folder of a run or a sweep, or its name below runs/ or sweeps/")
    parser.add_argument("--now", action="store_true", help="do not wait for the designs of a sweep")
    parser.set_defaults(command=stop)


def stop(options: argparse.Namespace) -> None:
    """Stop runs and sweeps, and say what became of each. Raises ConfigError or SetupError where one could not be."""
    each(options.run, lambda name: say(_stopped(named(name), options.now)))


def _stopped(what: Named, now: bool) -> str:
    """Stop a run or a sweep; returns what there is to say."""
    if not is_held(what.path):
        return f"{what.path}: nobody works on it, so there is nothing to stop"
    mark = SweepPaths(what.path).stop_mark
    if what.kind == "sweep" and not now and not mark.exists():
        mark.touch()
        return (
            f"{what.path}: it stops when the designs that are trained are over; said again it stops at once, and those "
            "are trained again by resume"
        )
    end(what.path)
    return f"{what.path}: stopped; `mrdl resume {what.name}` goes on"


def end(folder: Path) -> None:
    """End the process that holds a folder, as Ctrl-C does, and wait until it has let go.

    Raises ConfigError where that is no process of this machine, or a program that a signal would end as a whole;
    SetupError where it does not let go.
    """
    process = holder(folder)
    if process is None:
        if not is_held(folder):
            return
        raise ConfigError(
            f"{folder} is in use, but by no process that can be seen here: it is one of another user, or of another "
            "machine that has the same folder. Stop it there"
        )
    if not _takes_signals(process.pid):
        raise ConfigError(
            f"{folder} is in use by process {process.pid}, a program that trains by itself, which a signal would end "
            f"as a whole: stop it there, or say: kill {process.pid}"
        )
    process.send(signal.SIGTERM)
    until = time.monotonic() + WAIT_S
    while is_held(folder) and process.is_alive():
        if time.monotonic() > until:
            raise SetupError(
                f"{folder}: process {process.pid} was asked to stop, but still works after {WAIT_S:.0f} s. Wait, or "
                f"say: kill -9 {process.pid}; nothing that is done is lost"
            )
        time.sleep(LOOK_S)


def _takes_signals(pid: int) -> bool:
    """Whether a process handles SIGTERM, as commands of mrdl do, and is not just ended by it."""
    try:
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return True  # it has ended
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
