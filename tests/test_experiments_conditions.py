"""Conditions on a running experiment: their grammar, when they fire, and what they say."""

import pytest

from mrdl.errors import ConfigError
from mrdl.experiments.conditions.watcher import Watcher, parse

FAULTS = {
    "": (1, "a number or the name of a variable"),
    "val_loss >> 2 stop": (11, "a number or the name of a variable"),
    "val_loss > 2": (13, '"after", "and", stop, warn or notify'),
    "val_loss = 2 stop": (10, "one of < <= > >= == !="),
    "loss > 2 after 3 stop": (18, "a unit: s, m, h, d, epochs or steps"),
    "loss > 2 after 30 parsecs stop": (19, "a unit"),
    "loss > 2 after soon stop": (16, "how long"),
    "loss > 2 stop now": (15, "nothing after stop"),
    "loss > $ stop": (8, "a number, a name or a sign"),
    "no progress in 5 epochs stop": (4, '"improvement"'),
    "no improvement in 0 epochs stop": (19, "more than 0"),
    "loss > 2 or acc < 1 stop": (10, '"after", "and", stop, warn or notify'),
    "__import__('os') > 1 stop": (11, "one of"),
    "(loss > 2 stop": (7, '")"'),
    "5 > stop": (5, "a number or the name of a variable"),
    "loss > 2 explode": (10, "stop, warn or notify"),
    "(" * 9 * 10 + "1": (52, "at most 50 brackets"),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_condition_that_cannot_be_read_is_refused_at_its_place(text):
    column, expected = FAULTS[text]
    with pytest.raises(ConfigError) as caught:
        parse(text)
    first, shown, mark = str(caught.value).split("\n")[:3]
    assert expected in first and first.endswith(f"at column {column}")
    assert shown == f"  {text}" and mark == " " * (column + 1) + "^"


def test_a_condition_of_a_novel_is_refused():
    with pytest.raises(ConfigError, match="at most 1000 characters"):
        parse("a" * 2000)


def fired(text, *told):
    """The first (at_s, why) at which a condition fires; told: (at_s, values), of None nothing is told then."""
    watcher = Watcher([parse(text)])
    for at_s, values in told:
        found = watcher.tick(at_s) if values is None else watcher.told(values, at_s)
        if found:
            assert watcher.told(values or {}, at_s) == []  # once
            return at_s, found[0].why
    return None


def each(name, values, **other):
    """A value each second, each of an epoch; the first is epoch 1."""
    return [(float(i), {"epoch": i, name: value, **other}) for i, value in enumerate(values, 1)]


def test_a_comparison_holds_after_a_time():
    told = [(60.0, {"val_loss": 3.0}), (1700.0, {"val_loss": 2.5}), (1860.0, {"val_loss": 2.25})]
    assert fired("val_loss > 2 after 30m stop", *told) == (1860, "val_loss = 2.25 > 2, after 31 min 0 s")
    assert fired("val_loss > 2 after 30m stop", *told[:2], (1801.0, None)) == (
        1801,
        "val_loss = 2.5 > 2, after 30 min 1 s",
    )
    assert fired("val_loss > 2 after 1h stop", *told) is None
    assert fired("val_loss < 2 stop", *told) is None


def test_sums_products_brackets_and_several_variables():
    values = {"accuracy": 0.6, "majority": 0.59}
    assert fired("accuracy < majority + 0.02 warn", (1.0, values))[1] == ("accuracy = 0.6 < 0.61 (majority = 0.59)")
    assert fired("-2 * (train - val) / 2 >= 1 - 0.5 warn", (1.0, {"train": 1.0}), (2.0, {"val": 1.5})) == (
        2,
        "0.5 (train = 1, val = 1.5) >= 0.5",
    )
    assert fired("loss > 1 and acc < 0.5 stop", (1.0, {"loss": 2}), (2.0, {"acc": 0.4}))[0] == 2
    assert fired("loss > 1 and acc < 0.5 stop", (1.0, {"loss": 2}), (2.0, {"acc": 0.6})) is None
    assert fired("a / b > 0 stop", (1.0, {"a": 1, "b": 0})) is None


def test_epochs_are_as_the_program_counts_them_from_nought_or_one_or_not_at_all():
    condition = "acc < 0.5 after 3 epochs warn"
    from_one = each("acc", [0.1] * 5)
    assert fired(condition, *from_one) == (3, "acc = 0.1 < 0.5, after 3 epochs")
    from_nought = [(at_s, {"epoch": at_s - 1, "acc": 0.1}) for at_s, _ in from_one]
    assert fired(condition, *from_nought)[0] == 3
    assert fired(condition, *((at_s, {"acc": 0.1}) for at_s, _ in from_one))[0] == 3
    assert (
        fired("acc < 0.5 after 200 steps warn", (1.0, {"step": 100, "acc": 0}), (2.0, {"step": 200, "acc": 0}))[0] == 2
    )


def test_not_a_number_and_infinite_are_found_in_any_variable_or_in_one():
    told = [(1.0, {"loss": 1.0}), (2.0, {"best": float("inf")}), (3.0, {"loss": float("nan")})]
    assert fired("nan notify", *told) == (2, "best is inf")
    assert fired("nan of loss notify", *told) == (3, "loss is nan")


def test_no_improvement_is_counted_from_the_best_value():
    losses = [3, 2, 1, 1.5, 1.2, 1, 1.1, 1.3, 0.5]
    assert fired("no improvement in 5 epochs stop", *each("loss", losses)) == (
        8,
        "loss did not fall in 5 epochs: the best is 1, the last 1.3",
    )
    assert fired("no improvement in 6 epochs stop", *each("loss", losses)) is None
    accuracies = [0.1, 0.5, 0.4, 0.5, 0.3]
    found = fired("no improvement in 2 epochs of accuracy stop", *each("accuracy", accuracies))
    assert found == (4, "accuracy did not rise in 2 epochs: the best is 0.5, the last 0.5")
    assert fired("no improvement in 1m of loss stop", (1.0, {"loss": 1}), (60.0, None), (61.0, None))[0] == 61


def test_no_improvement_is_about_the_validation_loss_where_one_is_told():
    told = [(float(i), {"epoch": i, "loss": 1 / i, "val_loss": 1.0 + i}) for i in range(1, 9)]
    assert fired("no improvement in 3 epochs stop", *told)[1].startswith("val_loss did not fall in 3 epochs")


def test_names_in_quotes_or_with_slashes_and_capitals():
    assert fired('"val loss" > 2 stop', (1.0, {"val loss": 3}))
    assert fired("val/loss > 2 stop", (1.0, {"val/loss": 3}))
    assert fired("LOSS > 2 stop", (1.0, {"Loss": 3}))[1] == "Loss = 3 > 2"


def test_a_variable_that_never_appears_is_told_with_those_that_did():
    watcher = Watcher([parse("val_los > 2 stop"), parse("nan of loss notify"), parse("nan notify")])
    watcher.told({"loss": 1.0, "epoch": 1, "note": "text"}, 1.0)
    assert watcher.never() == [
        'val_los never appeared, so "val_los > 2 stop" could not be told; what the program told: epoch, loss'
    ]
