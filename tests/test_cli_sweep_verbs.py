"""The verbs of `mrdl sweep` say what cannot be done, and print what was asked for alone."""

import json

import pytest
from odd_back_ends import HERE, nodes_of, toml

from mrdl.cli.main import main
from mrdl.sweep.driver import SweepDriver

pytestmark = pytest.mark.usefixtures("importable")


def test_every_verb_of_a_sweep_that_is_not_there_says_so(capsys):
    for verb in ("status", "show", "stop", "resume", "retry-failed", "report", "reindex"):
        assert main(["sweep", verb, "nothing"]) == 2
        assert "is not the folder of a sweep" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere/t.csv", "folder.csv", "full.csv", "full.parquet", "nowhere/t.parquet"])
def test_an_export_that_cannot_be_written_is_told(odd_sweep, tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    for full in ("full.csv", "full.parquet"):
        (tmp_path / full).symlink_to("/dev/full")
    assert main(["sweep", "export", str(odd_sweep(nodes=[[1]]).path), name]) == 2


def test_a_report_that_cannot_be_written_is_told(odd_sweep):
    made = odd_sweep(nodes=[[1]])
    SweepDriver(made).run("inline")
    assert main(["sweep", "report", str(made.path), "--out", "nowhere/r.html"]) == 2


@pytest.mark.parametrize("folder", ["/proc/nowhere", "a_file", "a_file/below"])
def test_a_folder_that_cannot_be_made_is_told(tmp_path, small_csv, folder):
    (tmp_path / "a_file").touch()
    spec = toml(tmp_path, space={"nodes": [[1]]}, sweep={"backend": f"{HERE}:perfect"})
    assert main(["sweep", "run", spec, str(small_csv), "--dir", folder]) == 2


def test_json_is_all_that_retry_failed_prints(odd_sweep, capfd):
    made = odd_sweep("odd", nodes=nodes_of("nothing", "list"))
    SweepDriver(made).run("inline")
    assert main(["sweep", "retry-failed", str(made.path), "--json", "-r", "inline"]) == 0
    assert json.loads(capfd.readouterr().out)["failed"] == 1
