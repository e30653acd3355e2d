"""Figures of plotly on a page: their places, and the script that draws them, from the installed package."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mrdl.errors import not_installed
from mrdl.reports.page import escaped

SCRIPT = Path(__file__).with_name("plots.js").read_text(encoding="utf-8")
FORMATS = ("png", "svg")


def needed() -> str:
    """plotly's script; raises SetupError where it is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise not_installed("a report needs", "plotly", "sweep") from None
    return str(get_plotlyjs())


def places(figures: Mapping[str, dict[str, Any] | None]) -> str:
    """The places of figures as HTML, each with buttons that save it as a picture.

    figures: title -> as plotly's JSON has it, None where there is nothing to show.
    """
    return "".join(_place(i, title, of) for i, (title, of) in enumerate(figures.items()) if of)


def _place(i: int, title: str, figure: Mapping[str, Any]) -> str:
    """The place of a figure as HTML. i: by which its script finds it; figure: as plotly's JSON has it."""
    name = re.sub(r"\W+", "-", title.lower()).strip("-")
    saves = "".join(
        f'<button type="button" data-figure="f{i}" data-format="{each}" data-name="{escaped(name)}" '
        f'aria-label="Save {escaped(title)} as {each.upper()}">{each.upper()}</button>'
        for each in FORMATS
    )
    height = figure["layout"]["height"]
    return (
        f'<figure><h2>{escaped(title)}</h2><div class="plot"><div class="figure" id="f{i}" '
        f'style="min-height: {height}px"></div></div><p class="saves">{saves}</p></figure>'
    )


def scripts(figures: Mapping[str, dict[str, Any] | None], plotly: str) -> str:
    """The scripts that draw figures in their places, as HTML. plotly: what `needed` gives."""
    drawn = {f"f{i}": figure for i, figure in enumerate(figures.values()) if figure}
    told = json.dumps(drawn, default=_plain).replace("<", "\\u003c")
    return f"<script>{plotly}</script>\n<script>\nconst drawn = {told};\n{SCRIPT}</script>"


def _plain(value: Any) -> Any:
    """Numbers of numpy as JSON has them; five digits are more than can be seen."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else str(value)
