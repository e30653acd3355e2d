#!/usr/bin/env python3
"""What a column of very many levels is worth by buckets of a hash: .venv/bin/python scripts/bench/hashed.py

A made table of 24,000 rows: an id of 5,000 levels, the n-th of which is 1 / n as frequent as the first, decides the
label alone; beside it are two columns of chance.
"""

import tempfile
import time

import numpy as np
import pandas as pd

import mrdl

ROWS, TRAINED, LEVELS = 24_000, 20_000, 5000
SEEDS = 2
WAYS = {
    "left out": {"drop": "id"},
    "a category": {"category": "id"},
    **{f"{buckets} buckets": {"hash": f"id={buckets}"} for buckets in (16, 64, 256, 1024)},
}


def table(rng: np.random.Generator) -> pd.DataFrame:
    share = 1 / np.arange(1, LEVELS + 1)
    level = rng.choice(LEVELS, ROWS, p=share / share.sum())
    label = np.where(rng.integers(0, 2, LEVELS)[level], "yes", "no")
    ids = [f"user_{i * 7919 % 1_000_003}" for i in level]
    return pd.DataFrame({"id": ids, "a": rng.normal(size=ROWS), "b": rng.normal(size=ROWS), "y": label})


def main() -> None:
    print("| the id | inputs | per cent right | CPU s |\n|---|---|---|---|")
    for name, how in WAYS.items():
        found = []
        for seed in range(SEEDS):
            rows = table(np.random.default_rng(seed))
            began = time.process_time()
            with tempfile.TemporaryDirectory() as folder:
                model = mrdl.train(rows[:TRAINED], label="y", shards=1, show=False, run_dir=f"{folder}/run", **how)
            spent = time.process_time() - began
            right = float((model.predict(rows[TRAINED:]) == rows["y"][TRAINED:]).mean())
            found.append((model.preparation.width, 100 * right, spent))
        inputs, right, spent = np.mean(found, 0)
        print(f"| {name} | {inputs:.0f} | {right:.1f} | {spent:.0f} |", flush=True)


if __name__ == "__main__":
    main()
