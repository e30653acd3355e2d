"""Figure 7: the speed-up to be expected of more nodes, by the cost model of `mrdl advise`, with constants measured now.

eval "$(scripts/hadoop env)"; .venv/bin/python scripts/paper/fig7.py [--images 60000] [--out scripts/paper]

The deep autoencoder of figure 6 in 16 shards. What can be checked here is: 1 and 2 tasks at a time on this machine's
cluster. The paper projects from the size of the data alone, so that its speed-up is the number of nodes.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
from common import PYTHON, measure, mnist, table  # noqa: E402

from mrdl.cluster import yarn  # noqa: E402
from mrdl.data.source import Source  # noqa: E402
from mrdl.preflight import advice, costs, measuring  # noqa: E402
from mrdl.rounds.plan import resolved  # noqa: E402
from mrdl.settings.config import TrainConfig  # noqa: E402

SHARDS, ROUNDS = 16, 2
NODES = (1, 2, 4, 8, 16)
LARGER = (1, 10, 100)  # times as many rows


def draw(curves, checked, path):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no picture: pip install "mrdl[plot]"', file=sys.stderr)
        return
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(NODES, NODES, ":", color="#888888", label="the paper: as many times as nodes")
    for name, speed_ups in curves.items():
        axes.plot(NODES, speed_ups, "o-", label=name)
    axes.plot([n for n, _ in checked], [s for _, s in checked], "k*", ms=10, label="measured")
    axes.set(xlabel="tasks at a time", ylabel="speed-up", xscale="log", yscale="log")
    axes.set_xticks(NODES, map(str, NODES))
    axes.set_yticks(NODES, map(str, NODES))
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\n![Figure 7]({path.name})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    yarn.find_hadoop()
    data = str(mnist(options.images))
    config = TrainConfig(kind="autoencoder", nodes=(784, 500, 100, 30), shards=SHARDS, rounds=ROUNDS)
    config = resolved(config.with_changes({"epochs": options.epochs // ROUNDS}))
    found = measuring.measure(Source.look_at(data, config), config, seconds=3)
    costs.measure_cluster("hadoop")
    here = costs.costs("hadoop")
    cost = {n: costs.Costs(here.first_s, here.round_s, n) for n in NODES}

    def seconds(nodes, times=1):
        larger = dataclasses.replace(found, rows=found.rows * times, size=found.size * times)
        return advice.predict(larger, config, "hadoop", cost[nodes]).seconds

    measured = {}
    place = f"hdfs:///tmp/fig7-{options.images}.csv"
    hadoop = f"{os.environ['HADOOP_HOME']}/bin/hadoop"
    subprocess.run([hadoop, "fs", "-put", "-f", data, place], check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        for tasks in (1, 2):
            words = ["--kind", "autoencoder", "--nodes", "784,500,100,30", "--shards", SHARDS, "--rounds", ROUNDS]
            words += [
                "--epochs",
                config.epochs,
                "--tasks",
                tasks,
                "-r",
                "hadoop",
                "--run-dir",
                f"{folder}/{tasks}",
                "--json",
            ]
            words += ["--cache-dir", f"hdfs:///tmp/fig7-cache-{os.getpid()}-{tasks}"]
            measured[tasks] = measure([PYTHON, "-m", "mrdl", "train", place, *words]).wall
    speed = f"{found.parsed_per_s:.0f} rows/s parsed, {found.trained_per_s[0]:.0f} trained"
    constants = f"job {here.round_s:.1f} s, first job {here.first_s:.1f} s, {speed}"
    rows = [
        [n, f"{seconds(n):.0f}", f"{measured[n]:.0f}" if n in measured else "",
         f"{100 * (seconds(n) / measured[n] - 1):+.0f} %" if n in measured else "",
         *(f"{seconds(1, times) / seconds(n, times):.2f}" for times in LARGER)]
        for n in NODES
    ]  # fmt: skip
    header = ["tasks at a time", "predicted s", "measured s", "off by"]
    header += [f"speed-up, {options.images * times} images" for times in LARGER]
    table(f"Figure 7: deep autoencoder, {options.epochs} epochs in {ROUNDS} rounds; {constants}", rows, header)
    curves = {f"{options.images * t} images": [seconds(1, t) / seconds(n, t) for n in NODES] for t in LARGER}
    draw(curves, [(n, measured[1] / measured[n]) for n in measured], options.out / "fig7.png")


if __name__ == "__main__":
    main()
