"""A sweep's table as one HTML file that works offline: what it says in words, and figures to look into.

The figures are plotly's, whose script is put into the file from the installed package; nothing is fetched.
"""

import html
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.errors import DataError, SetupError
from mrdl.sweep import analysis

if TYPE_CHECKING:
    import pandas as pd

CURVES = 20  # learning curves of the best, and of others drawn at random
NAMED = 3000  # points that are told by their design's name: all names of 50,000 would be megabytes
BANDS = 30  # places of a running median
STATES = {"done": "#3060c0", "collapsed": "#d07020", "failed": "#c03030"}
GROUPS = ("#3060c0", "#60a060", "#8050b0", "#209090", "#a08020", "#606060", "#b05080", "#4090d0")
LAYOUT = {
    "template": "plotly_white", "margin": {"l": 60, "r": 20, "t": 40, "b": 50}, "height": 420,
    "legend": {"orientation": "h", "y": -0.2},
}  # fmt: skip


def write_report(table: "pd.DataFrame", about: dict[str, Any], path: Path) -> Path:
    """The report of a sweep's table. Raises SetupError where plotly is missing, DataError where nothing was trained."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise SetupError('a report needs plotly: pip install "mrdl[sweep]"') from None
    done = table[table.status == "done"].copy()
    if not len(done):
        raise DataError("no design of this sweep was trained to its end, so there is nothing to report yet")
    figures = {
        "Accuracy by depth": _by(done, "depth"),
        "Accuracy by parameters": _by(done, "parameters"),
        "Time by depth": _time(done),
        "What accuracy varies with": _importance(table),
        "Pareto front: accuracy, parameters, time": _pareto(table, done),
        "Learning curves": _curves(done),
        "Activation and depth: median accuracy": _heat(done),
        "Why designs failed": _failures(table),
    }
    told = "".join(f"<li>{html.escape(text)}</li>" for text in analysis.verdicts(table))
    parts = [
        f'<h2>{html.escape(title)}</h2><div class="figure" id="f{i}"></div>'
        for i, (title, figure) in enumerate(figures.items())
        if figure
    ]
    drawn = {f"f{i}": figure for i, figure in enumerate(figures.values()) if figure}
    script = json.dumps(drawn, default=_plain).replace("</", "<\\/")
    text = PAGE.format(
        title=html.escape(about["id"]), source=html.escape(about["source"]), verdicts=told, drawn=script,
        summary=_summary(table, done), best=_best(done), figures="".join(parts),
        spec=html.escape(json.dumps(about["spec"], indent=1)), plotly=get_plotlyjs(),
    )  # fmt: skip
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
    return path


def _plain(value: Any) -> Any:
    """Numbers of numpy as JSON has them; five digits are more than can be seen."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else str(value)


def _numbers(values: Any) -> list[float]:
    return [float(f"{v:.5g}") for v in np.asarray(values, float)]


# --- figures, as plotly's JSON ---


def _figure(traces: list[dict[str, Any]], x: str, y: str, **layout: Any) -> dict[str, Any]:
    return {
        "data": traces,
        "layout": {**LAYOUT, "xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}, **layout},
    }


def _by(done: "pd.DataFrame", name: str) -> dict[str, Any]:
    """Points, in one colour a family and the collapsed ones in their own, and a running median with 5 to 95 %."""
    traces = []
    for color, (family, group) in zip(GROUPS * 10, analysis.families(done), strict=False):
        kept = group[~group.collapsed.astype(bool)]
        traces.append(_points(kept[name], kept.accuracy, family, color, kept.arch_id))
    collapsed = done[done.collapsed.astype(bool)]
    traces.append(_points(collapsed[name], collapsed.accuracy, "collapsed", STATES["collapsed"], collapsed.arch_id))
    x, low, middle, high = _bands(done[name].to_numpy(float), done.accuracy.to_numpy(float))
    band = {"x": x + x[::-1], "y": high + low[::-1], "fill": "toself", "mode": "none", "name": "5 to 95 %"}
    traces.append({**band, "type": "scatter", "fillcolor": "rgba(60,60,60,.12)", "hoverinfo": "skip"})
    line = {"x": x, "y": middle, "mode": "lines", "name": "running median"}
    traces.append({**line, "type": "scatter", "line": {"color": "#303030", "width": 2}})
    base = float(done.baseline.iloc[0])
    ends = [float(done[name].min()), float(done[name].max())]
    traces.append({
        "type": "scatter", "x": ends, "y": [base, base], "mode": "lines", "name": "majority class",
        "line": {"dash": "dot", "color": "#909090"},
    })  # fmt: skip
    wide = done[name].max() > 20 * max(1, done[name].min())
    axis = {"title": {"text": name}, "type": "log" if wide and done[name].min() > 0 else "linear"}
    return _figure(traces, name, "test accuracy", xaxis=axis)


def _points(x: Any, y: Any, name: str, color: str, ids: Any = ()) -> dict[str, Any]:
    """By WebGL, which holds 50,000 points where SVG would make as many elements of the page."""
    return {
        "type": "scattergl", "mode": "markers", "x": _numbers(x), "y": _numbers(y), "name": name,
        "text": list(ids) if len(ids) <= NAMED else [],
        "marker": {"color": color, "size": 5, "opacity": 0.6},
    }  # fmt: skip


def _bands(x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float], list[float], list[float]]:
    order = np.argsort(x, kind="stable")
    places, bands = [], []
    values = np.unique(x)
    groups = [order[x[order] == v] for v in values] if len(values) <= BANDS else np.array_split(order, BANDS)
    for group in groups:
        if len(group):
            places.append(float(np.median(x[group])))
            bands.append(np.percentile(y[group], [5, 50, 95]))
    low, middle, high = (_numbers(each) for each in np.array(bands).T)
    return places, low, middle, high


def _time(done: "pd.DataFrame") -> dict[str, Any]:
    slope, low, high, explained = analysis.time_by_depth(done)
    title = ""
    if slope == slope:
        title = f"{slope:.4f} CPU s a layer (95 %: {low:.4f} to {high:.4f}), a line explains {100 * explained:.0f} %"
    traces = [_points(done.depth, done.cpu_s, "designs", STATES["done"], done.arch_id)]
    return _figure(traces, "depth", "CPU seconds", title={"text": title, "font": {"size": 13}})


def _importance(table: "pd.DataFrame") -> dict[str, Any] | None:
    shares = analysis.importance(table)
    if not shares:
        return None
    bars = {"type": "bar", "orientation": "h", "y": list(shares)[::-1], "x": _numbers(list(shares.values())[::-1])}
    return _figure([bars], "eta squared, one-way ANOVA of each choice by itself", "", height=60 + 40 * len(shares))


def _pareto(table: "pd.DataFrame", done: "pd.DataFrame") -> dict[str, Any]:
    front = analysis.pareto(table).sort_values("parameters")
    hover = [f"{r.hidden}<br>{r.cpu_s:.2f} CPU s" for r in front.itertuples()]
    line = {
        "type": "scatter", "mode": "markers+lines", "x": _numbers(front.parameters), "y": _numbers(front.accuracy),
        "text": hover, "name": "not beaten", "line": {"shape": "hv", "color": "#303030"},
    }  # fmt: skip
    points = _points(done.parameters, done.accuracy, "designs", "#b0b8c8", done.arch_id)
    axis = {"title": {"text": "parameters"}, "type": "log"}
    return _figure([points, line], "parameters", "test accuracy", xaxis=axis)


def _curves(done: "pd.DataFrame") -> dict[str, Any]:
    best = done.nlargest(min(CURVES, len(done)), "accuracy")
    others = done.drop(best.index)
    drawn = others.sample(min(CURVES, len(others)), random_state=0)
    traces = []
    for name, color, group in (("best", STATES["done"], best), ("others, drawn at random", "#a0a0a0", drawn)):
        for i, (curve, hidden) in enumerate(zip(group.curve, group.hidden, strict=True)):
            traces.append({
                "type": "scatter", "mode": "lines", "x": list(range(1, len(curve) + 1)), "y": _numbers(curve),
                "name": name, "legendgroup": name, "showlegend": not i, "line": {"color": color, "width": 1},
                "opacity": 0.7, "text": hidden,
            })  # fmt: skip
    return _figure(traces, "epoch (of long trainings some of them)", "training loss", yaxis={
        "title": {"text": "training loss"}, "type": "log",
    })  # fmt: skip


def _heat(done: "pd.DataFrame") -> dict[str, Any] | None:
    if done.activation.nunique() < 2 or done.depth.nunique() < 2:
        return None
    if done.depth.nunique() > BANDS:
        return None
    medians = done.pivot_table("accuracy", "activation", "depth", "median")
    cells = [[None if v != v else float(f"{v:.4g}") for v in row] for row in medians.to_numpy()]
    heat = {
        "type": "heatmap", "z": cells, "x": [str(d) for d in medians.columns], "y": list(medians.index),
        "colorscale": "Viridis", "texttemplate": "%{z:.2f}",
    }  # fmt: skip
    return _figure(
        [heat], "depth", "", height=120 + 60 * len(medians), xaxis={"title": {"text": "depth"}, "type": "category"}
    )


def _failures(table: "pd.DataFrame") -> dict[str, Any] | None:
    reasons = table[table.status == "failed"].reason.value_counts().head(20)
    if not len(reasons):
        return None
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [str(r)[:80] for r in reasons.index[::-1]],
        "x": reasons.tolist()[::-1],
    }
    return _figure(
        [{**bars, "marker": {"color": STATES["failed"]}}], "designs", "", margin={"l": 400, "r": 20, "t": 20, "b": 40}
    )


# --- words ---


def _summary(table: "pd.DataFrame", done: "pd.DataFrame") -> str:
    failed, planned = (int((table.status == state).sum()) for state in ("failed", "planned"))
    told = f"{len(table)} designs: {len(done)} done, of which {int(done.collapsed.sum())} collapsed, {failed} failed"
    told += f", {planned} not trained yet" if planned else ""
    hours = done.cpu_s.sum() / 3600
    return html.escape(
        f"{told}; {hours:.2f} CPU hours; always the majority class: {100 * done.baseline.iloc[0]:.1f} % right"
    )


def _best(done: "pd.DataFrame") -> str:
    names = (
        "accuracy",
        "hidden",
        "activation",
        "residual",
        "optimizer",
        "learning_rate",
        "parameters",
        "cpu_s",
        "seed",
    )
    heads = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in names)
    lines = []
    for row in done.nlargest(10, "accuracy").itertuples():
        values = [getattr(row, name) for name in names]
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v)[:40] for v in values)
        lines.append("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>")
    return f"<table><tr>{heads}</tr>{''.join(lines)}</table>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sweep {title}</title><style>
body {{ font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd }}
li {{ margin: .4em 0 }} pre {{ background: #f4f4f4; padding: 1em; overflow: auto }}
</style></head><body>
<h1>Sweep {title}</h1><p>{source}<br>{summary}</p>
<h2>What it says</h2><ul>{verdicts}</ul>
<h2>The best</h2>{best}
{figures}
<h2>Spec</h2><pre>{spec}</pre>
<script>{plotly}</script>
<script>
const drawn = {drawn};
for (const [id, figure] of Object.entries(drawn))
  Plotly.newPlot(id, figure.data, figure.layout, {{responsive: true, displaylogo: false}});
document.body.dataset.drawn = Object.keys(drawn).length;
</script></body></html>
"""
