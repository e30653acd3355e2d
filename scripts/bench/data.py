"""From CSV to hashed binary shards: throughput, memory whatever the size, growth with rows, own time of a task.

.venv/bin/python scripts/bench/data.py [--repeats 3]
"""

import argparse
import shlex
import tempfile
from pathlib import Path

from common import DIGITS, PYTHON, REPO, WORK, best, measure, mnist, table, task, task_order

LINES = """
import sys
rows = 0
for line in open(sys.argv[1]):
    if rows: values = [float(cell) for cell in line.split(",")]
    rows += 1
"""
PANDAS = "import sys, pandas; pandas.read_csv(sys.argv[1], dtype='float32')"


def throughput(repeats, folder):
    data = mnist()
    size = data.stat().st_size / 1e6
    order = task_order(data, folder)
    start = {name: measure([PYTHON, "-c", f"import {name}"]).cpu for name in ("sys", "pandas")}
    empty = measure(task(order, "mapper")).cpu
    found = best(
        repeats,
        mapper=lambda: measure(task(order, "mapper"), stdin=data),
        pandas=lambda: measure([PYTHON, "-c", PANDAS, data]),
        lines=lambda: measure([PYTHON, "-c", LINES, data]),
    )
    own = {
        "mrdl map task: parse, hash, place, statistics, pack": found["mapper"].cpu - empty,
        "pandas.read_csv, parse alone": found["pandas"].cpu - start["pandas"],
        "float() for each cell, parse alone": found["lines"].cpu - start["sys"],
    }
    rows = [[name, f"{cpu:.2f}", f"{size / cpu:.0f}"] for name, cpu in own.items()]
    table(f"CSV of {size:.0f} MB, start of Python not counted", rows, ["", "CPU s", "MB per CPU-s"])


def memory(folder):
    rows, one = [], mnist()
    big = WORK / "mnist-600000.csv"
    if not big.exists():
        header, _, body = one.read_bytes().partition(b"\n")
        with open(big, "wb") as file:
            file.write(header + b"\n")
            for _ in range(10):
                file.write(body)
    order = task_order(one, folder)
    for data in (one, big):
        measured = measure(task(order, "mapper"), stdin=data)
        size = data.stat().st_size / 1e6
        rows.append([f"{size:.0f} MB", f"{measured.memory:.0f}", f"{measured.cpu:.1f}", f"{size / measured.cpu:.0f}"])
    table("One map task over a whole file", rows, ["file", "peak MB", "CPU s", "MB per CPU-s"])
    return big


def growth(repeats):
    def run(data):
        folder = tempfile.mkdtemp()
        words = ["--shards", "4", "--rounds", "1", "--epochs", "1", "--batch-size", "64", "--run-dir", folder + "/run"]
        return measure([PYTHON, REPO / "train.py", data, *words], env={"XDG_CACHE_HOME": folder})

    sizes = {6_000: mnist(6_000), 18_000: mnist(18_000), 60_000: mnist()}
    found = best(repeats, **{str(n): (lambda data=data: run(data)) for n, data in sizes.items()})
    first = found["6000"]
    rows = [
        [n, f"{found[str(n)].cpu:.1f}", f"{found[str(n)].cpu / first.cpu:.1f}x for {n / 6_000:.0f}x the rows"]
        for n in sizes
    ]
    table("A whole inline run of one epoch", rows, ["rows", "CPU s", "growth"])


def map_and_reduce(data, order, shard):
    """Step 1 of the first job by hand, one map and one reduce task; leaves a cached shard."""
    command = f"LC_ALL=C sort -t '\t' -k 1,1 -s | {shlex.join(map(str, task(order, 'reducer')))} > {shard}"
    command = f"{shlex.join(map(str, task(order, 'mapper')))} | {command}"
    measure(["bash", "-o", "pipefail", "-c", command], stdin=data)


def own_time(repeats, folder):
    """What a task costs beyond Python's and torch's start, on data that costs nothing."""
    order = task_order(DIGITS, folder, shards=1, nodes="64,10", epochs=1, batch_size=2000)
    shard = Path(folder) / "shard"
    map_and_reduce(DIGITS, order, shard)
    cached = task_order(DIGITS, folder, cached=True, shards=1, nodes="64,10", epochs=1, batch_size=2000)
    found = best(
        repeats,
        python=lambda: measure([PYTHON, "-c", "pass"]),
        numpy=lambda: measure([PYTHON, "-c", "import numpy"]),
        torch=lambda: measure([PYTHON, "-c", "import torch"]),
        map=lambda: measure(task(order, "mapper"), stdin=DIGITS, env=LEAN),
        train=lambda: measure(task(cached, "mapper"), stdin=shard, env=LEAN),
    )
    cpu = {name: measured.cpu for name, measured in found.items()}
    rows = [
        ["map task that places rows, no torch", f"{cpu['map']:.2f}", f"{cpu['map'] - cpu['python']:.2f} beyond python"],
        [
            "map task that trains a cached shard",
            f"{cpu['train']:.2f}",
            f"{cpu['train'] - cpu['torch']:.2f} beyond torch",
        ],
        ["python alone", f"{cpu['python']:.2f}", ""],
        ["import torch", f"{cpu['torch']:.2f}", ""],
    ]
    table("A task on 1,797 rows of 65 columns, CPU seconds", rows, ["", "in all", "own"])


def training_memory(folder):
    """Peak of a training task beyond Python and torch, against the bytes of its shard as an array."""
    rows = []
    for limit, name in ((1 << 20, "in memory"), (10, "from a mapped file, --task-memory-mb 10")):
        words = {"shards": 1, "nodes": "784,10", "epochs": 1, "batch_size": 1000, "task_memory_mb": limit}
        words["validation"] = 0
        order = task_order(mnist(), folder, **words)
        shard = Path(folder) / "shard"
        map_and_reduce(mnist(), order, shard)
        cached = task_order(mnist(), folder, cached=True, **words)
        base = measure(["sh", "-c", '"$@" < /dev/null', "sh", PYTHON, "-c", "import torch, pyarrow, mrjob.job"]).memory
        used = measure(task(cached, "mapper"), stdin=shard, cwd=folder).memory - base
        size = 60_000 * 784 / 2**20
        rows.append([name, f"{size:.0f}", f"{used:.0f}", f"{used / size:.2f}x"])
    title = "A training task, MB; its peak beyond that of importing PyTorch, under which a part of the shard fits"
    table(title, rows, ["shard", "its array", "peak", "ratio"])


LEAN = {"SETUPTOOLS_USE_DISTUTILS": "stdlib"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        throughput(options.repeats, folder)
        memory(folder)
        own_time(options.repeats, folder)
        training_memory(folder)
    growth(options.repeats)


if __name__ == "__main__":
    main()
