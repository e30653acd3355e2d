"""`mrdl sweep compare`: what sweeps of the same designs on several data sets agree on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from mrdl.cli.screen import Screen, say
from mrdl.cli.sweep.listing import folder_of
from mrdl.errors import ConfigError, cannot_write
from mrdl.reports.comparison.comparison import Comparison, compare
from mrdl.reports.comparison.rules import HOLDS, REVERSED, Rule
from mrdl.reports.comparison.told import as_json, design_words, notes, verdicts
from mrdl.sweep.folder import SweepFolder


def compare_all(options: Any) -> None:
    """Compare sweeps and say what holds on all.

    options: of the command line; sweeps: their names or folders, json, html: the page's file. Raises ConfigError where
    one is named twice, or shares no design with the others; SetupError where the page cannot be written.
    """
    folders: dict[Path, str] = {}
    for name in options.sweeps:
        before = folders.setdefault(folder_of(name).resolve(), name)
        if options.sweeps.count(name) > 1 or before != name:
            raise ConfigError(f"{name} is named twice, as {before} before: expected several sweeps")
    found = compare({name: SweepFolder(folder) for folder, name in folders.items()})
    if options.html:
        from mrdl.reports.comparison.page import write_page

        try:
            path = write_page(found, Path(options.html))
        except OSError as error:
            raise cannot_write(options.html, str(error.strerror or error), "say another --html") from error
    if options.json:
        print(json.dumps(as_json(found)))
        return
    _show(found)
    if options.html:
        say(path)


def _show(found: Comparison) -> None:
    """Print a comparison for people."""
    screen = Screen(width=160)
    screen.print(_sides(found))
    for note in notes(found):
        say(f"note: {note}")
    say("")
    for told in verdicts(found):
        say(told)
    kept = [rule for rule in found.rules if rule.count(HOLDS) or rule.count(REVERSED)]
    if kept:
        say("")
        screen.print(_rules(found, kept))
    if len(kept) < len(found.rules):
        say(f"{len(found.rules) - len(kept)} more rules are shown on none of them")
    if found.best:
        say("")
        screen.print(_best(found))


def _table(*heads: str) -> Table:
    """An empty table with these heads."""
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head)
    return table


def _sides(found: Comparison) -> Table:
    """The sweeps, a row each."""
    table = _table("sweep", "data", "label", "designs", "of which shared by all", "best", "what it varies with")
    for side, matters in zip(found.sides, found.matters, strict=True):
        best = f"{side.score.name} {side.means.max():.4g}"
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(matters.items())[:3])
        table.add_row(side.name, side.source, side.label, str(len(side.means)), str(found.shared), best, shares)
    return table


def _rules(found: Comparison, kept: list[Rule]) -> Table:
    """The rules that are shown on one of the data sets or more, a row each with what each says."""
    table = _table("rule", "holds on", *(side.name for side in found.sides))
    for rule in kept:
        table.add_row(rule.claim(), f"{rule.count(HOLDS)} of {len(found.sides)}", *_of_each(found, rule))
    return table


def _of_each(found: Comparison, rule: Rule) -> Iterator[str]:
    for side, verdict in zip(found.sides, rule.verdicts, strict=True):
        known = verdict.found.mean == verdict.found.mean
        yield f"{verdict.kind} ({side.score.amount(verdict.found.mean, '+')})" if known else verdict.kind


def _best(found: Comparison) -> Table:
    """The designs of the best mean rank, a row each with their rank and score on each data set."""
    table = _table("mean rank", "design", *(side.name for side in found.sides))
    for good in found.best:
        each = (f"{rank:.4g}. ({score:.4g})" for rank, score in zip(good.ranks, good.scores, strict=True))
        table.add_row(f"{good.mean_rank:.4g}", design_words(good, found.varying), *each)
    return table
