"""mrjob without what takes it long and is hardly used."""

import contextlib
import functools
import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any


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


with standard_distutils():
    from mrjob.job import MRJob
    from mrjob.step import MRStep as MRStep


class LeanJob(MRJob):
    """mrjob's job, whose flags are made once in a process: there are a hundred, and a job is made for each task."""

    arg_parser: ArgumentParser

    def configure_args(self) -> None:
        """See mrjob."""
        self.arg_parser = ArgumentParser(usage=self.arg_parser.usage, add_help=False, parents=[_flags()])
        self.arg_parser.add_argument(dest="args", nargs="*", help="input paths")


class _Flags(ArgumentParser):
    """A parser of flags alone: what is no flag changes while it is parsed, and cannot be shared between threads."""

    def add_argument(self, *names: str, **how: Any) -> Any:
        """See argparse."""
        return super().add_argument(*names, **how) if names else None


class _OfMrjob(MRJob):
    def configure_args(self) -> None:
        self.arg_parser = _Flags(add_help=False)
        super().configure_args()


@functools.cache
def _flags() -> ArgumentParser:
    """The flags of every job of mrjob's."""
    found: ArgumentParser = _OfMrjob([]).arg_parser
    return found
