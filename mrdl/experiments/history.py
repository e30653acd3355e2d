"""The history of an experiment: one JSON object a line, which any program can append to and any tool can read.

    {"at": "2026-11-28T08:00:00.123Z", "step": 3, "loss": 0.31, "val_loss": 0.4}
    {"at": "2026-11-28T08:00:05.120Z", "monitor": {"memory_mb": 512.0, "cpu": 98.0, "disk_free_mb": 81234.0}}

pandas.read_json("history.jsonl", lines=True) reads it. What is no finite number stands as NaN, Infinity or -Infinity,
which Python and pandas read.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, SupportsFloat

from mrdl.errors import ConfigError, brief

VARIABLE = "MRDL_HISTORY"  # the environment's name of the file that mrdl.log appends to
RESERVED = ("at", "monitor")

_log = logging.getLogger(__name__)
_opened: dict[str, "History"] = {}  # of mrdl.log, by path


def now() -> str:
    """Return the time as it stands in files: UTC, with milliseconds."""
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class History:
    """The file of one experiment's history, to append to.

    Each line is written at once, so several processes may append, and a reader sees whole lines or the start of one.
    A disk that takes no more harms no program: the line is lost, and said once.

    History(Path("history.jsonl")).add({"step": 3, "loss": 0.31})
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: int | None = None
        self._torn = False  # whether a part of a line may stand at the end
        self.lost = 0  # lines that could not be written

    def add(self, values: Mapping[str, SupportsFloat], at: str | None = None) -> bool:
        """Append a line of variables. at: its time as ISO 8601, else now. Returns whether it was written.

        Raises ConfigError for a value that is no number and a name that the file keeps for itself.
        """
        return self._append({"at": at or now(), **_numbers(values)})

    def monitor(self, sample: Mapping[str, Any]) -> bool:
        """Append a line of what the machine was seen to do; see machine.monitor. Returns whether it was written."""
        return self._append({"at": now(), "monitor": dict(sample)})

    def _append(self, entry: dict[str, Any]) -> bool:
        """Write a line by one call of the system; returns whether all of it was written.

        After a line of which a full disk took a part, the next begins with a line end: the torn one is lost, and no
        other.
        """
        line = json.dumps(entry, separators=(", ", ": ")).encode() + b"\n"
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            data = b"\n" + line if self._torn else line
            self._torn = True
            self._torn = os.write(self._file, data) != len(data)
        except OSError as error:
            if not self.lost:
                _log.warning("the history %s takes no more lines: %s", self.path, error.strerror)
            self.lost += 1
            return False
        self.lost += self._torn
        return not self._torn

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def log(step: SupportsFloat | None = None, **values: SupportsFloat) -> None:
    """Add variables to the history of the experiment that this program is; a line costs some hundredths of a ms.

    step: the number of weight updates, or of the epoch. values: numbers, or what float() takes, as a tensor of one.
    Outside of an experiment they are printed, a JSON object a line. Raises ConfigError for what is no number.

    mrdl.log(step=epoch, loss=0.31, val_loss=0.4)
    """
    told: dict[str, Any] = values if step is None else {"step": step, **values}
    path = os.environ.get(VARIABLE)
    if not path:
        print(json.dumps(_numbers(told)), file=sys.stdout, flush=True)
        return
    history = _opened.get(path)
    if history is None:
        history = _opened[path] = History(path)
    history.add(told)


def _numbers(values: Mapping[str, SupportsFloat]) -> dict[str, float]:
    """The values as numbers, whole ones without a point."""
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if name in RESERVED:
            raise ConfigError(f"the history keeps the name {brief(name)} for itself: use another name")
        try:
            number = float(value.item() if hasattr(value, "item") else value)  # float() of a tensor may warn
        except (TypeError, ValueError, RuntimeError):
            raise ConfigError(
                f"{name}: expected a number, or what float() takes, got {brief(str(value))} ({type(value).__name__})"
            ) from None
        numbers[name] = int(number) if number.is_integer() and abs(number) < 2**53 else number
    return numbers


def read(path: Path | str) -> list[dict[str, Any]]:
    """Return the lines of a history, oldest first; [] where there is none yet.

    A line that was not written whole, by a killed program or on a full disk, is passed over.
    """
    return Tail(path).new(last=True)


class Tail:
    """What is appended to a history, seen from outside.

    tail = Tail("history.jsonl")
    tail.new()  # the lines since the last call
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._seen = 0  # bytes, up to the end of a line

    def new(self, last: bool = False) -> list[dict[str, Any]]:
        """Return the whole lines since the last call. last: take the last one too where only its line end lacks."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._seen)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data if last else data[: data.rfind(b"\n") + 1]
        self._seen += len(whole)
        return [entry for line in whole.split(b"\n") if (entry := _entry(line)) is not None]


def _entry(line: bytes) -> dict[str, Any] | None:
    """A line of a history; None for one that was not written whole, or is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
