"""The properties that a job gives Hadoop: what it needs, and what makes a short job short on any cluster.

What the user's mrjob.conf says goes before all of it but the job's name; what the cluster's own files say, before the
table QUICK.
"""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrjob.conf import load_opts_from_mrjob_confs

from mrdl.cluster.site import conf_dir, read_conf
from mrdl.errors import SetupError
from mrdl.mapreduce.arguments import Job
from mrdl.mapreduce.memory import SORT_MB, Container

SORT = "mapreduce.task.io.sort.mb"
# Hadoop's own values are for jobs of hours: a client that looks each second, 5 s until it sees the end, and a file that
# is closed 0.4 s after its last byte
QUICK = {
    "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms": "200",
    "mapreduce.client.progressmonitor.pollinterval": "200",
    "mapreduce.client.completion.pollinterval": "200",
    "yarn.client.application-client-protocol.poll-interval-ms": "50",
    "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "20",
    "dfs.client.block.write.locateFollowingBlock.retries": "10",  # the delay doubles: as patient as before
    SORT: str(SORT_MB),
    # only here: version 2 moves a task's files one by one, and a kill between them would leave half of a result
    "mapreduce.fileoutputcommitter.algorithm.version": "1",
}
ALWAYS = {
    # a second attempt beside the first gives the same bytes, for twice the work
    "mapreduce.map.speculative": "false",
    "mapreduce.reduce.speculative": "false",
    "mapreduce.job.reduce.slowstart.completedmaps": "1.0",
    "mapreduce.task.progress-report.interval": "500",
}
# a JVM of seconds: compiled once, and cleaned up by one thread
FLAGS = {"-XX:TieredStopAtLevel": "-XX:TieredStopAtLevel=1", "-Xshare:": "-Xshare:auto"}
COLLECTOR, CHOSEN = "-XX:+UseSerialGC", re.compile(r"-XX:\+Use\w+GC\b")
OPTIONS = {"map": "mapreduce.map.java.opts", "reduce": "mapreduce.reduce.java.opts"}
OF_BOTH = "mapred.child.java.opts"  # an old name, which counts where those are not there
MASTER = "yarn.app.mapreduce.am.command-opts"
MASTER_OPTIONS = "-Xmx1024m"  # Hadoop's own value, where the cluster has none


def properties_of(job: Job) -> dict[str, str]:
    """The properties of a job by name, for Hadoop's command line."""
    with contextlib.suppress(SetupError):  # a cluster without a configuration has been told of, or is a test's
        return _properties(job, read_conf(conf_dir()))
    return _properties(job, {})


def _properties(job: Job, site: Mapping[str, str]) -> dict[str, str]:
    """The properties of a job. site: those of the cluster's own files."""
    found = {name: value for name, value in QUICK.items() if name not in site} | ALWAYS
    users = _of_user(job.mrjob_conf)
    sort_mb = int(users.get(SORT) or site.get(SORT) or SORT_MB)
    found[MASTER] = java_options(site.get(MASTER, MASTER_OPTIONS))
    for kind, container in job.containers._asdict().items():
        options = site.get(OPTIONS[kind]) or site.get(OF_BOTH, "")
        if container is not None:
            container = container.with_sort_of(sort_mb)
            found[f"mapreduce.{kind}.memory.mb"] = str(_at_most(container, site))
            options = f"{options} -Xmx{container.heap_mb}m".strip()  # of two the JVM takes the last
        found[OPTIONS[kind]] = java_options(options)
    if OF_BOTH in users:
        users = dict.fromkeys(OPTIONS.values()) | users
    named = {"mapreduce.job.tags": job.tag, "mapreduce.job.name": job.tag}
    return {name: value for name, value in found.items() if name not in users} | named


def java_options(given: str) -> str:
    """The options of a JVM with those that make it start soon. given: of the cluster, whose choices stay."""
    flags = [flag for name, flag in FLAGS.items() if name not in given]
    return " ".join(filter(None, [given, *([] if CHOSEN.search(given) else [COLLECTOR]), *flags]))


def _at_most(container: Container, site: Mapping[str, str]) -> int:
    """The memory to ask for in MB: no more than the cluster says that it gives to any container."""
    largest = site.get("yarn.scheduler.maximum-allocation-mb", "")
    return min(container.memory_mb, int(largest)) if largest.isdigit() else container.memory_mb


def _of_user(conf: str | None) -> dict[str, Any]:
    """The properties that the user's own mrjob.conf gives to jobs on Hadoop. conf: its path, None for the usual one."""
    found: dict[str, Any] = {}
    if conf and not Path(conf).exists():
        return found  # mrjob says so itself
    for _, options in reversed(load_opts_from_mrjob_confs("hadoop", [conf] if conf else None)):
        found.update(options.get("jobconf") or {})
    return found
