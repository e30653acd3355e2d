"""A sweep's table as one HTML file that works offline: what it says in words, and figures to look into.

The figures are plotly's, whose script is put into the file from the installed package; nothing is fetched.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl.errors import DataError
from mrdl.reports import analysis, figures, plots
from mrdl.reports.page import escaped, page
from mrdl.reports.page import table as as_html
from mrdl.reports.score import score_of
from mrdl.storage import atomic
from mrdl.sweep.spec import spec_of

if TYPE_CHECKING:
    import pandas as pd


def write_report(table: "pd.DataFrame", about: dict[str, Any], path: Path) -> Path:
    """Write the report of a sweep's table; returns its path.

    table: a row a design; about: the content of sweep.json; path: of the HTML file. Raises SetupError where plotly is
    missing, DataError where no design was trained to its end.

    sweep = SweepFolder("sweeps/depth")
    write_report(sweep.table(), sweep.about, sweep.paths.report)
    """
    plotly = plots.needed()
    whole, done = table, table[table.status == "done"].copy()
    if not len(done):
        raise DataError("no design of this sweep was trained to its end, so there is nothing to report yet")
    halving = spec_of(about["spec"]).rungs() if "halving" in about["spec"].get("sweep", {}) else []
    last = done
    if halving:  # what was trained for other epochs is not compared
        table, done = table[table.epochs == halving[0]], done[done.epochs == halving[0]]
        last = last[last.epochs == last.epochs.max()]
    shares = analysis.importances(table)
    shown = _figures(table, done, shares)
    told = "".join(f"<li>{escaped(text)}</li>" for text in analysis.verdicts(table, shares))
    body = f"""<p>{escaped(about["source"])}</p><p>{_summary(whole) + _rungs(whole, halving)}</p>
<h2>What it says</h2><ul>{told}</ul>
<h2>The best, by the mean over seeds</h2>{_best(last)}
{plots.places(shown)}
<h2>Spec</h2><pre tabindex="0" aria-label="spec">{escaped(json.dumps(about["spec"], indent=1))}</pre>
{plots.scripts(shown, plotly)}"""
    text = page(f"Sweep {about['id']}", body)
    atomic.write(path, text.encode())
    return path


def _figures(
    table: "pd.DataFrame", done: "pd.DataFrame", shares: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Any] | None]:
    """The figures by their titles, None where there is nothing to show."""
    score = score_of(table).name
    title = score[:1].upper() + score[1:]
    return {
        f"{title} by depth": figures.by(done, "depth"),
        f"{title} by parameters": figures.by(done, "parameters"),
        "Time by depth": figures.time(done),
        "Which choices matter": figures.importance(shares),
        f"Pareto front: {score}, parameters, time": figures.pareto(table, done),
        "Learning curves": figures.curves(done),
        f"Activation and depth: median {score}": figures.heat(done),
        "Why designs failed": figures.failures(table),
    }


# --- words ---


def _rungs(table: "pd.DataFrame", rungs: list[int]) -> str:
    """How many designs each rung of successive halving has, as HTML; empty without rungs."""
    if not rungs:
        return ""
    counts = ", ".join(f"{int((table.epochs == epochs).sum())} for {epochs} epochs" for epochs in rungs)
    return f"<br>successive halving: {counts}. Figures and verdicts are of the first rung, the best of the last one"


def _summary(table: "pd.DataFrame") -> str:
    """How many designs are done, failed and not trained yet, and the CPU hours of all, as HTML."""
    done = table[table.status == "done"]
    failed, planned = (int((table.status == state).sum()) for state in ("failed", "planned"))
    score = score_of(done)
    said = ((done.collapsed, "collapsed"), (done.no_better, f"are no better than {score.knows_nothing}"))
    of_which = " and ".join(f"{int(column.eq(True).sum())} {words}" for column, words in said)
    told = f"{len(table)} designs: {len(done)} done, of which {of_which}, {failed} failed"
    told += f", {planned} not trained yet" if planned else ""
    unknown = int(done.cpu_s.isna().sum())
    hours = f"{done.cpu_s.sum() / 3600:.2f} CPU hours" + (f" and those of {unknown}, not known" if unknown else "")
    return escaped(f"{told}; {hours}; {score.told_baseline(done)}")


def _best(done: "pd.DataFrame") -> str:
    """A table of the ten best designs, as HTML. done: designs that are done."""
    names = (
        *score_of(done).shown,
        "spread",
        "seeds",
        "hidden",
        "activation",
        "residual",
        "optimizer",
        "learning_rate",
        "parameters",
        "cpu_s",
    )
    lines = [[cell[:40] for cell in cells] for cells in analysis.best_as_text(done, 10, names)]
    return as_html([name.replace("_", " ") for name in names], lines, "the best designs")
