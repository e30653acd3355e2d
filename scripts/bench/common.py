"""What the benchmarks share: real data, processes measured from outside, tables. Ratios are of one run."""

import gzip
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parent.parent.parent
DIGITS = REPO / "tests" / "data" / "digits.csv"
WORK = Path(tempfile.gettempdir()) / "mrdl-bench"
PYTHON = sys.executable


@dataclass
class Measured:
    """A process that has ended: wall and CPU seconds, peak memory in MB, its standard output."""

    wall: float
    cpu: float
    memory: float
    out: str


def measure(command, stdin=None, cwd=REPO, env=None) -> Measured:
    """Run a command; its own resources are told by the kernel, children that it waited for included."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL  # noqa: SIM115
        process = subprocess.Popen(
            list(map(str, command)), stdin=source, stdout=out, stderr=err, cwd=cwd,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        err.seek(0)
        if process.returncode:
            raise SystemExit(f"{command} ended with {process.returncode}:\n{err.read().decode()[-3000:]}")
        out.seek(0)
        text = out.read(1 << 20).decode(errors="replace")
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)


def best(repeats, **commands):
    """Each command `repeats` times, in turn; the fastest of each by CPU."""
    runs = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            runs[name].append(command())
    return {name: min(found, key=lambda m: m.cpu) for name, found in runs.items()}


def mnist(rows=60_000, part="train") -> Path:
    """MNIST as a CSV, label first, of the idx.gz files in $MRDL_MNIST or ../shared/data; else the digits, repeated
    to as many rows of as many columns. part: train, or t10k for the test rows."""
    path = WORK / f"mnist-{part}-{rows}.csv"
    if path.exists():
        return path
    WORK.mkdir(exist_ok=True)
    folder = Path(os.environ.get("MRDL_MNIST", REPO.parent / "shared" / "data"))
    if (folder / f"{part}-images-idx3-ubyte.gz").exists():
        images, labels = idx(folder / f"{part}-images-idx3-ubyte.gz"), idx(folder / f"{part}-labels-idx1-ubyte.gz")
        images = images.reshape(len(labels), -1)
    else:
        print("no MNIST found ($MRDL_MNIST): the digits stand in, enlarged", file=sys.stderr)
        table = np.loadtxt(DIGITS, delimiter=",", skiprows=1, dtype=np.int64)
        labels, small = table[:, 0], (table[:, 1:] * 15.9).astype(np.uint8).reshape(-1, 8, 8)
        images = np.pad(np.kron(small, np.ones((3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2))).reshape(len(labels), -1)
    pick = np.arange(rows) % len(labels)
    texts = np.array([str(i) for i in range(256)])
    with open(path, "w") as file:
        file.write("label," + ",".join(f"p{i}" for i in range(images.shape[1])) + "\n")
        for i in pick:
            file.write(f"{labels[i]}," + ",".join(texts[images[i]]) + "\n")
    return path


def idx(path):
    """An array from an idx.gz file."""
    data = gzip.decompress(Path(path).read_bytes())
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def task_order(data, folder, cached=False, **settings) -> Path:
    """The order that the driver writes for tasks, for running one task alone."""
    from mrdl.data.preparation.scaling import Scaling
    from mrdl.data.source import Source
    from mrdl.rounds.order import Order
    from mrdl.rounds.plan import architecture_of, resolved, rounds_of
    from mrdl.settings.config import TrainConfig

    config = resolved(TrainConfig().with_changes(settings))
    source = Source.look_at(str(data), config)
    first_round = next(
        planned for planned in rounds_of(config, architecture_of(config, source.schema).stages) if planned.stage_round
    )
    order = Order(
        config=config,
        schema=source.schema,
        round=first_round,
        scaling=Scaling(config.scaling),
        cached=cached,
        reducers=config.shards,
    )
    path = Path(folder) / f"order-{cached}.json"
    path.write_text(order.to_json())
    return path


def task(order, kind, step=0):
    """The command line of one task, as Hadoop starts it."""
    return [PYTHON, REPO / "mrdl" / "rounds" / "job.py", f"--step-num={step}", f"--{kind}", "--order", order]


def table(title, rows, header):
    """Print a table in Markdown, as docs/figures.md has it."""
    cells = [list(map(str, header)), *[list(map(str, row)) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n### {title}\n")
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if not number:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sys.stdout.flush()
