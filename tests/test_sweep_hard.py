"""A sweep in rough hands: wrong specs, odd data, odd back ends, broken folders, full disks, kills at any moment."""

import csv
import gzip
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from watching import processes, wait_for

from mrdl.cli.main import main
from mrdl.data.dataset import prepare_data
from mrdl.errors import ConfigError, DataError, MrdlError
from mrdl.nn.backends.reference import with_numpy
from mrdl.nn.backends.registry import backend
from mrdl.nn.backends.result import Result
from mrdl.nn.design import Design
from mrdl.reports.analysis import importance, time_by_depth, verdicts
from mrdl.reports.sweep_report import write_report
from mrdl.reports.trends import trend
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.jobs.child import Limits, over
from mrdl.sweep.jobs.pack import run_pack
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.routes import refused_by_train
from mrdl.sweep.spec import spec_of

TESTS = Path(__file__).resolve().parent
HERE = "test_sweep_hard"


# --- back ends, in other processes too ---

ODD = {  # what a back end may give, given the true classes (rows,)
    "column": lambda y: Result(y[:, None], 0.1),
    "first": lambda y: Result(y[:1], 0.1),
    "names": lambda y: Result(np.array([str(i) for i in y]), 0.1),
    "fractions": lambda y: Result(y + 0.4, 0.1),
    "nan": lambda y: Result(y * math.nan, 0.1),
    "no such class": lambda y: Result(y - 100, 0.1),
    "too few": lambda y: Result(y[:-1], 0.1),
    "scores": lambda y: Result(np.eye(y.max() + 1)[y], 0.1),
    "no loss": lambda y: Result(y, None),
    "nothing": lambda y: None,
    "array": lambda y: y,
    "list": lambda y: Result(y.tolist(), 0.1),
    "float32 loss": lambda y: Result(y, np.float32(0.1)),
    "int32": lambda y: Result(y.astype(np.int32), 0.1),
    "device": lambda y: Result(y, 0.1, np.dtype("f")),
    "formula": lambda y: Result(y, 0.1, "=1+1"),
    "prints": lambda y: print("x" * 100_000) or Result(y, 0.1),
    "thread": lambda y: threading.Thread(target=time.sleep, args=(60,)).start() or Result(y, 0.1),
    "moves": lambda y: os.chdir("/") or Result(y, 0.1),
    "file name": lambda y: os.stat(os.fsdecode(b"/caf\xe9.csv")),
    "markup": lambda y: int("<!--<script>alert(1)</script>"),
    "says a formula": lambda y: print('=HYPERLINK("http://x")', flush=True) or os._exit(3),
    "child": lambda y: subprocess.Popen(["sleep", "5"]) and Result(y, 0.1),
}


def odd(design, data, report):
    """The first layer's width says which of ODD."""
    return list(ODD.values())[design.hidden[0] - 1](np.asarray(data.test_y))


def reports_float32(design, data, report):
    for epoch in range(1, design.epochs + 1):
        report(epoch, np.float32(1 / epoch))
    return Result(np.asarray(data.test_y), 0.1)


def reports(design, data, report):
    for epoch in range(1, design.epochs + 1):
        report(epoch, 1 / epoch)
    return Result(np.asarray(data.test_y), 0.1)


def perfect(design, data, report):
    report(1, 0.5)
    time.sleep(0.05)
    return Result(np.asarray(data.test_y), 0.25)


def majority(design, data, report):
    return Result(np.full(len(data.test_y), data.majority), 1.0)


def sleeps(design, data, report):
    time.sleep(30)


def nodes_of(*names):
    return [[list(ODD).index(name) + 1] for name in names]


# --- fixtures ---


@pytest.fixture(autouse=True)
def importable(monkeypatch, tmp_path):
    """The back ends above can be imported by the processes of a sweep; sweeps/ is made in a folder of its own."""
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(small_csv):
    return prepare_data(str(small_csv), "answer", "auto", 0.2)


@pytest.fixture
def sweep(tmp_path, small_csv):
    """Make a sweep of 300 rows: sweep("perfect", nodes=[[1]])."""

    def make(function="perfect", folder="sweep", limits=(), **space):
        about = {"data": {"label": "answer"}, "space": space, "sweep": {"backend": f"{HERE}:{function}"}}
        return SweepDriver.create(tmp_path / folder, {**about, "limits": dict(limits)}, str(small_csv))

    return make


def toml(folder, **tables):
    """A spec's file."""
    path = folder / "spec.toml"
    words = [
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in {"data": {"label": "answer"}, **tables}.items()
    ]
    path.write_text("".join(words))
    return str(path)


def record(data, kind, function="odd", **limits):
    design = Design(tuple(nodes_of(kind)[0]))
    work = [(design.arch_id(data.digest, HERE), design.canonical(), f"{HERE}:{function}")]
    (found,) = run_pack(work, data, Limits(**{"cpu_s": 20, "memory_mb": 2048, **limits}))
    return found


@pytest.fixture
def command(tmp_path):
    """Start `mrdl sweep ...` in a process of its own; whatever it leaves behind is ended after the test."""
    started = []

    def start(*words):
        (tmp_path / "err.txt").touch()
        with open(tmp_path / "err.txt", "ab") as err:
            line = [sys.executable, "-m", "mrdl", "sweep", *map(str, words)]
            started.append(subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=err))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    for pid in processes(tmp_path):
        os.kill(pid, signal.SIGKILL)


# --- specs ---

RANDOM = {"sampler": "random", "count": 3}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"sweep": {**RANDOM, "sampler_seed": -1}}, "sampler_seed is -1"),
        ({"sweep": {"seeds": [2**70]}}, "seeds"),
        ({"sweep": {"in_flight": 0}}, "in_flight is 0"),
        ({"sweep": {"in_flight": -1}}, "in_flight is -1"),
        ({"limits": {"cpu_s": 0}}, "cpu_s is 0"),
        ({"limits": {"cpu_s": math.nan}}, "cpu_s is nan"),
        ({"limits": {"cpu_s": math.inf}}, "cpu_s is inf"),
        ({"limits": {"hang_s": 0}}, "hang_s is 0"),
        ({"limits": {"wall_s": 60}}, "limits.cpu_s is the most CPU seconds"),
        ({"sweep": {"device": "tpu"}}, "expected one of auto, cpu, cuda"),
        ({"limits": {"pack_s": math.nan}}, "pack_s is nan"),
        ({"limits": {"memory_mb": 2**62}}, "memory_mb is"),
        ({"data": {"label": True}}, "data.label is True"),
        ({"data": {"header": True}}, "data.header is True"),
        ({"space": {"nodes": [[2**80]]}}, "space.nodes"),
        ({"space": {"depth": {"min": 1, "max": 2, "log": "yes"}}, "sweep": RANDOM}, "log"),
        ({"space": {"learning_rate": {"min": 0.1, "max": 2e3}}, "sweep": RANDOM}, "learning_rate is 2000.0"),
        ({"sweep": {"seeds": 0}}, "sweep.seeds is 0"),
        ({"sweep": {"sampler": ["grid"]}}, "sweep.sampler is"),
        ({"limits": {"max_parameters": 1.0}}, "limits.max_parameters is 1.0"),
        ({"space": {"activation": [["relu"]]}}, "space.activation is"),
        ({"data": [{"label": "a"}]}, "expected a table"),
    ],
    ids=str,
)
def test_a_value_that_no_sweep_can_run_with_is_refused(spec, words):
    with pytest.raises(ConfigError, match=words):
        spec_of(spec).designs(3, 2)


def test_the_keys_of_a_range_may_stand_in_any_order():
    keys = (("min", "max", "log"), ("log", "min", "max"), ("max", "log", "min"))
    ranges = [{key: {"min": 4, "max": 64, "log": True}[key] for key in order} for order in keys]
    found = [spec_of({"space": {"width": width}, "sweep": RANDOM}).designs() for width in ranges]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", [":fit", "os:path", "os:", "divides:fit", "quits:fit"])
def test_a_back_end_that_cannot_be_one_is_refused(tmp_path, name):
    (tmp_path / "divides.py").write_text("1 / 0\n")
    (tmp_path / "quits.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(ConfigError, match="sweep.backend"):
        backend(name)


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    "tables",
    [
        {"space": {"dept": 3}},
        {"sweep": {"backend": "nowhere:fit"}},
        {"sweep": {"route": "job"}},
        {"sweep": {"backend": "numpy"}, "space": {"optimizer": "adam"}},
    ],
    ids=str,
)
def test_what_cannot_run_is_told_by_plan_and_by_run(tmp_path, small_csv, capsys, verb, tables):
    assert main(["sweep", verb, toml(tmp_path, **tables), str(small_csv)]) == 2
    assert "mrdl: " in capsys.readouterr().err and not (tmp_path / "sweeps").exists()


def test_slots_are_one_or_more(tmp_path, small_csv, mrdl_command):
    spec = toml(tmp_path, space={"nodes": [[1]]}, sweep={"backend": f"{HERE}:perfect"})
    assert mrdl_command("sweep", "run", spec, small_csv, "--slots", -1, timeout=5).rc == 2


# --- data ---

ROWS = "".join(f"{'ab'[i % 2]},{i % 2 + i / 100},{i % 5}\n" for i in range(50)).encode()
HEADER = b"y,p,q\n"


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        ("d.csv", HEADER + ROWS, "y"), ("d.csv", b"\xef\xbb\xbf" + HEADER + ROWS, "y"), ("d.csv", ROWS, "-3"),
        ("d.csv", ROWS.replace(b"\n", b"\r\n"), "0"), ("d.csv", ROWS[:-1], "0"), ("folder/d.csv", ROWS, "0"),
        ("d.csv.gz", gzip.compress(ROWS), "0"), ("d.csv", ROWS.replace(b"a,", b'"a",'), "0"),
    ],
)  # fmt: skip
def test_the_same_rows_have_the_same_digest_however_they_are_written(tmp_path, name, content, label):
    (tmp_path / "plain.csv").write_bytes(ROWS)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    given = path.parent if name.startswith("folder") else path
    found = prepare_data(str(given), label, "auto", 0.2)
    assert found.digest == prepare_data(str(tmp_path / "plain.csv"), "0", "auto", 0.2).digest
    assert found.classes == ("a", "b")


@pytest.mark.parametrize(
    "cells", ["{label},,{i}", "{label},7,7{i}", "{label},{sign}3e38,{i}", "{label},{sign}1e-45,{i}", "{label},nan,{i}"]
)
def test_odd_columns_end_in_finite_rows(tmp_path, cells):
    lines = [cells.format(label="ab"[i % 2], i=i, sign="-" if i % 3 else "") for i in range(60)]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    found = prepare_data(str(tmp_path / "d.csv"), "0", "no", 0.2)
    assert np.isfinite(found.train_x).all() and np.isfinite(found.test_x).all()
    assert found.train_x.min() >= 0 and found.train_x.max() <= 1


@pytest.mark.parametrize(
    ("content", "label", "words"),
    [
        (ROWS + b"caf\xe9,1,1\n", "0", "line 51: byte 0xe9 is not UTF-8"), (ROWS + b"a,1\n", "0", "line 51"),
        (HEADER + b'"a\nb",1,2\n' + ROWS, "y", "line 2"), (ROWS + b"a,inf,1\n", "0", "not a finite number"),
        (ROWS + b",1,1\n", "0", "the label is missing"), (ROWS, "3", "no column number 3"), (HEADER, "y", "no rows"),
        (ROWS, "-4", "no column number -4"), (HEADER + ROWS, "Y", "no column 'Y'"), (b"\n\n", "0", "empty"),
        (ROWS.replace(b",", b";"), "0", "commas"), (b"a,1,2\n", "0", "both parts need some|one class"),
    ],
)  # fmt: skip
def test_wrong_data_is_told_with_its_place(tmp_path, content, label, words):
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises((DataError, ConfigError), match=words):
        prepare_data(str(tmp_path / "d.csv"), label, "auto", 0.2)


def test_data_that_has_changed_since_is_not_taken_for_the_old(sweep, small_csv):
    sweep(nodes=[[1]])
    small_csv.write_text(small_csv.read_text().replace("yes", "maybe"))
    with pytest.raises(MrdlError):
        sweep(nodes=[[1]])


# --- back ends ---


NO_CLASSES = ("column", "first", "names", "fractions", "nan", "no such class", "too few", "scores")


@pytest.mark.parametrize("kind", [*NO_CLASSES, "no loss", "nothing", "array"])
def test_what_is_no_list_of_classes_is_a_failure_and_no_accuracy(data, kind):
    found = record(data, kind)
    assert found["status"] == "failed" and "accuracy" not in found and "said nothing" not in found["reason"]


@pytest.mark.parametrize("kind", ["list", "float32 loss", "int32", "prints", "thread", "moves"])
def test_what_a_back_end_may_do_is_done(data, kind):
    found = record(data, kind)
    assert (found["status"], found["accuracy"], found["wall_s"] < 10) == ("done", 1.0, True), found["reason"]


def test_a_device_that_is_no_text_does_not_end_a_child_silently(sweep):
    """By a whole sweep: what a forked child raises past its end runs on in a copy of whoever called run_pack."""
    table = sweep("odd", nodes=nodes_of("device")).run("inline")
    assert "said nothing" not in table.reason[0]


def test_a_child_of_a_training_is_not_waited_for(data):
    began = time.monotonic()
    record(data, "child", cpu_s=1)
    assert time.monotonic() - began < 3.5


def test_losses_may_be_numbers_of_any_kind(sweep):
    table = sweep("reports_float32", nodes=[[1]], epochs=3).run("inline")
    assert table.status[0] == "done", table.reason[0]
    assert table.curve[0] == pytest.approx([1, 1 / 2, 1 / 3], abs=1e-6)


@pytest.mark.parametrize("epochs", [1, 200, 201, 1000])
def test_a_curve_ends_with_the_last_epoch(data, epochs):
    design = Design((1,), epochs=epochs)
    (found,) = run_pack([("a", design.canonical(), f"{HERE}:reports")], data, Limits(20, 2048))
    assert found["curve"][-1] == pytest.approx(1 / epochs, abs=1e-6) and len(found["curve"]) <= 200


def test_the_numpy_back_end_trains_what_the_table_says(data):
    losses = set()
    for name in ("he", "xavier", "default"):
        design = Design((8,), initialisation=name, optimizer="sgd", epochs=1)
        try:
            losses.add(with_numpy(design, data, lambda epoch, loss: None).loss)
        except ConfigError:
            losses.add(name)
    assert len(losses) == 3, "each initialisation is another training, or is refused"


@pytest.mark.parametrize("hidden", [(), (5,), (5, 5, 5), (8, 4, 2)])
@pytest.mark.parametrize("residual", [False, True])
def test_parameters_are_those_of_thenetwork(hidden, residual):
    from mrdl.nn.backends.single import architecture_of
    from mrdl.nn.net import build

    design = Design(hidden, residual=residual)
    arch = architecture_of(design, 7, 3)
    net = build(arch, arch.initial_weights(0))
    assert sum(p.numel() for p in net.parameters()) == design.parameters(7, 3)


# --- jobs of their own ---


def test_a_job_does_not_train_another_initialisation_than_the_table_says():
    able = [
        n for n in ("he", "xavier", "default") if not refused_by_train(Design((8,), optimizer="sgd", initialisation=n))
    ]
    assert len(able) <= 1, "mrdl train has one initialisation"


@pytest.mark.slow
def test_a_job_trains_as_many_epochs_as_the_table_says(tmp_path, small_csv):
    space = {"nodes": [[4]], "optimizer": "sgd", "initialisation": "he", "learning_rate": 0.05, "epochs": 1}
    about = {"data": {"label": "answer"}, "space": space, "sweep": {"route": "job", "shards": 1}}
    table = SweepDriver.create(tmp_path / "sweep", about, str(small_csv)).run("inline")
    assert table.status[0] == "done", table.reason[0]
    assert len(table.curve[0]) == 1


def test_long_designs_of_a_back_end_of_ones_own_are_trained_by_it(sweep):
    made = sweep(nodes=[[1], [2]])
    (first, text, *_), (second, *_) = made.ledger.waiting()
    took = {"arch_id": first, "spec": text, "status": "done", "wall_s": 300.0, "accuracy": 0.5, "loss": 1.0}
    made.parts.close(made.intend([[first]]), [took])
    table = made.run("inline").set_index("arch_id")
    assert (table.status[second], table.backend[second]) == ("done", f"{HERE}:perfect"), table.reason[second]


LONG = {
    "space": {"nodes": [[8]], "optimizer": "sgd", "initialisation": "he", "epochs": 100_000},
    "sweep": {"route": "job", "shards": 1},
}  # fmt: skip


@pytest.mark.slow
def test_the_limit_of_time_holds_for_a_job_of_its_own(tmp_path, small_csv, command):
    spec = toml(tmp_path, **LONG, limits={"cpu_s": 1})
    process = command("run", spec, small_csv, "--dir", "long", "-r", "inline")
    assert wait_for(lambda: list(tmp_path.glob("long/runs/*/err.txt")), 40)
    assert wait_for(lambda: process.poll() is not None, 40), "it trains on"
    assert SweepDriver(tmp_path / "long").table().reason[0] == over(1)


@pytest.mark.slow
def test_a_killed_driver_leaves_no_job_running(tmp_path, small_csv, command):
    process = command("run", toml(tmp_path, **LONG), small_csv, "--dir", "long", "-r", "local")
    assert wait_for(lambda: list(tmp_path.glob("long/runs/*/run.json")), 40)
    process.kill()
    process.wait()
    assert wait_for(lambda: not processes(tmp_path / "long"), 3), "or resume finds its run folder in use, and gives up"


# --- a folder that is not as it was ---


def test_a_driver_that_died_while_it_planned_is_followed_by_resume(sweep):
    made = sweep(nodes=[[1], [2]])
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    assert main(["sweep", "resume", str(made.path), "-r", "inline"]) == 0
    assert SweepDriver(made.path).ledger.counts()["done"] == 2


def written(folder):
    return [line for path in sorted((folder / "parts").glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("content", [None, b"", b"not a database " * 300], ids=["gone", "empty", "garbage"])
def test_an_index_that_is_lost_costs_no_training(sweep, content):
    made = sweep(nodes=[[1], [2]])
    table, lines = made.run("inline"), written(made.path)
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    if content is not None:
        (made.path / "ledger.db").write_bytes(content)
    assert main(["sweep", "reindex", str(made.path)]) == 0
    assert SweepDriver(made.path).run("inline").equals(table) and written(made.path) == lines


def test_a_lost_index_is_not_taken_for_a_sweep_that_was_never_run(sweep):
    made = sweep(nodes=[[1], [2]])
    made.run("inline")
    lines = written(made.path)
    made.ledger.close()
    for path in made.path.glob("ledger.db*"):
        path.unlink()
    assert set(sweep(nodes=[[1], [2]]).run("inline").status) == {"done"}
    assert written(made.path) == lines, "each exactly once"


def test_a_sweep_goes_on_after_its_index_was_made_again(sweep):
    """A job that died before its first word has no part, and its number is free again."""
    made = sweep(nodes=[[n] for n in range(1, 5)])
    made.run("local", 2)
    parts = sorted((made.path / "parts").glob("*.jsonl"))
    assert len(parts) > 1
    parts[0].unlink()
    made = SweepDriver(made.path, reindex=True)
    assert set(made.run("inline").status) == {"done"}


@pytest.mark.parametrize("verb", ["status", "show", "report", "reindex", "resume", "export"])
@pytest.mark.parametrize(("name", "content"), [("sweep.json", "{"), ("ledger.db", "not a database " * 300)])
def test_a_broken_folder_is_told(sweep, capsys, verb, name, content):
    made = sweep(nodes=[[1]])
    made.ledger.close()
    (made.path / name).write_text(content)
    status = main(["sweep", verb, str(made.path), *(["t.csv"] if verb == "export" else [])])
    assert status == (0 if (verb, name) == ("reindex", "ledger.db") else 2)


@pytest.mark.parametrize("content", [None, b"\x10\0\0\0\0\0\0\0{}"])
@pytest.mark.parametrize("verb", ["resume", "reindex"])
def test_prepared_data_that_is_damaged_is_told(sweep, content, verb):
    made = sweep(nodes=[[1]])
    (made.path / "data.safetensors").unlink()
    if content:
        (made.path / "data.safetensors").write_bytes(content)
    assert main(["sweep", verb, str(made.path), *(["-r", "inline"] if verb == "resume" else [])]) == 2


def test_one_broken_sweep_does_not_hide_the_others(sweep, tmp_path, capsys):
    sweep(folder="sweeps/good[ab]", nodes=[[1]])
    (tmp_path / "sweeps" / "broken").mkdir()
    (tmp_path / "sweeps" / "broken" / "sweep.json").write_text("{")
    assert main(["sweep", "list"]) == 0
    assert "good" in capsys.readouterr().out


def test_a_name_with_brackets_is_listed_as_it_is(sweep, capsys):
    sweep(folder="sweeps/good[ab]", nodes=[[1]])
    assert main(["sweep", "list"]) == 0 and "good[ab]" in capsys.readouterr().out


def test_sweeps_of_one_name_in_two_folders_do_not_share_a_job_on_yarn(sweep):
    first, second = sweep(folder="a/sweep", nodes=[[1]]), sweep(folder="b/sweep", nodes=[[2]])
    assert first.intend([]) != second.intend([]), "it names the output in HDFS, and the job that is waited for"


def test_a_back_end_that_is_not_found_any_more_fails_no_design(tmp_path, small_csv, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "only_there.py").write_text(f"from {HERE} import perfect as fit\n")
    monkeypatch.chdir(tmp_path / "a")
    about = {"data": {"label": "answer"}, "space": {"nodes": [[1]]}, "sweep": {"backend": "only_there:fit"}}
    folder = SweepDriver.create(tmp_path / "sweep", about, str(small_csv)).path
    monkeypatch.chdir(tmp_path / "b")
    monkeypatch.delitem(sys.modules, "only_there", raising=False)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path / "a")])
    assert main(["sweep", "resume", str(folder), "-r", "inline"]) in (0, 2)
    assert SweepDriver(folder).ledger.counts()["failed"] == 0


# --- verbs ---


def test_every_verb_of_a_sweep_that_is_not_there_says_so(capsys):
    for verb in ("status", "show", "stop", "resume", "retry-failed", "report", "reindex"):
        assert main(["sweep", verb, "nothing"]) == 2
        assert "is not the folder of a sweep" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere/t.csv", "folder.csv", "full.csv", "full.parquet", "nowhere/t.parquet"])
def test_an_export_that_cannot_be_written_is_told(sweep, tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    for full in ("full.csv", "full.parquet"):
        (tmp_path / full).symlink_to("/dev/full")
    assert main(["sweep", "export", str(sweep(nodes=[[1]]).path), name]) == 2


def test_a_report_that_cannot_be_written_is_told(sweep):
    made = sweep(nodes=[[1]])
    made.run("inline")
    assert main(["sweep", "report", str(made.path), "--out", "nowhere/r.html"]) == 2


@pytest.mark.parametrize("folder", ["/proc/nowhere", "a_file", "a_file/below"])
def test_a_folder_that_cannot_be_made_is_told(tmp_path, small_csv, folder):
    (tmp_path / "a_file").touch()
    spec = toml(tmp_path, space={"nodes": [[1]]}, sweep={"backend": f"{HERE}:perfect"})
    assert main(["sweep", "run", spec, str(small_csv), "--dir", folder]) == 2


def test_json_is_all_that_retry_failed_prints(sweep, capfd):
    made = sweep("odd", nodes=nodes_of("nothing", "list"))
    made.run("inline")
    assert main(["sweep", "retry-failed", str(made.path), "--json", "-r", "inline"]) == 0
    assert json.loads(capfd.readouterr().out)["failed"] == 1


def test_a_failure_is_counted_as_soon_as_it_is_known(sweep):
    made = sweep(nodes=[[1], [2]])
    (first, text, *_), (second, *_) = made.ledger.waiting()
    name = made.intend([[first, second]])
    made.ledger.take_in(name, [{"arch_id": first, "spec": text, "status": "failed", "reason": "so"}])
    counts = made.ledger.counts()
    assert (counts["failed"], counts["running"]) == (1, 1)


# --- kills ---


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_whatever_ends_a_driver_leaves_no_training_running(tmp_path, small_csv, command, sign):
    spec = toml(tmp_path, space={"nodes": [[1]]}, sweep={"backend": f"{HERE}:sleeps"})
    process = command("run", spec, small_csv, "--dir", "sweep", "-r", "inline")
    assert wait_for(lambda: len(processes(tmp_path / "sweep" / "control")) == 2, 40), "a worker and its training"
    process.send_signal(sign)
    process.wait()
    assert wait_for(lambda: not processes(tmp_path / "sweep" / "control"), 2), "the training lives on"
    if sign != signal.SIGKILL:
        assert "mrdl sweep resume" in (tmp_path / "err.txt").read_text(), "how to go on"


@pytest.mark.slow
def test_drivers_killed_at_random_lose_nothing_and_train_nothing_twice(tmp_path, small_csv, command):
    rng, folder = random.Random(1), tmp_path / "sweep"
    spec = toml(tmp_path, space={"nodes": [[n] for n in range(1, 31)]}, sweep={"backend": f"{HERE}:perfect"})
    for _ in range(5):
        process = command("run", spec, small_csv, "--dir", "sweep", "--slots", 2)
        wait_for(lambda process=process: process.poll() is not None, rng.uniform(0.4, 2.0))
        process.kill()
        process.wait()
    made = SweepDriver.create(folder, {
        "data": {"label": "answer"}, "space": {"nodes": [[n] for n in range(1, 31)]},
        "sweep": {"backend": f"{HERE}:perfect"},
    }, str(small_csv))  # fmt: skip
    table = made.run("local", 2)
    counts = made.ledger.counts()
    assert (counts["designs"], counts["done"], counts["duplicates"]) == (30, 30, 0)
    assert sorted(json.loads(line)["arch_id"] for line in written(folder)) == sorted(table.arch_id)
    made = SweepDriver(made.path, reindex=True)
    assert made.table().equals(table)


# --- tables ---


@pytest.fixture
def mixed(sweep):
    """Designs that are done, have failed, and were not trained yet."""
    made = sweep("odd", nodes=nodes_of("list", "nothing", "formula", "says a formula", "prints", "markup"))
    made.run("inline")
    made.ledger.plan([("f" * 16, Design((99,)).canonical(), 1.0, "torch")])
    return made


def test_both_exports_say_the_same_to_readers_that_know_no_mrdl(mixed, tmp_path):
    import pyarrow.parquet

    for name in ("t.csv", "t.parquet"):
        assert main(["sweep", "export", str(mixed.path), name]) == 0
    with open(tmp_path / "t.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    others = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert len(rows) == len(others) == 7 and list(rows[0]) == list(others[0])
    for row, other in zip(rows, others, strict=True):
        for name in ("arch_id", "status", "hidden", "attempts"):
            assert row[name] == str(other[name])
        for name in ("accuracy", "loss", "wall_s", "parameters"):
            assert (float(row[name]) if row[name] else None) == other[name] or math.isnan(other[name])
        assert (json.loads(row["curve"]) if row["curve"] else None) == other["curve"]


def test_no_cell_of_a_csv_is_a_formula(mixed, tmp_path):
    assert main(["sweep", "export", str(mixed.path), "t.csv"]) == 0
    with open(tmp_path / "t.csv", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r") and cell]


def test_a_reason_that_is_no_unicode_does_not_cost_the_table(sweep, tmp_path):
    made = sweep("odd", nodes=nodes_of("file name", "list"))
    assert made.run("inline").status.tolist() == ["failed", "done"]
    for words in (["export", str(made.path), "t.csv"], ["export", str(made.path), "t.parquet"],
                  ["report", str(made.path)], ["show", str(made.path)]):  # fmt: skip
        assert main(["sweep", *words]) == 0


# --- the report ---


def test_whatever_a_reason_says_is_no_markup_of_the_page(mixed):
    assert main(["sweep", "report", str(mixed.path)]) == 0
    page = (mixed.path / "report.html").read_text()
    (drawn,) = re.findall(r"const drawn = (\{.*\});\n", page)
    assert "<!--" not in drawn and "</script" not in drawn, "a comment in a script hides its end"
    assert "alert(1)" in drawn, "but it is told"


def reported():
    """A table of which a report can be written."""
    ids = [f"{i:016x}" for i in range(24)]
    return shaped([0.5, 0.9], arch_id=ids, hidden="8", reason="", baseline=0.1, loss=1.0, curve=[[2.0, 1.0]] * 24)


def test_whatever_a_name_says_is_no_markup_of_the_page(tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    about = {"id": evil, "source": evil, "spec": {"space": {"note": evil}}}
    page = write_report(reported(), about, tmp_path / "r.html").read_text()
    assert "<script>alert(1)" not in page and "<img src=x" not in page and "&lt;img src=x" in page


@pytest.mark.parametrize(
    ("function", "nodes", "status"),
    [("majority", [[1], [2, 2], []], 0), ("perfect", [[]], 0), ("odd", nodes_of("nothing", "array"), 2)],
    ids=["all collapsed", "one without layers", "all failed"],
)
def test_a_report_of_an_odd_sweep_is_a_page_or_a_word(sweep, function, nodes, status):
    made = sweep(function, nodes=nodes)
    made.run("inline")
    assert main(["sweep", "report", str(made.path)]) == status
    assert (made.path / "report.html").exists() == (status == 0)
    if function == "majority":
        assert "3 of 3 designs say one class" in "".join(verdicts(made.table(), {}))


# --- what it says ---


def shaped(accuracies, each=12, sigma=0.01, **columns):
    """A table of so many designs at depths 1, 2, 4 and so on with these accuracies."""
    depth = np.repeat([2**i for i in range(len(accuracies))], each)
    accuracy = np.repeat(accuracies, each) + np.random.default_rng(0).normal(0, sigma, len(depth))
    return pd.DataFrame({
        "status": "done", "depth": depth, "accuracy": accuracy, "collapsed": False, "no_better": False,
        "parameters": depth * 100,
        "width": 8, "activation": "relu", "initialisation": "he", "residual": False, "dropout": 0.0, "batch_size": 32,
        "optimizer": "adam", "learning_rate": 0.001, "epochs": 3, "seed": 0, "cpu_s": 1.0, **columns,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("accuracies", "wrong"),
    [
        ([0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.6], "is flat"),
        ([0.3, 0.6, 0.9, 0.9, 0.9, 0.6, 0.6, 0.3], "no change"),
        ([0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.3], "is flat|no change"),
    ],
)
def test_accuracy_that_rises_and_falls_is_not_told_as_flat(accuracies, wrong):
    found = trend("all", shaped(accuracies), 0.01).words()
    assert not re.search(wrong, found), found


@pytest.mark.parametrize("count", [3, 8])
def test_a_choice_with_a_value_for_each_design_explains_nothing(count):
    accuracies = np.random.default_rng(0).random(count)
    assert not [name for name, share in importance(shaped(accuracies, each=1)).items() if share > 0.99]


@pytest.mark.parametrize("count", [200, 1200])
def test_the_slope_of_time_and_its_interval_are_those_of_scipy(count):
    from scipy.stats import theilslopes

    rng = np.random.default_rng(0)
    depth = rng.integers(1, 41, count)
    cpu = 0.5 + 0.03 * depth + rng.normal(0, 0.3, count)
    table = shaped([0.9], each=count).assign(depth=depth, cpu_s=cpu)
    slope, low, high, _ = time_by_depth(table)
    exact = theilslopes(cpu, depth)
    assert slope == pytest.approx(exact.slope, abs=0.25 * (exact.high_slope - exact.low_slope))
    assert 0.7 < (high - low) / (exact.high_slope - exact.low_slope) < 1.5


def test_a_ledger_counts_a_design_once_whatever_its_parts_say(tmp_path):
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.plan([("a", Design((1,)).canonical(), 1.0, "torch")])
    right = {"accuracy": 1.0, "loss": 0.0}
    for job, status in (("1", "failed"), ("2", "done"), ("3", "done"), ("4", "failed")):
        ledger.intend(job, [["a"]])
        ledger.take_in(job, [{"arch_id": "a", "status": status, "job": job, **right}] * 2)
        ledger.harvested(job)
    (found,) = ledger.results()
    counts = ledger.counts()
    ledger.close()
    assert (found["status"], found["job"], found["attempts"]) == ("done", "2", 4)
    assert (counts["designs"], counts["done"], counts["failed"], counts["duplicates"]) == (1, 1, 0, 1)
