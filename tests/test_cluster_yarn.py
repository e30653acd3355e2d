"""Where the services are, read from Hadoop's own files; and what is made of a real HTTP server's answers."""

import getpass
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from watching import serving

from mrdl.cluster.site import conf_dir
from mrdl.cluster.yarn import Cluster
from mrdl.errors import SetupError

APP, JOB = "application_1_0001", "job_1_0001"


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """An empty HADOOP_CONF_DIR, and nothing else of Hadoop in the environment."""
    for name in ("HADOOP_HOME", "HADOOP_USER_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    return tmp_path


def site(folder, which: str, **properties: str) -> None:
    """Write a site file; __ in a name stands for a dot, and _ for a dash."""
    named = {name.replace("__", ".").replace("_", "-"): value for name, value in properties.items()}
    lines = [f"<property><name>{name}</name>\n<value> {value} </value></property>" for name, value in named.items()]
    (folder / f"{which}-site.xml").write_text(f"<configuration>{''.join(lines)}</configuration>")


# --- configuration ---


def test_values_that_name_others_are_put_together_as_hadoop_does(conf, monkeypatch):
    monkeypatch.setenv("RM", "manager")
    site(conf, "core", fs__defaultFS="hdfs://${master}:${port}", master="${name}.example", name="nn", port="9000")
    site(conf, "yarn", yarn__resourcemanager__hostname="${env.RM}")
    found = Cluster.from_conf()
    assert (found.filesystem, found.resourcemanager) == ("nn.example:9000", "http://manager:8088")


@pytest.mark.parametrize("value", ["${nowhere}", "${a}", "${", "$a", "${}"])
def test_what_cannot_be_put_in_stays(conf, value):
    site(conf, "core", fs__defaultFS=f"hdfs://{value}", a="${a}")
    assert Cluster.from_conf().filesystem == value


def test_services_are_where_hadoop_has_them_by_default(conf):
    site(conf, "core", fs__defaultFS="hdfs://master:8020/")
    assert Cluster.from_conf() == Cluster(
        filesystem="master:8020",
        webhdfs="http://master:9870",
        resourcemanager="http://master:8088",
        historyserver="http://master:19888",
        user=getpass.getuser(),
        kerberos=False,
    )


def test_services_are_where_the_four_files_say(conf):
    site(conf, "core", fs__defaultFS="hdfs://master:8020", hadoop__security__authentication="kerberos")
    site(conf, "hdfs", dfs__namenode__http_address="names:5000")
    site(conf, "yarn", yarn__resourcemanager__hostname="yarn", yarn__resourcemanager__webapp__address="yarn:5001")
    site(conf, "mapred", mapreduce__jobhistory__webapp__address="past:5002")
    found = Cluster.from_conf()
    assert (found.webhdfs, found.resourcemanager, found.historyserver, found.kerberos) == (
        "http://names:5000", "http://yarn:5001", "http://past:5002", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"yarn__resourcemanager__hostname__rm1": "one"}, "http://one:8088"),
        ({"yarn__resourcemanager__webapp__address__rm1": "one:5001"}, "http://one:5001"),
    ],
)
def test_of_several_resource_managers_the_first_is_asked(conf, said, expected):
    site(conf, "core", fs__defaultFS="hdfs://master:8020")
    site(conf, "yarn", yarn__resourcemanager__ha__rm_ids="rm1, rm2", **said)
    assert Cluster.from_conf().resourcemanager == expected


def test_an_address_of_all_interfaces_is_the_host_of_the_service(conf):
    site(conf, "core", fs__defaultFS="hdfs://master:8020")
    site(conf, "hdfs", dfs__namenode__http_address="0.0.0.0:5000")
    site(conf, "yarn", yarn__resourcemanager__hostname="yarn", yarn__resourcemanager__webapp__address="0.0.0.0:5001")
    site(conf, "mapred", mapreduce__jobhistory__webapp__address=":5002")
    found = Cluster.from_conf()
    assert (found.webhdfs, found.resourcemanager, found.historyserver) == (
        "http://master:5000", "http://yarn:5001", "http://yarn:5002",
    )  # fmt: skip


def test_a_nameservice_has_the_address_of_each_of_its_namenodes(conf):
    site(conf, "core", fs__defaultFS="hdfs://big")
    addresses = {f"dfs__namenode__http_address__big__nn{i}": f"host{i}:9870" for i in (1, 2)}
    site(conf, "hdfs", dfs__nameservices="big", dfs__ha__namenodes__big="nn1, nn2", **addresses)
    found = Cluster.from_conf()
    assert (found.filesystem, found.webhdfs) == ("big", "http://host1:9870;http://host2:9870")


def test_the_user_may_be_another_one_in_hadoop(conf, monkeypatch):
    monkeypatch.setenv("HADOOP_USER_NAME", "ann")
    site(conf, "core", fs__defaultFS="hdfs://master")
    assert Cluster.from_conf().user == "ann"


def test_the_configuration_below_hadoop_home_is_enough(conf, monkeypatch):
    monkeypatch.delenv("HADOOP_CONF_DIR")
    monkeypatch.setenv("HADOOP_HOME", str(conf))
    (conf / "etc" / "hadoop").mkdir(parents=True)
    site(conf / "etc" / "hadoop", "core", fs__defaultFS="hdfs://master")
    assert conf_dir() == conf / "etc" / "hadoop"


@pytest.mark.parametrize("default", ["file:///", "s3a://bucket", ""])
def test_a_configuration_without_hdfs_is_refused_with_the_way_out(conf, default):
    site(conf, "core", fs__defaultFS=default)
    with pytest.raises(SetupError, match=rf"core-site\.xml names no HDFS \(fs\.defaultFS is '{default}'\)") as caught:
        Cluster.from_conf()
    assert "HADOOP_CONF_DIR" in str(caught.value) and "mrdl hadoop start" in str(caught.value)


def test_no_configuration_at_all_is_refused_with_the_way_out(conf):
    with pytest.raises(SetupError, match="no Hadoop configuration was found") as caught:
        Cluster.from_conf()
    assert "HADOOP_CONF_DIR" in str(caught.value) and "mrdl hadoop start" in str(caught.value)


def test_a_file_that_is_not_xml_is_named(conf):
    site(conf, "core", fs__defaultFS="hdfs://master")
    (conf / "yarn-site.xml").write_text("<configuration><property>")
    with pytest.raises(SetupError, match=r"yarn-site\.xml is not XML: "):
        Cluster.from_conf()


# --- web interfaces ---


class Services(ThreadingHTTPServer):
    """A ResourceManager, NodeManager and history server in one. pages: path -> JSON or text; puts: (URL, body)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.apps: list[dict] = []
        self.pages: dict[str, object] = {}
        self.puts: list[tuple[str, dict]] = []
        self.address = f"127.0.0.1:{self.server_port}"
        self.cluster = Cluster("x", "", f"http://{self.address}", f"http://{self.address}", "ann", False)

    def have(self, base: str, tasks: dict[str, list | dict], **job) -> None:
        """Serve a job's pages; tasks: id -> its attempts."""
        about = [{"id": name, "state": "RUNNING" if "r" in name else "SUCCEEDED"} for name in tasks]
        self.pages[base] = {"job": job}
        self.pages[f"{base}/tasks"] = {"tasks": {"task": about}}
        for name, attempts in tasks.items():
            self.pages[f"{base}/tasks/{name}/attempts"] = {"taskAttempts": {"taskAttempt": attempts}}


class Answers(BaseHTTPRequestHandler):
    server: Services

    def do_GET(self):
        url = urlsplit(self.path)
        page = self.server.pages.get(url.path)
        if url.path == "/ws/v1/cluster/apps":
            (tag,), (states,) = parse_qs(url.query)["applicationTags"], parse_qs(url.query)["states"]
            apps = [app for app in self.server.apps if app["tags"] == tag and app["state"] in states.split(",")]
            page = {"apps": {"app": apps} if apps else None}  # as YARN has it
        self.send_response(200 if page is not None else 404)
        self.end_headers()
        self.wfile.write(page.encode() if isinstance(page, str) else json.dumps(page).encode())

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.puts.append((self.path, json.loads(body)))
        for app in self.server.apps:
            if f"/{app['id']}/" in self.path:
                app["state"] = "KILLED"
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def services():
    with serving(Services()) as server:
        yield server


@pytest.fixture
def nobody():
    """A cluster whose addresses nobody listens at."""
    with Services() as server:
        pass
    return server.cluster


RUNNING = {"id": APP, "tags": "mrdl-7-ab", "state": "RUNNING"}
WAITING = {"id": "application_1_0002", "tags": "mrdl-7-ab", "state": "ACCEPTED"}
FINISHED = {"id": "application_1_0003", "tags": "mrdl-7-ab", "state": "FINISHED"}
OTHERS = {"id": "application_1_0004", "tags": "mrdl-8-cd", "state": "RUNNING"}


def test_applications_are_found_by_their_tag_in_lower_case(services):
    services.apps = [RUNNING, WAITING, FINISHED, OTHERS]
    assert services.cluster.applications("MRDL-7-Ab") == [RUNNING, WAITING]
    assert services.cluster.applications("mrdl-7-ab", "FINISHED,FAILED") == [FINISHED]
    assert services.cluster.applications("mrdl-9-ef") == []


def test_kill_ends_what_still_runs_under_a_tag(services):
    services.apps = [dict(app) for app in (RUNNING, WAITING, FINISHED, OTHERS)]
    assert services.cluster.kill("mrdl-7-ab") == 2
    url = "/ws/v1/cluster/apps/{}/state?user.name=ann"
    assert services.puts == [(url.format(app["id"]), {"state": "KILLED"}) for app in (RUNNING, WAITING)]


def test_statuses_are_those_of_running_tasks(services):
    tasks = {
        "done": [{"status": "shard 0 is done"}],
        "r1": [{"status": "shard 1"}, {"status": "shard 1 again"}],
        "r2": {"status": "shard 2"},  # YARN gives a list of one without its brackets
    }
    services.have(f"/proxy/{APP}/ws/v1/mapreduce/jobs/{JOB}", tasks, mapProgress=100.0, reduceProgress=41.7)
    expected = ["shard 1", "shard 1 again", "shard 2"], 100.0, 41.7
    assert services.cluster.statuses(APP) == expected


def log_page(text: str) -> str:
    return f"Container: c on node\nLogType:stderr\nLogLength:{len(text)}\nLogContents:\n{text}\nEnd of LogType:stderr\n"


def failed(services: Services, container: str, finished: int, **more) -> dict:
    about = {"assignedContainerId": container, "nodeHttpAddress": services.address, "finishTime": finished}
    return {"state": "FAILED", **about, **more}


HISTORY = f"/ws/v1/history/mapreduce/jobs/{JOB}"
PROXY = f"/proxy/{APP}/ws/v1/mapreduce/jobs/{JOB}"


@pytest.mark.parametrize("base", [HISTORY, PROXY])
@pytest.mark.parametrize("logs", ["/ws/v1/node", "/ws/v1/history"])
def test_a_failure_is_told_by_the_task_that_failed_first(services, base, logs):
    tasks = {
        "m1": [failed(services, "late", 300), {**failed(services, "fine", 50), "state": "SUCCEEDED"}],
        "m2": failed(services, "first", 100),
    }
    services.have(base, tasks)
    for container in ("late", "fine", "first"):
        page = log_page(f"Traceback of {container}\n  line 2")
        services.pages[f"{logs}/containerlogs/{container}/stderr"] = page
    assert services.cluster.failure(APP) == "Traceback of first\n  line 2"


def test_a_failure_without_a_log_is_told_by_its_diagnostics(services):
    services.have(HISTORY, {"m1": failed(services, "gone", 100, diagnostics="killed for its memory")})
    assert services.cluster.failure(APP) == "killed for its memory"


def test_a_job_without_a_failed_task_has_nothing_to_tell(services):
    services.have(HISTORY, {"m1": {**failed(services, "fine", 50), "state": "KILLED"}})
    assert services.cluster.failure(APP) == ""


def test_a_page_that_is_not_json_is_as_none(services):
    services.pages[f"/proxy/{APP}/ws/v1/mapreduce/jobs/{JOB}"] = "<html>the application is starting</html>"
    assert services.cluster.statuses(APP) == ([], 0.0, 0.0)


def test_services_that_cannot_be_reached_have_nothing_to_tell_of_a_task(nobody):
    assert nobody.statuses(APP) == ([], 0.0, 0.0)
    assert nobody.failure(APP) == ""
