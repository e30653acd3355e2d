"""Both engines train the same network: gradients, kinds, bytes; and numpy's needs no torch."""

import dataclasses
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from conftest import DIGITS
from threadpoolctl import threadpool_info
from torch.nn import functional as F

import mrdl
from mrdl.errors import ConfigError, SetupError
from mrdl.nn.backprop import Backpropagation
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines import table
from mrdl.nn.engines.choice import choose, engines_for, to_score
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.engines.table import EVERY, engine_of
from mrdl.nn.engines.torch_engine import TorchEngine
from mrdl.nn.kinds import autoencoder, dbn, mlp, rbm
from mrdl.nn.layers import Layers
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.minibatch import FlatArrays, Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import fit_visible, train_shard
from mrdl.nn.weights import digest

SETTINGS = Hyperparameters(epochs=2, batch_size=16, learning_rate=0.01, momentum=0.8)
KINDS = {
    "mlp": mlp((20, 16, 9, 7)),
    "tanh": mlp((20, 16, 7), "tanh"),
    "sigmoid": mlp((20, 16, 7), "sigmoid"),
    "residual": mlp((20, 20, 20, 20, 7), "relu", "yes"),
    "autoencoder": autoencoder((20, 12, 4)),
    "rbm": rbm((20, 12)),
    "gaussian rbm": rbm((20, 12), "gaussian"),
    "dbn": dbn((20, 12, 9, 7)),
    "mse": mlp((20, 16, 2), loss="mse"),
    "mae": mlp((20, 16, 2), loss="mae"),
    "huber": mlp((20, 16, 2), loss="huber"),
    "multilabel": mlp((20, 16, 2), loss="multilabel"),
    "unrolled dbn": dbn((20, 12, 4), fine_tune="autoencoder"),
}
kinds = pytest.mark.parametrize("arch", KINDS.values(), ids=KINDS)
each_engine = pytest.mark.parametrize("name", EVERY)


def rows_of(count=203, dtype=np.uint8, minimum=3):
    rng = np.random.default_rng(1)
    return Rows(
        features=rng.integers(3, 200, (count, 20)).astype(dtype),
        targets=rng.integers(0, 7, count),
        order=rng.permutation(count),
        encoding=Encoding(
            shift=np.full(20, minimum, np.float32),
            factor=(1 / rng.uniform(197, 250, 20)).astype(np.float32),
        ),
    )


def rows_for(arch, count=203):
    """Rows whose targets are what the network's loss wants: classes, or for each output 0 or 1."""
    rows = rows_of(count)
    if LOSSES[arch.loss].wanted not in (Wanted.NUMBERS, Wanted.FLAGS):
        return rows
    flags = np.random.default_rng(2).integers(0, 2, (count, arch.nodes[-1]))
    return dataclasses.replace(rows, targets=flags.astype(np.float32))


def train(arch, engine, rows=None, stage=-1, **about):
    settings, stage, rows = dataclasses.replace(SETTINGS, **about), arch.stages[stage], rows or rows_for(arch)
    weights = fit_visible(arch, stage, arch.initial_weights(3), rows, engine)
    return train_shard(arch, weights, rows, settings, np.random.default_rng(5), engine, stage=stage)


# --- the same arithmetic ---


@pytest.mark.parametrize(
    "about",
    [{}, {"optimizer": "adam"}, {"weight_decay": 0.1, "label_smoothing": 0.2, "schedule": "annealing"}],
    ids=str,
)
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [("float32", 1e-3, 1e-5), ("float64", 1e-9, 1e-10)])
@pytest.mark.parametrize("arch", [arch for arch in KINDS.values() if arch.by_gradient], ids=lambda a: f"{a.kind}")
def test_steps_by_numpy_are_those_by_torch(arch, dtype, rtol, atol, about):
    def after(engine):
        settings = dataclasses.replace(SETTINGS, **about)
        rates = settings.rates(13)
        step = Backpropagation(arch, arch.initial_weights(3), rows_for(arch), settings, engine, rates=rates)
        with engine.one_thread():
            for batch in step.batches.epoch(np.arange(203)):
                step(*batch)
        return step.arrays.named, float(step.loss_sum)

    found, loss = after(NumpyEngine(dtype))
    expected, known = after(TorchEngine("cpu", dtype))
    for name, array in found.items():
        assert array.dtype == dtype
        np.testing.assert_allclose(array, expected[name].numpy(), rtol=rtol, atol=atol)
    assert loss == pytest.approx(known, rel=1e-5 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("arch", [arch for arch in KINDS.values() if arch.kind in ("mlp", "autoencoder")], ids=str)
def test_a_gradient_by_numpy_is_autograds(arch, dtype, tolerance):
    """By one step of plain SGD: the weights move by the gradient."""
    rows, start, engine = rows_for(arch, 64), arch.initial_weights(3), NumpyEngine(dtype)
    step = Backpropagation(arch, start, rows, Hyperparameters(1, 64, 1.0, 0.0), engine)
    (batch,) = step.batches.epoch(rows.order)
    x, y = torch.from_numpy(batch[0].copy()), torch.from_numpy(batch[1].copy())
    step(*batch)
    tensors = {name: torch.tensor(w, dtype=getattr(torch, dtype), requires_grad=True) for name, w in start.items()}
    by_torch = TorchEngine("cpu", dtype)
    out = Layers.sums(_layers(arch, tensors, by_torch), x)
    {
        "nll": lambda: F.cross_entropy(out, y),
        "bce": lambda: F.binary_cross_entropy_with_logits(out, x, reduction="sum") / 64,
        "mse": lambda: F.mse_loss(out, y),
        "mae": lambda: F.l1_loss(out, y),
        "huber": lambda: F.huber_loss(out, y),
        "multilabel": lambda: F.binary_cross_entropy_with_logits(out, y),
    }[arch.loss]().backward()
    for name, tensor in tensors.items():
        moved = start[name].astype(dtype) - step.arrays.named[name]
        np.testing.assert_allclose(moved, tensor.grad.numpy(), atol=tolerance)


def _layers(arch, tensors, engine):
    """Layers whose weights are tensors that autograd follows."""
    layers = Layers.__new__(Layers)
    layers._arch, layers._engine, layers._scale = arch, engine, None
    depth = len(arch.nodes) - 1
    layers._layers = [(tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]) for i in range(depth)]
    return layers


@kinds
@each_engine
@pytest.mark.parametrize("about", [{}, {"dropout": 0.3}, {"persistent": True, "cd_steps": 2}], ids=str)
def test_the_same_training_gives_the_same_bytes_by_every_engine(arch, name, about):
    engine = engine_of(name, "cpu")
    for stage in range(len(arch.stages)):
        first, metrics = train(arch, engine, stage=stage, **about)
        assert digest(train(arch, engine, stage=stage, **about)[0]) == digest(first)
        assert np.isfinite(metrics["loss"]) and set(first) == set(arch.shapes())
        assert {array.dtype for array in first.values()} == {np.dtype(np.float32)}


@kinds
def test_engines_end_in_networks_that_lose_as_much(arch):
    losses = [train(arch, engine_of(name, "cpu"), epochs=4, batch_size=8)[1]["loss"] for name in EVERY]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


@pytest.mark.parametrize("rows", [rows_of(dtype=np.float32), rows_of(minimum=0), rows_of(1), rows_of(0)])
def test_numpy_trains_all_that_rows_can_be_as_torch_does(rows):
    found, expected = (train(KINDS["mlp"], engine_of(name, "cpu"), rows)[0] for name in EVERY)
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-3, atol=1e-5)


@each_engine
@pytest.mark.parametrize("cost", [0.0, 0.01])
def test_moves_of_a_machine_are_those_that_its_statistics_give(name, cost):
    """A whole batch, then a smaller one, of machines that take several blocks."""
    engine, rng = engine_of(name, "cpu"), np.random.default_rng(0)
    shapes = {"weight": (300, 500), "bias": (300,), "visible_bias": (500,)}
    start = {part: rng.normal(size=shape).astype(np.float32) for part, shape in shapes.items()}
    arrays = FlatArrays(shapes, engine).fill(start)
    expected, moves = dict(start), dict.fromkeys(shapes, 0.0)
    move = engine.contrast(tuple(arrays.named.values()), 8, 0.1, 0.8, cost)
    for n in (8, 5):
        h, v, later_h, later_v = (rng.random((n, units), np.float32) for units in (300, 500, 300, 500))
        gradients = {
            "weight": (h.T @ v - later_h.T @ later_v) / n - cost * expected["weight"],
            "bias": (h - later_h).mean(0),
            "visible_bias": (v - later_v).mean(0),
        }
        moves = {part: 0.8 * moves[part] + gradients[part] for part in shapes}
        expected = {part: expected[part] + 0.1 * moves[part] for part in shapes}
        kept = v.copy()
        move((engine.array(h), engine.array(v)), (engine.array(later_h), engine.array(later_v)))
        assert np.array_equal(v, kept)  # they are the rows of the batch
    for part, array in arrays.arrays().items():
        np.testing.assert_allclose(array, expected[part], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 16, 64, 65])
@pytest.mark.parametrize("given", [False, True], ids=["made", "given"])
def test_a_product_with_a_weight_is_the_same_in_whichever_order_it_lies(rows, given):
    engine, rng = engine_of("numpy"), np.random.default_rng(0)
    x, weight, bias = (rng.random(shape, np.float32) for shape in ((rows, 300), (200, 300), 200))
    for lies in (weight, np.asfortranarray(weight)):
        out = engine.empty((rows, 200)) if given else None
        found = engine.affine(x, lies, bias, out)
        assert found.flags.c_contiguous and (out is None or found is out)
        np.testing.assert_allclose(found, x @ weight.T + bias, rtol=1e-5)


def test_matrices_of_numpy_lie_by_columns_and_are_written_to_in_their_place():
    engine, rng = engine_of("numpy"), np.random.default_rng(0)
    flat = engine.zeros((2000,))
    matrix = engine.view(flat, 16, (30, 50))
    h, v = rng.random((8, 30), np.float32), rng.random((8, 50), np.float32)
    engine.product(h.T, v, out=matrix)
    np.testing.assert_allclose(matrix, h.T @ v, rtol=1e-5)
    assert np.array_equal(matrix, flat[16:1516].reshape(50, 30).T) and not flat[:16].any() and not flat[1516:].any()


def test_a_chunk_of_rows_is_gathered_at_once_and_changes_nothing():
    class OneBatch(NumpyEngine):
        gather_bytes = 0

    assert digest(train(KINDS["mlp"], OneBatch())[0]) == digest(train(KINDS["mlp"], NumpyEngine())[0])


def test_a_training_that_diverges_says_so_by_its_loss_and_no_warning(recwarn):
    weights, metrics = train(KINDS["mlp"], engine_of("numpy"), learning_rate=1e6, epochs=5)
    assert not np.isfinite(metrics["loss"]) or not all(np.isfinite(array).all() for array in weights.values())
    assert not [str(warning.message) for warning in recwarn]


# --- threads ---


def test_inside_linear_algebra_has_one_thread_and_after_the_last_one_what_it_had():
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before, inside, leave = threads(), threading.Event(), threading.Event()

    def other():
        with engine_of("numpy").one_thread():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with engine_of("numpy").one_thread():
        thread.start()
        inside.wait(10)
        assert threads() == {1}
    assert threads() == {1}  # the other one computes yet
    leave.set()
    thread.join()
    assert threads() == before


# --- which one ---


def test_auto_is_numpy_on_a_cpu_and_torch_for_a_gpu(monkeypatch):
    assert choose("auto", KINDS["mlp"], device="cpu") == "numpy"
    assert choose("auto", KINDS["mlp"], device="cuda") == "torch"
    assert choose("torch", KINDS["mlp"], device="cpu") == "torch"


def test_auto_is_torch_where_numpy_lacks_something(monkeypatch):
    monkeypatch.setitem(LOSSES, "nll", dataclasses.replace(LOSSES["nll"], engines=("torch",)))
    assert engines_for(KINDS["mlp"]) == ("torch",) and engines_for(KINDS["rbm"]) == EVERY
    assert choose("auto", KINDS["mlp"], device="cpu") == "torch"
    with pytest.raises(ConfigError, match="engine is numpy, but this network needs torch"):
        choose("numpy", KINDS["mlp"])


def test_auto_trains_by_numpy_beside_a_gpu_what_torch_lacks(monkeypatch):
    monkeypatch.setattr("mrdl.nn.engines.choice.GPUS", os.devnull)
    assert choose("auto", KINDS["mlp"]) == "torch"
    monkeypatch.setitem(LOSSES, "nll", dataclasses.replace(LOSSES["nll"], engines=("numpy",)))
    assert choose("auto", KINDS["mlp"]) == "numpy"
    with pytest.raises(ConfigError, match="device is cuda, but the engine of numpy computes on the CPU alone"):
        choose("auto", KINDS["mlp"], device="cuda")


def test_a_network_that_nothing_computes_is_told(monkeypatch):
    monkeypatch.setitem(LOSSES, "nll", dataclasses.replace(LOSSES["nll"], engines=()))
    with pytest.raises(ConfigError, match="no engine has all that this network is computed by"):
        choose("numpy", KINDS["mlp"])


def test_numpy_is_refused_on_a_gpu():
    with pytest.raises(ConfigError, match="device is cuda, but the engine of numpy computes on the CPU alone"):
        choose("numpy", KINDS["mlp"], device="cuda")
    with pytest.raises(SetupError, match="device is cuda, but the engine of numpy computes on the CPU"):
        engine_of("numpy", "cuda")


def test_without_torch_numpy_scores_what_torch_has_trained(monkeypatch):
    assert to_score("torch", KINDS["mlp"]) == "torch" and to_score(None, KINDS["mlp"]) == "numpy"
    monkeypatch.setattr("mrdl.nn.engines.choice.has_torch", lambda: False)
    assert to_score("torch", KINDS["mlp"]) == "numpy"
    monkeypatch.setattr(table, "has_torch", lambda: False)
    with pytest.raises(SetupError, match="has no torch, which this needs: pip install torch"):
        engine_of("torch")


NO_TORCH = """
import sys
from mrdl.cli.main import main
status = main(sys.argv[1:])
heavy = {"torch", "pandas"} & set(sys.modules)
sys.exit(status or (f"imported {heavy}" if heavy else 0))
"""


@pytest.fixture(scope="module")
def trained_without_torch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("without")
    (folder / "hide").mkdir()
    (folder / "hide" / "torch.py").write_text('raise ImportError("torch is hidden")\n')
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "hide"), os.environ.get("PYTHONPATH", "")])}

    def run(*words):
        return subprocess.run(
            [sys.executable, "-c", NO_TORCH, *words], cwd=folder, env=env, capture_output=True, text=True
        )

    ended = run("train", DIGITS, "--shards", "2", "--rounds", "1", "--epochs", "1", "--run-dir", "run")
    assert ended.returncode == 0, ended.stderr
    return run, folder


@pytest.mark.parametrize("words", [("predict", "run/model.safetensors", "DATA"), ("show", "run"), ("advise", "DATA")])
def test_commands_never_import_torch_and_work_without_it(trained_without_torch, words, digits):
    run, _ = trained_without_torch
    ended = run(*(digits if word == "DATA" else word for word in words))
    assert ended.returncode == 0, ended.stderr


def test_a_module_of_torch_is_refused_in_words_where_there_is_none(monkeypatch, new_run):
    model = new_run(nodes=(64, 10), shards=1, rounds=1, epochs=1).execute()
    monkeypatch.setattr("mrdl.nn.engines.table.has_torch", lambda: False)
    for ask in (model.net, lambda: mrdl.rbm(0.1, 0.5, 8).create_net([64, 10])):
        with pytest.raises(SetupError, match="has no torch, which this needs: pip install torch"):
            ask()


def test_what_needs_torch_says_so_where_there_is_none(trained_without_torch, digits):
    run, folder = trained_without_torch
    (folder / "hide" / "torch.py").unlink()
    (folder / "hide" / "sitecustomize.py").write_text(
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *package: None if name == 'torch' else find(name, *package)\n"
    )
    ended = run("train", digits, "--engine", "torch", "--run-dir", "other")
    (folder / "hide" / "torch.py").write_text('raise ImportError("torch is hidden")\n')
    (folder / "hide" / "sitecustomize.py").unlink()
    assert ended.returncode and "has no torch, which this needs: pip install torch" in ended.stderr
