"""Tables I and II: how long an RBM trains by CD steps k, visible units v, hidden units h and rows N, and by which of
these the time varies.

.venv/bin/python scripts/paper/table1.py [--replicates 5] [--out scripts/paper]

Two implementations: a textbook one in plain Python, unit by unit and row by row as the paper describes its own, and
mrdl's. Each cell is measured `--replicates` times, in an order of its own each time, in CPU milliseconds.
The paper's own Table I is analysed beside them, to see whether its Table II follows from it.
"""

import argparse
import itertools
import math
import random
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
from common import table  # noqa: E402

K, V, H, N = (1, 5, 10), (6, 12, 24), (3, 6, 12), (1000, 2000, 3000)
FACTORS = ("k", "v", "h", "N")
PAPER_TABLE_2 = {"k": 41.65, "v": 17.60, "h": 15.07, "N": 25.83}
# k and N down; v, and h within it, across
PAPER_TABLE_1 = """
1.58 2.48 4.41 2.47 3.88 6.73 4.36 6.70 11.53
3.13 5.01 8.72 4.96 7.82 13.48 8.87 13.52 22.96
4.67 7.51 13.01 7.49 11.68 20.34 13.19 20.08 34.18
4.76 7.11 11.94 8.01 11.51 18.46 10.85 14.73 22.59
9.45 14.20 23.88 15.87 22.98 29.17 21.77 31.07 44.91
14.24 21.33 35.72 23.91 34.69 40.10 32.80 46.56 67.24
6.72 9.92 15.93 11.33 15.77 24.22 20.51 27.34 40.34
13.57 19.69 31.95 22.52 31.30 48.29 40.84 54.77 80.88
20.14 29.49 47.81 33.86 47.15 72.48 61.63 81.63 121.31
"""


def paper_times():
    """The paper's Table I as (k, v, h, N), milliseconds."""
    read = np.array([list(map(float, line.split())) for line in PAPER_TABLE_1.split("\n") if line])
    return read.reshape(3, 3, 3, 3).transpose(0, 2, 3, 1)  # (k, N, v, h) as printed


# --- what is timed ---


def textbook(k, v, h, rows, seed=0):
    """CD-k row by row and unit by unit in plain Python, as the paper's loops are described."""
    draw = random.Random(seed)
    weights = [[draw.gauss(0, 0.01) for _ in range(v)] for _ in range(h)]
    below, above, rate = [0.0] * v, [0.0] * h, 0.1

    def up(state):
        return [
            1 / (1 + math.exp(-sum(w * s for w, s in zip(line, state, strict=True)) - bias))
            for line, bias in zip(weights, above, strict=True)
        ]

    def down(state):
        return [
            1 / (1 + math.exp(-sum(weights[j][i] * state[j] for j in range(h)) - below[i])) for i in range(v)
        ]  # fmt: skip

    for row in rows:
        first = mean = up(row)
        for _ in range(k):
            states = [float(draw.random() < p) for p in mean]
            seen = [float(draw.random() < p) for p in down(states)]
            mean = up(seen)
        for j in range(h):
            for i in range(v):
                weights[j][i] += rate * (first[j] * row[i] - mean[j] * seen[i])
            above[j] += rate * (first[j] - mean[j])
        for i in range(v):
            below[i] += rate * (row[i] - seen[i])


def timed_textbook(k, v, h, n):
    rng = np.random.default_rng(1)
    rows = (rng.random((n // 10, v)) < 0.3).astype(float).tolist()
    began = time.process_time()
    textbook(k, v, h, rows)
    return 10 * 1000 * (time.process_time() - began)


def timed_mrdl(k, v, h, n):
    from mrdl.nn.encoding.encoding import Encoding
    from mrdl.nn.kinds import rbm
    from mrdl.nn.minibatch import Hyperparameters
    from mrdl.nn.rows import Rows
    from mrdl.nn.trainer import train_shard

    features = (np.random.default_rng(1).random((n, v)) < 0.3).astype(np.uint8)
    rows = Rows(features, np.zeros(n, np.int64), np.arange(n), Encoding.none(v))
    arch = rbm([v, h])
    settings = Hyperparameters(1, 16, 0.1, 0.5, "cpu", cd_steps=k)
    began = time.process_time()
    train_shard(arch, arch.initial_weights(0), rows, settings, np.random.default_rng(0))
    return 1000 * (time.process_time() - began)


def measured(function, replicates):
    """(replicates, k, v, h, N) CPU milliseconds; each replicate visits the cells in an order of its own."""
    found = np.zeros((replicates, 3, 3, 3, 3))
    cells = list(itertools.product(range(3), repeat=4))
    function(K[0], V[0], H[0], N[0])  # the first call loads libraries
    for replicate in range(replicates):
        for i, j, m, n in random.Random(replicate).sample(cells, len(cells)):
            found[replicate, i, j, m, n] = function(K[i], V[j], H[m], N[n])
    return found


# --- where the variation comes from ---


def anova(times):
    """Shares of the variation in per cent, by set of factors; "error" is that between replicates.

    times: (replicates, k, v, h, N). An effect of a set is what its means vary beyond those of its subsets.
    """
    replicates, cells = len(times), times.mean(0)
    effects, sums = {}, {}
    for size in range(len(FACTORS) + 1):
        for axes in itertools.combinations(range(len(FACTORS)), size):
            others = tuple(a for a in range(len(FACTORS)) if a not in axes)
            mean = cells.mean(axis=others, keepdims=True)
            smaller = [effects[s] for r in range(size) for s in itertools.combinations(axes, r)]
            effects[axes] = mean - sum(smaller) if smaller else mean
            if axes:
                name = "".join(f"{' x ' if i else ''}{FACTORS[a]}" for i, a in enumerate(axes))
                sums[name] = replicates * float((np.broadcast_to(effects[axes], cells.shape) ** 2).sum())
    sums["error"] = float(((times - cells) ** 2).sum())
    total = sum(sums.values())
    return {name: 100 * value / total for name, value in sums.items()}


def interval(times, name, draws=500):
    """95 % of the share of an effect when replicates are drawn again, cell by cell; None for one replicate."""
    replicates = len(times)
    if replicates < 2:
        return None
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(draws):
        pick = rng.integers(0, replicates, times.shape)
        shares.append(anova(np.take_along_axis(times, pick, 0))[name])
    return np.percentile(shares, [2.5, 97.5])


def report(times, name):
    """Rows of shares: main effects, two factors, more, error."""
    shares = anova(times)
    pairs = {n: s for n, s in shares.items() if n.count(" x ") == 1}
    more = sum(s for n, s in shares.items() if n.count(" x ") > 1)
    largest = max(pairs, key=pairs.get)
    cells = []
    for factor in FACTORS:
        around = interval(times, factor)
        cells.append(f"{shares[factor]:.2f}" + (f" ({around[0]:.1f}-{around[1]:.1f})" if around is not None else ""))
    main = sum(shares[f] for f in FACTORS)
    return [
        name, *cells, f"{main:.1f}", f"{sum(pairs.values()):.1f} ({largest} {pairs[largest]:.1f})", f"{more:.1f}",
        f"{shares['error']:.2f}",
    ]  # fmt: skip


def relative(times):
    """Main effects alone, as shares of their sum."""
    shares = anova(times)
    total = sum(shares[f] for f in FACTORS)
    return [100 * shares[f] / total for f in FACTORS]


def verdict(paper):
    """Whether the paper's Table II follows from its Table I."""
    printed = [PAPER_TABLE_2[f] for f in FACTORS]
    ways = {
        "all effects": [anova(paper)[f] for f in FACTORS],
        "main effects alone": relative(paper),
        "logarithms": [anova(np.log(paper))[f] for f in FACTORS],
        "logarithms, main effects alone": relative(np.log(paper)),
    }
    off = {name: max(abs(a - b) for a, b in zip(printed, way, strict=True)) for name, way in ways.items()}
    nearest = min(off, key=off.get)
    told = ", ".join(f"{name} {points:.2f}" for name, points in off.items())
    return (
        f"Does the paper's Table II follow from its Table I? Largest difference in points, by way of counting: {told}. "
        f"Nearest: {nearest}" + ("." if off[nearest] < 0.05 else ", but not to the digits printed, which add up to "
        f"{sum(printed):.2f}.")
    )  # fmt: skip


def times_table(times, title):
    header = ["k", "N", *(f"v={v} h={h}" for v in V for h in H)]
    rows = [
        [K[i], N[n], *(f"{times[:, i, j, m, n].min():.1f}" for j in range(3) for m in range(3))]
        for i in range(3)
        for n in range(3)
    ]
    table(title, rows, header)


def draw(bars, path):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no picture: pip install "mrdl[plot]"', file=sys.stderr)
        return
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for i, (name, shares) in enumerate(bars.items()):
        axes.bar(np.arange(4) + (i - (len(bars) - 1) / 2) * 0.15, shares, 0.14, label=name)
    axes.set_xticks(range(4), FACTORS)
    axes.set_ylabel("% of the variation")
    axes.set_title("RBM execution time: main effects")
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\n![Main effects]({path.name})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    paper = paper_times()[None]
    plain, ours = measured(timed_textbook, options.replicates), measured(timed_mrdl, options.replicates)
    times_table(paper, "Table I of the paper, ms")
    times_table(plain, "Table I, plain Python, unit by unit, CPU ms (a tenth of the rows, times 10)")
    times_table(ours, "Table I, mrdl, batches of 16, CPU ms")
    header = ["% of the variation", *FACTORS, "main", "two factors (largest)", "more", "error"]
    rows = [
        ["the paper's Table II", *(f"{PAPER_TABLE_2[f]:.2f}" for f in FACTORS), f"{sum(PAPER_TABLE_2.values()):.2f}",
         "", "", ""],
        report(paper, "its Table I"),
        report(np.log(paper), "its Table I, logarithms"),
        report(plain, "plain Python"),
        report(np.log(plain), "plain Python, logarithms"),
        report(ours, "mrdl"),
        report(np.log(ours), "mrdl, logarithms"),
    ]  # fmt: skip
    table("Table II: ANOVA of all replicates; in brackets 95 % of drawing replicates again", rows, header)
    print(f"\n{verdict(paper)}")
    draw(
        {
            "Table II of the paper": [PAPER_TABLE_2[f] for f in FACTORS],
            "its Table I, main effects alone": relative(paper),
            "logarithms of its Table I": [anova(np.log(paper))[f] for f in FACTORS],
            "plain Python, main effects alone": relative(plain),
            "mrdl, main effects alone": relative(ours),
        },
        options.out / "table2.png",
    )


if __name__ == "__main__":
    main()
