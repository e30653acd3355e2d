"""Asks the daemons over HTTP whether HDFS, YARN and the history server are ready; kills applications."""

import getpass
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

STAGING = "/tmp/hadoop-yarn"  # in HDFS: YARN's staging folders
ANSWER_S = 5
KILL_S = 10  # that applications have to end
UNFINISHED = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"


@dataclass(frozen=True)
class Services:
    """The web interfaces of one mini cluster. ports: names as in configuration.PORTS -> numbers.

    Its checks raise OSError, ValueError or KeyError while a daemon does not answer yet: ask them by `passes`.
    """

    ports: Mapping[str, str]

    def url(self, port: str, path: str) -> str:
        """Return the address of a page: url("RMW", "/cluster")."""
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def accepts(self, port: str) -> bool:
        """Return True where something listens on a port; raises OSError where nothing does."""
        with socket.create_connection(("127.0.0.1", int(self.ports[port])), timeout=1):
            return True

    def hdfs_is_up(self) -> bool:
        """Return whether the NameNode is out of safe mode and knows its DataNode."""
        bean = _request(self.url("NNH", "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")).decode()
        return '"FSState" : "Operational"' in bean and '"NumLiveDataNodes" : 1' in bean

    def hdfs_takes_files(self) -> bool:
        """Make the folders that users and jobs expect; returns whether a file comes back as it was written."""
        home = f"/user/{getpass.getuser()}"
        # the history server makes the same folders at the same time, for its user alone
        for path, mode in (("/tmp", "1777"), (STAGING, "755"), (f"{STAGING}/staging", "1777"), (home, "755")):
            self._webhdfs("PUT", path, f"MKDIRS&permission={mode}")
            self._webhdfs("PUT", path, f"SETPERMISSION&permission={mode}")  # MKDIRS leaves what is there as it is
        datanode = json.loads(self._webhdfs("PUT", "/tmp/.ready", "CREATE&overwrite=true&noredirect=true"))
        _request(datanode["Location"], "PUT", b"ready")
        return self._webhdfs("GET", "/tmp/.ready", "OPEN") == b"ready"

    def yarn_is_up(self) -> bool:
        """Return whether the ResourceManager knows its NodeManager."""
        metrics = json.loads(_request(self.url("RMW", "/ws/v1/cluster/metrics")))
        return int(metrics["clusterMetrics"]["activeNodes"]) >= 1

    def history_is_up(self) -> bool:
        """Return whether the history server answers."""
        return b"historyInfo" in _request(self.url("JHW", "/ws/v1/history/info"))

    def kill_applications(self) -> None:
        """Kill every application and wait up to KILL_S seconds for their ends."""
        listing = self.url("RMW", f"/ws/v1/cluster/apps?states={UNFINISHED}")
        deadline = time.monotonic() + KILL_S
        while time.monotonic() < deadline:
            running = (json.loads(_request(listing))["apps"] or {}).get("app", [])
            if not running:
                return
            for application in running:
                self._kill(application["id"])
            time.sleep(0.3)

    def _kill(self, application: str) -> None:
        """Tell YARN to end an application."""
        state = self.url("RMW", f"/ws/v1/cluster/apps/{application}/state?user.name={getpass.getuser()}")
        _request(state, "PUT", b'{"state":"KILLED"}', **{"Content-Type": "application/json"})

    def _webhdfs(self, method: str, path: str, operation: str) -> bytes:
        """Return the answer to an operation of WebHDFS, by this user."""
        return _request(self.url("NNH", f"/webhdfs/v1{path}?op={operation}&user.name={getpass.getuser()}"), method)


def passes(check: Callable[..., bool], *about: Any) -> bool:
    """Return whether a check holds; a daemon that does not answer yet has not passed.

    passes(services.hdfs_is_up), passes(services.accepts, "RMW")
    """
    try:
        return check(*about)
    except (OSError, urllib.error.URLError, ValueError, KeyError):
        return False


def _request(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> bytes:
    """Return the body of an answer; asks no proxy, as the daemons are on this machine."""
    asked = urllib.request.Request(url, data=data, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=ANSWER_S) as reply:
        answer: bytes = reply.read()
        return answer
