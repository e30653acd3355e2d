"""What a training may take: CPU time, not time on a clock, which a busy machine makes long; and what hangs is ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mrdl.mapreduce.task import cpu_seconds
from mrdl.sweep.jobs.child import Limits, in_child, over_limit
from mrdl.sweep.jobs.trainings import rounds_of


def train(work, **limits):
    """The record of what a child does; work(beat)."""
    (found,) = in_child(lambda beat: work(beat) or [{"status": "done"}], Limits(**limits), lambda: None)
    return found


def stopped_now_and_then(beat):
    """As on a machine that has no time: 0.6 s on the clock for each hundredth of a CPU second."""
    for _ in range(3):
        time.sleep(0.6)
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass


def test_a_training_that_waits_for_its_turn_is_not_taken_for_too_long():
    found = train(stopped_now_and_then, cpu_s=0.5, memory_mb=512, hang_s=1.2)
    assert found["status"] == "done" and found["wall_s"] > 1.7 > 0.5 > found["cpu_s"]


def test_a_training_that_ends_its_epochs_does_not_hang_whatever_it_uses():
    def asleep(beat):
        for _ in range(6):
            time.sleep(0.2)
            beat()

    assert train(asleep, cpu_s=5, memory_mb=512, hang_s=0.6)["status"] == "done"


def test_what_hangs_is_ended_though_it_looks_around_from_time_to_time():
    def waits(beat):
        while True:
            time.sleep(0.05)

    found = train(waits, cpu_s=60, memory_mb=512, hang_s=1)
    assert found["reason"].startswith("hangs: in 1 s it ended no epoch") and found["wall_s"] < 8


def test_the_limit_is_of_all_processes_of_a_training():
    def by_another(beat):
        subprocess.run([sys.executable, "-c", "while True: pass"], check=False)

    found = train(by_another, cpu_s=0.5, memory_mb=4096)
    assert found["reason"] == over_limit(0.5)


def test_cpu_seconds_are_those_of_the_process_and_of_all_below_it():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        while (used := cpu_seconds(process.pid)) < 0.3:
            assert process.poll() is None
        own = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        assert own / os.sysconf("SC_CLK_TCK") < used
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert cpu_seconds(process.pid) == 0


@pytest.mark.parametrize("epochs", [*range(1, 40), 97, 101, 9973, 10**6 + 3])
def test_any_number_of_epochs_is_a_few_rounds_and_hardly_more_epochs(epochs):
    rounds, each = rounds_of(epochs)
    assert min(3, epochs) <= rounds <= 12
    assert epochs <= rounds * each < epochs + 3
    if any(epochs % number == 0 for number in range(3, 13)):
        assert rounds * each == epochs


def test_97_epochs_are_98():
    assert rounds_of(97) == (7, 14) and rounds_of(60) == (3, 20) and rounds_of(7) == (7, 1)
