"""A step by each engine, rows a second of one core; with --beside, by the torch trainer of an older checkout, too.

.venv/bin/python scripts/bench/engines.py [--repeats 5] [--beside ../another/checkout]

Each figure is the fastest of several trainings of synthetic rows, by CPU time on one thread. A process for each
checkout stays, and each case is asked of all in turn.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import PYTHON, REPO, table

BYTES_FROM = 100  # columns: so many are pixels
WORK = 2e10  # multiplications and additions of a training
ROWS = 4_000, 40_000
RBM = "cd-1"  # instead of an optimiser
CASES = [
    ("28,500,100,2", 16, "sgd"),
    ("28,500,100,2", 64, "sgd"),
    ("28,500,100,2", 256, "sgd"),
    ("28,500,100,2", 64, "adam"),
    ("784,500,100,10", 16, "sgd"),
    ("784,500,100,10", 64, "sgd"),
    ("64,32,10", 32, "sgd"),
    ("784,500", 16, RBM),
    ("784,500", 64, RBM),
]


def rows_of(nodes):
    """Synthetic rows: pixels as bytes where there are many columns, else 32-bit floats."""
    from mrdl.nn.encoding.encoding import Encoding
    from mrdl.nn.rows import Rows

    rng = np.random.default_rng(0)
    weights = sum(a * b for a, b in zip(nodes, nodes[1:], strict=False))
    count = int(min(max(WORK / (6 * weights), ROWS[0]), ROWS[1]))
    pixels = nodes[0] > BYTES_FROM
    x = rng.integers(0, 256, (count, nodes[0])).astype(np.uint8)
    x = x if pixels else rng.random((count, nodes[0]), dtype=np.float32)
    factor = np.full(nodes[0], 1 / 255 if pixels else 0.5, np.float32)
    return Rows(
        x, rng.integers(0, nodes[-1], count), np.arange(count), Encoding(np.zeros(nodes[0], np.float32), factor)
    )


def rate(nodes, batch, optimizer, engine):
    """Rows a CPU second of one epoch; engine: by name, None for a checkout that has none."""
    from mrdl.nn.kinds import mlp, rbm
    from mrdl.nn.minibatch import Hyperparameters
    from mrdl.nn.trainer import train_shard

    rows, more = rows_of(nodes), []
    arch, about = (rbm(nodes), {"weight_cost": 2e-4}) if optimizer == RBM else (mlp(nodes), {"optimizer": optimizer})
    if engine:
        from mrdl.nn.engines.table import engine_of

        more = [engine_of(engine, "cpu")]
    settings = Hyperparameters(1, batch, 0.01, 0.9, **about)
    weights, rng = arch.initial_weights(0), np.random.default_rng(0)
    began = time.process_time()
    train_shard(arch, weights, rows, settings, rng, *more)
    return len(rows) / (time.process_time() - began)


def kernel():
    """The kernels that numpy's products are computed by, as its BLAS names them."""
    import threadpoolctl

    found = {info.get("architecture") for info in threadpoolctl.threadpool_info() if info["internal_api"] == "openblas"}
    return ", ".join(sorted(filter(None, found))) or "unknown"


def serve():
    """Answer cases, a line of JSON each, until there are no more; an empty line asks for the kernel."""
    import torch

    torch.set_num_threads(1)
    for line in sys.stdin:
        if not line.strip():
            print(kernel(), flush=True)
            continue
        nodes, batch, optimizer, engine = json.loads(line)
        print(rate([int(count) for count in nodes.split(",")], batch, optimizer, engine), flush=True)


def server(tree):
    """A process that answers by the mrdl of a checkout, on one thread and by the kernels that this processor has."""
    env = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env.pop("OPENBLAS_CORETYPE", None)
    command = [PYTHON, __file__, "--serve"]
    return subprocess.Popen(command, cwd=tree, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process, *case):
    """The rows a second of a case; of none, the kernel."""
    print(json.dumps(case) if case else "", file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def compared(case, ways, repeats):
    """The fastest of each way, rows a second, each asked in turn. ways: name -> (process, engine)."""
    found = {name: [] for name in ways}
    for _ in range(repeats):
        for name, (process, engine) in ways.items():
            found[name].append(float(ask(process, *case, engine)))
    return {name: max(rates) for name, rates in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--beside", type=Path, help="another checkout, from before the engines, measured in turn")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    here = server(REPO)
    ways = {"numpy": (here, "numpy"), "torch": (here, "torch")}
    if options.beside:
        ways["torch, before"] = server(options.beside.resolve()), None
    rows = []
    for nodes, batch, optimizer in CASES:
        found = compared((nodes, batch, optimizer), ways, options.repeats)
        ratios = [f"{found['numpy'] / rate:.2f}" for name, rate in found.items() if name != "numpy"]
        rows.append([nodes.replace(",", "-"), batch, optimizer, *(f"{rate:,.0f}" for rate in found.values()), *ratios])
    header = ["network", "batch", "optimiser", *ways, *(f"numpy / {name}" for name in ways if name != "numpy")]
    table(f"Training, rows a second of a core (numpy's kernels: {ask(here)})", rows, header)
    for process, _ in ways.values():
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
