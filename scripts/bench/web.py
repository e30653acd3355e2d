"""What `mrdl web` costs while a sweep of 50,000 designs is watched: the server's CPU, bytes to a page, and delays.

.venv/bin/python scripts/bench/web.py [--designs 50000] [--rate 150] [--seconds 60] [--readers 1,100]

The designs are planned as always and not trained: half of the records are there at the start, and so many a second are
made up and taken into the index as its driver does, twice a second, in a process of their own. Readers hear the events
by plain sockets in another one; the delay is from the writing of a record to its event, of those that an event lists.
Needs mrdl[test,web].
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import DIGITS, PYTHON, REPO, table

sys.path.insert(0, str(REPO))

from mrdl.sweep.folder import SweepFolder  # noqa: E402
from mrdl.sweep.record import Record, State  # noqa: E402

SPACE = {
    "depth": {"min": 1, "max": 12},
    "width": {"min": 4, "max": 128, "log": True},
    "activation": ["relu", "tanh", "sigmoid"],
    "learning_rate": {"min": 0.0005, "max": 0.02, "log": True},
    "epochs": 3,
}
PACK = 500
EVERY_S = 0.5  # as the driver looks at its packs
TICK = os.sysconf("SC_CLK_TCK")
WATCHED = "/api/sessions/many"


class Made:
    """A sweep whose records are made up."""

    def __init__(self, folder, designs):
        about = {"data": {"label": "digit"}, "space": SPACE}
        about["sweep"] = {"sampler": "random", "count": designs, "backend": "batched-numpy"}
        self.sweep = SweepFolder.create(folder, about, str(DIGITS))
        self.draw = random.Random(0)
        self.waiting = [(one.arch_id, one.text) for one in self.sweep.ledger.waiting()]
        self.number, self.pack, self.name = 0, [], ""

    def record(self, arch_id, text):
        accuracy = min(1.0, max(0.05, self.draw.gauss(0.9, 0.05)))
        told = {"accuracy": accuracy, "loss": 1 - accuracy, "baseline": 0.1, "collapsed": accuracy < 0.8}
        told |= {"no_better": False, "curve": tuple(2 / (i + 1) for i in range(20)), "wall_s": 0.01, "spec": text}
        return Record(arch_id=arch_id, status=State.DONE, parameters=self.draw.randrange(1000, 100_000), **told)

    def add(self, count):
        """Take in so many records, as packs tell them."""
        while count:
            if not self.pack:
                if self.name:
                    self.sweep.ledger.harvested(self.name)
                self.pack, self.waiting = self.waiting[:PACK], self.waiting[PACK:]
                self.name = self.sweep.register([[arch_id for arch_id, _ in self.pack]])
            some, self.pack = self.pack[:count], self.pack[count:]
            self.sweep.ledger.take_in(self.name, [self.record(*one) for one in some])
            count -= len(some)
            self.number += len(some)


def drive(folder, rate, times):
    """Hold a sweep and take in records at a rate until killed; when each was written is told by its number."""
    made = Made.__new__(Made)
    made.sweep, made.draw = SweepFolder(folder), random.Random(1)
    made.waiting = [(one.arch_id, one.text) for one in made.sweep.ledger.waiting()]
    made.number, made.pack, made.name = 0, [], ""
    done, due = len(made.sweep.ledger.results()) - len(made.waiting), 0.0
    with made.sweep.held():
        began = time.monotonic()
        while True:
            due += rate * EVERY_S
            count = int(due) - made.number
            made.add(count)
            times.send((done + made.number - count, done + made.number, time.monotonic()))
            time.sleep(max(0.0, began + due / rate - time.monotonic()))


class Reader(threading.Thread):
    """Hears the events of the sweep: bytes, events, and when each design came, by its position."""

    def __init__(self, port, token):
        super().__init__(daemon=True)
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.line.request("GET", f"{WATCHED}/events", headers={"Authorization": f"Bearer {token}"})
        self.answer = self.line.getresponse()
        self.bytes, self.events, self.came, self.designs = 0, 0, {}, 0

    def run(self):
        while line := self.answer.readline():
            now = time.monotonic()
            self.bytes += len(line)
            self.events += line.startswith(b"event:")
            if line.startswith(b'data: {"new"'):
                told = json.loads(line[6:])
                self.designs += len(told["new"]) + told["more"]
                for row in told["new"]:
                    self.came.setdefault(row[0], now)


def cpu_s(pid):
    found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(found[11]) + int(found[12])) / TICK


def memory_mb(pid, name="VmHWM"):
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


class Server:
    """A server of a folder, asked by plain connections. ready_s: until it said its address."""

    def __init__(self, folder):
        self.token, began = "bench", time.monotonic()
        self.process = subprocess.Popen(
            [PYTHON, "-m", "mrdl", "web", "--folder", str(folder), "--port", "0"],
            env={**os.environ, "PYTHONPATH": str(REPO), "MRDL_TOKEN": self.token, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        told = self.process.stdout.readline()
        self.port, self.ready_s = int(told.split(":")[2].split("/")[0]), time.monotonic() - began

    def ask(self, path):
        """Seconds of a request, and its bytes."""
        began = time.monotonic()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        line.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = line.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:300]
        line.close()
        return time.monotonic() - began, len(body)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def watched(folder, rate, seconds, readers):
    """The rows of the table for so many readers."""
    server = Server(folder)
    first_s, _ = server.ask(WATCHED)
    here, there = multiprocessing.Pipe()
    driver = multiprocessing.Process(target=drive, args=(folder / "sweeps" / "many", rate, there), daemon=True)
    driver.start()
    here.recv()
    heard = [Reader(server.port, server.token) for _ in range(readers)]
    for reader in heard:
        reader.start()
    time.sleep(3)
    pid, one = server.process.pid, heard[0]
    before, bytes_before, began = cpu_s(pid), one.bytes, time.monotonic()
    time.sleep(seconds)
    used, span = cpu_s(pid) - before, time.monotonic() - began
    told = (one.bytes - bytes_before) * 60 / span
    pages = [server.ask(f"{WATCHED}/designs?sort=score&order=desc&limit=50&offset=1000")[0] for _ in range(10)]
    searched = [server.ask(f"{WATCHED}/designs?search=tanh+64&limit=50")[0] for _ in range(3)]
    points_s, points_bytes = server.ask(f"{WATCHED}/points?x=parameters")
    about = [server.ask("/api/about")[0] for _ in range(100)]
    time.sleep(2.5)
    driver.kill()
    delays = []
    while here.poll():
        start, end, at = here.recv()
        delays += [one.came[i] - at for i in range(start, end) if i in one.came]
    rows = [
        ("server ready, s", f"{server.ready_s:.1f}"),
        ("first answer (all attempts read), s", f"{first_s:.2f}"),
        ("CPU of the server, % of a core", f"{100 * used / span:.1f}"),
        ("to one page, kB a minute", f"{told / 1000:.0f}"),
        ("written to heard, median and p95, s", f"{statistics.median(delays):.2f}, {p95(delays):.2f}"),
        ("a part of the table, sorted, p95, s", f"{p95(pages):.2f}"),
        ("the same, searched, s", f"{max(searched):.2f}"),
        ("all points, s and MB", f"{points_s:.2f}, {points_bytes / 1e6:.1f}"),
        ("/api/about meanwhile, p95, ms", f"{1000 * p95(about):.0f}"),
        ("memory, at most, MB", f"{memory_mb(pid):.0f}"),
    ]
    server.end()
    return rows


def p95(values):
    return sorted(values)[int(0.95 * (len(values) - 1))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--designs", type=int, default=50_000)
    parser.add_argument("--rate", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--readers", default="1,100")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = Made(folder / "sweeps" / "many", options.designs)
        made.add(options.designs // 2)
        made.sweep.ledger.harvested(made.name)
        found = {}
        for readers in map(int, options.readers.split(",")):
            for what, value in watched(folder, options.rate, options.seconds, readers):
                found.setdefault(what, []).append(value)
    header = ("", *(f"{readers} readers" for readers in options.readers.split(",")))
    title = f"A sweep of {options.designs:,} designs watched at {options.rate} a second"
    table(title, [(what, *values) for what, values in found.items()], header)


if __name__ == "__main__":
    main()
