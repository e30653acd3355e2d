"""Where a trained network goes: a file that is named, or one that standard output is redirected to.

A pipe gets it only when that is asked for: `mrdl train data.csv | tee log` would write it into the log.
"""

import logging
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from mrdl.errors import ConfigError, cannot_write
from mrdl.storage import atomic

log = logging.getLogger(__name__)

STDOUT = "-"


def is_file() -> bool:
    """Whether standard output is redirected to a file, as the paper's `> net.out` does."""
    return _mode(stat.S_ISREG)


def is_pipe() -> bool:
    """Whether standard output is read by another program."""
    return _mode(stat.S_ISFIFO) or _mode(stat.S_ISSOCK)


def of_network(output: str | None, as_json: bool) -> str | None:
    """The file that the network goes to, "-" for standard output, None for the run folder alone.

    output: what was asked for, None where nothing was; as_json: whether standard output is for an object of JSON.
    Raises ConfigError where it cannot be written, which is better known before.
    """
    if not output:
        return STDOUT if is_file() and not as_json else None
    if output == STDOUT:
        if as_json:
            raise ConfigError("--json and -o - both want standard output: take -o FILE")
        return STDOUT
    path, folder = Path(output), Path(output).parent
    if path.is_dir() or not folder.is_dir():
        there = "is a folder" if path.is_dir() else f"lies in {folder}, which is no folder"
        raise ConfigError(f"--output {output} {there}: expected the name of a file")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--output {output} cannot be written: {folder} takes no files of this user's")
    return output


def put(data: bytes, where: str | None) -> None:
    """Write a network to its place. data: the bytes of a model file; where: what `of_network` gave.

    Raises SetupError where the file cannot be written.
    """
    if where == STDOUT:
        sys.stdout.flush()
        if is_file() and (before := os.lseek(1, 0, os.SEEK_CUR)):
            text = f"the {before} bytes on standard output before the network keep it from being loaded: take -o FILE"
            log.warning(text)
        with os.fdopen(os.dup(1), "wb") as file:
            file.write(data)
    elif where:
        try:
            atomic.write(Path(where), data)
        except OSError as error:
            raise cannot_write(where, str(error.strerror)) from error


def turn_to_screen() -> None:
    """Let what is printed from now on go to standard error, since a network fills the file on standard output."""
    sys.stdout.flush()
    os.dup2(2, 1)


def _mode(kind: Callable[[int], bool]) -> bool:
    """Whether standard output is of a kind of file, by a function of its mode."""
    try:
        return kind(os.fstat(1).st_mode)
    except OSError:
        return False  # there is no standard output at all
