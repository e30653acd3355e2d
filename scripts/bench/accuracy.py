"""Accuracy on MNIST by number of shards and rounds, with plain averaging beside it, and one process of plain SGD.

.venv/bin/python scripts/bench/accuracy.py [--shards 2,4,8,16,32,64] [--seeds 0,1] [--digits]

784-500-100-10, 10 epochs in all and default settings but for rounds; a tenth of the training rows is kept out, by which
settings were chosen; the test rows are only reported. `--digits` does the same on the 1,797 digits of tests/data,
which nothing was chosen by: tested on the validation rows of shards that are never trained on.
What was tried and did not help stands in scripts/bench/learning_log.md.
"""

import argparse
import os
import tempfile

from common import REPO, mnist, table

import mrdl

EPOCHS = 10
PLAIN = {"warm_rows": 0, "outer_momentum": 0.0, "outer_step": 1.0}
PAPER = {**PLAIN, "learning_rate": 0.015, "batch_size": 64}


def accuracy(data, test, folder, **settings):
    """Per cent right of the test rows, or of the validation rows where there is no test."""
    model = mrdl.train(
        data, runner="local", show=False, run_dir=tempfile.mkdtemp(dir=folder), cache_dir=f"{folder}/cache", **settings
    )
    return 100 * (model.evaluate(test)["accuracy"] if test else model.rounds[-1]["accuracy"])


def mean(values):
    return f"{sum(values) / len(values):.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", default="2,4,8,16,32,64")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--digits", action="store_true")
    options = parser.parse_args()
    numbers = [int(number) for number in options.shards.split(",")]
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if options.digits:
        data, test, nodes = REPO / "tests" / "data" / "digits.csv", None, (64, 300, 100, 10)
    else:
        data, test, nodes = mnist(60_000), mnist(10_000, "t10k"), (784, 500, 100, 10)
    what = "the digits, validation rows" if options.digits else "MNIST, test rows"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder

        def scores(seeds, **settings):
            return mean([accuracy(data, test, folder, nodes=nodes, seed=seed, **settings) for seed in seeds])

        alone = [
            ["lr .015, batch 64", scores(seeds, shards=1, rounds=1, epochs=EPOCHS, **PAPER)],
            ["lr .03, batch 16 (mrdl's own)", scores(seeds, shards=1, rounds=1, epochs=EPOCHS)],
        ]
        table(f"One process, plain SGD, {EPOCHS} epochs ({what})", alone, ["settings", "accuracy"])
        rows = []
        for shards in numbers:
            in_rounds = {r: scores(seeds, shards=shards, rounds=r, epochs=EPOCHS // r) for r in (2, 5)}
            paper = scores(seeds[:1], shards=shards, rounds=5, epochs=2, **PAPER)
            plain = scores(seeds[:1], shards=shards, rounds=5, epochs=2, **PLAIN)
            rows.append([shards, paper, plain, in_rounds[2], in_rounds[5]])
        header = [
            "shards",
            "mean, lr .015, batch 64, 5 rounds",
            "mean, 5 rounds",
            "defaults, 2 rounds",
            "defaults, 5 rounds",
        ]
        table(f"Accuracy in per cent, {EPOCHS} epochs in all, mean of seeds {options.seeds} ({what})", rows, header)


if __name__ == "__main__":
    main()
