"""Architectures: layers from node lists, the weights they start with, and the digest of weights."""

import dataclasses
import hashlib
import re

import numpy as np
import pytest
from scipy.stats import kstest

from mrdl.errors import ConfigError
from mrdl.nn.kinds import KINDS, autoencoder, design, mlp, rbm
from mrdl.nn.weights import digest

# --- layers ---


def test_shapes_are_named_in_the_order_of_the_layers():
    assert list(mlp([784, 500, 100, 10]).shapes().items()) == [
        ("layers.0.weight", (500, 784)),
        ("layers.0.bias", (500,)),
        ("layers.1.weight", (100, 500)),
        ("layers.1.bias", (100,)),
        ("layers.2.weight", (10, 100)),
        ("layers.2.bias", (10,)),
    ]


@pytest.mark.parametrize(
    ("nodes", "activations"),
    [([4, 2], ("linear",)), ([4, 3, 2], ("relu", "linear")), ([8, 6, 4, 2], ("relu", "relu", "linear"))],
)
def test_a_classifier_has_relu_everywhere_but_at_its_end(nodes, activations):
    assert mlp(nodes).activations == activations


def test_a_classifier_has_class_targets_and_no_code():
    assert (mlp([4, 3, 2]).loss, mlp([4, 3, 2]).code) == ("nll", None)


MIRRORED = [
    ([784, 100, 30], (784, 100, 30, 100, 784), 2, ("relu", "linear", "relu", "linear")),
    ([4, 2], (4, 2, 4), 1, ("linear", "linear")),
    ([6, 5, 4, 3], (6, 5, 4, 3, 4, 5, 6), 3, ("relu", "relu", "linear", "relu", "relu", "linear")),
    ([3, 8], (3, 8, 3), 1, ("linear", "linear")),
]


@pytest.mark.parametrize(("encoder", "nodes", "code", "activations"), MIRRORED)
def test_an_encoder_is_mirrored(encoder, nodes, code, activations):
    built = autoencoder(encoder)
    assert (built.nodes, built.code, built.activations) == (nodes, code, activations)


@pytest.mark.parametrize(("encoder", "nodes", "code", "activations"), MIRRORED)
def test_all_nodes_written_out_are_the_same_as_the_encoder_alone(encoder, nodes, code, activations):
    assert autoencoder(nodes) == autoencoder(encoder)


def test_an_autoencoder_has_its_input_as_target():
    assert autoencoder([4, 2]).loss == "bce"


ASYMMETRIC = [
    ([10, 5, 3, 10], [10, 5, 3]),
    ([10, 5, 5, 10], [10, 5, 5]),
    ([10, 5, 3, 4, 10], [10, 5, 3]),
    ([10, 7, 5, 3, 4, 7, 10], [10, 7, 5, 3]),
]


@pytest.mark.parametrize(("nodes", "encoder"), ASYMMETRIC)
def test_nodes_that_are_not_symmetric_are_refused_with_the_encoder_proposed(nodes, encoder):
    with pytest.raises(ConfigError) as refused:
        autoencoder(nodes)
    assert str(refused.value).endswith(f"{nodes} are not symmetric; give the encoder alone: {encoder}")


@pytest.mark.parametrize("nodes", [nodes for nodes, _ in ASYMMETRIC] + [[10, 10], [10, 5, 4, 10, 10]])
def test_the_proposal_for_nodes_that_are_refused_is_not_refused_again(nodes):
    with pytest.raises(ConfigError) as refused:
        autoencoder(nodes)
    proposed = re.search(r"\[([\d, ]+)\]$", str(refused.value)).group(1)
    assert autoencoder([int(n) for n in proposed.split(",")]).nodes[0] == 10


@pytest.mark.parametrize("kind", KINDS)
def test_an_architecture_keeps_its_name_and_does_not_change(kind):
    built = KINDS[kind]([4, 3, 2])
    assert built.kind == kind
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.nodes = (4, 2)


# --- designed for data ---


@pytest.mark.parametrize(
    ("kind", "features", "classes", "nodes"),
    [
        ("mlp", 784, 10, (784, 500, 100, 10)),
        ("mlp", 3, 2, (3, 500, 100, 2)),
        ("autoencoder", 784, 10, (784, 500, 100, 30, 100, 500, 784)),
        ("autoencoder", 3, 0, (3, 500, 100, 30, 100, 500, 3)),
        ("rbm", 784, 10, (784, 500, 100)),
        ("rbm", 3, 0, (3, 500, 100)),
        ("dbn", 784, 10, (784, 500, 100, 10)),
        ("dbn", 3, 2, (3, 500, 100, 2)),
    ],
)
def test_without_nodes_the_ends_come_from_the_data(kind, features, classes, nodes):
    assert design(kind, (), features, classes).nodes == nodes


def test_hidden_layers_stand_between_the_ends_of_the_data():
    assert design("mlp", (), 105, 2, hidden=(64, 32)).nodes == (105, 64, 32, 2)
    assert design("autoencoder", (), 105, 0, hidden=(64,)).nodes == (105, 64, 30, 64, 105)
    with pytest.raises(ConfigError, match="leave one of them out"):
        design("mlp", (105, 64, 2), 105, 2, hidden=(64,))
    with pytest.raises(ConfigError, match="no inputs"):
        design("mlp", (), 0, 2)


def test_nodes_may_begin_with_the_columns_that_inputs_are_made_of():
    assert design("mlp", (14, 64, 2), 105, 2, columns=14).nodes == (105, 64, 2)
    assert design("mlp", (105, 64, 2), 105, 2, columns=14).nodes == (105, 64, 2)
    assert design("autoencoder", (14, 8, 14), 105, 0, columns=14).nodes == (105, 8, 105)
    with pytest.raises(ConfigError, match="begins with 13, .* 105 columns"):
        design("mlp", (13, 64, 2), 105, 2, columns=14)


def test_without_nodes_a_dbn_for_reconstructions_has_the_nodes_of_an_autoencoder():
    unrolled = design("dbn", (), 784, 10, {"fine_tune": "autoencoder"})
    assert unrolled.nodes == design("autoencoder", (), 784, 10).nodes


@pytest.mark.parametrize(
    ("kind", "nodes", "features", "classes"),
    [
        ("mlp", (64, 32, 10), 64, 10),
        ("autoencoder", (64, 8), 64, 10),
        ("autoencoder", (64, 8, 64), 64, 0),
        ("rbm", (64, 8), 64, 10),
        ("rbm", (64, 8, 4), 64, 0),
        ("dbn", (64, 8, 10), 64, 10),
    ],
)
def test_nodes_that_fit_are_taken_as_they_are(kind, nodes, features, classes):
    assert design(kind, nodes, features, classes) == KINDS[kind](nodes)


@pytest.mark.parametrize("kind", KINDS)
def test_nodes_of_another_width_are_refused_with_both_numbers(kind):
    with pytest.raises(ConfigError, match=r"begins with 784, .* 64 columns"):
        design(kind, (784, 100), 64, 10)


@pytest.mark.parametrize("kind", ["mlp", "dbn"])
def test_too_few_outputs_are_refused_with_both_numbers(kind):
    with pytest.raises(ConfigError, match=r"ends with 9, .* 10 classes"):
        design(kind, (64, 12, 9), 64, 10)


def test_more_outputs_than_classes_are_allowed():
    """The paper's own network has 101 outputs for 10 digits."""
    assert design("mlp", (784, 500, 101), 784, 10).shapes()["layers.1.weight"] == (101, 500)


# --- the weights to start with ---


def bound_of(fan_in, fan_out, activation):
    """Glorot and Bengio's, with the gain of ReLU where there is one."""
    return np.sqrt(2 if activation == "relu" else 1) * np.sqrt(6 / (fan_in + fan_out))


LAYERS = [(300, 200, "relu"), (64, 500, "tanh"), (784, 30, "sigmoid"), (300, 200, "linear")]


def first_layer(fan_in, fan_out, activation):
    """A layer with that activation after it."""
    arch = mlp([fan_in, fan_out]) if activation == "linear" else mlp([fan_in, fan_out, 2], activation)
    return arch.initial_weights(0)["layers.0.weight"].astype(np.float64)


@pytest.mark.parametrize(("fan_in", "fan_out", "activation"), LAYERS)
def test_weights_reach_the_xavier_bound_but_never_pass_it(fan_in, fan_out, activation):
    bound = bound_of(fan_in, fan_out, activation)
    assert 0.999 * bound < abs(first_layer(fan_in, fan_out, activation)).max() <= np.float32(bound)


@pytest.mark.parametrize(("fan_in", "fan_out", "activation"), LAYERS)
def test_weights_have_the_mean_and_the_variance_of_a_uniform_distribution(fan_in, fan_out, activation):
    weight, bound = first_layer(fan_in, fan_out, activation), bound_of(fan_in, fan_out, activation)
    assert weight.mean() == pytest.approx(0, abs=0.02 * bound)
    assert weight.var() == pytest.approx(bound**2 / 3, rel=0.02)


@pytest.mark.parametrize(("kind", "layers"), [("rbm", 2), ("dbn", 1)])
def test_an_rbms_weights_begin_small_and_normal(kind, layers):
    weights = KINDS[kind]([300, 200, 100]).initial_weights(0)
    for layer in range(layers):
        weight = weights[f"layers.{layer}.weight"].astype(np.float64)
        assert kstest(weight.ravel(), "norm", (0, 0.01)).pvalue > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_weights_have_the_names_the_shapes_and_the_type_of_the_architecture(kind):
    arch = KINDS[kind]([6, 5, 3])
    weights = arch.initial_weights(0)
    assert [(name, array.shape) for name, array in weights.items()] == list(arch.shapes().items())
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", KINDS)
def test_biases_are_zero(kind):
    weights = KINDS[kind]([6, 5, 3]).initial_weights(4)
    assert not any(array.any() for name, array in weights.items() if name.endswith("bias"))


def test_the_scale_of_gaussian_units_begins_at_one():
    assert rbm([6, 5, 3], "gaussian").initial_weights(4)["layers.0.visible_scale"].tolist() == [1] * 6


def test_the_same_seed_gives_the_same_bytes():
    assert digest(mlp([6, 5, 3]).initial_weights(4)) == digest(mlp([6, 5, 3]).initial_weights(4))


@pytest.mark.parametrize("layer", range(2))
def test_another_seed_gives_other_weights_in_every_layer(layer):
    name = f"layers.{layer}.weight"
    a, b = (mlp([6, 5, 3]).initial_weights(seed)[name] for seed in (0, 1))
    assert not (a == b).any()


def test_layers_of_one_shape_do_not_start_alike():
    weights = mlp([5, 5, 5]).initial_weights(0)
    assert not (weights["layers.0.weight"] == weights["layers.1.weight"]).any()


def test_numpys_own_generator_is_neither_used_nor_changed():
    before = np.random.get_state()
    try:
        np.random.seed(1)
        expected, first = np.random.get_state()[1].copy(), digest(mlp([6, 3]).initial_weights(0))
        assert np.array_equal(np.random.get_state()[1], expected)
        np.random.seed(2)
        assert digest(mlp([6, 3]).initial_weights(0)) == first
    finally:
        np.random.set_state(before)


# --- the check of weights ---


def test_weights_of_the_architecture_pass_the_check():
    arch = mlp([6, 5, 3])
    assert arch.check(dict(reversed(arch.initial_weights(0).items())), "a file") is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"layers.1.weight": np.zeros((3, 4))}, "a file: layers.1.weight has shape (3, 4), expected (3, 5)"),
        ({"layers.0.weight": np.zeros((6, 5))}, "a file: layers.0.weight has shape (6, 5), expected (5, 6)"),
        ({"layers.0.bias": np.zeros((5, 1))}, "a file: layers.0.bias has shape (5, 1), expected (5,)"),
        ({"layers.1.bias": None}, "a file has no tensor layers.1.bias, expected one of shape (3,)"),
        (
            {"layers.2.bias": np.zeros(3)},
            "a file has tensors that do not belong to mlp (6, 5, 3): ['layers.2.bias']",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_tensor_and_shape(change, says):
    arch = mlp([6, 5, 3])
    weights = {**arch.initial_weights(0), **change}
    with pytest.raises(ConfigError) as refused:
        arch.check({name: array for name, array in weights.items() if array is not None}, "a file")
    assert str(refused.value) == says


# --- the digest of weights ---

WEIGHTS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.float32)}


def test_the_digest_is_sha256_over_names_types_shapes_and_bytes():
    b = b"b <f4 (2,)\n" + np.ones(2, "<f4").tobytes()
    w = b"w <f4 (2, 3)\n" + np.arange(6, dtype="<f4").tobytes()
    assert digest(WEIGHTS) == hashlib.sha256(b + w).hexdigest()


@pytest.mark.parametrize("byte", range(24))
def test_one_bit_changes_the_digest(byte):
    raw = bytearray(WEIGHTS["w"].tobytes())
    raw[byte] ^= 1
    assert digest({**WEIGHTS, "w": np.frombuffer(raw, np.float32).reshape(2, 3)}) != digest(WEIGHTS)


@pytest.mark.parametrize(
    "others",
    [
        {"v": WEIGHTS["w"], "b": WEIGHTS["b"]},
        {"w": WEIGHTS["w"].reshape(3, 2), "b": WEIGHTS["b"]},
        {"w": WEIGHTS["w"].view(np.int32), "b": WEIGHTS["b"]},
        {"w": WEIGHTS["w"].astype(np.float64), "b": WEIGHTS["b"]},
        {"w": WEIGHTS["w"]},
        {**WEIGHTS, "c": np.zeros(0, np.float32)},
    ],
    ids=["name", "shape", "type", "width", "one-less", "one-more"],
)
def test_the_digest_changes_with_more_than_the_bytes(others):
    assert digest(others) != digest(WEIGHTS)


def test_the_digest_does_not_depend_on_the_order_of_the_names():
    assert digest(dict(reversed(WEIGHTS.items()))) == digest(WEIGHTS)


@pytest.mark.parametrize(
    "lay", [np.asfortranarray, lambda w: np.repeat(w, 2, axis=1)[:, ::2]], ids=["fortran", "strided"]
)
def test_the_digest_does_not_depend_on_how_an_array_lies_in_memory(lay):
    assert digest({**WEIGHTS, "w": lay(WEIGHTS["w"])}) == digest(WEIGHTS)
