"""A folder has one driver at a time, and what its disk refuses is told with a way out; files are whole or not there."""

import errno
import os
import subprocess
import sys

import pytest

from mrdl.errors import ConfigError, SetupError
from mrdl.storage import atomic
from mrdl.storage.lock import held, is_held

HOW = {"elsewhere": "Use --elsewhere", "again": "go on with --again"}


def test_a_folder_is_made_and_held_by_one_process(tmp_path):
    folder, code = (
        tmp_path / "a" / "b",
        "import sys, pathlib, mrdl.storage.lock as l; print(l.is_held(pathlib.Path(sys.argv[1])))",
    )
    with held(folder, "run", inside=[folder / "c"], **HOW):
        assert (folder / "c").is_dir() and is_held(folder)
        assert subprocess.check_output([sys.executable, "-c", code, folder], text=True) == "True\n"
        with (
            pytest.raises(ConfigError, match=f"the run folder .* is in use by process {os.getpid()}"),
            held(folder, "run", **HOW),
        ):
            pass
    assert not is_held(folder)


def test_a_folder_that_cannot_be_made_names_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SetupError, match=r"Not a directory\. Use --elsewhere$"),
        held(tmp_path / "file" / "x", "run", **HOW),
    ):
        pass


def test_a_full_disk_is_told_with_how_to_go_on_and_other_failures_stay_what_they_are(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "weights")
    with (
        pytest.raises(SetupError, match="weights cannot be written: No space left.*go on with --again"),
        held(tmp_path, "run", **HOW),
    ):
        raise full
    with pytest.raises(PermissionError), held(tmp_path, "run", **HOW):
        raise PermissionError(errno.EACCES, "no")
    assert not is_held(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.json"
    atomic.write(path, b"old")
    with pytest.raises(ZeroDivisionError), atomic.beside(path) as place:
        place.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        1 / 0  # noqa: B018
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.json", b"old")]


def test_a_file_can_be_named_by_what_was_written(tmp_path):
    with atomic.beside(tmp_path / "a", named=lambda place: tmp_path / place.read_text()) as place:
        place.write_text("b")
    assert [file.name for file in tmp_path.iterdir()] == ["b"]


def test_what_killed_writes_have_left_is_cleared_and_nothing_else(tmp_path):
    for name in (".a.json.123", ".hidden", "a.json.123", "a.json"):
        (tmp_path / name).touch()
    atomic.clear(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".hidden", "a.json", "a.json.123"]
