"""`mrdl train --resume`: what is not said is as the run was asked for, and which run it is must be said."""

import json

import pytest

import mrdl
from mrdl.cli.main import main

SETTINGS = ["--nodes", "64,8,10", "--shards", "2", "--epochs", "1", "--warm-rows", "60", "--batch-size", "16"]


@pytest.fixture
def train(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def go(*words: str) -> dict:
        assert main(["train", str(digits), "--json", *words]) == 0
        return json.loads(capsys.readouterr().out)

    return go


def test_a_run_goes_on_with_the_settings_that_it_had(train):
    whole = train(*SETTINGS, "--rounds", "2", "--run-dir", "whole")
    train(*SETTINGS, "--rounds", "1", "--run-dir", "part")
    again = train("--rounds", "2", "--run-dir", "part", "--resume")
    assert (again["sha256"], again["rounds"]) == (whole["sha256"], whole["rounds"])


def test_a_program_goes_on_with_the_settings_that_a_run_had(train, digits):
    ended = train(*SETTINGS, "--rounds", "1", "--run-dir", "part")
    assert mrdl.train(digits, run_dir="part", resume=True, show=False).sha256 == ended["sha256"]


def test_a_flag_that_differs_is_told_and_nothing_else(train, digits, capsys):
    train(*SETTINGS, "--rounds", "1", "--run-dir", "part")
    assert main(["train", str(digits), "--run-dir", "part", "--resume", "--batch-size", "32"]) == 2
    told = capsys.readouterr().err
    assert "part holds a run with other settings (batch_size 16 there, 32 now)" in told


def test_a_resume_of_no_run_is_refused(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(digits), "--resume"]) == 2
    assert "--resume: which run is to go on? Add --run-dir" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_knows_its_data(train, capsys):
    ended = train(*SETTINGS, "--rounds", "1", "--run-dir", "part")
    assert main(["train", "--run-dir", "part", "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == ended["sha256"]


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--rounds", "1"], "which data is to be learnt from?"), (["--resume", "--run-dir", "none"], "not a run folder")],
)
def test_a_training_without_data_is_refused(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    assert told in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_run_of_before_the_engines_is_refused_in_words(train, digits, tmp_path, capsys):
    train(*SETTINGS, "--rounds", "1", "--run-dir", "part")
    about = json.loads((tmp_path / "part" / "run.json").read_text())
    del about["settings"]["engine"]
    (tmp_path / "part" / "run.json").write_text(json.dumps(about))
    assert main(["train", str(digits), "--run-dir", "part", "--resume"]) == 2
    told = capsys.readouterr().err
    assert "of before the setting engine, which trained by torch" in told and "--engine torch" in told
    assert main(["show", "part"]) == 0 and "computed by torch" in capsys.readouterr().out
