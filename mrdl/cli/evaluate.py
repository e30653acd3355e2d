"""`mrdl evaluate`: what a model is worth on a labelled CSV, each measure beside what knowing nothing would give."""

import argparse
import json

import mrdl
from mrdl.cli.screen import say
from mrdl.model.baseline import told_baseline, told_worth


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl evaluate` can be told."""
    parser.description = (
        "Tell what a network is worth on labelled rows: accuracy, areas under curves and losses, each beside what "
        "knowing nothing would give; precision and recall of each class, the confusion matrix, and the calibration."
    )
    parser.add_argument("model", help="a run folder, or a model file that train wrote")
    parser.add_argument("data", help="a CSV with the label column; local or hdfs://")
    parser.add_argument("--json", action="store_true", help="as one object of JSON")
    parser.set_defaults(command=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Print the report of a model on labelled rows; of networks without classes their measures alone.

    Raises ModelError for what is no model, DataError where the rows are not of its columns or have no labels.
    """
    model = mrdl.load(options.model)
    if not model.classifies:
        scores = model.evaluate(options.data)
        if options.json:
            print(json.dumps(scores))
        else:
            beside = [told_worth(scores), told_baseline(scores, model.preparation.usual)]
            say("\n".join([*filter(None, beside), *(f"{name} {value:.6g}" for name, value in scores.items())]))
        return
    report = model.report(options.data)
    if options.json:
        print(json.dumps(report.to_json()))
    else:
        say(report)
