"""The folder that `mrdl web` serves: its runs, sweeps, tables and sessions, and which paths may be named."""

import glob
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mrdl.errors import ConfigError
from mrdl.reports.places import BETWEEN, PLACES, below
from mrdl.storage.paths import matching

PART = re.compile(r"[^/\\~\x00-\x1f\x7f]{1,255}")  # of a key, between "~"
OWN = re.compile(r"[0-9a-f]{32}")  # a key that the page has made


@dataclass(frozen=True)
class Session:
    """A run or a sweep, as the page knows it. key: its name in addresses; kind: of PLACES; folder: where it lies."""

    key: str
    kind: str
    folder: Path

    @property
    def place(self) -> str:
        """The folder below the home, as commands name it: Session("a~b", "run", folder).place == "runs/a/b"."""
        return below(self.kind, self.key)


@dataclass(frozen=True)
class Home:
    """What a server serves.

    folder: runs/, sweeps/, sessions/ and tables/ lie in it; tables: where uploads go, a folder here or in HDFS; runner:
    where tasks run unless a session says otherwise; roots: folders, here or in HDFS, whose tables may be named;
    limit_bytes: of one upload.

    Home(Path("lab"), "lab/tables", "local", ("lab/tables",)).session("first")
    """

    folder: Path
    tables: str
    runner: str
    roots: tuple[str, ...]
    limit_bytes: int = 1 << 40

    def session(self, key: str) -> Session | None:
        """The run or sweep of a key; None where there is none below the home. Links are not followed out of it."""
        parts = key.split(BETWEEN)
        if not all(PART.fullmatch(part) and part not in (".", "..") for part in parts):
            return None
        for kind, (place, marker) in PLACES.items():
            above = (self.folder / place).resolve()
            folder = above.joinpath(*parts)
            try:
                if (folder / marker).is_file() and folder.resolve().is_relative_to(above):
                    return Session(key, kind, folder)
            except OSError:  # a name that this machine cannot have
                continue
        return self._begun(key) if OWN.fullmatch(key) else None

    def _begun(self, key: str) -> Session | None:
        """A session that the page has started, and whose folder is not there yet."""
        try:
            kind = json.loads((self.kept(key) / "session.json").read_bytes())["kind"]
            return Session(key, kind, (self.folder / PLACES[kind][0]).resolve() / key)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def key_of(self, kind: str, folder: Path) -> str:
        """The key of a run's or a sweep's folder below the home."""
        return BETWEEN.join(folder.relative_to(self.folder.resolve() / PLACES[kind][0]).parts)

    def new_key(self) -> str:
        """A key that nobody can guess, of 128 random bits."""
        return secrets.token_hex(16)

    def kept(self, key: str) -> Path:
        """The folder of what the page keeps of a session that it started: session.json, settings.toml, log.txt."""
        return self.folder / "sessions" / key

    def table(self, name: str) -> str:
        """The table of a name, as commands take it: a file, folder or glob below one of the roots.

        Raises ConfigError for a path outside of them, be it by "..", by its beginning, or by a link, which may lie in
        the folder, or be what the glob means.
        """
        found = self.place(name)
        for path in () if "://" in found else _read_by(found):
            if not self.is_inside(path):
                raise ConfigError(f"{name[:200]!r}: the link {path[:200]!r} leads out of what may be read here")
        return found

    def place(self, name: str) -> str:
        """The same of a folder that is looked through, whatever links lie in it."""
        if name and "\0" not in name and _is_text(name):
            if "://" in name:
                climbs = ".." in re.split(r"[/\\]|%2f|%5c", name, flags=re.IGNORECASE) or "%2e" in name.lower()
                roots = (root.rstrip("/") for root in self.roots)
                if not climbs and any(root == name or name.startswith(root + "/") for root in roots):
                    return name
            elif self.is_inside(real := os.path.realpath(self.folder / name)):
                return real
        raise ConfigError(
            f"{name[:200]!r} does not lie in a folder that may be read here: {', '.join(self.roots)}. Start `mrdl web` "
            "with --data FOLDER to allow another"
        )

    def is_inside(self, path: str) -> bool:
        """Whether a path of this machine lies below one of the roots, links followed."""
        real = Path(os.path.realpath(path))
        return any("://" not in root and real.is_relative_to(os.path.realpath(root)) for root in self.roots)


def _is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8: JSON may hold halves of characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_by(path: str) -> Iterator[str]:
    """The links among what is read of a file, folder or glob, with the places that the glob means."""
    found = [path] if os.path.lexists(path) or not glob.has_magic(path) else matching(path)
    for each in found:
        yield each
        for folder, folders, files in os.walk(each):
            yield from (link for name in (*folders, *files) if os.path.islink(link := os.path.join(folder, name)))
