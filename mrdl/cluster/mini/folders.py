"""Where the files of a mini cluster lie: decided here, and nowhere else."""

import os
from dataclasses import dataclass
from pathlib import Path

import mrdl

RELEASE = "hadoop-3.5.0"
SHIPPED = Path(__file__).resolve().parent / "hadoop"  # pom.xml, checksums, site files: they come with mrdl
PACKAGE = Path(mrdl.__file__).resolve().parent


@dataclass(frozen=True)
class Folders:
    """The paths of one mini cluster.

    base: the cluster itself, its HDFS blocks, ports, configuration and logs; deleting it is starting afresh.
    installed: Hadoop's jars and the launcher, which all clusters of a user share.
    class_lists: where each JVM lists the classes that it loads, while the archive of classes is made; else None.
    """

    base: Path
    installed: Path
    class_lists: Path | None = None

    @classmethod
    def of_user(cls) -> "Folders":
        """Return the folders of this user's cluster, which need not be there yet.

        base is $MRDL_HADOOP_DIR where that is set, .hadoop in a clone of mrdl's repository, and
        ~/.cache/mrdl/hadoop for an installed mrdl; installed is ~/.cache/mrdl/hadoop-3.5.0. XDG_CACHE_HOME counts.
        """
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mrdl"
        clone = PACKAGE.parent
        is_clone = (clone / "scripts" / "hadoop").exists()
        base = os.environ.get("MRDL_HADOOP_DIR") or (clone / ".hadoop" if is_clone else cache / "hadoop")
        return cls(Path(base).resolve(), cache / RELEASE)

    @property
    def configuration(self) -> Path:
        """HADOOP_CONF_DIR: the site files."""
        return self.base / "conf"

    @property
    def logs(self) -> Path:
        """HADOOP_LOG_DIR: a log a daemon, and those of containers."""
        return self.base / "logs"

    @property
    def pids(self) -> Path:
        """The process ids, a file a daemon."""
        return self.base / "pids"

    @property
    def ports(self) -> Path:
        """The ports chosen for this cluster, as JSON."""
        return self.base / "ports.json"

    @property
    def jars(self) -> Path:
        """The jars of daemons and containers."""
        return self.installed / "jars"

    @property
    def class_archive(self) -> Path:
        """The archive of Hadoop's classes (AppCDS), which halves the start of each JVM."""
        return self.installed / "classes.jsa"

    def log(self, daemon: str) -> Path:
        """The log of a daemon."""
        return self.logs / f"{daemon}.log"
