"""`mrdl explain`: which columns a network needs, and how its answers change with them."""

import argparse
import json
from pathlib import Path

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import mrdl
from mrdl.cli.screen import late_bar, say
from mrdl.errors import cannot_write
from mrdl.explanation.explanation import REPEATS, explain
from mrdl.storage import atomic


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl explain` can be told."""
    parser.description = (
        "Tell what a network looks at: how much worse it is where a column is shuffled, how its answers change with a "
        "column, and which columns look like a leak."
    )
    parser.add_argument("model", help="a run folder, or a model file that train wrote")
    parser.add_argument("data", help="a CSV with the label column; local or hdfs://")
    parser.add_argument("--measure", metavar="NAME", help="that columns are judged by, one of those of mrdl evaluate")
    parser.add_argument(
        "--rows", type=int, metavar="N", help="at most so many rows, those that come first by their hash"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=REPEATS,
        metavar="N",
        help="draws of rows that intervals are of (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="as one object of JSON")
    parser.add_argument("--html", metavar="FILE", help="write a page with pictures, which works offline, too")
    parser.set_defaults(command=show)


def show(options: argparse.Namespace) -> None:
    """Print what a network looks at on labelled rows; with --html a page is written, too.

    Raises ModelError for what is no model, DataError where the rows are not of its columns or have no labels,
    SetupError where the page cannot be written.
    """
    model = mrdl.load(options.model)
    columns = (TextColumn("shuffling columns"), BarColumn(30), TimeElapsedColumn(), TimeRemainingColumn())
    with late_bar(*columns) as move:
        found = explain(
            model,
            options.data,
            measure=options.measure,
            rows=options.rows,
            repeats=options.repeats,
            on_step=lambda done, whole: move(completed=done, total=whole),
        )
    if options.html:
        from mrdl.reports.explanation_page import page_of

        try:
            atomic.write(Path(options.html), page_of(found).encode())
        except OSError as error:
            raise cannot_write(options.html, error.strerror or str(error), "explain again") from error
    if options.json:
        print(json.dumps(found.to_json()))
    else:
        say(found)
