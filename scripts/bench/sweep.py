"""What a sweep costs beside its trainings: planning and indexing 50,000 designs, its report, and the scheduler.

.venv/bin/python scripts/bench/sweep.py [--many 50000] [--trained 100,1000]

The 50,000 are not trained: their records are made up and written to part files as tasks do. The others are small nets
on the digits, trained by processes; "ideal" is the time inside trainings shared out among the cores.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from common import DIGITS, PYTHON, REPO, measure, table

sys.path.insert(0, str(REPO))

SPEC = """
[data]
label = "digit"
[space]
depth = {{ min = 1, max = 64 }}
width = {{ min = 4, max = 256, log = true }}
activation = ["relu", "tanh", "sigmoid"]
residual = [false, true]
learning_rate = {{ min = 0.0005, max = 0.02, log = true }}
epochs = 3
[sweep]
sampler = "sobol"
count = {count}
"""
MANY = """
import json, resource, sys, time, tomllib
from pathlib import Path
from mrdl.sweep.engine import SweepDriver
folder, data, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
about = tomllib.loads(Path(sys.argv[4]).read_text())
told, began = {}, time.perf_counter()
sweep = SweepDriver.create(folder, about, data)
told["plan"] = time.perf_counter() - began
import random
draw = random.Random(0)
waiting = [(a, json.loads(text), text) for a, text, _, _ in sweep.ledger.waiting()]
for start in range(0, len(waiting), 500):
    pack = waiting[start:start + 500]
    name = sweep.intend([[a for a, _, _ in pack]])
    with open(folder / "parts" / f"{name}.jsonl", "w") as part:
        for a, design, text in pack:
            depth = len(design["hidden"])
            accuracy = min(1.0, max(0.05, draw.gauss(0.93 - 0.012 * max(0, depth - 20), 0.02)))
            part.write(json.dumps({
                "arch_id": a, "spec": text, "status": "done", "reason": "", "accuracy": accuracy, "loss": 1 - accuracy,
                "baseline": 0.1, "collapsed": accuracy < 0.13, "curve": [2.0, 1.0, 0.5], "wall_s": 0.1 + 0.01 * depth,
                "cpu_s": 0.1 + 0.01 * depth, "device": "cpu", "backend": "torch", "data": "x", "depth": depth,
                "parameters": sum(a * b for a, b in zip([64, *design["hidden"]], [*design["hidden"], 10])),
            }) + "\\n")
del waiting
began = time.perf_counter()
sweep._recover()
told["take in"] = time.perf_counter() - began
began = time.perf_counter()
found = sweep.ledger.counts()
told["count"] = time.perf_counter() - began
assert found["done"] == count and not found["duplicates"], found
told["driver MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
began = time.perf_counter()
sweep.table().to_parquet(folder / "table.parquet")
told["table"] = time.perf_counter() - began
print(json.dumps(told))
"""
REPORT = """
import json, sys, pandas as pd
from pathlib import Path
from mrdl.sweep.engine import SweepDriver
from mrdl.sweep.report import write_report
sweep = SweepDriver(sys.argv[1])
write_report(sweep.table(), sweep.about, Path(sys.argv[1]) / "report.html")
"""


def many(count, folder):
    spec = Path(folder) / "many.toml"
    spec.write_text(SPEC.format(count=count))
    env = {"PYTHONPATH": str(REPO)}
    sweep = f"{folder}/many"
    told = json.loads(measure([PYTHON, "-c", MANY, sweep, DIGITS, count, spec], env=env).out.splitlines()[-1])
    reported = measure([PYTHON, "-c", REPORT, sweep], env=env)
    size = Path(sweep, "report.html").stat().st_size / 1e6
    rows = [
        ["plan", f"{told['plan']:.1f} s"],
        ["take in and index the parts", f"{told['take in']:.1f} s"],
        ["count by state", f"{told['count']:.2f} s"],
        ["the driver's memory until then", f"{told['driver MB']:.0f} MB"],
        ["table, as Parquet", f"{told['table']:.1f} s"],
        ["report, whole process", f"{reported.wall:.1f} s, {size:.1f} MB, {reported.memory:.0f} MB of memory"],
    ]
    table(f"A sweep of {count} designs beside its trainings", rows, ["", ""])


def overhead(counts, folder):
    rows = []
    for count in counts:
        spec = Path(folder) / f"few{count}.toml"
        spec.write_text(SPEC.format(count=count))
        words = ["sweep", "run", spec, DIGITS, "--dir", f"{folder}/few{count}", "-r", "local", "--json"]
        measured = measure([PYTHON, "-m", "mrdl", *words], env={"PYTHONPATH": str(REPO)})
        counts_ = json.loads(measured.out.splitlines()[-1])
        from mrdl.sweep.engine import SweepDriver

        results = SweepDriver(f"{folder}/few{count}").table()
        inside = float(results.cpu_s.sum())
        cores = len(os.sched_getaffinity(0))
        rows.append([
            count, counts_["done"], counts_["failed"], f"{inside / cores:.0f}", f"{measured.wall:.0f}",
            f"{measured.wall / (inside / cores):.2f}", f"{100 * inside / measured.cpu:.0f} %",
            f"{count / measured.wall:.1f}",
        ])  # fmt: skip
    header = [
        "designs",
        "done",
        "failed",
        "ideal wall s",
        "wall s",
        "ratio",
        "CPU inside trainings",
        "designs a second",
    ]
    table("Small nets on the digits, -r local", rows, header)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--trained", default="100,1000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.many:
            many(options.many, folder)
        overhead([int(n) for n in options.trained.split(",") if n], folder)


if __name__ == "__main__":
    main()
