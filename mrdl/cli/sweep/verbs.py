"""The verbs of `mrdl sweep`, and what each can be told; what they do is loaded when one is called."""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

from mrdl.errors import ConfigError
from mrdl.mapreduce.runners import RUNNERS
from mrdl.settings.config import TrainConfig


def define(sweep: argparse.ArgumentParser) -> None:
    """Say what `mrdl sweep` can be told."""
    sweep.description = (
        "Train each architecture of a spec once, and keep a table of how they did. ID is a folder below sweeps/, or "
        "any sweep's folder."
    )
    verbs = sweep.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, text: str, run: Callable[[Any], Any], *names: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        for argument in names:
            parser.add_argument(argument)
        parser.set_defaults(command=run)
        return parser

    how = "say how many designs, how long, how large, and show ten, before anything runs"
    plan = verb("plan", how, _train, "spec", "data")
    plan.add_argument("--json", action="store_true", help="as JSON, with the ids of the first 1000 designs")
    run = verb("run", "train all designs of a spec on a CSV", _train, "spec", "data")
    run.add_argument("--dir", default="", help="folder of the sweep (default: sweeps/ and the spec's name)")
    _with_runner(run)
    _with_runner(verb("resume", "go on with a sweep that was stopped or killed", _train, "id"))
    _with_runner(verb("retry-failed", "train those that failed once more", _train, "id"))
    status = verb("status", "how far a sweep is", _look, "id")
    status.add_argument("--follow", action="store_true", help="stay, with a bar, until it is over")
    status.add_argument("--json", action="store_true", help="as JSON")
    show = verb("show", "the best designs of a sweep, and why others failed", _look, "id")
    show.add_argument("--top", type=int, default=10, metavar="N", help="how many (default: 10)")
    verb("stop", "let what runs come to its end, then stop; resume goes on", _look, "id")
    delete = verb("delete", "delete a sweep: its plan, records and report; the table stays", _delete, "id")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    verb("list", "the sweeps below sweeps/", _list)
    verb("export", "write the table, by the ending of the name: .csv or .parquet", _look, "id", "file")
    report = verb("report", "write the report, one HTML file that works offline", _look, "id")
    report.add_argument("--out", default="", metavar="FILE", help="default: report.html in the sweep's folder")
    compare = verb("compare", "what two or more sweeps of the same designs on several data sets agree on", _compare)
    compare.add_argument("sweeps", nargs="+", metavar="ID", help="two or more sweeps")
    compare.add_argument("--json", action="store_true", help="as JSON")
    compare.add_argument("--html", default="", metavar="FILE", help="also write a page that works offline")
    verb("reindex", "make the index of a sweep again from what its tasks have written", _look, "id")


def _with_runner(parser: argparse.ArgumentParser) -> None:
    """Add the flags of verbs that train: where, how many at a time, and what the site of the tasks needs."""
    parser.add_argument(
        "-r",
        "--runner",
        default="local",
        choices=tuple(RUNNERS),
        help="one process, a process a core (default), or map tasks on YARN",
    )
    for field in dataclasses.fields(TrainConfig):
        if field.name in ("python_bin", "mrjob_conf"):  # the same settings as a training's
            flag = "--" + field.name.replace("_", "-")
            parser.add_argument(flag, default="", metavar="TEXT", help=f"{field.metadata['help']}; kept for resume")
    parser.add_argument("--slots", type=int, default=None, metavar="N", help="trainings at a time (default: all)")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON at the end")


def _train(options: Any) -> int | None:
    """Do what a verb that trains does, or would: its module is loaded here."""
    from mrdl.cli.sweep import run

    return run.VERBS[options.verb](options)


def _look(options: Any) -> None:
    """Do what a verb that looks at a sweep does: its module is loaded here."""
    from mrdl.cli.sweep import views

    views.VERBS[options.verb](options)


def _delete(options: Any) -> None:
    """Delete a sweep, without loading what trains. Raises ConfigError where the folder is none."""
    from mrdl.cli.runs.deleting import delete_one
    from mrdl.cli.runs.naming import Named
    from mrdl.cli.sweep.listing import folder_of

    folder = folder_of(options.id)
    if not (folder / "sweep.json").is_file():
        raise ConfigError(f"{folder} is not the folder of a sweep: it has no sweep.json")
    delete_one(Named(options.id, "sweep", folder), options.yes)


def _compare(options: Any) -> None:
    """Compare sweeps: its module is loaded here."""
    from mrdl.cli.sweep import compare

    compare.compare_all(options)


def _list(options: Any) -> None:
    """List the sweeps, without loading what trains."""
    from mrdl.cli.sweep import listing  # not `views`, which loads what trains

    listing.show_all(options)
