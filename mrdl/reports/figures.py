"""The figures of a sweep's report, as plotly's JSON has them; each is made of the table or of its designs done.

Colours that begin with -- are those of colours.css, which follow the page from light to dark.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.errors import printable
from mrdl.reports import analysis
from mrdl.reports.score import score_of

if TYPE_CHECKING:
    import pandas as pd

CURVES = 20  # learning curves of the best, and of others drawn at random
NAMED = 3000  # points that are told by their design's name: all names of 50,000 would be megabytes
BANDS = 30  # places of a running median
TICKS = 20  # of an axis of whole numbers
FEW = 1000  # points that can be larger: they hide none of each other
STATES = {"done": "#3060c0", "collapsed": "#d07020", "failed": "#c03030"}
GROUPS = ("#3060c0", "#60a060", "#8050b0", "#209090", "#a08020", "#808890", "#b05080", "#4090d0")
LAYOUT = {
    "margin": {"l": 60, "r": 20, "t": 40, "b": 50},
    "height": 460,
    "legend": {"orientation": "h", "y": -0.22},
}


def text(told: str) -> str:
    """Text as plotly shows it as it is; it takes some tags for its own."""
    return printable(told).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _numbers(values: Any) -> list[float]:
    """Numbers to five digits, which are more than can be seen."""
    return [float(f"{v:.5g}") for v in np.asarray(values, float)]


def figure(traces: list[dict[str, Any]], x: str, y: str, **layout: Any) -> dict[str, Any]:
    """A figure as plotly's JSON has it. traces: what is drawn; x, y: the titles of its axes; layout: more of it."""
    return {
        "data": traces,
        "layout": {**LAYOUT, "xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}, **layout},
    }


def by(done: "pd.DataFrame", name: str) -> dict[str, Any]:
    """The score by a number: a point a design, and a running median with 5 to 95 %.

    done: designs that are done; name: the column. Each family has a colour, and collapsed designs have their own.
    """
    traces, score = [], score_of(done)
    for color, (family, group) in zip(GROUPS * 10, analysis.families(done), strict=False):
        kept = group[~group.collapsed.eq(True)]
        traces.append(_points(kept[name], score.of(kept), family, color, kept.arch_id))
    collapsed = done[done.collapsed.eq(True)]
    traces.append(_points(collapsed[name], score.of(collapsed), "collapsed", STATES["collapsed"], collapsed.arch_id))
    x, low, middle, high = _bands(done[name].to_numpy(float), score.of(done).to_numpy(float))
    band = {"x": x + x[::-1], "y": high + low[::-1], "fill": "toself", "mode": "none", "name": "5 to 95 %"}
    traces.append({**band, "type": "scatter", "fillcolor": "rgba(128,128,128,.2)", "hoverinfo": "skip"})
    line = {"x": x, "y": middle, "mode": "lines", "name": "running median"}
    traces.append({**line, "type": "scatter", "line": {"color": "--text", "width": 2}})
    base = score.at_baseline(done)
    ends = [float(done[name].min()), float(done[name].max())]
    traces.append(
        {
            "type": "scatter",
            "x": ends,
            "y": [base, base],
            "mode": "lines",
            "name": score.knows_nothing.removeprefix("the "),
            "line": {"dash": "dot", "color": "--muted"},
        }
    )
    wide = done[name].max() > 20 * max(1, done[name].min())
    axis = {"title": {"text": name}, "type": "log" if wide and done[name].min() > 0 else "linear"}
    return figure(traces, name, f"test {score.name}", xaxis={**axis, **_whole(done[name])})


def _whole(values: "pd.Series[float]") -> dict[str, int]:
    """The ticks of an axis of a few whole numbers, such as depths: none of them between two."""
    is_whole = bool((values % 1 == 0).all())
    return {"dtick": 1} if is_whole and 0 < values.max() - values.min() <= TICKS else {}


def _points(x: Any, y: Any, name: str, color: str, ids: Any = ()) -> dict[str, Any]:
    """By WebGL, which holds 50,000 points where SVG would make as many elements of the page."""
    shown = {"size": 7, "opacity": 0.8} if len(x) <= FEW else {"size": 5, "opacity": 0.6}
    return {
        "type": "scattergl",
        "mode": "markers",
        "x": _numbers(x),
        "y": _numbers(y),
        "name": name,
        "text": list(ids) if len(ids) <= NAMED else [],
        "marker": {"color": color, **shown},
    }


def _bands(x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float], list[float], list[float]]:
    """A running median: places on x, and the 5, 50 and 95 % of y around each.

    x, y: (points,). Few values of x have a place each, of many there are 30 with as many points.
    """
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


def time(done: "pd.DataFrame") -> dict[str, Any]:
    """CPU seconds of each design by depth, and what a layer takes. done: designs that are done."""
    slope, low, high, explained = analysis.time_by_depth(done)
    title = ""
    if slope == slope:
        title = f"{slope:.4f} CPU s a layer (95 %: {low:.4f} to {high:.4f}), a line explains {100 * explained:.0f} %"
    traces = [_points(done.depth, done.cpu_s, "designs", "--bar", done.arch_id)]
    axis = {"title": {"text": "depth"}, **_whole(done.depth)}
    return figure(traces, "depth", "CPU seconds", title={"text": title, "font": {"size": 13}}, xaxis=axis)


def importance(shares: Mapping[str, Mapping[str, float]]) -> dict[str, Any] | None:
    """The shares of each choice by each method, as bars.

    shares: of `analysis.importances`. None where nothing varies.
    """
    shown = {method: of for method, of in shares.items() if of}
    if not shown:
        return None
    names = list(next(iter(shown.values())))[::-1]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": method,
            "y": names,
            "x": _numbers([of.get(n, 0) for n in names]),
            "marker": {"color": color},
        }
        for color, (method, of) in zip(("--bar", "--muted"), reversed(shown.items()), strict=False)
    ]
    above = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}  # of a low figure: below it lies the axis' title
    return figure(
        bars, "share", "", height=160 + 45 * len(names), legend=above, margin={"l": 20, "r": 20, "t": 60, "b": 40}
    )


def pareto(table: "pd.DataFrame", done: "pd.DataFrame") -> dict[str, Any]:
    """All designs by size and score, and a line through those that none beats.

    table: of a sweep; done: its rows that are done.
    """
    front, score = analysis.pareto(table).sort_values("parameters"), score_of(table)
    hover = [f"{r.hidden}<br>{r.cpu_s:.2f} CPU s" for r in front.itertuples()]
    line = {
        "type": "scatter",
        "mode": "markers+lines",
        "x": _numbers(front.parameters),
        "y": _numbers(score.of(front)),
        "text": hover,
        "name": "not beaten",
        "line": {"shape": "hv", "color": "--text"},
    }
    points = _points(done.parameters, score.of(done), "designs", "#8a94a8", done.arch_id)
    axis = {"title": {"text": "parameters"}, "type": "log"}
    return figure([points, line], "parameters", f"test {score.name}", xaxis=axis)


def curves(done: "pd.DataFrame") -> dict[str, Any]:
    """Training loss by epoch: of the 20 best designs, and of 20 others drawn at random. done: designs done."""
    best = done.nlargest(min(CURVES, len(done)), score_of(done).column)
    others = done.drop(best.index)
    drawn = others.sample(min(CURVES, len(others)), random_state=0)
    traces = []
    for name, color, group in (("best", STATES["done"], best), ("others, drawn at random", "#8a94a8", drawn)):
        shown = zip(group.curve, group.hidden, group.trained_epochs.fillna(group.curve.map(len)), strict=True)
        for i, (curve, hidden, epochs) in enumerate(shown):
            step = max(1, round(epochs / max(1, len(curve))))  # of long trainings not all epochs are kept, but the last
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": [int(epochs) - step * i for i in range(len(curve))][::-1],
                    "y": _numbers(curve),
                    "name": name,
                    "legendgroup": name,
                    "showlegend": not i,
                    "line": {"color": color, "width": 1},
                    "opacity": 0.7,
                    "text": hidden,
                }
            )
    return figure(
        traces,
        "epoch",
        "training loss",
        yaxis={
            "title": {"text": "training loss"},
            "type": "log",
        },
    )


def heat(done: "pd.DataFrame") -> dict[str, Any] | None:
    """Median score by activation and depth, as a map of colours.

    done: designs that are done. None where one of the two does not vary, or depth takes too many values.
    """
    if done.activation.nunique() < 2 or not 2 <= done.depth.nunique() <= BANDS:
        return None
    scored = done.assign(score=score_of(done).of(done))
    medians = scored.pivot_table("score", "activation", "depth", "median")
    cells = [[None if v != v else float(f"{v:.4g}") for v in row] for row in medians.to_numpy()]
    heat = {
        "type": "heatmap",
        "z": cells,
        "x": [str(d) for d in medians.columns],
        "y": list(medians.index),
        "colorscale": "Viridis",
        "texttemplate": "%{z:.2f}",
    }
    return figure(
        [heat], "depth", "", height=120 + 60 * len(medians), xaxis={"title": {"text": "depth"}, "type": "category"}
    )


def failures(table: "pd.DataFrame") -> dict[str, Any] | None:
    """Reasons of failed designs by their number, as bars.

    table: of a sweep. None where nothing failed.
    """
    reasons = table[table.status == "failed"].reason.value_counts().head(20)
    if not len(reasons):
        return None
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [text(str(reason)[:80]) for reason in reasons.index[::-1]],
        "x": reasons.tolist()[::-1],
        "marker": {"color": STATES["failed"]},
    }
    return figure([bars], "designs", "", height=140 + 30 * len(reasons), margin={"l": 20, "r": 20, "t": 20, "b": 40})
