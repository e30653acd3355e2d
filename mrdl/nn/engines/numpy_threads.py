"""The threads of numpy's products: one, so that their bytes are always the same."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_inside = 0  # of `one_blas_thread`, in all threads of Python: the number is one for all of them
_before: list[int] = []  # threads of each library


@cache
def _libraries() -> list[Any]:
    """The libraries of linear algebra that this process has loaded, numpy's among them."""
    from threadpoolctl import ThreadpoolController

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]


def _set_threads(library: Any, number: int) -> None:
    # its own set_num_threads does nothing, and says nothing, in any thread of Python but the first that called it
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside, linear algebra computes on one thread; after the last one to leave, on as many as before the first."""
    global _inside, _before
    with _lock:
        if not _inside:
            _before = [library.get_num_threads() for library in _libraries()]
            for library in _libraries():
                _set_threads(library, 1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                for library, number in zip(_libraries(), _before, strict=True):
                    _set_threads(library, number)
