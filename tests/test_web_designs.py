"""Designs of a sweep in pages, alone, as points, and as files: the numbers are those of the command line."""

import csv
import io
import json
import re

import pytest

from mrdl.settings.config import TrainConfig
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record, State


@pytest.fixture
def swept(tmp_path, small_csv):
    """A sweep in the home of the test's server: 12 designs, of which 10 are trained, one failed and one is planned."""
    about = {
        "data": {"label": "answer"},
        "space": {"nodes": [[n] for n in range(1, 7)], "epochs": 1, "activation": ["relu", "tanh"]},
        "sweep": {"backend": "batched-numpy"},
    }
    sweep = SweepFolder.create(tmp_path / "lab" / "sweeps" / "first", about, str(small_csv))
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    kept = sweep.register([ids[10:]])
    failed = Record(arch_id=ids[10], status=State.FAILED, reason="=it is <b>odd</b>", log="its last words")
    sweep.parts.close(kept, [failed])
    sweep.ledger._db.execute("UPDATE arch SET asked = 0 WHERE position = 11")
    SweepDriver(sweep).run("inline")
    sweep.ledger._db.execute("UPDATE arch SET asked = 1 WHERE position = 11")
    assert [sweep.ledger.counts()[name] for name in ("done", "failed", "planned")] == [10, 1, 1]
    return sweep


def rows_of(web, **wanted):
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    answer = web.get(f"/api/sessions/first/designs?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_table_is_that_of_the_sweep_sorted_searched_and_in_parts(web, swept):
    table = swept.table()
    told = rows_of(web, limit=100)
    assert told["total"] == 12 and [row["arch_id"] for row in told["rows"]] == list(table.arch_id)
    for name in ("hidden", "depth", "activation", "optimizer", "learning_rate", "epochs", "seed"):
        assert [row[name] for row in told["rows"]] == table[name].tolist()
    done = table[table.status == "done"]
    for name, of in (("score", "accuracy"), ("loss", "loss"), ("parameters", "parameters")):
        assert {row["arch_id"]: row[name] for row in told["rows"] if row["state"] == "done"} == dict(
            zip(done.arch_id, done[of], strict=True)
        )
    for sort, of in (("score", "accuracy"), ("parameters", "parameters"), ("loss", "loss")):
        for order in ("asc", "desc"):
            found = [row[sort] for row in rows_of(web, sort=sort, order=order)["rows"]]
            known = sorted((value for value in found if value is not None), reverse=order == "desc")
            assert found == known + [None] * (12 - len(known)) and len(known) >= 10
            assert sorted(known) == sorted(done[of])
    parts = [rows_of(web, sort="score", order="desc", offset=i, limit=5)["rows"] for i in (0, 5, 10, 15)]
    assert [row for part in parts for row in part] == rows_of(web, sort="score", order="desc")["rows"]
    assert rows_of(web, state="failed")["rows"][0]["reason"] == "=it is <b>odd</b>"
    assert rows_of(web, state="planned")["total"] == 1
    assert {row["activation"] for row in rows_of(web, search="TANH")["rows"]} == {"tanh"}
    one = told["rows"][3]
    assert rows_of(web, search=one["arch_id"][2:12])["rows"] == [one]
    assert rows_of(web, search="odd failed-nowhere")["total"] == 0
    for wrong in ("sort=score;", "state=odd", "limit=0", "order=up"):
        assert web.get(f"/api/sessions/first/designs?{wrong}").status_code == 400


def test_points_are_the_designs_that_were_tried(web, swept):
    told = web.get("/api/sessions/first/points?x=parameters").json()
    results = swept.ledger.results()
    tried = [(i, one) for i, one in enumerate(results) if one.status.is_finished()]
    assert told["position"] == [i for i, _ in tried]
    assert told["x"] == [-1 if one.parameters is None else one.parameters for _, one in tried]
    assert told["score"] == [one.score and pytest.approx(one.score, rel=1e-4) for _, one in tried]
    codes = [2 if one.status == State.FAILED else int(bool(one.collapsed)) for _, one in tried]
    assert told["state"] == codes


def test_a_design_alone_is_its_record_with_the_settings_of_a_run(web, swept):
    record = swept.ledger.results()[4]
    told = web.get(f"/api/sessions/first/designs/{record.arch_id}").json()
    known = {name: value for name, value in record.to_json().items() if name != "spec"}
    rows = known.pop("confusion")
    assert told["confusion"] == {"classes": ["no", "yes"], "rows": rows} and sum(map(sum, rows)) == 58
    assert {name: told[name] for name in known} == known
    assert told["spec"] == json.loads(record.spec) and told["state"] == "done"
    failed = swept.ledger.results()[10]
    told = web.get(f"/api/sessions/first/designs/{failed.arch_id}").json()
    assert (told["state"], told["reason"], told["log"]) == ("failed", "=it is <b>odd</b>", "its last words")
    assert web.get("/api/sessions/first/designs/none").status_code == 404


def test_the_settings_of_a_design_are_those_of_train_from_sweep(web, swept, tmp_path, monkeypatch):
    from mrdl.cli.sweep.from_sweep import settings_from_sweep
    from mrdl.settings.config import from_file

    record = swept.ledger.results()[4]
    toml = web.get(f"/api/sessions/first/designs/{record.arch_id}").json()["toml_of_run"]
    (tmp_path / "one.toml").write_text(toml)
    expected = TrainConfig().with_changes(settings_from_sweep(f"{swept.path}:{record.arch_id}"))
    assert from_file(str(tmp_path / "one.toml")) == expected


def test_the_report_is_the_static_file_in_a_sandbox_and_made_again_where_it_is_old(web, swept):
    answer = web.get("/api/sessions/first/report")
    assert answer.status_code == 200, answer.text
    assert answer.content == swept.paths.report.read_bytes()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts") and "default-src 'none'" in policy
    assert "allow-same-origin" not in policy
    swept.ledger.close()  # who looks at an index writes beside it, which is nothing new to tell
    made = swept.paths.report.stat().st_mtime_ns
    assert web.get("/api/sessions/first/report").status_code == 200
    assert swept.paths.report.stat().st_mtime_ns == made
    SweepDriver(SweepFolder(swept.path)).run("inline")
    assert web.get("/api/sessions/first/report").content == swept.paths.report.read_bytes()
    assert swept.paths.report.stat().st_mtime_ns > made


def test_what_a_report_cannot_be_made_of_is_said_in_words(web, tmp_path, small_csv):
    about = {"data": {"label": "answer"}, "space": {"nodes": [[1]]}, "sweep": {"backend": "batched-numpy"}}
    SweepFolder.create(tmp_path / "lab" / "sweeps" / "first", about, str(small_csv))
    answer = web.get("/api/sessions/first/report")
    assert answer.status_code == 422 and "nothing to report yet" in answer.json()["error"]


def test_the_table_as_a_file_starts_no_formula(web, swept, tmp_path):
    answer = web.get("/api/sessions/first/table.csv")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["arch_id"] for row in rows] == list(swept.table().arch_id)
    assert rows[10]["reason"] == "'=it is <b>odd</b>"
    import pandas as pd

    answer = web.get("/api/sessions/first/table.parquet")
    (tmp_path / "t.parquet").write_bytes(answer.content)
    assert list(pd.read_parquet(tmp_path / "t.parquet").arch_id) == list(swept.table().arch_id)
    assert web.get("/api/sessions/first/table.exe").status_code == 404


def test_of_a_run_there_are_its_rounds_and_pictures(web, digits, tmp_path, command):
    folder = tmp_path / "lab" / "runs" / "first"
    words = ["train", digits, "--label", "digit", "--hidden", "8", "--rounds", "2", "--run-dir", folder, "-r", "inline"]
    assert command(*words)[0] == 0
    rows = list(csv.DictReader(io.StringIO(web.get("/api/sessions/first/table.csv").text)))
    shown = json.loads(command("show", folder, "--json")[1])["rounds"]
    assert [float(row["training_loss"]) for row in rows] == [one["training_loss"] for one in shown]
    answer = web.get("/api/sessions/first/report")
    assert answer.status_code == 200 and answer.content == (folder / "plot.html").read_bytes()
    assert web.get("/api/sessions/first/table.parquet").status_code == 404
    assert web.get("/api/sessions/first/designs").status_code == 404


def test_workers_tell_what_runs_here_and_that_yarn_is_down(web_server, tmp_path, small_csv, importable, sweep_process):
    from sweeps import SLOW
    from watching import wait_for

    conf = tmp_path / "conf"
    conf.mkdir()
    site = "<configuration>{}</configuration>"
    pair = "<property><name>{}</name><value>{}</value></property>"
    (conf / "core-site.xml").write_text(site.format(pair.format("fs.defaultFS", "hdfs://127.0.0.1:1")))
    (conf / "yarn-site.xml").write_text(site.format(pair.format("yarn.resourcemanager.webapp.address", "127.0.0.1:1")))
    web = web_server("-r", "hadoop", env={"HADOOP_CONF_DIR": str(conf)})
    told = web.get("/api/workers").json()
    assert told["yarn"]["ok"] is False and "YARN" in told["yarn"]["words"]
    assert told["this_machine"]["cores"] >= 1 and told["this_machine"]["memory_mb"] > told["this_machine"]["free_mb"]
    assert told["this_machine"]["running"] == []
    sweep = SweepFolder.create(
        tmp_path / "lab" / "sweeps" / "first", {**SLOW, "data": {"label": "answer"}}, str(small_csv)
    )
    process = sweep_process("resume", sweep.path)
    running = lambda: web.get("/api/workers").json()["this_machine"]["running"]  # noqa: E731
    assert wait_for(running, 60)
    (one,) = running()
    assert (one["key"], one["pid"]) == ("first", process.pid) and re.search("sweep resume", one["command"])
    told = web.get("/api/sessions/first").json()
    assert told["state"] == "running"
    assert wait_for(lambda: web.get("/api/sessions/first").json()["sweep"]["running"], 60)


def test_without_a_cluster_there_is_none_to_tell_of(web_server, tmp_path):
    env = {"HADOOP_CONF_DIR": str(tmp_path), "HADOOP_HOME": str(tmp_path)}
    assert web_server(env=env).get("/api/workers").json()["yarn"] is None
