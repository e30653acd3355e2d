"""Who may ask the pages' server, and what its pages may do: real servers, asked as browsers and attackers ask."""

import http.client
import os
import re
import signal
import stat
from pathlib import Path

import pytest
import requests
from web_server import Server


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """One server for all that only ask."""
    server = Server(tmp_path_factory.mktemp("lab"), (), {})
    yield server
    server.kill()


PLACES = ("/", "/new", "/api/about", "/api/sessions", "/api/docs", "/api/openapi.json", "/static/main.js", "/s/x")


def raw(server, path, headers, method="GET"):
    """The status of a request with these very headers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def bearer(server):
    return {"Host": f"127.0.0.1:{server.port}", "Authorization": f"Bearer {server.token}"}


@pytest.mark.parametrize("path", PLACES)
def test_nothing_is_answered_without_the_token(web, path):
    plain = requests.get(web.url + path, timeout=60)
    assert plain.status_code == 401 and "mrdl web" in plain.json()["error"]
    page = requests.get(web.url + path, headers={"Accept": "text/html"}, timeout=60)
    assert page.status_code == 401 and "token" in page.text and web.token not in page.text


def test_a_wrong_token_is_refused_in_each_of_its_places(web):
    assert requests.get(f"{web.url}/?token=x", timeout=60).status_code == 401
    assert requests.get(web.url, cookies={f"mrdl-{web.port}": "x"}, timeout=60).status_code == 401
    assert requests.get(web.url, headers={"Authorization": "Bearer x"}, timeout=60).status_code == 401
    assert requests.get(web.url, headers={"Cookie": "\x01;;="}, timeout=60).status_code == 401
    assert requests.get(f"{web.url}/?token=%C3%A9", timeout=60).status_code == 401


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_has(web):
    answer = requests.get(f"{web.url}/new?token={web.token}&a=b", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/new?a=b")
    cookie = answer.headers["Set-Cookie"].lower()
    assert cookie.startswith(f"mrdl-{web.port}=") and "httponly" in cookie and "samesite=strict" in cookie
    twice = requests.get(f"{web.url}//evil.example/?token={web.token}", allow_redirects=False, timeout=60)
    assert twice.headers["Location"] == "/evil.example/"


def test_a_program_may_bring_the_token_as_a_bearer(web):
    assert raw(web, "/api/about", bearer(web)) == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]"])
def test_another_host_is_refused_even_with_the_token(web, host):
    assert raw(web, "/", {**bearer(web), "Host": host.format(port=web.port)}) == 403


def test_no_host_is_refused(web):
    assert raw(web, "/", {"Authorization": f"Bearer {web.token}"}) in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_page_of_another_server_is_refused_even_with_the_token(web, origin, method):
    assert raw(web, "/api/sessions", {**bearer(web), "Origin": origin}, method) == 403


def test_an_own_page_is_let_in_by_each_name_of_this_machine(web):
    for host in (f"127.0.0.1:{web.port}", f"localhost:{web.port}", f"LOCALHOST:{web.port}"):
        assert raw(web, "/api/about", {**bearer(web), "Host": host, "Origin": f"http://{host.lower()}"}) == 200


def test_pages_may_load_their_own_files_alone_and_hold_no_script(web):
    for path in ("/", "/s/unknown", "/api/about", "/nowhere", "/static/main.js"):
        answer = web.get(path)
        policy = answer.headers["Content-Security-Policy"]
        scripts = re.search(r"script-src ([^;]*)", policy)[1]
        assert scripts == "'self'" and "frame-ancestors 'self'" in policy and "default-src 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer", "the address of a session is its key"
    shell = web.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", shell) and not re.search(r"\son\w+=", shell)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", shell)


def test_an_unknown_key_is_not_found(web):
    for key in ("unknown", "0" * 32, "..", "~..~..~etc", "..%2f..%2fetc", "%00", "a" * 5000, "runs~..~x", "."):
        assert raw(web, f"/s/{key}", bearer(web)) == 404, key


def test_an_address_that_is_none_is_a_page_for_people_and_words_for_programs(web):
    assert raw(web, "/nowhere", bearer(web)) == 404
    page = web.get("/nowhere", headers={"Accept": "text/html"})
    assert page.status_code == 404 and "<script" in page.text
    assert web.get("/api/nowhere").json() == {"error": "Not Found"}


def test_files_beside_the_pages_are_not_served(web):
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/etc/passwd",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        connection.request("GET", path, headers=bearer(web))
        assert connection.getresponse().status == 404, path
        connection.close()


def test_the_token_lies_in_a_file_of_its_owner_and_stays_good_after_a_restart(web_server):
    web = web_server()
    place = web.folder / "sessions" / "token"
    assert place.read_text() == web.token and stat.S_IMODE(os.stat(place).st_mode) == 0o600
    token = web.token
    web.kill()
    web.start()
    assert web.token == token


def test_ctrl_c_ends_it_in_a_moment_and_well(web_server):
    for how in (signal.SIGINT, signal.SIGTERM):
        web = web_server()
        web.process.send_signal(how)
        assert web.process.wait(60) == 0
        assert "Traceback" not in web.errors.read_text()


def test_the_server_loads_nothing_heavy(web):
    maps = Path(f"/proc/{web.process.pid}/maps").read_text()
    assert not re.search(r"libtorch|pyarrow|pandas|matplotlib", maps)
    assert web.memory_kb() < 120_000


def test_another_address_is_told_what_it_means(web_server):
    web = web_server("--host", "0.0.0.0")
    assert "not encrypted" in web.errors.read_text()
    assert raw(web, "/api/about", {**bearer(web), "Host": "evil.example"}) == 403


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "nowhere.example"], "expected the number of an address"),
        (["--port", "-1"], "no server can listen"),
        (["--port", "99999"], "no server can listen"),
        (["--folder", "/proc/nowhere"], "cannot be written"),
    ],
)
def test_what_cannot_be_served_is_told(words, told, capfd):
    from mrdl.cli.main import main

    assert main(["web", *words]) == 2
    assert told in capfd.readouterr().err
