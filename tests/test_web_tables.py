"""Which tables may be named and looked at by the pages: those of the allowed folders, and no other file."""

import ctypes
import gzip
import json
import os

import numpy as np
import pytest
from test_data_bad_input import BAD, GOOD

JSON = {"Content-Type": "application/json"}


def test_a_server_says_where_tables_may_lie_and_starts_again_at_its_address(web):
    about = web.get("/api/about").json()
    assert about["roots"] == [{"place": str(web.folder / "tables"), "kind": "local"}]
    url, token = web.url, web.token
    web.kill()
    web.start()
    assert (web.url, web.token) == (url, token)
    assert web.get("/api/about").json() == about


def uploaded(web, path, name=None):
    """Send a file; the answer is what it is called as a table."""
    data = path.read_bytes()
    upload = web.post("/api/uploads", {"name": name or path.name, "size": len(data)}).json()
    return web.put(f"/api/uploads/{upload['upload']}?offset=0", data).json()["table"]


def test_a_table_is_told_as_the_command_tells_it(web, digits, mrdl_command):
    table = uploaded(web, digits, "my digits.csv")
    told = web.post("/api/inspect", {"table": table, "columns": {"drop": ["r0c1"], "label": "digit"}}).json()
    said = mrdl_command("inspect", digits, "--json", "--drop", "r0c1", "--label", "digit").json
    assert told["columns"] == said["columns"] and told["num_rows"] == said["rows"] and not told["head"]
    assert told["name"] == "my digits.csv"
    assert [row[0] for row in told["rows"]] == [line.split(",")[0] for line in digits.read_text().splitlines()[1:6]]
    assert told["suggestion"]["label"] == "digit" and "10 values" in told["suggestion"]["why"]


def test_a_table_is_told_before_all_of_it_is_here(web):
    text = "id,x,town,bought\n" + "".join(f"{i},{i % 97},{'RO'[i % 2]},{'yn'[i % 3 % 2]}\n" for i in range(200_000))
    data = text.encode()
    upload = web.post("/api/uploads", {"name": "sales.csv", "size": len(data)}).json()
    early = web.post("/api/inspect", {"upload": upload["upload"]})
    assert (early.status_code, early.json()["wait"]) == (409, True)
    web.put(f"/api/uploads/{upload['upload']}?offset=0", data[: 1 << 20])
    told = web.post("/api/inspect", {"upload": upload["upload"], "columns": {"category": ["x"]}}).json()
    assert told["head"] and told["num_rows"] < 200_000 and abs(told["rows_about"] / 200_000 - 1) < 0.1
    assert told["suggestion"]["label"] == "bought" and told["label"] is None, "a suggestion is no choice"
    assert [column["read"] for column in told["columns"]][:3] == ["number", "category", "category"]
    assert told["rows"][0] == ["0", "0", "R", "y"] and told["name"] == "sales.csv" and told["size"] == len(data)


# --- which files may be named ---

OUTSIDE = [
    "/etc/passwd",
    "../outside/secret.csv",
    "tables/../../outside/secret.csv",
    "..%2foutside%2fsecret.csv",
    "tables/..%2f..%2foutside/secret.csv",
    "tables\\..\\..\\outside\\secret.csv",
    "~/secret.csv",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "http://127.0.0.1:1/secret.csv",
    "https://example.org/secret.csv",
    "s3://bucket/secret.csv",
    "hdfs://other:9000/secret.csv",
    "hdfs:///etc/passwd",
    "hdfs://../secret.csv",
    "/proc/self/environ",
    "/dev/stdin",
    "-",
    ".",
    "",
    "\0",
    "tables/\0/../../outside/secret.csv",
    "\ud800",
    "sessions/token",
    "x" * 5000,
    "../" * 2000 + "etc/passwd",
]


@pytest.fixture
def home(tmp_path, web_server):
    """A server that may read a folder beside its home, in which links lead out to a third."""
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    for folder in (allowed, allowed / "deep", outside):
        folder.mkdir()
    for path in (allowed / "in.csv", allowed / "deep" / "in.csv", outside / "secret.csv"):
        path.write_text("y,a\n" + "0,1\n1,2\n" * 20)
    (allowed / "out.csv").symlink_to(outside / "secret.csv")
    (allowed / "out").symlink_to(outside)
    (allowed / "again.csv").symlink_to(allowed / "in.csv")
    (allowed / "linked").mkdir()
    (allowed / "linked" / "x.csv").symlink_to(outside / "secret.csv")
    return web_server("--data", allowed)


@pytest.mark.parametrize("kind", ["inspect", "browse", "sessions"])
def test_no_file_outside_of_the_allowed_folders_can_be_named(home, tmp_path, kind):
    allowed = tmp_path / "allowed"
    links = ["out", "out.csv", "out/secret.csv", "ou*/secret.csv", "*", "o?t/*", "linked/*.csv", "deep/../../outside"]
    links += ["linked"] if kind != "browse" else []  # in which the link is not told
    for name in [*OUTSIDE, str(tmp_path / "outside" / "secret.csv"), *(f"{allowed}/{link}" for link in links)]:
        if kind == "inspect":
            answer = home.post("/api/inspect", data=json.dumps({"table": name}), headers=JSON)
        elif kind == "sessions":
            told = {"kind": "run", "table": name, "toml": "rounds = 1"}
            answer = home.post("/api/sessions", data=json.dumps(told), headers=JSON)
        elif name in ("", "\ud800"):
            continue  # the list of folders, and what no address can hold
        else:
            answer = home.get("/api/browse", params={"place": name})
        assert answer.status_code in (400, 404, 422), (name, answer.text)
        assert answer.json()["error"] and "root:" not in answer.text and "secret\\n" not in answer.text
    assert not [path for path in (home.folder / "runs", home.folder / "sweeps") if path.exists() and os.listdir(path)]


def test_what_lies_in_the_allowed_folders_can_be_named_and_browsed(home, tmp_path, digits):
    allowed = str(tmp_path / "allowed")
    for name in ("in.csv", "again.csv", "deep", "deep/*.csv"):
        assert home.post("/api/inspect", {"table": f"{allowed}/{name}"}).json()["num_rows"] == 40, name
    roots = home.get("/api/browse").json()
    assert roots["parent"] is None and [entry["place"] for entry in roots["entries"]] == [allowed]
    top = home.get("/api/browse", params={"place": allowed}).json()
    assert [(entry["name"], entry["is_folder"], entry["size"]) for entry in top["entries"]] == [
        ("deep", True, 0),
        ("linked", True, 0),
        ("again.csv", False, 164),
        ("in.csv", False, 164),
    ]
    assert top["parent"] == "" and top["left_out"] == 0
    deep = home.get("/api/browse", params={"place": f"{allowed}/deep"}).json()
    assert deep["parent"] == allowed and len(deep["entries"]) == 1
    assert home.get("/api/browse", params={"place": f"{allowed}/linked"}).json()["entries"] == []
    assert home.get("/api/browse", params={"place": f"{allowed}/none"}).status_code == 404
    assert home.get("/api/browse", params={"place": f"{allowed}/in.csv"}).status_code == 404
    table = uploaded(home, digits, "<i>né.csv")
    begun = home.post("/api/uploads", {"name": "later.csv", "size": 10}).json()
    told = home.get("/api/tables").json()
    assert {(each["name"], each["where"]) for each in told["tables"]} == {
        ("<i>né.csv", "uploads"),
        ("in.csv", allowed),
        ("again.csv", allowed),
    }
    assert told["tables"][0]["table"] == table and [each["upload"] for each in told["unfinished"]] == [begun["upload"]]
    assert told["problems"] == []


def test_a_folder_that_may_not_be_read_or_has_gone_is_told_in_words(tmp_path, web_server):
    closed, gone = tmp_path / "closed", tmp_path / "gone"
    closed.mkdir()
    closed.chmod(0)
    server = web_server("--data", closed, "--data", gone, limits=without_rights)
    problems = server.get("/api/tables").json()["problems"]
    assert [str(closed) in problems[0], "Permission denied" in problems[0], "No such file" in problems[1]] == [True] * 3
    answer = server.get("/api/browse", params={"place": str(closed)})
    assert answer.status_code == 403 and "Permission denied" in answer.json()["error"]


def without_rights():
    """Take from this process what lets root read any file."""
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP; who is not root has none


def test_a_request_that_is_longer_than_fits_in_memory_is_refused(web):
    answer = web.post("/api/inspect", data=(b" " * (1 << 20) for _ in range(40)), headers=JSON)
    assert answer.status_code == 413 and web.memory_kb() < 150_000


def test_what_is_malformed_is_told_in_the_words_of_the_command_and_nothing_is_left(web, tmp_path, command, monkeypatch):
    """The command line's whole table of bad input, but for what settings of a training are wrong."""
    monkeypatch.chdir(tmp_path)
    lines = GOOD.splitlines()
    for i in (3, 17, 38):
        lines[i] = "1,oops,2"
    of_data = [(text, words, said) for text, words, said in BAD if not words or "--label" in words]
    for text, words, said in [*of_data, ("\n".join(lines), [], "line 39: column 'c1': 'oops' is not a number")]:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "data.csv").write_bytes(data)
        status, _, err = command("train", "data.csv", "--json", "--rounds", "1", "--epochs", "1", *words)
        expected = printed(err)
        assert status == 2 and said in expected
        label = words[1] if words else None
        answer = web.post("/api/inspect", {"table": uploaded(web, tmp_path / "data.csv"), "columns": {"label": label}})
        told = answer.json()
        if answer.status_code == 200:
            assert told["refused"] or told["label"] is None, text
        found = told.get("error") or told["refused"] or told["told"].removeprefix("not known: ")
        assert found == expected, text
    assert not (web.folder / "runs").exists() and not list(tmp_path.glob("mrdl-*"))


def printed(err: str) -> str:
    """What a command says last."""
    return err[err.rindex("mrdl: ") + len("mrdl: ") :].strip()


def test_a_row_that_is_none_is_told_by_its_line_while_the_table_comes_in(web):
    rows = [f"{i % 2},{i}" for i in range(400_000)]
    rows[2999] = "1,x"
    data = ("y,a\n" + "\n".join(rows)).encode()
    upload = web.post("/api/uploads", {"name": "it's.csv", "size": len(data)}).json()
    for some in (1 << 20, (1 << 20) + 12_345, 3 << 20):
        there = web.get(f"/api/uploads/{upload['upload']}").json()["offset"]
        web.put(f"/api/uploads/{upload['upload']}?offset={there}", data[there:some])
        told = web.post("/api/inspect", {"upload": upload["upload"], "columns": {"label": "y"}}).json()
        assert told["head"]
        assert "  it's.csv line 3001: column 'a': 'x' is not a number\nColumns" in told["refused"], "no line is cut"
    assert told["refused"].startswith("it's.csv: at least 1 rows cannot be read")


def test_a_packed_table_is_told_before_all_of_it_is_here(web):
    values = np.random.default_rng(3).normal(size=(300_000, 2))
    text = "y,a\n" + "".join(f"{'no' if a < 0 else 'yes'},{b}\n" for a, b in values)
    data = gzip.compress(text.encode(), 1)
    upload = web.post("/api/uploads", {"name": "t.csv.gz", "size": len(data)}).json()
    web.put(f"/api/uploads/{upload['upload']}?offset=0", data[: 1 << 20])
    assert web.post("/api/inspect", {"upload": upload["upload"]}).json()["wait"]
    web.put(f"/api/uploads/{upload['upload']}?offset={1 << 20}", data[1 << 20 : 2 << 20])
    told = web.post("/api/inspect", {"upload": upload["upload"]}).json()
    assert told["head"] and told["suggestion"]["label"] == "y" and told["columns"][1]["mean"] < 0.1
