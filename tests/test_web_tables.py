"""Which tables may be named and looked at by the pages: those of the allowed folders, and no other file."""


def test_a_server_says_where_tables_may_lie_and_starts_again_at_its_address(web):
    about = web.get("/api/about").json()
    assert about["roots"] == [{"place": str(web.folder / "tables"), "kind": "local"}]
    url, token = web.url, web.token
    web.kill()
    web.start()
    assert (web.url, web.token) == (url, token)
    assert web.get("/api/about").json() == about
