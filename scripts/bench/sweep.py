"""What a sweep costs beside its trainings: 50,000 designs planned, indexed and reported, the scheduler, and kills.

.venv/bin/python scripts/bench/sweep.py [--many 50000] [--designs 1000,10000] [--kills 50]

The 50,000 are not trained: their records are made up and written to part files as tasks do. The others are small nets
on the digits, the same for each back end of mrdl, drawn from many families and from few; "ideal" is the time inside
trainings shared out among the cores, "CPU s" that of the whole sweep. Figures of 0 leave a part out. Needs mrdl[test];
the time in a browser is told where there is a Chromium.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from common import DIGITS, PYTHON, REPO, measure, table

sys.path.insert(0, str(REPO))

from mrdl.nn.backends.registry import BACKENDS  # noqa: E402
from mrdl.nn.backends.result import Result  # noqa: E402
from mrdl.sweep.folder import SweepFolder  # noqa: E402

SPEC = """
[data]
label = "digit"
[space]
depth = {{ min = 1, max = {depth} }}
width = {{ min = 4, max = {width}, log = true }}
activation = ["relu", "tanh", "sigmoid"]
residual = [false, true]
learning_rate = {{ min = 0.0005, max = 0.02, log = true }}
epochs = 3
[sweep]
sampler = "{sampler}"
count = {count}
backend = "{backend}"
"""
LARGEST = {"depth": 64, "width": 128, "sampler": "sobol"}
SMALL = {"12 x 128": {"depth": 12, "width": 128}, "2 x 32": {"depth": 2, "width": 32}}
"""Up to so many layers of so many nodes: some hundred families, and two dozen."""

MANY = """
import json, resource, sys, time, tomllib
from pathlib import Path
from mrdl.sweep.driver import SweepDriver
folder, data, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
about = tomllib.loads(Path(sys.argv[4]).read_text())
told, began = {}, time.perf_counter()
sweep = SweepFolder.create(folder, about, data)
told["plan"] = time.perf_counter() - began
import random
draw = random.Random(0)
waiting = [(a, json.loads(text), text) for a, text, *_ in sweep.ledger.waiting()]
for start in range(0, len(waiting), 500):
    pack = waiting[start:start + 500]
    name = sweep.register([[a for a, _, _ in pack]])
    with open(folder / "parts" / f"{name}.jsonl", "w") as part:
        for a, design, text in pack:
            depth = len(design["hidden"])
            accuracy = min(1.0, max(0.05, draw.gauss(0.93 - 0.012 * max(0, depth - 20), 0.02)))
            part.write(json.dumps({
                "arch_id": a, "spec": text, "status": "done", "reason": "", "accuracy": accuracy, "loss": 1 - accuracy,
                "baseline": 0.1, "collapsed": accuracy < 0.1, "no_better": accuracy < 0.13,
                "curve": [2.0, 1.0, 0.5], "wall_s": 0.1 + 0.01 * depth,
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
import sys
from pathlib import Path
from mrdl.sweep.folder import SweepFolder
from mrdl.reports.sweep_report import write_report
sweep = SweepFolder(sys.argv[1])
write_report(sweep.table(), sweep.about, Path(sys.argv[1]) / "report.html")
"""
ENV = {"PYTHONPATH": str(REPO)}
CORES = len(os.sched_getaffinity(0))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def many(count, folder):
    spec = Path(folder) / "many.toml"
    spec.write_text(SPEC.format(count=count, backend="torch", **LARGEST))
    sweep = f"{folder}/many"
    told = json.loads(measure([PYTHON, "-c", MANY, sweep, DIGITS, count, spec], env=ENV).out.splitlines()[-1])
    reported = measure([PYTHON, "-c", REPORT, sweep], env=ENV)
    size = Path(sweep, "report.html").stat().st_size / 1e6
    rows = [
        ["plan", f"{told['plan']:.1f} s", ""],
        ["take in and index the parts", f"{told['take in']:.1f} s", "60 s with the plan"],
        ["count by state", f"{told['count']:.2f} s", ""],
        ["the driver's memory until then", f"{told['driver MB']:.0f} MB", "300 MB"],
        ["table, as Parquet", f"{told['table']:.1f} s", ""],
        ["report, whole process", f"{reported.wall:.1f} s, {reported.memory:.0f} MB of memory", "15 s"],
        ["the report's file", f"{size:.1f} MB", "10 MB"],
    ]
    if CHROMIUM:
        first, all_ = in_browser(Path(sweep, "report.html"))
        rows += [["first figure in Chromium, by software alone", f"{first:.1f} s", "5 s"],
                 ["all figures, scrolled through", f"{all_:.1f} s", ""]]  # fmt: skip
    table(f"A sweep of {count} designs beside its trainings", rows, ["", "", "goal"])


def in_browser(page):
    """Seconds from opening a report to its first figure, and to its last one."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        tab = playwright.chromium.launch(executable_path=CHROMIUM, args=flags).new_page()
        began, seconds = time.perf_counter(), []
        tab.goto(page.as_uri())
        for figure in tab.locator(".figure").all():
            figure.scroll_into_view_if_needed()
            tab.wait_for_selector(f"#{figure.get_attribute('id')}[data-drawn=done]")
            seconds.append(time.perf_counter() - began)
    return seconds[0], seconds[-1]


def back_ends(count, sizes, names, folder):
    rows = [trained(count, largest, name, folder) for largest in sizes for name in names]
    header = [
        "up to", "back end", "done", "failed", "designs a second", "CPU s", "CPU inside trainings", "wall s",
        "ideal wall s", "ratio",
    ]  # fmt: skip
    table(f"{count} small nets on the digits, -r local, {CORES} cores", rows, header)


def trained(count, largest, backend, folder):
    where = Path(folder) / f"{count} {largest} {backend}"
    spec = where.with_suffix(".toml")
    spec.write_text(SPEC.format(count=count, sampler="random", backend=backend, **SMALL[largest]))
    words = ["sweep", "run", spec, DIGITS, "--dir", where, "-r", "local", "--json"]
    measure([PYTHON, "-m", "mrdl", "sweep", "plan", spec, DIGITS], env=ENV)  # the first one here times a few trainings
    measured = measure([PYTHON, "-m", "mrdl", *words], env=ENV)
    counts, designs = json.loads(measured.out.splitlines()[-1]), SweepFolder(where).table()
    inside = float(designs.cpu_s.sum())
    return [
        largest, backend, counts["done"], counts["failed"], f"{count / measured.wall:.1f}", f"{measured.cpu:.1f}",
        f"{100 * inside / measured.cpu:.0f} %", f"{measured.wall:.1f}", f"{inside / CORES:.1f}",
        f"{measured.wall * CORES / inside:.2f}",
    ]  # fmt: skip


def at_once(design, data, report):
    """A back end that trains nothing."""
    return Result(data.test_y, 0.25)


def kills(wanted, folder, designs):
    """A sweep whose driver, or one of whose tasks, is killed at random moments until so many were."""
    draw, spec, where = random.Random(0), Path(folder) / "kills.toml", f"{folder}/kills"
    spec.write_text(SPEC.format(count=designs, backend="sweep:at_once", **LARGEST))
    ENV["PYTHONPATH"] = f"{REPO}:{Path(__file__).resolve().parent}"
    about = tomllib.loads(spec.read_text())
    SweepFolder.create(where, about, str(DIGITS))
    words = [PYTHON, "-m", "mrdl", "sweep", "resume", where, "-r", "local"]
    killed = {"driver": 0, "task": 0}
    while sum(killed.values()) < wanted:
        driver = subprocess.Popen(
            words, env={**os.environ, **ENV}, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(draw.uniform(1, 6))
        while driver.poll() is None and draw.random() < 0.5:
            if tasks := list(map(int, Path(f"/proc/{driver.pid}/task/{driver.pid}/children").read_text().split())):
                os.kill(draw.choice(tasks), signal.SIGKILL)
                killed["task"] += 1
            time.sleep(draw.uniform(0.5, 3))
        killed["driver"] += driver.poll() is None
        driver.kill()
        if driver.wait() == 0:
            break  # all was trained before so many were killed
    ended = measure([*words, "--json"], env=ENV)
    found = json.loads(ended.out.splitlines()[-1])
    told = SweepFolder(where).table()
    rows = [[
        killed["driver"], killed["task"], found["designs"], found["done"], found["failed"], found["duplicates"],
        int(told.arch_id.duplicated().sum()), found["designs"] - found["done"] - found["failed"],
    ]]  # fmt: skip
    header = ["drivers killed", "tasks killed", "designs", "done", "failed", "trained twice", "rows twice", "lost"]
    table(f"{designs} designs killed at random, -r local", rows, header)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--designs", default="1000", help="of a sweep that each back end trains; several by commas")
    parser.add_argument("--largest", default=",".join(SMALL), help="of those designs, by commas")
    parser.add_argument("--back-ends", default=",".join(BACKENDS), help="by commas")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--killed", type=int, default=22_500, help="designs of the sweep that is killed at")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.many:
            many(options.many, folder)
        for count in filter(None, map(int, options.designs.split(","))):
            back_ends(count, options.largest.split(","), options.back_ends.split(","), folder)
        if options.kills:
            kills(options.kills, folder, options.killed)


if __name__ == "__main__":
    main()
