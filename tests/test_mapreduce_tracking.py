"""What is made of the words that a failed job leaves, and of Hadoop's counters."""

import pytest

from mrdl.errors import ConfigError, DamagedShard, JobLost, SetupError, TrainingError
from mrdl.mapreduce.failures import error_of_log
from mrdl.mapreduce.tracking import FileTracker, retried_attempts

TRACEBACK = """log4j:WARN nothing
Traceback (most recent call last):
  File "job.py", line 1, in <module>
ZeroDivisionError: division by zero
java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1
\tat org.apache.hadoop.streaming.PipeMapRed.waitOutputThreads(PipeMapRed.java:326)
"""


def test_a_tasks_own_traceback_is_shown_without_those_of_java():
    error = error_of_log(TRACEBACK, on_yarn=True)
    assert type(error) is TrainingError
    assert "ZeroDivisionError: division by zero" in str(error)
    assert "PipeMapRed" not in str(error) and "log4j" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Application application_1_2 failed 2 times due to AM Container for appattempt_1 exited with exitCode: 137",
    ],
)
def test_a_job_that_no_task_speaks_of_was_lost_by_hadoop(text):
    error = error_of_log(text, on_yarn=True)
    assert type(error) is JobLost and (text or "never accepted") in str(error)
    assert type(error_of_log(text)) is TrainingError


@pytest.mark.parametrize(
    "text",
    [
        "Container [pid=7] is running beyond physical memory limits. Killing container.",
        "[x]Container [pid=7,containerID=c] is running 9B beyond the 'PHYSICAL' memory limit. Usage: 1 GB",
        "Error: Java heap space",
    ],
)
def test_a_task_that_was_ended_for_its_memory_is_told_with_the_way_out_and_not_run_again(text):
    error = error_of_log(text, on_yarn=True)
    assert type(error) is SetupError and text.partition("is ")[2] in str(error)
    for way_out in ("mapreduce.map.memory.mb", "mapreduce.reduce.memory.mb", "--mrjob-conf", "--shards"):
        assert way_out in str(error)


@pytest.mark.parametrize("kind", [ConfigError, DamagedShard])
def test_an_error_of_mrdl_in_a_task_is_the_same_error_in_the_driver(kind):
    text = f"Traceback (most recent call last):\n  File\nmrdl.errors.{kind.__name__}: shard 3 has 5 rows, expected 6\n"
    error = error_of_log(text, on_yarn=True)
    assert type(error) is kind and str(error) == "shard 3 has 5 rows, expected 6"


def test_a_python_that_cannot_run_the_tasks_is_a_matter_of_the_setup():
    for text in ("ModuleNotFoundError: No module named 'numpy'", "sh: line 1: python9: command not found"):
        assert type(error_of_log(text, on_yarn=True)) is SetupError


def test_a_full_disk_of_a_node_is_named():
    error = error_of_log(
        "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n", on_yarn=True
    )
    assert type(error) is SetupError and "No space left" in str(error) and "--resume" in str(error)


def test_attempts_beyond_the_first_are_counted_over_all_steps():
    steps = [
        {"Job Counters": {"Failed map tasks": 2, "Launched map tasks": 6, "Killed reduce tasks": 1}},
        {"File System Counters": {"Failed map tasks": 9}},
        {"Job Counters": {"Failed reduce tasks": 1}},
        {},
    ]
    assert retried_attempts(steps) == 4


def test_the_first_traceback_of_local_tasks_is_found(tmp_path):
    for number, text in enumerate(["reporter:status:fine", TRACEBACK, "nothing"]):
        folder = tmp_path / "job" / "step" / "0" / "mapper" / str(number)
        folder.mkdir(parents=True)
        (folder / "stderr").write_text(text)
    tracker = FileTracker(tmp_path, 2)
    assert "ZeroDivisionError" in tracker.failure_log()
    assert tracker.phases_s()["job"] >= 0
