"""Sweeps that plan as results come in: successive halving, and Optuna's TPE."""

import dataclasses

import numpy as np
import pytest

from mrdl.errors import ConfigError
from mrdl.nn.design import Design
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record, State
from mrdl.sweep.samplers import next_designs
from mrdl.sweep.spec import spec_of

HALVING = {
    "data": {"label": "digit"}, "space": {"width": [2, 4, 8, 16, 24, 32], "learning_rate": [0.001, 0.01], "epochs": 9},
    "sweep": {"halving": {"first": 1, "eta": 3}},
}  # fmt: skip
TPE = {
    "space": {"depth": {"min": 1, "max": 20}, "activation": ["relu", "tanh", "sigmoid"],
              "learning_rate": {"min": 0.0001, "max": 0.1, "log": True}},
    "sweep": {"sampler": "tpe", "count": 100},
}  # fmt: skip


def told(designs, accuracy, status="done"):
    return [Record(arch_id="a", spec=d.canonical(), status=State(status), accuracy=accuracy(d)) for d in designs]


def run_through(spec, accuracy):
    """All results of a spec whose designs have a known accuracy."""
    results = told(spec.designs(), accuracy)
    while more := next_designs(spec, results):
        results += told(more, accuracy)
    return results


# --- successive halving ---


def test_each_rung_has_the_best_third_of_the_one_before():
    spec = spec_of(HALVING)
    assert spec.rungs() == [1, 3, 9] and {d.epochs for d in spec.designs()} == {1}
    results = run_through(spec, lambda d: d.hidden[0] / 100 + d.learning_rate)
    by_epochs = {n: [r.accuracy for r in results if f'"epochs":{n},' in r.spec] for n in (1, 3, 9)}
    assert [len(v) for v in by_epochs.values()] == [12, 4, 1]
    assert sorted(by_epochs[3]) == sorted(by_epochs[1])[-4:] and by_epochs[9] == [max(by_epochs[1])]


def test_rungs_end_with_the_epochs_asked_for():
    for first, eta, epochs, rungs in ((3, 3, 81, [3, 9, 27, 81]), (3, 3, 20, [3, 9, 20]), (4, 2, 5, [4, 5])):
        spec = spec_of({"space": {"epochs": epochs}, "sweep": {"halving": {"first": first, "eta": eta}}})
        assert spec.rungs() == rungs


def test_what_failed_is_never_promoted():
    spec = spec_of(HALVING)
    results = told(spec.designs(), lambda d: None, "failed")
    assert next_designs(spec, results) == []
    alive = told(spec.designs()[:1], lambda d: 0.1)
    assert [d.canonical() for d in next_designs(spec, [*results[1:], *alive])] == [
        dataclasses.replace(spec.designs()[0], epochs=3).canonical()
    ]


def test_a_halving_sweep_trains_each_rung_once_and_its_index_can_be_made_again(tmp_path, digits):
    from mrdl.reports.sweep_report import write_report

    made = SweepFolder.create(tmp_path / "sweep", HALVING, str(digits))
    table = SweepDriver(made).run("inline")
    assert table.epochs.value_counts().to_dict() == {1: 12, 3: 4, 9: 1} and set(table.status) == {"done"}
    best = table[table.epochs == 9].iloc[0]
    assert best.accuracy > table[table.epochs == 1].accuracy.max()
    assert SweepDriver(SweepFolder(made.path)).run("inline").equals(table), "a finished sweep plans no more"
    made = SweepFolder(made.path, reindex=True)
    assert made.table().equals(table)
    text = write_report(table, made.about, tmp_path / "report.html").read_text()
    assert "12 for 1 epochs, 4 for 3 epochs, 1 for 9 epochs" in text
    assert "(12 designs)" in text and "(17 designs)" not in text, "rungs are not mixed"


# --- TPE ---


def test_tpe_finds_what_random_draws_do_not():
    """Accuracy has its peak at depth 13, tanh, 0.02."""

    def accuracy(design):
        off = abs(len(design.hidden) - 13) / 20 + (design.activation != "tanh") / 2
        return 1 - off - abs(np.log10(design.learning_rate / 0.02)) / 4

    best = {}
    for sampler in ("tpe", "random"):
        runs = []
        for seed in range(5):
            spec = spec_of({**TPE, "sweep": {"sampler": sampler, "count": 100, "sampler_seed": seed}})
            results = run_through(spec, accuracy)
            assert len({r.spec for r in results}) == len(results) == 100
            runs.append(max(r.accuracy for r in results))
        best[sampler] = np.mean(runs)
    assert best["tpe"] > 0.95 and 1 - best["tpe"] < (1 - best["random"]) / 2


def test_what_tpe_asks_for_follows_from_the_results_alone():
    spec = spec_of(TPE)
    results = told(spec.designs(), lambda d: 1 / len(d.hidden))
    assert len(results) == 10 == spec.at_a_time
    first, again = next_designs(spec, results), next_designs(spec, results)
    assert first == again and len(first) == 10
    other = told(spec.designs(), lambda d: d.learning_rate)
    assert next_designs(spec, other) != first


def test_tpe_takes_seeds_failures_and_a_limit_of_parameters():
    about = {**TPE, "limits": {"max_parameters": 3000}, "sweep": {**TPE["sweep"], "count": 30, "seeds": 2}}
    spec = spec_of(about)
    results = told(spec.designs(64, 10), lambda d: 0.5)
    results[:2] = [Record(arch_id="a", spec=record.spec, status=State.FAILED) for record in results[:2]]
    while more := next_designs(spec, results, 64, 10):
        assert all(design.parameters(64, 10) <= 3000 for design in more)
        results += told(more, lambda d: 0.5)
    assert {r.spec.count('"seed":1') for r in results} == {0, 1} and len(results) <= 60


def test_every_kind_of_axis_is_told_to_tpe_as_it_was_drawn():
    """A place of the space and the design there are the same thing, there and back."""
    space = {
        "depth": [1, 3], "width": {"min": 4, "max": 64}, "shape": ["equal", "funnel"], "residual": [False, True],
        "dropout": {"min": 0.0, "max": 0.5}, "batch_size": [16, 32], "optimizer": ["sgd", "adam"],
    }  # fmt: skip
    spec = spec_of({"space": space, "sweep": {"sampler": "tpe", "count": 50}})
    for design in spec.designs():
        assert spec.space.at(spec.space.place_of(design)) == dataclasses.replace(design, seed=0)
    listed = spec_of({"space": {"nodes": [[8], [8, 4]]}, "sweep": {"sampler": "tpe", "count": 2}})
    results = told(listed.designs(), lambda d: 0.5)
    assert {d.hidden for d in listed.designs()} <= {(8,), (8, 4)}
    assert isinstance(next_designs(listed, results), list)


@pytest.mark.parametrize(
    ("sweep", "space", "words"),
    [
        ({"halving": {"first": 3}}, {}, "sweep.halving is .*expected"),
        ({"halving": 3}, {}, "sweep.halving is 3"),
        ({"halving": {"first": 0, "eta": 3}}, {}, "first is 0, expected 1 to 19"),
        ({"halving": {"first": 20, "eta": 3}}, {}, "first is 20, expected 1 to 19"),
        ({"halving": {"first": 3, "eta": 1}}, {}, "eta is 1, expected 2 or more"),
        ({"halving": {"first": 3, "eta": 3}}, {"epochs": [5, 10]}, "needs one number"),
        ({"halving": {"first": 3, "eta": 3}, "sampler": "tpe", "count": 10}, {}, "use one of them"),
        ({"sampler": "tpe"}, {}, "needs sweep.count"),
        ({"sampler": "tpe", "count": 5000}, {}, "up to 2000"),
        ({"sampler": "tpe", "count": 50, "generation": -1}, {}, "generation is -1"),
    ],
)
def test_a_spec_that_cannot_be_adaptive_is_told(sweep, space, words):
    with pytest.raises(ConfigError, match=words):
        spec_of({"space": space, "sweep": sweep})


def test_a_design_is_at_its_defaults_where_nothing_varies():
    spec = spec_of({"sweep": {"sampler": "tpe", "count": 3}})
    assert spec.space.at({}) == Design((32, 32)) == spec.designs()[0]
