"""What a queue of experiments costs, and whether each starts once while its runner is killed again and again.

.venv/bin/python scripts/bench/experiments.py [--kills 200] [--experiments 500] [--added 10000]

The experiments append a line to a file: what was started twice, or never, is counted there. The runner gets SIGKILL
after a random time of up to a second, and is started again. Times of commands are the best of three, of a process each.
"""

import argparse
import collections
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import PYTHON, REPO, table

sys.path.insert(0, str(REPO))

from mrdl.experiments.folder import all_of  # noqa: E402
from mrdl.experiments.queue import files  # noqa: E402


def exp(folder, *words):
    """Seconds of a command of `mrdl exp`, and what it printed."""
    began = time.monotonic()
    told = subprocess.run(
        [PYTHON, "-m", "mrdl", "exp", *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    return time.monotonic() - began, told


def best(folder, *words):
    return min(exp(folder, *words)[0] for _ in range(3))


def runner(where, slots):
    return subprocess.Popen([PYTHON, "-m", "mrdl.experiments.queue.runner", str(where), str(slots)])


def killed(folder, kills, count, slots):
    """The rows of a queue whose runner is killed."""
    where, started = folder / "experiments", folder / "started"
    argv = ["sh", "-c", f"echo $0 >> {started}"]
    specs = [{"name": "short", "argv": [*argv, str(i)], "cwd": str(folder)} for i in range(count)]
    files.add(where, specs)
    draw, done, began = random.Random(0), 0, time.monotonic()
    while done < kills:
        process = runner(where, slots)
        try:
            process.wait(draw.random())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        done += 1
    while any(one.state()["state"] in ("defined", "queued", "running") for one in all_of(where)) or runner_left(where):
        runner(where, slots).wait()
    lines = collections.Counter(started.read_text().split())
    states = collections.Counter(one.state()["state"] for one in all_of(where))
    return [
        ("experiments, and SIGKILLs of their runner", f"{count}, {done}"),
        ("started once", sum(many == 1 for many in lines.values())),
        ("started twice", sum(many > 1 for many in lines.values())),
        ("never started", count - len(lines)),
        ("states in the end", ", ".join(f"{many} {state}" for state, many in states.items())),
        ("seconds in all", f"{time.monotonic() - began:.0f}"),
    ]


def runner_left(where):
    """Whether something of the queue has no folder yet."""
    return sum(last - first + 1 for first, last in files.spans(where)) > len(all_of(where))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--added", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [("`mrdl exp list` of none, s", f"{best(folder, 'list'):.2f}", "0.15")]
        took, _ = exp(folder, "add", "--set", f"i=1..{options.added}", "--", "echo", "{i}")
        rows.append((f"`add` of {options.added:,}, s", f"{took:.2f}", "2"))
        rows.append((f"`list` of {options.added:,} that wait, s", f"{best(folder, 'list'):.2f}", "0.5"))
    table("Commands of experiments", rows, ("", "seen", "goal"))
    with tempfile.TemporaryDirectory() as name:
        found = killed(Path(name), options.kills, options.experiments, options.slots)
    table("A queue whose runner is killed", found, ("", ""))


if __name__ == "__main__":
    main()
