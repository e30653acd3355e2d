"""Uploads that go to a real HDFS: parts that are put together there, by a server that is killed on the way."""

from http.client import HTTPConnection

import numpy as np
import pytest
import web_uploads
from web_uploads import half_sent, sent

pytestmark = pytest.mark.hadoop

ROWS = np.random.default_rng(8).integers(0, 100, (400_000, 4))
DATA = b"y,a,b,c\n" + b"".join(b"%d,%d,%d,%d\n" % (row[0] % 3, *row[1:]) for row in ROWS.tolist())


@pytest.fixture
def web(web_server, cluster, hdfs):
    """A server whose tables go to HDFS."""
    folder = hdfs.uri(f"/user/{hdfs.cluster.user}/lab")
    hdfs.remove(folder)
    return web_server("--folder", folder, env=cluster)


def begun(web):
    return web_uploads.begun(web, "my table.csv", len(DATA))


def test_a_table_goes_to_hdfs_and_is_told_before_all_of_it_is_there(web, hdfs):
    upload = begun(web)
    assert upload["table"].startswith("hdfs://") and upload["offset"] == 0
    assert sent(web, upload, 0, DATA[: 3 << 20]).json()["offset"] == 3 << 20
    told = web.post("/api/inspect", {"upload": upload["upload"], "columns": {"label": "y"}}).json()
    assert told["head"] and told["label"] == "y" and abs(told["rows_about"] / 400_000 - 1) < 0.1
    wrong = sent(web, upload, 5, b"x")
    assert (wrong.status_code, wrong.json()["offset"]) == (409, 3 << 20)
    last = sent(web, upload, 3 << 20, DATA[3 << 20 :]).json()
    assert last["done"] and b"".join(hdfs.chunks(last["table"])) == DATA
    assert [info.path for info in hdfs.files(last["table"].rpartition("/")[0])] == [last["table"]]
    told = web.post("/api/inspect", {"table": last["table"], "columns": {"label": "y"}}).json()
    assert told["label"] == "y" and told["rows"][0] == [str(ROWS[0][0] % 3), *map(str, ROWS[0][1:])]
    (listed,) = web.get("/api/tables").json()["tables"]
    assert (listed["table"], listed["name"], listed["size"]) == (last["table"], "my table.csv", len(DATA))
    assert web.delete(f"/api/uploads/{upload['upload']}").status_code == 204
    assert web.get("/api/tables").json()["tables"] == []


def test_a_killed_server_goes_on_behind_the_last_whole_part(web, hdfs):
    upload = begun(web)
    sent(web, upload, 0, DATA[: 3 << 20])
    page = HTTPConnection("127.0.0.1", web.port)
    headers = {"Authorization": f"Bearer {web.token}", "Content-Length": str(len(DATA) - (3 << 20))}
    page.request("PUT", f"/api/uploads/{upload['upload']}?offset={3 << 20}", DATA[3 << 20 : 4 << 20], headers)
    web.kill()
    page.close()
    web.start()
    again = begun(web)
    assert (again["upload"], again["offset"]) == (upload["upload"], 3 << 20)
    assert sent(web, again, 3 << 20, DATA[3 << 20 :]).json()["done"]
    assert b"".join(hdfs.chunks(upload["table"])) == DATA


def test_of_two_pages_that_send_one_file_one_wins(web, hdfs):
    upload = begun(web)
    with half_sent(web, upload, DATA, 1 << 20) as answers:
        while (other := sent(web, upload, 0, b"")).status_code != 409:
            pass
        assert "another page" in other.json()["error"]
    assert answers[0].json()["done"] and b"".join(hdfs.chunks(upload["table"])) == DATA


OUTSIDE = ["hdfs://other:9000/etc/x.csv", "../../etc", "..%2f..%2fetc", "%2e%2e/etc", "\\..\\etc"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_file_of_hdfs_outside_of_the_folder_can_be_named(web, hdfs, name):
    table = name if "://" in name else f"{hdfs.uri('/user/' + hdfs.cluster.user)}/lab/{name}"
    for answer in (web.post("/api/inspect", {"table": table}), web.get("/api/browse", params={"place": table})):
        assert answer.status_code == 422 and "does not lie in a folder" in answer.json()["error"]
