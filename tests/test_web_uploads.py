"""Uploads of the pages: in parts at offsets, by real servers, which are killed on the way."""

import os
import resource
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
import web_uploads
from web_uploads import half_sent, sent

DATA = np.random.default_rng(5).integers(32, 126, 3 << 20, np.uint8).tobytes()
SIZE = len(DATA)


def begun(server, name="some data.csv", size=SIZE, **more) -> dict:
    """Begin an upload."""
    return web_uploads.begun(server, name, size, **more)


def lying(server) -> dict[str, bytes]:
    """The files of tables that lie in the home, those of the server's own left out."""
    folder = server.folder / "tables"
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}


def until(true) -> None:
    """Ask until it is so."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end


def test_a_file_comes_in_parts_and_lies_below_a_name_of_the_servers(web):
    upload = begun(web, "../../Größe (1).CSV.gz")
    assert upload["offset"] == 0 and not upload["done"] and upload["part_bytes"] >= 1 << 20
    assert sent(web, upload, 0, DATA[: 1 << 20]).json()["offset"] == 1 << 20
    assert web.get(f"/api/uploads/{upload['upload']}").json()["offset"] == 1 << 20
    assert list(lying(web)) == ["Groe-1.CSV.gz.part"]
    last = sent(web, upload, 1 << 20, DATA[1 << 20 :]).json()
    assert last["done"] and last["table"] == f"tables/{upload['upload']}/Groe-1.CSV.gz" == upload["table"]
    assert (web.folder / last["table"]).read_bytes() == DATA
    assert web.get(f"/api/uploads/{upload['upload']}").json()["name"] == "Größe (1).CSV.gz"
    assert sent(web, upload, SIZE, b"").json()["done"] and sent(web, upload, SIZE, b"x").status_code in (409, 413)


def test_a_killed_server_goes_on_at_the_byte_where_the_file_ends(web):
    upload = begun(web)
    began, rest = threading.Event(), threading.Event()

    def body():
        yield DATA[: 3 << 19]
        began.set()
        rest.wait(60)
        yield DATA[3 << 19 :]

    def send():
        with pytest.raises(OSError):  # as requests' errors are
            sent(web, upload, 0, body())

    sending = threading.Thread(target=send)
    sending.start()
    assert began.wait(60)
    until(lambda: sum(map(len, lying(web).values())))  # the first megabyte is written
    web.process.kill()
    rest.set()
    sending.join()
    web.kill()
    there = len(lying(web)["some-data.csv.part"])
    assert 0 < there < len(DATA)
    web.start()
    again = begun(web)
    assert (again["upload"], again["offset"]) == (upload["upload"], there)
    assert sent(web, again, there, DATA[there:]).json()["done"]
    assert lying(web) == {"some-data.csv": DATA}


def test_what_came_before_a_page_goes_away_stays(web):
    upload = begun(web)
    page = HTTPConnection("127.0.0.1", web.port)
    headers = {"Authorization": f"Bearer {web.token}", "Content-Length": str(SIZE)}
    page.request("PUT", f"/api/uploads/{upload['upload']}?offset=0", DATA[: 3 << 19], headers)
    until(lambda: sum(map(len, lying(web).values())))
    page.close()
    until(lambda: sent(web, upload, there := begun(web)["offset"], DATA[there:]).status_code == 200)
    assert lying(web) == {"some-data.csv": DATA}


def test_another_file_of_the_same_name_is_another_upload(web):
    first = begun(web, digest="a")
    sent(web, first, 0, DATA[:10])
    assert begun(web, digest="a")["upload"] == first["upload"]
    others = [begun(web, digest="b"), begun(web, size=5, digest="a"), begun(web, "other.csv", digest="a")]
    assert first["upload"] not in {each["upload"] for each in others} and {each["offset"] for each in others} == {0}


def test_a_wrong_offset_is_told_with_the_right_one_and_changes_nothing(web):
    upload = begun(web)
    sent(web, upload, 0, DATA[:1000])
    for offset in (0, 999, 1001, 1 << 62, 1 << 100):
        answer = sent(web, upload, offset, b"x" * 100)
        assert (answer.status_code, answer.json()["offset"]) == (409, 1000), offset
    for offset in ("-1", "x", "", "1.5"):
        assert sent(web, upload, offset, b"x").status_code == 400, offset
    assert lying(web) == {"some-data.csv.part": DATA[:1000]}


def test_of_two_pages_that_send_one_file_one_wins_and_no_byte_is_mixed(web):
    upload = begun(web)
    with half_sent(web, upload, DATA, 1 << 20) as answers:
        until(lambda: sum(map(len, lying(web).values())))
        other = sent(web, upload, 1 << 20, b"y" * 1000)
        assert other.status_code == 409 and "another page" in other.json()["error"]
    assert answers[0].json()["done"] and lying(web) == {"some-data.csv": DATA}


def test_more_than_was_said_or_is_allowed_is_refused(web_server):
    web = web_server("--limit-gb", "0.01")
    assert web.post("/api/uploads", {"name": "a.csv", "size": 20_000_000}).status_code == 413
    upload = begun(web, size=1000)
    said = sent(web, upload, 0, DATA[:1001])
    assert said.status_code == 413 and "1,000 bytes" in said.json()["error"]
    unsaid = sent(web, upload, 0, (piece for piece in (DATA[:900], DATA[900:2000])))  # no Content-Length
    assert unsaid.status_code == 413
    state = web.get(f"/api/uploads/{upload['upload']}").json()
    assert not state["done"] and state["offset"] < 1000
    assert sent(web, upload, state["offset"], DATA[state["offset"] : 1000]).json()["done"]
    assert lying(web) == {"some-data.csv": DATA[:1000]}


def test_an_upload_is_deleted_whole_or_not_even_while_it_comes(web):
    upload = begun(web)
    with half_sent(web, upload, DATA, 100) as answers:
        assert web.delete(f"/api/uploads/{upload['upload']}").status_code == 204
    assert answers[0].status_code == 404 and "deleted" in answers[0].json()["error"]
    assert os.listdir(web.folder / "tables") == []
    for call in (web.get, web.delete):
        assert call(f"/api/uploads/{upload['upload']}").status_code == 404
    whole = begun(web, size=3)
    sent(web, whole, 0, b"a,b")
    assert web.delete(f"/api/uploads/{whole['upload']}").status_code == 204
    assert os.listdir(web.folder / "tables") == []


def test_an_empty_file_is_whole_at_once(web):
    upload = begun(web, size=0)
    assert upload["done"] and sent(web, upload, 0, b"").json()["done"]


@pytest.mark.parametrize("name", ["", "..", ".", "a/..", "x/", "\\", "\0"])
def test_what_is_no_name_of_a_file_is_refused(web, name):
    answer = web.post("/api/uploads", {"name": name, "size": 1})
    assert answer.status_code == 400 and answer.json()["error"]
    assert not Path(web.folder, "tables").exists()


def test_a_disk_that_is_full_is_told_and_the_upload_goes_on_when_there_is_room(web_server):
    """A limit on the size of files stands in for a full disk: writing fails half-way."""
    web = web_server(limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 19, resource.RLIM_INFINITY)))
    upload = begun(web)
    full = sent(web, upload, 0, DATA)
    assert (full.status_code, full.json()["offset"]) == (507, 3 << 19) and "make room" in full.json()["error"]
    assert web.get("/api/about").status_code == 200 and begun(web)["offset"] == 3 << 19
    resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert sent(web, upload, 3 << 19, DATA[3 << 19 :]).json()["done"] and lying(web) == {"some-data.csv": DATA}
