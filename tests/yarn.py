"""What tests on the real cluster share: commands, applications, processes of tasks."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

QUICK = ["--nodes", "64,32,10", "--shards", "2", "--rounds", "2", "--epochs", "1", "--seed", "5"]
SETTINGS = {"nodes": (64, 32, 10), "shards": 2, "rounds": 2, "epochs": 1, "seed": 5}


def hadoop(cluster, *words):
    command = [f"{cluster['HADOOP_HOME']}/bin/hadoop", *words]
    return subprocess.run(command, env={**os.environ, **cluster}, check=True, capture_output=True, text=True).stdout


def start(cluster, *words, cwd):
    command = [sys.executable, "-m", "mrdl", "train", *map(str, words)]
    env = {**os.environ, **cluster}
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def applications(cluster, states="RUNNING,ACCEPTED,SUBMITTED"):
    """The applications that YARN knows in these states."""
    ports = json.loads((Path(cluster["MRDL_HADOOP_DIR"]) / "ports.json").read_text())
    url = f"http://127.0.0.1:{ports['RMW']}/ws/v1/cluster/apps?states={states}"
    with urllib.request.urlopen(url) as reply:
        return (json.load(reply)["apps"] or {}).get("app") or []


def containers(cluster):
    """The memory that YARN gives to each container that runs now, in MB."""
    ports = json.loads((Path(cluster["MRDL_HADOOP_DIR"]) / "ports.json").read_text())
    with urllib.request.urlopen(f"http://127.0.0.1:{ports['NMW']}/ws/v1/node/containers") as reply:
        found = (json.load(reply)["containers"] or {}).get("container") or []
    return [int(one["totalMemoryNeededMB"]) for one in found]


def cpu_seconds(pid):
    """The seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def training_processes(cluster, seconds=1.0):
    """The Python processes of tasks on the cluster that have computed for so long, as only those that train do."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            here = os.readlink(folder / "cwd").startswith(cluster["MRDL_HADOOP_DIR"])
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if here and b"python" in words[0] and cpu_seconds(folder.name) >= seconds:
                found.append(int(folder.name))
        except OSError:
            continue  # it has just ended
    return found


def poll(look, seconds=120):
    """The first true answer of `look`, asked again and again until a deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return answer
