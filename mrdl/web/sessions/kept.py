"""What the page keeps of a session that it has started: sessions/KEY/, and what it is in it."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.storage import atomic
from mrdl.storage.process import Process
from mrdl.web.home import Home

FORMS = "sessions/forms"  # below the home: id of a form -> key of what it has started


@dataclass(frozen=True)
class Kept:
    """The files of a session's start; nobody else joins a path below its folder.

    session.json    what was asked for, and the process that works on it
    settings.toml   the settings, or the spec
    log.txt         the commands, and what they said
    """

    key: str
    folder: Path

    @property
    def identity(self) -> Path:
        """What was asked for."""
        return self.folder / "session.json"

    @property
    def settings(self) -> Path:
        """The settings, or the spec."""
        return self.folder / "settings.toml"

    @property
    def log(self) -> Path:
        """The commands, and what they said."""
        return self.folder / "log.txt"

    def about(self) -> dict[str, Any]:
        """session.json; empty where there is none that can be read, as of what the command line started."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads(self.identity.read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def write(self, about: dict[str, Any]) -> None:
        """Write session.json; the folder is made where it is not there."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic.write(self.identity, json.dumps(about, indent=1).encode())

    def process(self) -> Process | None:
        """The process that was started last, be it alive or not; None where none was."""
        about = self.about()
        pid, born = about.get("pid"), about.get("born")
        return Process(pid, born) if type(pid) is int and isinstance(born, str) else None


def kept_of(home: Home, key: str) -> Kept:
    """What is kept of a session."""
    return Kept(key, home.kept(key))
