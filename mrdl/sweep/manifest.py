"""What a sweep says of itself, sweep.json: its id, its spec, what trains it, where its data and its tasks are."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.sweep.spec import spec_of

ID = re.compile(r"[^/\x00-\x1f\x7f]{1,300}")  # it names jobs and their files
SITE = ("python_bin", "mrjob_conf")
AGAIN = "Run its spec into another --dir, or put the file back"


def read_about(path: Path) -> dict[str, Any]:
    """The content of sweep.json. Raises ConfigError, with the way out, where it is not what a sweep writes."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged: {str(error)[:200]}. {AGAIN}") from error
    if problem := _problem(about):
        raise ConfigError(f"{path} is damaged: {problem}. {AGAIN}")
    try:
        spec_of(about["spec"])
    except ConfigError as error:
        raise ConfigError(f"{error} ({path})") from error
    return dict(about)


def _problem(about: Any) -> str:
    """What is wrong with a sweep's manifest, in words; empty where nothing is."""
    if not isinstance(about, dict):
        return f"it is {type(about).__name__}, expected an object"
    if not isinstance(about.get("id"), str) or not ID.fullmatch(about["id"]):
        return "id is not the name of a sweep"
    if not isinstance(about.get("source"), str) or "\0" in about["source"]:
        return "source is not the path of its data"
    if not isinstance(about.get("spec"), Mapping):
        return "spec is not a spec's tables"
    if not isinstance(about.get("label", ""), str):
        return "label is not text"
    if not isinstance(about.get("backend"), str):
        return "backend is not the name of what trains"
    site = about.get("site", {})
    if not isinstance(site, Mapping) or not all(isinstance(site[n], str) if n in SITE else False for n in site):
        return f"site is not a text for each of {', '.join(SITE)}"
    return "" if isinstance(about.get("known", {}), Mapping) else "known is not what the data is known by"
