"""The programs of the paper run as printed, and its names do what their plain meaning is."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.utils.data import DataLoader

import mrdl
from mrdl import MRDL, Data_load, MR_dist, Net, ToTensor, rbm
from mrdl.errors import ConfigError, DataError
from mrdl.paper.job import MRDL as HOME

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
FIGURE_5 = """
from mrdl import rbm, MRDL

if __name__ == '__main__':
    newnet=rbm(0.015, 0.8, 64)
    MRDL.newnet=newnet
    net=newnet.create_net(layer_count=4, node_seq=[784,500,100,101])
    MRDL.net=net
    MRDL.run()
    iter1=newnet.combine_weights(MRDL.weights)
    net=newnet.create_net(layer_count=4, node_seq=[784,500,100,101])
    newnet.set_w(iter1, net)
    testdata=newnet.load_data(data_path='test.csv')
    newnet.test(loaded_data=testdata, nNet=net)
"""
KEEP = """
    from safetensors.numpy import save_file
    shards = enumerate(newnet.fetch_weights())
    kept = {f'shard{i}.{name}': array for i, each in shards for name, array in each.items()}
    save_file({**kept, **net.weights()}, 'kept')
"""
ON_DIGITS = FIGURE_5.replace("784,500,100,101", "64,500,100,10") + KEEP


def start(folder: Path, program: str, *words: str) -> subprocess.CompletedProcess:
    """`python prog.py data.csv WORDS > net.out` in a folder; standard error as text."""
    (folder / "prog.py").write_text(program)
    with open(folder / "net.out", "wb") as out:
        command = [sys.executable, "prog.py", "data.csv", *words]
        return subprocess.run(command, cwd=folder, stdout=out, stderr=subprocess.PIPE, text=True, timeout=120)


@pytest.fixture(scope="module")
def figure_5(tmp_path_factory):
    """Figure 5 as printed, on rows of 784 random pixels; its folder and standard error."""
    folder = tmp_path_factory.mktemp("figure5")
    rng = np.random.default_rng(0)
    for name, rows in (("data.csv", 160), ("test.csv", 40)):
        values = np.column_stack([np.arange(rows) % 10, rng.integers(0, 256, (rows, 784))])
        header = ",".join(["label", *(f"p{i}" for i in range(784))])
        np.savetxt(folder / name, values, "%d", ",", header=header, comments="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        ended = start(folder, FIGURE_5, "-r", "inline")
    assert ended.returncode == 0, ended.stderr
    return folder, ended.stderr


@pytest.fixture(scope="module")
def on_digits(tmp_path_factory):
    """The same program on 800 real digits, which also keeps the weights; as figure_5."""
    folder = tmp_path_factory.mktemp("digits")
    lines = DIGITS.read_text().splitlines(keepends=True)
    (folder / "data.csv").write_text("".join(lines[:801]))
    (folder / "test.csv").write_text("".join([lines[0], *lines[801:1101]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        ended = start(folder, ON_DIGITS, "-r", "inline", "--shards", "2", "--run-dir", "run")
    assert ended.returncode == 0, ended.stderr
    return folder, ended.stderr


# --- whole programs ---


def test_figure_5_puts_the_network_alone_on_standard_output(figure_5):
    folder, _ = figure_5
    model = mrdl.load(folder / "net.out")
    (run,) = (folder / "runs").iterdir()
    assert model.arch.nodes == (784, 500, 100, 101)
    assert model.classes == tuple("0123456789")
    assert (folder / "net.out").read_bytes() == (run / "model.safetensors").read_bytes()


@pytest.mark.parametrize("program", ["figure_5", "on_digits"])
def test_the_accuracy_of_the_test_goes_to_standard_error(request, program):
    folder, err = request.getfixturevalue(program)
    scores = mrdl.load(folder / "net.out").evaluate(folder / "test.csv")
    told = f"Accuracy: {100 * scores['accuracy']:.2f} % of {scores['rows']} rows (loss {scores['loss']:.4f})"
    assert told in err.splitlines()
    assert b"Accuracy" not in (folder / "net.out").read_bytes()


def test_the_settings_are_those_of_the_program_and_the_paper(on_digits):
    settings = mrdl.load(on_digits[0] / "net.out").settings
    expected = {"learning_rate": 0.015, "momentum": 0.8, "batch_size": 64, "nodes": [64, 500, 100, 10]}
    expected |= {"rounds": 1, "epochs": 10, "combine": "uniform", "shards": 2}
    assert expected.items() <= settings.items()


def test_the_network_learned_from_its_data(on_digits):
    assert mrdl.load(on_digits[0] / "net.out").evaluate(on_digits[0] / "test.csv")["accuracy"] > 0.8


def test_the_combined_weights_are_the_plain_mean_of_the_shards(on_digits):
    folder, _ = on_digits
    kept, model = load_file(folder / "kept"), mrdl.load(folder / "net.out")
    assert {name.split(".")[0] for name in kept if name.startswith("shard")} == {"shard0", "shard1"}
    for name, array in model.weights.items():
        first, second = kept[f"shard0.{name}"], kept[f"shard1.{name}"]
        assert not np.array_equal(first, second)
        np.testing.assert_allclose(kept[name], (first + second) / 2, atol=1e-7)
        np.testing.assert_array_equal(kept[name], array)


def test_a_program_that_is_resumed_has_the_same_weights_of_shards_again(on_digits, tmp_path):
    first, again = on_digits[0], tmp_path / "again"
    shutil.copytree(first, again, ignore=shutil.ignore_patterns("data.csv", "net.out", "kept"))
    (again / "data.csv").symlink_to(first / "data.csv")
    ended = start(again, ON_DIGITS, "-r", "inline", "--shards", "2", "--run-dir", "run", "--resume")
    assert ended.returncode == 0, ended.stderr
    expected, found = load_file(first / "kept"), load_file(again / "kept")
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.slow
def test_a_program_whose_tasks_are_processes_puts_out_the_same_network(on_digits, tmp_path):
    shutil.copytree(on_digits[0], tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("run", "cache"))
    ended = start(tmp_path, ON_DIGITS, "-r", "local", "--shards", "2")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "net.out").read_bytes() == (on_digits[0] / "net.out").read_bytes()
    assert (tmp_path / "kept").read_bytes() == (on_digits[0] / "kept").read_bytes()


def test_a_setting_that_does_not_fit_the_data_ends_the_program_in_one_line(tmp_path):
    (tmp_path / "data.csv").write_text("label,a,b\n" + "".join(f"{i % 2},{i},{i % 7}\n" for i in range(90)))
    ended = start(tmp_path, FIGURE_5, "-r", "inline")
    assert (ended.returncode, (tmp_path / "net.out").read_bytes()) == (2, b"")
    assert "nodes begins with 784, but the data has 2 columns of inputs" in ended.stderr
    assert "Traceback" not in ended.stderr


# --- networks ---


@pytest.fixture
def newnet() -> rbm:
    return rbm(0.015, 0.8, 64)


def test_the_number_of_layers_must_be_that_of_the_nodes(newnet):
    with pytest.raises(ConfigError, match=r"5 layers are announced, but the node list is \[784, 500, 100, 10\]"):
        newnet.create_net(layer_count=5, node_seq=[784, 500, 100, 10])


def test_a_created_network_is_that_of_the_node_list(newnet):
    net = newnet.create_net(layer_count=3, node_seq=[4, 7, 2])
    assert [(layer.in_features, layer.out_features) for layer in net.layers] == [(4, 7), (7, 2)]
    assert net(torch.rand(5, 4)).exp().sum(1).tolist() == pytest.approx([1] * 5)


def test_combining_is_the_plain_mean_of_all_sets(newnet):
    rng = np.random.default_rng(1)
    sets = [{"w": rng.normal(size=(3, 2)).astype(np.float32), "b": np.full(2, i, np.float32)} for i in range(3)]
    found = newnet.combine_weights(sets)
    np.testing.assert_allclose(found["w"], np.mean([each["w"] for each in sets], 0), atol=1e-7)
    assert found["b"].tolist() == [1, 1] and found["w"].dtype == np.float32


def test_weights_are_put_into_the_network(newnet):
    net, other = Net([4, 3, 2], seed=1), Net([4, 3, 2], seed=2)
    assert newnet.set_w(other.weights(), net) is net
    x = torch.rand(5, 4)
    assert torch.equal(net(x), other(x))


def test_weights_of_another_network_are_refused(newnet):
    with pytest.raises(ConfigError, match=r"layers\.0\.weight has shape \(5, 4\), expected \(3, 4\)"):
        newnet.set_w(Net([4, 5, 2]).weights(), Net([4, 3, 2]))


@pytest.mark.parametrize(
    "ask",
    [
        lambda newnet: newnet.fetch_weights(),
        lambda newnet: newnet.combine_weights([]),
        lambda newnet: newnet.test(newnet.load_data(str(DIGITS)), newnet.create_net(2, [64, 10])),
    ],
    ids=["fetch_weights", "combine_weights", "test"],
)
def test_what_needs_a_training_says_so_before_there_was_one(newnet, ask):
    with pytest.raises(ConfigError, match=r"call MRDL\.run\(\)"):
        ask(newnet)


def test_a_job_without_a_network_says_what_to_set():
    with pytest.raises(ConfigError, match=r"MRDL\.newnet and MRDL\.net must be set before MRDL\.run\(\)"):
        MRDL.run()


def test_mr_dist_is_the_same_job():
    assert MR_dist is MRDL is HOME


# --- data ---


def by_hand() -> tuple[list[str], np.ndarray]:
    """Labels and pixels of the digits, by numpy alone."""
    table = np.loadtxt(DIGITS, delimiter=",", skiprows=1)
    return [str(int(label)) for label in table[:, 0]], table[:, 1:]


def test_loaded_data_are_labels_and_pixels():
    labels, pixels = by_hand()
    data = Data_load(str(DIGITS))
    assert (len(data), data.Y) == (1797, labels)
    np.testing.assert_array_equal(data.X, pixels)
    np.testing.assert_array_equal(data[5][1], pixels[5])


def test_a_row_is_its_label_and_its_tensor(newnet):
    labels, pixels = by_hand()
    label, row = newnet.load_data(data_path=str(DIGITS))[11]
    assert (label, row.dtype, row.tolist()) == (labels[11], torch.float32, pixels[11].tolist())


def test_transformations_are_applied_in_their_order():
    data = Data_load(str(DIGITS), transform=[lambda row: row + 1.0, lambda row: row * 2, ToTensor()])
    assert data[3][1].tolist() == ((by_hand()[1][3] + 1) * 2).tolist()


def test_a_relative_path_lies_in_the_folder_that_is_given(tmp_path):
    (tmp_path / "some.csv.gz").write_bytes(gzip.compress(b"label,a\nx,1\ny,2\n"))
    data = Data_load("some.csv.gz", f"{tmp_path}/")
    assert (data.Y, data.X.tolist()) == (["x", "y"], [[1], [2]])


def test_a_loader_of_torch_makes_batches():
    labels, pixels = by_hand()
    names, batch = next(iter(DataLoader(Data_load(str(DIGITS), transform=ToTensor()), batch_size=4)))
    assert (list(names), batch.tolist()) == (labels[:4], pixels[:4].tolist())


def test_data_that_are_not_there_are_named(newnet):
    with pytest.raises(DataError, match=r"no such file: no\.csv"):
        newnet.load_data("no.csv")
