"""Each runner of the table keeps the contract of Runner: a new one is tested by standing there."""

import inspect
import os

import pytest
from mrjob.runner import MRJobRunner

from mrdl.errors import ConfigError, JobLost, TrainingError
from mrdl.mapreduce.arguments import Job
from mrdl.mapreduce.runners import RUNNERS, Runner, runner_of
from mrdl.storage import store
from mrdl.storage.store import is_hdfs

METHODS = [name for name, found in vars(Runner).items() if inspect.isfunction(found) and not name.startswith("_")]


@pytest.fixture(autouse=True)
def conf(tmp_path, monkeypatch):
    """The configuration of a cluster that nobody runs: nothing here may ask it."""
    text = "<configuration><property><name>fs.defaultFS</name><value>hdfs://nobody:1</value></property></configuration>"
    (tmp_path / "core-site.xml").write_text(text)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    store._store_of_conf.cache_clear()
    yield
    store._store_of_conf.cache_clear()


@pytest.fixture(params=RUNNERS)
def runner(request):
    return runner_of(request.param)


def options(words):
    """Each option with the values that follow it."""
    found = {}
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("-"):
            found.setdefault(word, []).append(after)
    return found


def test_a_runner_has_the_name_that_it_is_found_by(runner):
    assert RUNNERS[runner.name] and runner_of(runner.name) is runner and runner.place


@pytest.mark.parametrize("name", METHODS)
def test_a_runner_takes_the_arguments_of_the_contract(runner, name):
    wanted = inspect.signature(getattr(Runner, name)).parameters
    found = inspect.signature(getattr(runner, name)).parameters
    bare = [[p.replace(annotation=0) for p in some.values() if p.name != "self"] for some in (found, wanted)]
    assert bare[0] == bare[1]


def test_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match="runner 'spark', expected one of inline, local, hadoop"):
        runner_of("spark")


def test_a_runner_keeps_data_where_its_tasks_read_it(runner, tmp_path):
    for place in (runner.home("shards"), runner.temporary("mrdl-1", tmp_path)):
        assert is_hdfs(place) is runner.reads_hdfs
    assert runner.home("shards").endswith("mrdl/shards")


def test_a_command_line_says_who_runs_where_and_with_what(runner, tmp_path):
    job = Job(tag="mrdl-1", work_dir=tmp_path, output_dir=str(tmp_path / "out"), python_bin="python9", roots=["/mine"])
    found = options(runner.arguments(job))
    assert found["-r"] == [runner.name] and found["--output-dir"] == [job.output_dir]
    assert found["--local-tmp-dir"] == [str(tmp_path)] and found["--cleanup"] == ["NONE"]
    if not runner.runs_here:
        assert found["--python-bin"] == ["python9"] and "OMP_NUM_THREADS=1" in found["--cmdenv"]
    if runner.reads_hdfs:
        assert "mapreduce.job.tags=mrdl-1" in found["-D"]


def test_a_conf_of_the_users_own_is_taken_by_every_runner(runner, tmp_path):
    job = Job(tag="mrdl-1", work_dir=tmp_path, output_dir="out", mrjob_conf="my.conf")
    found = options(runner.arguments(job))
    assert found["--conf-path"] == ["my.conf"] and "--no-conf" not in found


def test_a_file_or_command_of_the_user_that_cannot_be_is_refused(runner, tmp_path, monkeypatch):
    monkeypatch.setenv("HADOOP_HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "hadoop").touch()
    runner.check()
    with pytest.raises(ConfigError, match="nowhere.conf cannot be read"):
        runner.check(mrjob_conf="nowhere.conf")
    with pytest.raises(ConfigError, match="expected a command"):
        runner.check(python_bin="'python")


def test_mrjobs_class_takes_inputs_by_their_literal_names(runner):
    found = runner.mrjob_class(cached=False, reducers=3, inputs=["/a*[b].csv"])
    assert issubclass(found, MRJobRunner) and found.inputs == ["/a*[b].csv"]
    assert runner.mrjob_class(cached=True).inputs is None


def test_the_error_of_a_job_is_that_of_its_task_or_a_job_that_was_lost(runner):
    told = runner.error("Traceback (most recent call last):\n  File\nmrdl.errors.ConfigError: no such thing\n")
    assert type(told) is ConfigError and str(told) == "no such thing"
    assert type(runner.error("")) is (JobLost if runner.reads_hdfs else TrainingError)


def test_a_runner_of_this_machine_has_a_slot_and_nothing_to_stop(runner):
    if not runner.reads_hdfs:
        runner.stop("mrdl-1")
        assert runner.slots() == (1 if runner.runs_here else len(os.sched_getaffinity(0)))
