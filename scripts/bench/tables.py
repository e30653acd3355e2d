"""Accuracy on real tables beside scikit-learn's, by default settings alone, and on a large one beside plain PyTorch.

.venv/bin/python scripts/bench/tables.py sets --packages FOLDER [--seeds 0,1,2] [--shards 1] [--only iris,wine]
.venv/bin/python scripts/bench/tables.py big [--rows 300000] [--shards 1,2,8,32] [--plain]

`sets` takes the tables of table_sets.py, which says how FOLDER is made. Columns of text become 0/1 columns beforehand,
for all alike; missing numbers are the mean for scikit-learn's, and mrdl is given them as they are. `big` makes a table
of 28 columns, heavy-tailed ones among them, whose classes overlap: no network can get more than 79.92 % right of it.
docs/tables.md holds what came of both.
"""

import argparse
import json
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from common import WORK, table
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from table_sets import CHOSEN_ON, CONFIRMED_ON, LABEL, parts

import mrdl

MOST_LEVELS = 32
COLUMNS = 28  # of the large table
CPU = resource.RUSAGE_SELF


# --- real tables ---


def in_numbers(train, test):
    """Both frames with columns of text as columns of 0 and 1, by the rows trained on."""
    text = make_column_selector(dtype_exclude="number")
    one_hot = OneHotEncoder(max_categories=MOST_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False)
    made = ColumnTransformer([("text", one_hot, text)], remainder="passthrough", verbose_feature_names_out=False)
    made.set_output(transform="pandas").fit(train.drop(columns=LABEL))
    return [made.transform(part.drop(columns=LABEL)) for part in (train, test)]


def sklearn_models(seed):
    """Classifiers by name. Each has standardised columns without gaps but the trees, which need neither."""
    scaled = (SimpleImputer(), StandardScaler())
    return {
        "mlp": make_pipeline(*scaled, MLPClassifier(random_state=seed)),
        "logistic": make_pipeline(*scaled, LogisticRegression(max_iter=2000)),
        "trees": HistGradientBoostingClassifier(random_state=seed),
    }


def plainly_named(x):
    """A frame whose columns are c0, c1, and so on."""
    return pd.DataFrame(x.to_numpy(), columns=[f"c{i}" for i in range(x.shape[1])])


def by_mrdl(x, y, seed, folder, **settings):
    """The model that the defaults make. x: of plainly_named."""
    run_dir = tempfile.mkdtemp(dir=folder)
    frame = x.assign(**{LABEL: y})
    return mrdl.train(frame, label=LABEL, seed=seed, show=False, run_dir=f"{run_dir}/run", **settings)


def scores(classes, p, y):
    """Per cent right, the mean of that over classes, and the area under the ROC curve, of each class to the others."""
    said = classes[p.argmax(1)]
    area = np.mean([roc_auc_score(y == name, p[:, i]) for i, name in enumerate(classes) if 0 < (y == name).mean() < 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 100 * float((said == y).mean()), 100 * balanced_accuracy_score(y, said), 100 * float(area)


def one(read, packages, seed, models):
    """The scores of models on one table, one after the other: mrdl with so many shards, or one of scikit-learn's."""
    train, test = parts(read(packages), seed)
    x, test_x = in_numbers(train, test)
    y, test_y = (part[LABEL].astype(str).str.strip().add("_").to_numpy() for part in (train, test))
    for name in models:
        if name.startswith("mrdl"):
            with tempfile.TemporaryDirectory() as folder:
                os.environ["XDG_CACHE_HOME"] = folder
                trained = by_mrdl(plainly_named(x), y, seed, folder, shards=int(name.split()[1]))
                classes, p = np.array(trained.classes), trained.predict_proba(plainly_named(test_x))
        else:
            model = sklearn_models(seed)[name].fit(x, y)
            classes, p = model.classes_, model.predict_proba(test_x)
        yield name, scores(classes, p, test_y)


def sets(options):
    """Print the scores on all tables; each is kept in a file as it comes."""
    seeds = [int(seed) for seed in options.seeds.split(",")]
    models = [*(f"mrdl {number}" for number in options.shards.split(",")), "mlp", "logistic", "trees"]
    kept = Path(options.keep)
    known = {}
    for line in kept.read_text().splitlines() if kept.exists() else []:
        name, seed, model, values = json.loads(line)
        known[name, seed, model] = values
    for title, some in (("Chosen on", CHOSEN_ON), ("Confirmed on", CONFIRMED_ON)):
        wanted = [name for name in some if not options.only or name in options.only.split(",")]
        for name in wanted:
            for seed in seeds:
                missing = [model for model in models if (name, seed, model) not in known]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    for model, values in one(some[name], Path(options.packages), seed, missing) if missing else ():
                        known[name, seed, model] = values
                        with kept.open("a") as file:
                            file.write(json.dumps([name, seed, model, values]) + "\n")
        if not wanted:
            continue
        means = np.array([[np.mean([known[n, s, m] for s in seeds], 0) for m in models] for n in wanted])
        rows = [[n, *(" / ".join(f"{v:.1f}" for v in of_model) for of_model in means[i])] for i, n in enumerate(wanted)]
        rows.append(["mean", *(" / ".join(f"{v:.2f}" for v in of_model) for of_model in means.mean(0))])
        table(f"{title}: per cent right / balanced / AUC", rows, ["set", *models])


# --- a large table ---


def big_table(rows):
    """The path of a table of so many rows, made where it is not there: 21 columns, 4 of them log-normal, and 7 that are
    products and differences of those; the label says whether a small random network of the 21, and noise, is above
    0."""
    path = WORK / f"big-{rows}.csv"
    if path.exists():
        return path
    WORK.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(21, 40)), rng.normal(size=40)
    begun = path.with_suffix(".part")
    with begun.open("w") as file:
        for start in range(0, rows, 200_000):
            count = min(200_000, rows - start)
            x = rng.normal(size=(count, 21)).astype(np.float32)
            x[:, 5:9] = np.exp(x[:, 5:9])
            above = np.tanh(x @ first / 3) @ second / 4 + rng.normal(size=count) * 0.6 > 0
            pairs = [x[:, 0] * x[:, 1], x[:, 2] ** 2, x[:, 3] * x[:, 4], np.abs(x[:, 5] - x[:, 6])]
            pairs += [x[:, 7] * x[:, 8], x[:, 9] + x[:, 10], x[:, 11] * x[:, 12]]
            values = np.column_stack([x, *pairs]).round(5)
            frame = pd.DataFrame(values, columns=[f"f{i}" for i in range(COLUMNS)])
            frame.insert(0, "label", above.astype(int))
            frame.to_csv(file, index=False, header=not start)
    begun.rename(path)
    return path


def plain_pytorch(train, test, batch, epochs, rate, decay):
    """Per cent right and the CPU seconds of a loop as one would write it: standardised, momentum SGD, a cosine to 0."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = time.process_time()
    frames = [pd.read_csv(path, dtype="float32", engine="pyarrow").to_numpy() for path in (train, test)]
    mean, deviation = frames[0][:, 1:].mean(0), frames[0][:, 1:].std(0)
    x, test_x = (torch.from_numpy((frame[:, 1:] - mean) / deviation) for frame in frames)
    y, test_y = (torch.from_numpy(frame[:, 0]).long() for frame in frames)
    layers = [torch.nn.Linear(COLUMNS, 500), torch.nn.ReLU(), torch.nn.Linear(500, 100), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(100, 2))
    optimizer = torch.optim.SGD(net.parameters(), rate, 0.9, weight_decay=decay)
    steps = epochs * -(-len(y) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(batch):
            loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    spent = time.process_time() - began
    with torch.no_grad():
        said = torch.cat([net(some).argmax(1) for some in test_x.split(20_000)])
    return 100 * float((said == test_y).float().mean()), spent


def split(path):
    """The rows to train on, and the tenth of the table to test on, as two files beside it."""
    train, test = path.with_suffix(".train.csv"), path.with_suffix(".test.csv")
    if not test.exists():
        frame = pd.read_csv(path, engine="pyarrow")
        held = np.random.default_rng(0).random(len(frame)) < 0.1
        frame[~held].to_csv(train, index=False)
        frame[held].to_csv(test, index=False)
    return train, test


def big(options):
    """Print accuracy and CPU seconds, from text to network, by number of shards; and of plain PyTorch."""
    train, test = split(big_table(options.rows))
    rows = []
    for shards in map(int, options.shards.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            began = time.process_time()
            model = mrdl.train(
                train, label="label", shards=shards, validation=0.02, show=False, run_dir=f"{folder}/run"
            )
            spent = time.process_time() - began
            right = 100 * model.evaluate(test)["accuracy"]
            by_round = " ".join(f"{100 * done['accuracy']:.2f}" for done in model.rounds)
        rows.append([f"mrdl, {shards} shards", f"{right:.2f}", f"{spent:.0f}", f"validation by round {by_round}"])
        print(rows[-1], flush=True)
    for batch, epochs, rate, decay in [(1024, 2, 0.2, 0.0), (256, 2, 0.1, 3e-4), (1024, 4, 0.2, 1e-4)]:
        if options.plain:
            right, spent = plain_pytorch(train, test, batch, epochs, rate, decay)
            about = f"batch {batch}, {epochs} epochs, rate {rate}, decay {decay:g}"
            rows.append(["plain PyTorch", f"{right:.2f}", f"{spent:.0f}", about])
            print(rows[-1], flush=True)
    table(f"{options.rows:,} rows of {COLUMNS} columns", rows, ["", "per cent right", "CPU s", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sets", "big"))
    parser.add_argument("--packages", default="")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--shards", default="")
    parser.add_argument("--only", default="")
    parser.add_argument(
        "--keep", default=str(WORK / "tables.jsonl"), help="a file of results, which are not made again"
    )
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--plain", action="store_true", help="plain PyTorch, too")
    options = parser.parse_args()
    options.shards = options.shards or {"sets": "1", "big": "1,2,8,32"}[options.what]
    {"sets": sets, "big": big}[options.what](options)


if __name__ == "__main__":
    main()
