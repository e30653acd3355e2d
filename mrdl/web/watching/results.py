"""What is read when something is done: the report, and the table as a file; both made by the command line."""

import asyncio
import csv
import io
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from mrdl.reports.cells import no_formula
from mrdl.reports.runs import RUNNING
from mrdl.rounds.folder import RunFolder
from mrdl.web.commands import told
from mrdl.web.found import session_of
from mrdl.web.home import Home, Session
from mrdl.web.watching.watchers import watcher_of

REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'self'"
)
"""What a report may do: it is one file that draws by itself, and is kept from the pages and from everybody else."""

SOON_S = 15.0  # that a report of what goes on is good for, at the least
TIMES = 20  # that what it takes to make one it is good for
TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

router = APIRouter(prefix="/api/sessions", tags=["results"])


@dataclass
class Report:
    """The report of a session. lock: is held by who makes it; of: what it tells of; made_at: by the clock, when it was
    asked for; took_s: to make it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    of: tuple[str, str] | None = None
    made_at: float = 0.0
    took_s: float = 0.0


_reports: dict[Path, Report] = {}


@router.get("/{key}/report", response_class=FileResponse)
async def report(request: Request, key: str) -> FileResponse:
    """The report of a run or a sweep, one HTML file that works offline; made where there is more to tell than it does.
    Of what goes on that is after a while only, as there is more all the time."""
    home: Home = request.app.state.home
    session = session_of(request, key)
    path, words = _command(session)
    watcher, known = watcher_of(request, session), _reports.setdefault(session.folder, Report())
    async with known.lock:
        now, began = await watcher.looked_now(lambda: watcher.source.standing), time.time()
        is_soon = now[1] == RUNNING and began - known.made_at < max(SOON_S, TIMES * known.took_s)
        if not path.exists() or (known.of != now and not is_soon):
            await told(home, words)
            known.of, known.made_at, known.took_s = now, began, time.time() - began
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


def _command(session: Session) -> tuple[Path, list[str]]:
    """Where the report lies, and the command that makes it."""
    if session.kind == "run":
        return session.folder / "plot.html", ["plot", str(session.folder)]
    return session.folder / "report.html", ["sweep", "report", str(session.folder)]


@router.get("/{key}/table.{kind}", response_class=FileResponse)
async def table(request: Request, key: str, kind: str) -> Response:
    """The table of a sweep's designs as CSV or Parquet, or that of a run's rounds as CSV. Text that a spreadsheet would
    take for a formula is marked as text."""
    home: Home = request.app.state.home
    session = session_of(request, key)
    if kind not in TYPES or (session.kind, kind) == ("run", "parquet"):
        raise HTTPException(404, f"there is no table as .{kind[:20]}, expected .csv, or of a sweep .parquet")
    name = f"{key[:60]}.{kind}"
    if session.kind == "run":
        text = await asyncio.to_thread(history_csv, session.folder)
        headers = {"Content-Disposition": f'attachment; filename="{_plain(name)}"'}
        return Response(text, media_type=TYPES[kind], headers=headers)
    folder = tempfile.TemporaryDirectory(prefix="mrdl-table-")
    path = Path(folder.name) / f"table.{kind}"
    try:
        await told(home, ["sweep", "export", str(session.folder), str(path)])
    except BaseException:
        folder.cleanup()
        raise
    after = BackgroundTask(folder.cleanup)
    return FileResponse(path, media_type=TYPES[kind], filename=_plain(name), background=after)


def _plain(name: str) -> str:
    """A name that every system takes for that of a file."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)


def history_csv(folder: Path) -> str:
    """The rounds of a run, one a line, as Model.history has them."""
    rows: list[dict[str, Any]] = [manifest.history_row() for manifest in RunFolder(folder).manifests()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: no_formula(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()
