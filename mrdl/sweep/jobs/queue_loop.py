"""Jobs of a sweep in processes, so many at a time: started one after the other, and looked at until they are over."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mrdl.sweep.folder import SweepFolder

POLL_S = 0.5  # between two looks at all that runs
POLL_FREE_S = 0.1  # the same where more could run: the next job may be sent at once
W = TypeVar("W")
R = TypeVar("R")


def run_queue(
    sweep: "SweepFolder",
    work: Sequence[W],
    most: int,
    start: Callable[[W], tuple[str, R]],
    is_over: Callable[[str, R], bool],
    end: Callable[[R], None],
) -> None:
    """Work off a queue, so much of it at a time; where the sweep is to stop, nothing more is begun.

    start: begins a piece of work, and returns its job's name and what runs; is_over: looks at a job, takes in what it
    has told, and says whether it is over; end: ends what runs, where this is interrupted or something goes wrong.
    """
    queue, running = deque(work), dict[str, R]()
    try:
        while running or (queue and not sweep.is_to_stop()):
            while queue and len(running) < most and not sweep.is_to_stop():
                name, job = start(queue.popleft())
                running[name] = job
            time.sleep(POLL_FREE_S if len(running) < most else POLL_S)
            for name, job in list(running.items()):
                if is_over(name, job):
                    del running[name]
            sweep.report_progress(now=False)
    except BaseException:
        for job in running.values():
            end(job)
        raise
