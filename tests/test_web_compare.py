"""Sweeps side by side, by REST: told by their titles, and what cannot be compared refused in words."""

from web_sessions import QUICK, SPEC


def test_sweeps_are_compared_by_their_titles(lab):
    keys = [lab.started(SPEC.replace("width = 4", "width = [2, 4]"), "sweep", title=t) for t in ("odd <b>", "x", "x")]
    for key in keys:
        lab.until(key, "done")
    answer = lab.server.get("/api/compare", params={"keys": ",".join(keys)})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [one["name"] for one in found["sweeps"]] == ["odd <b>", "x (1)", "x (2)"]
    assert {one["label"] for one in found["sweeps"]} == {"digit"} and {one["done"] for one in found["sweeps"]} == {4}
    assert not any(key in answer.text.replace(str(lab.server.folder), "") for key in keys)
    assert any("odd <b> and x (1)" in words for words in found["says"]), found["says"]
    run = lab.started(QUICK)
    refused = {
        "": (422, "no sweep was named"),
        keys[0]: (422, "expected two or more"),
        f"{keys[0]},{keys[0]}": (422, "named twice"),
        f"{keys[0]},{run}": (422, "is a run, expected sweeps"),
        f"{keys[0]},nobody": (404, "no run or sweep of the key 'nobody'"),
    }
    for named, (status, words) in refused.items():
        answer = lab.server.get("/api/compare", params={"keys": named})
        assert answer.status_code == status and words in answer.json()["error"], answer.text
