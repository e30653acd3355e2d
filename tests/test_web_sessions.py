"""Sessions of the pages: started as commands of their own, found again, told of, and refused in words."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from web_sessions import DIGITS, LONG, QUICK, SPEC
from web_uploads import begun, sent

from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import fields_of
from mrdl.web.labels import label_of
from mrdl.web.sessions.settings import KNOWN


def test_a_run_is_started_and_ends_done(lab):
    key = lab.started(title="First")
    assert re.fullmatch("[0-9a-f]{32}", key)
    about = lab.until(key, "done")
    assert (about["kind"], about["title"], about["label"], about["by"]) == ("run", "First", "digit", "web")
    assert (about["done"], about["of"], about["score"]["name"], about["runner"]) == (1, 1, "accuracy", "inline")
    assert about["score"]["baseline_text"].startswith("8.79 %") and about["toml"] == QUICK
    assert about["table"].endswith("tables/ab12/digits.csv") and about["actions"] == ["delete"]
    assert (lab.server.folder / "runs" / key / "model.safetensors").exists()


def test_a_sweep_is_started_and_ends_done(lab):
    key = lab.started(SPEC, "sweep")
    about = lab.until(key, "done")
    assert (about["done"], about["of"], about["kind"]) == (2, 2, "sweep")
    assert 0 < about["score"]["value"] <= 1 and about["score"]["baseline_text"]
    assert about["label"] == "digit"


@pytest.mark.parametrize(
    ("told", "label"),
    [
        ("column 2 'class', as asked for (2 values in 400 rows)", "class"),
        ('column 0 "it\'s", the first column: numbers: regression', "it's"),
        (r"column 1 'a\'b \"c\"', as asked for", 'a\'b "c"'),
        ("column 3, as asked for (2 values in 9 rows)", "column 3"),
        ("digit", "digit"),
        (None, None),
    ],
)
def test_a_sweep_s_label_is_told_by_its_name(told, label):
    assert label_of(told) == label


IN_VAIN = [
    ("run", "rounds = 0", "rounds is 0, expected 1 or more"),
    ("run", "round = 3", "unknown setting 'round', did you mean 'rounds'?"),
    ("run", "rounds = [", "the settings is not TOML"),
    ("run", 'label = "nobody"', "nobody"),
    ("sweep", "[space]\ndepht = 1", "did you mean 'depth'?"),
]


def test_what_ends_in_vain_is_told_in_words_and_leaves_nothing(lab):
    for kind, toml, words in IN_VAIN:
        answer = lab.start(toml, kind)
        assert answer.status_code == 422 and words in answer.json()["error"], answer.text
        assert "settings.toml" not in answer.json()["error"]
    assert lab.server.get("/api/sessions").json() == {"total": 0, "sessions": []}
    left = [path for name in ("runs", "sweeps", "sessions") for path in (lab.server.folder / name).glob("*")]
    assert [path.name for path in left if path.name not in ("token", "forms")] == []


def test_a_row_that_cannot_be_read_starts_nothing(lab):
    table = lab.server.folder / "tables" / "ab12" / "bad.csv"
    table.write_text(DIGITS.read_text().replace("\n", "\n1,2,3\n", 1))
    answer = lab.start(table="tables/ab12/bad.csv")
    assert answer.status_code == 422 and "line 2" in answer.json()["error"], answer.text
    assert lab.server.get("/api/sessions").json()["total"] == 0


def test_a_start_in_vain_says_where_and_what_to_do_without_the_server_s_folders(lab):
    bad = DIGITS.read_text().replace("\n", "\n1,2,3\n", 1).encode()
    upload = begun(lab.server, "bad.csv", len(bad))
    assert sent(lab.server, upload, 0, bad).json()["done"]
    answer = lab.start('label = "nobody"', table=upload["table"])
    assert answer.status_code == 422 and answer.json()["error"].startswith("bad.csv has no column 'nobody'")
    answer = lab.start(table=upload["table"])
    assert answer.status_code == 422 and str(lab.server.folder) not in answer.json()["error"], answer.text
    assert "--bad-rows skip" in answer.json()["error"]


def test_a_failed_run_keeps_all_that_it_said(lab):
    key = lab.started(LONG)
    lab.until(key, "running", done=1)
    lab.server.post(f"/api/sessions/{key}/stop")
    lab.until(key, "stopped")
    words = f"{lab.server.folder}/tables/0a1b2c3d4e5f/x.csv: 1 of 9 rows cannot be read"
    about = json.loads((lab.server.folder / "runs" / key / "run.json").read_text())
    about["drivers"][-1] |= {"ended": "failed", "reason": words}
    (lab.server.folder / "runs" / key / "run.json").write_text(json.dumps(about))
    with (lab.server.folder / "sessions" / key / "log.txt").open("a") as log:
        log.write(f"mrdl: {words}\n  x.csv line 3: 2 columns\nMend them.\n")
    told = lab.about(key)
    said = "x.csv: 1 of 9 rows cannot be read\n  x.csv line 3: 2 columns\nMend them."
    assert (told["state"], told["reason"]) == ("failed", said)


def test_the_same_form_sent_twice_starts_once(lab):
    form = "0123456789abcdef"
    with ThreadPoolExecutor(3) as together:
        answers = list(together.map(lambda _: lab.start(form=form), range(3)))
    assert len({answer.json()["key"] for answer in answers}) == 1
    lab.server.kill()
    lab.server.start()
    assert lab.start(form=form).json()["key"] == answers[0].json()["key"]
    assert lab.server.get("/api/sessions").json()["total"] == 1


def test_a_form_that_was_refused_may_be_sent_again(lab):
    form = "0123456789abcdef"
    assert lab.start("rounds = 0", form=form).status_code == 422
    assert lab.start(form=form).status_code == 201


def test_a_server_that_dies_harms_no_training_and_the_next_one_finds_it(lab):
    key = lab.started(LONG.replace("rounds = 9999", "rounds = 60"))
    before = lab.until(key, "running", done=1)
    lab.server.kill()
    lab.server.start()
    after = lab.until(key, "done", done=60)
    assert after["title"] == before["title"] and after["started"] == before["started"]


def test_commands_that_have_ended_do_not_stay_in_the_table_of_processes(lab):
    lab.until(lab.started(), "done")
    lab.start('label = "nobody"')
    pid = lab.server.process.pid
    children = Path(f"/proc/{pid}/task").glob("*/children")
    states = [Path(f"/proc/{child}/status").read_text() for each in children for child in each.read_text().split()]
    assert [state for state in states if "State:\tZ" in state] == []


CODE_AND_PATHS = [
    ("run", 'run_dir = "../elsewhere"', "run_dir"),
    ("run", 'cache_dir = "/tmp/elsewhere"', "cache_dir"),
    ("run", 'python_bin = "/bin/sh"', "python_bin"),
    ("run", '[run]\npython_bin = "/bin/sh"', "python_bin"),
    ("run", 'mrjob_conf = "mrjob.conf"', "mrjob_conf"),
    ("run", 'test = "/etc/passwd"', "/etc/passwd"),
    ("run", 'start_from = "/etc/passwd"', "/etc/passwd"),
    ("run", 'start_from = "runs/../../model"', "model"),
    ("run", 'kind = "os:system"', "os:system"),
    ("run", 'combine = "os:system"', "os:system"),
    ("run", 'loss = "os:system"', "os:system"),
    ("sweep", f'{SPEC}[sweep]\nbackend = "os:system"', "os:system"),
    ("sweep", f'{SPEC}[sweep]\nbackend = "mine:fit"', "mine:fit"),
]


def test_what_names_code_or_paths_cannot_be_set_from_a_page(lab):
    (lab.server.folder / "mine.py").write_text("open('ran', 'w')\ndef fit(*_): ...\n")
    for kind, toml, name in CODE_AND_PATHS:
        answer = lab.start(toml, kind)
        assert answer.status_code == 422 and name in answer.json()["error"], answer.text
    assert not (lab.server.folder / "ran").exists()
    assert lab.server.get("/api/sessions").json()["total"] == 0


def test_every_setting_that_is_a_path_or_a_program_is_looked_at():
    fields = fields_of(TrainConfig)
    named = {f.name for f in fields if f.metadata["is_path"] or re.search("path|file|bin$|conf$", f.name)}
    assert named == KNOWN


def test_a_table_outside_of_what_is_allowed_is_refused(lab):
    for table in ("/etc/passwd", "tables/../../x.csv", "hdfs:///other/x.csv", "file:///etc/passwd", "--help"):
        answer = lab.start(table=table)
        assert answer.status_code == 422 and "--data" in answer.json()["error"]


def test_sessions_of_the_command_line_are_listed_searched_and_sorted(lab, command, monkeypatch):
    monkeypatch.chdir(lab.server.folder)
    flags = ("--hidden", "4", "--rounds", "1", "--budget", "1", "--shards", "1", "--json")
    for name in ("alpha", "group/beta"):
        assert command("train", DIGITS, "--run-dir", f"runs/{name}", *flags)[0] == 0
    (lab.server.folder / "spec.toml").write_text(SPEC)
    assert command("sweep", "run", "spec.toml", DIGITS, "--dir", "sweeps/gamma", "-r", "inline", "--json")[0] == 0
    nested = lab.server.folder / "sweeps" / "gamma" / "runs" / "x"
    nested.mkdir(parents=True)
    (nested / "run.json").write_text("{}")
    (lab.server.folder / "runs" / "odd").mkdir()
    (lab.server.folder / "runs" / "odd" / "run.json").write_text("no JSON")

    def keys(**query):
        return [one["key"] for one in lab.server.get("/api/sessions", params=query).json()["sessions"]]

    assert keys(sort="title") == ["alpha", "gamma", "group~beta", "odd"]
    assert keys(search="beta") == ["group~beta"] and keys(search="DIGITS gamma") == ["gamma"]
    assert keys(sort="title", offset=1, limit=2) == ["gamma", "group~beta"]
    assert keys(state="failed") == ["odd"] and set(keys(state="done")) == {"alpha", "gamma", "group~beta"}
    scores = [one["score"] for one in lab.server.get("/api/sessions?sort=score").json()["sessions"]]
    assert [s["value"] for s in scores[:3]] == sorted((s["value"] for s in scores[:3]), reverse=True)
    assert scores[3] is None
    about = lab.about("group~beta")
    assert about["by"] == "command line" and "hidden = [4]" in about["toml"] and about["title"] == "group/beta"


def test_a_look_at_a_sweep_writes_nothing_into_its_folder(lab, command, monkeypatch):
    monkeypatch.chdir(lab.server.folder)
    (lab.server.folder / "spec.toml").write_text(SPEC)
    command("sweep", "run", "spec.toml", DIGITS, "--dir", "sweeps/gamma", "-r", "inline", "--json")
    folder = lab.server.folder / "sweeps" / "gamma"
    index = folder / "ledger.db"
    before = index.read_bytes()
    assert lab.about("gamma")["done"] == 2 and index.read_bytes() == before
    index.unlink()
    assert lab.about("gamma")["of"] is None and not index.exists()


def test_links_out_of_the_home_are_no_sessions(lab, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "run.json").write_text(json.dumps({"drivers": []}))
    (lab.server.folder / "runs").mkdir()
    (lab.server.folder / "runs" / "link").symlink_to(other)
    assert lab.server.get("/api/sessions").json()["total"] == 0
    assert lab.server.get("/api/sessions/link").status_code == 404
