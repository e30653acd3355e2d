"""Variables of interest in what programs print, in the forms that programs have."""

import math

import pytest

from mrdl.errors import ConfigError
from mrdl.experiments.variables import Variables

LINES = {
    "loss: 0.31": {"loss": 0.31},
    "epoch=3 acc=0.9": {"epoch": 3, "acc": 0.9, "step": 3},
    '{"step": 7, "loss": 0.25, "data": {"rows": 10}, "ok": true, "name": "x"}': {
        "step": 7,
        "loss": 0.25,
        "data.rows": 10,
    },
    # Keras
    "938/938 [====] - 5s 5ms/step - loss: 0.3104 - accuracy: 0.91 - val_loss: 0.2": {
        "loss": 0.3104,
        "accuracy": 0.91,
        "val_loss": 0.2,
    },
    # PyTorch's examples
    "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.305": {"epoch": 1, "Loss": 2.305, "step": 1},
    "Epoch [3/10], Step [100/600], Loss: 0.5": {"epoch": 3, "step": 100, "Loss": 0.5},
    "loss: tensor(0.3112, grad_fn=<NllLossBackward0>)": {"loss": 0.3112},
    # the Trainer of Hugging Face, and numpy 2
    "{'loss': 0.31, 'epoch': 1.5}": {"loss": 0.31, "epoch": 1.5, "step": 1.5},
    "{'loss': np.float64(0.31)}": {"loss": 0.31},
    # a progress bar of Lightning, which draws over itself, and colours
    "Epoch 0: 10%|#  | loss=3\rEpoch 0: 20%|## | 93/938 [00:05<00:00, 160.49it/s, loss=2]": {
        "epoch": 0,
        "loss": 2,
        "step": 0,
    },
    "\x1b[32mloss: 1\x1b[0m\r": {"loss": 1},
    "val loss: 0.3 train loss: 0.2": {"val_loss": 0.3, "train_loss": 0.2},
    "epoch 3 is over": {"epoch": 3, "step": 3},
    "lr=1e-3, eps:1e-8, bound=-.5 acc: 91.3% took: 3.2s": {
        "lr": 1e-3,
        "eps": 1e-8,
        "bound": -0.5,
        "acc": 91.3,
        "took": 3.2,
    },
}
NO_VARIABLES = [
    "",
    "12:30:01 INFO:root:5",
    "time: 12:30:01 date: 2026-11-28 version: 1.2.3",
    "Listening on localhost:8080, see http://host:80/ and C:5",
    "loss: 0,31 rows: 1,234",  # a decimal comma, or thousands? not guessed
    "--lr 0.1",
    "{broken: json",
    '["loss", 3]',
    "loss: much",
    "a line of words alone",
]


@pytest.mark.parametrize("line", LINES)
def test_the_variables_of_a_line(line):
    assert Variables().of(line) == pytest.approx(LINES[line])


@pytest.mark.parametrize("line", NO_VARIABLES)
def test_a_line_that_tells_no_number_has_no_variables(line):
    assert Variables().of(line) == {}


def test_what_is_no_finite_number_is_told():
    found = Variables().of("loss: nan best=inf low: -Infinity")
    assert math.isnan(found["loss"]) and (found["best"], found["low"]) == (math.inf, -math.inf)


def test_own_patterns_are_read_beside_the_usual_forms():
    variables = Variables([r"perplexity is (?P<ppl>\S+)", r"<(?P<name>\w+)>(?P<value>[\d.]+)</"])
    assert variables.of("perplexity is 31.5 at epoch=2") == {"ppl": 31.5, "epoch": 2, "step": 2}
    assert variables.of("<cost>0.5</cost>") == {"cost": 0.5}
    assert variables.of("perplexity is unknown") == {}


@pytest.mark.parametrize(("pattern", "words"), [("(?P<loss", "column 5"), (r"loss is (\S+)", "named group")])
def test_a_pattern_that_cannot_be_used_is_refused_with_its_place(pattern, words):
    with pytest.raises(ConfigError, match=words):
        Variables([pattern])


def test_a_long_line_costs_no_more_than_its_start():
    assert Variables().of("loss: 0.5 " + "a " * 10**7) == {"loss": 0.5}
    assert Variables().of("mean " * 10**6 + ": 3") == {}
    assert Variables().of("{" * 10**5) == {}
