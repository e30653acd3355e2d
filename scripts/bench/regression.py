"""R² on real tables of numbers beside scikit-learn's, by default settings alone.

.venv/bin/python scripts/bench/regression.py --packages FOLDER [--seeds 0,1,2] [--shards 1] [--only auto,wage]

The tables are NUMBERS of table_sets.py, which says how FOLDER is made. Columns of text become 0/1 columns beforehand,
for all alike. A fifth of the rows is the test, by seed. docs/tables.md holds what came of it.
"""

import argparse
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from common import table
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from table_sets import LABEL, NUMBERS
from tables import by_mrdl, in_numbers, plainly_named


def sklearn_models(seed):
    """Regressors by name; all but the trees have standardised columns without gaps. The target is as it is."""
    scaled = (SimpleImputer(), StandardScaler())
    return {
        "mlp": make_pipeline(*scaled, MLPRegressor(random_state=seed)),
        "ridge": make_pipeline(*scaled, Ridge()),
        "trees": HistGradientBoostingRegressor(random_state=seed),
    }


def one(frame, seed, shards):
    """R² of each model on one table, and how many rows it has."""
    is_test = np.random.default_rng([seed, 99]).permutation(len(frame)) < len(frame) // 5
    train, test = frame[~is_test].sample(frac=1, random_state=seed), frame[is_test]
    x, test_x = in_numbers(train, test)
    y, test_y = (part[LABEL].to_numpy(np.float64) for part in (train, test))
    said = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for number in shards:
            model = by_mrdl(plainly_named(x), y, seed, folder, task="regress", shards=number)
            said[f"mrdl {number}"] = model.predict(plainly_named(test_x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said |= {name: model.fit(x, y).predict(test_x) for name, model in sklearn_models(seed).items()}
    return {name: r2_score(test_y, numbers) for name, numbers in said.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--shards", default="1", help="of mrdl, by commas")
    parser.add_argument("--only", help="tables, by commas")
    options = parser.parse_args()
    seeds, shards = ([int(text) for text in each.split(",")] for each in (options.seeds, options.shards))
    rows, means = [], []
    for name in options.only.split(",") if options.only else NUMBERS:
        frame = NUMBERS[name](options.packages)
        scores = pd.DataFrame([one(frame, seed, shards) for seed in seeds])
        means.append(scores.mean())
        rows.append([name, str(len(frame)), *(f"{value:.3f}" for value in scores.mean())])
        print(*rows[-1], flush=True)
    rows.append(["mean", "", *(f"{value:.3f}" for value in pd.DataFrame(means).mean())])
    table(f"R² on a fifth of the rows, mean of {len(seeds)} seeds", rows, ["table", "rows", *means[0].index])


if __name__ == "__main__":
    main()
