"""A comparison as one HTML file that works offline: what holds on all data sets, and how alike they rank designs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrdl.reports import figures, plots
from mrdl.reports.comparison.comparison import Comparison, Pair
from mrdl.reports.comparison.rules import HOLDS, REVERSED, Rule
from mrdl.reports.comparison.told import METHODS, design_words, notes, verdicts
from mrdl.reports.page import Marked, Words, escaped, page, table
from mrdl.storage import atomic

MOST_FIGURES = 6  # pairs that are drawn
LONG = 40  # characters of a name in a figure


def write_page(found: Comparison, path: Path) -> Path:
    """Write the page of a comparison; returns its path. Raises SetupError where plotly is missing, OSError where the
    file cannot be written."""
    plotly, shown = plots.needed(), _figures(found)
    names = ", ".join(side.name for side in found.sides)
    body = f"""{_list("", verdicts(found))}{_list("What must be known first", notes(found))}
<h2>The sweeps</h2>{_sides(found)}
<h2>Which rules hold where</h2>{_rules(found)}
<h2>The best on all, by the mean of their ranks</h2>{_best(found)}
<h2>Which choices matter</h2>{_matters(found)}
{plots.places(shown)}
<h2>How it was reckoned</h2><ul>{"".join(f"<li>{escaped(f'{n}: {t}')}</li>" for n, t in METHODS.items())}</ul>
{plots.scripts(shown, plotly)}"""
    atomic.write(path, page(f"Sweeps compared: {names}", body).encode())
    return path


def _list(title: str, told: list[str]) -> str:
    heading = f"<h2>{title}</h2>" if title and told else ""
    return f"{heading}<ul>{''.join(f'<li>{escaped(each)}</li>' for each in told)}</ul>" if told else ""


def _sides(found: Comparison) -> str:
    """The table of the sweeps."""
    heads = [Words("sweep"), Words("data"), Words("label"), "designs", "failed", "collapsed", "best", "baseline"]
    rows = [
        [
            Words(side.name),
            Words(side.source),
            Words(side.label),
            f"{len(side.means):,}",
            side.count("failed"),
            int(side.done.collapsed.sum()),
            f"{side.score.name} {side.means.max():.4g}",
            f"{side.baseline:.4g}",
        ]
        for side in found.sides
    ]
    return table(heads, rows, "the sweeps")


def _rules(found: Comparison) -> str:
    """The rules that are shown on one data set or more, with what each says."""
    kept = [rule for rule in found.rules if rule.count(HOLDS) or rule.count(REVERSED)]
    more = len(found.rules) - len(kept)
    left = f"<p>{more} more rules are shown on none of them.</p>" if more else ""
    if not kept:
        return left or "<p>No choice of the designs varies, or no design is shared by all.</p>"
    heads = [Words("rule"), "holds on", *(Words(side.name) for side in found.sides)]
    rows = [
        [Words(rule.claim()), f"{rule.count(HOLDS)} of {len(found.sides)}", *_of_each(found, rule)] for rule in kept
    ]
    return table(heads, rows, "rules of design") + left


def _of_each(found: Comparison, rule: Rule) -> Iterator[Marked]:
    """What a rule says on each data set, in its colour."""
    for side, verdict in zip(found.sides, rule.verdicts, strict=True):
        mean = verdict.found.mean
        told = f"{verdict.kind}, {side.score.amount(mean, '+')}" if mean == mean else verdict.kind
        yield Marked(told, verdict.kind if verdict.kind in (HOLDS, REVERSED) else "other")


def _best(found: Comparison) -> str:
    """The table of the designs that are best on all."""
    if not found.best:
        return "<p>No design is done on all of them.</p>"
    heads = [Words("design"), "mean rank", *(side.name for side in found.sides)]
    rows = []
    for good in found.best:
        each = (f"{rank:.4g}. ({score:.4g})" for rank, score in zip(good.ranks, good.scores, strict=True))
        rows.append([Words(design_words(good, found.varying)), f"{good.mean_rank:.4g}", *each])
    return table(heads, rows, "the best designs on all")


def _matters(found: Comparison) -> str:
    """The table of the choices, and how much each matters on each data set."""
    names = sorted({n for each in found.matters for n in each}, key=lambda n: -sum(m.get(n, 0) for m in found.matters))
    if not names:
        return "<p>The scores do not vary with any of them.</p>"
    heads = [Words("choice"), *(side.name for side in found.sides)]
    rows = [[Words(n.replace("_", " ")), *(f"{100 * m.get(n, 0):.0f} %" for m in found.matters)] for n in names]
    return table(heads, rows, "which choices matter")


def _figures(found: Comparison) -> dict[str, dict[str, Any] | None]:
    """The ranks of designs on two data sets, of the first pairs."""
    drawn = [pair for pair in found.pairs if len(pair.points) > 1][:MOST_FIGURES]
    return {f"Ranks on {_name(found, p.first)} and on {_name(found, p.second)}": _ranks(found, p) for p in drawn}


def _ranks(found: Comparison, pair: Pair) -> dict[str, Any]:
    """A figure of the ranks of designs on two data sets, a point a design."""
    x, y = pair.points.T.tolist()
    points = {
        "type": "scattergl",
        "mode": "markers",
        "x": x,
        "y": y,
        "marker": {"color": figures.STATES["done"], "size": 5, "opacity": 0.5},
        "showlegend": False,
    }
    first, second = (f"rank on {figures.text(_name(found, i))} (1 is the best)" for i in (pair.first, pair.second))
    return figures.figure([points], first, second)


def _name(found: Comparison, i: int) -> str:
    name = found.sides[i].name
    return name if len(name) <= LONG else f"...{name[3 - LONG :]}"
