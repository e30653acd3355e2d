"""RBMs, deep belief nets and autoencoders: shards against one process, pre-training against none, CD against others.

.venv/bin/python scripts/bench/kinds.py [--rows 60000] [--only autoencoder,rbm,dbn,speed]

MNIST, 10 epochs in all, 8 shards in 5 rounds, default settings; errors are mean squared ones of the 10,000 test rows.
"One process" is plain SGD (--shards 1) by mrdl's defaults and by those of textbooks (batch 64): the better one counts.
"""

import argparse
import os
import tempfile
import time

import numpy as np
from common import mnist, table

import mrdl
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.kinds import rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard

PLAIN = {"warm_epochs": 0, "outer_momentum": 0.0, "outer_step": 1.0}  # one-shot averaging, as the paper has it
IN_ROUNDS = {"shards": 8, "rounds": 5, "epochs": 2}
ALONE = {"shards": 1, "rounds": 5, "epochs": 2}
LABELLED = 600


def trained(data, folder, **settings):
    return mrdl.train(
        data, runner="local", show=False, run_dir=tempfile.mkdtemp(dir=folder), cache_dir=f"{folder}/cache", **settings
    )


def shards_against_one(name, kind, nodes, textbook, goal, data, folder):
    """A row of the table: errors and their ratios."""

    def error(**settings):
        scores = trained(data, folder, kind=kind, nodes=nodes, **settings).evaluate(mnist(10_000, "t10k"))
        return scores.get("mse", scores["loss"])

    alone, by_the_book = error(**ALONE), error(**ALONE, **textbook)
    one_shot = error(shards=8, rounds=1, epochs=10, **textbook, **PLAIN)
    ours, best = error(**IN_ROUNDS), min(alone, by_the_book)
    return [
        name, f"{alone:.5f}", f"{by_the_book:.5f}", f"{one_shot:.5f}", f"{one_shot / best:.2f}", f"{ours:.5f}",
        f"{ours / best:.2f}", goal,
    ]  # fmt: skip


def pre_training(data, folder):
    """The accuracy of a deep belief net fine-tuned on few labels, and of the same network without pre-training."""
    few = f"{folder}/labelled.csv"
    with open(data) as source, open(few, "w") as file:
        file.writelines(line for _, line in zip(range(LABELLED + 1), source, strict=False))
    stack = f"{folder}/stack.safetensors"
    trained(data, folder, kind="rbm", nodes=(784, 500, 100), **IN_ROUNDS).save(stack)
    nodes, test = (784, 500, 100, 10), mnist(10_000, "t10k")
    rows = []
    for rounds, epochs in ((3, 4), (3, 10)):
        settings = {"shards": 1, "rounds": rounds, "epochs": epochs, "validation": 0, "nodes": nodes}
        ways = {
            "dbn": {"kind": "dbn", "start_from": stack},
            "sigmoid": {"kind": "mlp", "activation": "sigmoid"},
            "relu": {"kind": "mlp"},
        }
        found = {
            name: np.mean(
                [trained(few, folder, **settings, **way, seed=s).evaluate(test)["accuracy"] for s in (0, 1, 2)]
            )
            for name, way in ways.items()
        }
        gain = 100 * (found["dbn"] - found["sigmoid"])
        rows.append([rounds * epochs, *(f"{100 * a:.1f}" for a in found.values()), f"{gain:+.1f}", ">= +3"])
    return rows


def cd_speed(data, repeats=3):
    """CPU seconds of an epoch of CD-1, in turn, the fastest of each; scikit-learn's is PCD-1, with as many products."""
    from sklearn.neural_network import BernoulliRBM

    raw = np.loadtxt(data, np.uint8, delimiter=",", skiprows=1)[:, 1:]
    scaled = raw / 255.0
    encoding = Encoding(np.zeros(784, np.float32), np.full(784, 1 / 255, np.float32))
    plain = Rows(raw, np.zeros(len(raw), np.int64), np.arange(len(raw)), encoding)
    arch = rbm([784, 500])

    def ours(batch):
        settings = Hyperparameters(1, batch, 0.02, 0.5, "cpu", weight_cost=2e-4)
        train_shard(arch, arch.initial_weights(0), plain, settings, np.random.default_rng(0))

    def theirs(batch, rows):
        BernoulliRBM(500, learning_rate=0.02, batch_size=batch, n_iter=1, random_state=0).fit(rows)

    def seconds(function):
        began = time.process_time()
        function()
        return time.process_time() - began

    found = []
    for batch in (10, 16, 64):
        ways = [lambda b=batch: ours(b), lambda b=batch: theirs(b, scaled)]
        best = [min(times) for times in zip(*([seconds(way) for way in ways] for _ in range(repeats)), strict=True)]
        name = f"{batch} (scikit-learn's default)" if batch == 10 else f"{batch} (mrdl's)" if batch == 16 else batch
        found.append([name, f"{best[0]:.2f}", f"{best[1]:.2f}", f"{best[1] / best[0]:.1f}", ">= 3"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--only", default="autoencoder,rbm,dbn,speed")
    options = parser.parse_args()
    wanted, data = options.only.split(","), mnist(options.rows)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        cases = [
            ("autoencoder 784-500-100-30-...", "autoencoder", (784, 500, 100, 30),
             {"batch_size": 64, "learning_rate": 0.002, "momentum": 0.9}, "<= 1.2"),
            ("RBM 784-500, CD-1", "rbm", (784, 500), {"batch_size": 64, "learning_rate": 0.1}, "<= 1.5"),
        ]  # fmt: skip
        errors = [shards_against_one(*case, data, folder) for case in cases if case[1] in wanted]
        if errors:
            header = ["network", "one process", "one process, batch 64", "one shot", "ratio", "mrdl", "ratio", "goal"]
            table(f"Reconstruction error, {options.rows} rows, 8 shards, 5 rounds, 10 epochs in all", errors, header)
        if "dbn" in wanted:
            header = ["epochs", "dbn", "sigmoid net", "ReLU net", "dbn against sigmoid", "goal"]
            title = f"784-500-100-10 on {LABELLED} labels, per cent right, mean of 3 seeds; RBMs of {options.rows} rows"
            table(title, pre_training(data, folder), header)
        if "speed" in wanted:
            header = ["batch", "mrdl CD-1", "scikit-learn BernoulliRBM", "ratio", "goal"]
            table(f"An epoch of {options.rows} rows, 784-500, CPU seconds, one thread", cd_speed(data), header)


if __name__ == "__main__":
    main()
