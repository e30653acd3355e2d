"""Finds the Java that runs Hadoop; makes the environment and the command line of its processes."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from mrdl.cluster.mini.folders import Folders
from mrdl.errors import SetupError

LEAST = 17  # Hadoop 3.5 needs it
MOST = 23  # Java 24 removed what Hadoop logs in with
FLAGS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true"
OPENED = ["io", "lang", "lang.reflect", "math", "net", "text", "util", "util.concurrent", "util.zip"]
# what would change every JVM behind the cluster's back
DROPPED = {"LD_PRELOAD", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"}


def find_java() -> str:
    """Return the path of the java to use: JAVA_HOME's, else the one on the PATH.

    Raises SetupError where there is none, or one of a version that Hadoop does not run on.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if not found:
        raise SetupError("no java found. Install one: apt-get install openjdk-17-jre-headless or default-jre-headless")
    told = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', told)
    if not version or not LEAST <= int(version[1]) <= MOST:
        first = told.strip().splitlines()[0] if told.strip() else "nothing"
        raise SetupError(
            f"Java {LEAST} to {MOST} is needed, {found} says: {first}. Install one and set JAVA_HOME to it."
        )
    return found


def class_path(folders: Folders) -> str:
    """Return all jars by name, with colons between: the archive of classes fits this very list and what follows it."""
    return ":".join(sorted(map(str, folders.jars.glob("*.jar"))))


def archive_flags(folders: Folders) -> list[str]:
    """Return the flags by which a JVM uses the archive of classes, or lists what it loads while one is made.

    A JVM that the archive does not fit runs without it, and says nothing.
    """
    if folders.class_lists:
        return [f"-XX:DumpLoadedClassList={folders.class_lists}/%p.lst"]
    if not folders.class_archive.exists():
        return []
    return ["-Xshare:auto", "-Xlog:disable", f"-XX:SharedArchiveFile={folders.class_archive}"]


def daemon_command(folders: Folders, main_class: str, *args: str) -> list[str]:
    """Return the command line of a daemon, or of a tool such as the NameNode's -format."""
    opens = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in OPENED]
    logs = [f"-Dhadoop.log.dir={folders.logs}", f"-Dyarn.log.dir={folders.logs}"]
    places = ["-cp", f"{folders.configuration}:{folders.jars}/*"]
    return [find_java(), "-Xmx256m", *FLAGS.split(), *logs, *opens, *places, main_class, *args]


def environment(folders: Folders) -> dict[str, str]:
    """Return the variables that let a process use the cluster; PATH begins with the launcher's folder."""
    java = Path(find_java()).resolve()
    return {
        "JAVA_HOME": str(java.parent.parent),
        "HADOOP_HOME": str(folders.installed),
        "HADOOP_CONF_DIR": str(folders.configuration),
        "HADOOP_LOG_DIR": str(folders.logs),
        "PATH": f"{folders.installed}/bin:" + os.environ.get("PATH", ""),
    }


def daemon_environment(folders: Folders) -> dict[str, str]:
    """Return the whole environment of a daemon's process."""
    return {name: value for name, value in {**os.environ, **environment(folders)}.items() if name not in DROPPED}
