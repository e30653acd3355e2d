"""Hive's partition folders, year=2025/month=1/part-0.csv: their keys are columns, alike in all rows of a file."""

import glob
import itertools
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow.compute as pc

from mrdl.data.text.arrays import mask_of, texts_of
from mrdl.data.text.numbers import PLAIN_NUMBER
from mrdl.data.types import CATEGORY, DATE, NUMBER, ColumnType
from mrdl.errors import DataError, brief
from mrdl.storage.store import is_hdfs

MISSING_KEY = "__HIVE_DEFAULT_PARTITION__"
_FOLDER = re.compile(r"([^=/]+)=([^/]*)")
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True)
class Partitions:
    """The partition folders of a data set.

    keys: their names, from the outermost; values: of each file by its path, a text a key, "" where it is missing.
    """

    keys: tuple[str, ...]
    values: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, name: str, paths: Iterable[str]) -> "Partitions":
        """Return the partitions of a data set. name: as the user has it; paths: of its files.

        Raises DataError where some files lie in other partition folders than the first, or in none.
        """
        first = _depth_of(name)
        found = {path: _pairs(path, first) for path in paths}
        keys = next((tuple(pairs) for pairs in found.values()), ())
        for path, pairs in found.items():
            if tuple(pairs) != keys:
                raise DataError(
                    f"{path} lies in partition folders {_shown(pairs)}, the first file of {name} in {_shown(keys)}: "
                    "give all files the same keys, or name those alone that have them"
                )
        return cls(keys, {path: tuple(pairs.values()) for path, pairs in found.items()} if keys else {})

    def of_file(self, path: str) -> dict[str, str]:
        """Return the value of each key of a file."""
        return dict(zip(self.keys, self.values[path], strict=True)) if path in self.values else {}

    @property
    def types(self) -> tuple[ColumnType, ...]:
        """What the columns of the keys hold, by all values that there are: numbers, dates, or else categories."""
        return tuple(_type_of({row[i] for row in self.values.values()}) for i in range(len(self.keys)))

    def check_names(self, columns: Sequence[str], source: str) -> None:
        """Raise DataError where a key is a column of the files, too. columns: their names; source: the data's name."""
        if twice := [key for key in self.keys if key in columns]:
            raise DataError(f"{source}: {brief(twice[0])} is a partition folder and a column of the files: rename one")


def _depth_of(name: str) -> int:
    """Return how many parts of a path are not looked at for keys: those of the folder that the user named, or of a glob
    those before the first part that is one."""
    parts = posixpath.normpath(name.removeprefix("hdfs://")).split("/")
    literal = list(itertools.takewhile(lambda part: not glob.has_magic(part), parts))
    return len(literal) if is_hdfs(name) else len(os.path.realpath("/".join(literal) or "/").rstrip("/").split("/"))


def _pairs(path: str, first: int) -> dict[str, str]:
    """Return the keys and values of the folders of a path, from its part of that number on."""
    folders = path.removeprefix("hdfs://").split("/")[:-1]
    pairs = [found for folder in folders[first:] if (found := _FOLDER.fullmatch(folder))]
    return {unquote(found[1]): "" if found[2] == MISSING_KEY else unquote(found[2]) for found in pairs}


def _shown(keys: Iterable[str]) -> str:
    """Return keys for people."""
    return "/".join(f"{key}=..." for key in keys) or "none"


def _type_of(values: Iterable[str]) -> ColumnType:
    """Return what a column of such texts holds."""
    texts = texts_of([value for value in values if value])
    for pattern, kind in ((PLAIN_NUMBER, NUMBER), (_DATE, DATE)):
        if len(texts) and mask_of(pc.match_substring_regex(texts, pattern)).all():
            return ColumnType(kind)
    return ColumnType(CATEGORY) if len(texts) else ColumnType(NUMBER)
