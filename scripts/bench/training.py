"""Training against a plain PyTorch loop of the same steps, and two local processes against one.

.venv/bin/python scripts/bench/training.py [--rows 60000] [--repeats 3]
"""

import argparse
import json
import tempfile
from pathlib import Path

from common import PYTHON, REPO, best, measure, mnist, table

BARE = """
import sys, pandas as pd, torch
torch.set_num_threads(1); torch.manual_seed(0)
d = pd.read_csv(sys.argv[1], dtype="uint8").to_numpy()
X = torch.from_numpy(d[:, 1:].astype("float32")) / 255; y = torch.from_numpy(d[:, 0].astype("int64"))
sizes = [784, 500, 100, 10]
layers = [m for a, b in zip(sizes, sizes[1:]) for m in (torch.nn.Linear(a, b), torch.nn.ReLU())][:-1]
net = torch.nn.Sequential(*layers)
optimiser = torch.optim.SGD(net.parameters(), .015, .8)
for epoch in range(int(sys.argv[2])):
    order = torch.randperm(len(y))
    for i in range(0, len(y), 64):
        rows = order[i:i + 64]
        loss = torch.nn.functional.cross_entropy(net(X[rows]), y[rows])
        optimiser.zero_grad(); loss.backward(); optimiser.step()
"""
NET = ["--nodes", "784,500,100,10", "--batch-size", "64", "--learning-rate", "0.015"]


def train(data, *words):
    folder = tempfile.mkdtemp()
    command = [PYTHON, REPO / "train.py", data, *NET, "--rounds", "1", "--run-dir", folder + "/run", *words]
    return measure(command, env={"XDG_CACHE_HOME": folder + "/cache"})


def round_seconds(data, shards, epochs, cache):
    """Wall seconds of a round on cached shards, each in a process of its own."""
    folder = tempfile.mkdtemp()
    words = ["-r", "local", "--shards", str(shards), "--rounds", "1", "--epochs", str(epochs), "--json"]
    command = [PYTHON, REPO / "train.py", data, *NET, *words, "--run-dir", folder + "/run"]
    measured = measure(command, env={"XDG_CACHE_HOME": cache})
    manifest = json.loads(Path(folder, "run", "rounds", "0001.json").read_text())
    measured.wall, measured.cpu = manifest["seconds"], manifest["seconds"]
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    data, rows = mnist(options.rows), []
    for epochs in (1, 5):
        found = best(
            options.repeats,
            bare=lambda epochs=epochs: measure([PYTHON, "-c", BARE, data, epochs]),
            mrdl=lambda epochs=epochs: train(
                data, "-r", "inline", "--shards", "1", "--epochs", str(epochs), "--validation", "0"
            ),
        )
        ratio = found["bare"].cpu / found["mrdl"].cpu
        rows.append([epochs, f"{found['bare'].cpu:.1f}", f"{found['mrdl'].cpu:.1f}", f"{ratio:.2f}"])
    table(
        f"A whole run, CSV to network, CPU seconds ({options.rows} rows, one shard)",
        rows,
        ["epochs", "pandas + plain PyTorch loop", "mrdl -r inline", "plain / mrdl"],
    )
    cache = tempfile.mkdtemp()
    rows = []
    for shards in (1, 2):
        round_seconds(data, shards, 1, cache)  # parses the text, once for each number of shards
    seconds = {}
    for epochs in (5, 20):
        found = best(
            options.repeats,
            one=lambda epochs=epochs: round_seconds(data, 1, epochs, cache),
            two=lambda epochs=epochs: round_seconds(data, 2, epochs, cache),
        )
        seconds[epochs] = found["one"].wall, found["two"].wall
    seconds["15 more, without the start of processes"] = tuple(
        b - a for a, b in zip(seconds[5], seconds[20], strict=True)
    )
    for epochs, (one, two) in seconds.items():
        rows.append([epochs, f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}"])
    table("A later round, -r local, wall seconds", rows, ["epochs", "1 shard", "2 shards on 2 cores", "speed-up"])


if __name__ == "__main__":
    main()
