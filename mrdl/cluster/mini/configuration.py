"""Writes the cluster's configuration: free ports, memory, and Hadoop's XML files made from hadoop/*.properties."""

import contextlib
import getpass
import json
import os
import re
import socket
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

from mrdl.cluster.mini.folders import SHIPPED, Folders
from mrdl.cluster.mini.java import FLAGS, archive_flags, class_path

# the names stand for themselves in the property files: NNH is the NameNode's web interface, RMW the ResourceManager's
PORTS = ["NN", "NNH", "RM", "RMS", "RMT", "RMA", "RMW", "NM", "NML", "NMW", "JH", "JHW", "JHA", "SHUFFLE"]
DAEMONS_MB = 2048  # what the five daemons take together
LEAST_MB = 2048
MOST_MB = 65536
STEP_MB = 256
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# the NameNode and DataNode look for folders of web pages that are in no jar
WEB_FOLDERS = ("hdfs", "datanode", "secondary", "journal", "static")


def ports(folders: Folders) -> dict[str, str]:
    """Return the cluster's ports by name, chosen once and kept, so that clients find a daemon that was restarted.

    ports(folders)["NN"] is the NameNode's, of hdfs:// addresses.
    """
    if folders.ports.exists():
        kept: dict[str, str] = json.loads(folders.ports.read_text())
        return kept
    chosen = {}
    with contextlib.ExitStack() as stack:
        for name in PORTS:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            chosen[name] = str(probe.getsockname()[1])
    folders.base.mkdir(parents=True, exist_ok=True)
    folders.ports.write_text(json.dumps(chosen, indent=1))
    return chosen


def memory_mb() -> int:
    """Return the memory that containers may use, in MB: what is free now less the daemons' share, in steps.

    No less than LEAST_MB, with which a job of one task runs, and no more than MOST_MB or the limit of a control group.
    """
    facts: dict[str, str] = dict(re.findall(r"(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text()))
    free = int(facts.get("MemAvailable", facts["MemTotal"])) // 1024
    for limit in MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            free = min(free, int(Path(limit).read_text()) // 2**20)
    return max(LEAST_MB, min(free - DAEMONS_MB, MOST_MB) // STEP_MB * STEP_MB)


def write_configuration(folders: Folders) -> None:
    """Make the cluster's folders and write HADOOP_CONF_DIR into them.

    That is the site files, log4j.properties, and java.args: the options that each container's JVM reads by an @file.
    """
    configuration = folders.configuration
    for folder in WEB_FOLDERS:
        (configuration / "webapps" / folder).mkdir(parents=True, exist_ok=True)
    for path in (folders.logs / "userlogs", folders.pids, folders.base / "home", folders.base / "tmp"):
        path.mkdir(parents=True, exist_ok=True)
    flags = archive_flags(folders)
    # -cp on a container's command line goes before the class path that YARN sets; an @file keeps it short
    places = f"{class_path(folders)}:{configuration}:./:job.jar/job.jar:job.jar/classes/:job.jar/lib/*:./*"
    (configuration / "java.args").write_text(f"{' '.join(flags)}\n-cp {places}\n")
    values = _values(folders, with_archive=bool(flags))
    for template in SHIPPED.glob("*.properties"):
        text = Template(template.read_text()).safe_substitute(values)
        if template.stem == "log4j":
            (configuration / template.name).write_text(text)
        else:
            (configuration / f"{template.stem}.xml").write_text(_site_xml(text))


def _values(folders: Folders, with_archive: bool) -> dict[str, str]:
    """Return what ${...} in the property files stands for.

    with_archive: whether containers use the archive of classes.
    """
    return {
        **ports(folders),
        "BASE": str(folders.base),
        "JARS": str(folders.jars),
        "ME": getpass.getuser(),
        "JVM": FLAGS + (f" @{folders.configuration}/java.args" if with_archive else ""),
        "MEMORY_MB": str(memory_mb()),
        # two for masters: a job's own, and that of the job before, which stays for 5 s; more tasks than cores at a time
        # took longer, not shorter
        "VCORES": str(max(3, (os.cpu_count() or 1) + 2)),
    }


def _site_xml(text: str) -> str:
    """Return Hadoop's XML for lines of name=value."""
    pairs = [line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")]
    rows = [f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>" for name, value in pairs]
    return '<?xml version="1.0"?>\n<configuration>\n' + "\n".join(rows) + "\n</configuration>\n"
