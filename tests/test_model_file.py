"""A model file of a stranger's hand: it is the model that was written or a ModelError, quickly, in little memory."""

import contextlib
import copy
import json
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load, save

import mrdl
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import Preparation
from mrdl.errors import DataError, ModelError
from mrdl.model import file
from mrdl.model.model import Model
from mrdl.nn.kinds import autoencoder, dbn, mlp, rbm

ARRAYS = [file.INPUTS + name for name in Inputs.ARRAYS]
RAW = np.random.default_rng(1).uniform(-2, 9, (20, 3)).astype(np.float32)


def a_model(arch, classes, threshold=None) -> Model:
    inputs = Inputs.scaled(np.array([-1, 0, 10], np.float32), np.array([0.5, 0.2, 0.0], np.float32), threshold)
    prepared = Preparation(("a", "b", "ü"), "answer", 1, classes, inputs, tuple(range(len(classes))), (0, 4))
    rounds = [{"round": 1, "loss": 1.25, "accuracy": 0.5, "baseline": 0.4, "rows": 90, "validation_rows": 9}]
    return Model(arch, arch.initial_weights(5), prepared, {"shards": 4}, rounds, {"rounds": ["ab"]})


MODELS = {
    "mlp": a_model(mlp((3, 4, 3)), ("no", "so", "yes")),
    "autoencoder": a_model(autoencoder((3, 2)), ()),
    "rbm": a_model(rbm((3, 2), "gaussian"), ()),
    "dbn": a_model(dbn((3, 4, 2)), ("0", "1"), threshold=0.5),
}


def about(data: bytes) -> dict:
    """What is said in a model file."""
    names = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(names["__metadata__"]["mrdl"])


def forged(model: Model, said: dict, tensors: dict | None = None) -> bytes:
    """A file that says something else, under a digest that fits."""
    tensors = load(model.to_bytes()) if tensors is None else tensors
    scaling = {name: tensors[name] for name in ARRAYS if name in tensors}
    with contextlib.suppress(TypeError, ValueError):
        said = {**said, "digest": file.digest(said, scaling)}
    return save(tensors, {"mrdl": json.dumps(said)})


def outcome(tmp_path, data: bytes) -> Model | None:
    """The model that a file is taken for, None where it is refused; whatever else is raised fails the test."""
    (tmp_path / "net.out").write_bytes(data)
    try:
        return mrdl.load(tmp_path / "net.out")
    except ModelError as error:
        assert len(str(error)) < 1000 and "net.out" in str(error)
        return None


def swap(model: Model, **changes) -> bytes:
    return save(load(model.to_bytes()), {"mrdl": json.dumps({**about(model.to_bytes()), **changes})})


# --- the digest ---

SWAPPED = {
    "classes": ["yes", "so", "no"], "columns": ["b", "a", "ü"], "options": {"activation": "tanh"}, "threshold": 3.0,
    "label": "b", "label_index": 0, "dropped": [4], "settings": {}, "rounds": [], "lineage": {}, "version": "9",
}  # fmt: skip


@pytest.mark.parametrize("part", SWAPPED)
def test_whatever_is_swapped_in_the_header_is_seen(tmp_path, part):
    assert outcome(tmp_path, swap(MODELS["mlp"])) is not None
    assert outcome(tmp_path, swap(MODELS["mlp"], **{part: SWAPPED[part]})) is None


@pytest.mark.parametrize("name", ARRAYS)
def test_another_scaling_under_the_same_weights_is_seen(tmp_path, name):
    data = MODELS["mlp"].to_bytes()
    tensors = load(data)
    other = save({**tensors, name: tensors[name] + 1}, {"mrdl": json.dumps(about(data))})
    assert outcome(tmp_path, other) is None


def test_the_digest_is_of_all_that_predicts_and_sha256_of_the_weights():
    first = MODELS["mlp"]
    other = Model(first.arch, first.weights, a_model(mlp((3, 4, 3)), ("a", "b", "c")).preparation)
    assert other.sha256 == first.sha256 and other.digest != first.digest
    assert first.digest == about(first.to_bytes())["digest"] == a_model(mlp((3, 4, 3)), ("no", "so", "yes")).digest


def test_an_older_file_is_told_by_whom_it_was_written(tmp_path):
    (tmp_path / "net.out").write_bytes(swap(MODELS["mlp"], format="mrdl model 2", version="0.0.7"))
    with pytest.raises(ModelError, match=r"'mrdl model 2', expected 'mrdl model 4'.* written by mrdl '0\.0\.7'"):
        mrdl.load(tmp_path / "net.out")


# --- fuzz ---


@pytest.mark.parametrize("kind", MODELS)
def test_a_file_with_other_bytes_is_the_same_model_or_none(tmp_path, kind):
    data, rng = MODELS[kind].to_bytes(), np.random.default_rng(7)
    for _ in range(400):
        changed, place = bytearray(data), int(rng.integers(len(data)))
        how = rng.integers(4)
        if how == 0:
            changed[place] ^= 1 << int(rng.integers(8))
        elif how == 1:
            changed[place : place + int(rng.integers(1, 9))] = b""
        elif how == 2:
            changed[place:place] = rng.bytes(int(rng.integers(1, 9)))
        else:
            changed[int(rng.integers(8))] = int(rng.integers(256))  # the length of the header
        found = outcome(tmp_path, bytes(changed))
        assert found is None or found.to_bytes() == data


ODD = [
    None, True, False, 0, -1, 1, 2**40, 2**70, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "x", "3", "é\n",
    "\ud800", "../x", [], {}, [[]], [1], ["a"], [None], {"a": 1}, [3, 4, 3], [3, -4, 3], ["3", "4"], ["a", "a", "a"],
    "z" * 10_000, list(range(10_000)),
]  # fmt: skip


def places(value, path=()):
    """Every place in nested JSON."""
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


def put(said: dict, path: tuple, value, rng: np.random.Generator) -> dict:
    """The header with another value at a place, without it, or with one more beside it."""
    said = copy.deepcopy(said)
    parent = said
    for key in path[:-1]:
        parent = parent[key]
    if rng.random() < 0.2:
        del parent[path[-1]]
    elif rng.random() < 0.1 and isinstance(parent, list):
        parent.append(value)
    else:
        parent[path[-1]] = value
    return said


@pytest.mark.parametrize("sealed", [False, True], ids=["as it was", "forged"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_header_with_other_values_is_the_same_model_or_none(tmp_path, kind, sealed):
    """Where its digest was made anew it may be another model, but one that works."""
    model, rng = MODELS[kind], np.random.default_rng(8)
    said = about(model.to_bytes())
    everywhere = [path for path in places(said) if path]
    for _ in range(300):
        path = everywhere[int(rng.integers(len(everywhere)))]
        other = put(said, path, ODD[int(rng.integers(len(ODD)))], rng)
        data = forged(model, other) if sealed else save(load(model.to_bytes()), {"mrdl": json.dumps(other)})
        found = outcome(tmp_path, data)
        if found is not None and sealed:
            with contextlib.suppress(DataError):  # a name twice, say
                assert len(found.predict(pd.DataFrame(RAW, columns=found.preparation.columns))) == len(RAW)
            assert repr(found) and len(found.predict(RAW)) == len(RAW) and len(found.history) == len(found.rounds)
        elif found is not None:
            assert found.to_bytes() == model.to_bytes()


def test_a_forged_scaling_that_is_no_number_is_refused(tmp_path):
    model = MODELS["mlp"]
    tensors, said = load(model.to_bytes()), about(model.to_bytes())
    for wrong in (
        np.array([np.nan, 1, 1], np.float32),
        np.array([np.inf, 1, 1], np.float32),
        np.ones(3),
        np.ones(2, "f"),
    ):
        for name in ARRAYS:
            assert outcome(tmp_path, forged(model, said, {**tensors, name: wrong})) is None


# --- quickly, in little memory ---


def huge(said: dict, **changes) -> bytes:
    text = json.dumps({**said, **changes})
    return save(load(MODELS["mlp"].to_bytes()), {"mrdl": text})


def with_text(text: str) -> bytes:
    return save(load(MODELS["mlp"].to_bytes()), {"mrdl": text})


def heavy() -> dict[str, bytes]:
    """Files that would cost much if they were believed."""
    said = about(MODELS["mlp"].to_bytes())
    many = json.dumps({"": [0] * 5}).encode()
    return {
        "two million layers": huge(said, nodes=[3] + [1] * 2_000_000 + [3]),
        "a layer of two million nodes": huge(said, nodes=[3, 2_000_000, 3]),
        "more nodes than there are atoms": huge(said, nodes=[3, 10**80, 3]),
        "deep lists": with_text("[" * 200_000 + "]" * 200_000),
        "deep objects": with_text('{"format":' * 200_000 + "1" + "}" * 200_000),
        "deep settings": huge(said, settings=0).replace(
            b'\\"settings\\": 0', b'\\"settings\\": ' + b"[" * 20 + b"]" * 20
        ),
        "a number of a million digits": with_text('{"format": ' + "9" * 1_000_000 + "}"),
        "a header of 90 MB": struct.pack("<Q", 90_000_000) + b'{"__metadata__":{"mrdl":"' + b" " * 90_000_000,
        "a header longer than the file": struct.pack("<Q", 2**63) + many,
        "millions of columns": huge(said, columns=["a"] * 1_500_000),
    }


PROBE = """
import resource, sys, time
import mrdl
mrdl.load
from mrdl.errors import DataError, ModelError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    began = time.process_time()
    try:
        mrdl.load(name)
        print("loaded", name)
    except ModelError as error:
        seconds = time.process_time() - began
        if seconds > 1 or len(str(error)) > 1000:
            print(name, seconds, len(str(error)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_heavy_forgeries_are_refused_in_a_second_and_in_200_mb(tmp_path):
    for name, data in heavy().items():
        (tmp_path / name).write_bytes(data)
    words = [sys.executable, "-c", PROBE, *(str(tmp_path / name) for name in heavy())]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    assert len(out) == 2 and int(out[0]) < 200, out
