"""Sweeps side by side, as `mrdl sweep compare` tells of them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from mrdl.web.commands import told
from mrdl.web.found import session_of
from mrdl.web.home import Home
from mrdl.web.labels import label_of
from mrdl.web.sessions.kept import kept_of

router = APIRouter(prefix="/api")


@router.get("/compare")
async def compare(request: Request, keys: str) -> dict[str, Any]:
    """What two or more sweeps of the same designs agree on. keys: of the sweeps, with commas between."""
    home: Home = request.app.state.home
    sessions = [session_of(request, key) for key in keys.split(",") if key]
    for session in sessions:
        if session.kind != "sweep":
            raise HTTPException(
                422, f"{session.key} is a {session.kind}, expected sweeps, which are compared by designs"
            )
    if not sessions:
        raise HTTPException(422, "no sweep was named, expected the keys of two or more, with commas between")
    found: dict[str, Any] = json.loads(
        await told(home, ["sweep", "compare", "--json", "--", *(session.place for session in sessions)])
    )
    return _named(found, {session.place: _title(home, session.key) for session in sessions})


def _title(home: Home, key: str) -> str:
    """A sweep's title, which people know it by."""
    return str(kept_of(home, key).about().get("title") or "")


def _named(found: dict[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """A comparison with titles in the place of folders that are called by a key; titles: of each folder.

    Titles that several have are numbered: {"sweeps/0f..": "a.csv", "sweeps/1c..": "a.csv"} -> a.csv (1), a.csv (2). The
    labels are the columns' names.
    """
    names: dict[str, str] = {}
    for place, title in titles.items():
        if title:
            same = [one for one, other in titles.items() if other == title]
            names[place] = f"{title} ({same.index(place) + 1})" if len(same) > 1 else title
    found["sweeps"] = [{**one, "label": label_of(one["label"])} for one in found["sweeps"]]
    if not names:
        return found
    places = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

    def told(value: Any) -> Any:
        """A value of JSON with the folders in its texts, and in its keys, replaced."""
        if isinstance(value, str):
            return places.sub(lambda match: names[match[0]], value)
        if isinstance(value, list):
            return [told(one) for one in value]
        if isinstance(value, dict):
            return {told(key): told(one) for key, one in value.items()}
        return value

    named: dict[str, Any] = told(found)
    return named
