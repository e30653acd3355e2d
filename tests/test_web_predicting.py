"""Before a start the page tells a plan, and afterwards a network answers, both as the command line does."""

import json
import sqlite3

from web_sessions import DIGITS, SPEC

MIXED = 'label = "bought"\nhidden = [8]\nrounds = 2\nepochs = 5\nshards = 1\n'


def mixed(lab) -> str:
    """A table of numbers, words and holes."""
    lines = ["age,town,bought"]
    for i in range(400):
        town = ("Oslo", "Turku", "Riga, old")[i % 3]
        age = "" if i % 17 == 0 else str(20 + i % 50)
        cell = f'"{town}"' if "," in town else town
        lines.append(f"{age},{cell},{'yes' if i % 3 == 0 else 'no'}")
    (lab.server.folder / "tables" / "ab12" / "mixed.csv").write_text("\n".join(lines) + "\n")
    return "tables/ab12/mixed.csv"


def test_the_same_toml_gives_the_same_designs_in_the_plan_in_the_page_and_on_the_command_line(
    lab, command, monkeypatch
):
    told = {"kind": "sweep", "table": "tables/ab12/digits.csv", "toml": SPEC}
    answer = lab.server.post("/api/plan", told)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert plan["designs"] == 2 and plan["too_large"] == 0 and len(plan["parameters"]) == 2
    assert plan["told"][1].startswith("label: ")
    key = lab.started(SPEC, "sweep")
    lab.until(key, "done")
    monkeypatch.chdir(lab.server.folder)
    (lab.server.folder / "spec.toml").write_text(SPEC)
    assert command("sweep", "run", "spec.toml", DIGITS, "--dir", "sweeps/own", "-r", "inline", "--json")[0] == 0
    _, out, _ = command("sweep", "plan", "spec.toml", DIGITS, "--json")

    def ids(name):
        index = sqlite3.connect(lab.server.folder / "sweeps" / name / "ledger.db")
        found = [row[0] for row in index.execute("SELECT arch_id FROM arch ORDER BY position")]
        index.close()
        return found

    assert ids(key) == ids("own") == plan["ids"] == json.loads(out)["arch_ids"]


def test_the_plan_of_a_network_tells_its_size_and_time_or_what_is_wrong(lab):
    told = {"kind": "run", "table": "tables/ab12/digits.csv", "toml": 'label = "digit"\nhidden = [8]\nrounds = 2\n'}
    plan = lab.server.post("/api/plan", told).json()
    assert plan["parameters"] == 64 * 8 + 8 + 8 * 10 + 10 and plan["seconds"] > 0 and plan["rounds"] == 2
    assert plan["memory_mb"] > 0 and any("label: " in line for line in plan["told"])
    answer = lab.server.post("/api/plan", {**told, "toml": "rounds = 0"})
    assert answer.status_code == 422 and answer.json()["error"] == "rounds is 0, expected 1 or more"
    answer = lab.server.post("/api/plan", {**told, "kind": "sweep", "toml": '[sweep]\nbackend = "os:system"'})
    assert answer.status_code == 422 and "code" in answer.json()["error"]
    answer = lab.server.post("/api/plan", {**told, "table": "/etc/passwd"})
    assert answer.status_code == 422 and "--data" in answer.json()["error"]


def test_a_network_answers_typed_values_and_tables_as_the_command_does(lab, command, monkeypatch):
    table = mixed(lab)
    key = lab.started(MIXED, table=table)
    lab.until(key, "done")
    columns = {one["name"]: one for one in lab.server.get(f"/api/sessions/{key}/inputs").json()["columns"]}
    assert set(columns) == {"age", "town"} and columns["age"]["type"] == "number" and float(columns["age"]["example"])
    assert set(columns["town"]["levels"]) == {"Oslo", "Turku", "Riga, old"}
    path = f"/api/sessions/{key}/predict"
    typed = [{"age": "30", "town": "Oslo"}, {"age": "", "town": "Riga, old"}, {"town": "Nowhere"}]
    one = lab.server.post(path, {"values": typed[0]}).json()
    assert one["label"] == "bought" and one["rows"][0][0] == "yes" and len(one["rows"]) == 1
    assert one["probabilities"][0].keys() == {"no", "yes"} and one["rows"][0][1] == one["probabilities"][0]["yes"]
    assert one["notes"] == []
    odd = lab.server.post(path, {"values": typed[2]}).json()["notes"]
    assert odd == [
        "town: 'Nowhere' was not seen in training, and counts as the rare ones do",
        "taken as missing, as nothing was typed: age",
    ]
    several = lab.server.post(path, {"rows": typed}).json()
    assert several["rows"][0] == one["rows"][0] and several["rows"][1][0] == "no" and several["total"] == 3
    answer = lab.server.post(path, {"values": {"age": "old", "town": "Oslo"}})
    assert answer.status_code == 422 and "typed values" in answer.json()["error"] and "'old'" in answer.json()["error"]
    answer = lab.server.post(path, {"values": {"agee": "3"}})
    assert answer.status_code == 422 and "'agee'" in answer.json()["error"]
    found = lab.server.post(path, {"table": table}).json()
    monkeypatch.chdir(lab.server.folder)
    _, out, _ = command("predict", f"runs/{key}", table)
    assert [row[0] for row in found["rows"]] == out.splitlines() and found["total"] == 400
    assert lab.server.post(path, {"table": "/etc/passwd"}).status_code == 422


def test_a_network_of_numbers_answers_with_numbers(lab):
    lines = ["x,y", *(f"{i % 40},{2 * (i % 40) + 1}.5" for i in range(400))]
    (lab.server.folder / "tables" / "ab12" / "line.csv").write_text("\n".join(lines) + "\n")
    key = lab.started(
        'label = "y"\ntask = "regress"\nhidden = [8]\nrounds = 1\nshards = 1\n', table="tables/ab12/line.csv"
    )
    about = lab.until(key, "done")
    assert about["score"]["name"] == "R²" and about["score"]["baseline_text"].startswith("0 (always the mean")
    found = lab.server.post(f"/api/sessions/{key}/predict", {"rows": [{"x": "3"}, {"x": "30"}]}).json()
    assert found["columns"] == ["y"] and found["rows"][0][0] < found["rows"][1][0] and "probabilities" not in found


def test_a_sweep_and_a_run_without_a_network_say_so(lab):
    key = lab.started(SPEC, "sweep")
    lab.until(key, "done")
    answer = lab.server.get(f"/api/sessions/{key}/inputs")
    assert answer.status_code == 404 and "train its best design" in answer.json()["error"]
    assert lab.server.post("/api/sessions/nobody/predict", {"values": {}}).status_code == 404
