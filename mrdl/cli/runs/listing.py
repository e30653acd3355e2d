"""`mrdl runs`: the run folders below a folder, one a line; read from files, so that it answers at once."""

import argparse
import json
from pathlib import Path

from rich.table import Table

from mrdl.cli.screen import say, wide
from mrdl.model.baseline import told_short
from mrdl.reports.runs import about_run
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import OF_ROWS, shown_score, told_name
from mrdl.rounds.provenance import FAILED


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl runs` can be told."""
    parser.add_argument("folder", nargs="?", default="runs", help="where to look (default: runs)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(command=runs)


def runs(options: argparse.Namespace) -> None:
    """Print the run folders below a folder, the oldest first: data, rounds, the network's scores and the run's state.

    The state is running, done, stopped, or failed and why.
    """
    found = sorted(Path(options.folder).glob("**/run.json"), key=lambda path: path.stat().st_mtime)
    told = [about_run(RunFolder(path.parent)) for path in found]
    if options.json:
        print(json.dumps(told))
        return
    if not told:
        say(f"no runs in {options.folder}")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("run", "data", "rounds", "validation", "state"):
        table.add_column(title)
    shown = [str(path.parent) for path in found]  # as it was asked for: a long name makes the table narrow
    for name, run in zip(shown, told, strict=True):
        scores = ", ".join(
            f"{told_name(measure)} {shown_score(measure, value)}"
            for measure, value in run["validation"].items()
            if measure not in OF_ROWS
        )
        beside = told_short(run["validation"], run["usual"])
        table.add_row(
            name,
            run["data"],
            str(run["rounds"]),
            scores + (beside and f" ({beside})"),
            run["state"].partition(":")[0],
        )
    wide().print(table)
    for name, run in zip(shown, told, strict=True):
        if run["state"].startswith(f"{FAILED}:"):  # a long reason would, too
            say(f"  {name} {run['state']}")
