"""Designs of a pack: what is trained is what the record says, and what goes wrong costs one row."""

import numpy as np
import pytest
from plain_network import train_plainly

from mrdl.data.dataset import prepare_data
from mrdl.nn.backends.families import family
from mrdl.nn.backends.torch_single import with_torch
from mrdl.nn.design import Design, design_of
from mrdl.sweep.jobs.child import Limits, over_limit
from mrdl.sweep.jobs.pack import run_pack, scores_of

pytestmark = pytest.mark.usefixtures("importable")


LIMITS = Limits(cpu_s=60, memory_mb=2048)


def records(data, designs, backend="torch", limits=LIMITS):
    names = ["torch" if backend == "batched" and not family(design) else backend for design in designs]
    work = [(d.arch_id(data.digest, name), d.canonical(), name) for d, name in zip(designs, names, strict=True)]
    return [record.to_json() for record in run_pack(work, data, limits)]


def test_accuracy_is_that_of_scikit_learn_and_loss_its_log_loss(digits_data):
    from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

    result = with_torch(Design((16,), epochs=6), digits_data, lambda epoch, loss: None)
    (record,) = records(digits_data, [Design((16,), epochs=6)])
    assert record["accuracy"] == accuracy_score(digits_data.test_y, result.predicted) > 0.7
    assert record["confusion"] == confusion_matrix(digits_data.test_y, result.predicted).tolist()
    reference = train_plainly(
        Design((16,), optimizer="sgd", learning_rate=0.05, epochs=3), digits_data, lambda e, loss: None
    )
    assert accuracy_score(digits_data.test_y, reference.predicted) > 0.8
    assert 0 < record["loss"] < log_loss(digits_data.test_y, np.full((len(digits_data.test_y), 10), 0.1))


def test_the_same_design_ends_in_the_same_numbers(digits_data):
    designs = [Design((8, 8), "tanh", residual=True, dropout=0.2, epochs=2, seed=s) for s in (3, 4)]
    first, other = records(digits_data, designs)
    (again,) = records(digits_data, designs[:1])
    told = ("accuracy", "loss", "curve")
    assert [first[n] for n in told] == [again[n] for n in told] != [other[n] for n in told]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_is_that_of_torch_optim(digits_data, optimizer):
    import torch

    from mrdl.nn.backends.torch_single import initial_weights
    from mrdl.nn.backends.training import architecture_of
    from mrdl.nn.net import build

    design = Design((16, 8), "tanh", optimizer=optimizer, learning_rate=0.01, epochs=3, seed=4)
    drawn = torch.Generator().manual_seed(4)
    arch = architecture_of(design, digits_data.columns, 10)
    net, losses, known = build(arch, initial_weights(design, arch, drawn)), [], []
    known_by = {"sgd": torch.optim.SGD(net.parameters(), 0.01, 0.9), "adam": torch.optim.Adam(net.parameters(), 0.01)}
    x, y = torch.tensor(digits_data.train_x), torch.tensor(digits_data.train_y)
    for _ in range(3):
        total = 0.0
        for rows in torch.randperm(len(x), generator=drawn).split(32):
            loss = torch.nn.functional.cross_entropy(net.logits(x[rows]), y[rows])
            known_by[optimizer].zero_grad()
            loss.backward()
            known_by[optimizer].step()
            total += loss.item() * len(rows)
        known.append(total / len(x))
    result = with_torch(design, digits_data, lambda epoch, loss: losses.append(loss))
    assert losses == pytest.approx(known, rel=1e-4)
    assert (result.predicted == net(torch.tensor(digits_data.test_x)).argmax(1).numpy()).mean() > 0.99


def test_the_record_says_what_was_trained(digits_data):
    (record,) = records(digits_data, [Design((8, 4), "tanh", epochs=5)])
    assert (design_of(record["spec"]).hidden, record["parameters"]) == ((8, 4), 65 * 8 + 9 * 4 + 5 * 10)
    assert len(record["curve"]) == 5 and record["curve"][-1] < record["curve"][0]
    assert (
        record["baseline"] == pytest.approx((digits_data.test_y == digits_data.majority).mean())
        and not record["collapsed"]
    )


def test_a_perfect_network_of_three_classes_is_right_and_a_constant_one_has_collapsed(tmp_path):
    """A metric that compares a column of the one-hot labels with a class would say 0 and 67 per cent."""
    rows = "".join(f"{i % 3},{(i % 3) / 2},{i % 7}\n" for i in range(600))
    (tmp_path / "three.csv").write_text(rows)
    data = prepare_data(str(tmp_path / "three.csv"), "0", "no", 0.2)
    (perfect,) = records(data, [Design((9,))], "backends:fit")
    (constant,) = records(data, [Design((9,))], "backends:constant")
    assert perfect["accuracy"] == 1 and not perfect["collapsed"]
    assert constant["accuracy"] == constant["baseline"] < 0.5 and constant["collapsed"]


def right_in(data, accuracy):
    """Predictions of several classes that are right in a share of the test rows."""
    right = round(accuracy * len(data.test_y))
    return np.where(np.arange(len(data.test_y)) < right, data.test_y, (data.test_y + 1) % len(data.classes))


def verdicts(said, data):
    """What a record says of predictions beside their accuracy and their mistakes."""
    return {name: value for name, value in scores_of(said, data).items() if name not in ("accuracy", "confusion")}


def test_a_network_that_says_one_class_has_collapsed_and_no_other_has(digits_data):
    """What is no better than the majority class within two deviations may say every class."""
    deviation = np.sqrt(digits_data.baseline * (1 - digits_data.baseline) / len(digits_data.test_y))
    guesses = right_in(digits_data, digits_data.baseline + 1.9 * deviation)
    assert verdicts(guesses, digits_data) == {"collapsed": False, "no_better": True}
    assert verdicts(right_in(digits_data, digits_data.baseline + 2.2 * deviation), digits_data) == {
        "collapsed": False,
        "no_better": False,
    }
    for said in range(len(digits_data.classes)):
        assert verdicts(np.full(len(digits_data.test_y), said), digits_data)["collapsed"]


def test_a_class_that_is_nearly_all_does_not_make_a_network_collapse(tmp_path):
    """A network that finds half of the few is right in more than the majority class, though not by two deviations."""
    rows = "".join(f"{int(i % 40 == 0)},{i / 900},{i % 7}\n" for i in range(900))
    (tmp_path / "few.csv").write_text(rows)
    data = prepare_data(str(tmp_path / "few.csv"), "0", "no", 0.2)
    (one, *others) = np.flatnonzero(data.test_y == 1)
    said = np.zeros(len(data.test_y), int)
    said[one] = 1
    assert others and verdicts(said, data) == {"collapsed": False, "no_better": True}


def test_what_goes_wrong_costs_one_row_with_its_reason(digits_data):
    found = [
        records(digits_data, [Design((kind,))], "backends:fit", Limits(1.5, 512, 1.5) if kind in (3, 5) else LIMITS)[0]
        for kind in range(1, 9)
    ]
    assert [r["reason"] for r in found] == [
        "ValueError: no such luck", "killed by signal 11 (SIGSEGV)", over_limit(1.5), "ran out of memory",
        "hangs: in 1.5 s it ended no epoch and used no CPU time to speak of (limits.hang_s)",
        "ended with status 3, and said nothing", "its loss is not finite", "",
    ]  # fmt: skip
    assert [r["status"] for r in found] == ["failed"] * 7 + ["done"]
    assert "no such luck" in found[0]["log"] and all(r["cpu_s"] < 5 for r in found)


def test_designs_that_train_together_have_the_results_of_each_by_itself(digits_data):
    mixed = [Design((8, 8), seed=s, epochs=3) for s in range(20)] + [
        Design((8,), dropout=0.5),
        Design((200,), epochs=1),
    ]
    found = {r["spec"]: r for r in records(digits_data, mixed, "batched")}
    assert [found[d.canonical()]["together"] for d in mixed] == [16] * 16 + [4] * 4 + [1, 1]
    for alone in records(digits_data, mixed, "torch"):
        record = found[alone["spec"]]
        assert record["accuracy"] == pytest.approx(alone["accuracy"], abs=0.01)
        assert record["curve"] == pytest.approx(alone["curve"], rel=1e-4)
    told = ("accuracy", "loss", "curve")
    fewer = records(digits_data, mixed[3:5], "batched")
    assert [[r[n] for n in told] for r in fewer] == [[found[d.canonical()][n] for n in told] for d in mixed[3:5]]


def test_where_a_group_fails_each_of_it_is_trained_by_itself(digits_data):
    """The limit is too short for one of the epochs asked for, which are the same for all of a group."""
    designs = [Design((8,), seed=s, epochs=10**6) for s in range(3)]
    found = records(digits_data, designs, "batched", Limits(1, 2048))
    assert [(r["status"], r["reason"], r["together"]) for r in found] == [("failed", over_limit(1), 1)] * 3
    diverging = [Design((8,), optimizer="sgd", learning_rate=rate, epochs=2) for rate in (0.01, 1e30, 0.02)]
    found = records(digits_data, diverging, "batched")
    assert [r["status"] for r in found] == ["done", "failed", "done"]
    assert [r["together"] for r in found] == [3] * 3 and found[1]["reason"] == "its loss is not finite"
