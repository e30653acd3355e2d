"""Events of runs and sweeps, over real servers: without loss, whoever dies, and for many readers."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import threading

import pytest
from watching import wait_for

from mrdl.storage.process import Process
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record, State

LIMIT_S = 60


class Stream:
    """The events of a session as they come, heard by a thread of its own: `events` of (name, data, id)."""

    def __init__(self, server, key, after=None):
        headers = {"Authorization": f"Bearer {server.token}", **({"Last-Event-ID": after} if after else {})}
        self.line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)
        self.line.request("GET", f"/api/sessions/{key}/events", headers=headers)
        self.socket, self.answer = self.line.sock, self.line.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"].startswith("text/event-stream")
        self.events = []
        self.thread = threading.Thread(target=self._hear, daemon=True)
        self.thread.start()

    def _hear(self):
        fields = {}
        with contextlib.suppress(Exception):  # the server was killed
            while line := self.answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    self.events.append((fields["event"], json.loads(fields["data"]), fields["id"]))
                    fields = {}

    def names(self):
        return [name for name, _, _ in self.events]

    def last(self, name):
        return next((data for each, data, _ in reversed(self.events) if each == name), None)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(LIMIT_S)
        self.answer.close()
        self.line.close()


@pytest.fixture
def listen():
    """Hear a session of a server: listen(server, "key"); all ends with the test."""
    streams = []

    def start(*about, **more):
        streams.append(Stream(*about, **more))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


@pytest.fixture
def lab(tmp_path, small_csv):
    """Make a sweep of the home that a server of the test has: lab("first", designs=4)."""

    def make(key, designs=4):
        about = {"data": {"label": "answer"}, "space": {"nodes": [[n] for n in range(1, designs + 1)], "epochs": 1}}
        about["sweep"] = {"backend": "batched-numpy"}
        return SweepFolder.create(tmp_path / "lab" / "sweeps" / key, about, str(small_csv))

    return make


def done(arch_id, **told):
    return Record(arch_id=arch_id, **{"status": State.DONE, "accuracy": 0.5, "loss": 1.0, "wall_s": 0.1, **told})


def test_what_a_driver_takes_in_comes_to_the_page(web, lab, listen):
    sweep = lab("first")
    page = listen(web, "first")
    assert wait_for(lambda: page.last("state"), LIMIT_S)
    assert page.last("state")["counts"]["planned"] == 4 and page.last("state")["state"] == "stopped"
    SweepDriver(sweep).run("inline")
    assert wait_for(lambda: page.last("state")["state"] == "done", LIMIT_S)
    assert page.last("state")["counts"] == sweep.ledger.counts()
    told = web.get("/api/sessions/first").json()["sweep"]
    new = [row for name, data, _ in page.events if name == "designs" for row in data["new"]]
    assert sorted(row[0] for row in new) == [0, 1, 2, 3]
    scores = {row["position"]: row["score"] for row in told["best"]}
    assert all(row[3] == pytest.approx(scores[row[0]], rel=1e-4) for row in new)
    assert told["last_event_id"] == page.events[-1][2]


def test_a_server_that_is_killed_and_started_again_tells_the_rest(web, lab, listen):
    sweep = lab("first", designs=8)
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    start = web.get("/api/sessions/first").json()["sweep"]["last_event_id"]
    page, job = listen(web, "first", after=start), sweep.register([ids])
    sweep.ledger.take_in(job, map(done, ids[:3]))
    assert wait_for(lambda: "designs" in page.names(), LIMIT_S)
    heard = page.events[-1][2]
    web.kill()
    sweep.ledger.take_in(job, map(done, ids[3:]))
    web.start()
    again = listen(web, "first", after=heard)
    assert wait_for(lambda: "state" in again.names(), LIMIT_S)
    assert again.names() == ["designs", "state"]
    both = [row[0] for name, data, _ in [*page.events, *again.events] if name == "designs" for row in data["new"]]
    assert both == list(range(8))


def test_an_index_made_again_is_told_as_a_reset_while_one_listens_and_after(web, lab, listen):
    sweep = lab("first")
    SweepDriver(sweep).run("inline")
    page = listen(web, "first")
    assert wait_for(lambda: page.events, LIMIT_S)
    sweep.ledger.close()
    counts = SweepFolder(sweep.path, reindex=True).ledger.counts()
    assert wait_for(lambda: "reset" in page.names(), LIMIT_S)
    assert page.last("state")["counts"] == counts
    late = listen(web, "first", after=page.events[0][2])
    assert wait_for(lambda: "state" in late.names(), LIMIT_S)
    assert late.names() == ["reset", "state"]


def test_many_readers_hear_the_same_and_those_that_go_are_let_go(web, lab, listen):
    sweep = lab("first")
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    pages = [listen(web, "first") for _ in range(100)]
    assert wait_for(lambda: all(page.events for page in pages), LIMIT_S)
    files = len(os.listdir(f"/proc/{web.process.pid}/fd"))
    sweep.ledger.take_in(sweep.register([ids]), map(done, ids))
    assert wait_for(lambda: all(page.last("state")["counts"]["done"] == 4 for page in pages), LIMIT_S)
    assert all([name for name in page.names() if name == "designs"] == ["designs"] for page in pages)
    for page in pages:
        page.close()
    assert wait_for(lambda: len(os.listdir(f"/proc/{web.process.pid}/fd")) < files - 90, LIMIT_S)


def test_rounds_come_one_by_one_while_a_run_goes_on_and_after(web, digits, tmp_path, listen, command):
    folder = tmp_path / "lab" / "runs" / "first"
    words = ["train", str(digits), "--label", "digit", "--hidden", "8", "--shards", "2", "--run-dir", folder]
    assert command(*words, "--rounds", "1", "-r", "inline")[0] == 0
    page = listen(web, "first")
    assert wait_for(lambda: "state" in page.names(), LIMIT_S)
    before = page.names().count("round")
    assert command(*words, "--rounds", "4", "-r", "inline", "--resume")[0] == 0
    wanted = lambda: page.names().count("round") == before + 3 and page.last("state")["state"] == "done"  # noqa: E731
    assert wait_for(wanted, LIMIT_S)
    late = listen(web, "first", after=page.events[before - 1][2])
    assert wait_for(lambda: "state" in late.names(), LIMIT_S)
    rounds = [event for event in page.events if event[0] == "round"]
    assert [event for event in late.events if event[0] == "round"] == rounds[before:]
    shown = json.loads(command("show", folder, "--json")[1])["rounds"]
    assert [data["training_loss"] for _, data, _ in rounds] == [one["training_loss"] for one in shown]
    assert page.last("state")["done"] == page.last("state")["of"] == 4


def test_a_key_of_nothing_is_404_and_a_stranger_hears_nothing(web, lab):
    lab("first")
    assert web.get("/api/sessions/second/events").status_code == 404
    assert web.get("/api/sessions/second").status_code == 404
    web.session.cookies.clear()
    assert web.get("/api/sessions/first/events").status_code == 401


def test_a_server_ends_at_once_while_pages_listen(web, lab, listen):
    lab("first")
    page = listen(web, "first")
    assert wait_for(lambda: page.events, LIMIT_S)
    web.kill(signal.SIGTERM)
    assert web.process.returncode == 0
    assert web.errors.read_text() == "stopped; what is being trained goes on\n"


def test_what_has_no_folder_yet_is_waiting_and_begins_while_one_listens(web, lab, tmp_path, listen):
    key = "0123456789abcdef" * 2
    kept = tmp_path / "lab" / "sessions" / key
    kept.mkdir(parents=True)
    process = Process.of(os.getpid())
    about = {"key": key, "kind": "sweep", "title": "mine", "table": "t.csv", "pid": process.pid, "born": process.born}
    (kept / "session.json").write_text(json.dumps(about))
    told = web.get(f"/api/sessions/{key}").json()
    assert told["state"] == "waiting" and told["sweep"]["counts"] is None
    page = listen(web, key, after=told["sweep"]["last_event_id"])
    assert wait_for(lambda: page.last("state"), LIMIT_S)
    assert page.last("state")["state"] == "waiting"
    sweep = lab(key)
    assert wait_for(lambda: page.last("state")["counts"], LIMIT_S)
    assert page.last("state")["counts"] == sweep.ledger.counts() and "reset" in page.names()


def test_a_session_that_is_deleted_ends_its_events(web, lab, listen):
    sweep = lab("first")
    page = listen(web, "first")
    assert wait_for(lambda: page.events, LIMIT_S)
    shutil.rmtree(sweep.path)
    page.thread.join(LIMIT_S)
    assert not page.thread.is_alive()
    assert web.get("/api/sessions/first/events").status_code == 404
