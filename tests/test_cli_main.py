"""The command line: what it prints and where, what it leaves, and with which status it ends."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mrdl
from mrdl.cli.flags import flag
from mrdl.cli.main import main
from mrdl.cli.script import TrainJob
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import Preparation
from mrdl.model.baseline import as_json
from mrdl.model.model import Model
from mrdl.nn.kinds import autoencoder
from mrdl.settings.config import TrainConfig

REPO = Path(__file__).resolve().parent.parent
DIGITS = REPO / "tests" / "data" / "digits.csv"
TRAIN = ["train", str(DIGITS), "--rounds", "3", "--epochs", "2"]
KEYS = {"accuracy", "loss", "rounds", "shards", "rows", "label", "bad_rows", "sha256", "seconds", "run_dir"}
KEYS |= {"accuracy_rows", "accuracy_interval", "majority", "baseline", "no_better", "balanced_accuracy", "auc", "f1"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`mrdl train digits.csv --run-dir run > net.out`, once; its folder, with standard error in err.txt."""
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "mrdl", *TRAIN, "--run-dir", "run"]
    with open(folder / "net.out", "wb") as out, open(folder / "err.txt", "wb") as err:
        env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        subprocess.run(command, cwd=folder, env=env, stdout=out, stderr=err, check=True, timeout=120)
    return folder


@pytest.fixture
def run_copy(trained, tmp_path) -> Path:
    """The run folder of `trained`, to be changed."""
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


# --- train ---


def test_a_redirected_standard_output_is_the_model_and_nothing_else(trained):
    assert (trained / "net.out").read_bytes() == (trained / "run" / "model.safetensors").read_bytes()
    assert mrdl.load(trained / "net.out").arch.nodes == (64, 500, 100, 10)


def test_progress_goes_to_standard_error_as_plain_lines(trained):
    text = (trained / "err.txt").read_text()
    told = [line.split()[:2] for line in text.splitlines() if " training loss " in line]
    assert told == [["warm", "start"], ["round", "1/3"], ["round", "2/3"], ["round", "3/3"]]
    assert mrdl.load(trained / "net.out").sha256[:16] in text
    assert "\x1b" not in text and "Traceback" not in text


def test_json_is_one_object_with_the_promised_keys(command, trained, tmp_path):
    status, out, _ = command(*TRAIN, "--run-dir", tmp_path / "run", "--json")
    found = json.loads(out)
    assert (status, out.count("\n"), found.keys()) == (0, 1, KEYS)
    assert (found["rounds"], found["shards"], found["rows"], found["bad_rows"]) == (3, 4, 1797, 0)
    assert found["accuracy"] > 0.85
    assert found["run_dir"] == str(tmp_path / "run")
    assert found["sha256"] == mrdl.load(trained / "net.out").sha256  # the same in another folder and process


def test_a_folder_that_holds_the_run_is_refused_without_resume(command, run_copy):
    status, out, err = command(*TRAIN, "--run-dir", run_copy, "--json")
    assert (status, out) == (2, "")
    assert err.startswith("mrdl: ") and "holds this run already: go on with --resume" in err


def test_a_run_that_is_done_is_the_same_when_it_is_resumed(command, trained, run_copy):
    status, out, _ = command(*TRAIN, "--run-dir", run_copy, "--json", "--resume")
    assert (status, json.loads(out)["sha256"]) == (0, mrdl.load(trained / "net.out").sha256)
    assert (run_copy / "model.safetensors").read_bytes() == (trained / "net.out").read_bytes()


def test_more_rounds_go_on_from_those_that_are_done(command, trained, run_copy):
    status, out, _ = command(*TRAIN, "--rounds", "4", "--run-dir", run_copy, "--json", "--resume")
    lineage = mrdl.load(run_copy / "model.safetensors").lineage["rounds"]
    assert (status, json.loads(out)["rounds"], len(lineage)) == (0, 4, 5)
    assert lineage[:4] == mrdl.load(trained / "net.out").lineage["rounds"]


def test_the_scores_are_those_of_the_test_where_there_is_one(command, trained, run_copy, tmp_path):
    """On 200 rows whose labels are all 3."""
    lines = DIGITS.read_text().splitlines(keepends=True)
    test = tmp_path / "test.csv"
    test.write_text("".join([lines[0], *("3" + line[1:] for line in lines[1:201])]))
    threes = np.mean(mrdl.load(trained / "net.out").predict(test) == 3)
    _, out, _ = command(*TRAIN, "--run-dir", run_copy, "--resume", "--json", "--test", test)
    assert json.loads(out)["accuracy"] == threes < 0.5


def test_a_flag_goes_before_the_file_of_settings(command, tmp_path):
    (tmp_path / "set.toml").write_text("[network]\nnodes = [64, 12, 10]\nepochs = 1\n[run]\nrounds = 9\n")
    words = ("--config", tmp_path / "set.toml", "--rounds", 1, "--run-dir", tmp_path / "run", "--json")
    _, out, _ = command("train", DIGITS, *words)
    model = mrdl.load(tmp_path / "run" / "model.safetensors")
    assert (json.loads(out)["rounds"], model.settings["epochs"], model.arch.nodes) == (1, 1, (64, 12, 10))


def test_a_training_that_diverges_ends_with_1_and_what_to_do(command, tmp_path):
    words = (*TRAIN, "--learning-rate", "1e6", "--kind", "autoencoder", "--run-dir", tmp_path / "run", "--json")
    status, out, err = command(*words)
    assert (status, out) == (1, "")
    assert err.endswith("Start again with --learning-rate 500000 in another --run-dir.\n")
    assert "--resume" not in err, "to repeat the round would not help"


QUICK = ["--shards", 2, "--rounds", 1, "--epochs", 1, "--warm-rows", 60, "--warm-epochs", 1, "--json"]


@pytest.mark.parametrize(
    ("words", "rounds"),
    [
        (("--kind", "rbm", "--nodes", "64,12"), 1),
        (("--kind", "rbm", "--nodes", "64,12,8", "--visible", "gaussian"), 2),
        (("--kind", "dbn", "--nodes", "64,12,4", "--fine-tune", "autoencoder", "--threshold", "7"), 3),
    ],
)
def test_kinds_without_classes_have_a_loss_and_no_accuracy(command, tmp_path, words, rounds):
    status, out, _ = command("train", DIGITS, *words, *QUICK, "--run-dir", tmp_path / "run")
    found = json.loads(out)
    assert (status, found.keys(), found["accuracy"], found["rounds"]) == (0, KEYS, None, rounds)
    model = mrdl.load(tmp_path / "run" / "model.safetensors")
    assert found["loss"] == model.rounds[-1]["loss"] and found["sha256"] == model.sha256


def test_a_dbn_from_a_stack_is_fine_tuned_alone_and_its_stages_are_told(command, tmp_path):
    stack = ("train", DIGITS, "--kind", "rbm", "--nodes", "64,12,8", *QUICK, "--run-dir", tmp_path / "stack")
    _, _, err = command(*stack)
    told = [line.split(" training")[0].strip() for line in err.splitlines() if " training loss " in line]
    assert told == [f"layer {i}, {what}" for i in (1, 2) for what in ("warm start", "round 1/1")]
    model = tmp_path / "stack" / "model.safetensors"
    words = ("--kind", "dbn", "--nodes", "64,12,8,10", "--start-from", model, "--run-dir", tmp_path / "run")
    status, out, err = command("train", DIGITS, *words, *QUICK)
    assert (status, json.loads(out)["rounds"]) == (0, 1)
    assert "fine-tuning, round 1/1" in err and "layer 1" not in err


def test_the_features_of_a_machine_are_printed_and_its_labels_are_not(command, tmp_path):
    command("train", DIGITS, "--kind", "rbm", "--nodes", "64,12", *QUICK, "--run-dir", tmp_path / "run")
    model = tmp_path / "run" / "model.safetensors"
    for words, width in (((), 64), (("--features",), 12)):
        status, out, _ = command("predict", model, DIGITS, *words)
        rows = np.array([line.split(",") for line in out.splitlines()], float)
        assert (status, rows.shape) == (0, (1797, width)) and rows.min() >= 0 and rows.max() <= 1
    status, out, err = command("predict", model, DIGITS, "--proba")
    assert (status, out) == (2, "") and "'rbm' has not probabilities" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--kind", "dbn", "--nodes", "64,10"), "a dbn has a hidden layer at least"),
        (("--kind", "rbm", "--threshold", "abc"), "threshold is 'abc', expected a number"),
        (("--kind", "rbm", "--start-from", "nowhere.net"), "no such model file: nowhere.net"),
    ],
)
def test_wrong_settings_of_machines_end_with_2_and_words(command, tmp_path, words, says):
    status, out, err = command("train", DIGITS, *words, *QUICK, "--run-dir", tmp_path / "run")
    assert (status, out) == (2, "") and says in err and "Traceback" not in err


class Broken(TrainJob):
    """A job whose tasks fail."""

    def parse(self, schema):
        raise RuntimeError("this parser knows no rows")


def test_a_job_that_fails_ends_with_1_its_own_words_and_how_to_go_on(command, tmp_path):
    status, out, err = command(*TRAIN, "--run-dir", tmp_path / "run", "--json", job_class=Broken)
    assert (status, out) == (1, "")
    assert "RuntimeError: this parser knows no rows" in err and Path(__file__).name in err
    assert err.endswith(f"go on with --run-dir {tmp_path / 'run'} --resume\n")


@pytest.fixture(scope="module", params=["SIGINT", "SIGTERM"])
def interrupted(request, tmp_path_factory):
    """A training that gets a signal after its first round: the run folder, the exit status and standard error."""
    folder = tmp_path_factory.mktemp("interrupted")
    words = ["train", str(DIGITS), "--rounds", "9999", "--nodes", "64,12,10", "--run-dir", "run", "--json"]
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    process = subprocess.Popen([sys.executable, "-m", "mrdl", *words], cwd=folder, env=env, stderr=subprocess.PIPE)
    with process:
        next(line for line in process.stderr if b"round 1/9999" in line)
        process.send_signal(getattr(signal, request.param))
        err = process.stderr.read().decode()
    return folder / "run", process.returncode, err


def test_an_interrupted_training_ends_with_130_and_how_to_go_on(interrupted):
    _, status, err = interrupted
    assert status == 130
    assert "interrupted" in err and "--resume" in err and "Traceback" not in err


def test_an_interrupted_training_keeps_its_rounds(command, interrupted):
    rounds = json.loads(command("show", interrupted[0], "--json")[1])["rounds"]
    assert len(rounds) > 1 and [m["round"] for m in rounds] == list(range(len(rounds)))


def test_an_interrupted_training_leaves_no_files_of_its_job(interrupted):
    assert not (interrupted[0] / "work").exists()


# --- what is refused ---


REFUSED = {
    "a flag with a letter missing": (["--round", "4"], "unknown flag or argument '--round', did you mean --rounds?"),
    "a flag with a letter wrong": (["--bach-size=8"], "'--bach-size=8', did you mean --batch-size?"),
    "a flag like no other": (["--zzz"], "unknown flag or argument '--zzz', see mrdl train --help"),
    "a wrong runner": (["-r", "spark"], "invalid choice: 'spark' (choose from"),
    "a wrong choice": (["--combine", "median"], "combine is 'median', expected one of mean, uniform"),
    "text for a number": (["--rounds", "many"], "rounds is 'many', expected a whole number"),
    "a number out of range": (["--shards", "0"], "shards is 0, expected 1 or more"),
    "no value": (["--rounds"], "argument --rounds: expected one argument"),
    "a label that is not there": (["--label", "colour"], "no column 'colour': its columns are digit, r0c0, "),
    "a file of settings that is not there": (["--config", "no.toml"], "no.toml cannot be read: No such file"),
    "an unknown key": (["--config", "key.toml"], "unknown setting 'epoch', did you mean 'epochs'? (key.toml)"),
    "a file of settings that is no TOML": (["--config", "bad.toml"], "bad.toml is not TOML: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_words_end_with_2_and_one_line(command, tmp_path, monkeypatch, case):
    words, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.toml").write_text("[training]\nepoch = 2\n")
    (tmp_path / "bad.toml").write_text("epochs: 2\n")
    status, out, err = command("train", DIGITS, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("mrdl: ") and said in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "which data is to be learnt from"),
        (["train", "no.csv"], "no such file: no.csv"),
        (["predict", "no.out", DIGITS], "no such model file: no.out"),
        (["predict", DIGITS, DIGITS], "digits.csv is not a model"),
        (["show", "no.out"], "no such run or model: no.out"),
        (["show", "."], "is not a run folder: it has no run.json"),
        (["tran", "no.csv"], "invalid choice: 'tran' (choose from"),
    ],
)
def test_what_is_not_there_ends_with_2_and_one_line(command, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    status, out, err = command(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("mrdl: ") and said in err


def test_hadoop_where_there_is_none_is_refused_with_the_way_out(mrdl_command, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("HADOOP_")]:
        monkeypatch.delenv(name)
    ended = mrdl_command("train", DIGITS, "-r", "hadoop", env={"PATH": str(tmp_path)})
    assert (ended.rc, ended.out) == (2, b"")
    assert ended.err.startswith("mrdl: there is no `hadoop` on the PATH and no HADOOP_HOME. ")
    assert "HADOOP_CONF_DIR" in ended.err and "mrdl hadoop start" in ended.err
    assert not (tmp_path / "runs").exists()


# --- predict and show ---


def test_predict_prints_a_label_for_each_row(command, trained):
    status, out, err = command("predict", trained / "net.out", DIGITS)
    truth = [line.split(",")[0] for line in DIGITS.read_text().splitlines()[1:]]
    assert (status, err, len(out.splitlines())) == (0, "", len(truth))
    assert np.mean(np.array(out.splitlines()) == truth) > 0.9


def test_predict_prints_probabilities_below_the_classes(command, trained):
    status, out, _ = command("predict", trained / "net.out", DIGITS, "--proba")
    classes, *rows = (line.split(",") for line in out.splitlines())
    values = np.array(rows, float)
    assert (status, classes, values.shape) == (0, list("0123456789"), (1797, 10))
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(values, mrdl.load(trained / "net.out").predict_proba(DIGITS), atol=1e-6)


def test_predict_prints_the_reconstruction_of_an_autoencoder(command, tmp_path):
    arch = autoencoder((3, 2))
    scaling = Preparation(("a", "b", "c"), "", None, (), Inputs.scaled(np.zeros(3, np.float32), np.ones(3, np.float32)))
    model = Model(arch, arch.initial_weights(0), scaling)
    model.save(tmp_path / "net.out")
    (tmp_path / "data.csv").write_text("a,b,c\n0,0.5,1\n1,0.25,0\n")
    _, out, _ = command("predict", tmp_path / "net.out", tmp_path / "data.csv")
    values = np.array([line.split(",") for line in out.splitlines()], float)
    np.testing.assert_allclose(values, model.predict(tmp_path / "data.csv"), rtol=1e-5)


def test_a_reader_that_has_gone_is_no_crash(trained):
    """As in `mrdl predict net.out data.csv | head`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "mrdl", "predict", trained / "net.out", DIGITS]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_show_lists_the_rounds_of_a_run(command, trained):
    status, out, _ = command("show", trained / "run")
    assert (status, f"on {DIGITS}, 3 rounds" in out.splitlines()[0]) == (0, True)
    lines = [line.split() for line in out.splitlines()]
    digests = mrdl.load(trained / "net.out").lineage["rounds"]
    assert [line[1] for line in lines if line[0] in ("warm", "1", "2", "3")] == [digest[:8] for digest in digests]


def test_show_as_json_is_the_identity_and_the_manifests_of_a_run(command, trained):
    _, out, _ = command("show", trained / "run", "--json")
    about = json.loads((trained / "run" / "run.json").read_text())
    rounds = [json.loads((trained / "run" / "rounds" / f"000{i}.json").read_text()) for i in range(4)]
    assert json.loads(out) == {**about, "rounds": rounds}


def test_show_tells_what_a_model_is(command, trained):
    model = mrdl.load(trained / "net.out")
    status, out, _ = command("show", trained / "net.out")
    assert status == 0
    for text in (repr(model), model.sha256, "64 columns", "classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "training_loss"):
        assert text in out


def test_show_as_json_tells_what_a_model_is(command, trained):
    model = mrdl.load(trained / "net.out")
    _, out, _ = command("show", trained / "net.out", "--json")
    told = json.loads(out)
    columns = told.pop("columns")
    assert [column["name"] for column in columns] == list(model.preparation.columns)
    assert columns[0] == {"name": "r0c0", "type": "number", "example": "0", "levels": None}
    assert told == {
        "kind": "mlp",
        "nodes": [64, 500, 100, 10],
        "sha256": model.sha256,
        "digest": model.digest,
        "rounds": model.rounds,
        "settings": model.settings,
        "label": model.preparation.label,
        "classes": [str(digit) for digit in range(10)],
        "targets": [],
        "flags": False,
        **as_json(model.validation, model.preparation.majority),
    }


def test_show_as_json_gives_values_as_the_table_writes_them(command, tmp_path):
    rows = [f"{i % 7},{i % 10}5;{i % 3};{'ab'[i % 2]}" for i in range(400)]
    (tmp_path / "commas.csv").write_text("\n".join(["x;n;y", *rows]) + "\n")
    run = ("--label", "y", "--rounds", "1", "--epochs", "1", "--hidden", "4", "--run-dir", tmp_path / "run", "--json")
    assert command("train", tmp_path / "commas.csv", *run)[0] == 0
    _, out, _ = command("show", tmp_path / "run" / "model.safetensors", "--json")
    number, whole = (column["example"] for column in json.loads(out)["columns"])
    assert re.fullmatch(r"\d,\d+", number) and whole


# --- help ---


def test_the_help_of_train_lists_each_setting_and_ends_with_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--help"])
    text = capsys.readouterr().out
    words = {word.strip("[],") for word in text.split()}
    assert ended.value.code == 0
    assert {flag(field.name) for field in dataclasses.fields(TrainConfig)} <= words
    assert text.rstrip().splitlines()[-1].startswith("  mrdl train ") and "\nexamples:\n" in text


def test_no_words_at_all_are_answered_with_help(command):
    status, out, _ = command()
    assert status == 0 and all(name in out for name in ("train", "predict", "show"))


@pytest.mark.parametrize("script", [["-m", "mrdl", "train"], [str(REPO / "train.py")]])
def test_each_way_to_start_a_training_is_the_same_command(tmp_path, script):
    words = [sys.executable, *script, "no.csv", "--label", "digit"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "mrdl: no such file: no.csv\n")


# --- hints ---


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "x.csv", "--epoch", "3"], "'--epoch', did you mean --epochs?"),
        (["train", "x.csv", "--features"], "'--features', see mrdl train --help"),
        (["predict", "m", "x.csv", "--feature"], "'--feature', did you mean --features?"),
        (["sweep", "run", "s.toml", "x.csv", "--name", "x"], "'--name', see mrdl sweep run --help"),
        (["sweep", "run", "s.toml", "x.csv", "--slot=3"], "'--slot=3', did you mean --slots?"),
        (["--versio"], "'--versio', did you mean --version?"),
    ],
)
def test_a_hint_names_flags_of_the_command_in_hand_only(words, said, capsys):
    assert main(words) == 2
    assert said in capsys.readouterr().err


# --- what answers at once ---

HEAVY = {"torch", "pandas", "pyarrow", "mrjob", "hdfs", "requests", "plotly", "matplotlib", "sklearn"}


@pytest.mark.parametrize(
    "words", [["runs"], ["show", "runs/one"], ["sweep", "list"], ["--version"], ["runs", "--json"]]
)
def test_what_looks_at_files_alone_loads_nothing_heavy(words, command, new_run, small_csv, tmp_path):
    new_run(data=small_csv, folder="runs/one", label="answer", nodes=(3, 2), shards=1, rounds=1).execute()
    if words[0] == "sweep":
        (tmp_path / "s.toml").write_text('[data]\nlabel = "answer"\n[space]\nnodes = [[2]]\nepochs = 1\n')
        sweep = ("sweep", "run", tmp_path / "s.toml", small_csv, "--dir", tmp_path / "sweeps" / "s", "-r", "inline")
        assert command(*sweep)[0] == 0
    code = "import sys; from mrdl.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stdout.strip(), ended.stderr
    assert HEAVY & set(ended.stderr.split()) == set()
