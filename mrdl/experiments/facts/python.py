"""The Python that a command runs, and its packages, found by files alone: nothing is started or imported."""

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_NAME = re.compile(r"python[\d.]*|pypy[\d.]*")
_FOLDER = re.compile(r"(?P<name>[^-]+)-(?P<version>.+?)(?:-py\d[\d.]*)?\.(?:dist-info|egg-info)")


def python(argv: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return which Python a command runs: {"path", "version", "packages": {name: version}}; {} where it runs none.

    argv: the command. One that is a script is looked at for its first line; where that starts a Python by another
    script, {"path", "none": why}. env: the environment that it will have, else this one's, for its PATH.

    python(["python3", "lang.py"])["packages"]["torch"]  # "2.4.1"
    """
    path = (os.environ if env is None else env).get("PATH", os.defpath)
    program = shutil.which(argv[0], path=path) if argv else None
    if program is None:
        return {}
    found = _interpreter(Path(program), path)
    if found is None:
        return {}
    if _first_line(found).startswith("#!"):
        return {"path": str(found), "none": "a script that starts a Python: which one shows when it runs"}
    if found.exists() and found.samefile(sys.executable) and found.parent == Path(sys.executable).parent:
        version, places = sys.version.split()[0], [Path(place) for place in sys.path if place]
    else:
        version, places = _elsewhere(found)
    return {"path": str(found), "version": version, "packages": packages(places)}


def _interpreter(program: Path, path: str) -> Path | None:
    """The Python that is a program, or that a script's first line names."""
    if _NAME.fullmatch(program.name):
        return program
    first = _first_line(program)
    words = first.removeprefix("#!").split() if first.startswith("#!") else []
    named = next((word for word in words if _NAME.fullmatch(Path(word).name)), None)
    found = named and shutil.which(named, path=path)
    return Path(found) if found else None


def _first_line(program: Path) -> str:
    """The start of a program's file; '' where it cannot be read."""
    try:
        with program.open("rb") as file:
            return file.readline(500).decode(errors="replace")
    except OSError:
        return ""


def _elsewhere(program: Path) -> tuple[str, list[Path]]:
    """The version of another Python and the folders of its packages, by how environments and systems lay them out."""
    root = program.parent.parent
    places = sorted(root.glob("lib/python*/site-packages")) + sorted(root.glob("lib/python*/dist-packages"))
    places += sorted(root.glob("lib/python3/dist-packages")) + sorted(root.glob("local/lib/python*/dist-packages"))
    try:
        lines = (root / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        lines = []
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition("=") for line in lines)]
    version = next((value for name, value in pairs if name in ("version", "version_info")), "")
    return version or program.resolve().name.removeprefix("python"), list(dict.fromkeys(places))


def packages(places: Sequence[Path]) -> dict[str, str]:
    """Return the packages in folders by name, with their versions; of two of one name the first folder's.

    places: folders as site-packages; one that cannot be read has none. Names are in small letters with hyphens.
    """
    found: dict[str, str] = {}
    for place in places:
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            match = _FOLDER.fullmatch(name)
            if match:
                found.setdefault(match["name"].lower().replace("_", "-"), match["version"])
    return dict(sorted(found.items()))
