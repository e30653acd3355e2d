"""Training back ends for tests of sweeps: the first layer's width says what is to go wrong."""

import os
import signal
import time

import numpy as np

from mrdl.nn.backends.result import Result


def fit(design, data, report):
    """1 raises, 2 segfaults, 3 loops, 4 takes all memory, 5 sleeps, 6 exits, 7 ends in nan; others are perfect."""
    kind = design.hidden[0]
    report(1, 0.5)
    if kind == 1:
        raise ValueError("no such luck")
    if kind == 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == 3:
        while True:
            pass
    if kind == 4:
        _ = [bytearray(10**8) for _ in range(1000)]
    if kind == 5:
        time.sleep(1000)
    if kind == 6:
        os._exit(3)
    return Result(data.test_y, float("nan") if kind == 7 else 0.25)


def constant(design, data, report):
    """Always the majority class."""
    return Result(np.full(len(data.test_y), data.majority), 1.0)


def at_once(design, data, report):
    """Perfect, and no more."""
    return Result(data.test_y, 0.25)


def slow(design, data, report):
    """Some tenths of a second, so that something can be killed in between."""
    time.sleep(0.3)
    return Result(data.test_y, 0.25)


def kills_its_parent(design, data, report):
    """As the kernel does when a whole task is out of memory; other widths than 1 are perfect."""
    if design.hidden[0] == 1:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
    return Result(data.test_y, 0.25)
