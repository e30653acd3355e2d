"""Wide and long tables, read and trained on: that cost grows with the cells alone, and what memory it takes.

.venv/bin/python scripts/bench/wide.py [--full] [--only inspect,train] [--shapes wide,long]

Each shape is run in three sizes, each twice as long as the one before. --full takes 20,000 columns by 10,000 rows and
50 million rows by 30, 23 GB of text in all in the system's folder for temporary files. Memory is the peak of the
driver's process, and of the largest of its tasks (-r local).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from common import PYTHON, WORK, measure, table
from pyarrow import csv

SHAPES = {  # columns, and rows of each size
    "wide": (4_000, (1_000, 2_000, 4_000)),
    "long": (30, (150_000, 300_000, 600_000)),
}
FULL = {"wide": (20_000, (2_500, 5_000, 10_000)), "long": (30, (12_500_000, 25_000_000, 50_000_000))}
PIECE = 1 << 22  # cells that are made at once
INSPECTED = (28, 450_000, 5)  # 110 MB
# one pass over the rows: what is measured is how cost grows, not what is learnt
TRAINED = ["--shards", "4", "--rounds", "1", "--epochs", "1", "--hidden", "32", "--warm-epochs", "1"]
PROGRAM = """
import contextlib, json, os, re, resource, sys, threading, time
from pathlib import Path
from mrdl.cli.main import main

largest = 0


def watch():  # the tasks alone: ru_maxrss is also that of the `sort` between them, and of the driver when it began them
    global largest
    while True:
        for path in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError, TypeError):  # it has just ended
                told = path.read_text()
                if told.startswith("Name:\\tpython") and f"PPid:\\t{os.getpid()}\\n" in told:
                    largest = max(largest, int(re.search(r"VmHWM:\\s+(\\d+)", told)[1]))
        time.sleep(0.05)


threading.Thread(target=watch, daemon=True).start()
status = main(sys.argv[2:])
own, tasks = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])  # ru_maxrss is the parent's, if larger
cpu = sum(used.ru_utime + used.ru_stime for used in (own, tasks))
open(sys.argv[1], "w").write(json.dumps([cpu, peak / 1024, largest / 1024]))
sys.exit(status)
"""


def made(columns, rows, decimals=2) -> Path:
    """A table of numbers, whose label hangs on a few of its columns."""
    path = WORK / f"wide-{columns}-{rows}-{decimals}.csv"
    if path.exists():
        return path
    WORK.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    names = ["y", *(f"c{i}" for i in range(columns))]
    with open(path.with_suffix(".part"), "wb") as file:
        file.write(",".join(names).encode() + b"\n")
        step = max(1, PIECE // columns)
        for start in range(0, rows, step):
            values = np.round(rng.normal(0, 30, (columns, min(step, rows - start))), decimals)
            y = (values[:10].sum(axis=0) > 0).astype(np.int64)
            csv.write_csv(pa.table([y, *values], names=names), file, csv.WriteOptions(include_header=False))
    path.with_suffix(".part").rename(path)
    return path


def run(folder, *words):
    """CPU seconds and peak MB of the driver and of its largest task, of an `mrdl` command."""
    told = Path(folder) / "used.json"
    measure([PYTHON, "-c", PROGRAM, told, *words])
    return json.loads(told.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="inspect,train")
    parser.add_argument("--shapes", default="wide,long")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        if "inspect" in options.only:
            data = made(*INSPECTED)
            runs = [run(folder, "inspect", data, "--label", "y")[:2] for _ in range(3)]
            rows = [[f"{data.stat().st_size / 1e6:.0f}", f"{min(runs)[0]:.2f}", f"{min(runs)[1]:.0f}"]]
            table("mrdl inspect of 28 columns of numbers, -r inline, best of 3", rows, ["MB", "CPU s", "peak MB"])
        for verb in options.only.split(","):
            for name, (columns, sizes) in (FULL if options.full else SHAPES).items():
                if name not in options.shapes.split(","):
                    continue
                before = None
                for count in sizes:
                    data = made(columns, count)
                    words = [verb, data, "-r", "local", "--label", "y"]
                    if verb == "train":
                        words += [*TRAINED, "--run-dir", f"{folder}/{name}-{count}", "--cache-dir", f"{folder}/cache"]
                    cpu, driver, task = run(folder, *words)
                    cells = columns * count
                    more = f"{1e9 * (cpu - before[0]) / (cells - before[1]):.0f}" if before else ""
                    before = cpu, cells
                    found.append(
                        [verb, name, f"{columns:,}", f"{count:,}", f"{data.stat().st_size / 1e6:,.0f}",
                         f"{cpu:.1f}", more, f"{driver:.0f}", f"{task:.0f}"]
                    )  # fmt: skip
                    print(*found[-1], file=sys.stderr, flush=True)
    header = ["", "shape", "columns", "rows", "MB", "CPU s", "ns per further cell", "driver MB", "largest task MB"]
    table("Wide and long tables, -r local", found, header)


if __name__ == "__main__":
    main()
