"""`mrdl plot`: a run folder as pictures."""

import argparse

from mrdl.cli.runs.naming import run_of
from mrdl.cli.screen import say


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl plot` can be told."""
    parser.description = "Draw a run folder into one PNG and one HTML file. Needs matplotlib: pip install 'mrdl[plot]'."
    parser.add_argument("run", help="a run folder, or its name below runs/")
    parser.add_argument(
        "--out", default="", metavar="NAME", help="NAME.png and NAME.html (default: plot, in the folder)"
    )
    parser.set_defaults(command=plot)


def plot(options: argparse.Namespace) -> None:
    """Draw a run folder, and print the paths of the pictures."""
    from mrdl.reports import run_report  # imports torch to reconstruct

    for path in run_report.plot(run_of(options.run), options.out):
        say(path)
