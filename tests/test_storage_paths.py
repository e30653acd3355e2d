"""Paths are text: what mrjob, Hadoop, a shell or a terminal would take for more is the name of a file or folder."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from mrdl.cli.main import main
from mrdl.storage.paths import PLAIN, hadoop_literal, matching, plain_name
from mrdl.sweep.folder import SweepFolder

ROWS = "".join(f"{i % 2},{i},{i * i % 7}\n" for i in range(40))
QUICK = ["--nodes", "2,3,2", "--shards", "2", "--rounds", "1", "--epochs", "1", "--warm-rows", "9"]
NASTY = [
    "[bold]x", "*[]", "[0-9]", "a,b", "a#b", "#LATEST", "{x,y}", "{", "100%", "%41", "a  b ", "it's", 'a"b',
    "$(touch hacked)", "`touch hacked`", "$HOME", "~x", "-rf", "--json", "a\\b", "a;b&c|d>e", "a=b", "ünïcødé 数",
    "file:x", "a\tb", "a\nb", "\x1b[31mred", "_x", "?",
]  # fmt: skip


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The network of the same rows by a plain name."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "data.csv").write_text(ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert main(["train", str(folder / "data.csv"), "--json", "--run-dir", str(folder / "run"), *QUICK]) == 0
    return (folder / "run" / "model.safetensors").read_bytes()


def lay(folder: Path, name: str) -> Path:
    """A folder of a name, in it data of that name beside others that a glob or a list would find instead."""
    (folder / name / f"{name}.csv").parent.mkdir(parents=True)
    (folder / name / f"{name}.csv").write_text(ROWS)
    for other in ("a", "b", "ab", "b}", "x", "1", "A", "r/", "hacked", "x.csv", "b.csv"):
        beside = folder / name / f"{other}.csv"
        beside.parent.mkdir(exist_ok=True)
        beside.write_text("0,1,2\n1,2,oops\n")
    return folder / name / f"{name}.csv"


@pytest.mark.parametrize("name", [*NASTY, "r[", "r[/b]"])
def test_data_run_folder_and_cache_may_have_any_name(tmp_path, monkeypatch, capsys, known, name):
    data, run = lay(tmp_path / "in", name), tmp_path / name
    monkeypatch.chdir(tmp_path)
    words = [f"--run-dir={name}", f"--cache-dir={tmp_path / name}-cache", "--rounds=1", *QUICK]
    assert main(["train", str(data), "--json", *words]) == 0, capsys.readouterr().err
    assert (run / "model.safetensors").read_bytes() == known
    assert main(["predict", str(run / "model.safetensors"), str(data)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 41, "a line of JSON and one for each row"
    assert main(["show", str(run)]) == 0 and main(["runs", str(tmp_path)]) == 0
    assert not list(tmp_path.rglob("hacked")) and not (run / "work").exists()
    assert "\x1b" not in "".join(capsys.readouterr())


@pytest.mark.slow
def test_processes_of_tasks_may_work_in_folders_of_any_name(tmp_path, known, mrdl_command):
    name = "[bold]*{a,b}#%41 $(touch hacked) 'ü\\ -x[b]"
    data = lay(tmp_path / "in", name)
    ended = mrdl_command("train", data, "-r", "local", "--json", "--run-dir", name, "--cache-dir", f"{name}/c", *QUICK)
    assert ended.rc == 0, ended.err
    assert (tmp_path / name / "model.safetensors").read_bytes() == known
    assert not list(tmp_path.rglob("hacked"))


def test_data_may_have_a_name_that_is_no_utf8_and_a_setting_may_not(tmp_path, known, monkeypatch, capsys):
    raw = os.fsdecode(b"\xff\xfe[x")
    data = lay(tmp_path / "in", raw)
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(data), "--json", "--run-dir=run", *QUICK]) == 0, capsys.readouterr().err
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == known
    assert main(["show", "run"]) == 0 and main(["train", str(data), "--run-dir", raw, *QUICK]) == 2
    assert "run_dir is '\\udcff\\udcfe[x', expected UTF-8" in capsys.readouterr().err


# --- globs ---


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[a]/*.csv", ["[a]/1.csv", "[a]/2.csv"]),
        ("[a]/?.csv", ["[a]/1.csv", "[a]/2.csv"]),
        ("?/*.csv", ["a/3.csv"]),
        ("[ab]/3.csv", ["a/3.csv"]),
        ("*/[12].csv", ["[a]/1.csv", "[a]/2.csv"]),
        ("*.csv", []),
    ],
)
def test_a_folder_that_is_there_by_its_literal_name_is_that_folder(tmp_path, monkeypatch, pattern, found):
    for name in ("[a]/1.csv", "[a]/2.csv", "a/3.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    assert matching(pattern) == found
    assert matching(str(tmp_path / pattern)) == [str(tmp_path / name) for name in found]


@pytest.mark.parametrize(
    ("uri", "literal"),
    [
        ("hdfs://h:8020/user/me/data.csv", "hdfs://h:8020/user/me/data.csv"),
        ("hdfs://[::1]:8020/a", "hdfs://[::1]:8020/a"),
        ("hdfs:///a*b?c[d]", r"hdfs:///a\*b\?c\[d\]"),
        ("hdfs:///a,b", r"hdfs:///a{\,}b"),
        ("hdfs:///{a}\\", "hdfs:///\\{a\\}\\\\"),
    ],
)
def test_hadoop_is_given_a_pattern_that_means_one_file(uri, literal):
    assert hadoop_literal(uri) == literal


@pytest.mark.parametrize("name", NASTY)
def test_a_folder_has_a_plain_name_as_long_as_it_is_held(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "x").write_text("1")
    with plain_name(tmp_path / name) as plain:
        assert PLAIN.fullmatch(str(plain))
        assert subprocess.run(f"cat {plain}/x", shell=True, capture_output=True).stdout == b"1"
    assert (plain / "x").exists() == (plain == tmp_path / name)


@pytest.mark.parametrize("name", NASTY)
def test_the_jobs_of_a_sweep_have_plain_names_whatever_its_folder_is_called(tmp_path, small_csv, name):
    spec = {"data": {"label": "answer"}, "space": {"nodes": [[4]], "epochs": 1}}
    sweep = SweepFolder.create(tmp_path / name, spec, str(small_csv))
    assert re.fullmatch(r"[a-z0-9._-]+-[0-9a-f]{8}", sweep.about["id"])
