"""Files of HDFS that are written in parts, which are put together without being copied.

A file whose append breaks off can be appended to only when its lease is recovered. So each part is a file of its own,
whole or not there, and CONCAT makes one of them, which moves blocks in the NameNode alone.
"""

import posixpath
from collections.abc import Iterable, Sequence

from mrdl.cluster.webhdfs import HdfsStore

BLOCK_BYTES = 128 << 20  # of the files, that parts of this size fill
TOGETHER = 100  # files in one request, whose names are in its address


def write_part(store: HdfsStore, path: str, chunks: Iterable[bytes]) -> None:
    """Make a file, once: what `chunks` gives cannot be asked for again. Raises as HdfsStore does."""
    with store.reachable():
        filled = (chunk for chunk in chunks if chunk)  # over HTTP a chunk of no bytes is the end
        store.client.write(store.path(path), filled, overwrite=True, blocksize=BLOCK_BYTES)


def join(store: HdfsStore, paths: Sequence[str]) -> None:
    """Put the files that follow the first behind it; they are gone then. All lie in one folder."""
    target, *others = paths
    for start in range(0, len(others), TOGETHER):
        sources = ",".join(store.path(path) for path in others[start : start + TOGETHER])
        with store.reachable():
            _concat(store, store.path(target), sources)


def _concat(store: HdfsStore, path: str, sources: str) -> None:
    """Ask for one CONCAT, which the package hdfs has no call for."""
    from hdfs.client import _Request

    _Request("POST").to_method("CONCAT")(store.client, posixpath.normpath(path), sources=sources)
