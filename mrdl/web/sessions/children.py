"""Commands that train: processes that outlive this server, and write what they say into a file."""

import shlex
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.rounds.provenance import utc
from mrdl.storage.process import Process
from mrdl.web.commands import command, environment, words_of
from mrdl.web.home import Home
from mrdl.web.sessions.kept import Kept

PROMPT = "$ mrdl "  # before each command in the log
TAIL = 1 << 16  # bytes of a log that are looked at for words


@dataclass(frozen=True)
class Child:
    """A command that was started here. about: what session.json says of its process."""

    process: "subprocess.Popen[bytes]"
    about: dict[str, Any]

    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.process.returncode


def begin(home: Home, kept: Kept, words: Sequence[str]) -> Child:
    """Start a command in the home's folder, in a session of its own, which no signal to this server reaches.

    words: after `mrdl`. It reads nothing, and writes into the log. A thread waits for its end, so that it does not stay
    in the system's table.
    """
    with kept.log.open("ab") as log:
        log.write(f"{PROMPT}{shlex.join(words)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command(words),
            cwd=home.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    found = Process.of(process.pid)
    born = found.born if found else ""
    threading.Thread(target=process.wait, name=f"end of {kept.key}", daemon=True).start()
    return Child(process, {"pid": process.pid, "born": born, "began": utc(), "command": ["mrdl", *words]})


def said_since(log: Path) -> str:
    """What the last command in a log said when it ended in vain; empty where it has said nothing."""
    return words_of(last_part(log))


def last_part(log: Path) -> str:
    """What the last command in a log has said, of much the end."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    _, found, after = f"\n{text}".rpartition(f"\n{PROMPT}")
    return after.partition("\n")[2] if found else text
