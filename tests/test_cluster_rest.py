"""A ResourceManager, a login or a proxy in its place that does not answer as YARN does: an error, never "nothing"."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import pytest
from watching import serving

from mrdl.cluster import rest
from mrdl.cluster import yarn as cluster_module
from mrdl.cluster.yarn import Cluster
from mrdl.errors import SetupError, TrainingError, Unavailable
from mrdl.mapreduce import launch
from mrdl.mapreduce.runners import runner_of
from mrdl.mapreduce.tracking import YarnTracker
from mrdl.mapreduce.yarn import RUNNER, is_running
from mrdl.rounds.events import Noted
from mrdl.storage import store

LOGIN = "<html><head><title>Sign in</title><style>p {}</style></head><body><p>Please log in.</p></body></html>"
APPS = {"apps": {"app": [{"id": "application_1_0001", "state": "RUNNING"}]}}
METRICS = {"clusterMetrics": {"totalMB": 8192, "totalVirtualCores": 5}}


class Manager(ThreadingHTTPServer):
    """Answers every request with one page; asked: what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.status, self.body, self.headers = 200, "", {"Content-Type": "application/json"}
        self.on_put: tuple[int, str] | None = None
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Page(BaseHTTPRequestHandler):
    server: Manager

    def do_GET(self):
        self._answer(self.server.status, self.server.body)

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(*(self.server.on_put or (self.server.status, self.server.body)))

    def _answer(self, status, body):
        self.server.asked.append(f"{self.command} {self.path} {self.headers.get('Authorization', '')}")
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def manager():
    with serving(Manager()) as server:
        yield server


@pytest.fixture
def conf(manager, tmp_path, monkeypatch):
    """A HADOOP_CONF_DIR that names this ResourceManager, and a process that has not asked for it yet."""
    at = manager.url.removeprefix("http://")
    names = {"core": ("fs.defaultFS", "hdfs://nobody"), "yarn": ("yarn.resourcemanager.webapp.address", at)}
    for which, (name, value) in names.items():
        text = f"<configuration><property><name>{name}</name><value>{value}</value></property></configuration>"
        (tmp_path / f"{which}-site.xml").write_text(text)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("HADOOP_USER_NAME", "ann")
    store._store_of_conf.cache_clear()
    yield
    store._store_of_conf.cache_clear()


QUESTIONS = {
    "applications": lambda: is_running("mrdl-1"),
    "slots": lambda: RUNNER.slots(),
    "kill": lambda: RUNNER.stop("mrdl-1"),
    "tracker": lambda: YarnTracker("mrdl-1", 2),
}
HTML = {"Content-Type": "text/html"}
ANSWERS = {
    "401": (401, LOGIN, HTML, SetupError, "YARN answers 401 .*(user ann).*: Please log in.*login that mrdl has not"),
    "403": (403, '{"RemoteException": {"message": "not in the ACL"}}', {}, SetupError, "403 .*: not in the ACL"),
    "407": (407, "", {}, SetupError, "407 .*HTTP_PROXY and NO_PROXY"),
    "404": (404, "", {}, SetupError, "404 .*Is that its address"),
    "400": (400, "bad", {}, SetupError, "400 .*: bad"),
    "500": (500, "broken", {}, Unavailable, "500 .*: broken"),
    "503": (503, LOGIN, HTML, Unavailable, "503"),
    "429": (429, "", {}, Unavailable, "429 .*Too Many Requests"),
    "a login": (200, LOGIN, HTML, SetupError, "a web page at .*, expected JSON"),
    "a login without its type": (200, LOGIN, {}, SetupError, "a web page at .*, expected JSON"),
    "an empty page": (200, "", {}, Unavailable, "answers nothing"),
    "half an answer": (200, '{"apps": {"app"', {}, Unavailable, "expected JSON"),
    "a list": (200, "[]", {}, SetupError, "expected an object"),
    "another service": (200, '{"beans": []}', {}, SetupError, "is not YARN: .*beans"),
    "one that stands by": (200, "This is standby RM.", {}, Unavailable, "nobody in charge now: This is standby RM"),
    "a circle": (302, "", {"Location": "/login"}, SetupError, "round in a circle"),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_answer_is_an_error_with_a_way_out(manager, conf, question, answer):
    manager.status, manager.body, manager.headers, kind, words = ANSWERS[answer]
    with pytest.raises(SetupError, match=words) as caught:
        QUESTIONS[question]()
    assert isinstance(caught.value, Unavailable) == (kind is Unavailable)


@pytest.mark.parametrize("question", QUESTIONS)
def test_nobody_at_the_address_is_an_error(manager, conf, question, monkeypatch):
    store.hdfs_store()
    manager.shutdown()
    manager.server_close()
    with pytest.raises(Unavailable, match="YARN does not answer at .* mrdl hadoop status"):
        QUESTIONS[question]()


def test_a_run_waits_for_a_server_error_and_not_for_a_refusal(manager, conf, monkeypatch):
    manager.status, manager.body = 503, "starting"
    notes = []

    def back(seconds):
        manager.status, manager.body = 200, json.dumps(METRICS)

    monkeypatch.setattr("mrdl.cluster.retry.time.sleep", back)
    retry = store.hdfs_store().retry
    with retry.waiting(60, notes.append):
        assert RUNNER.slots() == 3
        assert len(notes) == 1 and "starting" in notes[0]
        manager.status = 401
        with pytest.raises(SetupError, match="401"):
            RUNNER.slots()
    assert len(notes) == 1


def test_a_refused_kill_is_said_with_the_command_that_ends_it(manager, conf):
    manager.body, manager.on_put = json.dumps(APPS), (403, '{"RemoteException": {"message": "ann may not"}}')
    with pytest.raises(SetupError, match="does not let ann end application_1_0001, which may still run.*ann may not"):
        RUNNER.stop("mrdl-1")
    with pytest.raises(SetupError, match="yarn application -kill application_1_0001"):
        RUNNER.stop("mrdl-1")


def test_an_application_that_does_not_end_is_not_called_ended(manager, conf, monkeypatch):
    manager.body, manager.on_put = json.dumps(APPS), (202, "{}")
    monkeypatch.setattr(cluster_module, "KILL_S", 0)
    monkeypatch.setattr(cluster_module, "KILL_LOOK_S", 0)
    with pytest.raises(Unavailable, match="told to end application_1_0001, which goes on"):
        RUNNER.stop("mrdl-1")


def test_every_question_says_who_asks(manager, conf):
    manager.body = json.dumps({"apps": None, **METRICS})
    assert is_running("mrdl-1") is False and RUNNER.slots() == 3
    assert len(manager.asked) == 2 and all("user.name=ann" in asked for asked in manager.asked)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_pages_of_an_application_that_are_not_there_are_no_error(manager, status):
    manager.status = status
    found = Cluster("x", "", manager.url, manager.url, "ann", False)
    assert found.statuses("application_1_0001") == ([], 0.0, 0.0) and found.failure("application_1_0001") == ""


def test_words_of_tasks_that_are_refused_are_called_refused(manager, conf):
    manager.body = json.dumps({"apps": None})
    tracker = YarnTracker("mrdl-1", 2)
    manager.status, manager.body = 403, "not yours"
    found = Cluster("x", "", manager.url, manager.url, "ann", False)
    assert "cannot be had" in found.failure("application_1_0001") and "not yours" in found.failure("application_1_0001")
    assert tracker.progress().text == "YARN does not tell how far it is"


def test_a_cluster_with_kerberos_is_asked_with_a_ticket(manager, monkeypatch):
    class Ticket:
        def __init__(self, mutual_authentication):
            pass

        def __call__(self, request):
            request.headers["Authorization"] = "Negotiate ticket"
            return request

    module = ModuleType("requests_kerberos")
    module.__dict__.update(OPTIONAL=3, HTTPKerberosAuth=Ticket)
    monkeypatch.setitem(sys.modules, "requests_kerberos", module)
    rest._session.cache_clear()
    manager.body = json.dumps(METRICS)
    secured = rest.Rest("YARN", "ann", kerberos=True)
    assert secured.get(manager.url) == METRICS and manager.asked[0].endswith("Negotiate ticket")
    manager.status = 401
    with pytest.raises(SetupError, match="uses Kerberos: run kinit"):
        secured.get(manager.url)
    rest._session.cache_clear()


@pytest.mark.parametrize("error", [TrainingError("the words of the task"), KeyboardInterrupt("Ctrl-C")])
def test_a_job_that_cannot_be_ended_is_said_beside_why_it_failed(new_run, monkeypatch, error):
    def fails(*_):
        raise error

    def refused(tag, patient=True):
        stopped.append(patient)
        if len(stopped) > 1:  # the first clears up after an earlier driver
            raise SetupError("YARN does not let ann end it.")

    stopped, events = [], []
    monkeypatch.setattr(launch, "run", fails)
    monkeypatch.setattr(runner_of("inline"), "stop", refused)
    with pytest.raises(type(error), match=str(error)):
        new_run(listeners=[events.append], nodes=(64, 10)).execute()
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert any("does not let ann end it" in note and "--resume" in note for note in notes)
    assert stopped[1] is not isinstance(error, KeyboardInterrupt), "who presses Ctrl-C does not wait for YARN"
