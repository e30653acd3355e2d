"""What tests of sessions of the pages share: a table, settings of short and of long trainings, waiting for a state."""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from web_server import Server

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
LONG_S = 120  # that a training may take on a busy machine, after which a test has failed
QUICK = 'label = "digit"\nhidden = [8]\nrounds = 1\nepochs = 1\nshards = 1\n'
LONG = 'label = "digit"\nhidden = [8]\nrounds = 9999\nepochs = 1\nshards = 2\nschedule = "constant"\n'
SPEC = '[data]\nlabel = "digit"\n[space]\ndepth = [1, 2]\nwidth = 4\nepochs = 1\n'
LONG_SPEC = '[data]\nlabel = "digit"\n[space]\ndepth = 1\nwidth = 4\nepochs = 2000\nlearning_rate = [0.1, 0.2]\n'


class Lab:
    """A server with a table of digits. started: keys of what was started."""

    def __init__(self, server: Server) -> None:
        self.server = server
        tables = server.folder / "tables" / "ab12"
        tables.mkdir(parents=True)
        shutil.copy(DIGITS, tables / "digits.csv")

    def start(self, toml: str = QUICK, kind: str = "run", **more):
        """The answer to what starts a training on the digits."""
        told = {"kind": kind, "table": "tables/ab12/digits.csv", "toml": toml, "runner": "inline", **more}
        return self.server.post("/api/sessions", told)

    def started(self, toml: str = QUICK, kind: str = "run", **more) -> str:
        """The key of a training that was started."""
        answer = self.start(toml, kind, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]

    def about(self, key: str) -> dict:
        """A session, as the server tells of it."""
        answer = self.server.get(f"/api/sessions/{key}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, key: str, *states: str, done: int = 0) -> dict:
        """The session, once it has one of these states and so many rounds or designs are done."""
        end = time.monotonic() + LONG_S
        while time.monotonic() < end:
            about = self.about(key)
            if about["state"] in states and (about["done"] or 0) >= done:
                return about
            time.sleep(0.05)
        raise AssertionError((about, self.log(key)))

    def log(self, key: str) -> str:
        """What the commands of a session have said."""
        with suppress(OSError):
            return (self.server.folder / "sessions" / key / "log.txt").read_text()
        return ""

    def processes(self) -> list[int]:
        """The commands that were started in the home and still run."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (place / "cmdline").read_bytes().split(b"\0")
                is_here = Path(os.readlink(place / "cwd")) == self.server.folder
                if is_here and words[1:3] == [b"-m", b"mrdl"] and b"web" not in words:
                    found.append(int(place.name))
        return found


@pytest.fixture
def lab(web):
    """A server with a table; what it has started ends with the test."""
    found = Lab(web)
    yield found
    for pid in found.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
