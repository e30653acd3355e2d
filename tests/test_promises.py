"""What a user may rely on without looking: no pickle, no socket, no data that others can read."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

MRDL = Path(__file__).resolve().parent.parent / "mrdl"
SMALL = ["--nodes", "64,16,10", "--shards", "2", "--rounds", "1", "--epochs", "1", "--warm-rows", "50"]
EVENTS = ("socket.__new__", "socket.bind", "socket.connect", "pickle.find_class")
AUDIT = f"""
import os, sys
log = os.open({{log!r}}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(log, f"started {{{{os.getpid()}}}}\\n".encode())
sys.addaudithook(lambda event, args: event in {EVENTS!r} and os.write(log, f"{{{{event}}}} {{{{args}}}}\\n".encode()))
"""


@pytest.mark.parametrize("runner", ["inline", pytest.param("local", marks=pytest.mark.slow)])
def test_a_run_opens_no_socket_unpickles_nothing_and_leaves_nothing_pickled(runner, digits, tmp_path):
    log, hooks = tmp_path / "events", tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(AUDIT.format(log=str(log)))
    command = [sys.executable, "-m", "mrdl", "train", str(digits), "-r", runner, *SMALL, "--run-dir", "run"]
    env = {**os.environ, "PYTHONPATH": f"{hooks}:{MRDL.parent}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(command, cwd=tmp_path, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = log.read_text().splitlines()
    processes = sum(line.startswith("started") for line in told)
    assert processes == 1 if runner == "inline" else processes > 4, "the tasks are listened to as well"
    events = [line for line in told if not line.startswith("started")]
    # urllib3 asks the kernel once, when it is imported, whether there is IPv6; that socket is closed again unused
    probe = [line for line in events if line.startswith("socket.__new__") or "('::1', 0)" in line]
    assert events == probe and len(probe) in (0, 2), "by the driver alone"
    written = [path for folder in ("run", "cache") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert len(written) > 8
    for path in written:
        data = path.read_bytes()
        assert not data.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")), path


def test_shards_and_the_files_of_a_running_job_are_readable_by_their_owner_alone(digits, tmp_path, monkeypatch):
    import mrdl
    from mrdl.mapreduce import launch

    seen = {}
    original = launch.run

    def look(runner, job_class, about):
        seen["work"] = stat.S_IMODE(about.work_dir.stat().st_mode)
        return original(runner, job_class, about)

    monkeypatch.setattr(launch, "run", look)
    before = os.umask(0o022)
    try:
        mrdl.train(digits, show=False, run_dir=str(tmp_path / "run"), nodes=(64, 8, 10), shards=2, rounds=1, epochs=1)
    finally:
        os.umask(before)
    assert seen["work"] == 0o700
    (cache,) = (tmp_path / "cache").rglob("shards")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert not (tmp_path / "run" / "work").exists(), "and nothing of it stays"
