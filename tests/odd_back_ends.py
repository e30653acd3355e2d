"""What tests of sweeps in rough hands share: back ends that give odd things, specs, and what parts hold."""

import json
import math
import os
import subprocess
import threading
import time

import numpy as np

from mrdl.nn.backends.result import Result

HERE = "odd_back_ends"
ODD = {  # what a back end may give, given the true classes (rows,)
    "column": lambda y: Result(y[:, None], 0.1),
    "first": lambda y: Result(y[:1], 0.1),
    "names": lambda y: Result(np.array([str(i) for i in y]), 0.1),
    "fractions": lambda y: Result(y + 0.4, 0.1),
    "nan": lambda y: Result(y * math.nan, 0.1),
    "no such class": lambda y: Result(y - 100, 0.1),
    "too few": lambda y: Result(y[:-1], 0.1),
    "scores": lambda y: Result(np.eye(y.max() + 1)[y], 0.1),
    "no loss": lambda y: Result(y, None),
    "nothing": lambda y: None,
    "array": lambda y: y,
    "list": lambda y: Result(y.tolist(), 0.1),
    "float32 loss": lambda y: Result(y, np.float32(0.1)),
    "int32": lambda y: Result(y.astype(np.int32), 0.1),
    "device": lambda y: Result(y, 0.1, np.dtype("f")),
    "formula": lambda y: Result(y, 0.1, "=1+1"),
    "prints": lambda y: print("x" * 100_000) or Result(y, 0.1),
    "thread": lambda y: threading.Thread(target=time.sleep, args=(60,)).start() or Result(y, 0.1),
    "moves": lambda y: os.chdir("/") or Result(y, 0.1),
    "file name": lambda y: os.stat(os.fsdecode(b"/caf\xe9.csv")),
    "markup": lambda y: int("<!--<script>alert(1)</script>"),
    "says a formula": lambda y: print('=HYPERLINK("http://x")', flush=True) or os._exit(3),
    "child": lambda y: subprocess.Popen(["sleep", "5"]) and Result(y, 0.1),
}


def odd(design, data, report):
    """The first layer's width says which of ODD."""
    return list(ODD.values())[design.hidden[0] - 1](np.asarray(data.test_y))


def reports_float32(design, data, report):
    for epoch in range(1, design.epochs + 1):
        report(epoch, np.float32(1 / epoch))
    return Result(np.asarray(data.test_y), 0.1)


def reports(design, data, report):
    for epoch in range(1, design.epochs + 1):
        report(epoch, 1 / epoch)
    return Result(np.asarray(data.test_y), 0.1)


def perfect(design, data, report):
    report(1, 0.5)
    time.sleep(0.05)
    return Result(np.asarray(data.test_y), 0.25)


def majority(design, data, report):
    return Result(np.full(len(data.test_y), data.majority), 1.0)


def sleeps(design, data, report):
    time.sleep(30)


def nodes_of(*names):
    return [[list(ODD).index(name) + 1] for name in names]


def toml(folder, **tables):
    """A spec's file."""
    path = folder / "spec.toml"
    words = [
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in {"data": {"label": "answer"}, **tables}.items()
    ]
    path.write_text("".join(words))
    return str(path)


def written(folder):
    return [line for path in sorted((folder / "parts").glob("*.jsonl")) for line in path.read_text().splitlines()]
