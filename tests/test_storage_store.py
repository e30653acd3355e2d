"""Files on this machine: which are data, how they are read in pieces and unpacked; HDFS is asked for by its URI."""

import bz2
import gzip
import os

import numpy as np
import pytest

from mrdl.cluster.webhdfs import CHUNK_BYTES
from mrdl.errors import DataError, SetupError
from mrdl.storage import local
from mrdl.storage import store as store_module
from mrdl.storage.local import LocalStore
from mrdl.storage.store import is_hdfs, read, store_of, text_chunks

STORE = LocalStore()
TEXT = b"".join(b"%d,%d\n" % (i, i * i) for i in range(2000))


def make(folder, *names: str) -> None:
    for name in names:
        STORE.write(f"{folder}/{name}", name.encode())


def names(folder, pattern: str = "") -> list[str]:
    found = STORE.files(str(folder / pattern) if pattern else str(folder))
    return [os.path.relpath(info.path, folder.resolve()) for info in found]


# --- files ---


def test_a_file_is_found_with_its_size_and_time(tmp_path):
    make(tmp_path, "a.csv")
    (info,) = STORE.files(str(tmp_path / "a.csv"))
    path = tmp_path / "a.csv"
    assert (info.path, info.size, info.modified) == (str(path.resolve()), 5, path.stat().st_mtime_ns)


def test_a_relative_path_becomes_absolute(tmp_path, monkeypatch):
    make(tmp_path, "a.csv")
    monkeypatch.chdir(tmp_path)
    assert STORE.files("a.csv")[0].path == str((tmp_path / "a.csv").resolve())


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        pytest.param("", ["in/part-00002", "part-00000", "part-00001", "part-00010", "z.csv"], id="folder"),
        pytest.param("part-*", ["part-00000", "part-00001", "part-00010"], id="star"),
        pytest.param("part-0000?", ["part-00000", "part-00001"], id="question mark"),
        pytest.param("part-000[01]0", ["part-00000", "part-00010"], id="brackets"),
        pytest.param("*/part-*", ["in/part-00002"], id="in any folder"),
    ],
)
def test_files_of_a_folder_or_a_glob_are_sorted_and_hadoops_own_left_out(tmp_path, pattern, found):
    make(tmp_path, "part-00010", "z.csv", "part-00001", "_SUCCESS", ".part-00001.crc", "part-00000", "in/part-00002")
    make(tmp_path, "in/_SUCCESS", "in/.part-00002.crc")
    assert names(tmp_path, pattern) == found


@pytest.mark.parametrize("hidden", ["_temporary/0/part-00000", ".ipynb_checkpoints/a-checkpoint.csv"])
def test_what_lies_in_a_hidden_folder_is_no_data(tmp_path, hidden):
    make(tmp_path, "a.csv", hidden)
    assert names(tmp_path) == ["a.csv"]


def test_a_file_with_brackets_in_its_name_is_no_glob(tmp_path):
    make(tmp_path, "a[1].csv", "a1.csv")
    assert names(tmp_path, "a[1].csv") == ["a[1].csv"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("z.csv", "no such file"), ("*.csv", "no such file"), ("", "no files in the folder")],
)
def test_nothing_found_is_an_error_with_the_path(tmp_path, pattern, message):
    make(tmp_path, "_SUCCESS")
    with pytest.raises(DataError, match=message) as raised:
        names(tmp_path, pattern)
    assert str(raised.value).endswith(str(tmp_path / pattern) if pattern else str(tmp_path))


# --- bytes ---


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, None])
def test_the_first_bytes_of_a_file_come_in_pieces(tmp_path, length):
    data = np.random.default_rng(0).bytes(2 * CHUNK_BYTES + 7)
    path = str(tmp_path / "x")
    STORE.write(path, data)
    chunks = list(STORE.chunks(path, length))
    assert b"".join(chunks) == data[:length]
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("x.csv", TEXT, id="plain"),
        pytest.param("x.csv.gz", gzip.compress(TEXT), id="gz"),
        pytest.param("x.csv.bz2", bz2.compress(TEXT), id="bz2"),
        pytest.param("x.gz", b"".join(gzip.compress(TEXT[i : i + 999]) for i in range(0, len(TEXT), 999)), id="cat gz"),
        pytest.param("x.bz2", bz2.compress(TEXT[:999]) + bz2.compress(TEXT[999:]), id="cat bz2"),
        pytest.param("x.gz", gzip.compress(TEXT) + gzip.compress(b""), id="an empty member last"),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_packed_files_are_unpacked_however_they_are_cut(tmp_path, monkeypatch, name, data, size):
    monkeypatch.setattr(local, "CHUNK_BYTES", size)
    (tmp_path / name).write_bytes(data)
    assert b"".join(text_chunks(str(tmp_path / name))) == TEXT


@pytest.mark.parametrize(("ending", "packer"), [(".gz", gzip), (".bz2", bz2)])
def test_the_head_of_a_packed_file_is_the_beginning_of_its_text(tmp_path, ending, packer):
    path = tmp_path / f"x{ending}"
    text = np.random.default_rng(0).bytes(1_000_000).hex().encode()
    path.write_bytes(packer.compress(text))
    head = b"".join(text_chunks(str(path), 600_000))
    assert len(head) > 100_000
    assert text.startswith(head)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("x.gz", TEXT, id="not gz at all"),
        pytest.param("x.bz2", TEXT, id="not bz2 at all"),
        pytest.param("x.gz", gzip.compress(TEXT)[:-8] + b"12345678", id="gz with a wrong checksum"),
        pytest.param("x.gz", gzip.compress(TEXT)[:-100], id="gz cut short"),
        pytest.param("x.bz2", bz2.compress(TEXT)[:-100], id="bz2 cut short"),
        pytest.param("x.gz", gzip.compress(TEXT) + TEXT, id="gz with text behind it"),
    ],
)
def test_a_damaged_file_is_refused_by_its_name(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name} cannot be unpacked"):
        list(text_chunks(str(tmp_path / name)))


# --- making, moving, deleting ---


def test_writing_makes_folders_and_reading_gives_the_bytes_back(tmp_path):
    path = f"{tmp_path}/a/b/x"
    assert not STORE.exists(path)
    STORE.write(path, b"\x00\xff\n")
    assert (STORE.exists(path), STORE.exists(f"{tmp_path}/a"), read(path)) == (True, True, b"\x00\xff\n")


@pytest.mark.parametrize(("old", "new"), [("a/x", "c/d/y"), ("a", "c/d")])
def test_a_file_or_folder_moves_to_a_new_folder(tmp_path, old, new):
    make(tmp_path, "a/x", "b")
    STORE.rename(f"{tmp_path}/{old}", f"{tmp_path}/{new}")
    moved = "c/d/y" if old == "a/x" else "c/d/x"
    assert (names(tmp_path), read(f"{tmp_path}/{moved}")) == (["b", moved], b"a/x")


@pytest.mark.parametrize(("path", "left"), [("a/x", ["a/y", "b"]), ("a", ["b"]), ("nothing", ["a/x", "a/y", "b"])])
def test_a_file_a_folder_or_nothing_is_removed(tmp_path, path, left):
    make(tmp_path, "a/x", "a/y", "b")
    STORE.remove(f"{tmp_path}/{path}")
    assert names(tmp_path) == left


# --- which store ---


@pytest.mark.parametrize(
    ("path", "there"),
    [("hdfs://h:8020/x", True), ("hdfs:///x", True), ("/x", False), ("hdfs", False), ("file:///hdfs://", False)],
)
def test_hdfs_is_known_by_its_uri(path, there):
    assert is_hdfs(path) is there


def test_any_other_path_lies_on_this_machine():
    assert isinstance(store_of("data/x.csv"), LocalStore)


def test_hdfs_without_hadoops_configuration_says_how_to_get_one(monkeypatch):
    for name in ("HADOOP_CONF_DIR", "HADOOP_HOME"):
        monkeypatch.delenv(name, raising=False)
    store_module._store_of_conf.cache_clear()
    with pytest.raises(SetupError, match="HADOOP_CONF_DIR.*\n.*mrdl hadoop start"):
        store_of("hdfs:///x.csv")
