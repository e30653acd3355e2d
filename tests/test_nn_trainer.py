"""The training of one shard against torch.nn.functional and torch.optim.SGD, to the bit."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mrdl.errors import SetupError
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.table import engine_of
from mrdl.nn.engines.torch_device import pick_device
from mrdl.nn.kinds import KINDS, dbn, mlp, rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard
from mrdl.nn.weights import digest

pytestmark = pytest.mark.usefixtures("one_thread")

TORCH = engine_of("torch", "cpu")
TORCHS = {
    "nll": F.cross_entropy,
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "multilabel": lambda out, y: F.binary_cross_entropy_with_logits(out, y, reduction="sum") / out.numel(),
}
SETTINGS = Hyperparameters(epochs=3, batch_size=16, learning_rate=0.05, momentum=0.8)


def make_rows(count=101, columns=20, classes=7, dtype=np.uint8):
    """Random rows from 3 to 199 whose scaling to [0, 1] begins at 3; their order is none of file or value."""
    rng = np.random.default_rng(1)
    return Rows(
        features=rng.integers(3, 200, (count, columns)).astype(dtype),
        targets=rng.integers(0, classes, count),
        order=rng.permutation(count),
        encoding=Encoding(
            shift=np.full(columns, 3, np.float32),
            factor=(1 / rng.uniform(197, 250, columns)).astype(np.float32),
        ),
    )


def content(rows):
    """The digest of all arrays of rows."""
    encoding = rows.encoding
    return digest({**vars(rows), "encoding": np.stack([encoding.shift, encoding.factor])})


def change(thing, **changes):
    return dataclasses.replace(thing, **changes)


def train(arch, rows, settings=SETTINGS, seed=5, stage=0):
    return train_shard(
        arch, start_of(arch), rows, settings, np.random.default_rng(seed), TORCH, stage=arch.stages[stage]
    )


def start_of(arch):
    """Its initial weights, and a scale of Gaussian units that is not 1."""
    weights = arch.initial_weights(3)
    if "layers.0.visible_scale" in weights:
        weights["layers.0.visible_scale"] = np.linspace(0.5, 3, arch.nodes[0], dtype=np.float32)
    return weights


def trained(arch, rows, settings=SETTINGS, seed=5):
    """The digest of the weights after training."""
    return digest(train(arch, rows, settings, seed)[0])


def plain_sgd(arch, rows, settings=SETTINGS, seed=5):
    """The same steps by autograd and torch.optim: the weights, and the losses of the last epoch's batches."""
    rng = np.random.default_rng(seed)
    weights = {name: torch.tensor(w, requires_grad=True) for name, w in start_of(arch).items()}
    optimizer = torch.optim.SGD(weights.values(), lr=settings.learning_rate, momentum=settings.momentum)
    x = torch.from_numpy((rows.features.astype(np.float32) - rows.encoding.shift) * rows.encoding.factor)
    scale = weights["layers.0.visible_scale"].detach() if "layers.0.visible_scale" in weights else None
    targets = torch.from_numpy(rows.targets)
    for _ in range(settings.epochs):
        losses = []
        for batch in torch.from_numpy(rows.order[rng.permutation(len(rows))]).split(settings.batch_size):
            out = x[batch] if scale is None else x[batch] * scale
            for i, activation in enumerate(arch.activations):
                out = F.linear(out, weights[f"layers.{i}.weight"], weights[f"layers.{i}.bias"])
                out = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "linear": torch.clone}[activation](
                    out
                )
            if arch.loss in TORCHS:
                loss = TORCHS[arch.loss](out, targets[batch])
            else:
                loss = F.binary_cross_entropy_with_logits(out, x[batch], reduction="sum") / len(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append((loss.item(), len(batch)))
    return {name: tensor.detach().numpy() for name, tensor in weights.items()}, losses


def assert_same_bits(weights, expected):
    assert sorted(weights) == sorted(expected)
    assert [name for name in expected if not np.array_equal(weights[name], expected[name])] == []


NETWORKS = [("mlp", (20, 7)), ("mlp", (20, 16, 7)), ("autoencoder", (20, 16)), ("autoencoder", (20, 32, 16))]
ODD_WIDTHS = [
    ("mlp", (20, 33, 17, 7)),
    ("mlp", (64, 9, 26)),
    ("autoencoder", (20, 13, 5)),
    ("autoencoder", (68, 49, 27)),
]
BY_GRADIENT = [mlp((20, 16, 7)), KINDS["autoencoder"]((20, 16))]
MACHINES = [rbm((20, 16)), dbn((20, 16, 12, 7))]
by_gradient = pytest.mark.parametrize("arch", BY_GRADIENT, ids=lambda a: a.kind)
kinds = pytest.mark.parametrize("arch", BY_GRADIENT + MACHINES, ids=lambda a: a.kind)


def name(value):
    return str(value).replace(" ", "")


# --- against torch ---


@pytest.mark.parametrize("momentum", [0, 0.8])
@pytest.mark.parametrize("batch_size", [7, 16, 101, 1000])
@pytest.mark.parametrize(("kind", "nodes"), NETWORKS, ids=name)
def test_one_shard_equals_plain_sgd(kind, nodes, batch_size, momentum):
    """101 rows: the last batch is smaller, or the only batch is smaller than its size."""
    arch = KINDS[kind](nodes)
    settings = change(SETTINGS, batch_size=batch_size, momentum=momentum, learning_rate=arch.stages[-1].learning_rate)
    assert_same_bits(train(arch, make_rows(), settings)[0], plain_sgd(arch, make_rows(), settings)[0])


@pytest.mark.parametrize(("count", "batch_size"), [(33, 1), (33, 16), (57, 8), (101, 16), (1, 16)])
@pytest.mark.parametrize(("kind", "nodes"), ODD_WIDTHS, ids=name)
def test_layers_of_any_width_equal_plain_sgd(kind, nodes, count, batch_size):
    """The last bit of a product, above all of a single row, can depend on the address where a matrix begins."""
    arch, rows = KINDS[kind](nodes), make_rows(count, nodes[0])
    settings = change(SETTINGS, batch_size=batch_size, learning_rate=arch.stages[-1].learning_rate)
    assert_same_bits(train(arch, rows, settings)[0], plain_sgd(arch, rows, settings)[0])


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "multilabel"])
def test_numbers_and_flags_equal_plain_sgd(loss, outputs):
    arch, rng = mlp((20, 16, outputs), loss=loss), np.random.default_rng(4)
    drawn = rng.integers(0, 2, (101, outputs)) if loss == "multilabel" else 2 * rng.normal(size=(101, outputs))
    rows = change(make_rows(), targets=drawn.astype(np.float32))
    assert_same_bits(train(arch, rows)[0], plain_sgd(arch, rows)[0])


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize(("kind", "nodes"), NETWORKS[1:], ids=name)
def test_other_activations_equal_plain_sgd(kind, nodes, activation):
    arch = KINDS[kind](nodes, activation)
    settings = change(SETTINGS, learning_rate=arch.stages[-1].learning_rate)
    assert_same_bits(train(arch, make_rows(), settings)[0], plain_sgd(arch, make_rows(), settings)[0])


@pytest.mark.parametrize(
    "arch",
    [dbn((20, 16, 7)), dbn((20, 9, 8, 7), "gaussian"), dbn((20, 9, 5), fine_tune="autoencoder")],
    ids=["classifier", "gaussian", "autoencoder"],
)
def test_fine_tuning_equals_plain_sgd_and_leaves_the_machines_own_tensors_alone(arch):
    settings = change(SETTINGS, learning_rate=arch.stages[-1].learning_rate)
    weights = train(arch, make_rows(), settings, stage=len(arch.stages) - 1)[0]
    assert_same_bits(weights, plain_sgd(arch, make_rows(), settings)[0])


@pytest.mark.parametrize("stage", [0, 1])
def test_a_stage_of_a_stack_changes_the_tensors_of_its_own_layer_alone(stage):
    arch = dbn((20, 16, 12, 7))
    weights, start = train(arch, make_rows(), stage=stage)[0], arch.initial_weights(3)
    changed = [name for name in start if not np.array_equal(weights[name], start[name])]
    assert changed == [f"layers.{stage}.{part}" for part in ("weight", "bias", "visible_bias")]


@pytest.mark.parametrize("minimum", [0, 3, -2.5])
@by_gradient
def test_scaling_begins_at_the_minimum_of_each_column(arch, minimum):
    lowest = np.linspace(minimum, 0, arch.nodes[0], dtype=np.float32)
    rows = make_rows(dtype=np.float32)
    rows = change(rows, encoding=change(rows.encoding, shift=lowest))
    assert_same_bits(train(arch, rows)[0], plain_sgd(arch, rows)[0])


def test_one_step_is_softmax_regressions_closed_form():
    arch, rows = mlp((20, 7)), make_rows(50)
    start = {name: w.astype(np.float64) for name, w in arch.initial_weights(3).items()}
    x = (rows.features - rows.encoding.shift.astype(np.float64)) * rows.encoding.factor
    scores = np.exp(x @ start["layers.0.weight"].T)
    error = scores / scores.sum(1, keepdims=True) - np.eye(7)[rows.targets]
    weights, _ = train(arch, rows, change(SETTINGS, epochs=1, batch_size=50))
    np.testing.assert_allclose(
        weights["layers.0.weight"], start["layers.0.weight"] - 0.05 * error.T @ x / 50, atol=1e-6
    )
    np.testing.assert_allclose(weights["layers.0.bias"], -0.05 * error.mean(0), atol=1e-6)


def test_training_learns_what_can_be_learned():
    rows = make_rows(400, 2, 2)
    rows = change(rows, targets=(rows.features[:, 0] > rows.features[:, 1]).astype(np.int64))
    _, metrics = train(mlp((2, 8, 2)), rows, change(SETTINGS, epochs=20, learning_rate=0.3))
    assert metrics["loss"] < math.log(2) / 3


# --- storage and order of the rows ---


@kinds
def test_bytes_and_floats_of_the_same_values_give_the_same_bytes(arch):
    assert trained(arch, make_rows(dtype=np.uint8)) == trained(arch, make_rows(dtype=np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@kinds
def test_memory_mapped_features_give_the_same_bytes(arch, dtype, tmp_path):
    rows = make_rows(dtype=dtype)
    mapped = np.memmap(tmp_path / "features", dtype, "w+", shape=rows.features.shape)
    mapped[:] = rows.features
    assert trained(arch, change(rows, features=mapped)) == trained(arch, rows)


@kinds
def test_where_rows_lie_does_not_matter_if_their_order_says_the_same(arch):
    rows = make_rows()
    moved = np.random.default_rng(8).permutation(len(rows))  # row moved[i] now lies at i
    place = np.argsort(moved)
    again = change(rows, features=rows.features[moved], targets=rows.targets[moved], order=place[rows.order])
    assert trained(arch, again) == trained(arch, rows)


@kinds
def test_rows_in_another_order_give_other_bytes(arch):
    rows = make_rows()
    assert trained(arch, change(rows, order=rows.order[::-1].copy())) != trained(arch, rows)


@pytest.mark.parametrize("arch", [BY_GRADIENT[1], *MACHINES], ids=lambda a: a.kind)
def test_what_learns_no_classes_does_not_look_at_the_targets(arch):
    rows = make_rows()
    assert trained(arch, change(rows, targets=np.zeros(len(rows), np.int64))) == trained(arch, rows)


# --- a pure function of its arguments ---


@kinds
def test_the_same_seed_gives_the_same_bytes(arch):
    assert trained(arch, make_rows(), seed=6) == trained(arch, make_rows(), seed=6)


@kinds
def test_another_seed_gives_other_bytes(arch):
    assert trained(arch, make_rows(), seed=6) != trained(arch, make_rows(), seed=7)


@kinds
def test_torchs_own_generator_is_neither_used_nor_changed(arch):
    rows = make_rows()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before, first = torch.get_rng_state(), trained(arch, rows)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        assert trained(arch, rows) == first


@kinds
def test_what_is_given_is_not_modified(arch):
    rows, start = make_rows(dtype=np.float32), arch.initial_weights(3)
    train_shard(arch, start, rows, SETTINGS, np.random.default_rng(5), TORCH)
    assert digest(start) == digest(arch.initial_weights(3))
    assert content(rows) == content(make_rows(dtype=np.float32))


@kinds
def test_start_weights_that_cannot_be_written_to_are_taken(arch):
    start = {n: np.frombuffer(w.tobytes(), np.float32).reshape(w.shape) for n, w in arch.initial_weights(3).items()}
    weights, _ = train_shard(arch, start, make_rows(), SETTINGS, np.random.default_rng(5), TORCH)
    assert digest(weights) == trained(arch, make_rows())


@kinds
def test_weights_come_back_with_the_names_shapes_and_type_they_went_in_with(arch):
    weights, _ = train(arch, make_rows())
    assert [(name, w.shape) for name, w in weights.items()] == list(arch.shapes().items())
    assert {w.dtype for w in weights.values()} == {np.dtype(np.float32)}


@kinds
def test_no_rows_give_the_start_weights_back(arch):
    weights, metrics = train(arch, make_rows(0))
    assert digest(weights) == digest(arch.initial_weights(3))
    assert metrics == {"loss": 0.0, "steps": 0.0}


@kinds
def test_a_learning_rate_of_zero_gives_the_start_weights_back(arch):
    assert trained(arch, make_rows(), change(SETTINGS, learning_rate=0.0)) == digest(arch.initial_weights(3))


# --- what is reported ---


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
@by_gradient
def test_the_loss_is_the_mean_over_the_last_epochs_rows(arch, batch_size):
    settings = change(SETTINGS, batch_size=batch_size, learning_rate=0.01)
    _, losses = plain_sgd(arch, make_rows(), settings)
    by_hand = sum(loss * count for loss, count in losses) / 101
    assert train(arch, make_rows(), settings)[1]["loss"] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 303), (7, 45), (16, 21), (101, 3), (1000, 3)])
def test_steps_are_the_batches_of_all_epochs(batch_size, steps):
    _, metrics = train(mlp((20, 7)), make_rows(), change(SETTINGS, batch_size=batch_size))
    assert metrics["steps"] == steps


def reports(rows, settings):
    """What is reported while a small network trains: (epoch, fraction, loss) each time."""
    told, arch = [], mlp((20, 7))
    rng = np.random.default_rng(5)
    _, metrics = train_shard(
        arch, arch.initial_weights(3), rows, settings, rng, TORCH, lambda *report: told.append(report)
    )
    return told, metrics


@pytest.mark.parametrize(("count", "at_least"), [(0, 1), (101, 1), (50_100, 3)])
def test_fractions_rise_to_one_in_each_epoch(count, at_least):
    told, _ = reports(make_rows(count), change(SETTINGS, epochs=2, batch_size=500))
    assert [epoch for epoch, _, _ in told] == sorted(epoch for epoch, _, _ in told)
    for epoch in range(2):
        fractions = [fraction for at, fraction, _ in told if at == epoch]
        assert fractions == sorted(fractions) and fractions[0] > 0 and fractions[-1] == 1.0
        assert len(fractions) >= at_least


def test_the_last_report_has_the_loss_of_the_metrics():
    told, metrics = reports(make_rows(), SETTINGS)
    assert told[-1] == (SETTINGS.epochs - 1, 1.0, metrics["loss"])


@pytest.mark.parametrize(("count", "batch_size"), [(50_100, 500), (19_991, 16), (101, 30_000)])
def test_every_report_has_the_mean_loss_of_the_rows_so_far(count, batch_size):
    """Equal rows at a learning rate of zero all have one loss, however many there have been."""
    rows = make_rows(count)
    alike = change(rows, features=np.full_like(rows.features, 9), targets=np.zeros_like(rows.targets))
    told, metrics = reports(alike, change(SETTINGS, batch_size=batch_size, learning_rate=0.0, epochs=1))
    assert [loss for _, _, loss in told] == pytest.approx([metrics["loss"]] * len(told), rel=1e-5)


@by_gradient
def test_divergence_is_a_loss_that_is_not_finite(arch):
    _, metrics = train(arch, make_rows(), change(SETTINGS, learning_rate=1e30))
    assert not math.isfinite(metrics["loss"])


# --- where it is trained ---


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        assert pick_device("cuda") == torch.device("cuda")
    else:
        with pytest.raises(SetupError, match="no usable GPU: use --device auto or cpu"):
            engine_of("torch", "cuda")


def test_cpu_is_the_cpu_even_where_there_is_a_gpu():
    assert pick_device("cpu") == torch.device("cpu")


def test_auto_is_the_gpu_where_there_is_one():
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
