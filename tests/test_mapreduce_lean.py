"""What the import of mrjob costs, and leaves as it was."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
hooks = list(sys.meta_path)
import mrdl.rounds.job
print("setuptools" in sys.modules, "distutils" in sys.modules, sys.meta_path == hooks)
import distutils.spawn
print("setuptools" in sys.modules)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python has no distutils of its own")
def test_a_driver_imports_mrjob_without_setuptools_which_has_its_distutils_afterwards():
    env = {name: value for name, value in os.environ.items() if name != "SETUPTOOLS_USE_DISTUTILS"}
    words = [sys.executable, "-W", "error", "-W", "ignore:'pipes' is:DeprecationWarning", "-c", PROGRAM]
    ended = subprocess.run(words, capture_output=True, text=True, env=env)
    assert ended.stdout.split() == ["False", "False", "True", "True"], ended.stderr
