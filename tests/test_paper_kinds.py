"""The paper's names for more than classifiers, for data of several files, and for a job of one's own."""

import re
import subprocess
import sys

import numpy as np
import pytest

import mrdl
from mrdl import Data_load, rbm
from mrdl.errors import ConfigError, DataError

PROGRAM = """
from mrdl import rbm, MRDL

if __name__ == '__main__':
    newnet = rbm(learn_rate=RATE, momentum=0.5, batch_size=16)
    MRDL.newnet = newnet
    net = newnet.create_net(NET)
    MRDL.net = net
    MRDL.run()
    iter1 = newnet.combine_weights(MRDL.weights)
    net = newnet.create_net(NET)
    newnet.set_w(iter1, net)
    testdata = newnet.data_load('data.csv')
    print('returned', newnet.test(testdata, net))
"""
MINE = """
import sys
from mrdl import rbm, MRDL

def first(results):
    print('combining', 'torch' in sys.modules, file=sys.stderr)
    return results[0].weights

class Mine(MRDL):
    combine_rule = staticmethod(first)

    def parse(self, schema):
        parse = super().parse(schema)
        def seen(text):
            open(f'{FOLDER!r}/mapper', 'a').write(str('torch' in sys.modules))
            return parse(text)
        return seen

if __name__ == '__main__':
    newnet = rbm(0.03, 0.5, 16)
    Mine.newnet = newnet
    Mine.net = newnet.create_net(3, [64, 8, 10])
    Mine.run()
    print('sets', len(MRDL.weights), len(newnet.fetch_weights()), Mine.weights is MRDL.weights)
"""
KINDS = {
    "autoencoder": ("num_layers=3, nodes=[64, 24, 6], kind='autoencoder'", "0.001", "Mean squared error", "mse"),
    "rbm": ("2, [64, 24], kind='rbm'", "0.02", "Pseudo-log-likelihood", "loss"),
    "dbn": ("[64, 24, 10], 3, kind='dbn'", "0.05", "Accuracy", "accuracy"),
}


@pytest.fixture
def run(tmp_path, digits):
    """`python prog.py data.csv WORDS > net.out` on the digits; the ended process, standard error as text."""

    def start(program, *words):
        (tmp_path / "prog.py").write_text(program)
        (tmp_path / "data.csv").write_text(digits.read_text())
        with open(tmp_path / "net.out", "wb") as out:
            words = [sys.executable, "prog.py", "data.csv", "--shards", "2", "--epochs", "2", *words]
            return subprocess.run(words, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True, timeout=240)

    return start


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_of_the_paper_trains_and_tests_each_kind(run, tmp_path, kind):
    net, rate, shown, measure = KINDS[kind]
    ended = run(PROGRAM.replace("NET", net).replace("RATE", rate))
    assert ended.returncode == 0, ended.stderr
    model = mrdl.load(tmp_path / "net.out")
    scores = model.evaluate(tmp_path / "data.csv")
    assert model.arch.kind == kind
    told = [line for line in ended.stderr.splitlines() if line.startswith(shown)]
    assert len(told) == 1 and f"of {scores['rows']} rows (loss {scores['loss']:.4f})" in told[0]
    returned = float(re.search(r"^returned (.*)$", ended.stderr, re.M)[1])
    assert returned == pytest.approx(scores[measure], rel=1e-5)


@pytest.mark.slow
def test_a_program_whose_tasks_are_processes_is_the_same_autoencoder(run, tmp_path):
    net, rate, *_ = KINDS["autoencoder"]
    program = PROGRAM.replace("NET", net).replace("RATE", rate)
    assert run(program).returncode == 0
    inline = (tmp_path / "net.out").read_bytes()
    ended = run(program, "-r", "local")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "net.out").read_bytes() == inline


def test_flags_that_ask_for_another_network_are_refused_before_training(run, tmp_path):
    program = PROGRAM.replace("NET", "layer_count=4, node_seq=[64, 50, 20, 10]").replace("RATE", "0.015")
    ended = run(program, "--kind", "autoencoder")
    assert ended.returncode == 2 and not (tmp_path / "runs").exists()
    assert "create_net made mlp 64-50-20-10 " in ended.stderr
    assert "the settings ask for autoencoder 64-50-20-10-20-50-64" in ended.stderr
    assert "create_net(..., kind='autoencoder')" in ended.stderr and ended.stderr.count("\n") == 1


def test_options_of_a_created_network_are_those_of_the_training(run, tmp_path):
    program = PROGRAM.replace("NET", "3, [64, 8, 10], activation='tanh'").replace("RATE", "0.02")
    assert run(program).returncode == 0
    assert mrdl.load(tmp_path / "net.out").arch.activations == ("tanh", "linear")


# --- a job of one's own ---


@pytest.mark.parametrize("runner", ["inline", pytest.param("local", marks=pytest.mark.slow)])
def test_hooks_of_a_class_derived_from_the_papers_job_are_those_of_its_tasks(run, tmp_path, runner):
    ended = run(MINE.replace("{FOLDER!r}", str(tmp_path)), "-r", runner, "--run-dir", "run")
    assert ended.returncode == 0, ended.stderr
    assert "sets 2 2 True" in ended.stderr
    seen = (tmp_path / "mapper").read_text()
    assert seen and (runner == "inline" or "True" not in seen), "a mapper need not wait for torch"
    first = mrdl.train(
        tmp_path / "data.csv", run_dir=str(tmp_path / "mean"), show=False, shards=2, rounds=1, epochs=2,
        learning_rate=0.03, momentum=0.5, batch_size=16, nodes=(64, 8, 10), warm_rows=0, outer_momentum=0.0,
        outer_step=1.0, combine="uniform",
    )  # fmt: skip
    assert mrdl.load(tmp_path / "net.out").sha256 != first.sha256


def test_a_hook_that_fails_fails_the_program(run):
    ended = run(MINE.replace("return results[0].weights", "return 1 / 0").replace("{FOLDER!r}", "/tmp"))
    assert ended.returncode == 1 and "ZeroDivisionError: division by zero" in ended.stderr


def test_a_hook_set_on_the_papers_class_is_refused(monkeypatch):
    monkeypatch.setattr(mrdl.MRDL, "combine_rule", staticmethod(lambda results: results[0].weights))
    with pytest.raises(ConfigError, match=r"a hook of MRDL was set from outside.*write `class Mine\(MRDL\):`"):
        mrdl.MRDL._job_class()


def test_the_papers_names_import_no_torch():
    code = "import sys; from mrdl import rbm, MRDL; rbm(0.1, 0.5, 8); print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "False\n"


# --- numbers and names ---


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (("x", -1, 64), "learn_rate is 'x', expected a number above 0"),
        ((0, 0.5, 64), "learn_rate is 0, expected a number above 0"),
        ((float("nan"), 0.5, 64), "learn_rate is nan, expected a number above 0"),
        ((0.1, -1, 64), "momentum is -1, expected a number from 0 to 0.999"),
        ((0.1, 1, 64), "momentum is 1, expected a number from 0 to 0.999"),
        ((0.1, 0.5, 0), "batch_size is 0, expected a whole number of rows, 1 or more"),
        ((0.1, 0.5, 2.5), "batch_size is 2.5, expected a whole number of rows"),
        ((0.1, 0.5, float("inf")), "batch_size is inf, expected a whole number of rows"),
        ((0.1, 0.5, True), "batch_size is True, expected a whole number of rows"),
    ],
)
def test_numbers_that_train_nothing_are_refused_at_once(numbers, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        rbm(*numbers)


@pytest.mark.parametrize(
    "call",
    [
        {"layer_count": 3, "node_seq": [6, 4, 2]},
        {"num_layers": 3, "nodes": [6, 4, 2]},
        {"node_seq": (6, 4, 2)},
        {"layer_count": [6, 4, 2], "node_seq": 3},
    ],
)
def test_layers_and_nodes_have_each_name_of_the_paper(call):
    assert rbm(0.1, 0.5, 8).create_net(**call).architecture.nodes == (6, 4, 2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ({}, r"there are no nodes: create_net\(layer_count=4"),
        ({"layer_count": 3, "num_layers": 3, "nodes": [6, 4, 2]}, "the number of layers is given twice: 3, 3"),
        ({"node_seq": [6, 2], "nodes": [6, 4, 2]}, r"the list of nodes is given twice"),
        ({"num_layers": 4, "nodes": [6, 4, 2]}, r"4 layers are announced, but the node list is \[6, 4, 2\]"),
        ({"nodes": [6, 4, 2], "kind": "cnn"}, "network kind 'cnn', expected one of mlp"),
    ],
)
def test_layers_and_nodes_that_do_not_agree_are_told(call, told):
    with pytest.raises(ConfigError, match=told):
        rbm(0.1, 0.5, 8).create_net(**call)


# --- data of several files ---


@pytest.fixture
def parts(tmp_path):
    """Two folders of two files each, with labels that tell them apart."""
    for i, name in enumerate(("one/b.csv", "one/a.csv", "two/a.csv", "two/b.csv")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"label,x,y\n{name[:5]},{i},1\n{name[:5]},{i},2\n")
    (tmp_path / "two" / "_SUCCESS").write_text("")
    (tmp_path / "two" / "part-9.csv").write_text("")
    return tmp_path


def test_all_files_of_a_folder_a_glob_and_a_list_are_loaded_in_order(parts):
    one, two = ["one/a"] * 2 + ["one/b"] * 2, ["two/a"] * 2 + ["two/b"] * 2
    assert one == Data_load(str(parts / "one")).Y
    assert one[:2] + two[:2] == Data_load(f"{parts}/*/a.csv").Y
    both = Data_load([str(parts / "two"), str(parts / "one")])
    assert (both.Y, len(both), both[7][0]) == (two + one, 8, "one/b")
    np.testing.assert_array_equal(both.X[:, 0], [2, 2, 3, 3, 1, 1, 0, 0])
    assert one[:2] + two[:2] == Data_load("a.csv", [str(parts / "one"), f"{parts}/two/"]).Y
    assert one + two == rbm(0.1, 0.5, 8).load_data([f"{parts}/one", f"{parts}/two"]).Y


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("label,y,x\nz,1,2\n", "column 2 is 'y', expected 'x' as in .*a.csv"),
        ("label,x\nz,1\n", "has 2 columns, expected 3 as .*a.csv"),
    ],
)
def test_a_file_with_other_columns_is_refused_with_its_name(parts, text, told):
    (parts / "one" / "b.csv").write_text(text)
    with pytest.raises(DataError, match=f"b.csv:? {told}"):
        Data_load(str(parts / "one"))


def test_a_folder_that_lacks_the_file_is_named(parts):
    (parts / "two" / "a.csv").unlink()
    with pytest.raises(DataError, match=r"no such file: .*two/a\.csv"):
        Data_load("a.csv", [str(parts / "one"), str(parts / "two")])


def test_data_of_another_width_are_not_tested(digits, parts):
    newnet = rbm(0.1, 0.5, 8)
    newnet.model = mrdl.train(digits, nodes=(64, 4, 10), shards=1, rounds=1, epochs=1, show=False, run_dir=f"{parts}/r")
    with pytest.raises(DataError, match=r"one has 2 columns of values, the training data had 64"):
        newnet.test(newnet.load_data(f"{parts}/one"), newnet.create_net([64, 4, 10]))
