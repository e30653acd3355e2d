"""The outbox of a folder of experiments: a file for each message that waits, and a record of what was sent.

ROOT/outbox/00001795853000123456789-4711.json   one that waits: the event and the settings, no secret
ROOT/outbox/refused/...                         what a server will never take
ROOT/outbox/told/...                            what was told of a large sweep: each kind once
ROOT/outbox/sent.jsonl, trouble, lock
"""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mrdl.experiments.history import now
from mrdl.storage import atomic

_NAME = re.compile(r"\d{20}-\d+-\d+\.json")


class Outbox:
    """The messages of a folder of experiments that wait, and what became of others.

    Outbox(Path("experiments")).words()  # "2 messages wait: smtp.example.org:587 does not answer (since 08:12)"
    """

    def __init__(self, root: Path | str) -> None:
        self.folder = Path(root) / "outbox"
        self._number = 0

    def put(self, event: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Keep an event until it is told, with its settings; a value that JSON cannot have becomes text.

        Raises OSError on a full disk.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._number}.json"
        self.put_back(self.folder / name, event, settings, [])

    def put_back(self, item: Path, event: Mapping[str, Any], settings: Mapping[str, Any], done: list[str]) -> None:
        """Keep a message on, in its place. done: the ways by which it went already, which are not gone again."""
        kept = {"event": dict(event), "settings": dict(settings), "done": done}
        atomic.write(item, json.dumps(kept, default=str).encode())

    def once(self, key: str) -> bool:
        """Whether this is the first call for a key, of all processes and for all time; see Notifier."""
        place = self.folder / "told" / re.sub(r"[^\w.-]", "_", key)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    def waiting(self) -> list[Path]:
        """The messages that wait, oldest first."""
        try:
            return sorted(self.folder / name for name in os.listdir(self.folder) if _NAME.fullmatch(name))
        except FileNotFoundError:
            return []

    def sent(self, item: Path, subject: str, to: str) -> None:
        """Take a message out that was sent. item: of `waiting`; subject, to: for the record, sent.jsonl."""
        entry = {"at": now(), "to": to, "subject": subject}
        with open(self.folder / "sent.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\n")
        item.unlink(missing_ok=True)

    def refuse(self, item: Path, why: str) -> None:
        """Put a message aside that no server will take: to refused/, with a .txt beside it that says why."""
        aside = self.folder / "refused"
        aside.mkdir(exist_ok=True)
        (aside / f"{item.stem}.txt").write_text(f"{now()} {why}\n")
        item.replace(aside / item.name)

    def sent_since(self, seconds: float) -> int:
        """How many messages were sent in the last so many seconds."""
        count = 0
        with contextlib.suppress(FileNotFoundError), open(self.folder / "sent.jsonl") as file:
            for line in file:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    at = datetime.fromisoformat(json.loads(line)["at"]).timestamp()
                    count += 0 <= time.time() - at <= seconds
        return count

    def trouble(self, why: str) -> None:
        """Note why messages could not be sent; '' where they could."""
        if why:
            atomic.write(self.folder / "trouble", f"{now()} {why}\n".encode())
        else:
            (self.folder / "trouble").unlink(missing_ok=True)

    def tried(self) -> float:
        """When sending last failed, in seconds since 1970; 0 where it did not."""
        try:
            return (self.folder / "trouble").stat().st_mtime
        except OSError:
            return 0.0

    def words(self) -> str:
        """What a user should know: how many messages wait and why, and which were refused; '' where all is well."""
        count, told = len(self.waiting()), []
        if count:
            why = self._read("trouble")
            told.append(f"{count} message{'s' if count > 1 else ''} not sent yet" + (f": {why}" if why else ""))
        refused = sorted(self.folder.glob("refused/*.txt"))
        if refused:
            told.append(f"{len(refused)} refused for good, the last: {self._read(f'refused/{refused[-1].name}')}")
        return "; ".join(told)

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text().strip()
        except OSError:
            return ""

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the outbox; gives whether it could be: one process sends at a time.

        with Outbox("experiments").held() as alone: ...  # False: another process is at it
        """
        with open(self.folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
