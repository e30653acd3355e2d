"""What mrdl takes from mrjob under private names is there, and ending tasks ends nothing else."""

import os
import subprocess

import pytest
from mrjob.hadoop import HadoopJobRunner
from mrjob.inline import InlineMRJobRunner
from mrjob.job import MRJob
from mrjob.local import LocalMRJobRunner
from mrjob.sim import SimMRJobRunner

from mrdl.mapreduce.task import DIES_WITH_DRIVER, kill_tasks
from mrdl.mapreduce.yarn import MrjobHadoop


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (MRJob, "_runner_class"),
        (SimMRJobRunner, "_input_paths_for_step"),
        (SimMRJobRunner, "_pick_mapper_split_size"),
        (SimMRJobRunner, "_split_mapper_input"),
        (SimMRJobRunner, "_split_reducer_input"),
        (SimMRJobRunner, "_yield_split_fileobjs"),
        (SimMRJobRunner, "_sorted_reducer_input_path"),
        (InlineMRJobRunner, "_invoke_task_func"),
        (LocalMRJobRunner, "_run_multiple"),
        (HadoopJobRunner, "_get_input_paths"),
        (HadoopJobRunner, "_step_input_uris"),
        (HadoopJobRunner, "_env_for_step"),
        (HadoopJobRunner, "_run_hadoop"),
        (HadoopJobRunner, "fs"),
    ],
)
def test_a_private_name_that_is_overridden_is_there(owner, name):
    assert hasattr(owner, name)


def test_hadoop_is_asked_for_its_version_once_and_not_in_each_round(tmp_path):
    asked, hadoop = tmp_path / "asked", tmp_path / "hadoop"
    hadoop.write_text(f"#!/bin/sh\necho again >> {asked}\necho Hadoop 3.4.1\n")
    hadoop.chmod(0o755)
    for _ in range(2):  # a runner for each round
        of_round = type("Hadoop", (MrjobHadoop,), {"store": None})
        assert of_round(hadoop_bin=[str(hadoop)], conf_paths=[]).get_hadoop_version() == "3.4.1"
    assert asked.read_text() == "again\n"


def test_ending_tasks_leaves_other_children_of_the_program_alone():
    task = subprocess.Popen(["sleep", "100"], env={**os.environ, DIES_WITH_DRIVER: str(os.getpid())})
    other = subprocess.Popen(["sleep", "100"])
    try:
        kill_tasks()
        assert task.wait(timeout=10) == -9 and other.poll() is None
    finally:
        other.kill()
        other.wait()
