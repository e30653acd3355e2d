"""mrdl.watch: the figures and flags of a PyTorch program of one's own."""

import logging
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import mrdl


def program(watched, rate=0.1, epochs=3, prepare=lambda model: None, net=nn.ReLU):
    """A user's own training, of 200 rows in 10 batches; its model, and what watched it."""
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, 0] + x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(6, 12), net(), nn.Linear(12, 2))
    prepare(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    watch = mrdl.watch(model, optimizer, every=4) if watched else None
    for _ in range(epochs):
        total = 0.0
        for i in torch.randperm(200).split(20):
            loss = F.cross_entropy(model(x[i]), y[i])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / 10
        if watch:
            watch.end_epoch(loss=total, baseline=math.log(2))
    return model, watch


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_program_that_is_watched_trains_the_same_bits():
    assert torch.equal(weights(program(True)[0]), weights(program(False)[0]))


def test_norms_are_those_of_the_steps_looked_at():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    watch = mrdl.watch(model, optimizer)
    before = model[0].weight.detach().clone()
    given = model[:2](torch.ones(5, 4) * 9).detach()
    model(torch.ones(5, 4) * 9).sum().backward()
    gradient = model[0].weight.grad.norm().item()
    optimizer.step()
    watch.end_epoch(loss=1.0)
    (epoch,) = watch.epochs
    assert watch.names == ["0", "2"] and len(epoch.layers) == 2
    assert epoch.layers[0].gradient == pytest.approx(gradient, rel=1e-5)
    assert epoch.layers[0].update == pytest.approx(0.5 * gradient, rel=1e-5)
    assert epoch.layers[0].update == pytest.approx((model[0].weight - before).norm().item(), rel=1e-5)
    assert epoch.layers[0].weight == pytest.approx(model[0].weight.norm().item(), rel=1e-5)
    assert epoch.layers[0].saturated == pytest.approx((given.abs() > 0.98).float().mean().item())
    assert epoch.layers[1].dead is None and epoch.layers[1].saturated is None


def test_a_healthy_program_has_no_flag():
    assert program(True)[1].flags == []


@pytest.mark.parametrize(
    ("flag", "how"),
    [
        ("learning rate too low", {"rate": 1e-7, "epochs": 7}),
        ("exploding", {"rate": 1e30}),
        ("dead layer", {"prepare": lambda model: nn.init.constant_(model[0].bias, -50)}),
        ("saturated", {"net": nn.Tanh, "prepare": lambda model: nn.init.normal_(model[0].weight, std=60)}),
    ],
)
def test_what_looks_ill_is_logged_once(flag, how, caplog):
    with caplog.at_level(logging.WARNING, logger="mrdl"):
        _, watch = program(True, **how)
    assert flag in [each.name for each in watch.flags]
    assert len([record for record in caplog.records if f": {flag}: " in record.message]) == 1


def test_closing_takes_the_hooks_away():
    model, watch = program(True, epochs=1)
    watch.close()
    assert not any(module._forward_hooks for module in model.modules()) and not watch._hooks


def test_a_model_without_layers_is_refused():
    with pytest.raises(TypeError, match="no layer with a weight matrix"):
        mrdl.watch(nn.ReLU(), None)
