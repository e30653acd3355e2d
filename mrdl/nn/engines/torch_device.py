"""Where a training computes: CPU or GPU, and on how many threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mrdl.errors import SetupError


def pick_device(device: str) -> torch.device:
    """The device for a setting: auto is the GPU where there is one, else the CPU; cpu and cuda are themselves.

    Raises SetupError if cuda is asked for and absent.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise SetupError("device is cuda, but this node has no usable GPU: use --device auto or cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


_lock = threading.Lock()
_here = threading.local()  # depth: how many of `one_thread` this thread of Python is inside
_inside = 0  # threads of Python that are inside
_before = 1  # torch's number before the first of them


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread: sums of several depend on their number, and several tasks on one node
    whose threads spin cost ten times the training. One may lie within another, and several threads of Python may be
    inside at once.

    torch has a number for each of those, and one that new ones begin with: a thread that is begun while another one
    is inside finds 1, which nobody has set.
    """
    global _inside, _before
    _here.depth = getattr(_here, "depth", 0) + 1
    if _here.depth == 1:
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
        _here.depth -= 1
        if not _here.depth:
            with _lock:
                _inside -= 1
                torch.set_num_threads(after)
