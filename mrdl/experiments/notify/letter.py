"""What a message says of an event: a subject, plain text, HTML and a picture, by the experiment's folder."""

import html
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError, printable
from mrdl.experiments.history import read
from mrdl.experiments.notify import pages
from mrdl.experiments.notify.crash import tail, traceback
from mrdl.experiments.notify.curve import Series, picture, series, spark
from mrdl.experiments.notify.pages import BLOCKS
from mrdl.experiments.notify.settings import Settings, template

SENTENCES = {
    "started": "has started",
    "finished": "has finished",
    "failed": "failed",
    "stopped": "was stopped",
    "lost": "gives no sign of life",
    "condition": "meets a condition",
    "warning": "is in danger",
    "digest": "have ended",
}
MOST_VARIABLES = 12
LONGEST_SUBJECT = 150


@dataclass(frozen=True)
class Letter:
    """A message: text is plain, html a page, picture a PNG that it shows as cid:curve, or None."""

    subject: str
    text: str
    html: str
    picture: bytes | None


def letter(event: Mapping[str, Any], settings: Settings) -> Letter:
    """Return the message about an event; see Notifier.send for what an event is.

    settings: template, a file of one's own text, whose first line `Subject: ...` takes the place of the subject, and
    template_html, of a page; tail, lines of the log; picture. With a text of one's own and no page of one's own there
    is no HTML. A subject is one line of LONGEST_SUBJECT characters at most.

    A template that has become unreadable since it was checked is passed over, and the message says so.
    """
    parts, drawn = _parts(event, settings)
    subject = f"[mrdl] {parts['name'] or 'experiments'} {parts['sentence']}"
    if event.get("what") in ("condition", "warning", "failed", "lost") and parts["why"]:
        subject += f": {parts['why']}"
    text, page = parts["report"], pages.page(parts, drawn is not None)
    try:
        if settings.template:
            text = template(settings.template).substitute(parts)
            first, _, rest = text.partition("\n")
            if first.startswith("Subject:"):
                subject, text = first.removeprefix("Subject:").strip(), rest.lstrip("\n")
            page = "" if not settings.template_html else page
        if settings.template_html:
            escaped = {name: html.escape(value) for name, value in parts.items()}
            escaped |= {"report": pages.report(parts), "curve": '<img src="cid:curve" alt="curve">' if drawn else ""}
            page = template(settings.template_html).substitute(escaped)
    except ConfigError as error:
        text += f"\n(mrdl's own text: {error})\n"
    subject = printable(" ".join(subject.split()))
    if len(subject) > LONGEST_SUBJECT:
        subject = subject[: LONGEST_SUBJECT - 3] + "..."
    return Letter(subject, text, page, drawn)


def _parts(event: Mapping[str, Any], settings: Settings) -> tuple[dict[str, str], bytes | None]:
    """Everything that a text may name, each as plain text, and the picture.

    Each name of settings.PARTS is there, '' where an event has nothing to say of it. Controls are escaped, as a program
    may print what a terminal would obey; blanks and line ends stay in BLOCKS alone.
    """
    folder = Path(str(event["folder"])) if event.get("folder") else None
    what = str(event.get("what", ""))
    parts = {
        "what": what,
        "sentence": SENTENCES.get(what, what),
        "id": str(event.get("id", "")),
        "name": str(event.get("name") or event.get("id") or ""),
        "why": str(event.get("why") or ""),
        "condition": str(event.get("condition") or ""),
        "command": shlex.join(map(str, event.get("argv") or [])),
        "folder": str(folder or ""),
        "host": socket.gethostname(),
        "exit": str(event.get("exit", "")) if event.get("exit") is not None else "",
        "at": str(event.get("at") or ""),
        "group": str(event.get("group", "")),
        "size": str(event.get("size", "")),
        **dict.fromkeys(("started", "took", "variables", "curve", "traceback", "tail"), ""),
    }
    drawn = None
    if folder:
        variables, monitored = series(folder / "history.jsonl")
        parts |= _times(folder, parts["at"])
        parts["variables"] = _table(variables, monitored)
        parts["curve"] = _sparks(variables)
        parts["tail"] = printable(tail(folder / "log", settings.tail))
        parts["traceback"] = printable(traceback(folder / "log")) if what in ("failed", "lost") else ""
        drawn = picture(variables) if settings.picture else None
    if what == "digest":
        parts["name"] = parts["name"] or f"{parts['size']} experiments"
        parts["variables"] = _digest(event)
    parts = {name: printable(value if name in BLOCKS else " ".join(value.split())) for name, value in parts.items()}
    return {**parts, "report": pages.text(parts)}, drawn


def _times(folder: Path, until: str) -> dict[str, str]:
    """When an experiment started, and how long it took until then, by its events."""
    try:
        events = read(folder / "events.jsonl")
    except OSError:
        return {}
    started = next(
        (str(event["at"]) for event in reversed(events) if event.get("state") == "running" and "at" in event), ""
    )
    try:
        seconds = (datetime.fromisoformat(until) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):
        return {"started": started}
    hours, minutes = int(seconds // 3600), int(seconds // 60 % 60)
    return {"started": started, "took": f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60:.0f} s"}


def _table(variables: Mapping[str, Series], monitored: Mapping[str, Series]) -> str:
    """The variables, a line each: name, first and last value, the range."""
    lines = []
    width = max((len(name) for name in list(variables)[:MOST_VARIABLES]), default=0)
    for name, one in list(variables.items())[:MOST_VARIABLES]:
        told = f"{one.first:.6g} -> {one.last:.6g}" if one.told > 1 else f"{one.last:.6g}"
        span = f"  (from {one.least:.6g} to {one.most:.6g}, told {one.told} times)" if one.told > 2 else ""
        lines.append(f"{name:<{width}}  {told}{span}")
    if len(variables) > MOST_VARIABLES:
        lines.append(f"and {len(variables) - MOST_VARIABLES} more")
    if "memory_mb" in monitored:
        lines.append(f"memory at most {monitored['memory_mb'].most:,.0f} MB")
    return "\n".join(lines)


def _sparks(variables: Mapping[str, Series]) -> str:
    """The variables as lines of bars."""
    shown = {name: one for name, one in list(variables.items())[:MOST_VARIABLES] if one.told > 1}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name:<{width}}  {spark(value for _, value in one.points)}" for name, one in shown.items())


def _digest(event: Mapping[str, Any]) -> str:
    """The states of many experiments, the best of them, and those that failed: at most 20 of each."""
    counts, failed, best = event.get("counts") or {}, event.get("failed") or [], event.get("best") or []
    lines = [f"{number:>6} {state}" for state, number in counts.items()]
    if best:
        lines += ["", "the best:"] + [f"  {ident}  {name}  {value}" for ident, name, value in best[:20]]
    if failed:
        more = counts.get("failed", len(failed)) - len(failed[:20])
        lines += ["", "failed: " + ", ".join(map(str, failed[:20])) + (f" and {more} more" if more > 0 else "")]
    return "\n".join(lines)
