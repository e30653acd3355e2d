"""Before a start: how many, how long, how large, by the commands that say so on the command line."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mrdl.errors import ConfigError, MrdlError
from mrdl.mapreduce.runners import RUNNERS
from mrdl.web.commands import Refused, told
from mrdl.web.home import Home
from mrdl.web.sessions.settings import check_settings
from mrdl.web.sessions.starting import LONGEST_TOML, Kind

SHOWN = 20  # ids of designs

router = APIRouter(prefix="/api")


class Planned(BaseModel):
    """What would be trained. table, toml, runner: as for what is started."""

    kind: Kind
    table: str = Field(min_length=1, max_length=4096)
    toml: str = Field(default="", max_length=LONGEST_TOML)
    runner: str | None = None


@router.post("/plan")
async def plan(request: Request, planned: Planned) -> dict[str, Any]:
    """How many designs, how long, how large, what will not fit; in figures, and in the lines of the command."""
    home: Home = request.app.state.home
    runner = planned.runner or home.runner
    if runner not in RUNNERS:
        raise ConfigError(f"runner is {runner[:40]!r}, expected one of {', '.join(RUNNERS)}")
    table = home.table(planned.table)
    with tempfile.TemporaryDirectory(prefix="mrdl-plan-") as folder:
        place = Path(folder) / "settings.toml"
        place.write_text(planned.toml, encoding="utf-8")
        try:
            await asyncio.to_thread(check_settings, home, planned.kind, place)
            if planned.kind == "sweep":
                return _of_sweep(json.loads(await told(home, ["sweep", "plan", str(place), table, "--json"])))
            words = ["advise", table, "--config", str(place), "-r", runner, "--json"]
            return _of_run(json.loads(await told(home, words)), table)
        except MrdlError as error:
            words_of = str(error).replace(f" ({place})", "").replace(str(place), "the settings")
            raise Refused(words_of) from None


def _of_sweep(found: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of the plan of a sweep."""
    names = ("told", "designs", "seconds", "parameters", "memory_mb", "too_large")
    return {**{name: found[name] for name in names}, "ids": found["arch_ids"][:SHOWN]}


def _of_run(found: dict[str, Any], table: str) -> dict[str, Any]:
    """The plan of a run with its own settings: seconds of all, MB of its driver and one task."""
    asked = found["asked"]
    return {
        "told": [line.replace(f"{table}: ", "") for line in found["told"]],
        "seconds": asked["seconds"],
        "parameters": found["parameters"],
        "memory_mb": asked["task_mb"] + asked["driver_mb"],
        "rounds": asked["rounds"],
        "shards": asked["shards"],
    }
