"""Files where they lie, on this machine or in HDFS, behind the same few verbs.

Only the driver comes here: tasks are fed by Hadoop and never open a file in HDFS themselves.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from mrdl.cluster.site import conf_dir
from mrdl.cluster.webhdfs import FileInfo, HdfsStore
from mrdl.cluster.yarn import Cluster
from mrdl.storage.local import LocalStore
from mrdl.storage.packing import is_packed, unpacked


class Store(Protocol):
    """What a file system can do for mrdl. Paths are local paths, or hdfs:// URIs."""

    def files(self, pattern: str) -> list[FileInfo]:
        """The files of a path, folder or glob, sorted; without those that begin with _ or a dot."""

    def chunks(self, path: str, length: int | None = None) -> Iterator[bytes]:
        """The first `length` bytes of a file, or all of it."""

    def checksum(self, info: FileInfo) -> str:
        """A digest of all bytes of a file."""

    def write(self, path: str, data: bytes | Sequence[bytes]) -> None:
        """Make a new file with its folders, of bytes, or of parts of them, which are not put together here."""

    def mkdir(self, path: str) -> None:
        """Make a folder and those above it, readable by this user alone; nothing happens where there is one."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""

    def rename(self, path: str, new: str) -> None:
        """Move a file or folder to a name that is not taken."""

    def remove(self, path: str) -> None:
        """Delete a file or folder with all in it; nothing happens where there is none."""


def user_cache() -> Path:
    """The folder of what mrdl keeps for this user on this machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "mrdl"


def is_hdfs(path: str) -> bool:
    """Whether a path is a URI in HDFS."""
    return path.startswith("hdfs://")


def store_of(path: str) -> Store:
    """The store that a path lies in."""
    return hdfs_store() if is_hdfs(path) else LocalStore()


def hdfs_store() -> HdfsStore:
    """The HDFS of HADOOP_CONF_DIR as it is now; raises SetupError where that describes none."""
    return _store_of_conf(str(conf_dir()))


@functools.lru_cache(maxsize=8)
def _store_of_conf(folder: str) -> HdfsStore:
    """The HDFS that a folder of Hadoop's configuration describes, which is read once in a process."""
    return HdfsStore(Cluster.from_conf())


def waiting(asks_hadoop: bool, wait_s: float, note: Callable[[str], None]) -> AbstractContextManager[None]:
    """Have a run wait, inside, for HDFS and YARN to come back; before it has begun, a wrong set-up is told at once.

    asks_hadoop: whether there is anything to wait for; wait_s: seconds, each time that a service is away; note: is told
    of each wait.
    """
    return hdfs_store().retry.waiting(wait_s, note) if asks_hadoop else nullcontext()


def read(path: str) -> bytes:
    """The bytes of a whole file. read("hdfs:///user/me/digits.csv")"""
    return b"".join(store_of(path).chunks(path))


def text_chunks(path: str, length: int | None = None) -> Iterator[bytes]:
    """The bytes of a file, or its first `length` and what they unpack to; .gz, .bz2 and .zst are unpacked, each member.

    Raises DataError, with the file's name, where one is damaged.
    """
    chunks = store_of(path).chunks(path, length)
    return unpacked(path, chunks, whole=length is None) if is_packed(path) else chunks


def head(path: str, length: int = 1 << 20) -> bytes:
    """The first `length` bytes of a file, unpacked: enough to decide its columns."""
    return b"".join(text_chunks(path, length))


def hdfs_home(below: str) -> str:
    """A folder of mrdl's in the user's home in HDFS."""
    store = hdfs_store()
    return store.uri(f"/user/{store.cluster.user}/mrdl/{below}")
