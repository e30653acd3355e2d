"""Installs Hadoop for the mini cluster: the jars, then an archive of their classes."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mrdl.cluster.mini.cluster import MiniCluster
from mrdl.cluster.mini.folders import Folders
from mrdl.cluster.mini.jars import fetch
from mrdl.cluster.mini.java import class_path, find_java
from mrdl.errors import SetupError


def install(folders: Folders, say: Callable[[str], None]) -> None:
    """Fetch Hadoop's jars and archive their classes, unless that is done. say: told what takes time, in words.

    Raises SetupError where Java or Maven is away, or a jar is not the one that is pinned.
    """
    if fetch(folders, say):
        archive_classes(folders, say)


def archive_classes(folders: Folders, say: Callable[[str], None]) -> None:
    """Archive the classes that the daemons and a job load (AppCDS): each JVM starts in half the time.

    A cluster of its own runs one job while every JVM lists the classes it loads. Hadoop works without the archive, so
    what goes wrong is only said.
    """
    say("Making an archive of Hadoop's classes, once, so that every later start and job is faster (40 s) ...")
    with tempfile.TemporaryDirectory(prefix="mrdl-classes-") as name:
        scratch = Path(name)
        lists = scratch / "lists"
        lists.mkdir()
        try:
            _run_a_job(MiniCluster(replace(folders, base=scratch / "cluster", class_lists=lists)))
        except (SetupError, subprocess.CalledProcessError) as error:
            told = error.stderr.decode() if isinstance(error, subprocess.CalledProcessError) else str(error)
            say(f"no archive was made, Hadoop works without it:\n{told[-500:]}")
            return
        listed = scratch / "all.lst"
        listed.write_text("\n".join(_classes(lists)) + "\n")
        _dump(folders, listed)


def _run_a_job(cluster: MiniCluster) -> None:
    """Start a cluster, run a job of one map and one reduce task on it, and stop it."""
    streaming = next(cluster.folders.jars.glob("*streaming*.jar"))
    job = ["jar", str(streaming), "-D", "mapreduce.job.reduces=1", "-input", "/tmp/in", "-output", "/tmp/out"]
    try:
        cluster.start()
        env = {**os.environ, **cluster.environment(), "MRDL_HADOOP_RECORD": str(cluster.folders.class_lists)}
        hadoop = f"{cluster.folders.installed}/bin/hadoop"
        subprocess.run([hadoop, "fs", "-put", "-", "/tmp/in"], input=b"a\n", env=env, check=True, capture_output=True)
        subprocess.run([hadoop, *job, "-mapper", "cat", "-reducer", "cat"], env=env, check=True, capture_output=True)
    finally:
        cluster.stop()


def _classes(lists: Path) -> list[str]:
    """Return the classes in a folder's lists, each once, in the order in which they were loaded."""
    found: dict[str, None] = {}
    for path in lists.glob("*.lst"):
        for line in path.read_text().splitlines():
            if not line.startswith("#") and "source:" not in line:
                found[re.sub(r" id: \d+.*", "", line)] = None
    return list(found)


def _dump(folders: Folders, listed: Path) -> None:
    """Let Java write the archive beside its place, and rename it."""
    beside = folders.class_archive.with_suffix(".new")
    command = [find_java(), "-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedClassListFile={listed}"]
    command += [f"-XX:SharedArchiveFile={beside}", "-cp", class_path(folders)]
    if subprocess.run(command, capture_output=True).returncode == 0:
        (folders.installed / "classpath").write_text(class_path(folders))
        beside.rename(folders.class_archive)
