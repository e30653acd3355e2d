"""One run under fire: its driver, its processes and its application, found on this machine and on YARN."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrdl.errors import ConfigError, Unavailable
from mrdl.mapreduce.runners import runner_of
from mrdl.rounds.folder import RunFolder
from mrdl.storage.store import hdfs_store

LIMIT_S = 1200  # of a trial
LAST_WORDS = 300  # characters


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the sha256 of its network, or None and the last words of its driver where it failed."""

    sha256: str | None
    last_words: str = ""

    def __str__(self) -> str:
        """The one or the other, for people."""
        return self.sha256 or self.last_words


@dataclass
class Trial:
    """One run under fire.

    words: what follows `mrdl train`; run_dir, cache_dir: its folders, the latter perhaps in HDFS; runner: its -r.
    rng: what decides where harm is done.
    process: its driver, None before the first start; where it is dead, `start` goes on with --resume.
    """

    words: Sequence[str]
    run_dir: Path
    cache_dir: str
    runner: str
    rng: np.random.Generator
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the driver, or start it again with --resume."""
        train = [sys.executable, "-m", "mrdl", "train"]
        places = ["--run-dir", str(self.run_dir), "--cache-dir", self.cache_dir]
        resume = ["--resume"] if self.run_dir.exists() else []
        self.process = subprocess.Popen(
            [*train, *self.words, *places, "--json", *resume],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def end(self, signal_: int) -> bool:
        """End the driver by a signal and wait for it.

        Returns False if it had ended by itself.
        """
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(signal_)
        self.process.communicate()
        return True

    def finish(self) -> Outcome:
        """Wait for the run, and start it again once where it stopped; returns what came of it."""
        assert self.process
        for _ in range(2):
            out, err = self.process.communicate(timeout=LIMIT_S)
            if self.process.returncode == 0:
                return Outcome(str(json.loads(out.splitlines()[-1])["sha256"]))
            self.start()
        self.end(signal.SIGKILL)
        return Outcome(None, err.decode(errors="replace").strip()[-LAST_WORDS:])

    def processes(self, match: Callable[[list[str], str], bool]) -> list[int]:
        """Return the process ids on this machine, of this run alone, that match.

        match: called with a process's command line and its working folder.
        """
        applications = self._applications() if runner_of(self.runner).reads_hdfs else []
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                where = os.readlink(folder / "cwd")
            except OSError:
                continue  # it has just ended, or is somebody else's
            ours = any(name in where or any(name in word for word in words) for name in applications)
            if (ours or str(self.run_dir) in where) and match(words, where):
                found.append(int(folder.name))
        return found

    def kill(self, match: Callable[[list[str], str], bool]) -> bool:
        """Kill one of the run's processes by SIGKILL, by chance; returns False where there is none.

        match: as of `processes`.
        """
        found = self.processes(match)
        if not found:
            return False
        try:
            os.kill(int(self.rng.choice(found)), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _applications(self) -> list[str]:
        """Return the ids of the run's applications on YARN; none where YARN is away."""
        try:
            tag = RunFolder(self.run_dir).about()["name"]
        except ConfigError:
            return []
        with contextlib.suppress(Unavailable):  # another fault has just taken YARN away
            return [application["id"] for application in hdfs_store().cluster.applications(tag)]
        return []
