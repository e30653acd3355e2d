"""The threads of numpy's products: one, so that their bytes are always the same."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_inside = 0  # of `one_blas_thread`, in all threads of Python: the number is one for all of them
_limit: Any = None  # what sets it back


@cache
def _libraries() -> Any:
    """The libraries of linear algebra that this process has loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside, linear algebra computes on one thread; after the last one to leave, on as many as before the first."""
    global _inside, _limit
    with _lock:
        if not _inside:
            _limit = _libraries().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _limit.restore_original_limits()
