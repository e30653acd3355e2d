"""Real servers of `mrdl web` for tests, which can be killed and started again."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mrdl.storage.process import Process

READY_S = 60  # that a server may take on a busy machine


class Server:
    """A process of `mrdl web` and a browser's session with its cookie.

    url: without "/" at its end; token; session: of requests, logged in; process; folder: the home; errors: the file
    that its standard error goes to.
    """

    def __init__(self, folder: Path, words: tuple[str, ...], env: dict[str, str], limits=None) -> None:
        """Start it at a free port. words: more of the command line; limits: is called in its process first."""
        self.folder, self.words, self.env, self.limits = folder, words, env, limits
        self.errors = folder / "server-errors.txt"
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, or start it again at the port that it had."""
        import requests

        where = [] if any(word.startswith("--folder") for word in self.words) else ["--folder", str(self.folder)]
        command = [sys.executable, "-m", "mrdl", "web", *where, "--port", str(self.port), *self.words]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **self.env},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=self.limits,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        told = self.process.stdout.readline().strip()
        found = re.fullmatch(r"(http://[^/]+:(\d+))/\?token=(\S+)", told)
        assert found, (told, self.errors.read_text())
        self.url, self.port, self.token = found[1], int(found[2]), found[3]
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy
        answer = self.session.get(told, timeout=READY_S)
        assert answer.status_code == 200, answer.text

    def ask(self, method: str, path: str, **more):
        """The answer to a request, of requests: ask("GET", "/api/about")."""
        return self.session.request(method, self.url + path, **{"timeout": READY_S, **more})

    def get(self, path: str, **more):
        """See ask."""
        return self.ask("GET", path, **more)

    def post(self, path: str, told: object = None, **more):
        """See ask; `told` goes as JSON."""
        return self.ask("POST", path, **({"json": told} if told is not None else {}), **more)

    def put(self, path: str, data: object, **more):
        """See ask; data: the body, bytes or a generator of them."""
        return self.ask("PUT", path, data=data, **more)

    def delete(self, path: str, **more):
        """See ask."""
        return self.ask("DELETE", path, **more)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, by the signal that leaves no time to put anything in order, unless another one is named."""
        self.session.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(READY_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def memory_kb(self, what: str = "VmHWM") -> int:
        """The most memory that it had so far, resident; VmRSS: what it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", status)[1])


@pytest.fixture
def web_server(tmp_path):
    """Start servers: web_server("--data", folder) -> Server, whose home is an empty folder or the `folder` named.

    They end with the test, by SIGKILL, and so does what they have started, which outlives a server.
    """
    servers: list[Server] = []

    def start(*words, folder: Path | None = None, env: dict[str, str] | None = None, limits=None) -> Server:
        home = folder or tmp_path / "lab"
        home.mkdir(exist_ok=True)
        servers.append(Server(home, tuple(map(str, words)), env or {}, limits))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
        for about in server.folder.glob("sessions/*/session.json"):
            told = json.loads(about.read_text())
            if told.get("pid") not in (None, os.getpid()):  # which a test may name as what works
                Process(told["pid"], told["born"]).send(signal.SIGTERM)


@pytest.fixture
def web(web_server) -> Server:
    """A server whose home is an empty folder."""
    return web_server()
