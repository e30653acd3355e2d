"""By what files are known again: their content where that costs little, else what a change would hardly leave."""

import logging
from collections.abc import Sequence
from typing import Any

from mrdl.cluster.webhdfs import FileInfo
from mrdl.errors import SetupError, Unavailable
from mrdl.storage.local import LocalStore
from mrdl.storage.store import is_hdfs, store_of

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 30  # a second or two; to parse as many takes ten times as long
MOST_CHECKSUMS = 1000  # some hundredths of a second each


def fingerprint(files: Sequence[FileInfo]) -> tuple[str, list[Any]]:
    """Return by what files are known again, in words, and the marks themselves.

    The marks are of their content where that costs little beside reading it as text, else of what a change of them
    would hardly leave as it was.
    """
    if any(is_hdfs(info.path) for info in files):
        if len(files) <= MOST_CHECKSUMS:
            try:
                return "checksums of HDFS", [store_of(info.path).checksum(info) for info in files]
            except Unavailable:
                raise
            except SetupError as error:  # some services behind hdfs:// have none
                log.warning("the data is known by the marks of its files, not by their content: %s", error)
        return "size, time and number of each file", [[info.size, info.modified, info.serial] for info in files]
    local = LocalStore()
    if sum(info.size for info in files) <= MOST_BYTES:
        return "all bytes", [local.checksum(info) for info in files]
    marks = [[info.size, info.modified, info.serial, local.samples(info)] for info in files]
    return "size, times and samples of the bytes", marks
