"""The kinds of networks: from a node list to layers.

A kind is a function of the nodes, and of the options that it has a use for, that gives an Architecture. All else asks
that one: whether a label is needed, what is trained in which order, what a model can do.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.losses import LOSSES, Wanted

DEFAULT_HIDDEN = (500, 100)
DEFAULT_CODE = 30
OPTIONS = {
    "activation": tuple(ACTIVATIONS),
    "visible": ("binary", "gaussian"),
    "fine_tune": ("classifier", "autoencoder"),
    "residual": ("yes", "no"),
    "loss": ("nll", "mse", "mae", "huber", "multilabel"),
}
"""What a kind can be told beside its nodes, as text in a model file: name -> values."""

PLAIN_SGD = (0.8, 0.8)
HINTON = (0.5, 0.9)  # momenta of an RBM


def mlp(nodes: Sequence[int], activation: str = "relu", residual: str = "no", loss: str = "nll") -> Architecture:
    """Give a classifier: hidden layers with one activation, log-softmax on top; or what gives numbers or flags.

    mlp([784, 100, 10]) has one hidden layer of 100 nodes. residual: yes, where a hidden layer as wide as the one below
    adds what goes into it (He et al. 2016); loss: nll of classes, mse, mae or huber of numbers, multilabel of flags.
    """
    hidden = len(nodes) - 2
    stages = (Stage("", None, ACTIVATIONS[activation].learning_rate, PLAIN_SGD),)
    options = {"activation": activation} | ({"residual": residual} if residual == "yes" else {})
    options |= {"loss": loss} if loss != "nll" else {}
    return Architecture(
        kind="mlp",
        nodes=tuple(nodes),
        activations=(activation,) * hidden + ("linear",),
        loss=loss,
        stages=stages,
        options=options,
        residual=residual == "yes",
    )


def autoencoder(nodes: Sequence[int], activation: str = "relu") -> Architecture:
    """Give a deep autoencoder (Hinton and Salakhutdinov 2006): linear code, sigmoid output.

    The encoder's nodes are enough: [784, 100, 30] builds 784-100-30-100-784.
    """
    nodes = mirrored(nodes)
    code = len(nodes) // 2
    activations = [activation] * (len(nodes) - 1)
    activations[code - 1], activations[-1] = "linear", "linear"
    stages = (Stage("", None, 0.001, PLAIN_SGD),)
    options = {"activation": activation}
    return Architecture("autoencoder", nodes, tuple(activations), "bce", stages, code, options=options)


def mirrored(nodes: Sequence[int]) -> tuple[int, ...]:
    """Give all nodes of an autoencoder, of which the encoder's are enough: (784, 30) becomes (784, 30, 784).

    Raises ConfigError if both halves differ.
    """
    nodes = tuple(nodes)
    if nodes[0] != nodes[-1]:
        nodes = nodes + nodes[-2::-1]
    if len(nodes) % 2 == 0 or nodes != nodes[::-1]:
        encoder = list(nodes[: len(nodes) // 2 + 1])
        if encoder[0] == encoder[-1]:  # by itself it would be taken for all nodes
            raise ConfigError(f"autoencoder nodes {list(nodes)} are not symmetric, as {encoder + encoder[-2::-1]}")
        raise ConfigError(f"autoencoder nodes {list(nodes)} are not symmetric; give the encoder alone: {encoder}")
    return nodes


def rbm(nodes: Sequence[int], visible: str = "binary") -> Architecture:
    """Give a restricted Boltzmann machine, or with more than two nodes a stack of them, trained layer by layer.

    visible: binary, or gaussian for values that are no probabilities.
    """
    depth = len(nodes) - 1
    stages = _machines(depth, visible, linear_code=False, named=depth > 1)
    activations = ("sigmoid",) * depth
    return Architecture("rbm", tuple(nodes), activations, "cd", stages, visible=visible, options={"visible": visible})


def dbn(nodes: Sequence[int], visible: str = "binary", fine_tune: str = "classifier") -> Architecture:
    """Give a deep belief net (Hinton et al. 2006): a stack of RBMs, then fine-tuned as a whole.

    As a classifier with log-softmax on top: [784, 500, 100, 10] has two RBMs. Or unrolled into an autoencoder with a
    linear code, for which the encoder's nodes are enough: [784, 500, 100, 30] has three.
    """
    options = {"visible": visible, "fine_tune": fine_tune}
    if fine_tune == "classifier":
        if len(nodes) < 3:
            raise ConfigError(f"nodes is {list(nodes)}, but a dbn has a hidden layer at least, as 784,500,10")
        depth = len(nodes) - 2
        machines = _machines(depth, visible, linear_code=False, named=True)
        stages = (*machines, Stage("fine-tuning", None, 0.05, PLAIN_SGD))
        activations = ("sigmoid",) * depth + ("linear",)
        return Architecture("dbn", tuple(nodes), activations, "nll", stages, visible=visible, options=options)
    if visible == "gaussian":
        raise ConfigError("a dbn that is unrolled into an autoencoder needs binary visible units: --visible binary")
    nodes = mirrored(nodes)
    code = len(nodes) // 2
    stages = (*_machines(code, visible, linear_code=True, named=True), Stage("fine-tuning", None, 0.001, PLAIN_SGD))
    unrolled = ["sigmoid"] * (len(nodes) - 1)
    unrolled[code - 1], unrolled[-1] = "linear", "linear"
    return Architecture("dbn", nodes, tuple(unrolled), "bce", stages, code, visible, options)


def _machines(depth: int, visible: str, *, linear_code: bool, named: bool) -> tuple[Stage, ...]:
    """The stages of a stack of RBMs; those with Gaussian units take steps a tenth as long (Hinton 2010)."""
    gaussian = {0} if visible == "gaussian" else set()
    gaussian |= {depth - 1} if linear_code else set()
    return tuple(
        Stage(f"layer {i + 1}" if named else "", i, 0.002 if i in gaussian else 0.02, HINTON) for i in range(depth)
    )


KINDS: dict[str, Callable[..., Architecture]] = {"mlp": mlp, "autoencoder": autoencoder, "rbm": rbm, "dbn": dbn}
"""The kinds by name; KINDS["mine"] = f, at the top level of a script, adds one. f(nodes) gives an Architecture, and the
same one for the nodes of that Architecture; it may take `activation`, `visible`, `fine_tune`, `residual` and `loss`,
which is that of numbers or flags where those are learnt. Options of its own are bound before:
KINDS["wide"] = functools.partial(f, factor=2)."""

OWN_KINDS = dict(KINDS)  # mrdl's
OUTLINE = (2, *DEFAULT_HIDDEN, 3)  # nodes to ask a kind what it is like, where those of a run are not known


def build(kind: str, nodes: Sequence[int], options: Mapping[str, str]) -> Architecture:
    """Give the architecture of a kind; options that it has no use for are left out.

    build("mlp", (784, 100, 10), {"activation": "tanh"}). Raises ConfigError for a kind, a value or nodes that are none.
    """
    for name, value in options.items():
        if name in OPTIONS and value not in OPTIONS[name]:
            raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(OPTIONS[name])}")
    if kind not in KINDS:
        raise ConfigError(f"network kind {kind!r}, expected one of {', '.join(KINDS)}")
    make = KINDS[kind]
    known = inspect.signature(make).parameters
    if options.get("residual") == "yes" and "residual" not in known:
        raise ConfigError(f"a network of kind {kind!r} has no residual connections: leave out --residual")
    if options.get("loss", "nll") != "nll" and "loss" not in known:
        raise ConfigError(f"a network of kind {kind!r} learns neither numbers nor several labels, but one of mlp does")
    if make is OWN_KINDS.get(kind):
        return make(nodes, **{name: value for name, value in options.items() if name in known})
    return _of_users(kind, make, nodes, options)


def _of_users(
    kind: str, make: Callable[..., Architecture], nodes: Sequence[int], options: Mapping[str, str]
) -> Architecture:
    """What a user's function gives, under a name by which it is made again from a model file; raises ConfigError."""
    known = inspect.signature(make).parameters
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in options and name != next(iter(known)):
            raise ConfigError(f"network kind {kind!r} needs {name!r}, which no setting has: bind it with partial")
    taken = {name: value for name, value in options.items() if name in known}
    made = make(tuple(nodes), **taken)
    if not isinstance(made, Architecture):
        raise ConfigError(f"network kind {kind!r} gave {made!r}, expected an Architecture")
    made = replace(made, nodes=tuple(made.nodes), kind=kind, options=taken)
    if problem := _malformed(made):
        raise ConfigError(f"network kind {kind!r} gave {problem}")
    again = make(made.nodes, **taken)
    if replace(again, kind=kind, options=taken, nodes=tuple(again.nodes)) != made:
        raise ConfigError(
            f"network kind {kind!r} made {list(made.nodes)} of {list(nodes)}, and another network of those: "
            "a model file could not be read. Its function must leave the nodes of its own networks as they are"
        )
    return made


def _malformed(made: Architecture) -> str:
    """What is wrong with an architecture, empty where nothing is."""
    layers = len(made.nodes) - 1
    if len(made.activations) != layers or not set(made.activations) <= set(ACTIVATIONS):
        return f"activations {made.activations}, expected {layers} of {', '.join(sorted(ACTIVATIONS))}"
    if made.loss not in LOSSES:
        return f"loss {made.loss!r}, expected one of {', '.join(LOSSES)}"
    if not made.stages or any(stage.layer is not None and stage.layer >= layers for stage in made.stages):
        return f"stages {made.stages}, expected one or more, each of a layer of {layers} or of None"
    if LOSSES[made.loss].gradient is None and any(stage.layer is None for stage in made.stages):
        return f"stages {made.stages}, but loss {made.loss!r} has no gradient to train a whole network by"
    return ""


def character(kind: str, nodes: Sequence[int], options: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether a network of this kind learns what columns of their own hold, and so needs a label, and whether it has
    RBMs."""
    like = outline(kind, nodes, options)
    return LOSSES[like.loss].needs_label, any(stage.layer is not None for stage in like.stages)


def outline(kind: str, nodes: Sequence[int], options: Mapping[str, str]) -> Architecture:
    """A network of this kind: what is wrong with the nodes of one of mrdl's is told when the data is known."""
    own = KINDS.get(kind) is OWN_KINDS.get(kind)
    return build(kind, OUTLINE if own or not nodes else nodes, options)


def design(
    kind: str,
    nodes: Sequence[int],
    num_inputs: int,
    num_outputs: int,
    options: Mapping[str, str] | None = None,
    hidden: Sequence[int] = (),
    columns: int = 0,
) -> Architecture:
    """Give the architecture for rows of so many inputs; raises ConfigError if the nodes do not fit it.

    num_outputs: classes, or columns of numbers or flags; 0 where they are not known yet. Without nodes the first and
    the last are by the data, and those between are `hidden`, or else the default ones. columns: that the inputs are
    made of; nodes may begin with their number, too.
    """
    options = options or {}
    like = outline(kind, nodes, options)
    wanted = LOSSES[like.loss].wanted
    if nodes and hidden:
        raise ConfigError("nodes names all layers, and hidden those between: leave one of them out")
    if not num_inputs:
        raise ConfigError("the data has no inputs: none of its columns holds anything that rows have in common")
    if not nodes:
        top = () if like.top_machine is not None else (DEFAULT_CODE if wanted is Wanted.ROW else num_outputs,)
        nodes = (num_inputs, *(hidden or DEFAULT_HIDDEN), *top)
    if nodes[0] == columns:
        gives_back = wanted is Wanted.ROW and nodes[-1] == columns
        nodes = (num_inputs, *nodes[1:-1], num_inputs if gives_back else nodes[-1])
    if nodes[0] != num_inputs:
        raise ConfigError(
            f"nodes begins with {nodes[0]}, but the data has {num_inputs} columns of inputs: begin with {num_inputs}, "
            "or name the layers between alone, with --hidden"
        )
    if wanted is Wanted.CLASS and nodes[-1] < num_outputs:
        raise ConfigError(f"nodes ends with {nodes[-1]}, but the label column has {num_outputs} classes")
    if wanted in (Wanted.NUMBERS, Wanted.FLAGS) and num_outputs not in (0, nodes[-1]):
        learnt = f"{num_outputs} columns of {wanted} are" if num_outputs > 1 else "one column of numbers is"
        raise ConfigError(f"nodes ends with {nodes[-1]}, but {learnt} learnt: end with {num_outputs}")
    made = build(kind, nodes, options)
    if made.nodes[0] != nodes[0] or (wanted is Wanted.CLASS and made.nodes[-1] < num_outputs):
        raise ConfigError(
            f"network kind {kind!r} made {list(made.nodes)} of {list(nodes)}, which the data does not fit"
        )
    return made
