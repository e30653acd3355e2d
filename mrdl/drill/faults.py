"""Faults that hit a run from outside, as machines and people do: what is killed, damaged or restarted, and how.

A fault is a function of a Trial that does its harm and returns whether it hit. Those of a cluster's daemons need the
mini cluster, `mrdl hadoop`.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrdl.cluster.mini.cluster import MiniCluster
from mrdl.cluster.mini.folders import Folders
from mrdl.cluster.site import conf_dir
from mrdl.drill.trial import Trial
from mrdl.errors import MrdlError, SetupError
from mrdl.mapreduce.runners import Runner, runner_of
from mrdl.mapreduce.shipping import with_package
from mrdl.rounds.folder import RunFolder
from mrdl.storage.store import is_hdfs, store_of


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
    rounds = sorted(RunFolder(trial.run_dir).rounds.glob("[0-9]*"))[-2:]
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


def _hits_any(runner: Runner) -> bool:
    """Every run has a driver, rounds and cached shards."""
    return True


def _hits_tasks(runner: Runner) -> bool:
    """Whether the tasks of a run are processes of their own."""
    return not runner.runs_here


def _hits_cluster(runner: Runner) -> bool:
    """Whether the tasks of a run are on the cluster."""
    return runner.reads_hdfs


@dataclass(frozen=True)
class Fault:
    """One way to harm a run.

    strike: does the harm to a trial; returns whether it hit.
    can_hit: called with a runner; returns whether its runs have what is harmed.
    """

    strike: Callable[[Trial], bool]
    can_hit: Callable[[Runner], bool] = _hits_any


FAULTS: dict[str, Fault] = {
    "driver killed": Fault(kill_driver),
    "driver interrupted": Fault(interrupt_driver),
    "newest round damaged": Fault(damage_round),
    "cached shard damaged": Fault(damage_cache),
    "task killed": Fault(kill_task, _hits_tasks),
    "container killed": Fault(kill_container, _hits_cluster),
    "ApplicationMaster killed": Fault(kill_application_master, _hits_cluster),
    "NodeManager restarted": Fault(restart("nodemanager"), _hits_cluster),
    "DataNode restarted": Fault(restart("datanode"), _hits_cluster),
    "NameNode restarted": Fault(restart("namenode"), _hits_cluster),
    "ResourceManager restarted": Fault(restart("resourcemanager"), _hits_cluster),
}


def faults_of(runner: str) -> dict[str, Fault]:
    """Return the faults that can hit the runs by a runner, by their names.

    "task killed" in faults_of("local"), but not in faults_of("inline")
    """
    return {name: fault for name, fault in FAULTS.items() if fault.can_hit(runner_of(runner))}
