"""The data set of a run: its files, its columns, and where in it a bad row lies."""

import dataclasses
import hashlib
import json
import os
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrdl.config import TrainConfig
from mrdl.errors import ConfigError, DataError, MrdlError
from mrdl.preparation import Statistics
from mrdl.schema import Schema, sniff
from mrdl.storage import head, is_hdfs, store_of
from mrdl.webhdfs import FileInfo

HEAD_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Source:
    """A CSV as the user named it: a file, folder or glob, local or in HDFS."""

    name: str
    files: tuple[FileInfo, ...]
    schema: Schema

    @classmethod
    def look_at(cls, name: str, config: TrainConfig) -> "Source":
        """List the files, and decide the columns by the head of the first that is not empty.

        Raises DataError or ConfigError where there is nothing, or nothing to train on.
        """
        files = store_of(name).files(name)
        filled = [info for info in files if info.size]
        if not filled:
            raise DataError(f"{name} is empty, expected lines of a label and values with commas between")
        length = HEAD_BYTES
        while True:
            start = head(filled[0].path, length)
            if start.count(b"\n") >= 2 or start.count(b"\r") >= 2 or length >= filled[0].size:
                return cls(name, tuple(files), sniff(start, config.label, config.header, name))
            length *= 4  # a line longer than a megabyte

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(info.size for info in self.files)

    def identity(self) -> dict[str, Any]:
        """What must not change between the rounds of a run."""
        sha = hashlib.sha256(json.dumps([dataclasses.astuple(info) for info in self.files]).encode())
        return {"source": self.name, "files": len(self.files), "bytes": self.size, "sha256": sha.hexdigest()[:16]}

    def inputs(self, runner: str, work: Path) -> list[str]:
        """The paths for a job; files in HDFS are fetched to `work` for a runner that cannot read there."""
        paths = [info.path for info in self.files if info.size]
        if runner == "hadoop" or not is_hdfs(self.name):
            return paths
        (work / "input").mkdir()
        local = [work / "input" / f"{i:04d}-{posixpath.basename(path)}" for i, path in enumerate(paths)]
        for path, fetched in zip(paths, local, strict=True):
            with open(fetched, "wb") as file:
                file.writelines(store_of(path).chunks(path))
        return [str(path) for path in local]

    def refused(self, statistics: Statistics, problem: str, skip_bad_rows: bool) -> MrdlError:
        """The error for data that the tasks found unfit; nothing was trained."""
        if statistics.bad_rows and not skip_bad_rows:
            return self._bad_rows(statistics, [self._place(file, at) for file, at, _, _ in statistics.bad])
        kind = ConfigError if problem.startswith("nodes") else DataError
        return kind(f"{self.name}: {problem}")

    def _place(self, file: str, at: int) -> str:
        """Where a bad row lies, in words; at: a line number, or less the byte near which it lies."""
        path = file.removeprefix("file://")
        if at < 0 and not is_hdfs(path) and os.path.exists(path):
            with open(path, "rb") as text:
                at = text.read(-at).count(b"\n") + 1
        shown = self.name if len(self.files) == 1 else path
        return f"{shown} line {at}" if at > 0 else f"{shown} near byte {-at}"

    def _bad_rows(self, statistics: Statistics, places: Sequence[str]) -> DataError:
        shown = [f"  {place}: {reason}" for place, (_, _, reason, _) in zip(places, statistics.bad, strict=True)]
        more = statistics.bad_rows - len(shown)
        total = statistics.training_rows + statistics.validation_rows + statistics.bad_rows
        return DataError(
            f"{statistics.bad_rows} of {total} rows cannot be read; nothing was trained.\n"
            + "\n".join(shown)
            + (f"\n  ... and {more} more" if more else "")
            + "\nMend them, or leave them out with --bad-rows skip."
        )
