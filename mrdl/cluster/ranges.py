"""Reads ranges of files in HDFS by WebHDFS, with the standard library alone: a task's node need not have more."""

import io
import json
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import quote, urlencode

from mrdl.errors import DataError, SetupError, Unavailable

TIMEOUT_S = 60  # between two bytes
PAUSES_S = (0.5, 2.0, 8.0)  # before each further attempt; then Hadoop begins the task again


class RangeFile(io.RawIOBase):
    """A file in HDFS that can be sought; each read is one request for so many bytes.

    file = RangeFile("http://namenode:9870", "/user/ann/rows.parquet", "ann", size=1 << 20)
    file.seek(-8, io.SEEK_END)
    file.read(8)
    """

    def __init__(self, webhdfs: str, hdfs_path: str, user: str, size: int) -> None:
        """Take in where the file lies, and ask nothing yet.

        webhdfs: URLs of NameNodes with semicolons between; user: as Hadoop knows them; size: bytes of the file.
        """
        super().__init__()
        self._services = webhdfs.split(";")
        self._hdfs_path = hdfs_path
        self._user = user
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def seekable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def tell(self) -> int:
        """See io.RawIOBase."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See io.RawIOBase."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """See io.RawIOBase. Raises DataError where there is no such file, Unavailable where HDFS does not answer."""
        length = max(0, min(len(buffer), self._size - self._at))
        if length:
            buffer[:length] = self._range(self._at, length)
            self._at += length
        return length

    def _range(self, offset: int, length: int) -> bytes:
        """Return some bytes of the file, asking again where a service is away for a while."""
        for pause in PAUSES_S:
            try:
                return self._ask(offset, length)
            except Unavailable:
                time.sleep(pause)
        return self._ask(offset, length)

    def _ask(self, offset: int, length: int) -> bytes:
        """Return some bytes of the file, of the first NameNode that has them: others stand by."""
        asked = urlencode({"op": "OPEN", "offset": offset, "length": length, "user.name": self._user})
        told = ""
        for service in self._services:
            try:
                url = f"{service}/webhdfs/v1{quote(self._hdfs_path)}?{asked}"
                with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
                    data: bytes = reply.read()
                if len(data) == length:
                    return data
                told = f"{len(data)} bytes came, expected {length}: the file is being written, or was changed"
            except urllib.error.HTTPError as error:
                name, told = _exception(error)
                if name == "FileNotFoundException":
                    raise DataError(f"{self._hdfs_path} is not in HDFS any more") from error
                if name == "AccessControlException":
                    raise SetupError(f"HDFS refused: {told}") from error
            except (OSError, HTTPException) as error:
                told = str(error)
        raise Unavailable(f"HDFS does not give {self._hdfs_path} at {';'.join(self._services)}: {told}")


def _exception(error: urllib.error.HTTPError) -> tuple[str, str]:
    """Return the name of Hadoop's exception in an answer, "" where there is none, and its first line."""
    try:
        told = json.load(error)["RemoteException"]
        return str(told["exception"]), str(told["message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError, OSError):
        return "", str(error)
