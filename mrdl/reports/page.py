"""The shell of an HTML page that works offline, and tables for it; what is told of a run or a sweep is escaped."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

STYLE = """body { font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
img { max-width: 100% } table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd }
li { margin: .4em 0 } pre { background: #f4f4f4; padding: 1em; overflow: auto }"""


def page(title: str, body: str) -> str:
    """A whole page. title: as text; body: HTML.

    Example: `page("digits", "<p>done</p>")`.
    """
    named = html.escape(title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{named}</title><style>
{STYLE}
</style></head><body>
<h1>{named}</h1>{body}
</body></html>
"""


class Markup(str):
    """Text that is HTML already, and is not escaped in a table."""


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of texts, numbers and markup as HTML; without heads it has rows alone."""
    head = f"<tr>{_cells('th', heads)}</tr>" if heads else ""
    lines = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return f"<table>{head}{lines}</table>"


def _cells(tag: str, values: Sequence[Any]) -> str:
    return "".join(f"<{tag}>{_escaped(value)}</{tag}>" for value in values)


def _escaped(value: Any) -> str:
    return value if isinstance(value, Markup) else html.escape(str(value))
