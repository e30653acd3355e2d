"""Diagnostics of whole runs: the same bytes, the same figures on each runner, kept by round, and said in words."""

import json

import numpy as np
import pytest

from mrdl.errors import Diverged
from mrdl.nn.diagnostics.figures import EpochFigures, LayerFigures
from mrdl.nn.diagnostics.rules import MECHANICAL, RULES, flags_of
from mrdl.rounds.diagnostics import kept
from mrdl.rounds.events import Noted, RoundDone, StopRun
from mrdl.rounds.folder import RunFolder

QUICK = {"nodes": (64, 24, 10), "shards": 2, "rounds": 2, "epochs": 2, "warm_rows": 0}
WILD = {"nodes": (64, 200, 50, 10), "learning_rate": 1e6}  # no loss stays finite


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_a_run_has_the_same_bytes_with_diagnostics(new_run, tmp_path, engine):
    plain, seen = (new_run(folder=f"{on}", diagnostics=on, engine=engine, **QUICK).execute() for on in (False, True))
    assert plain.to_bytes() == seen.to_bytes()
    assert not (tmp_path / "False" / "diagnostics.jsonl").exists()
    same = [json.loads((tmp_path / on / "run.json").read_text())["settings"] for on in ("False", "True")]
    assert same[0] == same[1]  # so that a run may go on with them or without


def test_each_runner_keeps_the_same_figures(new_run, tmp_path):
    for runner in ("inline", "local"):
        new_run(folder=runner, runner=runner, diagnostics=True, **QUICK).execute()
    inline, local = ((tmp_path / name / "diagnostics.jsonl").read_bytes() for name in ("inline", "local"))
    assert inline == local
    lines = [json.loads(line) for line in inline.splitlines()]
    assert [(line["round"], line["epoch"]) for line in lines] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(len(line["layers"]) == 2 and line["layers"][0]["gradient"] > 0 for line in lines)


def test_figures_of_shards_are_their_mean_by_rows(new_run, tmp_path):
    run = new_run(folder="run", diagnostics=True, keep_shards=True, **QUICK)
    shards = run.train().results
    rows = [shard.num_examples for shard in shards]
    found = kept.read(RunFolder(tmp_path / "run"))[-1]
    for name in ("weight", "gradient", "update", "dead"):
        values = [getattr(shard.diagnostics[-1].layers[0], name) for shard in shards]
        assert getattr(found.layers[0], name) == pytest.approx(np.average(values, weights=rows), rel=1e-5)
    assert found.rows == sum(rows)


def test_a_run_that_goes_on_keeps_each_round_once(new_run, tmp_path):
    def stop(event):
        if isinstance(event, RoundDone):
            raise StopRun("enough")

    new_run(folder="whole", diagnostics=True, **QUICK).execute()
    new_run(folder="two", diagnostics=True, listeners=[stop], **QUICK).execute()
    folder = RunFolder(tmp_path / "two")
    assert [epoch.round for epoch in kept.read(folder)] == [1, 1]
    with folder.diagnostics.open("ab") as file:  # of a round that has no manifest, and a line that is torn
        file.write(folder.diagnostics.read_bytes().replace(b'"round": 1', b'"round": 2') + b'{"round": 3, "st')
    new_run(folder="two", diagnostics=True, resume=True, **QUICK).execute()
    assert folder.diagnostics.read_bytes() == (tmp_path / "whole" / "diagnostics.jsonl").read_bytes()


def test_what_looks_ill_is_noted_once_and_shown(new_run, command, tmp_path):
    heard = []
    listener = lambda event: heard.append(event.text) if isinstance(event, Noted) else None  # noqa: E731
    changes = {**QUICK, "rounds": 3, "learning_rate": 1e-8, "diagnostics": True}
    new_run(folder="slow", listeners=[listener], **changes).execute()
    assert len([text for text in heard if text.startswith("learning rate too low: ")]) == 1
    assert "learning rate too low: an epoch changes no layer by more than" in command("show", tmp_path / "slow")[1]
    told = json.loads(command("show", tmp_path / "slow", "--json")[1])
    assert [flag["name"] for flag in told["flags"]] == ["learning rate too low"]


def test_a_run_that_diverges_says_of_what(new_run, tmp_path):
    heard = []
    listener = lambda event: heard.append(event.text) if isinstance(event, Noted) else None  # noqa: E731
    with pytest.raises(Diverged):
        new_run(folder="wild", listeners=[listener], diagnostics=True, **{**QUICK, **WILD}).execute()
    assert any(text.startswith("exploding: not finite") for text in heard)
    assert kept.read(RunFolder(tmp_path / "wild"))[-1].nonfinite


def test_a_healthy_run_is_not_flagged(new_run, command, tmp_path):
    new_run(folder="well", diagnostics=True, **{**QUICK, "rounds": 4}).execute()
    assert json.loads(command("show", tmp_path / "well", "--json")[1])["flags"] == []


# --- each rule ---


def epoch(number=1, loss=0.5, **changes):
    """An epoch of a healthy training of ten classes, but for some changes of its layers and outputs."""
    layer = {"weight": 5.0, "gradient": 0.5, "update": 0.02, "ratio": 0.004, "moved": 0.1, "dead": 0.05}
    layers = changes.pop("layers", [{}, {}])
    outputs = {"rows": 100, "loss": loss, "baseline": 2.3, "said": 0.15, "majority": 0.12, **changes.pop("outputs", {})}
    return EpochFigures(
        number, 1600, 100, loss, tuple(LayerFigures(i, **{**layer, **each}) for i, each in enumerate(layers)), outputs,
        round=number, **changes,
    )  # fmt: skip


def epochs(count=3, **changes):
    return [epoch(i + 1, **changes) for i in range(count)]


def rows_kept_out(*losses):
    return [{"loss": loss, "rows": 200} for loss in losses]


ILL = {
    "exploding": epochs(loss=9.0),
    "dead layer": epochs(layers=[{"dead": 0.97}, {"dead": None}]),
    "saturated": epochs(layers=[{"dead": None, "saturated": 0.9}, {"dead": None}]),
    "vanishing": epochs(loss=2.2, layers=[{"gradient": 1e-5}, {}]),
    "learning rate too high": epochs(loss=2.4, layers=[{"ratio": 0.5}, {}]),
    "learning rate too low": epochs(loss=2.3, layers=[{"moved": 1e-4}, {"moved": 1e-5}]),
    "collapsed to the majority": epochs(loss=2.2, outputs={"said": 1.0}),
    "labels shuffled": [
        epoch(i + 1, loss=2.15, validation=each) for i, each in enumerate(rows_kept_out(2.33, 2.36, 2.4))
    ],
    "no progress": epochs(6, loss=2.3),
    "over-fitting": [
        epoch(i + 1, loss=1 / (i + 1), validation=each) for i, each in enumerate(rows_kept_out(1.0, 0.9, 1.2, 1.5))
    ],
}


@pytest.mark.parametrize("name", RULES)
def test_each_illness_has_its_flag_and_no_other(name):
    (flag,) = flags_of(ILL[name])
    assert flag.name == name and flag.why in str(flag) and RULES[name].helps in str(flag)


def test_healthy_epochs_have_no_flag():
    well = [epoch(i + 1, loss=1 / (i + 1), validation=each) for i, each in enumerate(rows_kept_out(1, 0.6, 0.5, 0.51))]
    assert flags_of(well) == []


def test_flags_beside_which_another_has_nothing_to_add_are_known():
    assert set(MECHANICAL) < set(RULES)
    assert all(set(entry.unless) <= set(RULES) for entry in RULES.values())


def test_a_network_without_figures_of_outputs_is_judged_by_its_layers_alone():
    machine = EpochFigures(1, 100, 10, 0.3, (LayerFigures(0, 1.0, None, 0.1, 0.1, 0.5, None, 0.2),))
    assert flags_of([machine] * 5) == []
