"""The shell of an HTML page that works offline, and tables for it; what is told of a run or a sweep is escaped."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mrdl.errors import printable

COLOURS = Path(__file__).with_name("colours.css")  # which the pages of `mrdl web` have, too
STYLE = "".join(path.read_text(encoding="utf-8") for path in (COLOURS, COLOURS.with_name("style.css")))


def page(title: str, body: str) -> str:
    """A whole page. title: as text; body: HTML.

    Example: `page("digits", "<p>done</p>")`.
    """
    named = escaped(title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{named}</title><style>
{STYLE}
</style></head><body><main>
<h1 dir="auto">{named}</h1>{body}
</main></body></html>
"""


class Markup(str):
    """Text that is HTML already, and is not escaped in a table."""


class Words(str):
    """Text of several words, which may go over several lines in a table."""


class Marked(Words):
    """Text with a class of style.css, told by `mark`."""

    def __new__(cls, text: str, mark: str) -> "Marked":
        """Text of a cell that looks as its class says."""
        made = super().__new__(cls, text)
        made.mark = mark
        return made

    mark: str


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], name: str = "table") -> str:
    """A table of texts, numbers and markup as HTML, in a box that scrolls; without heads it has rows alone.

    name: what it is, for who cannot see it.
    """
    head = f"<thead><tr>{_cells('th', heads)}</tr></thead>" if heads else ""
    lines = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return scrolled(f"<table>{head}<tbody>{lines}</tbody></table>", name)


def scrolled(content: str, name: str) -> str:
    """What may be wider than the page in a box that scrolls, by keys too. content: HTML; name: what it is, as text."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(name)}">{content}</div>'


def escaped(text: Any) -> str:
    """Text as HTML, whatever it says, without the marks that turn round what stands beside it."""
    return html.escape(printable(str(text)))


def _cells(tag: str, values: Sequence[Any]) -> str:
    return "".join(f"<{tag}{_kind(tag, value)}>{_escaped(value)}</{tag}>" for value in values)


def _kind(tag: str, value: Any) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    mark = f" {value.mark}" if isinstance(value, Marked) else ""
    return f'{scope} class="text{mark}"' if isinstance(value, Words) else scope


def _escaped(value: Any) -> str:
    return value if isinstance(value, Markup) else escaped(value)
