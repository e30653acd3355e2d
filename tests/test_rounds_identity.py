"""The same data is known again by its content, and changed data is never taken for what it was."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mrdl.cli.main import main
from mrdl.data.source import Source
from mrdl.errors import DataError
from mrdl.settings.config import TrainConfig
from mrdl.storage import fingerprint as of_files

QUICK = {"nodes": (2, 3, 2), "shards": 1, "rounds": 1, "epochs": 1, "warm_rows": 0}
ROWS = "".join(f"{i % 2},{i % 9},{i * i % 7}\n" for i in range(100))


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(ROWS)
    return path


def change(path, old: str, new: str) -> None:
    """Other bytes of the same size, and the time put back."""
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def known(path) -> dict:
    return Source.look_at(str(path), TrainConfig()).identity()


def test_a_file_changed_with_equal_size_and_time_is_trained_on_as_it_is_now(data, new_run, monkeypatch, tmp_path):
    before = new_run(data=data, **QUICK).execute().to_bytes()
    change(data, ",2\n", ",1\n")
    after = new_run(data=data, **QUICK).execute().to_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    assert after == new_run(data=data, **QUICK).execute().to_bytes() != before


def test_a_run_is_not_resumed_on_data_that_was_changed(data, new_run, tmp_path):
    new_run(data=data, folder="run", **QUICK).execute()
    change(data, ",2\n", ",1\n")
    with pytest.raises(ValueError, match="another data set"):
        new_run(data=data, folder="run", resume=True, **QUICK).execute()


@pytest.mark.parametrize("size", [0, 1 << 30])
def test_a_change_anywhere_in_a_file_changes_what_it_is_known_by(data, monkeypatch, size):
    monkeypatch.setattr(of_files, "MOST_BYTES", size)
    data.write_text("0,1\n" + "1,2\n" * 3_000_000)
    before = known(data)
    text = bytearray(data.read_bytes())
    at = 4 * 1_234_567  # between two samples
    text[at : at + 4] = b"0,9\n"
    times = data.stat().st_atime_ns, data.stat().st_mtime_ns
    data.write_bytes(text)
    os.utime(data, ns=times)
    assert known(data)["sha256"] != before["sha256"]
    assert before["known_by"] == ("all bytes" if size else "size, times and samples of the bytes")


def test_the_same_content_is_parsed_once_whatever_its_time_and_name(data, new_run, monkeypatch, tmp_path):
    new_run(data=data, **QUICK).execute()
    os.utime(data)
    data.rename(tmp_path / "other.csv")
    monkeypatch.setattr(Source, "inputs", lambda *about: pytest.fail("the text was read again"))
    new_run(data=tmp_path / "other.csv", **QUICK).execute()


def test_the_same_bytes_packed_and_not_are_not_the_same_text(data, tmp_path):
    import gzip

    packed = gzip.compress(ROWS.encode(), mtime=0)
    (tmp_path / "a.gz").write_bytes(packed)
    info = Source.look_at(str(tmp_path / "a.gz"), TrainConfig())
    plain = replace(info, name="a")
    assert plain.identity()["sha256"] == info.identity()["sha256"] != known(data)["sha256"]


def test_data_that_changes_while_it_is_read_is_refused_and_not_kept(data, new_run, monkeypatch, tmp_path):
    inputs = Source.inputs

    def meanwhile(*about):
        found = inputs(*about)
        data.write_text(ROWS + "1,2,3\n")
        return found

    monkeypatch.setattr(Source, "inputs", meanwhile)
    with pytest.raises(DataError, match=r"data\.csv was changed while it was read"):
        new_run(data=data, **QUICK).execute()
    assert not list((tmp_path / "cache" / "mrdl" / "shards").iterdir())


def test_a_run_says_what_its_data_is_known_by(data, new_run, capsys, tmp_path):
    new_run(data=data, folder="run", **QUICK).execute()
    about = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert about["known_by"] == "all bytes" and about == known(data)
    assert main(["show", str(tmp_path / "run")]) == 0
    assert f"the data is known by all bytes: {about['sha256']}" in capsys.readouterr().out
