"""Starts and stops the mini cluster as a whole, and says how it is."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrdl.cluster.mini import daemons
from mrdl.cluster.mini.configuration import ports, write_configuration
from mrdl.cluster.mini.daemons import DAEMONS, log_end, pid_of
from mrdl.cluster.mini.folders import Folders
from mrdl.cluster.mini.java import environment, find_java
from mrdl.cluster.mini.services import Services, passes
from mrdl.errors import SetupError

START_S = 60  # that the daemons have to become ready
STOP_S = 3  # that they have to end by themselves
LOOK_S = 0.1


@dataclass(frozen=True)
class Status:
    """How a cluster is. pids: daemon -> process id, None where it does not run; addresses: service -> URL."""

    ready: bool
    pids: Mapping[str, int | None]
    addresses: Mapping[str, str]
    folder: Path


@dataclass
class MiniCluster:
    """A NameNode, DataNode, ResourceManager, NodeManager and history server on 127.0.0.1, for one user.

    cluster = MiniCluster(Folders.of_user())
    cluster.start()
    os.environ |= cluster.environment()  # hadoop, mrjob and mrdl find it now
    """

    folders: Folders
    _launched: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether there is a cluster in these folders, running or not."""
        return (self.folders.configuration / "core-site.xml").exists()

    def environment(self) -> dict[str, str]:
        """The variables that let a process use the cluster. Raises SetupError where there is none yet."""
        if not self.is_made:
            raise SetupError(f"there is no cluster in {self.folders.base} yet: mrdl hadoop start")
        return environment(self.folders)

    def start(self) -> float | None:
        """Start the daemons that do not run; the jars must be installed.

        Returns the seconds until all were ready, None where all ran already. Raises SetupError, with the end of the
        logs, where a daemon ends or is not ready in time.
        """
        find_java()
        running = [name for name in DAEMONS if pid_of(self.folders, name)]
        if len(running) == len(DAEMONS):
            return None
        if not running:
            write_configuration(self.folders)
            for stale in self.folders.pids.iterdir():
                stale.unlink()
        began = time.monotonic()
        daemons.format_namenode(self.folders)
        for name in ("namenode", "resourcemanager", "nodemanager"):
            self._launch(name)
        services = self._services
        deadline = began + START_S
        self._wait_for("the NameNode", lambda: services.accepts("NN"), deadline)
        # started before the NameNode listens, these two would sleep for 5 and 10 s
        self._launch("datanode")
        self._launch("historyserver")
        self._wait_for("HDFS", services.hdfs_is_up, deadline)
        self._wait_for("writing to HDFS", services.hdfs_takes_files, deadline)
        self._wait_for("YARN", services.yarn_is_up, deadline)
        self._wait_for("the history server", services.history_is_up, deadline)
        return time.monotonic() - began

    def stop(self) -> bool:
        """End all applications and daemons; the data stays. Returns False where nothing ran.

        Applications go first: their containers outlive a supervised NodeManager.
        """
        if self.folders.ports.exists() and passes(self._services.accepts, "RMW"):
            with contextlib.suppress(OSError, ValueError):
                self._services.kill_applications()
        running = [name for name in DAEMONS if daemons.kill(self.folders, name, signal.SIGTERM)]
        deadline = time.monotonic() + STOP_S
        while any(pid_of(self.folders, name) for name in running) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        for name in running:
            daemons.kill(self.folders, name)
        for process in self._launched.values():
            process.wait()
        self._launched.clear()
        for name in DAEMONS:
            (self.folders.pids / name).unlink(missing_ok=True)
        return bool(running)

    def kill(self, daemon: str) -> bool:
        """SIGKILL a daemon, as a failing machine does; returns False where it does not run."""
        return daemons.kill(self.folders, daemon)

    def status(self) -> Status | None:
        """How the cluster is; None where none was ever started in these folders."""
        if not self.folders.ports.exists():
            return None
        services = self._services
        ready = passes(services.hdfs_is_up) and passes(services.yarn_is_up) and passes(services.history_is_up)
        addresses = {
            "HDFS": f"hdfs://127.0.0.1:{services.ports['NN']}",
            "WebHDFS": services.url("NNH", "/webhdfs/v1"),
            "YARN": services.url("RMW", "/cluster"),
            "history": services.url("JHW", "/jobhistory"),
        }
        return Status(ready, {name: pid_of(self.folders, name) for name in DAEMONS}, addresses, self.folders.base)

    @property
    def _services(self) -> Services:
        """The web interfaces of this cluster; chooses its ports where it has none yet."""
        return Services(ports(self.folders))

    def _launch(self, name: str) -> None:
        """Start a daemon unless it runs."""
        if not pid_of(self.folders, name):
            self._launched[name] = daemons.launch(self.folders, name)

    def _wait_for(self, what: str, check: Callable[[], Any], deadline: float) -> None:
        """Wait for a check to hold. what: its name for people; deadline: of time.monotonic().

        Raises SetupError, with the end of the logs, where a daemon has ended or the deadline is over.
        """
        while not passes(check):
            for name, process in self._launched.items():
                if process.poll() is not None:
                    log = self.folders.log(name)
                    end = log_end(self.folders, name)
                    raise SetupError(f"the {name} ended while starting. Its log, {log}, ends:\n{end}")
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{log_end(self.folders, name, lines=8)}" for name in DAEMONS)
                raise SetupError(f"{what} was not ready within {START_S} s. The logs end:\n{logs}")
            time.sleep(LOOK_S)
