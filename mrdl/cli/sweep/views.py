"""`mrdl sweep status`, `show`, `export`, `report` and the other verbs that look at a sweep."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from mrdl.cli.screen import Screen, say
from mrdl.cli.sweep.bar import bar, words
from mrdl.cli.sweep.listing import folder_of
from mrdl.errors import ConfigError, SetupError
from mrdl.reports import analysis
from mrdl.reports.cells import no_formula
from mrdl.reports.score import score_of
from mrdl.sweep.folder import SweepFolder

FOLLOW_S = 1.0


# --- looking ---


def status(options: Any) -> None:
    """Say how far a sweep is, and whether a driver is at work.

    options: of the command line; id, json: as JSON, follow: with a bar until it is over.
    """
    sweep = SweepFolder(folder_of(options.id))
    counts = sweep.ledger.counts()
    if options.json:
        print(json.dumps({**counts, "driver": sweep.is_held()}))
        return
    if options.follow:
        with bar() as told:
            told(counts)
            while sweep.is_held():
                time.sleep(FOLLOW_S)
                counts = sweep.ledger.counts()
                told(counts)
    driver = (
        "a driver is at work"
        if sweep.is_held()
        else "no driver is at work"
        + (f": mrdl sweep resume {options.id}" if counts["planned"] or counts["running"] else "")
    )
    say(f"{words(counts)} of {counts['designs']}; {driver}")


def show(options: Any) -> None:
    """Show the best designs of a sweep in a table, a row for all seeds of one, and why others failed.

    options: of the command line; id, top: how many.
    """
    table = SweepFolder(folder_of(options.id)).table()
    done = table[table.status == "done"]
    screen, best = Screen(width=160), Table(box=None, pad_edge=False)
    names = (
        *score_of(done).shown,
        "spread",
        "seeds",
        "hidden",
        "activation",
        "residual",
        "initialisation",
        "optimizer",
        "epochs",
        "parameters",
        "wall_s",
        "arch_id",
    )
    for name in names:
        best.add_column(name)
    for cells in analysis.best_as_text(done, options.top, names):
        best.add_row(*cells)
    if len(done):
        several = ", of several seeds their mean and its spread (standard deviation)" * bool(done.seed.nunique() > 1)
        screen.print(f"{score_of(done).told_baseline(done)}; the best{several}:")
        screen.print(best)
    failed = table[table.status == "failed"]
    for reason, count in failed.reason.value_counts().items():
        say(f"{count} failed: {reason}")


def stop(options: Any) -> None:
    """Ask the driver of a sweep to stop when what runs is over."""
    sweep = SweepFolder(folder_of(options.id))
    if not sweep.is_held():
        print("no driver is at work, so there is nothing to stop")
        return
    sweep.stop()
    print("it stops when the packs that run are over; on YARN they are ended, and trained again by resume")


def export(options: Any) -> None:
    """Write a sweep's table as CSV or Parquet, by the ending of the file's name.

    options: of the command line; id, file. Raises ConfigError for another ending, SetupError where it cannot be
    written.
    """
    table, path = SweepFolder(folder_of(options.id)).table(), Path(options.file)
    if path.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"{path} ends with {path.suffix!r}, expected .csv or .parquet")
    with _writing(path):
        if path.suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.map(no_formula).to_csv(path, index=False)
    say(f"{len(table)} rows in {path}")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise SetupError, with the path, where what is written inside cannot be."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror or error}") from error


def report(options: Any) -> None:
    """Write a sweep's report, one HTML file.

    options: of the command line; id, out: its path, left out report.html in the sweep's folder.
    """
    from mrdl.reports.sweep_report import write_report

    sweep = SweepFolder(folder_of(options.id))
    path = Path(options.out or sweep.paths.report)
    with _writing(path):
        say(write_report(sweep.table(), sweep.about, path))


def reindex(options: Any) -> None:
    """Make the index of a sweep again from its parts, and say what it has."""
    say(words(SweepFolder(folder_of(options.id), reindex=True).ledger.counts()))


VERBS: dict[str, Callable[[Any], None]] = {
    "status": status,
    "show": show,
    "stop": stop,
    "export": export,
    "report": report,
    "reindex": reindex,
}
"""What the verbs that look at a sweep do with their options."""
