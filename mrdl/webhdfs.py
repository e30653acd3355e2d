"""HDFS by its web interface."""

import glob
import logging
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import hdfs
import requests

from mrdl.cluster import HOW_TO, Cluster
from mrdl.errors import DataError, SetupError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileInfo:
    """A file of a data set. modified: the file system's own time stamp, only ever compared."""

    path: str
    size: int
    modified: int


class HdfsStore:
    """A call by the web interface takes some hundredths of a second, `hadoop fs` a JVM and a second."""

    def __init__(self, cluster: Cluster) -> None:
        logging.getLogger("hdfs").setLevel(logging.WARNING)  # it logs every call
        self.cluster = cluster
        self.client = _client(cluster)

    def uri(self, hdfs_path: str) -> str:
        """The full URI of an absolute path."""
        return f"hdfs://{self.cluster.filesystem}{hdfs_path}"

    def path(self, uri: str) -> str:
        """The absolute path of a URI; raises DataError for another cluster's."""
        authority, slash, rest = uri.removeprefix("hdfs://").partition("/")
        if authority not in ("", self.cluster.filesystem):
            raise DataError(f"{uri} is not on the configured cluster, hdfs://{self.cluster.filesystem}. {HOW_TO}")
        return slash + rest

    def files(self, pattern: str) -> list[FileInfo]:
        """See Store."""
        path = self.path(pattern)
        with _reachable(self.cluster):
            found = sorted(self._walk(path) if not glob.has_magic(path) else self._match(path))
            if not found:
                raise DataError(f"no such file: {pattern}" if not self.exists(pattern) else f"no files in {pattern}")
        return [FileInfo(self.uri(name), size, modified) for name, size, modified in found]

    def chunks(self, path: str, length: int | None = None) -> Iterator[bytes]:
        """See Store."""
        with (
            _reachable(self.cluster),
            self.client.read(self.path(path), length=length, chunk_size=CHUNK_BYTES) as found,
        ):
            yield from found

    def write(self, path: str, data: bytes) -> None:
        """See Store."""
        with _reachable(self.cluster):
            self.client.write(self.path(path), data, overwrite=False)

    def put(self, local_path: str, path: str) -> None:
        """Copy a local file to a new file."""
        with _reachable(self.cluster), open(local_path, "rb") as file:
            self.client.write(self.path(path), file, overwrite=False)

    def exists(self, path: str) -> bool:
        """See Store."""
        with _reachable(self.cluster):
            return self.client.status(self.path(path), strict=False) is not None

    def rename(self, path: str, new: str) -> None:
        """See Store."""
        with _reachable(self.cluster):
            self.client.makedirs(posixpath.dirname(self.path(new)))
            self.client.rename(self.path(path), self.path(new))

    def remove(self, path: str) -> None:
        """See Store."""
        with _reachable(self.cluster):
            self.client.delete(self.path(path), recursive=True)

    def mkdir(self, path: str) -> None:
        """Make a folder and those above it."""
        with _reachable(self.cluster):
            self.client.makedirs(self.path(path))

    def _walk(self, path: str) -> Iterator[tuple[str, int, int]]:
        status = self.client.status(path, strict=False)
        if status is None:
            return
        if status["type"] == "FILE":
            yield path, status["length"], status["modificationTime"]
            return
        for name, inner in self.client.list(path, status=True):
            if not hidden(name):
                below = posixpath.join(path, name)
                if inner["type"] == "FILE":
                    yield below, inner["length"], inner["modificationTime"]
                else:
                    yield from self._walk(below)

    def _match(self, pattern: str) -> Iterator[tuple[str, int, int]]:
        """A glob, component by component."""
        folders = ["/"]
        for part in pattern.strip("/").split("/"):
            inner: list[str] = []
            for folder in folders:
                if not glob.has_magic(part):
                    inner.append(posixpath.join(folder, part))
                elif (self.client.status(folder, strict=False) or {}).get("type") == "DIRECTORY":
                    names = self.client.list(folder)
                    inner += [
                        posixpath.join(folder, name) for name in names if fnmatch(name, part) and not hidden(name)
                    ]
            folders = inner
        for folder in folders:
            yield from self._walk(folder)


def hidden(name: str) -> bool:
    """Hadoop's own rule for what is no data: _SUCCESS, .part-00000.crc, ..."""
    return name.startswith(("_", "."))


def _client(cluster: Cluster) -> Any:
    if not cluster.kerberos:
        return hdfs.InsecureClient(cluster.webhdfs, user=cluster.user)
    try:
        from hdfs.ext.kerberos import KerberosClient
    except ImportError as error:
        raise SetupError("this cluster uses Kerberos: pip install 'hdfs[kerberos]', then kinit") from error
    return KerberosClient(cluster.webhdfs)


class _reachable:  # noqa: N801
    """Turns what the web interface raises into what a user can act on."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, requests.ConnectionError):
            raise SetupError(
                f"HDFS does not answer at {self._cluster.webhdfs} (user {self._cluster.user}). "
                "Is it running? On this machine: scripts/hadoop status"
            ) from error
        if isinstance(error, hdfs.HdfsError):
            raise SetupError(f"HDFS refused: {str(error).splitlines()[0]}") from error
