"""Asks YARN's web interfaces: applications, slots, tasks and their logs."""

import contextlib
import getpass
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.cluster.rest import Absent, Refused, Rest, WebPage
from mrdl.cluster.site import HOW_TO, address_of, conf_dir, container_mb, read_conf
from mrdl.errors import SetupError, Unavailable

KILL_S = 30  # that an application has to end
KILL_LOOK_S = 0.2  # between two looks at it
UNFINISHED = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
LOG_BYTES = 65536
OURS = re.compile(r"mrdl-|.+-[0-9a-f]{8}-\d{5,9}$")  # a tag: the name of a run, or of a job of a sweep


@dataclass(frozen=True)
class Cluster:
    """The addresses of one cluster, and what can be asked of its YARN.

    filesystem: authority of hdfs:// paths, as 127.0.0.1:8020 or the name of a nameservice.
    webhdfs, resourcemanager, historyserver: URLs; webhdfs may hold several with semicolons between (high availability).
    user: as Hadoop knows them; map_memory_mb: what a map task takes of a node, in MB.

    Cluster.from_conf().slots()
    """

    filesystem: str  # authority of hdfs:// paths, as 127.0.0.1:8020 or the name of a nameservice
    webhdfs: str
    resourcemanager: str
    historyserver: str
    user: str
    kerberos: bool
    map_memory_mb: int = 1024

    @classmethod
    def from_conf(cls) -> "Cluster":
        """Return the cluster that HADOOP_CONF_DIR describes; raises SetupError without one."""
        site = read_conf(conf_dir())
        default = site.get("fs.defaultFS", "")
        if not default.startswith("hdfs://"):
            raise SetupError(f"{conf_dir()}/core-site.xml names no HDFS (fs.defaultFS is {default!r}). {HOW_TO}")
        filesystem = default.removeprefix("hdfs://").strip("/")
        host = filesystem.split(":")[0]
        names = site.get(f"dfs.ha.namenodes.{filesystem}", "")
        if names:
            keys = [f"dfs.namenode.http-address.{filesystem}.{name.strip()}" for name in names.split(",")]
            addresses = [site[key] for key in keys if key in site]
        else:
            addresses = [address_of(site.get("dfs.namenode.http-address"), host, 9870)]
        # with several ResourceManagers the first will do: one that stands by sends its askers to the active one
        first = site.get("yarn.resourcemanager.ha.rm-ids", "").split(",")[0].strip()
        which = f".{first}" if first else ""
        manager = site.get(f"yarn.resourcemanager.hostname{which}", host)
        return cls(
            filesystem,
            ";".join(f"http://{address}" for address in addresses),
            "http://" + address_of(site.get(f"yarn.resourcemanager.webapp.address{which}"), manager, 8088),
            "http://" + address_of(site.get("mapreduce.jobhistory.webapp.address"), manager, 19888),
            os.environ.get("HADOOP_USER_NAME") or getpass.getuser(),
            site.get("hadoop.security.authentication") == "kerberos",
            container_mb(site),
        )

    # --- applications ---

    def applications(self, tag: str, states: str = UNFINISHED) -> list[dict[str, Any]]:
        """Return the applications with a tag, as YARN's JSON has them; YARN keeps tags in lower case.

        states: with commas between. Raises Unavailable or SetupError where what comes is no list of applications, which
        is not to say that there are none.
        """
        url = f"{self.resourcemanager}/ws/v1/cluster/apps?applicationTags={tag.lower()}&states={states}"
        found = self._known(url, "apps") or {}  # null where there are none
        return found.get("app") or []

    def slots(self, memory_mb: int = 0) -> int:
        """Map tasks that the whole cluster can run at once beside a job's ApplicationMaster, 1 at the least.

        That of the job before keeps its core for 5 s after its end: two cores are for them.

        memory_mb: of a task, as configured where it is 0. Raises Unavailable or SetupError where YARN does not say.
        """
        url = f"{self.resourcemanager}/ws/v1/cluster/metrics"
        found = self._known(url, "clusterMetrics")
        try:
            by_memory = int(found["totalMB"]) // (memory_mb or self.map_memory_mb)
            return max(1, min(by_memory - 1, int(found["totalVirtualCores"]) - 2))
        except (KeyError, TypeError, ValueError) as error:
            raise SetupError(f"YARN does not say at {url} how large the cluster is: {str(found)[:200]}") from error

    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes that are up: name, slots for map tasks, memory_mb, used_mb, and containers that are running.

        Raises Unavailable or SetupError where YARN does not say.
        """
        url = f"{self.resourcemanager}/ws/v1/cluster/nodes"
        found = (self._known(url, "nodes") or {}).get("node") or []
        told = []
        for node in found if isinstance(found, list) else [found]:
            if node.get("state") != "RUNNING":
                continue
            used = int(node.get("usedMemoryMB", 0))
            memory = used + int(node.get("availMemoryMB", 0))
            about = {"name": str(node.get("nodeHostName", "?")), "slots": memory // self.map_memory_mb}
            told.append({**about, "memory_mb": memory, "used_mb": used, "running": int(node.get("numContainers", 0))})
        return told

    def ours(self) -> list[dict[str, Any]]:
        """Return the applications of mrdl that are not over: id, name, user, state, progress (0 to 100), memory_mb.

        They are known by their tags, which are names of runs and of sweeps' jobs.
        """
        url = f"{self.resourcemanager}/ws/v1/cluster/apps?states={UNFINISHED}"
        found = (self._known(url, "apps") or {}).get("app") or []
        return [
            {
                "id": app.get("id"),
                "name": tag,
                "user": app.get("user"),
                "state": app.get("state"),
                "progress": app.get("progress"),
                "memory_mb": app.get("allocatedMB"),
            }
            for app in (found if isinstance(found, list) else [found])
            if (tag := next((t for t in str(app.get("applicationTags", "")).split(",") if OURS.match(t)), None))
        ]

    def kill(self, tag: str) -> int:
        """Kill what still runs under a tag, and see that it ends; returns how many applications there were.

        Raises SetupError where YARN refuses, Unavailable where one goes on for KILL_S seconds.
        """
        found = self.applications(tag)
        for application in found:
            self._kill(application["id"])
        deadline = time.monotonic() + KILL_S
        while left := found and self.applications(tag):
            if time.monotonic() > deadline:
                names = ", ".join(application["id"] for application in left)
                raise Unavailable(f"YARN was told to end {names}, which goes on after {KILL_S} s.")
            time.sleep(KILL_LOOK_S)
        return len(found)

    def _kill(self, application: str) -> None:
        """Tell YARN to end an application; one that it does not know any more has ended."""
        url = f"{self.resourcemanager}/ws/v1/cluster/apps/{application}/state"
        with contextlib.suppress(Absent):  # it has just ended, and YARN has forgotten it
            try:
                self._yarn.put(url, {"state": "KILLED"})
            except Refused as error:
                raise SetupError(
                    f"YARN does not let {self.user} end {application}, which may still run: {error} "
                    f"Its owner ends it with: yarn application -kill {application}"
                ) from error

    def statuses(self, application: str) -> tuple[list[str], float, float]:
        """Return what the tasks of a running application say of themselves, and its map and reduce per cent.

        The lists are empty, and the shares 0, where its ApplicationMaster does not answer yet.
        """
        job = application.replace("application", "job")
        base = f"{self.resourcemanager}/proxy/{application}/ws/v1/mapreduce/jobs/{job}"
        about = _page(self._yarn, base).get("job") or {}
        tasks = (_page(self._yarn, f"{base}/tasks").get("tasks") or {}).get("task") or []
        running = [task["id"] for task in tasks if task.get("state") == "RUNNING"]
        found = [a["status"] for task in running for a in _attempts(self._yarn, f"{base}/tasks/{task}/attempts")]
        return found, about.get("mapProgress", 0.0), about.get("reduceProgress", 0.0)

    def failure(self, application: str) -> str:
        """Return standard error of the first task attempt that failed; why, where that is refused; else ""."""
        job = application.replace("application", "job")
        places = (
            (self._history, f"{self.historyserver}/ws/v1/history/mapreduce/jobs/{job}"),
            (self._yarn, f"{self.resourcemanager}/proxy/{application}/ws/v1/mapreduce/jobs/{job}"),
        )
        refusals = []
        for service, base in places:
            try:
                if text := self._failure(service, base):
                    return text
            except SetupError as error:
                refusals.append(f"what its tasks said cannot be had: {error}")
        return refusals[0] if refusals else ""

    def _failure(self, service: Rest, base: str) -> str:
        """Return the log, or else the diagnostics, of the first failed attempt that one service knows; else ""."""
        tasks = (_page(service, f"{base}/tasks").get("tasks") or {}).get("task") or []
        attempts = [a for task in tasks for a in _attempts(service, f"{base}/tasks/{task['id']}/attempts")]
        failed = sorted((a for a in attempts if a["state"] == "FAILED"), key=lambda a: a["finishTime"])
        for attempt in failed:
            why = str(attempt.get("diagnostics", ""))
            if "memory limit" in why:  # what the task said before it was ended does not tell
                return why
            if text := self._container_log(attempt) or why:
                return text
        return ""

    def _container_log(self, attempt: dict[str, Any]) -> str:
        """Return an attempt's log from its node while that has it, else from the history server; "" where none has."""
        container = attempt.get("assignedContainerId", "")
        for base in (
            f"http://{attempt.get('nodeHttpAddress')}/ws/v1/node",
            f"{self.historyserver}/ws/v1/history",
        ):
            with contextlib.suppress(SetupError):  # the attempt's diagnostics are there, too
                text = self._history.text(f"{base}/containerlogs/{container}/stderr?size=-{LOG_BYTES}")
                if found := re.search(r"LogContents:\n(.*?)\nEnd of LogType:", text, re.DOTALL):
                    return found[1]
        return ""

    def _known(self, url: str, name: str) -> Any:
        """Return what the ResourceManager always has under a name; raises SetupError where something else answers."""
        found = self._yarn.get(url)
        if name not in found:
            raise SetupError(f"what answers at {url} is not YARN: {str(found)[:200]} has no {name!r}. {HOW_TO}")
        return found[name]

    @property
    def _yarn(self) -> Rest:
        """Ask the ResourceManager, and ApplicationMasters through its proxy."""
        return Rest("YARN", self.user, self.kerberos)

    @property
    def _history(self) -> Rest:
        """Ask the history server, and NodeManagers."""
        return Rest("the history server", self.user, self.kerberos)


def _page(service: Rest, url: str) -> dict[str, Any]:
    """Return a page of an application; {} where it is not there yet or any more, or YARN shows its own page."""
    try:
        return service.get(url)
    except (Absent, WebPage, Unavailable):
        return {}


def _attempts(service: Rest, url: str) -> list[dict[str, Any]]:
    """Return the attempts of a task: YARN's JSON has a list, or the only one by itself."""
    found = (_page(service, url).get("taskAttempts") or {}).get("taskAttempt") or []
    return [found] if isinstance(found, dict) else found


# --- the surroundings ---


def find_hadoop() -> None:
    """Check that `hadoop` can be run and its cluster is configured; raises SetupError, with the way out, if not."""
    places = [os.environ.get(name) for name in ("HADOOP_HOME", "HADOOP_PREFIX", "HADOOP_INSTALL")]
    if not any(place and Path(place, "bin", "hadoop").exists() for place in places) and not shutil.which("hadoop"):
        raise SetupError(f"there is no `hadoop` on the PATH and no HADOOP_HOME. {HOW_TO}")
    Cluster.from_conf()
