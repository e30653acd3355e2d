"""What this machine, and the clusters that it asks, were measured to cost: one file of this user's, a name a line."""

import contextlib
import json
import math
import platform
from collections.abc import Sequence
from pathlib import Path

from mrdl.storage import atomic
from mrdl.storage.store import user_cache


def of_this_machine(name: str) -> str:
    """A name for figures that hold here alone: a home may be shared by many machines."""
    return f"{platform.node()} {name}"


def known(name: str, count: int) -> tuple[float, ...] | None:
    """The figures of a name; None where it was not measured, or what is kept is not so many figures."""
    found = _kept().get(name)
    if not isinstance(found, list) or len(found) != count:
        return None
    numbers = tuple(float(figure) for figure in found if isinstance(figure, int | float))
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def keep(name: str, figures: Sequence[float]) -> None:
    """Remember the figures of a name. A home that cannot be written costs some seconds of measuring each time."""
    with contextlib.suppress(OSError):
        _file().parent.mkdir(0o700, parents=True, exist_ok=True)
        text = json.dumps({**_kept(), name: list(figures)}, indent=1)
        atomic.write(_file(), text.encode())


def _kept() -> dict[str, object]:
    """The file's content; empty where there is none, or what is there is not what `keep` wrote."""
    try:
        return dict(json.loads(_file().read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _file() -> Path:
    return user_cache() / "measured.json"
