"""How a message looks: its parts as plain text and as HTML."""

import html
from collections.abc import Mapping

ROWS = ("why", "condition", "command", "folder", "host", "started", "took", "exit")
BLOCKS = {
    "variables": "What it told",
    "curve": "Curves",
    "traceback": "Traceback",
    "tail": "The last lines of its log",
}
COLOURS = {"failed": "#a82020", "lost": "#a82020", "condition": "#8a4a10", "warning": "#8a4a10"}
# mail programs know neither style sheets in files nor many words of CSS: all stands at the elements themselves
FONT = "font-family:-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;color:#1d2125;font-size:14px"
PRE = "background:#eeeeea;padding:8px;border-radius:6px;font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere"


def text(parts: Mapping[str, str]) -> str:
    """Return a message as plain text. parts: by name, see settings.PARTS; empty ones are left out.

    A sentence is the first line; then come ROWS, a line each, and BLOCKS with their titles, indented.
    """
    ident = f" ({parts['id']})" if parts["id"] and parts["id"] != parts["name"] else ""
    lines = [f"{parts['name']}{ident} {parts['sentence']}.", ""]
    lines += [f"  {name:<10}{parts[name]}" for name in ROWS if parts[name]]
    for name, title in BLOCKS.items():
        if parts[name]:
            lines += ["", title, *(f"  {line}" for line in parts[name].split("\n"))]
    return "\n".join(lines) + "\n"


def report(parts: Mapping[str, str]) -> str:
    """Return a message as a piece of HTML, without its curve.

    parts: as `text` has them. They are escaped here: what a program has printed is shown, and never obeyed.
    """
    rows = "".join(
        f'<tr><td style="color:#5a6169;padding:2px 12px 2px 0;vertical-align:top">{name}</td>'
        f"<td>{html.escape(parts[name])}</td></tr>"
        for name in ROWS
        if parts[name]
    )
    blocks = "".join(
        f'<p style="margin:16px 0 4px"><b>{title}</b></p><pre style="{PRE}">{html.escape(parts[name])}</pre>'
        for name, title in BLOCKS.items()
        if parts[name] and name != "curve"
    )
    ident = f" ({parts['id']})" if parts["id"] and parts["id"] != parts["name"] else ""
    colour = COLOURS.get(parts["what"], "#0b6b63")
    title = html.escape(f"{parts['name']}{ident} {parts['sentence']}")
    return f'<h2 style="color:{colour};font-size:19px">{title}</h2><table style="{FONT}">{rows}</table>{blocks}'


def page(parts: Mapping[str, str], drawn: bool) -> str:
    """Return a message as a page; drawn: whether a picture comes with it, else its curves are lines of bars.

    parts: as `text` has them. The picture is named cid:curve, which is what sending.message calls it.
    """
    if drawn:
        curve = '<p><img src="cid:curve" alt="curves of what it told" style="max-width:100%"></p>'
    else:
        curve = f'<pre style="{PRE}">{html.escape(parts["curve"])}</pre>' if parts["curve"] else ""
    return f'<!doctype html><html lang="en"><body style="{FONT}">{report(parts)}{curve}</body></html>\n'
