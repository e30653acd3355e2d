"""Runs that are killed at a given write, each in a process forked from one that has imported everything.

`python killed.py BASE POINT,POINT,..` prints a JSON line for each point: what `--resume` ended in, and what lies there.
Point 0 is a run that is not killed; a point beyond the last write of a run is told as such.
"""

import hashlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import torch

import mrdl.nn.trainer  # noqa: F401  loaded once, before the forks
from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig

WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
SETTINGS = {"nodes": (3, 4, 2), "shards": 2, "rounds": 2, "epochs": 1, "validation": 0.2, "label": "y"}


class Reaper:
    """Counts writes below a folder, and ends this process at one of them: before it, or when it is half done."""

    def __init__(self, base: Path, point: int, torn: bool) -> None:
        self.base, self.point, self.torn, self.seen, self.busy = str(base), point, torn, 0, False
        fsync = os.fsync
        os.fsync = lambda file: (self.count("os.fsync", ""), fsync(file))[1]
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(path, (str, bytes, os.PathLike)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.count(event, os.fsdecode(path), flags)
        elif event in WRITES and not isinstance(args[0], int):
            self.count(event, os.path.abspath(os.fsdecode(args[0])))

    def count(self, event: str, path: str, flags: int = 0) -> None:
        if self.busy or (path and not os.path.abspath(path).startswith(self.base)):
            return
        self.seen += 1
        if self.seen != self.point:
            return
        self.busy = True
        if self.torn and event == "open" and flags & os.O_CREAT:
            with open(path, "ab" if not flags & os.O_TRUNC else "wb") as file:
                file.write(b"half of it")
        os.kill(os.getpid(), signal.SIGKILL)


def train(base: Path, runner: str, resume: bool) -> str:
    os.environ["XDG_CACHE_HOME"] = str(base / "cache")
    tempfile.tempdir = str(base / "tmp")
    config = TrainConfig().with_changes({**SETTINGS, "run_dir": str(base / "run")})
    return Run(base.parent / "rows.csv", config, runner=runner, resume=resume).execute().sha256


def in_a_fork(act) -> tuple[int, bytes]:
    """How a process forked from this one ended, and what `act` returned there."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(into, act())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        told = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def try_at(base: Path, point: int, runner: str, torn: bool) -> dict:
    (base / "tmp").mkdir(parents=True)

    def under_fire() -> bytes:
        reaper = Reaper(base, point, torn)
        train(base, runner, resume=False)
        return str(reaper.seen).encode()

    ended, writes = in_a_fork(under_fire)
    rc, sha256 = in_a_fork(lambda: train(base, runner, resume=True).encode()) if ended else (0, b"")
    there = sorted(str(path.relative_to(base)) for path in base.rglob("*") if "/cache/torch" not in str(path))
    digests = {str(path.relative_to(base)): digest(path) for path in base.rglob("*.safetensors")}
    return {
        "point": point, "torn": torn, "killed": ended == -signal.SIGKILL, "writes": int(writes or 0),
        "rc": rc, "sha256": sha256.decode(), "there": there, "digests": digests,
    }  # fmt: skip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    folder, which, how = Path(sys.argv[1]), sys.argv[2], [word for word in sys.argv[3].split(",") if word]
    torch.set_num_threads(1)
    train(folder / "warm", which, resume=False)  # loads what is loaded late
    for name in how:
        number, half = int(name.removesuffix("t")), name.endswith("t")
        print(json.dumps(try_at(folder / name, number, which, half)), flush=True)
