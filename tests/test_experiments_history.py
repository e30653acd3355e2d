"""The history of an experiment: one JSON object a line, from the program itself or from its supervisor."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import mrdl
from mrdl.errors import ConfigError
from mrdl.experiments.history import History, Tail, read


def test_a_history_is_read_back_by_python_and_by_pandas(tmp_path):
    history = History(tmp_path / "history.jsonl")
    history.add({"step": 1, "loss": 0.5}, at="2026-11-28T08:00:00.123Z")
    history.add({"step": 2, "loss": math.nan})
    history.monitor({"memory_mb": 12.0, "cpu": 99.0})
    history.close()
    assert read(history.path)[0] == {"at": "2026-11-28T08:00:00.123Z", "step": 1, "loss": 0.5}
    assert read(history.path)[2]["monitor"] == {"memory_mb": 12.0, "cpu": 99.0}
    table = pd.read_json(history.path, lines=True)
    assert table["loss"].tolist()[0] == 0.5 and math.isnan(table["loss"][1])


def test_a_line_that_was_not_written_whole_is_passed_over(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"at": "x", "loss": 1}\n{"at": "y", "lo\n{"at": "z", "loss": 3}\n[1]\n{"at": "a", "lo')
    assert [entry["at"] for entry in read(path)] == ["x", "z"]
    assert read(tmp_path / "none") == []


def test_a_tail_gives_each_line_once_and_waits_for_its_end(tmp_path):
    path = tmp_path / "history.jsonl"
    tail = Tail(path)
    assert tail.new() == []
    path.write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert tail.new() == [{"a": 1}, {"a": 2}]
    with path.open("a") as file:
        file.write(": 3}\n")
    assert (tail.new(), tail.new()) == ([{"a": 3}], [])


def test_a_disk_that_takes_no_more_harms_no_program(tmp_path, caplog):
    history = History("/dev/full")
    assert not history.add({"loss": 1}) and not history.add({"loss": 2})
    assert history.lost == 2 and len(caplog.records) == 1 and "No space left" in caplog.text


def test_a_program_logs_by_one_import_and_without_torch(tmp_path):
    program = (
        "import mrdl, sys\n"
        "for epoch in range(3): mrdl.log(step=epoch, loss=1 / (epoch + 1))\n"
        "assert not {'torch', 'numpy', 'pandas'} & set(sys.modules), 'heavy'"
    )
    path = tmp_path / "history.jsonl"
    env = {**os.environ, "MRDL_HISTORY": str(path)}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)
    assert [(entry["step"], entry["loss"]) for entry in read(path)] == [(0, 1), (1, 0.5), (2, 1 / 3)]
    env.pop("MRDL_HISTORY")
    alone = subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True)
    assert json.loads(alone.stdout.splitlines()[1]) == {"step": 1, "loss": 0.5}


def test_what_float_takes_is_logged_and_anything_else_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MRDL_HISTORY", str(tmp_path / "history.jsonl"))
    mrdl.log(loss=torch.tensor(0.25, requires_grad=True), acc=np.float32(0.5), n=np.int64(3))
    assert read(tmp_path / "history.jsonl")[0].items() >= {"loss": 0.25, "acc": 0.5, "n": 3}.items()
    with pytest.raises(ConfigError, match="loss: expected a number.*'low' .str."):
        mrdl.log(loss="low")
    with pytest.raises(ConfigError, match="expected a number"):
        mrdl.log(loss=torch.zeros(2))
    with pytest.raises(ConfigError, match="keeps the name 'at'"):
        mrdl.log(at=3)


def test_processes_append_whole_lines_beside_each_other(tmp_path):
    path = tmp_path / "history.jsonl"
    program = "import mrdl\nfor i in range(2000): mrdl.log(i=i, loss=i / 7)"
    env = {**os.environ, "MRDL_HISTORY": str(path)}
    running = [subprocess.Popen([sys.executable, "-c", program], env=env) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(path.read_text().splitlines()) == len(read(path)) == 6000
