"""Imports mrjob without what it hardly uses."""

import contextlib
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def standard_distutils() -> Iterator[None]:
    """Inside, `distutils` is Python's own, which is forgotten afterwards.

    mrjob 0.7.4 takes one function of it. The copy that setuptools puts in its place takes as long to import as the rest
    of mrjob. Tasks are told by a variable of their environment, see `mrdl.mapreduce.arguments`; Python 3.12 has no
    distutils of its own.
    """
    hooks = [found for found in sys.meta_path if type(found).__module__ == "_distutils_hack"]
    if not hooks or sys.version_info >= (3, 12) or "distutils" in sys.modules:
        yield
        return
    for hook in hooks:
        sys.meta_path.remove(hook)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of distutils, which the caller did not ask for
            yield
    finally:
        sys.meta_path[:0] = hooks
        for name in [name for name in sys.modules if name.partition(".")[0] == "distutils"]:
            del sys.modules[name]
