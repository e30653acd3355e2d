"""Packs of designs as one map-only job: a line of the control file is a pack, and a map task each (NLineInputFormat).

The data comes by the distributed cache, once a node, and is mapped.
"""

import json
from typing import Any

from mrdl.data.dataset import load_data
from mrdl.mapreduce.lean import LeanJob, MRStep
from mrdl.mapreduce.task import task_streams
from mrdl.sweep.jobs.child import Limits
from mrdl.sweep.jobs.pack import run_pack
from mrdl.sweep.record import line_of


class SweepJob(LeanJob):
    """One wave of packs; what it is to do stands in `--settings`."""

    HADOOP_INPUT_FORMAT = "org.apache.hadoop.mapred.lib.NLineInputFormat"

    def configure_args(self) -> None:
        """The files that each task gets."""
        super().configure_args()
        self.add_file_arg("--settings", help="limits and back end, written by the driver")
        self.add_file_arg("--data", help="the prepared data, a safetensors file")

    def steps(self) -> list[MRStep]:
        """Maps alone."""
        conf = {
            "mapreduce.job.reduces": "0",
            "mapreduce.input.lineinputformat.linespermap": "1",
            "stream.map.input.ignoreKey": "true",
            "mapreduce.map.maxattempts": "2",
            "mapreduce.map.failures.maxpercent": "100",  # what is missing is found by the driver, and sent again
            "mapreduce.fileoutputcommitter.algorithm.version": "2",  # a task's file is there when the task is over
        }
        return [MRStep(mapper=self.mapper, jobconf=conf)]

    def mapper(self, key: Any, value: Any) -> None:
        """Never called: see run_mapper."""
        raise NotImplementedError

    def run_mapper(self, step_num: int = 0) -> None:
        """One map task: its lines are packs, lists of items."""
        with open(self.options.settings, encoding="utf-8") as file:
            settings = json.load(file)
        data = load_data(self.options.data)
        with task_streams(self) as (lines, write):
            for line in lines:
                work = [tuple(item) for item in json.loads(line)]
                limits, device = Limits(**settings["limits"]), settings["device"]
                for record in run_pack(work, data, limits, self.set_status, device=device):
                    write(record.arch_id.encode(), line_of(record).rstrip())


if __name__ == "__main__":
    SweepJob.run()
