"""Sessions are stopped, resumed, tried again and deleted from the page, by the verbs of the command line."""

import os

from web_sessions import DIGITS, LONG, LONG_SPEC, QUICK, SPEC
from web_uploads import begun, sent


def rounds_of(lab, key):
    """The rounds of a run that are kept."""
    return len(list((lab.server.folder / "runs" / key / "rounds").glob("*.json")))


def test_a_run_is_stopped_and_goes_on_and_is_deleted(lab):
    key = lab.started(LONG)
    lab.until(key, "running", done=1)
    assert lab.server.delete(f"/api/sessions/{key}").status_code == 422
    answer = lab.server.post(f"/api/sessions/{key}/stop")
    assert answer.status_code == 200 and answer.json()["state"] == "stopped", answer.text
    assert lab.about(key)["actions"] == ["resume", "delete"] and lab.processes() == []
    answer = lab.server.post(f"/api/sessions/{key}/stop")
    assert answer.status_code == 422 and "is stopped" in answer.json()["error"]
    kept = rounds_of(lab, key)
    lab.server.kill()
    lab.server.start()
    answer = lab.server.post(f"/api/sessions/{key}/resume")
    assert answer.status_code == 200 and answer.json()["state"] == "running", answer.text
    lab.until(key, "running", done=kept)
    assert lab.about(key)["command"].startswith(f"mrdl resume runs/{key} -r inline")
    lab.server.post(f"/api/sessions/{key}/stop")
    assert lab.server.delete(f"/api/sessions/{key}").status_code == 204
    assert lab.server.get(f"/api/sessions/{key}").status_code == 404
    assert not (lab.server.folder / "runs" / key).exists() and not (lab.server.folder / "sessions" / key).exists()
    assert (lab.server.folder / "tables/ab12/digits.csv").exists()


def test_a_table_that_a_session_goes_on_with_is_not_deleted(lab):
    table = DIGITS.read_bytes()
    upload = begun(lab.server, "my digits.csv", len(table))
    assert sent(lab.server, upload, 0, table).json()["done"]
    key = lab.started(LONG, table=upload["table"], title="long")
    lab.until(key, "running", done=1)
    refused = lab.server.delete(f"/api/uploads/{upload['upload']}")
    assert refused.status_code == 409 and "'long', which is not done" in refused.json()["error"], refused.text
    lab.server.post(f"/api/sessions/{key}/stop")
    lab.until(key, "stopped")
    assert lab.server.delete(f"/api/uploads/{upload['upload']}").status_code == 409
    assert lab.server.post(f"/api/sessions/{key}/resume").status_code == 200
    lab.server.post(f"/api/sessions/{key}/stop")
    assert lab.server.delete(f"/api/sessions/{key}").status_code == 204
    assert lab.server.delete(f"/api/uploads/{upload['upload']}").status_code == 204


def test_a_sweep_is_stopped_when_it_is_said_twice_and_goes_on(lab):
    key = lab.started(LONG_SPEC, "sweep")
    lab.until(key, "running")
    assert lab.server.post(f"/api/sessions/{key}/stop").json()["state"] == "running"
    assert lab.server.post(f"/api/sessions/{key}/stop").json()["state"] == "stopped"
    assert lab.server.post(f"/api/sessions/{key}/resume").json()["state"] == "running"


def test_designs_that_failed_are_tried_once_more(lab):
    spec = LONG_SPEC.replace("[0.1, 0.2]", "0.1") + "[limits]\ncpu_s = 0.1\n"
    key = lab.started(spec, "sweep")
    about = lab.until(key, "done")
    assert about["actions"] == ["retry", "delete"]
    assert lab.server.post(f"/api/sessions/{key}/retry").status_code == 200
    lab.until(key, "done")
    assert "1 designs are tried once more" in lab.log(key)
    other = lab.started(SPEC, "sweep")
    lab.until(other, "done")
    answer = lab.server.post(f"/api/sessions/{other}/retry")
    assert answer.status_code == 422 and "nothing of this sweep failed" in answer.json()["error"]


def test_several_are_acted_on_and_each_is_told_of(lab):
    first, second = lab.started(), lab.started(SPEC, "sweep")
    lab.until(first, "done"), lab.until(second, "done")
    answer = lab.server.post("/api/actions", {"action": "delete", "keys": [first, second, "nobody", "../x"]}).json()
    assert [one["ok"] for one in answer["results"]] == [True, True, False, False]
    assert "no run or sweep of the key 'nobody'" in answer["results"][2]["error"]
    assert lab.server.get("/api/sessions").json()["total"] == 0
    assert lab.server.post("/api/actions", {"action": "format", "keys": []}).status_code == 400


def test_a_run_of_the_command_line_goes_on_and_is_deleted_from_the_page(lab, command, monkeypatch):
    monkeypatch.chdir(lab.server.folder)
    (lab.server.folder / "own.csv").write_bytes(DIGITS.read_bytes())
    (lab.server.folder / "own.toml").write_text(QUICK)
    assert command("train", "own.csv", "--config", "own.toml", "--run-dir", "runs/group/own", "--json")[0] == 0
    (lab.server.folder / "runs/group/own/model.safetensors").unlink()
    assert lab.about("group~own")["state"] == "stopped"
    assert lab.server.post("/api/sessions/group~own/resume").status_code == 200
    assert lab.until("group~own", "done")["by"] == "command line"
    assert lab.server.get("/api/sessions").json()["total"] == 1
    assert lab.server.delete("/api/sessions/group~own").status_code == 204
    assert os.listdir(lab.server.folder / "runs/group") == []
    assert (lab.server.folder / "own.csv").exists()


def test_what_a_resume_says_in_vain_is_told_in_its_words(lab):
    key = lab.started()
    lab.until(key, "done")
    (lab.server.folder / "runs" / key / "model.safetensors").unlink()
    (lab.server.folder / "tables/ab12/digits.csv").unlink()
    answer = lab.server.post(f"/api/sessions/{key}/resume")
    assert answer.status_code == 422 and "digits.csv" in answer.json()["error"], answer.text
    about = lab.about(key)
    assert about["state"] == "failed" and "digits.csv" in about["reason"]


def test_the_log_and_the_network_are_files(lab):
    key = lab.started(title="../Ugly <name>\n")
    assert lab.server.get(f"/api/sessions/{key}/model").status_code in (200, 404)
    lab.until(key, "done")
    log = lab.server.get(f"/api/sessions/{key}/log")
    assert log.headers["content-type"].startswith("text/plain") and log.text.startswith("$ mrdl train ")
    assert lab.server.get(f"/api/sessions/{key}/log?all=1").text == log.text
    model = lab.server.get(f"/api/sessions/{key}/model")
    assert model.content == (lab.server.folder / "runs" / key / "model.safetensors").read_bytes()
    assert 'filename="Ugly-name.safetensors"' in model.headers["content-disposition"]


def test_a_session_whose_command_died_before_its_folder_was_there_is_told_and_deleted(lab):
    kept = lab.server.folder / "sessions" / ("a" * 32)
    kept.mkdir(parents=True)
    (kept / "session.json").write_text('{"key": "x", "kind": "run", "title": "gone", "pid": 1, "born": "long ago"}')
    table = lab.server.folder / "tables" / ("b" * 12) / "x.csv"
    (kept / "log.txt").write_text(f"$ mrdl train x\n  note: {table}: odd\nmrdl: x is no table\n")
    about = lab.about("a" * 32)
    assert (about["state"], about["reason"], about["warnings"]) == ("failed", "x is no table", ["x.csv: odd"])
    assert about["actions"] == ["delete"]
    assert lab.server.delete(f"/api/sessions/{'a' * 32}").status_code == 204 and not kept.exists()
