"""`mrdl resume`: go on with a run or a sweep, by what its own folder says."""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrdl.cli import train
from mrdl.cli.main import Parser
from mrdl.cli.runs.naming import Named, named
from mrdl.errors import ConfigError
from mrdl.mapreduce.runners import RUNNERS
from mrdl.rounds.folder import RunFolder


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl resume` can be told."""
    parser.description = (
        "Go on with a run or a sweep that was stopped, killed or failed: with its own data and settings, in the folder "
        "that it was started in. To change a setting, take `mrdl train --resume`."
    )
    parser.add_argument("run", help="a folder of a run or a sweep, or its name below runs/ or sweeps/")
    parser.add_argument(
        "-r",
        "--runner",
        choices=tuple(RUNNERS),
        help="where tasks run (default: where those of the run did, of a sweep a process a core)",
    )
    parser.add_argument("--slots", type=int, metavar="N", help="of a sweep: trainings at a time (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output at the end")
    parser.set_defaults(command=resume)


def resume(options: argparse.Namespace) -> int:
    """Go on with a run or a sweep; raises what `mrdl train` and `mrdl sweep resume` raise. Returns the exit status."""
    what = named(options.run)
    if what.kind == "sweep":
        return _sweep(what, options)
    if options.slots is not None:
        raise ConfigError(f"--slots is of a sweep, but {what.path} is a run: as many tasks run as there are cores")
    return _run(what, options)


def _run(what: Named, options: argparse.Namespace) -> int:
    """Go on with a run, as `mrdl train --resume` does."""
    folder = RunFolder(what.path)
    drivers = folder.about().get("drivers", [])
    last: dict[str, Any] = drivers[-1] if drivers else {}
    runner = options.runner or last.get("runner", "inline")
    words = ["--run-dir", str(folder.path), "--resume", "-r", runner, *(["--json"] if options.json else [])]
    parser = Parser(prog="mrdl train")
    train.define(parser)
    with _in(last.get("folder")):  # paths among its settings, and that of its data, begin there
        return train.train(parser.parse_args(words))


def _sweep(what: Named, options: argparse.Namespace) -> int:
    """Go on with a sweep, as `mrdl sweep resume` does."""
    from mrdl.cli.sweep import run, verbs

    parser: Any = Parser(prog="mrdl sweep")
    verbs.define(parser)
    words = ["resume", str(what.path.absolute()), "-r", options.runner or "local"]
    words += [f"--slots={options.slots}"] if options.slots is not None else []
    return run.resume(parser.parse_args([*words, *(["--json"] if options.json else [])]))


@contextlib.contextmanager
def _in(folder: Any) -> Iterator[None]:
    """Inside, this process works in a folder, if that is still there."""
    before = os.getcwd()
    if isinstance(folder, str) and Path(folder).is_dir():
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
