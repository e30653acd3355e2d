"""The drill: real runs under real faults, and what it says when a run ends in other bytes."""

import json

import numpy as np
import pytest

from mrdl.cli import drill as drill_command
from mrdl.cli.main import main
from mrdl.cluster.mini.cluster import Status
from mrdl.drill import drill, faults

WORDS = ["--nodes", "64,16,10", "--shards", "2", "--rounds", "3", "--epochs", "1", "--warm-rows", "100"]


def quick(report):
    """What was hit and what was equal, in all."""
    return sum(report["hits"].values()), sum(report["equal"].values())


@pytest.mark.slow
def test_runs_under_fire_end_in_the_bytes_of_the_calm_run(mrdl_command, digits):
    ended = mrdl_command("drill", digits, "--faults", "3", "--json", *WORDS)
    assert ended.rc == 0, ended.err
    assert quick(ended.json) == (3, 3) and ended.json["wrong"] == [] and len(ended.json["calm"]) == 64


def test_other_bytes_are_told_and_the_run_is_kept(digits, monkeypatch, capsys, tmp_path):
    def change(trial):
        """Not a fault, but what a drill must find: the run goes on as another one."""
        if not trial.end(9):
            return False
        for path in trial.run_dir.glob("*.json"):
            path.unlink()
        trial.words = [*trial.words, "--seed", "7"]
        return True

    monkeypatch.setattr(faults, "FAULTS", {"another seed": faults.Fault(change)})
    monkeypatch.setattr(drill, "FAULTS_A_TRIAL", 1)
    monkeypatch.setattr(drill_command.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    status = main(["drill", str(digits), "--faults", "1", "--json", *WORDS])
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert status == 1 and quick(report) == (1, 0) and len(report["wrong"]) == 1
    assert "another seed" in told.err and str(tmp_path) in told.err
    assert (tmp_path / report["wrong"][0].split()[0]).exists(), "trial-2 where trial-1 ended before it was hit"


def test_a_run_that_fails_by_itself_is_told(mrdl_command, digits):
    ended = mrdl_command("drill", digits, "--nodes", "63,10", "--faults", "1")
    assert ended.rc == 1 and "fails without any fault" in ended.err and "63" in ended.err


@pytest.mark.parametrize("words", [["--run-dir", "x"], ["--cache-dir", "x"]])
def test_a_drill_has_folders_of_its_own(mrdl_command, digits, words):
    ended = mrdl_command("drill", digits, *words)
    assert ended.rc == 2 and "--run-dir and --cache-dir" in ended.err


def test_every_runner_has_the_faults_of_the_one_before():
    inline, local, hadoop = (set(faults.faults_of(runner)) for runner in ("inline", "local", "hadoop"))
    assert inline < local < hadoop
    assert hadoop == set(faults.FAULTS)


def test_damage_changes_a_file_or_takes_it_away(tmp_path):
    rng, seen = np.random.default_rng(0), set()
    for i in range(40):
        path = tmp_path / str(i)
        path.write_bytes(bytes(100))
        faults._damage(path, rng)
        assert not path.exists() or path.read_bytes() != bytes(100)
        seen.add(path.stat().st_size if path.exists() else None)
    assert None in seen and 0 in seen and 100 in seen, "deleted, emptied, flipped"


def test_a_drill_of_another_cluster_than_the_one_it_harms_is_refused(digits, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MRDL_HADOOP_DIR", str(tmp_path / "mini"))
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    (tmp_path / "core-site.xml").write_text("<configuration/>")
    running = Status(False, {"namenode": 1}, {}, tmp_path / "mini")
    monkeypatch.setattr(faults.MiniCluster, "status", lambda cluster: running)
    assert main(["drill", str(digits), "-r", "hadoop", *WORDS]) == 2
    told = capsys.readouterr().err
    assert f"the cluster in {tmp_path}/mini while the run uses that of {tmp_path}:" in told and told.count("\n") == 1


def test_a_drill_on_another_cluster_than_the_scripts_is_refused_in_words(digits, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MRDL_HADOOP_DIR", str(tmp_path))
    assert main(["drill", str(digits), "-r", "hadoop", *WORDS]) == 2
    told = capsys.readouterr().err
    assert f"none runs in {tmp_path}: mrdl hadoop start" in told and told.count("\n") == 1
