"""The paper's names for data: a labelled CSV as a Dataset of torch. A file of its own, since tasks need no torch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from mrdl.cluster.webhdfs import FileInfo
from mrdl.data.source import first_lines
from mrdl.data.text.csv import read_table
from mrdl.data.text.schema import Schema
from mrdl.data.text.sniffing import sniff
from mrdl.errors import DataError
from mrdl.storage.store import store_of, text_chunks


class ToTensor:
    """Makes a row of numbers a float32 tensor, (columns,): a transformation of Data_load.

    ToTensor()([0, 16]) -> tensor([ 0., 16.])
    """

    def __call__(self, sample: Any) -> torch.Tensor:
        """Return the tensor of a row. sample: (columns,) numbers. Raises ValueError where one is no number."""
        return torch.as_tensor(np.asarray(sample, dtype=np.float32))


class Data_load(Dataset[tuple[Any, Any]]):  # noqa: N801
    """A labelled CSV, the label in its first column: X (rows, columns) and Y (rows,) of str, empty without a label.

    file: a path, folder or glob, local or hdfs://, or several of them in a list, all of which are read in this order.
    direct: a folder, or a list of folders, in each of which a relative path lies.
    transform: what each row of X goes through, one function or several in order.
    label: another label column, by name or index, or none.
    drop: columns to leave out, by names or indices.

    Raises DataError where a file is not there, cannot be read, or has other columns than the first one.

    Data_load("test.csv", transform=ToTensor()), Data_load("part-*.csv", ["2018", "2019"])
    """

    def __init__(
        self,
        file: str | Sequence[str],
        direct: str | Sequence[str] | None = None,
        transform: Callable[[Any], Any] | Sequence[Any] | None = None,
        label: str = "0",
        drop: Sequence[str] = (),
    ) -> None:
        """Read the files; raises DataError, see the class."""
        transforms = transform if isinstance(transform, Sequence) else [transform]
        self.transforms = [each for each in transforms if each is not None]
        names, folders = _listed(file), _listed(direct or "")
        if not names or not folders:
            raise DataError("there is no file to load: the list is empty")
        paths = [f"{folder.rstrip('/')}/{name}" if folder else name for folder in folders for name in names]
        self.file = ", ".join(paths)
        found = [_look(path, info, label, drop) for path in paths for info in _filled(path)]
        self.schema = found[0][2]
        for path, info, schema in found:
            _check_columns(schema, self.schema, _shown(path, info), _shown(*found[0][:2]))
        parts = [read_table(text_chunks(info.path), schema, _shown(path, info)) for path, info, schema in found]
        self.X = np.concatenate([features for features, _ in parts])
        self.Y = [label for _, labels in parts for label in labels] if self.schema.label is not None else []

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.X)

    def __getitem__(self, index: int) -> tuple[str, Any]:
        """Return the label of a row, "" where there is none, and its transformed values, in this order."""
        values: Any = self.X[index]
        for transform in self.transforms:
            values = transform(values)
        return (self.Y[index] if self.Y else ""), values


def _listed(names: str | Sequence[str]) -> list[str]:
    """Return one name or several as a list."""
    return [names] if isinstance(names, str) else [str(name) for name in names]


def _filled(path: str) -> list[FileInfo]:
    """Return the files that a name means and that hold something; raises DataError where none does."""
    filled = [info for info in store_of(path).files(path) if info.size]
    if not filled:
        raise DataError(f"{path} is empty, expected lines of a label and values with commas between")
    return filled


def _look(path: str, info: FileInfo, label: str, drop: Sequence[str]) -> tuple[str, FileInfo, Schema]:
    """Return a path, its file and the columns of that file."""
    shown = _shown(path, info)
    return path, info, sniff(first_lines([info], shown), label, "auto", shown, drop)


def _shown(path: str, info: FileInfo) -> str:
    """Return a file's name as the user gave it, if it is a single one."""
    return path if info.path.endswith(path) else info.path


def _check_columns(schema: Schema, first: Schema, name: str, of: str) -> None:
    """Raise DataError where a file has other columns than the first one."""
    if len(schema.columns) != len(first.columns):
        raise DataError(f"{name} has {len(schema.columns)} columns, expected {len(first.columns)} as {of}")
    if schema.header_crc is None or first.header_crc is None:
        return
    for number, (here, there) in enumerate(zip(schema.columns, first.columns, strict=True), 1):
        if here != there:
            raise DataError(f"{name}: column {number} is {here!r}, expected {there!r} as in {of}")
