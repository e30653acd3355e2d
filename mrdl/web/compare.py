"""Sweeps side by side, as `mrdl sweep compare` tells of them."""

import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from mrdl.web.commands import told
from mrdl.web.found import session_of
from mrdl.web.home import Home

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
    return found
