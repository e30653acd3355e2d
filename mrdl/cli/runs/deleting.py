"""`mrdl delete`: the files of a run or a sweep, and no others."""

import argparse
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from mrdl.cli.runs.naming import Named, named
from mrdl.cli.runs.several import each
from mrdl.cli.screen import counted, say
from mrdl.errors import ConfigError, SetupError
from mrdl.reports.places import PLACES
from mrdl.rounds.folder import RunFolder
from mrdl.storage.atomic import BESIDE
from mrdl.storage.lock import held
from mrdl.sweep.paths import SweepPaths

DRAWN = ("timeline.html", "plot.png", "plot.html")  # of a run, by reports
INDEX = ("ledger.db-wal", "ledger.db-shm")  # of SQLite, beside the index of a sweep


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl delete` can be told."""
    parser.description = (
        "Delete runs and sweeps: their rounds, networks, records and reports. The tables that they have learnt from "
        "stay, and so does whatever else lies in their folders."
    )
    parser.add_argument("run", nargs="+", help="a folder of a run or a sweep, or its name below runs/ or sweeps/")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(command=delete)


def delete(options: argparse.Namespace) -> None:
    """Delete runs and sweeps, after a question; raises ConfigError for what is in use, or is none."""
    each(options.run, lambda name: delete_one(named(name), options.yes))


def delete_one(what: Named, yes: bool) -> None:
    """Delete a run or a sweep. yes: without a question. Raises ConfigError where somebody works on it."""
    _check(what)
    if not yes and not _is_wanted(what):
        raise ConfigError(f"{what.path} was not deleted: the question was not answered by y. --yes does not ask")
    try:
        with held(what.path, what.kind, elsewhere="Nothing was deleted", again="delete it again"):
            left = _erase(what)
    except OSError as error:
        raise SetupError(f"{error.filename} cannot be deleted: {error.strerror}. Delete the rest again") from error
    kept = f"; {counted(left, 'other file or folder')} in it stays" if left else ""
    say(f"{what.path}: deleted{kept}")


def _check(what: Named) -> None:
    """Raise ConfigError for a folder that is a link, that this process works in, or that is a part of a sweep."""
    path = what.path.absolute()
    if path.is_symlink():
        raise ConfigError(f"{what.path} is a link, which is not followed: name the folder itself")
    if Path.cwd().is_relative_to(path.resolve()):
        raise ConfigError(f"{what.path} is the folder that you are in, or one above it: go elsewhere and name it there")
    if what.kind == "run" and any((above / "sweep.json").exists() for above in path.parents):
        raise ConfigError(f"{what.path} is a part of a sweep: delete that, or leave it")


def _is_wanted(what: Named) -> bool:
    """Ask whether it is to be deleted."""
    files = [path for path, _ in _own(what) if path.is_file()]
    inside = (path for folder, is_folder in _own(what) if is_folder for path in folder.rglob("*") if path.is_file())
    megabytes = sum(path.lstat().st_size for path in [*files, *inside]) / 1e6
    say(f"delete the {what.kind} {what.path}, {megabytes:.1f} MB? [y/N]", end=" ")
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        say("")
        return False


def _own(what: Named) -> Iterator[tuple[Path, bool]]:
    """The files and folders that a run or a sweep has in its folder, and whether each is a folder; the one that says
    what it is comes last, so that what was deleted in part can be deleted again."""
    if what.kind == "run":
        run = RunFolder(what.path)
        folders = [run.rounds, run.work]
        files = [run.config, run.history, run.timeline, run.model, *(run.path / name for name in DRAWN)]
    else:
        sweep = SweepPaths(what.path.absolute())
        folders = [sweep.parts, sweep.control, sweep.work, sweep.folder / "runs"]
        files = [sweep.data, sweep.index, sweep.stop_mark, sweep.report, *(sweep.folder / name for name in INDEX)]
    yield from ((folder, True) for folder in folders)
    yield from ((file, False) for file in files)
    path = what.path.absolute()
    yield from ((place, False) for place in path.iterdir() if BESIDE.fullmatch(place.name))
    yield path / PLACES[what.kind][1], False
    yield path / "lock", False


def _erase(what: Named) -> int:
    """Delete what is a run's or a sweep's own; returns how many other things stay, with which the folder stays."""
    for path, is_folder in list(_own(what)):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if is_folder and stat.S_ISDIR(mode):
            shutil.rmtree(path)  # links in it are deleted, and not followed
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            path.unlink()
    path = what.path.absolute()
    if left := len(os.listdir(path)):
        return left
    path.rmdir()
    _forget(path)
    return 0


def _forget(path: Path) -> None:
    """Delete what the page has kept of the start of a run or sweep that it began: sessions/KEY beside runs/."""
    if path.parent.name not in {place for place, _ in PLACES.values()}:
        return
    kept = path.parent.parent / "sessions" / path.name
    if (kept / "session.json").is_file() and not kept.is_symlink():
        shutil.rmtree(kept)
