"""The process of a command: what mrdl changes there is again as it was found when it goes."""

import _thread
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mrdl.errors import printable


class Notes(logging.Formatter):
    """Log records as notes for people."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        return printable(super().format(record))


MADE = 50_000  # objects between two looks for garbage: of the usual 700 a start would take 180, for what stays
LEVELS = {"mrjob": logging.CRITICAL, "hdfs": logging.WARNING}  # the latter logs every call
LOOK = signal.SIGURG  # on which the main thread looks whether an interruption was lost; without a handler it is ignored
AGAIN_S = 1.0  # between two looks


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
    if own := not root.handlers:  # the caller's logging is the caller's
        root.addHandler(notes)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    made, *more = gc.get_threshold()
    gc.set_threshold(max(MADE, made) if made else 0, *more)  # 0: it is never looked for
    try:
        with _interruptible():
            yield
    finally:
        gc.set_threshold(made, *more)
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


def heard() -> None:
    """Say that the interruption has been caught, and that what follows is no more than the end of the command."""
    _INTERRUPTION.end()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Inside, SIGTERM and Ctrl-C interrupt, where this is the main thread, and none of them is lost.

    A process that ignores Ctrl-C, as those do that a shell starts in its background, goes on to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signal.SIGTERM: _INTERRUPTION.begin, LOOK: _INTERRUPTION.again}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        handlers[signal.SIGINT] = _INTERRUPTION.begin
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        heard()
        for number, old in before.items():
            signal.signal(number, old or signal.SIG_DFL)


class _Interruption:
    """What a signal raises in the main thread, and raises again where it was lost.

    A signal is handled between any two steps of Python, and may be so in a finaliser or in the callback of a weak
    reference, whose exceptions Python prints and forgets. So a thread has the main one look again and again from then
    on: where it does not unwind for the interruption, it is interrupted once more.
    """

    def __init__(self) -> None:
        self._raised: BaseException | None = None

    def begin(self, *_: Any) -> None:
        """Handle a signal as Ctrl-C is."""
        if self._raised is None:
            with suppress(RuntimeError):  # there are as many threads as there may be
                _thread.start_new_thread(self._watch, ())  # Thread.start() takes a lock, which may be held here
        self._raised = KeyboardInterrupt()
        raise self._raised

    def again(self, *_: Any) -> None:
        """Interrupt once more, unless what was raised is handled, as it is by what clears up."""
        error = sys.exc_info()[1]
        while error is not None and error is not self._raised:
            error = error.__context__
        if error is None and self._raised is not None:
            self.begin()

    def end(self) -> None:
        """Raise no more."""
        self._raised = None

    def _watch(self) -> None:
        """Have the main thread look until the interruption is at its end."""
        time.sleep(AGAIN_S)
        while self._raised is not None:
            signal.pthread_kill(threading.main_thread().ident or 0, LOOK)
            time.sleep(AGAIN_S)


_INTERRUPTION = _Interruption()
