"""Which tables may be named and looked at by the pages: those of the allowed folders, and no other file."""


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
