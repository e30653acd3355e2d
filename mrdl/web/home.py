"""The folder that `mrdl web` serves: its runs, sweeps, tables and sessions, and which paths may be named."""

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from mrdl.errors import ConfigError

KINDS = {"run": ("runs", "run.json"), "sweep": ("sweeps", "sweep.json")}
"""What is trained -> the folder that holds it below the home, and the file that says that it is one."""

PART = re.compile(r"[^/\\~\x00-\x1f\x7f]{1,255}")  # of a key, between "~"
OWN = re.compile(r"[0-9a-f]{32}")  # a key that the page has made
BETWEEN = "~"  # stands for "/" in a key, so that a key is one part of an address


@dataclass(frozen=True)
class Session:
    """A run or a sweep, as the page knows it. key: its name in addresses; kind: of KINDS; folder: where it lies."""

    key: str
    kind: str
    folder: Path


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
        for kind, (place, marker) in KINDS.items():
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
            return Session(key, kind, (self.folder / KINDS[kind][0]).resolve() / key)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def key_of(self, kind: str, folder: Path) -> str:
        """The key of a run's or a sweep's folder below the home."""
        return BETWEEN.join(folder.relative_to(self.folder.resolve() / KINDS[kind][0]).parts)

    def new_key(self) -> str:
        """A key that nobody can guess, of 128 random bits."""
        return secrets.token_hex(16)

    def kept(self, key: str) -> Path:
        """The folder of what the page keeps of a session that it started: session.json, settings.toml, log.txt."""
        return self.folder / "sessions" / key

    def table(self, name: str) -> str:
        """The table of a name, as commands take it: a file or folder below one of the roots.

        Raises ConfigError for a path outside of them, be it by "..", by a link, or by its beginning.
        """
        refusal = ConfigError(
            f"{name[:200]!r} does not lie in a folder that may be read here: {', '.join(self.roots)}. Start `mrdl web` "
            "with --data FOLDER to allow another"
        )
        if "\0" in name or not name:
            raise refusal
        if "://" in name:
            if ".." in re.split(r"[/\\]|%2f|%5c", name, flags=re.IGNORECASE) or "%2e" in name.lower():
                raise refusal
            if any(root.rstrip("/") == name or name.startswith(root.rstrip("/") + "/") for root in self.roots):
                return name
            raise refusal
        real = os.path.realpath(self.folder / name)
        for root in self.roots:
            if "://" not in root and Path(real).is_relative_to(os.path.realpath(root)):
                return real
        raise refusal
