"""`mrdl exp add`, `start`, `retry` and `rm`: experiments that wait for their turn, and the runner."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from mrdl.cli.experiments.program import specification
from mrdl.errors import ConfigError, SetupError
from mrdl.experiments.folder import ENDED, Folder, root
from mrdl.experiments.history import now
from mrdl.experiments.queue import files, grid, runner


def add(options: argparse.Namespace) -> None:
    """Put an experiment for each combination of values into the queue, and print their ids: one, or first-last.

    Where no runner works, the way to start one is said on standard error. Raises what `queued` raises.
    """
    where = root(options.folder)
    ids = queued(options, where)
    print(ids[0] if len(ids) == 1 else f"{ids[0]}-{ids[-1]}")
    if runner.working(where) is None:
        print("no runner works on the queue: mrdl exp start", file=sys.stderr)


def queued(options: argparse.Namespace, where: Path) -> list[str]:
    """Put an experiment for each combination of values into the queue, and return their ids.

    options: what `specification` takes, and set, NAME=A,B or NAME=1..9 each, and repeat; {NAME} stands in argv where a
    value goes, and is filled with those of the first combination. where: the folder of all experiments. The program and
    the settings are checked by the first combination alone.

    Raises ConfigError for what cannot be, SetupError where the disk takes no more.
    """
    combinations = grid.combinations(options.set, options.repeat)
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    grid.check(argv, combinations[0])
    options.argv = grid.filled(argv, combinations[0])
    common = {**specification(options), "created": now()}
    try:
        return files.add(where, [{**common, "argv": grid.filled(argv, told), "set": told} for told in combinations])
    except OSError as error:
        raise SetupError(f"the queue in {where} cannot be written: {error.strerror}. Use --folder") from None


def start(options: argparse.Namespace) -> None:
    """Start the runner, where none works on the queue, and print the number of its process.

    options: folder, and slots, how many experiments run at once. Raises ConfigError for less than one slot, SetupError,
    which names the process, where a runner works already.
    """
    where = root(options.folder)
    if options.slots < 1:
        raise ConfigError(f"--slots: expected 1 or more, got {options.slots}")
    works = runner.working(where)
    if works is not None:
        raise SetupError(f"a runner works on {where} already (process {works.pid}). End it with mrdl exp stop")
    print(f"the runner is process {begin(where, options.slots)}; see mrdl exp list")


def begin(where: Path, slots: int) -> int:
    """Start a runner of so many slots, which outlives this process; returns its number.

    where: the folder of all experiments, made where it is not there; what the runner has to say goes into its
    runner.log. It has a session of its own, so that a terminal that is closed does not end it. Of two that are started
    at once, one finds the other at work, and ends by itself.
    """
    where.mkdir(parents=True, exist_ok=True)
    with open(where / "runner.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mrdl.experiments.queue.runner", str(where), str(slots)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process.pid


def retry(options: argparse.Namespace) -> None:
    """Let experiments that failed, were stopped or lost wait for another attempt.

    Their logs and histories are gone on with. Raises ConfigError for one that has finished, or has not ended.
    """
    where = root(options.folder)
    for folder in [Folder.named(where, ident) for ident in options.id]:
        told = folder.state()
        if told["state"] not in ENDED or told["state"] == "finished":
            raise ConfigError(
                f"experiment {folder.id} is {told['state']}: only what failed, was stopped or lost is tried again"
            )
        attempt = int(told.get("attempt", 1)) + 1
        with files.locked(where):
            folder.tell("state", state="queued", attempt=attempt)
            files.again(where, folder.id, attempt)
        print(f"experiment {folder.id} waits for attempt {attempt}")
    if runner.working(where) is None:
        print("no runner works on the queue: mrdl exp start", file=sys.stderr)


def rm(options: argparse.Namespace) -> None:
    """Delete experiments that have ended, with all their files; their numbers are not given again.

    Raises ConfigError for one that waits or runs.
    """
    where = root(options.folder)
    for folder in [Folder.named(where, ident) for ident in options.id]:
        state = folder.state()["state"]
        if state not in ENDED:
            raise ConfigError(f"experiment {folder.id} is {state}: end it first, mrdl exp stop {folder.id}")
        with files.locked(where):
            files.remove(where, folder.id)
            shutil.rmtree(folder.path)
        print(f"experiment {folder.id} is deleted")
