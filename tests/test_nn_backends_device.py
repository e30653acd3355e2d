"""Where a sweep trains: on the device that is found, all of a step there, and the row says which one it was."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from manifests import SHARD, manifest

from mrdl.errors import SetupError
from mrdl.mapreduce.tracking import counted_cpu_s
from mrdl.nn.backends.torch_batched import with_batch
from mrdl.nn.backends.torch_single import with_torch
from mrdl.nn.design import Design
from mrdl.nn.engines import torch_engine
from mrdl.nn.rows import Dataset
from mrdl.rounds.combine import ShardResult, shard_records
from mrdl.rounds.folder import RunFolder
from mrdl.sweep.jobs import trainings
from mrdl.sweep.jobs.child import Limits
from mrdl.sweep.jobs.pack import run_pack
from mrdl.sweep.jobs.trainings import Jobs
from mrdl.sweep.paths import SweepPaths

RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.random((90, 5), np.float32), np.arange(90) % 3, RNG.random((30, 5), np.float32), np.arange(30) % 3,
    ("a", "b", "c"), "0",
)  # fmt: skip


@pytest.fixture
def meta(monkeypatch):
    """A device of its own that is in every torch: it refuses what lies elsewhere. What leaves it is made up."""
    monkeypatch.setattr(torch_engine, "pick_device", lambda device: torch.device("meta"))
    of_cpu = torch.Generator
    monkeypatch.setattr(torch, "Generator", type("Generator", (), {"__new__": lambda cls, device="cpu": of_cpu()}))
    monkeypatch.setattr(torch.Tensor, "__float__", lambda tensor: 0.25)
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: [0.25] * len(tensor))
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: torch.zeros(tensor.shape, dtype=tensor.dtype))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_step_is_taken_on_the_device_that_is_found(meta, optimizer):
    design = Design((8, 8), residual=True, dropout=0.1, optimizer=optimizer, epochs=2)
    assert with_torch(design, DATA, lambda epoch, loss: None).device == "meta"
    found = with_batch([Design((8, 8), optimizer=optimizer, epochs=2)] * 2, DATA, lambda epoch, losses: None)
    assert [result.device for result in found] == ["meta", "meta"]


def test_a_device_that_is_not_there_fails_the_design_in_words(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SetupError, match="this node has no usable GPU"):
        with_torch(Design((8,)), DATA, lambda epoch, loss: None, "cuda")
    (found,) = run_pack([("a", Design((8,)).canonical(), "torch")], DATA, Limits(20, 2048), device="cuda")
    assert "this node has no usable GPU" in found.reason


def test_a_pack_speaks_to_no_gpu_before_it_forks(monkeypatch):
    """CUDA cannot be used in a child of a process that has used it."""

    def asked():
        raise AssertionError("asked for a GPU")

    monkeypatch.setattr(torch.cuda, "is_available", asked)
    (found,) = run_pack([("a", Design((8,), epochs=1).canonical(), "torch")], DATA, Limits(20, 2048))
    assert "asked for a GPU" in found.reason, "it is asked in the child alone"


# --- jobs of their own ---


def told_by(folder, rounds, monkeypatch):
    """The record of a job whose rounds say this."""
    run = RunFolder(folder / "runs" / "a")
    run.rounds.mkdir(parents=True)
    run.config.write_text("rounds = 2\nepochs = 3\n")
    run.identity.write_text(json.dumps({"settings": {"epochs": 3}}))
    for number, (cpu_s, device) in enumerate(rounds, 1):
        shards = (dataclasses.replace(SHARD, device=device),)
        about = manifest(stage_round=number, training_loss=1.0, shards=shards, seconds=60.0, cpu_s=cpu_s)
        run.manifest_of(number).write_text(json.dumps(about.to_json()))
    (run.path / "err.txt").write_text("")
    (run.path / "out.json").write_text(json.dumps({"shards": 1, "sha256": "0"}))
    (run.path / "scores.json").write_text(json.dumps({"accuracy": 1.0}))
    monkeypatch.setattr(
        trainings.Jobs, "__init__", lambda self: setattr(self, "_sweep", type("S", (), {"paths": SweepPaths(folder)})())
    )
    return Jobs()._told("a", 0, 125.0, late=False)


def test_a_job_tells_the_cpu_time_of_its_tasks_and_never_time_on_a_clock(tmp_path, monkeypatch):
    found = told_by(tmp_path, [(1.5, "cuda"), (2.0, "cuda")], monkeypatch)
    assert (found["cpu_s"], found["device"], found["trained_epochs"]) == (3.5, "cuda", 6)


def test_what_a_job_does_not_know_it_does_not_make_up(tmp_path, monkeypatch):
    found = told_by(tmp_path, [(1.5, "cpu"), (None, "")], monkeypatch)
    assert (found["cpu_s"], found["device"]) == (None, "cpu, not known")


def test_the_counters_of_tasks_are_summed_over_steps():
    counted = [{"mrdl": {"CPU milliseconds": 1500}, "Job Counters": {}}, {"mrdl": {"CPU milliseconds": 250}}]
    assert counted_cpu_s(counted) == 1.75 and counted_cpu_s([{}, {"Job Counters": {}}]) is None


def test_the_device_of_a_shard_is_in_its_record():
    (found,) = shard_records([ShardResult(0, 5, {}, {"loss": 1.0}, "", "cuda")], {})
    assert found.device == "cuda"


# --- on a GPU ---


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_pack_trains_on_the_gpu_what_the_cpu_trains():
    designs = [Design((16,), epochs=2, seed=seed) for seed in range(2)]
    work = [(str(i), design.canonical(), name) for i, design in enumerate(designs) for name in ("torch", "batched")]
    there = list(run_pack(work, DATA, Limits(120, 4096)))
    here = list(run_pack(work, DATA, Limits(120, 4096), device="cpu"))
    assert {record.device for record in there} == {"cuda"}
    assert [r.loss for r in there] == pytest.approx([r.loss for r in here], rel=1e-3)
