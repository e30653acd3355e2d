"""A sweep's folder that is not as it was: nothing is trained twice, and what is broken is told."""

import sys

import pytest
from odd_back_ends import HERE, written

from mrdl.cli.main import main
from mrdl.errors import MrdlError
from mrdl.nn.design import Design
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.record import Record, State

pytestmark = pytest.mark.usefixtures("importable")


# --- data ---


def test_data_that_has_changed_since_is_not_taken_for_the_old(odd_sweep, small_csv):
    odd_sweep(nodes=[[1]])
    small_csv.write_text(small_csv.read_text().replace("yes", "maybe"))
    with pytest.raises(MrdlError):
        odd_sweep(nodes=[[1]])


# --- a folder that is not as it was ---


def test_a_driver_that_died_while_it_planned_is_followed_by_resume(odd_sweep):
    made = odd_sweep(nodes=[[1], [2]])
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    assert main(["sweep", "resume", str(made.path), "-r", "inline"]) == 0
    assert SweepFolder(made.path).ledger.counts()["done"] == 2


@pytest.mark.parametrize("content", [None, b"", b"not a database " * 300], ids=["gone", "empty", "garbage"])
def test_an_index_that_is_lost_costs_no_training(odd_sweep, content):
    made = odd_sweep(nodes=[[1], [2]])
    table, lines = SweepDriver(made).run("inline"), written(made.path)
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    if content is not None:
        (made.path / "ledger.db").write_bytes(content)
    assert main(["sweep", "reindex", str(made.path)]) == 0
    assert SweepDriver(SweepFolder(made.path)).run("inline").equals(table) and written(made.path) == lines


def test_a_lost_index_is_not_taken_for_a_sweep_that_was_never_run(odd_sweep):
    made = odd_sweep(nodes=[[1], [2]])
    SweepDriver(made).run("inline")
    lines = written(made.path)
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    assert set(SweepDriver(odd_sweep(nodes=[[1], [2]])).run("inline").status) == {"done"}
    assert written(made.path) == lines, "each exactly once"


def test_a_sweep_goes_on_after_its_index_was_made_again(odd_sweep):
    """A job that died before its first word has no part, and its number is free again."""
    made = odd_sweep(nodes=[[n] for n in range(1, 5)])
    SweepDriver(made).run("local", 2)
    parts = sorted((made.path / "parts").glob("*.jsonl"))
    assert len(parts) > 1
    parts[0].unlink()
    made = SweepFolder(made.path, reindex=True)
    assert set(SweepDriver(made).run("inline").status) == {"done"}


@pytest.mark.parametrize("verb", ["status", "show", "report", "reindex", "resume", "export"])
@pytest.mark.parametrize(("name", "content"), [("sweep.json", "{"), ("ledger.db", "not a database " * 300)])
def test_a_broken_folder_is_told(odd_sweep, capsys, verb, name, content):
    made = odd_sweep(nodes=[[1]])
    made.ledger.close()
    (made.path / name).write_text(content)
    status = main(["sweep", verb, str(made.path), *(["t.csv"] if verb == "export" else [])])
    assert status == (0 if (verb, name) == ("reindex", "ledger.db") else 2)


@pytest.mark.parametrize("content", [None, b"\x10\0\0\0\0\0\0\0{}"])
@pytest.mark.parametrize("verb", ["resume", "reindex"])
def test_prepared_data_that_is_damaged_is_told(odd_sweep, content, verb):
    made = odd_sweep(nodes=[[1]])
    (made.path / "data.safetensors").unlink()
    if content:
        (made.path / "data.safetensors").write_bytes(content)
    assert main(["sweep", verb, str(made.path), *(["-r", "inline"] if verb == "resume" else [])]) == 2


def test_one_broken_sweep_does_not_hide_the_others(odd_sweep, tmp_path, capsys):
    odd_sweep(folder="sweeps/good[ab]", nodes=[[1]])
    (tmp_path / "sweeps" / "broken").mkdir()
    (tmp_path / "sweeps" / "broken" / "sweep.json").write_text("{")
    assert main(["sweep", "list"]) == 0
    assert "good" in capsys.readouterr().out


def test_a_name_with_brackets_is_listed_as_it_is(odd_sweep, capsys):
    odd_sweep(folder="sweeps/good[ab]", nodes=[[1]])
    assert main(["sweep", "list"]) == 0 and "good[ab]" in capsys.readouterr().out


def test_sweeps_of_one_name_in_two_folders_do_not_share_a_job_on_yarn(odd_sweep):
    first, second = odd_sweep(folder="a/sweep", nodes=[[1]]), odd_sweep(folder="b/sweep", nodes=[[2]])
    assert first.register([]) != second.register([]), "it names the output in HDFS, and the job that is waited for"


def test_a_back_end_that_is_not_found_any_more_fails_no_design(tmp_path, small_csv, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "only_there.py").write_text(f"from {HERE} import perfect as fit\n")
    monkeypatch.chdir(tmp_path / "a")
    about = {"data": {"label": "answer"}, "space": {"nodes": [[1]]}, "sweep": {"backend": "only_there:fit"}}
    folder = SweepFolder.create(tmp_path / "sweep", about, str(small_csv)).path
    monkeypatch.chdir(tmp_path / "b")
    monkeypatch.delitem(sys.modules, "only_there", raising=False)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path / "a")])
    assert main(["sweep", "resume", str(folder), "-r", "inline"]) in (0, 2)
    assert SweepFolder(folder).ledger.counts()["failed"] == 0


# --- verbs ---


def test_a_failure_is_counted_as_soon_as_it_is_known(odd_sweep):
    made = odd_sweep(nodes=[[1], [2]])
    (first, text, *_), (second, *_) = made.ledger.waiting()
    name = made.register([[first, second]])
    made.ledger.take_in(name, [made.record(first, text, made.spec.backend, status="failed", reason="so")])
    counts = made.ledger.counts()
    assert (counts["failed"], counts["running"]) == (1, 1)


# --- what it says ---


def test_a_ledger_counts_a_design_once_whatever_its_parts_say(tmp_path):
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.plan([("a", Design((1,)).canonical(), 1.0, "torch")])
    right = {"accuracy": 1.0, "loss": 0.0}
    for job, status in (("1", "failed"), ("2", "done"), ("3", "done"), ("4", "failed")):
        ledger.register(job, [["a"]])
        ledger.take_in(job, [Record.from_json({"arch_id": "a", "status": status, "reason": job, **right})] * 2)
        ledger.harvested(job)
    (found,) = ledger.results()
    counts = ledger.counts()
    ledger.close()
    assert (found.status, found.reason, found.attempts) == (State.DONE, "2", 4)
    assert (counts["designs"], counts["done"], counts["failed"], counts["duplicates"]) == (1, 1, 0, 1)
