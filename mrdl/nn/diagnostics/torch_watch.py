"""The same figures, and the same flags, for a PyTorch program of one's own: two lines of it, and nothing else changes.

watch = mrdl.watch(model, optimizer)
for epoch in range(20):
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        ...
        optimizer.step()
    watch.end_epoch(loss=train_loss, val_loss=val_loss)  # logs what looks ill
"""

import logging
from typing import Any, SupportsFloat

import torch
from torch import Tensor, nn

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.diagnostics.figures import EpochFigures, LayerFigures, kept, of_layer
from mrdl.nn.diagnostics.observer import EVERY, shares_at_ends
from mrdl.nn.diagnostics.rules import BOUNDS, Flag, flags_of

OF_OUTPUTS = ("baseline", "said", "majority")  # measures that rules look at
log = logging.getLogger(__name__)

ENDS: dict[type[nn.Module], tuple[float, ...]] = {
    nn.ReLU: ACTIVATIONS["relu"].ends,
    nn.Tanh: ACTIVATIONS["tanh"].ends,
    nn.Sigmoid: ACTIVATIONS["sigmoid"].ends,
}
"""The activations whose units are looked at; those of a function, as F.relu, have no module to be seen at."""


class Watch:
    """Looks at a module while a program trains it; it changes neither weights nor random numbers. See `watch`.

    epochs: the figures of those that are over; flags: what looks ill so far. Layers are the modules that have a weight
    matrix, in the order of `model.modules()`; names: theirs.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, every: int) -> None:
        self.epochs: list[EpochFigures] = []
        self.flags: list[Flag] = []
        self._every, self._steps = every, 0
        weighted = {name: m for name, m in model.named_modules() if _weight(m) is not None}
        self.names = list(weighted)
        self._weights = [_weight(module) for module in weighted.values()]
        self._given: dict[int, tuple[tuple[float, ...], Tensor]] = {}  # layer -> of its activation, the last batch
        self._seen: list[tuple[list[float], list[float]]] = []
        self._before: list[Tensor] = []
        self._gradients: list[float] = []
        self._start = self._copies()
        self._hooks: list[Any] = [
            optimizer.register_step_pre_hook(self._look),
            optimizer.register_step_post_hook(self._after_step),
        ]
        self._watch_activations(model)

    def end_epoch(self, loss: SupportsFloat | None = None, **measures: SupportsFloat) -> list[Flag]:
        """Make the figures of the epoch that is over; returns, and logs as warnings, the flags that are new.

        loss: the mean training loss of the epoch; measures: as the program knows them: val_loss, the mean loss of rows
        that are kept out; baseline, the loss of always saying the same, without which nothing is said of progress; said
        and majority, the shares of the class that is said most often, and of the most frequent one.

        watch.end_epoch(loss=0.31, val_loss=0.4, baseline=math.log(10))
        """
        told = {name: float(value) for name, value in measures.items()}
        mean = None if loss is None else kept(float(loss))
        layers = tuple(self._layer(i) for i in range(len(self._weights)))
        if loss is not None and mean is None and layers:  # told a loss, which is not finite
            last = layers[-1]
            layers = (*layers[:-1], LayerFigures(**{**vars(last), "nonfinite": last.nonfinite + 1}))
        outputs = {"loss": mean, **{name: kept(told[name]) for name in OF_OUTPUTS if name in told}}
        # whoever tells of rows kept out is taken to keep enough
        validation = {"loss": told["val_loss"], "rows": BOUNDS.rows} if "val_loss" in told else {}
        number = len(self.epochs) + 1
        self.epochs.append(
            EpochFigures(
                number, 0, self._steps, mean if loss is not None else 0.0, layers, outputs, number, "", validation
            )
        )
        self._steps, self._start = 0, self._copies()
        self._seen.clear()
        self._given.clear()
        before = {flag.name for flag in self.flags}
        self.flags = flags_of(self.epochs)
        new = [flag for flag in self.flags if flag.name not in before]
        for flag in new:
            log.warning("epoch %d: %s", number, flag)
        return new

    def close(self) -> None:
        """Take the hooks away: the program trains on as if nobody had looked. What is known stays; no more is seen."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _watch_activations(self, model: nn.Module) -> None:
        """Look at the activation modules that follow a layer with weights."""
        layer = -1
        for module in model.modules():
            if _weight(module) is not None:
                layer += 1
            elif layer >= 0 and (ends := ENDS.get(type(module))):
                self._hooks.append(module.register_forward_hook(self._noting(layer, ends)))

    def _noting(self, layer: int, ends: tuple[float, ...]) -> Any:
        """A hook that takes note of what an activation gives in a training step that is looked at."""

        def note(module: nn.Module, given: Any, out: Tensor) -> None:
            if module.training and self._is_looked_at():
                self._given[layer] = ends, out.detach()

        return note

    def _is_looked_at(self) -> bool:
        """Whether the step that is under way is looked at: the first of an epoch, and then one in so many."""
        return self._steps % self._every == 0

    def _copies(self) -> list[Tensor]:
        return [weight.detach().clone() for weight in self._weights]

    def _look(self, *_: Any) -> None:
        """Take note of gradients and weights before a step."""
        if self._is_looked_at():
            self._gradients = [_norm(w.grad) if w.grad is not None else 0.0 for w in self._weights]
            self._before = self._copies()

    def _after_step(self, *_: Any) -> None:
        """Take note of what the step changed."""
        if self._is_looked_at() and self._before:
            updates = [_norm(w.detach() - b) for w, b in zip(self._weights, self._before, strict=True)]
            self._seen.append((self._gradients, updates))
            self._before = []
        self._steps += 1

    def _layer(self, i: int) -> LayerFigures:
        """The figures of a layer in the epoch that is over."""
        weight = _norm(self._weights[i].detach())
        gradients, updates = (
            ([of[i] for of in some] for some in zip(*self._seen, strict=True)) if self._seen else ([], [])
        )
        change = _norm(self._weights[i].detach() - self._start[i])
        dead, saturated = None, None
        if i in self._given:
            ends, out = self._given[i]
            dead, saturated = shares_at_ends(out.flatten(0, -2).float().cpu().numpy(), ends)
        return of_layer(i, weight, change, gradients, updates, dead, saturated)


def watch(model: nn.Module, optimizer: torch.optim.Optimizer, every: int = EVERY) -> Watch:
    """Look at a PyTorch module while a program of one's own trains it, as mrdl looks at its own networks.

    model: any module; its layers are those modules that have a weight of two dimensions or more; optimizer: that
    changes it; every: of so many steps one is looked at, the first of an epoch always. Such a step copies the weights
    once, and measures norms. Raises TypeError for a model without such a layer.

    watch = mrdl.watch(model, optimizer)
    """
    if not any(_weight(module) is not None for module in model.modules()):
        raise TypeError(f"{type(model).__name__} has no layer with a weight matrix, so there is nothing to watch")
    return Watch(model, optimizer, every)


def _weight(module: nn.Module) -> Any:
    """The weight of a module's own, of two dimensions or more, that is trained; None without one."""
    weight = module._parameters.get("weight")
    return weight if weight is not None and weight.dim() > 1 and weight.requires_grad else None


def _norm(tensor: Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor.detach()))
