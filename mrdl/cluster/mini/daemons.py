"""Starts, finds and kills the cluster's daemons, which are processes of this machine, and reads their logs."""

import os
import signal
import subprocess
from pathlib import Path

from mrdl.cluster.mini.folders import Folders
from mrdl.cluster.mini.java import daemon_command, daemon_environment
from mrdl.errors import SetupError

DAEMONS = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "resourcemanager": "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    "nodemanager": "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
    "historyserver": "org.apache.hadoop.mapreduce.v2.hs.JobHistoryServer",
}
LOG_LINES = 25


def pid_of(folders: Folders, name: str) -> int | None:
    """Return the process id of a daemon; None where that process has ended, or is not this daemon any more.

    name: one of DAEMONS.
    """
    try:
        pid = int((folders.pids / name).read_text())
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if DAEMONS[name].encode() in line and str(folders.base).encode() in line else None


def launch(folders: Folders, name: str) -> "subprocess.Popen[bytes]":
    """Start the process of a daemon in a session of its own, with a new log; returns it.

    Its process id is kept in the cluster's folder, by which `pid_of` finds it in later processes.
    """
    with folders.log(name).open("wb") as log:
        process = subprocess.Popen(
            daemon_command(folders, DAEMONS[name]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=daemon_environment(folders),
            cwd=folders.base,
            start_new_session=True,
        )
    (folders.pids / name).write_text(str(process.pid))
    return process


def kill(folders: Folders, name: str, how: signal.Signals = signal.SIGKILL) -> bool:
    """Send a daemon a signal; returns False where it does not run.

    how: SIGKILL, as a failing machine, or SIGTERM, which lets it end by itself.
    """
    pid = pid_of(folders, name)
    if pid is None:
        return False
    try:
        os.kill(pid, how)
    except ProcessLookupError:  # it has just ended
        return False
    return True


def format_namenode(folders: Folders) -> None:
    """Make an empty HDFS unless there is one; raises SetupError where the NameNode refuses."""
    if (folders.base / "nn" / "current" / "VERSION").exists():
        return
    command = daemon_command(folders, DAEMONS["namenode"], "-format", "-nonInteractive")
    ended = subprocess.run(command, env=daemon_environment(folders), capture_output=True, text=True)
    if ended.returncode:
        raise SetupError(f"the NameNode could not be formatted:\n{ended.stderr[-2000:]}")


def log_end(folders: Folders, name: str, lines: int = LOG_LINES) -> str:
    """Return the last lines of a daemon's log, and the way out where they tell of a port that is taken."""
    log = folders.log(name)
    text = "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
    if "Address already in use" in text or "BindException" in text:
        text += f"\nA port kept for this cluster is taken. Stop what holds it, or delete {folders.ports}."
    return text
