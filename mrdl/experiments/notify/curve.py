"""Curves of what an experiment told: a line of characters, or a picture where matplotlib is installed."""

import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mrdl.experiments.conditions.watcher import larger_is_better
from mrdl.experiments.variables import STEPS

MOST_POINTS = 1000  # of a curve: more than a picture has pixels
MOST_CURVES = 12
BARS = "▁▂▃▄▅▆▇█"
SPARKS = 24  # characters of a line
COLOURS = ("#3060c0", "#d07020", "#0b6b63", "#8040a0", "#c03030", "#5a6169")  # the first are those of reports


@dataclass
class Series:
    """The values of a variable, thinned evenly where there are very many, and exact what is said of them in words.

    first, last: as they came; least, most: of those that are finite, NaN where none is; told: how many there were;
    points: MOST_POINTS of them at most. The memory of a series does not grow beyond that.
    """

    first: float = math.nan
    last: float = math.nan
    least: float = math.nan
    most: float = math.nan
    told: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)  # (step, or the number of the value; value)
    _every: int = 1

    def add(self, step: float | None, value: float) -> None:
        """Take the next value. step: its place in the curve; None for how many were told before it."""
        if not self.told:
            self.first = value
        self.last = value
        if math.isfinite(value):
            self.least = value if math.isnan(self.least) else min(self.least, value)
            self.most = value if math.isnan(self.most) else max(self.most, value)
        if self.told % self._every == 0:
            self.points.append((float(self.told) if step is None else step, value))
            if len(self.points) > MOST_POINTS:
                self.points = self.points[::2]
                self._every *= 2
        self.told += 1


def series(history: Path | str) -> tuple[dict[str, Series], dict[str, Series]]:
    """Return the variables of a history by name, and what its monitor saw.

    history: the file. Names of steps, as epoch, are places and no variables. Lines that were not written whole are
    passed over. The memory that this takes does not grow with the history. Both are {} where there is none.

    variables, monitored = series("experiments/7/history.jsonl")
    variables["loss"].last, monitored["memory_mb"].most
    """
    variables: dict[str, Series] = {}
    monitored: dict[str, Series] = {}
    if not Path(history).is_file():
        return {}, {}
    with open(history, "rb") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
                seen = entry.get("monitor")
            except (ValueError, AttributeError):  # not written whole
                continue
            step = entry.get("step")
            _add(monitored if isinstance(seen, dict) else variables, seen if isinstance(seen, dict) else entry, step)
    return variables, monitored


def _add(found: dict[str, Series], entry: Mapping[str, object], step: object) -> None:
    """Add the numbers of a line to their curves."""
    at = float(step) if isinstance(step, (int, float)) and math.isfinite(step) else None
    for name, value in entry.items():
        if name not in STEPS and isinstance(value, (int, float)) and not isinstance(value, bool):
            found.setdefault(name, Series()).add(at, float(value))


def spark(values: Iterable[float], width: int = SPARKS) -> str:
    """Return a curve as a line of bars, the lowest value the lowest bar; "!" where a value is not finite.

    spark([3, 2, 1, 1])  # "█▅▁▁"
    """
    values = list(values)
    if len(values) > width:
        values = [values[i * (len(values) - 1) // (width - 1)] for i in range(width)]
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] if math.isfinite(value) else "!" for value in values)


def picture(variables: Mapping[str, Series]) -> bytes | None:
    """Return the curves as a PNG: what should fall above, what should grow below. None without matplotlib or points.

    variables: of `series`; those that were told once are left out, and of each part MOST_CURVES are drawn. It is 640
    pixels wide, and 300 high with one part, 560 with two.
    """
    drawn = {name: one for name, one in variables.items() if one.told > 1 and math.isfinite(one.least)}
    if not drawn:
        return None
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    falling = {name: one for name, one in drawn.items() if not larger_is_better(name)}
    rising = {name: one for name, one in drawn.items() if larger_is_better(name)}
    parts = [part for part in (falling, rising) if part]
    figure = Figure(figsize=(6.4, 2.6 * len(parts) + 0.4), dpi=100, layout="constrained")
    for axes, part in zip(figure.subplots(len(parts), squeeze=False)[:, 0], parts, strict=True):
        for i, (name, one) in enumerate(list(part.items())[:MOST_CURVES]):
            mark = "o" if len(one.points) < 20 else None
            colour, line = COLOURS[i % len(COLOURS)], "-" if i < len(COLOURS) else "--"
            axes.plot(*zip(*one.points, strict=True), line, color=colour, marker=mark, markersize=3, label=_plain(name))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
        axes.tick_params(labelsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _plain(name: str) -> str:
    """A name as matplotlib draws it as it is: no mathematics between dollars, and shown where it starts with _."""
    return " " + name.replace("$", r"\$")
