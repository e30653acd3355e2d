"""The designs of a sweep for pages: a part of the table, sorted and searched here, points of a plot, and one alone."""

import json
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request, Response

from mrdl.web.found import session_of
from mrdl.web.watching.arrays import COLLAPSED, DONE, FAILED, NAMES, NO_BETTER, number
from mrdl.web.watching.one_design import one_design
from mrdl.web.watching.source import plain
from mrdl.web.watching.sweeps import CODE, SweepSource
from mrdl.web.watching.watchers import Watcher, watcher_of

MOST = 1000  # rows in an answer
LONGEST = 200  # characters that are searched for
COLUMNS = tuple(
    [
        "position",
        "arch_id",
        "state",
        "hidden",
        "depth",
        "parameters",
        "activation",
        "optimizer",
        "learning_rate",
        "epochs",
        "seed",
        "score",
        "loss",
        "wall_s",
        "reason",
    ]
)
IN_ORDER = {"position", "depth", "parameters", "learning_rate", "epochs", "score", "loss", "wall_s"}
"""Columns that are numbers in an array."""
Axis = Literal["parameters", "depth"]

router = APIRouter(prefix="/api/sessions", tags=["watching"])


def sweep_of(request: Request, key: str) -> tuple[Watcher, SweepSource]:
    """The watcher of a sweep and what it reads; raises 404 where there is none."""
    session = session_of(request, key)
    if session.kind != "sweep":
        raise HTTPException(404, "a run has no designs: it is one network")
    watcher = watcher_of(request, session)
    assert isinstance(watcher.source, SweepSource)
    return watcher, watcher.source


@router.get("/{key}/designs")
async def designs(
    request: Request,
    key: str,
    sort: str = "position",
    order: Literal["asc", "desc"] = "asc",
    offset: int = Query(0, ge=0),
    limit: int = Query(50, ge=1, le=MOST),
    state: str = "",
    search: str = Query("", max_length=LONGEST),
) -> Response:
    """A part of the table of designs. state: planned, running, done, collapsed, no_better or failed, left out all;
    search: words that arch_id, hidden, activation, optimizer or reason must have; designs without a value come last."""
    if sort not in COLUMNS:
        raise HTTPException(400, f"sort is {sort[:40]!r}, expected one of {', '.join(COLUMNS)}")
    if state and state not in (*NAMES, *SAID):
        raise HTTPException(400, f"state is {state[:40]!r}, expected one of {', '.join((*NAMES, *SAID))}")
    watcher, source = sweep_of(request, key)

    def read() -> bytes:
        states = source.designs.states()
        places = _fitting(source, states, state, search)
        places = places[_order(source, states, places, sort, order == "desc")]
        rows = [source.designs.row(place, int(states[place])) for place in places[offset : offset + limit].tolist()]
        about = {"total": len(places), "columns": COLUMNS, "score_name": source.score_name}
        return json.dumps(plain({**about, "rows": rows}), ensure_ascii=False).encode("utf-8", "replace")

    return Response(await watcher.call(read), media_type="application/json")


SAID = {"collapsed": COLLAPSED, "no_better": NO_BETTER}


def _fitting(source: SweepSource, states: np.ndarray, state: str, search: str) -> np.ndarray:
    """The places of designs of a state that have all the words."""
    known = source.designs
    fits = np.ones(len(known), bool)
    if state in SAID:
        fits = (known.numbers["said"] & SAID[state] > 0) & (states == DONE)
    elif state:
        fits = states == NAMES.index(state)
    places = np.flatnonzero(fits)
    for word in search.lower().split():
        texts = (known.ids, known.hidden, known.activation, known.optimizer, known.reason)
        kept = [place for place in places.tolist() if any(word in (text[place] or "").lower() for text in texts)]
        places = np.array(kept, np.int64)
    return places


def _order(source: SweepSource, states: np.ndarray, places: np.ndarray, sort: str, is_down: bool) -> np.ndarray:
    """The order of places by a column; equals in the order of the plan, unknown ones last."""
    known = source.designs
    if sort in IN_ORDER or sort == "state":
        values = (states if sort == "state" else known.numbers[sort])[places].astype(np.float64)
        if sort == "parameters":
            values[values < 0] = np.nan
    else:
        texts: list[Any] = known.ids if sort == "arch_id" else getattr(known, sort)
        found = [texts[place] for place in places.tolist()]
        ranks = {text: rank for rank, text in enumerate(sorted({text for text in found if text is not None}))}
        values = np.array([ranks.get(text, np.nan) for text in found], np.float64)
    position = known.numbers["position"][places]
    return np.lexsort((position, -values if is_down else values))  # nan is last in both


@router.get("/{key}/points")
async def points(request: Request, key: str, x: Axis = "parameters") -> Response:
    """The designs that were tried as points, a list for each: x, score (null where it failed), state (0 done, 1
    collapsed, 2 failed), position."""
    watcher, source = sweep_of(request, key)

    def read() -> bytes:
        known, states = source.designs, source.designs.states()
        tried = np.flatnonzero((states == DONE) | (states == FAILED))
        said = np.where(known.numbers["said"][tried] & COLLAPSED > 0, CODE["collapsed"], CODE["done"])
        codes = np.where(states[tried] == FAILED, CODE["failed"], said)
        scores = [number(value) for value in known.numbers["score"][tried]]
        lists = {
            "x": known.numbers[x][tried].tolist(),
            "score": [value and float(f"{value:.5g}") for value in scores],
            "state": codes.tolist(),
            "position": known.numbers["position"][tried].tolist(),
        }
        texts = [f"{json.dumps(name)}:{json.dumps(each, separators=(',', ':'))}" for name, each in lists.items()]
        return f'{{"score_name":{json.dumps(source.score_name)},{",".join(texts)}}}'.encode()

    return Response(await watcher.call(read), media_type="application/json")


@router.get("/{key}/designs/{arch_id}")
async def design(request: Request, key: str, arch_id: str) -> dict[str, Any]:
    """One design: what was told of its training, its spec, its learning curve, the last words of its task where it
    failed, and the settings by which `mrdl train` trains it."""
    watcher, source = sweep_of(request, key)
    found = await watcher.call(lambda: one_design(source, arch_id))
    if found is None:
        raise HTTPException(404, f"the sweep has no design {arch_id[:64]!r}")
    return dict(plain(found))
