"""What can go wrong for a user of mrdl.

MrdlError
├── ConfigError      a setting is wrong, or does not fit the data          exit status 2
├── DataError        the data cannot be used as it is                      exit status 2
├── SetupError       a program, package or service that is needed is away  exit status 2
│   └── Unavailable  a service may come back: a run waits for it
├── DamagedRound     a kept round is not what was written; an earlier one is taken
├── ModelError       a file is not a model, or not one of mrdl's           exit status 2
└── TrainingError    a job failed                                          exit status 1
    ├── DamagedShard a cached shard is not what was written; it is made again
    ├── JobLost      Hadoop lost a job, no task said why; it is run again
    └── Diverged     in every shard the loss is not finite any more

Every message says what was expected, what came, and the way out.
"""

import errno
import unicodedata
from collections.abc import Sequence
from typing import Any

DISK_TAKES_NO_MORE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class MrdlError(Exception):
    """Anything that mrdl reports to its user; `exit_status` is what a command ends with.

    try:
        mrdl.train("data.csv", nodes=[64, 10])
    except mrdl.MrdlError as error:
        print(error)  # what was expected, what came, and the way out
    """

    exit_status = 2


class ConfigError(MrdlError, ValueError):
    """A setting is wrong, or does not fit the data or the run folder."""


class DataError(MrdlError, ValueError):
    """The data cannot be used as it is."""


class SetupError(MrdlError, RuntimeError):
    """Something that has to be installed, started or reachable is not."""


class Unavailable(SetupError):
    """A service does not answer, or takes nothing for now; see mrdl.cluster.retry."""


class DamagedRound(MrdlError, ValueError):
    """A round in a run folder is not what was written, or is of another run."""


class ModelError(MrdlError, ValueError):
    """A file is not a model written by mrdl, or is damaged."""


class TrainingError(MrdlError, RuntimeError):
    """A job failed; the message carries the task's own traceback and how to go on."""

    exit_status = 1


class DamagedShard(TrainingError):
    """A cached shard is not what was written."""


class JobLost(TrainingError):
    """A job ended without a word of any task's: its ApplicationMaster, a node or a service died."""


class Diverged(TrainingError):
    """No shard gave usable weights; to repeat the round would not help.

    diagnostics: the figures of the epochs that led there, empty where none were asked for.
    """

    def __init__(self, text: str, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__(text)
        self.diagnostics = diagnostics


def cannot_write(what: str, why: str, again: str = "go on with --resume") -> SetupError:
    """Return the error for a file that cannot be written, by whomever.

    what: the file, in words; why: the system's reason; again: how to go on when that is mended.
    """
    return SetupError(f"{what} cannot be written: {why}. Nothing is lost: mend that and {again}")


SHOWN = 120  # characters of a line, a cell or a name that a message shows


def printable(text: str) -> str:
    """Return the text with what a terminal might obey, or a reader cannot see, escaped.

    That is controls and marks of direction; line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    """Return a character, escaped if it is a control or a mark; see printable."""
    if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    return char.encode("unicode_escape").decode()


def brief(text: str, most: int = SHOWN) -> str:
    """Return the text in quotation marks on one line, cut where it is longer than `most` characters."""
    cut = text[:most]
    shown = repr(cut)
    return (
        shown if len(text) <= most and len(shown) <= most + 2 else f"{shown[: most - 2].rstrip(chr(92))}...{shown[0]}"
    )


def not_installed(what: str, library: str, extra: str) -> SetupError:
    """The error that names the extra of mrdl with a library that is missing. what: of whom, as "pictures need"."""
    return SetupError(f'{what} {library}: pip install "mrdl[{extra}]"')
