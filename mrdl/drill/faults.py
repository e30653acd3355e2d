"""Faults that hit a run from outside, as machines and people do: what is killed, damaged or restarted, and how.

A fault is a function of a Trial that does its harm and returns whether it hit. Those of a cluster's daemons need the
mini cluster, `mrdl hadoop`.
"""

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

from mrdl.cluster.mini.cluster import MiniCluster
from mrdl.cluster.mini.folders import Folders
from mrdl.cluster.site import conf_dir
from mrdl.errors import ConfigError, MrdlError, SetupError, Unavailable
from mrdl.mapreduce.runners import RUNNERS, Runner, runner_of
from mrdl.mapreduce.shipping import with_package
from mrdl.rounds.folder import RunFolder
from mrdl.storage.store import hdfs_store, is_hdfs, store_of

LIMIT_S = 1200  # of a trial


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
        """End the driver by a signal and wait for it; returns False if it had ended by itself."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(signal_)
        self.process.communicate()
        return True

    def finish(self) -> str:
        """Wait for the run, and start it again once where it stopped; returns its sha256, or its last words."""
        assert self.process
        for _ in range(2):
            out, err = self.process.communicate(timeout=LIMIT_S)
            if self.process.returncode == 0:
                return str(json.loads(out.splitlines()[-1])["sha256"])
            self.start()
        self.end(signal.SIGKILL)
        return err.decode(errors="replace").strip()[-300:]

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
        """Kill one of the run's processes that match, by chance; returns False where there is none."""
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


# --- faults: each does its harm and says whether it hit ---


def kill_driver(trial: Trial) -> bool:
    """SIGKILL the driver."""
    return trial.end(signal.SIGKILL)


def interrupt_driver(trial: Trial) -> bool:
    """SIGTERM the driver, as a batch system does."""
    return trial.end(signal.SIGTERM)


def damage_round(trial: Trial) -> bool:
    """SIGKILL the driver, then flip, cut, empty or delete the newest round's weights or manifest."""
    if not trial.end(signal.SIGKILL):
        return False
    rounds = sorted(trial.run_dir.glob("rounds/[0-9]*"))[-2:]
    if rounds:
        _damage(rounds[int(trial.rng.integers(len(rounds)))], trial.rng)
    return bool(rounds)


def damage_cache(trial: Trial) -> bool:
    """Flip a byte of a cached shard, or delete it."""
    store = store_of(trial.cache_dir)
    try:
        files = [info for info in store.files(trial.cache_dir) if "mrdl-" not in info.path and info.size]
        if not files:
            return False
        chosen = files[int(trial.rng.integers(len(files)))].path
        if not is_hdfs(chosen):
            _damage(Path(chosen), trial.rng)
            return True
        data = bytearray(b"".join(store.chunks(chosen)))
        data[int(trial.rng.integers(len(data)))] ^= 1
        store.write(chosen, bytes(data))
    except (OSError, MrdlError):
        return False  # there is none yet, or the run has just taken it away
    return True


def kill_task(trial: Trial) -> bool:
    """SIGKILL the Python of a task."""
    return trial.kill(lambda words, where: "python" in words[0] and bool({"--mapper", "--reducer"} & set(words)))


def kill_container(trial: Trial) -> bool:
    """SIGKILL the JVM of a task's container."""
    return trial.kill(lambda words, where: _java(words) and any(word.endswith(".YarnChild") for word in words))


def kill_application_master(trial: Trial) -> bool:
    """SIGKILL the job's ApplicationMaster."""
    return trial.kill(lambda words, where: _java(words) and any(word.endswith(".MRAppMaster") for word in words))


def check_cluster() -> None:
    """Check that the mini cluster, whose daemons will be killed, runs and is the one that is configured.

    Raises SetupError, with the way out, if not.
    """
    cluster = _mini_cluster()
    status = cluster.status()
    if status is None or not any(status.pids.values()):
        raise SetupError(
            "drill -r hadoop kills daemons of the Hadoop that mrdl starts on this machine, but none runs in "
            f"{cluster.folders.base}: mrdl hadoop start, or drill with -r local"
        )
    if conf_dir().resolve() != cluster.folders.configuration:
        raise SetupError(
            f"drill -r hadoop would kill daemons of the cluster in {cluster.folders.base} while the run uses that of "
            f'{conf_dir()}: eval "$(mrdl hadoop env)", or drill with -r local'
        )


def restart(daemon: str) -> Callable[[Trial], bool]:
    """Return the fault that kills a daemon of the mini cluster by SIGKILL and starts it again."""

    def fault(trial: Trial) -> bool:
        if not _mini_cluster().kill(daemon):
            return False
        # by a process of its own: the daemon outlives this one
        start = [sys.executable, "-m", "mrdl", "hadoop", "start"]
        subprocess.run(start, env=with_package(), check=True, capture_output=True)
        return True

    fault.__doc__ = f"SIGKILL the {daemon} and start it again."
    return fault


def _mini_cluster() -> MiniCluster:
    """This user's mini cluster."""
    return MiniCluster(Folders.of_user())


def _java(words: list[str]) -> bool:
    """Whether a command line is a JVM's."""
    return words[0].endswith("java")


def _damage(path: Path, rng: np.random.Generator) -> None:
    """Flip a byte of a file, cut it, empty it or delete it, by chance."""
    data = path.read_bytes()
    how = rng.choice(["flip", "cut", "empty", "delete"])
    if how == "delete":
        path.unlink()
        return
    at = int(rng.integers(len(data))) if data else 0
    flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if data else b""
    path.write_bytes({"flip": flipped, "cut": data[:at], "empty": b""}[how])


EVERYWHERE: dict[str, Callable[[Trial], bool]] = {
    "driver killed": kill_driver,
    "driver interrupted": interrupt_driver,
    "newest round damaged": damage_round,
    "cached shard damaged": damage_cache,
}
OF_TASKS: dict[str, Callable[[Trial], bool]] = {"task killed": kill_task}
OF_CLUSTER: dict[str, Callable[[Trial], bool]] = {
    "container killed": kill_container,
    "ApplicationMaster killed": kill_application_master,
    "NodeManager restarted": restart("nodemanager"),
    "DataNode restarted": restart("datanode"),
    "NameNode restarted": restart("namenode"),
    "ResourceManager restarted": restart("resourcemanager"),
}


def _faults_of(runner: Runner) -> dict[str, Callable[[Trial], bool]]:
    """The faults that can hit a run by a runner."""
    return {**EVERYWHERE, **({} if runner.runs_here else OF_TASKS), **(OF_CLUSTER if runner.reads_hdfs else {})}


FAULTS = {name: _faults_of(runner_of(name)) for name in RUNNERS}
