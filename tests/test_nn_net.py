"""The torch module against torch.nn.Sequential with the same weights."""

import numpy as np
import pytest
import torch
from torch import nn

from mrdl.errors import ConfigError
from mrdl.nn.kinds import KINDS
from mrdl.nn.net import Net, build
from mrdl.nn.weights import digest

NODES = [6, 5, 4, 3]


KIND = {
    "mlp": {},
    "mlp of tanh": {"activation": "tanh"},
    "mlp of sigmoid": {"activation": "sigmoid"},
    "autoencoder": {},
    "autoencoder of sigmoid": {"activation": "sigmoid"},
    "rbm": {},
    "dbn": {},
    "dbn for reconstructions": {"fine_tune": "autoencoder"},
}
HIDDEN = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def made(name, seed):
    return Net(NODES, kind=name.split()[0], seed=seed, **KIND[name])


def sequential(net):
    """The same network out of torch's own layers, written out, with copies of its weights."""
    arch, weights = net.architecture, net.weights()
    between = HIDDEN[arch.options.get("activation", "sigmoid")]
    layers = [nn.Linear(6, 5), between(), nn.Linear(5, 4), between(), nn.Linear(4, 3)]
    if arch.loss == "bce":
        layers += [nn.Linear(3, 4), between(), nn.Linear(4, 5), between(), nn.Linear(5, 6)]
    layers.append({"nll": nn.LogSoftmax(1), "bce": nn.Sigmoid(), "cd": nn.Sigmoid()}[arch.loss])
    for i, linear in enumerate(layer for layer in layers if isinstance(layer, nn.Linear)):
        linear.weight.data.copy_(torch.from_numpy(weights[f"layers.{i}.weight"]))
        linear.bias.data.copy_(torch.from_numpy(weights[f"layers.{i}.bias"]))
    return nn.Sequential(*layers)


@pytest.fixture
def x():
    return torch.from_numpy(np.random.default_rng(0).random((9, NODES[0]), dtype=np.float32))


@pytest.fixture(params=KIND)
def net(request):
    """A network whose biases are not zero either."""
    net = made(request.param, seed=2)
    rng = np.random.default_rng(3)
    net.set_weights({name: rng.normal(size=w.shape).astype(np.float32) for name, w in net.weights().items()})
    return net


# --- what comes out ---


def test_forward_equals_torchs_own_layers(net, x):
    assert torch.equal(net(x), sequential(net)(x))


@pytest.mark.parametrize("kind", ["mlp", "dbn"])
def test_a_classifiers_outputs_are_log_probabilities(x, kind):
    assert Net(NODES, kind=kind)(x).exp().sum(1).tolist() == pytest.approx([1.0] * len(x), abs=1e-6)


def test_logits_are_what_comes_before_the_last_function(net, x):
    last = {"nll": nn.LogSoftmax(1), "bce": nn.Sigmoid(), "cd": nn.Identity()}[net.architecture.loss]
    assert torch.equal(last(net.logits(x)), net(x))


def test_a_reconstruction_is_as_wide_as_the_input(x):
    assert Net([6, 2], kind="autoencoder")(x).shape == x.shape


@pytest.mark.parametrize("name", [name for name in KIND if "autoencoder" in name or "reconstructions" in name])
def test_the_code_is_what_the_first_layers_give_and_the_rest_decodes_it(x, name):
    net = made(name, seed=2)
    assert torch.equal(net.encode(x), sequential(net)[:5](x))
    assert torch.equal(net.decode(net.encode(x)), net(x))


@pytest.mark.parametrize("kind", [{"kind": "autoencoder"}, {"kind": "dbn", "fine_tune": "autoencoder"}])
def test_the_code_is_not_cut_off_at_zero(x, kind):
    code = Net([6, 8], seed=0, **kind).encode(x - 0.5)
    assert (code < 0).any() and (code > 0).any()


@pytest.mark.parametrize("kind", ["mlp", "rbm", "dbn"])
@pytest.mark.parametrize("method", ["encode", "decode"])
def test_a_network_that_does_not_narrow_has_no_code(x, kind, method):
    with pytest.raises(ConfigError, match=f"'{kind}' has no code"):
        getattr(Net(NODES, kind=kind), method)(x)


@pytest.mark.parametrize("kind", ["rbm", "dbn"])
def test_columns_for_gaussian_units_are_scaled_first(x, kind):
    net, plain = Net(NODES, kind=kind, visible="gaussian"), Net(NODES, kind=kind)
    scale = np.linspace(0.5, 4, NODES[0], dtype=np.float32)
    net.set_weights({**plain.weights(), "layers.0.visible_scale": scale})
    assert torch.equal(net(x), plain(x * torch.from_numpy(scale)))


# --- how it is made ---


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mlp", {"activation": "relUs"}),
        ("autoencoder", {"activation": "softmax"}),
        ("rbm", {"visible": "poisson"}),
        ("dbn", {"fine_tune": "regressor"}),
        ("dbn", {"visible": "poisson"}),
    ],
)
def test_a_value_that_an_option_cannot_have_is_refused_by_name(kind, options):
    with pytest.raises(ConfigError, match=list(options)[0]):
        Net(NODES, kind=kind, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_net_starts_with_the_weights_of_its_architecture(kind):
    assert digest(Net(NODES, kind=kind, seed=7).weights()) == digest(KINDS[kind](NODES).initial_weights(7))


def test_the_papers_signature_gives_the_same_network():
    assert digest(Net(4, NODES, seed=7).weights()) == digest(Net(NODES, seed=7).weights())


@pytest.mark.parametrize("arguments", [(3, NODES), (5, NODES), (4,), (0, NODES)])
def test_a_number_of_layers_that_is_not_that_of_the_nodes_is_refused(arguments):
    with pytest.raises(ConfigError, match=f"^{arguments[0]} layers are announced"):
        Net(*arguments)


@pytest.mark.parametrize("nodes", [[], [6], [6, 0], [6, -3, 2]])
def test_nodes_that_make_no_layer_are_refused(nodes):
    with pytest.raises(ConfigError, match="expected two or more numbers above 0"):
        Net(nodes)


def test_an_unknown_kind_is_refused_with_all_kinds():
    with pytest.raises(ConfigError, match="'cnn', expected one of mlp, autoencoder"):
        Net(NODES, kind="cnn")


@pytest.mark.parametrize("name", KIND)
def test_build_gives_the_net_of_an_architecture_and_weights(name):
    arch = made(name, seed=0).architecture
    weights = arch.initial_weights(5)
    net = build(arch, weights)
    assert net.architecture == arch
    assert digest(net.weights()) == digest(weights)


# --- its weights ---


def test_weights_go_out_and_in_again(net):
    other = Net(NODES, kind=net.architecture.kind, seed=99, **net.architecture.options)
    other.set_weights(net.weights())
    assert digest(other.weights()) == digest(net.weights())


def test_weights_are_named_as_in_the_architecture(net):
    shapes = {name: array.shape for name, array in net.weights().items()}
    assert list(shapes.items()) == list(net.architecture.shapes().items())


def test_changing_the_weights_that_came_out_leaves_the_net_alone(net):
    before = digest(net.weights())
    for array in net.weights().values():
        array += 1
    assert digest(net.weights()) == before


def test_changing_the_weights_that_went_in_leaves_the_net_alone(net):
    weights = net.weights()
    net.set_weights(weights)
    before = digest(net.weights())
    weights["layers.0.weight"][:] = 0
    assert digest(net.weights()) == before


def test_weights_that_cannot_be_written_to_are_taken(net):
    weights = {name: np.frombuffer(w.tobytes(), np.float32).reshape(w.shape) for name, w in net.weights().items()}
    net.set_weights(weights)
    assert digest(net.weights()) == digest(weights)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"layers.0.weight": np.zeros((6, 5), np.float32)}, r"layers.0.weight has shape \(6, 5\), expected \(5, 6\)"),
        ({"layers.9.weight": np.zeros(3, np.float32)}, r"layers.9.weight"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(net, change, says):
    before = digest(net.weights())
    with pytest.raises(ConfigError, match=says):
        net.set_weights({**{name: array * 2 for name, array in net.weights().items()}, **change})
    assert digest(net.weights()) == before


# --- as a torch module ---


def test_gradients_flow_to_every_parameter_as_in_torchs_own_layers(net, x):
    same = sequential(net)
    net(x).square().sum().backward()
    same(x).square().sum().backward()
    pairs = list(zip(net.parameters(), same.parameters(), strict=True))
    assert all(torch.equal(ours.grad, theirs.grad) for ours, theirs in pairs)
    assert all(ours.grad.any() for ours, _ in pairs)


def test_any_torch_optimizer_trains_it(x):
    net = Net(NODES, seed=1)
    target = torch.arange(len(x)) % NODES[-1]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        losses.append(nn.functional.nll_loss(net(x), target))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1].item() < losses[0].item() / 2


def test_a_state_dict_goes_into_another_net(net):
    other = Net(NODES, kind=net.architecture.kind, seed=99, **net.architecture.options)
    other.load_state_dict(net.state_dict())
    assert digest(other.weights()) == digest(net.weights())
