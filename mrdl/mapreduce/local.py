"""The local runner: each task in a process of its own, as many at a time as there are cores."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from mrjob.local import LocalMRJobRunner
from mrjob.step import StepFailedException

from mrdl.errors import ConfigError, brief
from mrdl.mapreduce.arguments import Job, options_of, python_options
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.shipping import PACKAGE
from mrdl.mapreduce.simulated import AsHadoop, OnThisMachine
from mrdl.mapreduce.task import DIES_WITH_DRIVER, kill_tasks

ATTEMPTS = 4  # of a task, as Hadoop has it


class MrjobLocal(AsHadoop, LocalMRJobRunner):
    """mrjob's local runner, which begins a task that is killed again.

    `_run_multiple`, a private name, is overridden: threads in place of forked workers, which would outlive a killed
    driver.
    """

    retried = 0
    _over = False

    def _run_multiple(self, funcs: Iterable[Callable[[], None]], num_processes: int | None = None) -> None:
        """Run tasks, each of which waits for a process of its own; where one fails, end the others."""
        with ThreadPoolExecutor(self._num_cores()) as pool:
            futures = [pool.submit(self._attempts, func) for func in funcs]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._over = True  # or else the tasks that are killed here would be begun again
                pool.shutdown(wait=False, cancel_futures=True)
                kill_tasks()
                raise

    def _attempts(self, func: Callable[[], None]) -> None:
        """Run a task; again where a signal has ended it, as the kernel does when memory runs out."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return func()
            except StepFailedException as error:
                cause = error.__context__
                killed = isinstance(cause, subprocess.CalledProcessError) and cause.returncode < 0
                if not killed or self._over or attempt == ATTEMPTS:
                    raise
                self.retried += 1
        return None


class Local(OnThisMachine):
    """The runner (see Runner) whose tasks are processes of this machine."""

    name = "local"
    runs_here = False
    typical_s = 6.0, 2.5  # as mrdl advise measures them on two cores (scripts/bench/advise.py)
    mrjob_base = MrjobLocal

    def check(self, python_bin: str | None = None, mrjob_conf: str | None = None) -> None:
        """See Runner."""
        super().check(python_bin, mrjob_conf)
        if (words := shlex.split(python_bin or "")) and not shutil.which(words[0]):
            raise ConfigError(f"python_bin: there is no program {brief(words[0])} that can be run on this machine")

    def slots(self, memory_mb: int | None = None) -> int:
        """See Runner: the cores that this process may use."""
        return len(os.sched_getaffinity(0))

    def arguments(self, job: Job) -> list[str]:
        """See Runner."""
        options = options_of(job, self.name, without_conf=["--no-conf", "--no-bootstrap-mrjob"])
        path = os.pathsep.join(filter(None, [str(PACKAGE.parent), *job.roots, os.environ.get("PYTHONPATH", "")]))
        # without SAFEPATH the folder of the job file, mrdl's own perhaps, hides modules of the same names
        environment = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", DIES_WITH_DRIVER: str(os.getpid())}
        return options + python_options(job, environment)


RUNNER: Runner = Local()
