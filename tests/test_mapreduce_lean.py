"""What the import of mrjob costs, and leaves as it was."""

import os
import subprocess
import sys

import pytest
from mrjob.job import MRJob

from mrdl.mapreduce.lean import LeanJob

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


def test_jobs_have_the_flags_of_mrjob_each_in_a_parser_of_its_own():
    class Mine(LeanJob):
        def configure_args(self):
            super().configure_args()
            self.add_passthru_arg("--mine", type=int)

    words = ["a.csv", "--mapper", "--step-num=1", "-r", "inline", "--cmdenv", "A=b", "b.csv", "--no-conf"]
    plain, mine, again = MRJob(words), Mine([*words, "--mine", "3"]), LeanJob(words)
    assert vars(again.options) == vars(plain.options) and vars(mine.options) == {**vars(plain.options), "mine": 3}
    for job in (again, mine):
        with pytest.raises(ValueError, match="unrecognized arguments: --yours"):
            job.load_args([*words, "--yours"])
