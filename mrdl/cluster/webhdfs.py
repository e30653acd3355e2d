"""Reads and writes HDFS by its web interface, WebHDFS."""

import glob
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

from mrdl.cluster.retry import Retry
from mrdl.cluster.site import HOW_TO
from mrdl.cluster.yarn import Cluster
from mrdl.errors import DataError, SetupError, Unavailable

if TYPE_CHECKING:  # a run on a local file has no use for hdfs, which takes a tenth of a second to import
    from hdfs import HdfsError

CHUNK_BYTES = 1 << 20
TIMEOUT_S = (10, 60)  # to connect, and between two bytes
# Hadoop's exceptions for safe mode, a NameNode that is starting, standing by or electing, no quota or space left
PASSING = frozenset(
    {
        "SafeModeException",
        "RetriableException",
        "StandbyException",
        "QuotaExceededException",
        "NSQuotaExceededException",
        "DSQuotaExceededException",
        "QuotaByStorageTypeExceededException",
        "DiskOutOfSpaceException",
        "BlockMissingException",
    }
)
# no DataNode, no space: Hadoop throws a plain IOException, of which its words are all that can be known
PLAIN = "IOException"
PASSING_WORDS = re.compile(r"could only be (written|replicated) to|No space|Failed to find datanode", re.IGNORECASE)
# of text that a JVM has printed, which has the exceptions' names in it and words of theirs
PASSING_TEXT = re.compile(
    rf"{'|'.join(sorted(PASSING))}|{PASSING_WORDS.pattern}|safe ?mode|startup mode|not started|quota .* exceeded|"
    "Could not obtain block",
    re.IGNORECASE,
)
T = TypeVar("T")


@dataclass(frozen=True)
class FileInfo:
    """A file of a data set.

    path: with hdfs:// where it is there; size: bytes.
    modified, serial: the file system's own marks, only ever compared. The latter differs where a file was written anew
    and its time put back: it is the time of the last change of any kind, in HDFS the number of the file.
    """

    path: str
    size: int
    modified: int
    serial: int = 0


class HdfsStore:
    """The Store of one cluster's HDFS; see mrdl.storage.store. Each call waits for HDFS as `retry` says.

    A call by the web interface takes some hundredths of a second, `hadoop fs` a JVM and a second.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Connect to nothing yet; raises SetupError where Kerberos's package is missing."""
        self.cluster = cluster
        self.client = _client(cluster)
        self.client.resolve = posixpath.normpath  # its own takes names such as #LATEST for something else
        self.retry = Retry()

    def uri(self, hdfs_path: str) -> str:
        """Return the full URI of an absolute path: /a -> hdfs://host:port/a."""
        return f"hdfs://{self.cluster.filesystem}{hdfs_path}"

    def path(self, uri: str) -> str:
        """Return the absolute path in a URI; raises DataError for another cluster's."""
        authority, slash, rest = uri.removeprefix("hdfs://").partition("/")
        if authority not in ("", self.cluster.filesystem):
            raise DataError(f"{uri} is not on the configured cluster, hdfs://{self.cluster.filesystem}. {HOW_TO}")
        return slash + rest

    def files(self, pattern: str) -> list[FileInfo]:
        """See Store."""
        path = self.path(pattern)
        there = self.exists(pattern)
        look = self._match if glob.has_magic(path) and not there else self._walk
        found = self._ask(lambda: sorted(look(path)))
        if not found:
            raise DataError(f"no such file: {pattern}" if not there else f"no files in {pattern}")
        return [FileInfo(self.uri(name), *marks) for name, *marks in found]

    def entries(self, path: str) -> list[tuple[str, bool, FileInfo]]:
        """What lies in a folder: names, whether they are folders, and marks; raises DataError where there is none."""
        name = self.path(path)
        if (self._ask(lambda: self.client.status(name, strict=False)) or {}).get("type") != "DIRECTORY":
            raise DataError(f"no such folder: {path}")
        found = self._ask(lambda: self.client.list(name, status=True))
        return [
            (each, about["type"] == "DIRECTORY", FileInfo(self.uri(posixpath.join(name, each)), *_marks(about)))
            for each, about in found
        ]

    def checksum(self, info: FileInfo) -> str:
        """See Store. DataNodes have it from the checksums that they keep anyway, without reading the file."""
        found = self._ask(lambda: self.client.checksum(self.path(info.path)))
        return f"{found['algorithm']}:{found['bytes']}"

    def chunks(self, path: str, length: int | None = None) -> Iterator[bytes]:
        """See Store. Where reading breaks off, it goes on at the same byte."""
        name = self.path(path)
        done = 0
        pause = self.retry.pauses()
        while True:
            rest = None if length is None else length - done
            try:
                with _reachable(self.cluster), self._reader(name, done, rest) as found:
                    for chunk in found:
                        done += len(chunk)
                        yield chunk
                return
            except Unavailable as error:
                pause(error)

    def _reader(self, name: str, offset: int, length: int | None) -> Any:
        """Open a file at a byte, for so many bytes, all if None."""
        return self.client.read(name, offset=offset, length=length, chunk_size=CHUNK_BYTES)

    def write(self, path: str, data: bytes | Sequence[bytes]) -> None:
        """See Store."""
        # a write that broke off leaves a file; nobody else writes below the names of a run

        def attempt() -> None:
            # parts of no bytes are left out: over HTTP one of them is the end
            sent = data if isinstance(data, bytes) else (part for part in data if part)
            self.client.write(self.path(path), sent, overwrite=True)

        self._ask(attempt)

    def put(self, local_path: str, path: str) -> None:
        """Copy a local file to a path, over what is there."""

        def attempt() -> None:
            with open(local_path, "rb") as file:
                self.client.write(self.path(path), file, overwrite=True)

        self._ask(attempt)

    def exists(self, path: str) -> bool:
        """See Store."""
        return self._ask(lambda: self.client.status(self.path(path), strict=False)) is not None

    def rename(self, path: str, new: str) -> None:
        """See Store."""
        self._ask(lambda: self.client.makedirs(posixpath.dirname(self.path(new))))
        self._ask(lambda: self.client.rename(self.path(path), self.path(new)))

    def remove(self, path: str) -> None:
        """See Store."""
        self._ask(lambda: self.client.delete(self.path(path), recursive=True))

    def reachable(self) -> AbstractContextManager[None]:
        """Turn what the web interface raises inside into Unavailable or SetupError, for a call that is made once."""
        return _reachable(self.cluster)

    def mkdir(self, path: str) -> None:
        """See Store."""
        self._ask(lambda: self.client.makedirs(self.path(path), permission="700"))

    def _ask(self, call: Callable[[], T]) -> T:
        """Return what a call of the client returns, waiting where HDFS is away for a while."""

        def attempt() -> T:
            with _reachable(self.cluster):
                return call()

        return self.retry(attempt)

    def _walk(self, path: str) -> Iterator[tuple[str, int, int, int]]:
        """Yield (path, size, modified, serial) of a file, or of all files below a folder that are data."""
        status = self.client.status(path, strict=False)
        if status is None:
            return
        if status["type"] == "FILE":
            yield path, *_marks(status)
            return
        for name, inner in self.client.list(path, status=True):
            if not hidden(name):
                below = posixpath.join(path, name)
                if inner["type"] == "FILE":
                    yield below, *_marks(inner)
                else:
                    yield from self._walk(below)

    def _match(self, pattern: str) -> Iterator[tuple[str, int, int, int]]:
        """Yield (path, size, modified, serial) of all files that a glob means.

        It is followed component by component, so that only folders that match are listed.
        """
        folders = ["/"]
        for part in pattern.strip("/").split("/"):
            folders = [posixpath.join(folder, name) for folder in folders for name in self._names_like(part, folder)]
        for folder in folders:
            yield from self._walk(folder)

    def _names_like(self, part: str, folder: str) -> list[str]:
        """Return the names in a folder that a component of a glob means; one that is there literally is that alone."""
        if not glob.has_magic(part):
            return [part]
        if (self.client.status(folder, strict=False) or {}).get("type") != "DIRECTORY":
            return []
        names = self.client.list(folder)
        return [part] if part in names else [name for name in names if fnmatchcase(name, part) and not hidden(name)]


def _marks(status: dict[str, Any]) -> tuple[int, int, int]:
    """Return (size, modified, serial) of a file's status."""
    return status["length"], status["modificationTime"], status.get("fileId", 0)


def tells_of_passing_trouble(text: str) -> bool:
    """Return whether text that a Hadoop client printed tells of what HDFS refuses only for a while."""
    return bool(PASSING_TEXT.search(text))


def is_passing(error: "HdfsError") -> bool:
    """Return whether HDFS may take what it refused a little later, by the class of its exception.

    A page of a proxy names none: its text decides.
    """
    if error.exception is None:
        return tells_of_passing_trouble(str(error))
    return error.exception in PASSING or (error.exception == PLAIN and bool(PASSING_WORDS.search(str(error))))


def hidden(name: str) -> bool:
    """Return whether a name is no data by Hadoop's own rule: _SUCCESS, .part-00000.crc, ..."""
    return name.startswith(("_", "."))


def _client(cluster: Cluster) -> Any:
    """Return the client of a cluster, with or without Kerberos."""
    if not cluster.kerberos:
        from hdfs import InsecureClient

        return InsecureClient(cluster.webhdfs, user=cluster.user, timeout=TIMEOUT_S)
    try:
        from hdfs.ext.kerberos import KerberosClient
    except ImportError as error:
        raise SetupError("this cluster uses Kerberos: pip install 'hdfs[kerberos]', then kinit") from error
    return KerberosClient(cluster.webhdfs, timeout=TIMEOUT_S)


@contextmanager
def _reachable(cluster: Cluster) -> Iterator[None]:
    """Turn what the web interface raises inside into Unavailable or SetupError, with a way out."""
    from hdfs import HdfsError
    from requests import RequestException

    try:
        yield
    except RequestException as error:
        raise Unavailable(
            f"HDFS does not answer at {cluster.webhdfs} (user {cluster.user}). "
            "Is it running? On this machine: mrdl hadoop status"
        ) from error
    except HdfsError as error:
        told = (str(error).splitlines() or ["it gave no reason"])[0]
        kind = Unavailable if is_passing(error) else SetupError
        raise kind(f"HDFS refused: {told}") from error
