"""What a training costs beyond its steps, by engine: of a task, of a whole command, and of two processes beside one.

.venv/bin/python scripts/bench/start.py [--repeats 3] [--beside ../another/checkout]

Another checkout is measured in turn with this one. Every figure is the least of its runs, on a machine with others.
"""

import argparse
import json
import shlex
import tempfile
from pathlib import Path

from common import DIGITS, PYTHON, REPO, measure, mnist, table
from data import LEAN

ENGINES = "numpy", "torch"
SMALL = {"shards": 1, "nodes": "64,10", "epochs": 1, "batch_size": 2000}
LARGE = {"shards": 1, "nodes": "784,500,100,10", "epochs": 1, "batch_size": 64, "validation": 0}
LARGE_ROWS = 6_000  # of bytes: a shard of 5 MB
ORDER = """
import sys; sys.path.insert(0, sys.argv[1])
import json, common
print(common.task_order(sys.argv[2], sys.argv[3], cached=sys.argv[4] == "cached", **json.loads(sys.argv[5])))
"""


def in_turn(repeats, *fields, **commands):
    """The least of each figure that each command had: a dict by command for each of the fields of Measured."""
    found = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            found[name].append(command())
    return [{name: min(getattr(run, field) for run in runs) for name, runs in found.items()} for field in fields]


def order_of(tree, data, folder, kind, **settings):
    """A task's order, written by a process of its own: what this one takes would count as a task's peak memory."""
    bench = Path(tree) / "scripts" / "bench"
    words = [PYTHON, "-c", ORDER, bench, data, folder, kind, json.dumps(settings)]
    return measure(words, cwd=tree, env={"PYTHONPATH": str(tree)}).out.strip()


def training_task(tree, data, folder, **settings):
    """A function that runs a training task on a cached shard, by the mrdl of a checkout."""
    Path(folder).mkdir()
    env = {"PYTHONPATH": str(tree), **LEAN}
    orders = {kind: order_of(tree, data, folder, kind, **settings) for kind in ("text", "cached")}
    job = f"{shlex.quote(PYTHON)} {shlex.quote(str(tree))}/mrdl/rounds/job.py --step-num=0"
    text = f"--order {shlex.quote(orders['text'])}"
    pipe = f"{job} --mapper {text} | LC_ALL=C sort -t '\t' -k 1,1 -s | {job} --reducer {text} > shard"
    measure(["bash", "-o", "pipefail", "-c", pipe], stdin=data, cwd=folder, env=env)
    command = [*shlex.split(job), "--mapper", "--order", orders["cached"]]
    return lambda: measure(command, stdin=Path(folder) / "shard", cwd=folder, env=env)


def tasks(repeats, folder, ways):
    """CPU seconds of a task whose training is one step, and the peak of one on a shard of 5 MB."""
    small, large = {}, {}
    for name, (tree, more) in ways.items():
        small[name] = training_task(tree, DIGITS, f"{folder}/small {name}", **SMALL, **more)
        large[name] = training_task(tree, mnist(LARGE_ROWS), f"{folder}/large {name}", **LARGE, **more)
    (cpu,), (peak,) = in_turn(repeats, "cpu", **small), in_turn(repeats, "memory", **large)
    rows = [[name, f"{cpu[name]:.2f}", f"{peak[name]:.0f}"] for name in ways]
    table("A training task", rows, ["", "CPU s beyond the training", "peak MB on a shard of 5 MB"])


def command(tree, more, threads):
    """A function that trains the digits inline with the defaults, from a new process. threads: of OMP_NUM_THREADS."""
    words = [word for name, value in more.items() for word in (f"--{name}", value)]

    def run():
        folder = tempfile.mkdtemp()
        env = {"PYTHONPATH": str(tree), "XDG_CACHE_HOME": folder}
        begin = ["env", *([] if threads else ["-u", "OMP_NUM_THREADS"]), PYTHON, "-m", "mrdl", "train"]
        return measure([*begin, DIGITS, "--run-dir", f"{folder}/run", *words], cwd=tree, env=env)

    return run


def commands(repeats, ways):
    """Seconds of `mrdl train tests/data/digits.csv`, as multiples of an import of torch."""
    runs = {"import torch": lambda: measure([PYTHON, "-c", "import torch"])}
    for name, (tree, more) in ways.items():
        runs[f"{name}, OMP_NUM_THREADS=1"] = command(tree, more, True)
        runs[f"{name}, without it"] = command(tree, more, False)
    figures = in_turn(repeats, "wall", "cpu", **runs)
    cells = {name: [(of[name], of[name] / of["import torch"]) for of in figures] for name in runs}
    rows = [[name, *(f"{cell:.2f}" for pair in pairs for cell in pair)] for name, pairs in cells.items()]
    header = ["", "wall s", "of import torch", "CPU s", "of import torch"]
    table("mrdl train tests/data/digits.csv, inline", rows, header)


def later_round(tree, more, shards, cache):
    """Wall seconds of a round of 5 epochs of MNIST on cached shards, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-r", "local", "--shards", shards, "--rounds", "1", "--epochs", "5", "--nodes", LARGE["nodes"]]
        words += ["--batch-size", "64", "--learning-rate", "0.015", "--run-dir", f"{folder}/run"]
        words += [word for name, value in more.items() for word in (f"--{name}", value)]
        env = {"PYTHONPATH": str(tree), "XDG_CACHE_HOME": cache}
        measured = measure([PYTHON, "-m", "mrdl", "train", mnist(), *words], cwd=tree, env=env)
        measured.wall = json.loads(Path(folder, "run", "rounds", "0001.json").read_text())["seconds"]
    return measured


def processes(repeats, folder, ways):
    """How much faster a round is on two shards on two cores than on one."""
    runs = {
        f"{name} {shards}": lambda tree=tree, more=more, shards=shards: later_round(tree, more, shards, folder)
        for name, (tree, more) in ways.items()
        for shards in (1, 2)
    }
    (wall,) = in_turn(repeats + 1, "wall", **runs)  # the first of them parses the text
    rows = []
    for name in ways:
        one, two = wall[f"{name} 1"], wall[f"{name} 2"]
        rows.append([name, f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}"])
    table("A later round of 5 epochs, -r local, wall seconds", rows, ["", "1 shard", "2 shards, 2 cores", "speed-up"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--tables", default="tasks,commands,local", help="by commas; the rounds of local take minutes")
    options = parser.parse_args()
    ways = {name: (REPO, {"engine": name}) for name in ENGINES}
    if options.beside:
        ways["before"] = options.beside.resolve(), {}
    with tempfile.TemporaryDirectory() as folder:
        if "tasks" in options.tables:
            tasks(options.repeats, folder, ways)
        if "commands" in options.tables:
            commands(options.repeats, ways)
        if "local" in options.tables:
            processes(options.repeats, folder, ways)


if __name__ == "__main__":
    main()
