"""What a machine has and what is free of it: needs before a start, and what a program and its children take."""

import math
import os
import signal
import subprocess
import sys

import pytest

from mrdl.errors import ConfigError
from mrdl.experiments.machine.gpus import gpus, names
from mrdl.experiments.machine.memory import cpus, memory
from mrdl.experiments.machine.monitor import Monitor, full_in_s
from mrdl.experiments.machine.needs import refusal
from mrdl.experiments.machine.processes import all_processes, by_psutil, tree

# starts a child that leaves for a session of its own and loses its parent, says its number, and waits
LEAVES = """
import os, subprocess, sys
middle = "import subprocess; p = subprocess.Popen(['sleep', '60'], start_new_session=True); print(p.pid, flush=True)"
subprocess.run([sys.executable, "-c", middle])
held = bytearray(os.urandom(1000)) * 60_000
total = 0
for i in range(3_000_000): total += i
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def program(tmp_path):
    """A program that has used some processor time, holds 60 MB and has left a child; and the child's number."""
    env = {**os.environ, "MRDL_HISTORY": str(tmp_path / "history.jsonl")}
    running = subprocess.Popen(
        [sys.executable, "-c", LEAVES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=env,
    )
    with running:
        child = int(running.stdout.readline())
        assert running.stdout.readline() == "ready\n"
        yield running, child
        running.kill()
        os.kill(child, signal.SIGKILL)


def test_a_monitor_sees_a_program_with_what_it_left_behind(program, tmp_path):
    running, child = program
    mark = f"MRDL_HISTORY={tmp_path / 'history.jsonl'}"
    assert {process.pid for process in tree(running.pid)} == {running.pid}
    assert {process.pid for process in tree(running.pid, mark=mark)} == {running.pid, child}
    monitor = Monitor(running.pid, tmp_path, mark)
    assert "cpu" not in monitor.take(0.0)
    sample = monitor.take(5.0)
    assert 60 < sample["memory_mb"] < 600 and sample["processes"] == 2
    assert sample["cpu"] < 100 and sample["disk_free_mb"] > 0 and sample["memory_free_mb"] > 0
    running.kill()
    running.wait()
    sample = Monitor(running.pid, tmp_path).sample()
    assert "memory_mb" not in sample and "disk_free_mb" in sample
    assert monitor.take(10.0)["processes"] == 1  # the child is known by its number and its start


def test_processor_time_is_counted_since_the_last_sample(program, tmp_path):
    running, _ = program
    monitor = Monitor(running.pid, tmp_path)
    used_s = next(process.cpu_s for process in all_processes() if process.pid == running.pid)
    assert used_s > 0
    monitor._at_s = 0.0
    assert monitor.take(1.0)["cpu"] >= round(100 * used_s, 1)
    assert monitor.take(2.0)["cpu"] <= 50  # it waits


def test_processes_by_psutil_are_those_of_proc(program):
    running, child = program
    one = {process.pid: process for process in all_processes()}
    other = {process.pid: process for process in by_psutil()}
    for pid in (running.pid, child):
        a, b = one[pid], other[pid]
        assert (a.parent, a.group, a.session) == (b.parent, b.group, b.session)
        assert a.memory_mb == pytest.approx(b.memory_mb, rel=0.2) and a.cpu_s == pytest.approx(b.cpu_s, abs=0.05)


def test_a_disk_that_will_be_full_is_foreseen_from_its_growth():
    assert full_in_s([(0, 1000), (30, 700)]) == pytest.approx(70)
    assert full_in_s([(0, 1000), (5, 700)]) == math.inf  # too short to say
    assert full_in_s([(0, 1000), (30, 1000)]) == full_in_s([(0, 1000), (30, 1100)]) == full_in_s([]) == math.inf
    assert full_in_s([(0, 0.0)]) == 0


def test_a_full_disk_is_a_warning_once_in_words(tmp_path):
    monitor = Monitor(os.getpid(), tmp_path)
    monitor._free.extend([(0.0, 1000.0), (60.0, 500.0)])
    assert monitor.warnings() == [
        f"the disk of {tmp_path} will be full in 60 s: 500.0 MB are free; 500 MB are written a minute"
    ]
    assert monitor.warnings() == []


def test_needs_are_refused_with_both_numbers(tmp_path):
    folder = tmp_path / "not" / "there"
    words = refusal({"cpus": 10_000, "disk_mb": 1e12, "memory_mb": 1e9, "gpus": 999, "cache_mb": 1e12}, folder)
    assert f"needs 10000 processors, this machine has {cpus()}" in words
    assert "needs 1,000,000,000,000 MB of disk, " in words and f"MB are free in {tmp_path}" in words
    assert "needs 1,000,000,000 MB of memory, " in words and "of disk for the cache" in words
    assert "needs 999 GPUs, this machine has " in words
    assert refusal({"cpus": 1, "disk_mb": 1, "memory_mb": 1}, folder) == refusal({}, folder) == ""


@pytest.mark.parametrize("needs", [{"disk": 3}, {"cpus": "many"}, {"cpus": -1}, {"cpus": math.nan}, {"cpus": True}])
def test_needs_that_make_no_sense_are_refused(needs, tmp_path):
    with pytest.raises(ConfigError, match="needs: expected"):
        refusal(needs, tmp_path)


def test_the_memory_of_a_container_is_what_its_group_may_have(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 16000000 kB\nMemFree: 1 kB\nMemAvailable: 8000000 kB\n")
    whole = memory(tmp_path)
    assert (whole.total_mb, whole.free_mb) == (16384, 8192)
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    assert memory(tmp_path) == whole
    (group / "memory.max").write_text("2000000000\n")
    (group / "memory.current").write_text("1500000000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 500000000\n")
    assert (memory(tmp_path).total_mb, memory(tmp_path).free_mb) == (2000, 1000)
    real = memory()
    assert 0 < real.free_mb <= real.total_mb


def test_gpus_are_named_by_the_kernel_and_asked_by_nvidias_program_where_its_library_is_away(tmp_path, monkeypatch):
    card = tmp_path / "proc" / "driver" / "nvidia" / "gpus" / "0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA H100\nIRQ: 1\n")
    (card.parent.parent / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n")
    assert names(tmp_path) == (["NVIDIA H100"], "550.54.15")
    assert names(tmp_path / "none") == ([], "")
    program = tmp_path / "nvidia-smi"  # prints what the real one prints
    program.write_text(
        "#!/bin/sh\necho '0, NVIDIA H100 PCIe, 81559, 1000, 97'\necho '1, NVIDIA H100 PCIe, 81559, 80000, [N/A]'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("mrdl.experiments.machine.gpus._nvml", lambda: None)
    found = gpus()
    assert [(gpu.index, round(gpu.free_mb), gpu.busy) for gpu in found] == [(0, 1049, 97), (1, 83886, None)]
    assert refusal({"gpus": 2, "gpu_memory_mb": 50_000}, tmp_path) == (
        "needs 50,000 MB of memory on 2 of the GPUs, free are 1,049, 83,886 MB"
    )
    assert refusal({"gpu_memory_mb": 50_000}, tmp_path) == ""
