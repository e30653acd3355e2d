"""The page of an explanation, one file that works offline: what a network looks at, drawn as SVG."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.data.types import CATEGORY
from mrdl.explanation.dependence import Dependence
from mrdl.explanation.explanation import Explanation, told_dependence
from mrdl.explanation.importance import Importance
from mrdl.reports.page import escaped, page, scrolled

NAMES, BARS, LINE = 240, 460, 22  # widths of names and of bars, and the height of a line, in pixels
WIDTH, HEIGHT, EDGE = 420, 200, 30  # of a curve, and the space around it
MOST_BARS = 60
MOST_CURVES = 6  # outputs of one column that are drawn, those that change most
LONG = 32  # characters of a name
COLORS = ("#3060c0", "#d07020", "#60a060", "#8050b0", "#209090", "#606060")


def page_of(found: Explanation) -> str:
    """The page as HTML."""
    odd = "".join(f"<li>{_text(warning)}</li>" for warning in found.warnings)
    odd = f"<h2>What looks odd</h2><ul>{odd}</ul>" if odd else ""
    drawn = "".join(
        f"<h3>{_text(each.column)}</h3><p>{_text(told_dependence(each))}</p>{_dependence(each)}"
        for each in found.dependences
    )
    more = len(found.importances) - MOST_BARS
    below = f"<p>... and {more:,} more columns</p>" if more > 0 else ""
    body = f"""<p>{_text(found.sampled)}. {_text(found.title)} {found.value:.4f}, knowing nothing
{found.nothing:.4f}.</p>{odd}
<h2>Which columns it needs</h2>
<p>By how much {_text(found.title)} is worse where a column is shuffled, with its interval of 95 %.</p>
{_importances(found.importances[:MOST_BARS])}{below}
<h2>How its answers change with a column</h2>
<p>What it says in the mean if the column had the same value in all rows.</p>{drawn}"""
    return page("What the network looks at", body)


def _text(text: str) -> str:
    return escaped(text)


def _short(name: str) -> str:
    return _text(name if len(name) <= LONG else f"{name[: LONG - 3]}...")


def _svg(width: float, height: float, name: str, parts: Iterator[str]) -> str:
    """A picture in a box that scrolls. name: what it shows, as text."""
    size = f'width="{width:.0f}" height="{height:.0f}"'
    drawn = f'<svg {size} role="img" aria-label="{_text(name)}" font-size="12">{"".join(parts)}</svg>'
    return scrolled(drawn, name)


def _importances(shown: Sequence[Importance]) -> str:
    """A bar for each column, and a line over its interval."""
    ends = np.nan_to_num([[each.loss, each.low, each.high] for each in shown]) if shown else np.zeros((1, 3))
    low, high = min(0.0, float(ends.min())), max(float(ends.max()), 1e-12)

    def x(value: float) -> float:
        return NAMES + BARS * (value - low) / (high - low)

    def bars() -> Iterator[str]:
        for i, (each, (loss, least, most)) in enumerate(zip(shown, ends.tolist(), strict=True)):
            top, middle = i * LINE, (i + 0.5) * LINE
            yield f'<text x="{NAMES - 8}" y="{middle + 4}" text-anchor="end">{_short(each.column)}</text>'
            left, wide = min(x(0), x(loss)), abs(x(loss) - x(0))
            said = _text(f"{each.column}: {each.loss:.4g} ({each.low:.4g} to {each.high:.4g})")
            box = f'x="{left:.1f}" y="{top + 4}" width="{wide:.1f}" height="{LINE - 8}"'
            yield f'<rect {box} class="bar"><title>{said}</title></rect>'
            yield f'<line x1="{x(least):.1f}" x2="{x(most):.1f}" y1="{middle}" y2="{middle}" class="reach"/>'
        bottom = len(shown) * LINE
        yield f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{bottom}" class="axis"/>'
        for value in (0.0, high):
            yield f'<text x="{x(value):.1f}" y="{bottom + 14}" text-anchor="middle">{value:.3g}</text>'

    return _svg(NAMES + BARS + 40, len(shown) * LINE + 20, "how much each column matters", bars())


def _dependence(found: Dependence) -> str:
    """Curves over numbers and dates, bars of levels."""
    return _levels(found) if found.kind == CATEGORY else _curves(found)


def _levels(found: Dependence) -> str:
    """A bar for each level, of the output that changes most."""
    means = found.means[:, found.widest]
    low, high = min(0.0, float(means.min())), max(0.0, float(means.max()))
    span = high - low or 1.0

    def bars() -> Iterator[str]:
        for i, (name, mean) in enumerate(zip(found.names, means.tolist(), strict=True)):
            middle, left = (i + 0.5) * LINE + 4, NAMES + BARS * (min(mean, 0) - low) / span
            yield f'<text x="{NAMES - 8}" y="{middle}" text-anchor="end">{_short(name)}</text>'
            box = f'x="{left:.1f}" y="{i * LINE + 4}" width="{BARS * abs(mean) / span:.1f}" height="{LINE - 8}"'
            yield f'<rect {box} class="bar"/>'
            yield f'<text x="{left + BARS * abs(mean) / span + 4:.1f}" y="{middle}">{mean:.4g}</text>'

    return _svg(NAMES + BARS + 70, len(found.names) * LINE, f"answers by {found.column}", bars())


@dataclass(frozen=True)
class _Axes:
    """Where values of a column, from `first` to `last`, and means, from `low` to `high`, lie in a picture."""

    first: float
    last: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """The place of a value, in pixels from the left."""
        span = self.last - self.first
        return 2 * EDGE + (WIDTH - 3 * EDGE) * ((value - self.first) / span if span > 0 else 0.5)

    def y(self, mean: float) -> float:
        """The place of a mean, in pixels from the top."""
        span = self.high - self.low
        return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * ((mean - self.low) / span if span > 0 else 0.5)

    def drawn(self, first: str, last: str, missing: bool) -> Iterator[str]:
        """The axes, with what stands at their ends. missing: whether there is a point of missing values."""
        yield f'<path d="M{2 * EDGE},{EDGE / 2} V{HEIGHT - EDGE} H{WIDTH}" fill="none" class="axis"/>'
        for mean in (self.low, self.high):
            yield f'<text x="{2 * EDGE - 4}" y="{self.y(mean) + 4:.1f}" text-anchor="end">{mean:.3g}</text>'
        below = [(2 * EDGE, first, "start"), (WIDTH - EDGE, last, "end")]
        for x, text, anchor in below + [(WIDTH + EDGE, "missing", "middle")] * missing:
            yield f'<text x="{x}" y="{HEIGHT - 12}" text-anchor="{anchor}">{_short(text)}</text>'


def _curves(found: Dependence) -> str:
    """A curve for each output that changes much, and a point at the right for rows where the value is missing."""
    order = np.argsort(-np.ptp(found.means, axis=0), kind="stable")[:MOST_CURVES]
    if len(found.outputs) == 2:
        order = order[:1]  # the other one is what is left of 1
    values, means = np.array(found.values), found.means[:, order]
    there = np.isfinite(values)
    known = np.flatnonzero(there)
    if not len(known):
        return ""
    axes = _Axes(values[known[0]], values[known[-1]], float(means.min()), float(means.max()))

    def parts() -> Iterator[str]:
        yield from axes.drawn(found.names[known[0]], found.names[known[-1]], not there.all())
        for i, (color, output) in enumerate(zip(COLORS, order.tolist(), strict=False)):
            points = zip(values[there].tolist(), means[there, i].tolist(), strict=True)
            line = " ".join(f"{axes.x(value):.1f},{axes.y(mean):.1f}" for value, mean in points)
            yield f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>'
            for mean in means[~there, i].tolist():
                yield f'<circle cx="{WIDTH + EDGE}" cy="{axes.y(mean):.1f}" r="4" fill="{color}"/>'
            x, y = WIDTH + 3 * EDGE, EDGE + i * 16
            yield f'<circle cx="{x - 10}" cy="{y - 4}" r="4" fill="{color}"/>'
            yield f'<text x="{x}" y="{y}">{_short(found.outputs[output])}</text>'

    return _svg(WIDTH + 300, HEIGHT, f"answers by {found.column}", parts())
