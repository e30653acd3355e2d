"""The number of threads that torch computes on: one while mrdl computes, then again what its caller has set."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0  # of `one_thread`, in all threads of Python
_before = 1  # torch's number before the first of them


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread: sums of several depend on their number, and several tasks on one node
    whose threads spin cost ten times the training. Several threads of Python may be inside at once.

    torch has a number for each of those, and one that new ones begin with: a thread that is begun while another one
    is inside finds 1, which nobody has set.
    """
    global _inside, _before
    with _lock:
        here = torch.get_num_threads()
        if not _inside:
            _before = here
        after = _before if here == 1 else here
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            torch.set_num_threads(after)
