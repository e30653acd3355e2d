"""The shell of a run's jobs: their steps and files, as mrjob has them. The work of a task stands in mrdl.rounds.tasks.

The first job has two steps. Step 1 maps blocks of the CSV to packed rows, keyed by shard, and sends its
statistics to every shard; its reducer holds one shard, packs it, trains it and emits the shard and its result.
Step 2 lets only results through and combines them in one reducer. The output of step 1 stays: it is the cache of
shards. A later round is a one-step job, whose map reads cached shards, trains them, and whose reducer combines.

A stage (see mrdl.nn.architecture) begins with its warm start: that trains one small sample of all rows, whose weights
every shard begins the stage's first round with.

Hadoop is given the file that defines the class: this one, or a script of the user's (see mrdl.cli.script).
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mrdl.data.text.csv import BlockParser
from mrdl.data.text.schema import Schema
from mrdl.mapreduce.lean import LeanJob, MRStep
from mrdl.mapreduce.task import is_task, keep_output, task_streams
from mrdl.nn.weights import Weights
from mrdl.rounds import tasks
from mrdl.rounds.combine import RULES, Rule
from mrdl.rounds.order import Order
from mrdl.shards.reading import Parse

WHOLE_FILES = {"mapreduce.input.fileinputformat.split.minsize": str(1 << 50)}  # one map task a file
ONE_REDUCER = {"mapreduce.job.reduces": "1"}


class RoundJob(LeanJob):
    """One job of a run; `--order` is written by the driver, tasks get nothing else but their lines and the weights."""

    combine_rule: Rule | None = None
    """A rule of your own in place of the setting `combine`: combine_rule = staticmethod(f)."""

    env: Mapping[str, str] = os.environ
    """What Hadoop, or mrjob in its place, tells a task; of tasks in one process each has its own."""

    def configure_args(self) -> None:
        """Name the files that each task gets."""
        super().configure_args()
        self.add_file_arg("--order", help="what this job is to do, written by the driver")
        self.add_file_arg("--weights", help="the weights that this round starts from")

    def steps(self) -> list[MRStep]:
        """One step, or two in the first job."""
        step = {"mapper": self.mapper, "reducer": self.reducer}
        if self._order.cached:
            return [MRStep(**step, jobconf={**ONE_REDUCER, **WHOLE_FILES})]
        of_shards = {"mapreduce.job.reduces": str(self._order.reducers)}
        return [MRStep(**step, jobconf=of_shards), MRStep(**step, jobconf=ONE_REDUCER)]

    def mapper(self, key: Any, value: Any) -> None:
        """Never called: run_mapper reads blocks. mrjob wants to see that there is one."""
        raise NotImplementedError

    def reducer(self, key: Any, values: Any) -> None:
        """Never called: see run_reducer."""
        raise NotImplementedError

    def run_mapper(self, step_num: int = 0) -> None:
        """Do the work of one map task."""
        with task_streams(self) as (lines, write):
            if step_num:
                tasks.pass_results(lines, write)
            elif self._order.cached:
                tasks.train_cached(lines, write, self._order, self._start_weights(), self.set_status)
            elif self._order.pieces:
                tasks.map_pieces(lines, write, self._order, self.parse(self._order.schema))
            else:
                split = tasks.Split.of(self.env)
                tasks.map_rows(lines, write, self._order, self.parse(self._order.schema), split)

    def run_reducer(self, step_num: int = 0) -> None:
        """Do the work of one reduce task."""
        with task_streams(self) as (lines, write):
            if step_num or self._order.cached:
                rule = type(self).combine_rule or RULES[self._order.config.combine]
                tasks.combine_results(lines, write, self._order, rule)
            else:
                tasks.reduce_rows(lines, write, self._order, self._start_weights(), self.set_status)

    def parse(self, schema: Schema) -> Parse:
        """The function that makes whole lines of text rows; override it for another format of lines."""
        return BlockParser(schema).parse

    @cached_property
    def _order(self) -> Order:
        """What the driver has told this job, read when it is first asked for."""
        return Order.from_json(Path(self.options.order).read_text(encoding="utf-8"), in_task=is_task())

    def _start_weights(self) -> Weights:
        """The weights that the round starts from; empty where the seed gives them all."""
        from safetensors.numpy import load_file

        return load_file(self.options.weights) if self.options.weights else {}


if is_task():
    keep_output()  # a job file imports this before it prints


if __name__ == "__main__":
    RoundJob.run()
