"""The process of a command: what mrdl changes there is again as it was found when it goes."""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from mrdl.errors import printable


class Notes(logging.Formatter):
    """Log records as notes for people."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        return printable(super().format(record))


MADE = 50_000  # objects between two looks for garbage: of the usual 700 a start would take 180, for what stays
LEVELS = {"mrjob": logging.CRITICAL, "hdfs": logging.WARNING}  # the latter logs every call


@contextmanager
def command() -> Iterator[None]:
    """Inside, notes go to standard error, and SIGTERM interrupts, where this is the main thread, as Ctrl-C does.

    Garbage is looked for less often than Python does by itself. Handlers of logging that the process has are left
    alone. Afterwards all is as it was found, so that a program may call a command as it calls a function.
    """
    root = logging.getLogger()
    notes = logging.StreamHandler(sys.stderr)
    notes.setFormatter(Notes("  note: %(message)s"))
    levels = {name: logging.getLogger(name).level for name in LEVELS}
    is_main = threading.current_thread() is threading.main_thread()
    if own := not root.handlers:  # the caller's logging is the caller's
        root.addHandler(notes)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    before = signal.signal(signal.SIGTERM, _interrupt) if is_main else None
    made, *more = gc.get_threshold()
    gc.set_threshold(max(MADE, made) if made else 0, *more)  # 0: it is never looked for
    try:
        yield
    finally:
        gc.set_threshold(made, *more)
        if is_main:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        if own:
            root.removeHandler(notes)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def quiet_output() -> Iterator[None]:
    """Inside, what is printed goes to standard error: standard output is for what comes of a command alone.

    It is the file descriptor that is turned, so what libraries print from C goes there, too.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is none
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _interrupt(*_: Any) -> NoReturn:
    """Handle a signal as Ctrl-C is."""
    raise KeyboardInterrupt
