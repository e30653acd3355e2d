"""Rules that make words of figures: whether a training is ill, of what, and what helps.

A rule is a function of the epochs so far, which gives its reason in words, or nothing. All bounds stand in BOUNDS:
scripts/bench/illnesses.py has chosen them on some trainings and judged them on others; docs/diagnostics.md has its
table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mrdl.nn.diagnostics.figures import EpochFigures, LayerFigures

Epochs = Sequence[EpochFigures]


@dataclass(frozen=True)
class Flag:
    """Something that looks wrong with a training. name: of RULES; why: the figures, in words; helps: what to try;
    round, epoch: where it was seen first."""

    name: str
    why: str
    helps: str
    round: int = 0
    epoch: int = 0

    def __str__(self) -> str:
        """The flag for people: `dead layer: 98 % of ...; try ...`."""
        return f"{self.name}: {self.why}; {self.helps}"


@dataclass(frozen=True)
class Bounds:
    """Where a figure becomes a flag. All were chosen by scripts/bench/illnesses.py.

    The baseline is the loss of always saying the same: the classes' shares, or the mean.
    """

    grown: float = 3.0  # loss / baseline
    fast: float = 0.3  # update / weight of one step, the largest of any layer
    slow: float = 2e-3  # change of an epoch / weight, the largest of any layer
    alive: float = 0.01  # the same, of every layer
    learnt: float = 0.02  # part of the baseline that is saved, below which nothing was learnt
    by_heart: float = 0.03  # part that training saves more than the rows kept out, which save none
    steps: int = 60  # fewer say nothing of progress
    jumping: int = 3  # epochs without a gain, of steps that are too large
    still: int = 6  # the same, of any steps: a plateau may be as long
    rows: int = 100  # kept out; fewer say nothing of labels
    vanished: float = 1e-3  # gradient of a layer / that of the last one
    dead: float = 0.9  # share of a layer's units
    saturated: float = 0.8  # share of a layer's outputs
    alike: float = 0.995  # share of the rows that are said to be of one class
    over: float = 0.03  # by which that is above the most frequent class's share
    little: float = 0.05  # part of the baseline that is saved, below which that is no good reason
    apart: float = 0.2  # validation loss above its least / baseline
    learnt_more: float = 0.97  # training loss / what it was when validation was best


BOUNDS = Bounds()
Rule = Callable[[Epochs, Bounds], str | None]


def _saved(epoch: EpochFigures) -> float | None:
    """The part of the baseline's loss that the network saves on training rows; None where that is not known."""
    loss, baseline = epoch.outputs.get("loss"), epoch.outputs.get("baseline")
    return None if loss is None or not baseline else 1 - loss / baseline


def _validation_saved(epoch: EpochFigures) -> float | None:
    """The same on the rows kept out."""
    loss, baseline = epoch.validation.get("loss"), epoch.outputs.get("baseline")
    return None if loss is None or not baseline else 1 - loss / baseline


def _largest(epoch: EpochFigures, figure: str) -> float | None:
    """The largest of a figure over the layers; None where no layer has it."""
    return max((v for layer in epoch.layers if (v := getattr(layer, figure)) is not None), default=None)


def _steps(epochs: Epochs) -> int:
    return sum(each.steps for each in epochs)


def _stands_still(epochs: Epochs, bounds: Bounds, count: int) -> bool:
    """Whether each of the last so many epochs learnt nothing."""
    return len(epochs) >= count and all(_learns_nothing(epochs[: len(epochs) - i], bounds) for i in range(count))


def _learns_nothing(epochs: Epochs, bounds: Bounds) -> bool:
    """Whether the last epoch's network is no better than always saying the same, after steps that would tell."""
    last = epochs[-1]
    saved, baseline = _saved(last), last.outputs.get("baseline")
    if saved is None or not baseline or saved >= bounds.learnt or _steps(epochs) < bounds.steps:
        return False
    # the few rows looked at may be hard ones: the mean of all rows is to say the same
    return last.loss is None or 1 - last.loss / baseline < bounds.learnt


def exploding(epochs: Epochs, bounds: Bounds) -> str | None:
    """A number that is not finite, or a loss that grows far beyond where it began.

    Bounds: grown, by which the loss of the rows looked at exceeds the baseline. It needs no earlier epoch.
    """
    last = epochs[-1]
    if last.nonfinite:
        layers = [str(layer.layer) for layer in last.layers if layer.nonfinite]
        return f"not finite: {'layer ' + ', '.join(layers) if layers else 'the loss'}"
    loss, baseline = last.outputs.get("loss"), last.outputs.get("baseline")
    if loss is not None and baseline and loss > bounds.grown * baseline:
        return f"the loss is {loss:.3g}, that of always saying the same {baseline:.3g}"
    return None


def vanishing(epochs: Epochs, bounds: Bounds) -> str | None:
    """Gradients that hardly reach the lower layers.

    Bounds: vanished, the least of their gradients beside that of the last layer. Silent of one layer, without
    gradients, as of RBMs, and once half of the baseline's loss is saved: such a network learns.
    """
    known = [layer for layer in epochs[-1].layers if layer.gradient is not None]
    if len(known) < 2 or not known[-1].gradient or (_saved(epochs[-1]) or 0) > 0.5:
        return None
    least = min(known[:-1], key=lambda layer: layer.gradient or 0.0)
    share = (least.gradient or 0.0) / known[-1].gradient
    if share < bounds.vanished:
        return f"the gradient of layer {least.layer} is {share:.1g} of the last layer's"
    return None


def dead_layer(epochs: Epochs, bounds: Bounds) -> str | None:
    """A layer whose units give 0 for every row.

    Bounds: dead, the share of its units. Silent of activations that do not end at 0, whose figure is None.
    """
    return _of_layer(epochs, "dead", bounds.dead, "of its units give 0 for every row")


def saturated(epochs: Epochs, bounds: Bounds) -> str | None:
    """A layer whose outputs lie at the ends of its activation's range, where there is no gradient.

    Bounds: saturated, the share of its outputs. Silent of activations without two ends, whose figure is None.
    """
    return _of_layer(epochs, "saturated", bounds.saturated, "of its outputs lie at the ends of their range")


def _of_layer(epochs: Epochs, figure: str, bound: float, words: str) -> str | None:
    """The worst layer by a share, in words, where it is at the bound or above it."""

    def share(layer: LayerFigures) -> float:
        return getattr(layer, figure) or 0.0

    worst = max(epochs[-1].layers, key=share, default=None)
    if worst is None or share(worst) < bound:
        return None
    return f"layer {worst.layer}: {100 * share(worst):.0f} % {words}"


def rate_too_high(epochs: Epochs, bounds: Bounds) -> str | None:
    """Steps that are large beside the weights, of a training that does not learn.

    Bounds: fast, of the last epoch's largest ratio; jumping, the epochs that have learnt nothing. Silent where the
    baseline is not known, as in all rules that ask whether something is learnt.
    """
    fast = _largest(epochs[-1], "ratio")
    if fast is None or fast < bounds.fast or not _stands_still(epochs, bounds, bounds.jumping):
        return None
    return f"one step changes a layer by {100 * fast:.2g} % of its weights, and nothing is learnt"


def rate_too_low(epochs: Epochs, bounds: Bounds) -> str | None:
    """Weights that hardly move, of a training that does not learn.

    Bounds: slow, of the last epoch's largest change; steps, fewer of which say nothing.
    """
    moved = _largest(epochs[-1], "moved")
    if moved is None or moved > bounds.slow or not _learns_nothing(epochs, bounds):
        return None
    return f"an epoch changes no layer by more than {100 * moved:.2g} %, and nothing is learnt"


def collapsed(epochs: Epochs, bounds: Bounds) -> str | None:
    """One class for every row, where the rows have others.

    Bounds: alike and over, in two epochs that follow one another; steps, fewer of which say nothing; little, the part
    of the baseline that is saved: with more of it there is a good reason to say that class. Silent where no classes are
    learnt.
    """
    for each in epochs[-2:]:
        said, majority = each.outputs.get("said"), each.outputs.get("majority")
        if said is None or majority is None or said < bounds.alike or said - majority < bounds.over:
            return None
    if len(epochs) < 2 or _steps(epochs) < bounds.steps or (_saved(epochs[-1]) or 0.0) > bounds.little:
        return None
    said, majority = epochs[-1].outputs["said"] or 0.0, epochs[-1].outputs["majority"] or 0.0
    return f"{100 * said:.0f} % of the rows are said to be of one class, which {100 * majority:.0f} % are at most"


def no_progress(epochs: Epochs, bounds: Bounds) -> str | None:
    """A network that is no better than always saying the same, epoch after epoch.

    Bounds: still, the epochs that have learnt nothing, each after so many steps that it would tell.
    """
    if not _stands_still(epochs, bounds, bounds.still):
        return None
    saved = _saved(epochs[-1]) or 0.0
    return f"after {_steps(epochs)} steps {100 * max(0.0, saved):.1f} % of the loss of always saying the same is saved"


def labels_shuffled(epochs: Epochs, bounds: Bounds) -> str | None:
    """A network that moves as a healthy one, and learns training rows by heart but nothing of those kept out.

    Bounds: rows, kept out, in two epochs at the least; learnt and by_heart, of what is saved. Silent without rows kept
    out, and where a layer stands still, jumps or shrinks, as that would be reason enough.
    """
    known = [each for each in epochs if each.validation.get("rows", 0) >= bounds.rows]
    if len(known) < 2 or _steps(epochs) < bounds.steps or not _is_alive(epochs, bounds):
        return None
    told = [_validation_saved(each) or 0.0 for each in known]
    saved = _saved_of_all(known[-1])
    if max(told) > bounds.learnt / 2 or told[-1] > 0 or saved is None or saved - told[-1] < bounds.by_heart:
        return None
    return f"{100 * saved:.0f} % of the loss of always saying the same is saved by heart, and none on rows kept out"


def _saved_of_all(epoch: EpochFigures) -> float | None:
    """The part of the baseline's loss that was saved on all training rows, in the mean of the epoch."""
    baseline = epoch.outputs.get("baseline")
    return None if epoch.loss is None or not baseline else 1 - epoch.loss / baseline


def _is_alive(epochs: Epochs, bounds: Bounds) -> bool:
    """Whether all layers move, neither in jumps nor towards 0."""
    first, last = epochs[0], epochs[-1]
    if (_largest(last, "ratio") or 0.0) > bounds.fast:
        return False
    pairs = zip(first.layers, last.layers, strict=True)
    return all(
        (now.moved or 0.0) > bounds.alive and (now.weight or 0.0) > (before.weight or 0.0) / 2 for before, now in pairs
    )


def over_fitting(epochs: Epochs, bounds: Bounds) -> str | None:
    """A validation loss that rises while the training loss falls.

    Bounds: apart, by which it is above its least after it rose twice; learnt_more, of the training loss. It needs three
    epochs with a validation loss: of a run these are its rounds.
    """
    known = [each for each in epochs if each.validation.get("loss") is not None and each.outputs.get("loss")]
    if len(known) < 3:
        return None
    best = min(known, key=lambda each: each.validation["loss"])
    last, before = known[-1], known[-2]
    rises = last.validation["loss"] > before.validation["loss"] > best.validation["loss"]
    lower = (last.outputs["loss"] or 0.0) < bounds.learnt_more * (best.outputs["loss"] or 0.0)
    grown = last.validation["loss"] - best.validation["loss"]
    baseline = last.outputs.get("baseline") or best.validation["loss"]  # of a program that tells none
    if not rises or not lower or grown < bounds.apart * baseline:
        return None
    grown = 100 * grown / best.validation["loss"]
    return f"the validation loss is {grown:.0f} % above its least, of round {best.round}, while the training loss falls"


MECHANICAL = ("exploding", "dead layer", "saturated", "vanishing", "learning rate too high", "learning rate too low")
"""Flags that say why nothing is learnt: with one of them those that only say so are left out."""


@dataclass(frozen=True)
class Entry:
    """A rule, what helps, and the flags beside which it has nothing to add."""

    rule: Rule
    helps: str
    unless: tuple[str, ...] = ()


RULES = {
    "exploding": Entry(exploding, "try a smaller learning rate, or scaled inputs"),
    "dead layer": Entry(dead_layer, "try a smaller learning rate, or initial weights drawn anew"),
    "saturated": Entry(saturated, "try smaller initial weights, scaled inputs, or relu"),
    "vanishing": Entry(vanishing, "try relu, residual = yes, or fewer layers"),
    "learning rate too high": Entry(rate_too_high, "try a tenth of it"),
    "learning rate too low": Entry(rate_too_low, "try ten times as much", MECHANICAL[:-1]),
    "collapsed to the majority": Entry(
        collapsed, "try a smaller learning rate or weight_decay, or class_weight = balanced"
    ),
    "labels shuffled": Entry(labels_shuffled, "look whether labels belong to their rows", MECHANICAL),
    "no progress": Entry(
        no_progress,
        "look whether the inputs say anything of the labels, and at the learning rate",
        (*MECHANICAL, "collapsed to the majority", "labels shuffled"),
    ),
    "over-fitting": Entry(over_fitting, "try patience, weight_decay, dropout, or a smaller network"),
}
"""The rules by the name of their flag, in the order they are asked in. RULES["mine"] = Entry(f, "...") adds one."""


def flags_of(epochs: Epochs, bounds: Bounds = BOUNDS) -> list[Flag]:
    """The flags of a training, each where it was seen first, in the order of epochs.

    epochs: in order, of all stages and rounds; each stage is judged by itself, by each of its epochs as if it were the
    last: a flag stays, though later figures be healthy. bounds: where a figure becomes a flag.

    [str(flag) for flag in flags_of(observer.epochs)]  # ["dead layer: layer 0: 98 % of its units give 0 ...; try ..."]
    """
    found: dict[str, Flag] = {}
    for stage in dict.fromkeys(each.stage for each in epochs):
        own = [each for each in epochs if each.stage == stage]
        for end in range(1, len(own) + 1):
            last = own[end - 1]
            for name, entry in RULES.items():
                if name in found or not found.keys().isdisjoint(entry.unless):
                    continue
                if why := entry.rule(own[:end], bounds):
                    found[name] = Flag(name, why, entry.helps, last.round, last.epoch)
    return list(found.values())
