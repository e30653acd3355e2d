"""Where files lie, for the driver: which files of a data set are column files, and how tasks come by their bytes."""

from collections.abc import Sequence
from posixpath import splitext

from mrdl.cluster.webhdfs import FileInfo
from mrdl.data.columnar.files import MAGIC, ORC, PARQUET, SPELLED, Place
from mrdl.data.text.formats import FORMATS
from mrdl.errors import DataError, SetupError
from mrdl.storage.paths import alike
from mrdl.storage.store import hdfs_store, is_hdfs, store_of

MAGIC_BYTES = 512
ENDINGS = tuple(f".{kind}" for kind in (PARQUET, ORC))


def place_of(path: str, size: int) -> Place:
    """Return the place of a file as this process can reach it; raises SetupError where tasks could not."""
    if not is_hdfs(path):
        return Place(path, size)
    cluster = hdfs_store().cluster
    if cluster.kerberos:
        raise SetupError(
            f"{path}: tasks have no Kerberos ticket of yours to read parts of a file in HDFS by; "
            "write it as CSV, which Hadoop brings them"
        )
    return Place(path, size, cluster.webhdfs, cluster.user)


def kind_of(files: Sequence[FileInfo]) -> str | None:
    """Return PARQUET or ORC where that is what files are, by the first that is not empty; None for text.

    Raises DataError where another one, whose name ends otherwise, is not what the first is.
    """
    filled = [info for info in files if info.size]
    if not filled:
        return None
    first = filled[0]
    found = _kind_of_file(first)
    for info in filled[1:]:
        ending = splitext(info.path)[1]
        if found is None and ending in ENDINGS and _kind_of_file(info):
            told = f"{info.path} is a column file, {first.path} is not"
            raise DataError(f"{told}: give mrdl files of one kind, as {_as_most(filled, info, first)}")
        otherwise = ending != splitext(first.path)[1] and not ending[1:].isdigit()
        if found and otherwise and _kind_of_file(info) != found:
            told = f"{info.path} cannot be read as {SPELLED[found]}, which {first.path} is"
            raise DataError(f"{told}: give mrdl files of one kind, as {_as_most(filled, first, info)}")
    return found


def _as_most(files: Sequence[FileInfo], one: FileInfo, other: FileInfo) -> str:
    """Return a glob of those files that are as one of two, of the first where as many are as each."""
    endings = [splitext(info.path)[1] for info in files]
    return alike(max(one, other, key=lambda info: endings.count(splitext(info.path)[1])).path)


def _kind_of_file(info: FileInfo) -> str | None:
    """Return what a file is by its first bytes; a text that begins with the name of a format is none."""
    start = b"".join(store_of(info.path).chunks(info.path, MAGIC_BYTES))
    kinds = {magic: kind for kind, magic in MAGIC.items() if start.startswith(magic)}
    return next(iter(kinds.values()), None) if any(each.matches(start) for each in FORMATS) else None
