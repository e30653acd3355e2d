"""Slips of the keyboard, in numbers and in paths, end with status 2 and one message before anything runs."""

import pytest

from mrdl.cli.main import main

ROWS = "".join(f"{i % 2},{i},{i * i % 7}\n" for i in range(60))
LONG, DEEP = "x" * 5000, "d/" * 2500


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(ROWS)
    (tmp_path / "a_file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch-size", "99999999999999999999"], "batch_size is 99999999999999999999, expected 1000000 or fewer"),
        (["--batch-size", "9223372036854775807"], "expected 1000000 or fewer"),
        (["--nodes", "2,99999999999999999999,2"], "weights, expected 500,000,000 or fewer"),
        (["--nodes", "2,100000,100000,2"], "10,000,400,000 weights"),
        (["--batch-norm"], "there is no batch_norm: its means and deviations are those of a shard's batches"),
        (["--rounds", "4000000000"], "rounds is 4000000000, expected 100000 or fewer"),
        (["--warm-epochs", "99999999999999"], "expected 1000000000 or fewer"),
        (["--seed", "99999999999999999999999"], "seed is"),
        (["--cache-dir", "a_file"], "the cache folder a_file cannot be written: "),
        (["--cache-dir", "a_file/below"], "the cache folder a_file/below cannot be written: "),
        (["--cache-dir", "/proc/none"], "the cache folder /proc/none cannot be written: "),
        (["--mrjob-conf", "none.conf"], "mrjob_conf none.conf cannot be read: No such file"),
        (["--mrjob-conf", "."], "mrjob_conf . cannot be read: Is a directory"),
        (["-r", "local", "--python-bin", "no-python -v"], "there is no program 'no-python'"),
        (["-r", "local", "--python-bin", "./a_file"], "there is no program './a_file'"),
        (["-r", "local", "--python-bin", "'open"], "No closing quotation"),
        *[([flag, LONG], "a path of 5,000 bytes") for flag in ("--cache-dir", "--run-dir", "--test", "--start-from")],
        *[([flag, LONG[:300]], "a name of 300 bytes") for flag in ("--cache-dir", "--mrjob-conf", "--test")],
        (["--cache-dir", DEEP], "a path of 5,000 bytes"),
        (["--config", LONG], "cannot be read: File name too long"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_one_message(folder, capsys, words, said):
    assert main(["train", "data.csv", "--json", "--rounds", "1", "--epochs", "1", *words]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("mrdl: ") == 1 and len(told) < 800


@pytest.mark.parametrize("data", [LONG, DEEP, "y" * 256])
def test_data_of_too_long_a_name_is_not_there(folder, capsys, data):
    assert main(["train", data]) == 2
    told = capsys.readouterr().err
    assert told.startswith("mrdl: no such file: ") and len(told) < 400


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("setosa", "Setosa"), "'Setosa' and 'setosa'"),
        (("New York", "New  York"), "'New  York' and 'New York'"),
        (("1", "1.0"), "'1' and '1.0'"),
        (("yes", "no"), ""),
    ],
)
def test_labels_that_are_alike_are_said(folder, capsys, labels, said):
    rows = "".join(f"{labels[i % 2]},{i},{i * i % 7}\n" for i in range(60))
    (folder / "data.csv").write_text("kind,a,b\n" + rows)
    words = ["--label", "kind", "--json", "--rounds", "1", "--epochs", "1", "--nodes", "2,4,2"]
    assert main(["train", "data.csv", *words, "--shards", "1"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert ("alone are classes of their own: " + " ".join(said.split()) in told) if said else "alone are" not in told
