"""`mrdl inspect`: what a table is like, column by column, and what looks wrong in it."""

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from mrdl.cli.flags import add_training_flags, config_of
from mrdl.cli.screen import Screen, counted, duration, say, wide
from mrdl.data.source import Source
from mrdl.errors import MrdlError, brief, cannot_write
from mrdl.inspection.columns import Column, told
from mrdl.inspection.inspection import Inspection, inspect
from mrdl.mapreduce.runners import runner_of
from mrdl.mapreduce.status import Progress
from mrdl.settings.config import TrainConfig
from mrdl.settings.decides import DATA, RUN
from mrdl.storage import atomic

LARGE = 20_000_000  # cells, from which on it is told what a training takes
SHOWN = 60  # columns of a wide table that are shown
BLOCKS = "▁▂▃▄▅▆▇█"  # of the bars of a histogram
MOST_FREQUENT = 3  # values of a column that are shown
LONG = 24  # characters of a name or value


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl inspect` can be told."""
    parser.description = "Read a table once, and tell what each column holds, what looks wrong, and what mends it."
    add_training_flags(parser, scopes=(DATA, RUN))
    parser.add_argument("--html", metavar="FILE", help="write a page with all of it, which works offline, too")
    parser.add_argument("--head", action="store_true", help="look at the first megabyte alone, and say so")
    parser.set_defaults(command=show)


def show(options: argparse.Namespace) -> None:
    """Print what a table is like; with --html a page is written, too.

    Raises DataError or ConfigError where there is no table, SetupError where tasks cannot run or the page cannot be
    written.
    """
    config, runner = config_of(options), runner_of(options.runner)
    with Screen(stderr=True).status("reading the table") as status:

        def tell(progress: Progress) -> None:
            """Show how far the job is."""
            status.update(f"reading the table: {progress.text}")

        found = inspect(options.data, config, runner, tell, head=options.head)
    if options.html:
        from mrdl.reports.inspection_page import page_of

        try:
            atomic.write(Path(options.html), page_of(found).encode())
        except OSError as error:
            raise cannot_write(options.html, error.strerror or str(error), "inspect again") from error
    if options.json:
        print(json.dumps(found.to_json()))
        return
    say(f"{found.name}: {counted(found.rows, 'row')} of {counted(len(found.columns), 'column')}", end=", ")
    say(f"{found.size / 1e6:.1f} MB; {found.inputs:,} inputs\nlabel: {found.told}")
    if found.head:
        say(f"this is of the first rows alone, of about {found.rows_about:,}")
    wide().print(_table(found))
    for note in _notes(found, options):
        say(note)
    if found.rows * len(found.columns) >= LARGE:
        say(f"\n{_cost(found, config, options.runner)}")


def _table(found: Inspection) -> Table:
    """The figures of each column, of a wide table those of the first."""
    table = Table(box=None, pad_edge=False)
    for head in (
        "column",
        "type",
        "inputs",
        "missing",
        "distinct",
        "least",
        "median",
        "largest",
        "mean",
        "deviation",
        "values",
    ):
        numeric = head not in ("column", "type", "values")
        table.add_column(head, justify="right" if numeric else "left", no_wrap=True)
    for column in found.columns[:SHOWN]:
        table.add_row(*_cells(column, column.place == found.label))
    return table


def _cells(column: Column, is_label: bool) -> Iterator[str]:
    """The figures of a column, as the table shows them."""
    yield f"{column.name[:LONG]}{' (label)' * is_label}"
    yield column.type
    yield f"{column.inputs:,}"
    yield f"{column.share_missing:.1%}" if column.missing else "0"
    yield f"{'~' if column.distinct_error else ''}{column.distinct:,}"
    numbers = (column.minimum, column.quantiles.get("0.5"), column.maximum, column.mean)
    if column.minimum is None:
        yield from [""] * 5
    else:
        yield from (told(number, column.is_date) for number in numbers if number is not None)
        yield told(column.deviation or 0.0) + " d" * column.is_date
    yield _values(column)


def _values(column: Column) -> str:
    """The values of a column on one line: a histogram of numbers, else the most frequent ones."""
    if len(column.histogram) > 1 and column.type != "boolean":
        most = max(bar.share for bar in column.histogram)
        return "".join(BLOCKS[round((len(BLOCKS) - 1) * bar.share / most)] for bar in column.histogram)
    shares = [f"{brief(text, LONG)} {rows / max(1, column.values):.1%}" for text, rows in column.common]
    return ", ".join(shares[:MOST_FREQUENT]) + (", ..." if len(shares) > MOST_FREQUENT else "")


def _notes(found: Inspection, options: argparse.Namespace) -> Iterator[str]:
    """What is said below the table: what is left out of it, how sure it is, and what looks wrong."""
    if len(found.columns) > SHOWN:
        yield f"... and {len(found.columns) - SHOWN:,} more columns: --json and --html have all"
    if found.sampled < found.rows:
        error = max(column.distinct_error for column in found.columns)
        counts = f"; counts with ~ are within {2 * error:.0%}" if error else ""
        yield f"quantiles are those of {found.sampled:,} rows, chosen by their hash{counts}"
    yield ""
    if not found.faults:
        yield "nothing looks wrong"
        return
    yield "what looks wrong:"
    for fault in found.faults:
        yield f"  {fault}" + (f"\n      {fault.flag}" if fault.flag else "")
    if found.flags:
        label = f"--label {shlex.quote(options.label)} " if getattr(options, "label", "") else ""
        yield f"\nall of it: mrdl train {shlex.quote(found.name)} {label}{' '.join(found.flags)}"


def _cost(found: Inspection, config: TrainConfig, runner: str) -> str:
    """What a training on a large table takes, by a short one on its head; or why that cannot be known."""
    from mrdl.preflight import advice  # which a small table does not pay for
    from mrdl.preflight.costs import costs
    from mrdl.preflight.measuring import PROBE_S, measure
    from mrdl.preflight.memory import ENOUGH_MB

    try:
        source, decided, _ = Source.look_at(found.name, config).decided(config)
        data = replace(measure(source, decided, PROBE_S), rows=found.rows)
        plan = advice.plans(data, decided, {runner: costs(runner)})[0]
    except MrdlError as why:
        return f"what a training takes is not known: {why}"
    way = f"-r {plan.runner} --shards {plan.shards}"
    fits = advice.to_fit(data, decided, plan)
    return (
        f"a training takes about {duration(plan.seconds)} with {way}, {plan.task_mb} MB a task and "
        f"{plan.driver_mb} MB here" + (f"; a task takes {ENOUGH_MB} MB or less with {fits}" if fits else "")
    )
