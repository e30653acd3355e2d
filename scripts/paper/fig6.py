"""Figure 6: a deep autoencoder by plain PyTorch in one process, and by mrdl on Hadoop, over the number of images.

eval "$(scripts/hadoop env)"; .venv/bin/python scripts/paper/fig6.py [--images 5000,...] [--out scripts/paper]

784-500-100-30-100-500-784 on MNIST, 10 epochs in all, from a CSV to a trained network; wall seconds of whole processes,
side by side in one run. mrdl trains one shard a slot, in 2 rounds of 5 epochs behind its warm start. The paper gives
58 % less time for 5,000 images and 8 % less for 60,000, for a network and settings that it does not name.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
from common import PYTHON, measure, mnist, table  # noqa: E402

import mrdl  # noqa: E402
from mrdl.cluster import yarn  # noqa: E402
from mrdl.mapreduce.runners import runner_of  # noqa: E402

PAPER = {5000: 58.0, 60000: 8.0}
SEQUENTIAL = """
import sys, pandas as pd, torch
torch.set_num_threads(int(sys.argv[3])); torch.manual_seed(0)
load = lambda path: torch.from_numpy(pd.read_csv(path, dtype="uint8").to_numpy()[:, 1:].astype("float32")) / 255
X, test = load(sys.argv[1]), load(sys.argv[2])
nodes = [784, 500, 100, 30, 100, 500, 784]
layers = []
for i, (a, b) in enumerate(zip(nodes, nodes[1:])):
    layers += [torch.nn.Linear(a, b)] + [torch.nn.ReLU()] * (i not in (2, 5))
net = torch.nn.Sequential(*layers)
for layer in layers:
    if isinstance(layer, torch.nn.Linear):
        torch.nn.init.xavier_uniform_(layer.weight, torch.nn.init.calculate_gain("relu"))
        torch.nn.init.zeros_(layer.bias)
optimiser = torch.optim.SGD(net.parameters(), .001, .8)
for epoch in range(10):
    for rows in torch.randperm(len(X)).split(16):
        x = X[rows]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), x, reduction="sum") / len(x)
        optimiser.zero_grad(); loss.backward(); optimiser.step()
with torch.no_grad():
    print(float(((torch.sigmoid(net(test)) - test) ** 2).mean()))
"""


def on_hadoop(data, images, test, slots, folder):
    """Wall seconds, test error, and the seconds by phase of a run of mrdl on YARN from a CSV in HDFS."""
    place = f"hdfs:///tmp/fig6-{images}.csv"
    hadoop = f"{os.environ['HADOOP_HOME']}/bin/hadoop"
    subprocess.run([hadoop, "fs", "-put", "-f", data, place], check=True, capture_output=True)
    run = f"{folder}/{images}"
    words = ["--kind", "autoencoder", "--nodes", "784,500,100,30", "--shards", slots, "--rounds", "2", "--epochs", "5"]
    words += ["-r", "hadoop", "--run-dir", run, "--cache-dir", f"hdfs:///tmp/fig6-cache-{os.getpid()}", "--json"]
    took = measure([PYTHON, "-m", "mrdl", "train", place, *words]).wall
    spent = {}
    for path in sorted(Path(run, "rounds").glob("*.json")):
        for phase, seconds in json.loads(path.read_text())["spent"].items():
            spent[phase] = spent.get(phase, 0.0) + seconds
    return took, mrdl.load(f"{run}/model.safetensors").evaluate(test)["mse"], spent


def draw(rows, path):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no picture: pip install "mrdl[plot]"', file=sys.stderr)
        return
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    images = [row["images"] for row in rows]
    left.plot(images, [row["alone"] for row in rows], "o-", label="plain PyTorch, one process")
    left.plot(images, [row["hadoop"] for row in rows], "o-", label="mrdl on Hadoop")
    left.set(xlabel="images", ylabel="seconds", title="time")
    right.plot(images, [100 * (1 - row["hadoop"] / row["alone"]) for row in rows], "o-", label="measured here")
    right.plot(list(PAPER), list(PAPER.values()), "s--", label="the paper")
    right.axhline(0, color="#888888", lw=0.8)
    right.set(xlabel="images", ylabel="% less time than one process", title="gain")
    for axes in (left, right):
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\n![Figure 6]({path.name})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="5000,10000,30000,60000")
    parser.add_argument("--threads", default="1", help="numbers of PyTorch's threads to try; the fastest counts")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    yarn.find_hadoop()
    slots, test, rows = runner_of("hadoop").slots(), str(mnist(10_000, "t10k")), []
    with tempfile.TemporaryDirectory() as folder:
        for images in map(int, options.images.split(",")):
            data = str(mnist(images))
            numbers = [int(number) for number in options.threads.split(",")]
            tried = [
                measure([PYTHON, "-c", SEQUENTIAL, data, test, number], env={"OMP_NUM_THREADS": str(number)})
                for number in numbers
            ]
            best = min(tried, key=lambda measured: measured.wall)
            took, error, spent = on_hadoop(data, images, test, slots, folder)
            rows.append({
                "images": images, "alone": best.wall, "alone_error": float(best.out), "hadoop": took, "error": error,
                "spent": spent,
            })  # fmt: skip
            print(f"{images}: {best.wall:.1f} s, {took:.1f} s", file=sys.stderr)
    phases = list(dict.fromkeys(phase for row in rows for phase in row["spent"]))
    cells = [
        [
            row["images"], f"{row['alone']:.1f}", f"{row['hadoop']:.1f}",
            f"{100 * (1 - row['hadoop'] / row['alone']):+.0f} %",
            f"{PAPER[row['images']]:+.0f} %" if row["images"] in PAPER else "", f"{row['alone_error']:.5f}",
            f"{row['error']:.5f}", *(f"{row['spent'].get(phase, 0):.1f}" for phase in phases),
        ]
        for row in rows
    ]  # fmt: skip
    header = ["images", "PyTorch s", f"mrdl s, {slots} shards", "gain", "paper's gain", "PyTorch error", "mrdl error"]
    title = "Figure 6: deep autoencoder, CSV to network; mean squared error of 10,000 test rows; where mrdl's time goes"
    table(title, cells, [*header, *(f"{phase} s" for phase in phases)])
    draw(rows, options.out / "fig6.png")


if __name__ == "__main__":
    main()
