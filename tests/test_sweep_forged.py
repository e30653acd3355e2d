"""A sweep's files that were damaged or forged: told in one message with the way out, and never a row of the table."""

import json
import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from mrdl.cli.main import main
from mrdl.errors import ConfigError, MrdlError
from mrdl.nn.design import design_of
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import read_record
from mrdl.sweep.spec import spec_of

TESTS = Path(__file__).resolve().parent
DEEP = "[" * 100_000 + "]" * 100_000
STRANGE = (
    None, True, -1, 2**70, 10**400, 1e308, float("nan"), float("inf"), "", "x" * 10_000, "\x1b[31m", "../../x", "a\0b",
    [], {}, [[]], [None] * 50, {"": {}}, {"min": 10**400, "max": 1}, [[10**400]], "done", "{", "\ud800",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A sweep of three designs that are done, and one that was not trained yet."""
    folder = tmp_path_factory.mktemp("forged")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTS))
        patch.setenv("PYTHONPATH", str(TESTS))
        (folder / "d.csv").write_text("".join(f"{'ab'[i % 2]},{i % 2 + i / 100},{i % 5}\n" for i in range(80)))
        about = {"data": {"label": "0"}, "space": {"nodes": [[9], [7], [2]], "epochs": 3}}
        about["sweep"] = {"seeds": 2, "backend": "backends:at_once"}
        made = SweepFolder.create(folder / "sweep", about, str(folder / "d.csv"))
        SweepDriver(made).run("inline")
        made.ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        made.ledger.close()
    return folder / "sweep"


@pytest.fixture
def sweep(trained, tmp_path):
    """A copy that may be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "sweep"))


def forged(value, rng):
    """A copy of JSON with something strange at one place."""
    if rng.random() < 0.3 or not isinstance(value, dict | list) or not value:
        return rng.choice(STRANGE)
    copy = dict(value) if isinstance(value, dict) else list(value)
    place = rng.choice(list(copy)) if isinstance(copy, dict) else rng.randrange(len(copy))
    if isinstance(copy, dict) and rng.random() < 0.2:
        copy[rng.choice(["x", "id", "space", "status", "accuracy"])] = rng.choice(STRANGE)
    elif isinstance(copy, dict) and rng.random() < 0.2:
        del copy[place]
    else:
        copy[place] = forged(copy[place], rng)
    return copy


def looks(folder, **more):
    """What a look at a sweep says: its table, or one message that names a file; anything else is a bug."""
    began = time.monotonic()
    try:
        return SweepFolder(folder, **more).table()
    except MrdlError as error:
        assert error.exit_status == 2 and len(str(error)) < 2000
        return str(error)
    finally:
        assert time.monotonic() - began < 5


def test_whatever_stands_in_a_sweeps_own_file_is_a_sweep_or_is_told_with_it(sweep):
    rng, about = random.Random(1), json.loads((sweep / "sweep.json").read_text())
    for _ in range(300):
        (sweep / "sweep.json").write_text(json.dumps(forged(about, rng)))
        found = looks(sweep)
        assert not isinstance(found, str) or "sweep.json" in found, found


@pytest.mark.parametrize("text", ["", DEEP, '{"id": ' + "9" * 5000 + "}", "\udcff", "[]", "null", '{"spec": {}}'])
def test_a_sweeps_own_file_that_is_no_such_file_is_told(sweep, text):
    (sweep / "sweep.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "sweep.json is damaged" in looks(sweep)
    assert main(["sweep", "status", str(sweep)]) == 2


def test_no_forged_line_becomes_a_row(sweep):
    rng, (part, *_) = random.Random(2), sorted((sweep / "parts").glob("*.jsonl"))
    whole = part.read_bytes().splitlines(keepends=True)
    true = looks(sweep).set_index("arch_id").accuracy.to_dict()
    told = 0
    for _ in range(120):
        lines, at = list(whole), rng.randrange(len(whole))
        lines[at] = json.dumps(forged(json.loads(whole[at]), rng)).encode() + b"\n"
        part.write_bytes(b"".join(lines))
        found = looks(sweep, reindex=True)
        if isinstance(found, str):
            told += 1
            assert part.name in found and "mrdl sweep reindex" in found, found
            continue
        assert set(found.arch_id) == set(true) and set(found.status) <= {"done", "failed", "planned"}
        done = found[found.status == "done"]
        assert ((done.accuracy >= 0) & (done.accuracy <= 1) & done.loss.notna()).all()
        assert set(found.hidden) == {"9", "7", "2"} and set(found.depth) == {1} and set(found.epochs) == {3}
    assert told > 30


def test_a_damaged_line_is_told_and_without_it_its_design_is_trained_again(sweep):
    (part, *_) = sorted((sweep / "parts").glob("*.jsonl"))
    first, *others = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(first.replace(b'"accuracy": ', b'"accuracy": 1') + b"".join(others))
    assert main(["sweep", "reindex", str(sweep)]) == 2
    part.write_bytes(b"".join(others))
    assert main(["sweep", "reindex", str(sweep)]) == 0
    assert SweepFolder(sweep).ledger.counts()["planned"] == 1


@pytest.mark.parametrize("line", [DEEP.encode(), b"1" * 6000, b"{}", b"null", b"\xff\xfe", b'{"arch_id": 1}'])
def test_a_line_that_is_no_record_is_no_row(sweep, line):
    (part, *_) = sorted((sweep / "parts").glob("*.jsonl"))
    part.write_bytes(part.read_bytes() + line + b"\n")
    found = looks(sweep, reindex=True)
    assert isinstance(found, str) or set(found.status) == {"done"}


def test_a_design_that_was_never_planned_is_not_counted(sweep):
    (part, *_) = sorted((sweep / "parts").glob("*.jsonl"))
    record = {"arch_id": "f" * 16, "status": "done", "accuracy": 1.0, "loss": 0.0, "collapsed": True}
    part.write_bytes(part.read_bytes() + json.dumps(record).encode() + b"\n")
    made = SweepFolder(sweep, reindex=True)
    counts = made.ledger.counts()
    assert (counts["designs"], counts["done"], counts["failed"], counts["collapsed"]) == (6, 6, 0, 0)
    assert "f" * 16 not in set(made.table().arch_id)


def test_a_file_among_the_parts_that_is_none_is_told(sweep):
    (sweep / "parts" / "notes.jsonl").write_text("{}\n")
    assert "notes.jsonl is no part of this sweep" in looks(sweep, reindex=True)


def test_whatever_stands_in_an_index_it_is_told_how_to_make_it_again(sweep):
    rng, whole = random.Random(3), (sweep / "ledger.db").read_bytes()
    columns = {
        "arch": ("arch_id", "position", "spec", "predicted_s", "lost", "asked"), "job": ("name", "state", "packs"),
        "attempt": ("arch_id", "job", "status", "record"),
    }  # fmt: skip
    told = 0
    for _ in range(100):
        for path in sweep.glob("ledger.db*"):
            path.unlink()
        (sweep / "ledger.db").write_bytes(whole)
        table = rng.choice(list(columns))
        value = rng.choice([v for v in STRANGE if v != "\ud800"])
        value = json.dumps(value) if isinstance(value, list | dict) or (value and type(value) is int) else value
        with sqlite3.connect(sweep / "ledger.db") as db:
            db.execute(f"UPDATE OR IGNORE {table} SET {rng.choice(columns[table])} = ?", (value,))
        db.close()
        found = told_by_all(sweep)
        told += bool(found)
        assert not found or "mrdl sweep reindex" in found, found
    assert told > 10


def told_by_all(folder):
    """What is told by whoever looks into the index; empty where it is all well."""
    try:
        made = SweepFolder(folder)
        made.ledger.waiting()
        made.ledger.counts()
        made.ledger.jobs()
        made.ledger.speed()
        made.table()
    except ConfigError as error:
        return str(error)
    finally:
        made.ledger.close()
    return ""


def test_an_index_with_bytes_changed_is_told_or_is_well(sweep):
    rng, whole = random.Random(4), (sweep / "ledger.db").read_bytes()
    for _ in range(100):
        for path in sweep.glob("ledger.db*"):
            path.unlink()
        spoilt = bytearray(whole)
        for _ in range(20):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        (sweep / "ledger.db").write_bytes(spoilt)
        found = looks(sweep)
        assert not isinstance(found, str) or "mrdl sweep reindex" in found, found


@pytest.mark.parametrize(
    "change",
    [{"hidden": [2**70]}, {"hidden": [True]}, {"epochs": 10**9}, {"seed": "1"}, {"activation": ["relu"]}, {"x": 1}],
    ids=str,
)
def test_what_no_spec_can_draw_is_no_design(sweep, change):
    text = SweepFolder(sweep).spec.designs()[0].canonical()
    assert design_of(text).canonical() == text
    forged_text = json.dumps({**json.loads(text), **change}, sort_keys=True, separators=(",", ":"))
    with pytest.raises(ConfigError, match="is no design"):
        design_of(forged_text)


def test_a_spec_that_no_machine_can_plan_is_refused_at_once():
    hundred = list(range(1, 101))
    for spec in (
        {"sweep": {"seeds": 10**12}},
        {"space": {"depth": hundred, "width": hundred, "batch_size": hundred, "epochs": hundred}},
    ):
        with pytest.raises(ConfigError, match="expected"):
            spec_of(spec)


def test_numbers_of_a_record_are_finite():
    done = {"arch_id": "a", "status": "done", "accuracy": 0.5, "loss": 1.0}
    assert read_record(json.dumps(done)).to_json() == done
    for name in ("loss", "accuracy", "wall_s"):
        for text in ("NaN", "Infinity", "1e999"):
            with pytest.raises(ValueError, match=name):
                read_record(json.dumps({**done, name: 0.123}).replace("0.123", text))
