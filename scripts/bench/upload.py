"""What a large upload costs: seconds, the server's memory, and what 100 readers wait for meanwhile.

.venv/bin/python scripts/bench/upload.py [--mb 1024] [--readers 100]

A table of so many MB goes up as the page sends it, in parts at offsets; half-way the server is killed by SIGKILL and
started again, and the upload goes on behind the last part that it has. Readers ask for the list of sessions, each twice
a second. The file in the end is compared with what was sent, by SHA-256. Needs mrdl[test,web].
"""

import argparse
import hashlib
import http.client
import json
import signal
import tempfile
import threading
import time
from pathlib import Path

from common import DIGITS, table
from web import Server, memory_mb, p95

PART = 8 << 20  # bytes that the page sends at once
EVERY_S = 0.5


def content(size):
    """The bytes of a table: the digits again and again."""
    head, _, rows = DIGITS.read_bytes().partition(b"\n")
    block = rows * (1 + PART // len(rows))
    yield head + b"\n"
    for _ in range(size // len(block)):
        yield block


def asked(server, method, path, body=None, kind="application/json"):
    """The status and the JSON of an answer."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": kind}
    line.request(method, path, body, headers)
    answer = line.getresponse()
    told = answer.read()
    line.close()
    assert answer.status < 300, told[:300]
    return json.loads(told)


class Readers(threading.Thread):
    """Ask for the list of sessions until told to stop; `waits` holds the seconds of each answer."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server, self.number, self.waits, self.stopped = server, number, [], threading.Event()

    def run(self):
        while not self.stopped.wait(EVERY_S / self.number):
            self.waits.append(self.server.ask("/api/sessions")[0])


def sent(server, upload, path, start, until):
    """Send a file in parts from an offset on, until so many bytes are there; returns the offset."""
    with open(path, "rb") as file:
        file.seek(start)
        while start < until:
            part = file.read(PART)
            told = asked(server, "PUT", f"/api/uploads/{upload}?offset={start}", part, "application/octet-stream")
            start = told["offset"]
    return start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=1024)
    parser.add_argument("--readers", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, digest = folder / "table.csv", hashlib.sha256()
        with path.open("wb") as file:
            for block in content(options.mb << 20):
                digest.update(block)
                file.write(block)
        size = path.stat().st_size
        (folder / "lab").mkdir()
        server = Server(folder / "lab")
        begun = json.dumps({"name": "table.csv", "size": size})
        upload = asked(server, "POST", "/api/uploads", begun)
        readers = Readers(server, options.readers)
        readers.start()
        began = time.monotonic()
        sent(server, upload["upload"], path, 0, size // 2)
        seconds, memory = time.monotonic() - began, [memory_mb(server.process.pid)]
        readers.stopped.set()
        readers.join()
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server = Server(folder / "lab")
        again = asked(server, "POST", "/api/uploads", begun)
        assert again["upload"] == upload["upload"], "it goes on"
        began = time.monotonic()
        sent(server, upload["upload"], path, again["offset"], size)
        seconds += time.monotonic() - began
        memory.append(memory_mb(server.process.pid))
        stored = next((folder / "lab" / "tables").glob("*/table.csv"))
        with stored.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").digest() == digest.digest(), "what is stored is what was sent"
        server.end()
    rows = [
        ("sent in all, s", f"{seconds:.1f}"),
        ("MB a second", f"{size / 1e6 / seconds:.0f}"),
        ("memory of the server, at most, MB", f"{max(memory):.0f}"),
        (f"{options.readers} readers of the sessions meanwhile, p95, ms", f"{1000 * p95(readers.waits):.0f}"),
        ("went on after SIGKILL from, of all", f"{100 * again['offset'] / size:.0f} %"),
    ]
    table(f"An upload of {size / 1e6:,.0f} MB, its server killed half-way", rows, ("", ""))


if __name__ == "__main__":
    main()
