"""Where the seconds of a run's rounds go, as one picture: a page with bars by lane for each round, drawn as SVG."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mrdl.errors import DataError, cannot_write
from mrdl.mapreduce.timeline import DEPTHS, Span, Timeline, kept
from mrdl.reports.page import escaped, page, scrolled, table
from mrdl.rounds.folder import RunFolder

WIDTH, LEFT, RIGHT = 900, 80, 20  # of a picture, and of it beside the bars; in pixels
ROW, BAR, HEAD, FOOT = 22, 16, 6, 24
ROUNDS = 6  # that are drawn: the first, and the last ones
LANES = 24  # of tasks that are drawn in each
STYLE = f"font: 12px system-ui, sans-serif; width: 100%; min-width: {WIDTH - 200}px"  # on a phone it scrolls
TICKS = 8  # of the axis, at most
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600)  # seconds between two of them


class Phase(NamedTuple):
    """A phase of a round. color: of its bars; words: what goes on in it."""

    color: str
    words: str


PHASES = {
    "driver": Phase("#8a8f98", "driver: what is to do, then the scores and the files"),
    "client": Phase("#b0a070", "Hadoop's client: a JVM that sends the job and waits for it"),
    "queue": Phase("#c8c8c8", "queue: waiting for a node"),
    "job": Phase("#d0d4dc", "mrjob: cutting, sorting, starting tasks"),
    "master": Phase("#d0d4dc", "ApplicationMaster: its JVM, and handing out containers"),
    "container": Phase("#d07020", "container: its JVM starts, a reducer's fetches what maps wrote"),
    "Python": Phase("#e0b030", "Python: its start, and imports"),
    "rows": Phase("#60a060", "rows: read, parsed, packed, written, or weights combined"),
    "import": Phase("#b8a0d8", "import of what trains"),
    "train": Phase("#3060c0", "training"),
    "commit": Phase("#209090", "commit: what was written is sorted and kept"),
    "task": Phase("#909090", "tasks that told nothing of themselves"),
}
FAILED = Phase("#c03030", "attempts that were lost")


def phase_of(name: str) -> Phase:
    """What is known of a phase; those that are not known by name are attempts that failed or were killed."""
    return PHASES.get(name, FAILED)


def timelines(run: str | Path) -> list[Timeline]:
    """The timelines of a run's rounds; raises DataError where it has none."""
    folder = RunFolder(run)
    found = kept(folder.timeline)
    if not found:
        folder.about()  # or says that this is no run
        raise DataError(
            f"the run in {folder.path} has kept no times: an earlier mrdl trained it, or no round is over yet"
        )
    return found


def mean_shares(rounds: Sequence[Timeline]) -> dict[str, float]:
    """The seconds of a round by phase, in the mean of some, in the order in which phases come."""
    of_each = [timeline.shares() for timeline in rounds]
    names = dict.fromkeys(name for name in (*PHASES, *(n for shares in of_each for n in shares)))
    means = {name: sum(shares.get(name, 0.0) for shares in of_each) / len(rounds) for name in names}
    return {name: seconds for name, seconds in means.items() if any(name in shares for shares in of_each)}


def draw(run: str | Path) -> Path:
    """Draw the timelines of a run folder into timeline.html in it, which works offline; returns its path.

    Raises DataError where there are no times, SetupError where the file cannot be written.
    """
    found, path = timelines(run), RunFolder(run).path / "timeline.html"
    shown = found if len(found) <= ROUNDS else [found[0], *found[1 - ROUNDS :]]
    parts = [_of_round(timeline, max(t.seconds for t in shown)) for timeline in shown]
    left = f"<p>{len(found) - len(shown)} rounds between are not drawn.</p>" if len(shown) < len(found) else ""
    body = f"<p>{escaped(path.parent)}. All bars have one scale.</p>{_legend(shown)}{left}"
    try:
        path.write_text(page(f"Where the time of {RunFolder(run).about()['name']} goes", body + "".join(parts)))
    except OSError as error:
        raise cannot_write(str(path), str(error.strerror)) from error
    return path


def rows_of(shares: dict[str, float]) -> list[tuple[str, str, str]]:
    """What goes on, its seconds and its share of all, for a table."""
    whole = sum(shares.values()) or 1.0
    return [(phase_of(n).words, f"{s:.1f}", f"{100 * s / whole:.0f} %") for n, s in shares.items() if s >= 0.005]


def _legend(shown: Sequence[Timeline]) -> str:
    """The colours of the phases that occur."""
    square = '<span><i style="background:{}"></i>{}</span>'
    words = [square.format(phase_of(n).color, escaped(n)) for n in mean_shares(shown)]
    return f'<p class="legend">{"".join(words)}</p>'


def _of_round(timeline: Timeline, longest_s: float) -> str:
    """A round as HTML: its bars and its table. longest_s: of all rounds that are drawn, which give the scale."""
    rows = rows_of(mean_shares([timeline]))
    heading = f"{timeline.name}, -r {timeline.runner}: {timeline.seconds:.1f} s"
    shares = table(["phase", "seconds", "share"], rows, f"the seconds of {timeline.name}")
    drawn = scrolled(_svg(timeline, longest_s), f"where the seconds of {timeline.name} went")
    return f"<h2>{escaped(heading)}</h2>{drawn}{shares}"


def _svg(timeline: Timeline, longest_s: float) -> str:
    """The bars of a round, a row for each lane."""
    begin = min(span.start_s for span in timeline.spans)
    lanes = _lanes(timeline.spans)
    scale = (WIDTH - LEFT - RIGHT) / max(longest_s, 0.001)
    bottom = HEAD + ROW * len(lanes)
    parts = [_axis(longest_s, scale, bottom)]
    for row, lane in enumerate(lanes):
        y = HEAD + ROW * row
        parts.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escaped(lane)}</text>')
        parts += [_bar(span, begin, scale, y) for span in timeline.spans if span.lane == lane]
    more = len({span.lane for span in timeline.spans}) - len(lanes)
    told = f"<p>{more} more tasks are not drawn, but counted.</p>" if more else ""
    size = f'viewBox="0 0 {WIDTH} {bottom + FOOT}" role="img" aria-label="{escaped(timeline.name)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{STYLE}">{"".join(parts)}</svg>{told}'


def _lanes(spans: Iterable[Span]) -> list[str]:
    """The lanes that are drawn: from the driver inwards, then maps and reduces by number."""
    names = {span.lane for span in spans}
    outer = [name for name in DEPTHS if name in names]
    tasks = sorted(names - set(outer), key=lambda name: (name.split()[0], int(name.split()[-1])))
    return [*outer, *tasks[:LANES]]


def _bar(span: Span, begin: float, scale: float, y: int) -> str:
    """A span as a bar that tells of itself when it is pointed at."""
    x, width = LEFT + (span.start_s - begin) * scale, max((span.end_s - span.start_s) * scale, 0.3)
    told = f"{phase_of(span.phase).words}: {span.end_s - span.start_s:.2f} s"
    color = phase_of(span.phase).color
    named = ""
    if width > 7 * len(span.phase) + 6:
        dark = span.phase in ("train", "container", "commit", "driver")
        ink = "#fff" if dark else "#222"
        named = f'<text x="{x + 4:.1f}" y="{y + 13}" style="fill:{ink}">{escaped(span.phase)}</text>'
    shape = f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}" stroke="var(--raised)"/>'
    return f"<g><title>{escaped(told)}</title>{shape}{named}</g>"


def _axis(longest_s: float, scale: float, bottom: int) -> str:
    """Lines at whole numbers of seconds, and their numbers below."""
    step = next((step for step in STEPS if longest_s / step <= TICKS), STEPS[-1])
    parts = []
    for tick in range(int(longest_s / step) + 1):
        x = LEFT + tick * step * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}" class="rule"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" class="small">{tick * step:g} s</text>')
    return "".join(parts)
