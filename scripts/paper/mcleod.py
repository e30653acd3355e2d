"""McLeod's study of layer designs (2015), again: what depth, time and activation do, on iris and on digits.

.venv/bin/python scripts/paper/mcleod.py [--out scripts/paper] [--seeds 5]

His claims: accuracy flattens at 500 to 700 layers; time grows linearly with the number of layers; activation functions
matter. His networks had layers of one width and differed in depth. Here each depth is trained with three activations,
PyTorch's own initialisation and He's, plain and with residual connections, by several seeds; a network may be no
better than always saying the majority class, or have collapsed: say one class only. Needs mrdl[test] for iris and for
the picture.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
from common import DIGITS, table  # noqa: E402

import mrdl  # noqa: E402
from mrdl.reports import analysis, trends  # noqa: E402

DEPTHS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 700, 1000]
STUDIES = {  # width of each layer, epochs: about as many steps on both
    "iris": {"label": "species", "width": 4, "epochs": 100},
    "digits": {"label": "digit", "width": 16, "epochs": 10},
}


def iris(folder):
    from sklearn.datasets import load_iris

    found = load_iris(as_frame=True)
    rows = found.data.assign(species=found.target_names[found.target])
    path = Path(folder) / "iris.csv"
    rows.to_csv(path, index=False)
    return path


def study(name, data, seeds, folder):
    about = STUDIES[name]
    spec = {
        "data": {"label": about["label"]},
        "space": {
            "depth": DEPTHS, "width": about["width"], "activation": ["relu", "tanh", "sigmoid"],
            "initialisation": ["default", "he"], "residual": [False, True], "learning_rate": 0.003,
            "epochs": about["epochs"],
        },
        "sweep": {"seeds": seeds, "backend": "batched"},
    }  # fmt: skip
    return mrdl.Sweep(spec, Path(folder) / name).run(data)


def share(column):
    return f"{100 * column.eq(True).mean():.0f} %"


def claims(name, found):
    """What a study says of each claim, a row a family of designs."""
    done, sigma, rows = found[found.status == "done"], analysis.noise(found), []
    for family, group in analysis.families(found):
        by_depth = group.groupby("depth").accuracy.mean()
        alive = ~group.no_better.eq(True)
        told = trends.trend(family, group, sigma)
        deep = group[group.depth >= 500]
        end = [f"{deep.accuracy.mean():.3f}", share(deep.no_better), share(deep.collapsed)]
        deepest = group.depth[alive].max() if alive.any() else "none"
        rows.append([
            family.replace("activation ", "").replace("initialisation ", ""), f"{by_depth.max():.3f}",
            by_depth.idxmax(), *(end if len(deep) else ["all failed", "", ""]), deepest,
            told.words().partition(": ")[2],
        ])  # fmt: skip
    header = [
        "family",
        "best mean",
        "at depth",
        "500 and more",
        "no better there",
        "collapsed there",
        "deepest alive",
        "verdict",
    ]
    base = done.baseline.iloc[0]
    table(f"{name}: {len(done)} networks done, {len(found) - len(done)} failed; majority class {base:.3f}; seeds move "
          f"accuracy by {100 * sigma:.1f} points", rows, header)  # fmt: skip


def time_and_choices(studies):
    rows = []
    for name, found in studies.items():
        slope, low, high, explained = analysis.time_by_depth(found)
        done = found[found.status == "done"]
        means = done.groupby("depth").cpu_s.mean()
        power = np.polyfit(np.log(means.index[means.index >= 16]), np.log(means[means.index >= 16]), 1)[0]
        shares = analysis.importance(found)
        rows.append([
            name, f"{1000 * slope:.2f} ({1000 * low:.2f} to {1000 * high:.2f})", f"{100 * explained:.0f} %",
            f"{power:.2f}", *(f"{100 * shares.get(n, 0):.0f} %" for n in ("depth", "activation", "initialisation",
                                                                        "residual")),
        ])  # fmt: skip
    header = ["data", "CPU ms a layer (95 %)", "a line explains", "time ~ depth to the", "of accuracy: depth",
              "activation", "initialisation", "residual"]  # fmt: skip
    table("Time by depth, and what accuracy varies with (epsilon squared)", rows, header)


def metric():
    """His accuracy compared the first column of one-hot labels with the index of the class that was said."""
    rows = []
    labels = np.arange(300) % 3
    for name, said in (("perfect", labels), ("always class 0", labels * 0), ("always class 1", labels * 0 + 1)):
        his = np.mean((labels == 0).astype(int) == said)
        rows.append([name, f"{100 * his:.1f} %", f"{100 * np.mean(labels == said):.1f} %"])
    table("A metric that is not accuracy: three classes of equal size", rows, ["model", "published code", "accuracy"])


def draw(studies, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(studies), figsize=(12, 4.6), sharey=True, layout="constrained")
    colors = {"relu": "#3060c0", "tanh": "#d07020", "sigmoid": "#409050"}
    for axis, (name, found) in zip(axes, studies.items(), strict=True):
        done = found[found.status == "done"]
        for (activation, start, residual), group in done.groupby(["activation", "initialisation", "residual"]):
            by_depth = group.groupby("depth").accuracy.mean()
            label = f"{activation}, {start}, {'residual' if residual else 'plain'}"
            axis.plot(by_depth.index, by_depth, "-" if residual else "--", marker="o" if start == "he" else "x",
                      color=colors[activation], label=label, markersize=4, linewidth=1.2)  # fmt: skip
        axis.axhline(done.baseline.iloc[0], color="#909090", linestyle=":")
        axis.axvspan(500, 700, color="#909090", alpha=0.15)
        axis.set(xscale="log", xlabel="hidden layers", title=f"{name}: mean over seeds; grey: 500 to 700 layers")
    axes[0].set_ylabel("test accuracy")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(HERE))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studies = {
            "iris": study("iris", iris(folder), options.seeds, folder),
            "digits": study("digits", DIGITS, options.seeds, folder),
        }
    for name, found in studies.items():
        claims(name, found)
    time_and_choices(studies)
    metric()
    draw(studies, Path(options.out) / "mcleod.png")


if __name__ == "__main__":
    main()
