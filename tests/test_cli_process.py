"""A library leaves the process of its caller as it found it, and runs side by side do not disturb each other."""

import gc
import logging
import os
import signal
import sys
import threading
import time

import pytest
import torch

import mrdl
from mrdl.cli import process
from mrdl.cli.main import main
from mrdl.cli.script import TrainJob
from mrdl.cluster.retry import Retry
from mrdl.errors import Unavailable
from mrdl.nn.engines.torch_device import one_thread
from mrdl.rounds.combine import mean

QUICK = {"nodes": (64, 8, 10), "shards": 2, "rounds": 1, "epochs": 1, "warm_rows": 60, "show": False}
WORDS = ["--nodes", "64,8,10", "--shards", "2", "--rounds", "1", "--epochs", "1", "--warm-rows", "60"]


@pytest.fixture
def two_threads():
    """torch computes on two threads, as a caller has set it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def in_thread(work):
    """What a function gives that runs in a thread of its own; its exception is raised here."""
    found = []

    def run():
        try:
            found.append((work(), None))
        except BaseException as error:
            found.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(120)
    (answer, error), *_ = found
    if error:
        raise error
    return answer


class Broken(TrainJob):
    """A job whose rows cannot be trained on."""

    combine_rule = staticmethod(lambda results: 1 / 0)


def state():
    """What belongs to the caller."""
    loggers = [logging.getLogger(name) for name in ("", "mrjob", "hdfs")]
    logs = [(logger.level, list(logger.handlers)) for logger in loggers]
    streams = (sys.stdout, sys.stderr, sys.stdin, list(sys.path))
    python = (dict(os.environ), os.getcwd(), gc.get_threshold())
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return torch.get_num_threads(), streams, logs, python, handlers


def test_a_training_leaves_the_process_as_it_was(two_threads, digits, tmp_path):
    import threadpoolctl  # noqa: F401  its import sets a variable of the environment, as scikit-learn's does

    import mrdl.mapreduce.launch  # noqa: F401  mrjob's own loggers are set up by its import

    before = state()
    model = mrdl.train(digits, run_dir=str(tmp_path / "run"), **QUICK)
    model.evaluate(digits)
    assert state() == before


def test_a_training_that_fails_leaves_the_process_as_it_was(two_threads, new_run):
    before = state()
    with pytest.raises(mrdl.TrainingError, match="division by zero"):
        new_run(job_class=Broken, **{k: v for k, v in QUICK.items() if k != "show"}).execute()
    assert state() == before


def test_a_command_leaves_the_process_as_it_was(two_threads, digits, tmp_path, capfd):
    before = state()
    assert main(["train", str(digits), *WORDS, "--run-dir", str(tmp_path / "run"), "--json"]) == 0
    assert main(["train", str(digits), "--rounds", "x"]) == 2
    assert state() == before


class Interrupting:
    """An object in whose end the process is interrupted: Python prints what is raised there, and forgets it."""

    def __init__(self, number):
        self._number = number

    def __del__(self):
        signal.raise_signal(self._number)


@pytest.fixture
def looking_often(monkeypatch):
    """A command looks 50 times a second whether an interruption was lost."""
    monkeypatch.setattr(process, "AGAIN_S", 0.02)


@pytest.fixture
def lost(monkeypatch):
    """What Python has been given to print and forget."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: found.append(told.exc_type))
    return found


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_that_python_forgets_comes_again(looking_often, lost, name):
    before = state()
    with pytest.raises(KeyboardInterrupt), process.command():
        Interrupting(getattr(signal, name))
        time.sleep(100)
    assert lost == [KeyboardInterrupt] and state() == before


def test_what_clears_up_after_an_interruption_is_not_interrupted_again(looking_often):
    cleared = []
    with pytest.raises(KeyboardInterrupt), process.command():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            try:
                time.sleep(0.1)
                raise OSError
            except OSError:
                time.sleep(0.1)
            time.sleep(0.1)
            cleared.append(True)
    assert cleared


def test_a_second_ctrl_c_interrupts_what_clears_up():
    with pytest.raises(KeyboardInterrupt), process.command():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_an_interruption_that_is_caught_on_purpose_does_not_come_again(looking_often):
    with process.command():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            process.heard()
        time.sleep(0.1)


def test_a_command_ignores_ctrl_c_where_its_process_does():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with process.command():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_training_whose_interruption_is_forgotten_ends_with_130(looking_often, lost, tmp_path, digits, capfd, name):
    class Forgetting(TrainJob):
        @staticmethod
        def combine_rule(results):
            Interrupting(getattr(signal, name))
            return mean(results)

    words = ["train", str(digits), "--nodes", "64,8,10", "--rounds", "9999", "--run-dir", str(tmp_path / "run")]
    assert main(words, job_class=Forgetting) == 130
    assert KeyboardInterrupt in lost and "--resume" in capfd.readouterr().err
    assert not (tmp_path / "run" / "work").exists()


def test_a_command_runs_in_a_thread(digits, tmp_path, capfd):
    words = ["train", str(digits), *WORDS, "--run-dir", str(tmp_path / "run"), "--json"]
    assert in_thread(lambda: main(words)) == 0


def test_a_task_does_not_move_its_caller(digits, tmp_path, monkeypatch, new_run):
    """Other threads of the caller would open their files in the folder of the task."""
    monkeypatch.chdir(tmp_path)
    seen = []

    class Looking(TrainJob):
        def parse(self, schema):
            seen.append((os.getcwd(), sys.stdout))
            return super().parse(schema)

    new_run(job_class=Looking, **{k: v for k, v in QUICK.items() if k != "show"}).execute()
    assert seen == [(str(tmp_path), sys.stdout)]


def test_two_trainings_in_two_threads_are_what_each_is_alone(two_threads, digits, tmp_path):
    alone = [mrdl.train(digits, run_dir=str(tmp_path / f"alone{i}"), seed=i, **QUICK).sha256 for i in (1, 2)]
    before = state()
    found: dict[int, str] = {}

    def train(seed):
        found[seed] = mrdl.train(digits, run_dir=str(tmp_path / f"run{seed}"), seed=seed, **QUICK).sha256

    threads = [threading.Thread(target=train, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [found[1], found[2]] == alone
    assert state() == before and in_thread(torch.get_num_threads) == 2


def test_threads_that_compute_side_by_side_leave_the_number_of_each(two_threads):
    with one_thread():
        assert torch.get_num_threads() == 1

        def inner():
            with one_thread():
                pass
            return torch.get_num_threads()

        assert in_thread(inner) == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_one_thread_within_another_leaves_one(two_threads):
    with one_thread():
        with one_thread():
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_end_of_a_wait_in_one_thread_is_not_the_end_of_another():
    retry, heard = Retry(), []

    def of_another_run():
        with retry.waiting(300, heard.append):
            pass

    with retry.waiting(0.01, heard.append):
        in_thread(of_another_run)
        with pytest.raises(Unavailable, match=r"mrdl waited 0 s for it"):
            retry(lambda: (_ for _ in ()).throw(Unavailable("away.")))

    with pytest.raises(Unavailable, match=r"^away\.$"):
        retry(lambda: (_ for _ in ()).throw(Unavailable("away.")))


def test_each_configuration_of_hadoop_has_a_store_of_its_own(tmp_path, monkeypatch):
    from mrdl.storage.store import hdfs_store

    names = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        text = (
            "<configuration><property><name>fs.defaultFS</name><value>hdfs://{}:9000</value></property></configuration>"
        )
        (folder / "core-site.xml").write_text(text.format(name))
        monkeypatch.setenv("HADOOP_CONF_DIR", str(folder))
        names.append(hdfs_store().cluster.filesystem)
    assert names == ["one:9000", "two:9000"]
