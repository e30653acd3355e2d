"""Fixed commands end in the bytes that they ended in before: a change of code that shall change no network, does not.

A change that means to change them says so in the changelog, and takes the new digests. Other versions of PyTorch and
numpy, and other processors, round differently: there these tests are skipped.
"""

import functools
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mrdl
from mrdl.nn.engines.table import EVERY, engine_of

pytestmark = pytest.mark.usefixtures("known_rounding")

REPO = Path(__file__).resolve().parent.parent
TORCH, NUMPY = "2.15.0", "2.4.6"
ROUNDING = {  # of the processor that the digests are of: `rounding(engine)` there
    "torch": "12a8feb4170b3064",
    "numpy": "1da048c5b7186e1c",
}
SMALL = "--shards 3 --rounds 2 --epochs 1 --warm-rows 200 --warm-epochs 2"
TRAININGS = {
    "mlp": (
        f"--nodes 64,16,10 {SMALL}",
        "0e23df0bd9d3e68a82d13539daf05813ecd92bbb8c3740882204f70d305d8c90",
    ),
    "mlp, one shard": (
        "--nodes 64,16,10 --shards 1 --rounds 2 --epochs 2",
        "b04ae9a386ff26423b9863b6bc8b13b6cc3edbe3202d776717cbed8fe29e0d03",
    ),
    "mlp, plain averaging": (
        f"--nodes 64,16,10 {SMALL} --warm-rows 0 --outer-momentum 0 --outer-step 1 --combine uniform",
        "c2362aeda6905586cc347cdec6a3747b0d17930c001f2fb275e21b4ccc87350e",
    ),
    "mlp, tanh, pixels black or white": (
        "--nodes 64,16,12,10 --activation tanh --threshold 8 --shards 8 --rounds 3 --batch-size 64 --schedule cosine",
        "505452d43403475c9e84bc16e41743493d9e651ae71f69617b856f2d845bd703",
    ),
    "autoencoder": (
        f"--kind autoencoder --nodes 64,16,4 {SMALL}",
        "f68913dec368d09090ec541e7f8d62905c2c9ec33d073a62760cb9ad4b2a8910",
    ),
    "rbm": (
        f"--kind rbm --nodes 64,16 {SMALL}",
        "5c8aec0a238adea258c242c3be235eb3ec2681817d1ce29f7da9d74d41d7ec38",
    ),
    "rbm, gaussian": (
        f"--kind rbm --nodes 64,16 --visible gaussian --scaling column {SMALL}",
        "66bf631ed1da9f53561a58c2edb8502af67fa496c040386192e82cf60dcf72d1",
    ),
    "stack, persistent chains": (
        f"--kind rbm --nodes 64,16,8 --chains persistent --cd-steps 2 {SMALL}",
        "6ed7d05bf7f587d251c61215c802060d95ef44941aef37776e1225b207950605",
    ),
    "dbn": (
        f"--kind dbn --nodes 64,16,12,10 --layer-epochs 1 {SMALL}",
        "3f48f06a79d4c7bc8ac50bd2b8179043fcce7a8846c692c74337dd445327b03c",
    ),
    "dbn, unrolled": (
        f"--kind dbn --nodes 64,16,4 --fine-tune autoencoder {SMALL}",
        "ee04898874e8489ef3a95e449de73dafbb80a8e578cb10e927b3c8589e584d2c",
    ),
    "mlp, what is left to mrdl": ("", "5b5bd1731d3e21efcd3d3da399f8131088f1fe4c10bfa496c57a7e53be6d93ef"),
    "mlp, one shard, what is left to mrdl": (
        "--nodes 64,300,100,10 --shards 1 --rounds 2 --epochs 2",
        "ef59baaa287a8008e8636854d738a2514ecef8b58fd51fc27d87cf9458b446ee",
    ),
    "mlp, tanh, pixels black or white, what is left to mrdl": (
        "--threshold 8 --activation tanh --shards 8 --batch-size 64",
        "c8caab93277ecbfd521c4bf36ca9cbdbc5c1aaa738eef1a1f0bc6669a3c847ed",
    ),
    "autoencoder, what is left to mrdl": (
        "--kind autoencoder --nodes 64,30,8",
        "4cba6f0cbb889999bfd26eb03fce38f96a96f62af3eabbd474fbe8ba9436f442",
    ),
    "rbm, what is left to mrdl": (
        "--kind rbm --nodes 64,32",
        "9a559d847942673270d70aeb1865cba8f7fb2ec150dcf5d06b631510b201900b",
    ),
    "dbn, what is left to mrdl": (
        "--kind dbn --nodes 64,40,20,10 --layer-epochs 1",
        "9edc60179240d84de1c4e3b8a86cbf8f07b7bf432cc34e738d01acc8eec7a7ef",
    ),
}
DRAWN = {
    "space": {
        "depth": {"min": 1, "max": 3},
        "width": {"min": 4, "max": 32, "log": True},
        "learning_rate": {"min": 0.001, "max": 0.1, "log": True},
        "optimizer": ["sgd"],
        "epochs": 1,
    },
    "sweep": {"sampler": "random", "count": 6, "sampler_seed": 5, "backend": "numpy"},
}
GRID = {
    "space": {
        "depth": [1, 3],
        "width": 12,
        "activation": ["relu", "tanh"],
        "residual": [False, True],
        "dropout": 0.1,
        "epochs": 2,
    },
    "sweep": {"backend": "torch"},
}
TOGETHER = {
    "space": {"depth": 2, "width": [8, 16], "optimizer": "sgd", "learning_rate": 0.05, "epochs": 2},
    "sweep": {"seeds": 4, "backend": "batched"},
}
SWEEPS = [
    pytest.param(
        DRAWN,
        "e7b0549a7fa63e6afb99a0bf03d34a5a04726a2f86783a948108821cfd5993ea",
        id="numpy",
    ),
    pytest.param(
        GRID,
        "4de5d65fd563fe5bed63445da675e22f7eb12926c4331f01afb796442e549b7b",
        id="torch",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        TOGETHER,
        "488edf6d687efaabdcef24da931cf367575424c68f977fe151b4ca3a34c3a52a",
        id="batched",
        marks=pytest.mark.slow,
    ),
]
COLUMNS = [  # of a sweep's table, without what a clock, a host or a later version says
    "arch_id",
    "status",
    "hidden",
    "parameters",
    "trained_epochs",
    "seed",
    "accuracy",
    "baseline",
    "collapsed",
    "no_better",
    "loss",
    "together",
    "backend",
    "data",
]
PROGRAM = """
from mrdl import rbm, MRDL

if __name__ == "__main__":
    newnet = rbm(0.015, 0.8, 64)
    MRDL.newnet = newnet
    MRDL.net = newnet.create_net(layer_count=4, node_seq=[64, 32, 16, 10])
    MRDL.run()
"""
BY_NUMPY = {
    "mlp": "3823adf2431d5b2216d86e96dabcaaf6df94f9ebaa208bd54d488958fb197857",
    "mlp, one shard": "31ffc1fe68ede6cfc897f81ea96b9406886d84b734831b172c620df9d6124bc5",
    "mlp, plain averaging": "a42d88443c969bb5b3d143aacb13649a5d9ee494c65835de56073107febea16c",
    "mlp, tanh, pixels black or white": "7e3d9c6894cc42843ee83c18c9d39dbb038ffd29f13a8f6e9a8d8acaccb759c9",
    "autoencoder": "e9cb294e91c8e30fb0ffd5d585b77116c87fb2fee30755f47ce617fd17dee094",
    "rbm": "bd6b512f15d05cd5dedcbe2559e947fcdd34d173430138f08f40dbfc08297f7b",
    "rbm, gaussian": "384212d444c0d1b78f5d3ead2b1428d332997ffcbe0e328d22edbf3db05a6f64",
    "stack, persistent chains": "aa1c5e364a3bb6f7ca62272a84ab2ef2b3b8ae2fc230441c8a2dc3a126a1a53f",
    "dbn": "ec36e288bfb577461ffcb1a6b13d041a098386db3c1a8b6b6be9fc9af3dcf4d7",
    "dbn, unrolled": "a77c73b1295e506360a22ac0b53c71aa5cb32849a76730694d18b47b3a5c2c09",
    "mlp, what is left to mrdl": "21f7c39c98c8c1e64590e7684d69124e6d42d632a51b6c4f817064ff75c40a5a",
    "mlp, one shard, what is left to mrdl": "352f982579b75bb5d7c24b4fba256dcd93b7fa01e9d867c1815380b6f8f25fd6",
    "mlp, tanh, pixels black or white, what is left to mrdl": (
        "91572d108e8d840a3430b204c4694aa067eb416dcb5633031fe4957606b68bfb"
    ),
    "autoencoder, what is left to mrdl": "4508bc61d7ef5522671cf8d27dac8f7562429009c6ee1b584148c5177c228187",
    "rbm, what is left to mrdl": "b4fdcac9eef298d57bee50fa110de928de783cc38d41dd25d3c9b38f0e3a43a4",
    "dbn, what is left to mrdl": "470048cdcf1c09a507830e44546918cc75203f1b1cbc75c2ca7319e3edc6b42e",
}
"""The same trainings by the engine of numpy."""
OF_THE_PROGRAM = "944d2883c4204b4b7b9b66e060fa51137888aa42c704910dd17f596dc6256c95"


def rounding(name) -> str:
    """How this processor rounds: a digest of products and functions of fixed numbers, of the shapes that nets have."""
    found, engine = hashlib.sha256(), engine_of(name, "cpu")
    random = torch.Generator().manual_seed(0)
    functions = (engine.sigmoid_, engine.tanh_, engine.log_softmax, engine.softplus)

    def drawn(*shape):
        return torch.rand(shape, generator=random)

    with engine.one_thread():
        for rows in (1, 13, 16, 32, 64, 200):
            for width, nodes in ((64, 16), (16, 10), (64, 500), (500, 100), (100, 10), (30, 8)):
                x, bias, weight = (
                    engine.array(a.numpy()) for a in (drawn(rows, width), drawn(nodes), drawn(width, nodes))
                )
                out = engine.affine(x, weight.T, bias)
                arrays = [out, engine.product(x.T, out), engine.column_sums(out)]
                arrays += [function(engine.copy(out) / 50) for function in functions]
                for array in arrays:
                    found.update(engine.numpy(array).tobytes())
    return found.hexdigest()[:16]


@functools.cache
def differs(engine) -> str:
    """Why the digests cannot be the same here, empty where they can."""
    here = {"torch": torch.__version__.partition("+")[0], "numpy": np.__version__}[engine]
    known = {"torch": TORCH, "numpy": NUMPY}[engine]
    if here != known:
        return f"the digests are those of {engine} {known}, here is {here}, which may round differently"
    if (found := rounding(engine)) != ROUNDING[engine]:
        return f"the digests are those of a processor that rounds as {ROUNDING[engine]}, this one rounds as {found}"
    return ""


@pytest.fixture
def known_rounding(request):
    """Skip in words where the digests cannot be the same; a test without an engine of its own is of torch's."""
    if problem := differs(
        getattr(request.node, "callspec", None) and request.node.callspec.params.get("engine") or "torch"
    ):
        pytest.skip(problem)


def trained(ended: str) -> str:
    return json.loads(ended.strip().splitlines()[-1])["sha256"]


def words(data, flags, *more):
    return ["train", data, "--label", "0", "--seed", "3", *flags.split(), "--json", *more]


def golden(engine, name):
    """The flags of a training, and the digest that it ends in by an engine."""
    flags, digest = TRAININGS[name]
    return f"{flags} --engine {engine}", digest if engine == "torch" else BY_NUMPY[name]


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_ends_in_the_bytes_of_before(engine, name, command, digits, tmp_path):
    flags, digest = golden(engine, name)
    status, out, err = command(*words(digits, flags, "--run-dir", tmp_path / "run"))
    assert status == 0, err
    assert trained(out) == digest


@pytest.mark.slow
@pytest.mark.parametrize("engine", EVERY)
def test_a_training_in_processes_ends_in_the_bytes_of_before(engine, mrdl_command, digits):
    flags, digest = golden(engine, "mlp")
    assert trained(mrdl_command(*words(digits, flags, "-r", "local")).out.decode()) == digest


@pytest.mark.hadoop
@pytest.mark.parametrize("engine", EVERY)
def test_a_training_on_yarn_ends_in_the_bytes_of_before(engine, on_yarn, stored):
    flags, digest = golden(engine, "mlp")
    assert trained(on_yarn(*words(stored, flags, "-r", "hadoop")).out.decode()) == digest


@pytest.mark.slow
def test_a_program_of_the_paper_writes_the_bytes_of_before(digits, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    with open(tmp_path / "net.out", "wb") as out:
        command = [sys.executable, "program.py", str(digits), "--shards", "3"]
        env = {**os.environ, "PYTHONPATH": str(REPO)}
        subprocess.run(command, cwd=tmp_path, env=env, stdout=out, stderr=subprocess.PIPE, check=True)
    assert mrdl.load(tmp_path / "net.out").sha256 == OF_THE_PROGRAM


@pytest.mark.parametrize(("spec", "digest"), SWEEPS)
def test_a_sweep_has_the_table_of_before(spec, digest, digits, tmp_path):
    about = {"data": {"label": "digit"}, "limits": {"cpu_s": 60}, **spec}
    table = mrdl.Sweep(about, folder=tmp_path / "sweep").run(digits, runner="inline", show=False)
    rows = table.sort_values("arch_id")[COLUMNS].to_dict("records")
    text = json.dumps(rows, sort_keys=True, default=lambda value: value.tolist())
    assert hashlib.sha256(text.encode()).hexdigest() == digest
