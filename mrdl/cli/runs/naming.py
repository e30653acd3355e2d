"""Runs and sweeps by name: their folder, or what the page and the commands call them."""

from dataclasses import dataclass
from pathlib import Path

from mrdl.errors import ConfigError
from mrdl.reports.places import PLACES, below


@dataclass(frozen=True)
class Named:
    """A run or a sweep that a command names. name: as it was said; kind: of PLACES; path: its folder."""

    name: str
    kind: str
    path: Path


def named(name: str) -> Named:
    """The run or sweep of a name: a folder, or a name below runs/ or sweeps/, in which "~" may stand for "/".

    Raises ConfigError where there is neither.

    named("first").path == Path("runs/first")
    """
    for kind, (_, marker) in PLACES.items():
        if (Path(name) / marker).is_file():
            return Named(name, kind, Path(name))
    for kind, (_, marker) in PLACES.items():
        if ((path := Path(below(kind, name))) / marker).is_file():
            return Named(name, kind, path)
    raise ConfigError(
        f"there is no run or sweep {name}: expected a folder with run.json or sweep.json in it, or the name of one "
        "below runs/ or sweeps/; `mrdl runs` and `mrdl sweep list` show them"
    )


def run_of(name: str) -> str:
    """The path of what a command looks at: as it was said, if that is there or nothing else is, or the run of that
    name below runs/."""
    path = Path(below("run", name))
    return name if Path(name).exists() or not path.is_dir() else str(path)
