"""Ask a network: of a table, or of values that are typed in, by `mrdl predict`."""

import asyncio
import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from mrdl.errors import ConfigError, brief
from mrdl.web.commands import Refused, command, environment, told, words_of
from mrdl.web.found import session_of
from mrdl.web.home import Home, Session

MOST_ROWS = 10_000  # of an answer; all of a table is for the command line
MOST_TYPED = 1000  # rows
MOST_NAMED = 10  # values or columns of a note
MOST_LEVELS = 1000  # of a column are told; of more it is not known which training saw
FULL = 100  # rows whose probabilities are told of every class

router = APIRouter(prefix="/api")
_known: dict[Path, tuple[int, dict[str, Any]]] = {}


class Asked(BaseModel):
    """What is to be predicted: a table by its name, or the text of columns by their names, of one row or of several."""

    table: str | None = Field(default=None, max_length=4096)
    values: dict[str, str] | None = None
    rows: list[dict[str, str]] | None = Field(default=None, max_length=MOST_TYPED)


@router.get("/sessions/{key}/inputs")
async def inputs(request: Request, key: str) -> dict[str, Any]:
    """The columns that a network was trained on: name, type, a value for example, levels of a category."""
    home: Home = request.app.state.home
    return {"columns": (await _about(home, session_of(request, key)))["columns"]}


@router.post("/sessions/{key}/predict")
async def predict(request: Request, key: str, asked: Asked) -> dict[str, Any]:
    """What a network says of each row: its label and how probable that is, or its numbers.

    total: rows in all, of which the first are told; probabilities: of every class, of a few rows; notes: of typed
    values, those that training never saw, and the columns that were left empty.
    """
    home: Home = request.app.state.home
    session = session_of(request, key)
    about = await _about(home, session)
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mrdl-predict-") as folder:
        if asked.table is not None:
            table = home.table(asked.table)
        else:
            rows = asked.rows if asked.rows is not None else [asked.values or {}]
            table = str(Path(folder) / "typed.csv")
            notes = _notes(about["columns"], rows)
            Path(table).write_text(_as_csv(rows, [column["name"] for column in about["columns"]]), encoding="utf-8")
        network = f"{session.place}/model.safetensors"
        ways = [[], ["--proba"]] if about["classes"] and not about["targets"] else [[]]
        if about["flags"]:
            ways.append(["--proba"])
        work = [_lines(home, ["predict", network, table, *way], Path(folder) / str(i)) for i, way in enumerate(ways)]
        try:
            found = await asyncio.gather(*work)
        except Refused as error:
            raise Refused(str(error).replace(str(Path(folder) / "typed.csv"), "the typed values")) from None
    return {**_answer(about, *found), "notes": notes}


def _notes(columns: list[dict[str, Any]], rows: list[dict[str, str]]) -> list[str]:
    """What a person should know of typed values: levels that training never saw, and columns that are empty in all."""
    found = []
    for column in columns:
        name, levels = column["name"], column["levels"] or ()
        typed = dict.fromkeys(filter(None, (row.get(name, "").strip() for row in rows)))
        unseen = [value for value in typed if value not in levels]
        if unseen and 0 < len(levels) < MOST_LEVELS:
            told = ", ".join(map(brief, unseen[:MOST_NAMED]))
            found.append(f"{name}: {told} was not seen in training, and counts as the rare ones do")
    empty = [column["name"] for column in columns if not any(row.get(column["name"], "").strip() for row in rows)]
    if empty and rows:
        more = f" and {len(empty) - MOST_NAMED} more" if len(empty) > MOST_NAMED else ""
        found.append(f"taken as missing, as nothing was typed: {', '.join(empty[:MOST_NAMED])}{more}")
    return found


def _answer(about: dict[str, Any], said: tuple[list[str], int], likely: Any = None) -> dict[str, Any]:
    """What the commands have printed, as an object of JSON. likely: what --proba prints, of classes and flags."""
    lines, total = said
    classes, targets, rows = about["classes"], about["targets"], list[list[Any]]()
    shares = _numbers(likely[0])[1:] if likely else []
    if classes and not targets:
        most = [row.index(max(row)) for row in shares]
        # a label with a line end in it takes several lines
        labels = lines if len(lines) == len(shares) else [classes[place] for place in most]
        rows = [[name, row[place]] for name, row, place in zip(labels, shares, most, strict=False)]
        told: dict[str, Any] = {"columns": [about["label"], "probability"], "label": about["label"], "total": total}
        return {**told, "rows": rows, "probabilities": [dict(zip(classes, row, strict=True)) for row in shares[:FULL]]}
    is_wide = bool(targets) and (len(targets) > 1 or about["flags"])
    rows = list[list[Any]](_numbers(lines)[is_wide:])
    names = targets or [f"output {i + 1}" for i in range(len(rows[0]) if rows else 1)]
    told = {"columns": names, "label": names[0], "total": total - is_wide, "rows": rows}
    if shares:
        told["probabilities"] = [dict(zip(names, row, strict=True)) for row in shares[:FULL]]
    return told


def _numbers(lines: list[str]) -> list[list[float]]:
    """Lines of CSV as numbers; a line of names is empty."""
    found = []
    for row in csv.reader(f"{line}\n" for line in lines):
        try:
            found.append([float(cell) for cell in row])
        except ValueError:
            found.append([])
    return found


async def _about(home: Home, session: Session) -> dict[str, Any]:
    """What a session's network wants and says; raises 404 where there is no network."""
    place = session.folder / "model.safetensors"
    if session.kind == "sweep":
        raise HTTPException(404, "a sweep keeps no networks: train its best design on all data, which keeps one")
    try:
        changed = place.stat().st_mtime_ns
    except OSError:
        raise HTTPException(404, "there is no network yet: it is written when the run is done") from None
    known = _known.get(place)
    if known is None or known[0] != changed:
        words = ["show", f"{session.place}/model.safetensors", "--json"]
        known = _known[place] = changed, json.loads(await told(home, words))
    return known[1]


def _as_csv(rows: list[dict[str, str]], columns: list[str]) -> str:
    """Rows as a CSV with a header; raises ConfigError for a column that the network does not know.

    A column that is left out is missing in each row, as is one without text.
    """
    known = set(columns)
    for name in dict.fromkeys(name for row in rows for name in row):
        if name not in known:
            raise ConfigError(
                f"column {name[:100]!r} is none that the network was trained on: {', '.join(columns[:20])}"
            )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return text.getvalue()


async def _lines(home: Home, words: list[str], place: Path) -> tuple[list[str], int]:
    """The first lines that a command prints, and how many there are; raises Refused where it ends in vain.

    place: a file for them: of a large table they are more than a server keeps in memory.
    """
    with place.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command(words),
            cwd=home.folder,
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
    if process.returncode:
        raise Refused(words_of(errors.decode(errors="replace")))
    return await asyncio.to_thread(_first_of, place)


def _first_of(place: Path) -> tuple[list[str], int]:
    """The first lines of what was predicted, the head among them, and the number of all."""
    lines, total = [], 0
    with place.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            total += 1
            if total <= MOST_ROWS + 1:
                lines.append(line.removesuffix("\n"))
    return lines, total
