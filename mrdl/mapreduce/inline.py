"""The inline runner: all tasks in this process, one after the other."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from mrjob.inline import InlineMRJobRunner

from mrdl.mapreduce.arguments import Job, options_of
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.simulated import AsHadoop, OnThisMachine


class MrjobInline(AsHadoop, InlineMRJobRunner):
    """mrjob's inline runner, which leaves this process as it is: folder, environment and standard streams.

    mrjob changes them all for each task, which other threads would see: `_invoke_task_func`, a private name, is
    overridden. It may where a job wants files in its folder.
    """

    def _invoke_task_func(self, task_type: str, step_num: int, task_num: int) -> Callable[..., None]:
        """What runs a task with streams and variables of its own, as mrjob calls it; mrjob's where a job has files."""
        job_class = self._mrjob_cls
        if job_class.FILES or job_class.DIRS or job_class.ARCHIVES:
            of_mrjob: Callable[..., None] = super()._invoke_task_func(task_type, step_num, task_num)
            return of_mrjob
        words = [f"--step-num={step_num}", f"--{task_type}", *self._mr_job_extra_args(local=True)]

        def invoke(stdin: Any, stdout: Any, stderr: Any, wd: str, env: Mapping[str, str]) -> None:
            task = job_class(words).sandbox(stdin, stdout, stderr)
            task.env = {**os.environ, **env}
            task.execute()

        return invoke


class Inline(OnThisMachine):
    """The runner (see Runner) whose tasks run in this process."""

    name = "inline"
    runs_here = True
    typical_s = 2.5, 0.1  # as mrdl advise measures them on two cores (scripts/bench/advise.py)
    mrjob_base = MrjobInline

    def slots(self, memory_mb: int | None = None) -> int:
        """See Runner."""
        return 1

    def arguments(self, job: Job) -> list[str]:
        """See Runner."""
        return options_of(job, self.name, without_conf=["--no-conf"])


RUNNER: Runner = Inline()
