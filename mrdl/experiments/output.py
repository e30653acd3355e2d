"""What a program prints: kept in its log as it came, and read line by line for variables."""

import os
import time
from pathlib import Path

from mrdl.experiments.history import History
from mrdl.experiments.variables import LONGEST, Variables

MOST_BYTES = 1_000_000_000  # of a log: a program in a loop shall not fill the disk
BLOCK = 1 << 16
A_SECOND = 200  # lines of variables that are kept: a program that tells more would wait for its history to be written


class Output:
    r"""Copies a program's output to its log and its variables to its history; memory does not grow with it.

    log, history: their files; most_bytes: what the log holds at most, with what an earlier attempt has left there; the
    rest is read for variables alone. Of lines with variables more than A_SECOND in a second are not kept. What went
    wrong stands in `troubles`, in words, each once. Raises OSError where the log cannot be opened.

    output = Output(Path("log"), History("history.jsonl"), Variables())
    output.take(b"epoch=3 lo")
    output.take(b"ss: 0.31\n")  # a line of the history: {"at": ..., "epoch": 3, "loss": 0.31, "step": 3}
    """

    def __init__(self, log: Path, history: History, variables: Variables, most_bytes: int = MOST_BYTES) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._left = most_bytes - os.fstat(self._log).st_size
        self._history, self._variables = history, variables
        self._second, self._told = 0, 0  # of the clock, and the lines of variables in it
        self._rest = b""  # the start of a line whose end has not come
        self.troubles: list[str] = []  # in words, each once

    def take(self, data: bytes) -> None:
        """Take the next bytes; a disk that takes no more is a trouble, and the program goes on.

        data: cut wherever it was read. Of a line whose end has not come LONGEST bytes are kept: its start, or, of a
        progress bar that draws over itself, its end.
        """
        if self._left > 0:
            kept = self._write(data[: self._left])
            self._left -= len(data)
            if kept and self._left <= 0:
                self._trouble("the log has reached its limit; what the program prints from here on is not kept")
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[-LONGEST:] if b"\r" in lines[-1] else lines.pop()[:LONGEST]
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._told = second, 0
        for line in lines:
            if self._told >= A_SECOND:
                self._say(f"it tells variables more than {A_SECOND} times a second: some are not kept")
                break
            self._read(line)

    def close(self) -> None:
        """Read the last line, though its end never came."""
        self._read(self._rest)
        self._rest = b""
        os.close(self._log)

    def _read(self, line: bytes) -> None:
        """Keep the variables of a line in the history, without those whose names it has for itself."""
        values = self._variables.of(line.decode(errors="replace"))
        if values:
            self._told += 1
            self._history.add({name: value for name, value in values.items() if name not in ("at", "monitor")})

    def _write(self, data: bytes) -> bool:
        """Write to the log; returns whether it took all."""
        try:
            while data:
                data = data[os.write(self._log, data) :]
        except OSError as error:
            self._trouble(f"the log cannot be written: {error.strerror}; the program goes on")
            return False
        return True

    def _trouble(self, words: str) -> None:
        """Say what is wrong with the log, and keep no more of it."""
        self._say(words)
        self._left = 0

    def _say(self, words: str) -> None:
        if words not in self.troubles:
            self.troubles.append(words)
