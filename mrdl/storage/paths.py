"""Paths are text: what is there by its literal name is that, whatever others take for a glob, a list or a variable."""

import glob
import os
import posixpath
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLAIN = re.compile(r"[\w./@+=-]+", re.ASCII)
_OF_HADOOPS_GLOBS = re.compile(r"([\\*?\[\]{}])")

MOST_OF_A_PATH, MOST_OF_A_NAME = 4095, 255  # bytes, on Linux


def path_fault(path: str) -> str:
    """The reason why there can be no such path on this machine or in HDFS; empty where there may be one.

    It follows the path in a message: "with a zero byte in the path".
    """
    data = os.fsencode(path)
    if len(data) > MOST_OF_A_PATH:
        return f"a path of {len(data):,} bytes, expected {MOST_OF_A_PATH:,} or fewer"
    if (longest := max(map(len, data.split(b"/")))) > MOST_OF_A_NAME:
        return f"with a name of {longest:,} bytes in the path, expected {MOST_OF_A_NAME} or fewer"
    return "with a zero byte in the path" if b"\0" in data else ""


@contextmanager
def plain_name(folder: Path) -> Iterator[Path]:
    """Give a folder that is there a name without a character that mrjob or a shell takes for more than text.

    The name holds as long as this is entered, for this process and those that it starts.

    with plain_name(Path("my $folder")) as folder: ...
    """
    if PLAIN.fullmatch(str(folder)) or not os.path.isdir("/proc/self/fd"):
        yield folder
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{handle}")
    finally:
        os.close(handle)


def hadoop_literal(uri: str) -> str:
    """A URI such that Hadoop's `-input`, a list of globs, means the one file or folder of that name."""
    scheme, colon, rest = uri.rpartition("://")
    authority, slash, path = rest.partition("/")
    # commas cut the list before globs are read, but not within braces
    return scheme + colon + authority + slash + _OF_HADOOPS_GLOBS.sub(r"\\\1", path).replace(",", r"{\,}")


def matching(pattern: str) -> list[str]:
    """The paths on this machine that a glob means, sorted.

    Folders that are there by their literal names are those: of "runs[1]/*.csv" the first part is no glob where there is
    a folder runs[1].
    """
    place, *parts = Path(pattern).parts or (".",)
    if not os.path.exists(place):
        place, parts = ".", [place, *parts]
    while parts and os.path.exists(os.path.join(place, parts[0])):
        place = os.path.join(place, parts.pop(0))
    return sorted(os.path.normpath(path) for path in glob.glob(os.path.join(glob.escape(place), *parts)))


def alike(path: str) -> str:
    """A glob, as a shell has it, of the files beside one whose names end as its name does.

    alike("parts/a.csv") == "'parts/*.csv'"
    """
    folder, name = posixpath.split(path)
    return shlex.quote(posixpath.join(folder, f"*{posixpath.splitext(name)[1]}"))
