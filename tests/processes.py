"""How the processes of a test run share out the files of tests."""

from functools import cache
from pathlib import Path

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give all files that need the cluster to one process, which starts one cluster, and other files to who is free."""
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OneCluster(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "the cluster" if has_mark(config.rootpath / file, "hadoop") else file

    return OneCluster(config, log)


def pytest_collection_modifyitems(items):
    """The longest come first: files that need the cluster, which mostly wait for it, then those with slow tests."""
    items.sort(key=lambda item: (not has_mark(item.path, "hadoop"), not has_mark(item.path, "slow")))


@cache
def has_mark(path: Path, name: str) -> bool:
    """Whether a file of tests has a mark somewhere."""
    return f"pytest.mark.{name}" in path.read_text()
