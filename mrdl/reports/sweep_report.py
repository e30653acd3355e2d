"""A sweep's table as one HTML file that works offline: what it says in words, and figures to look into.

The figures are plotly's, whose script is put into the file from the installed package; nothing is fetched.
"""

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.errors import DataError, not_installed
from mrdl.reports import analysis, figures
from mrdl.reports.page import page
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
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise not_installed("a report needs", "plotly", "sweep") from None
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
    told = "".join(f"<li>{html.escape(text)}</li>" for text in analysis.verdicts(table, shares))
    place = '<h2>{}</h2><div class="figure" id="f{}" style="min-height: {}px"></div>'
    parts = [
        place.format(html.escape(title), i, figure["layout"]["height"])
        for i, (title, figure) in enumerate(shown.items())
        if figure
    ]
    drawn = {f"f{i}": figure for i, figure in enumerate(shown.values()) if figure}
    script = json.dumps(drawn, default=_plain).replace("<", "\\u003c")
    source = html.escape(about["source"])
    body = f"""<p>{source}<br>{_summary(whole) + _rungs(whole, halving)}</p>
<h2>What it says</h2><ul>{told}</ul>
<h2>The best, by the mean over seeds</h2>{_best(last)}
{"".join(parts)}
<h2>Spec</h2><pre>{html.escape(json.dumps(about["spec"], indent=1))}</pre>
<script>{get_plotlyjs()}</script>
<script>
const drawn = {script};
{SCRIPT}</script>"""
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


def _plain(value: Any) -> Any:
    """Numbers of numpy as JSON has them; five digits are more than can be seen."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else str(value)


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
    return html.escape(f"{told}; {hours}; {score.told_baseline(done)}")


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
    return as_html([name.replace("_", " ") for name in names], lines)


SCRIPT = """const wanted = new IntersectionObserver(async (seen) => {
  for (const {target, isIntersecting} of seen) {
    if (!isIntersecting || target.dataset.drawn) continue;
    target.dataset.drawn = "begun";
    const figure = drawn[target.id];
    await Plotly.newPlot(target, figure.data, figure.layout, {responsive: true, displaylogo: false});
    target.dataset.drawn = "done";
  }
}, {rootMargin: "400px"});  // what nobody has scrolled to is not drawn yet
for (const place of document.querySelectorAll(".figure")) wanted.observe(place);
"""  # draws each figure when it is scrolled to
