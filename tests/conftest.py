"""What tests share: real data, a cache of shards of their own, the command line, one real cluster for a whole run."""

import functools
import hashlib
import inspect
import itertools
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yarn
from chromium import browser  # noqa: F401
from experiments import exp  # noqa: F401
from mail_server import mail_server  # noqa: F401
from networks import known, resumed  # noqa: F401 (fixtures of many files)
from processes import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401 (hooks)
from sweeps import digits_data, digits_sweep, importable, odd_sweep, sweep_process  # noqa: F401
from web_server import web, web_server  # noqa: F401
from web_sessions import lab  # noqa: F401

from mrdl.storage import store

REPO = Path(__file__).resolve().parent.parent
DIGITS = REPO / "tests" / "data" / "digits.csv"
# read when torch is loaded: its threads wait asleep, as spinning they would take the cores of the other tests
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session", autouse=True)
def interrupts():
    """Ctrl-C reaches the processes of tests, too, when a shell runs all this in its background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def short_estimates():
    """A command looks 0.02 s at how long it will train, not 0.3 s: most trainings of tests are shorter than that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrdl.preflight.advice.ESTIMATE_S", 0.02)
        yield


@pytest.fixture(scope="session", autouse=True)
def designs_timed_once():
    """How long designs train here is measured by the first test that asks, and not for each test's own cache."""
    from mrdl.sweep import cost

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "_constants", functools.cache(cost._constants))
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test finds shards that another one left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def command(capsys):
    """Run a command in this process: command("show", path) -> status, standard output, standard error."""
    from mrdl.cli.main import main

    handler = signal.getsignal(signal.SIGTERM)

    def run(*words, **inside) -> tuple[int, str, str]:
        status = main([str(word) for word in words], **inside)
        return status, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def digits() -> Path:
    """1,797 real handwritten digits: a header, the label first, 64 pixels from 0 to 16."""
    return DIGITS


class Table:
    """The digits by numpy, each row placed by its hash: what a run must do to them, without its walk."""

    def __init__(self, path: Path) -> None:
        from mrdl.data.hashing import row_hash  # a test that needs no table shall not wait for it

        table = np.loadtxt(path, np.uint8, delimiter=",", skiprows=1)
        self.features, self.targets = table[:, 1:], table[:, 0].astype(np.int64)
        named = [hashlib.blake2b(str(label).encode(), digest_size=8).digest() for label in range(10)]
        self.hashes = row_hash(self.features, np.frombuffer(b"".join(named), "<u8")[self.targets])

    def training(self, validation: float = 0.1) -> np.ndarray:
        """Which rows are trained on."""
        return np.flatnonzero(self.hashes.astype(float) >= validation * 2.0**64)

    def rows(self, places: np.ndarray, preparation):
        """Some rows as a training task has them."""
        from mrdl.nn.rows import Rows

        order = np.argsort(self.hashes[places], kind="stable")
        features, targets = self.features[places], self.targets[places]
        return Rows(features, targets, order, preparation.inputs.encoding)


@pytest.fixture(scope="session")
def table() -> Table:
    """The digits by numpy."""
    return Table(DIGITS)


@pytest.fixture
def small_csv(tmp_path) -> Path:
    """300 rows of two classes in three columns, floats, with a header; the label is text and comes last."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(300, 3)).round(3)
    labels = np.where(rows[:, 0] + rows[:, 1] > 0, "yes", "no")
    path = tmp_path / "small.csv"
    lines = [",".join(map(str, row)) + f",{label}" for row, label in zip(rows, labels, strict=True)]
    path.write_text("a,b,c,answer\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def new_run(digits, tmp_path):
    """Make a Run: new_run(shards=3, runner="local"); on the digits, and in a folder of its own where none is named."""
    from mrdl.rounds.driver import Run
    from mrdl.settings.config import TrainConfig

    folders = (f"run{i}" for i in itertools.count())

    def make(data=digits, folder="", **changes):
        parameters = set(inspect.signature(Run).parameters)
        inside = {name: changes.pop(name) for name in list(changes) if name in parameters}
        config = TrainConfig().with_changes({"run_dir": str(tmp_path / (folder or next(folders))), **changes})
        return Run(data, config, **inside)

    return make


@pytest.fixture
def order():
    """Make the Order of a job's tasks on rows of two columns: order(cached=True)."""
    from mrdl.data.preparation.scaling import Scaling
    from mrdl.data.text.schema import Schema
    from mrdl.rounds.order import Order
    from mrdl.rounds.plan import Round, resolved
    from mrdl.settings.config import TrainConfig

    def make(**changes):
        usual = {
            "config": resolved(TrainConfig(nodes=(2, 3, 2), shards=4)),
            "schema": Schema(("x", "y", "label"), 2, None),
            "round": Round(1, 0, 1, 3, 1, 0.03, 0.8),
            "scaling": Scaling(),
            "cached": False,
            "reducers": 2,
        }
        return Order(**{**usual, **changes})

    return make


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The learning rate of every training, in the order of rounds and shards."""
    from mrdl.nn import trainer

    seen: list[float] = []
    train_shard = trainer.train_shard

    def seeing(arch, weights, rows, settings, *more, **about):
        seen.append(settings.learning_rate)
        return train_shard(arch, weights, rows, settings, *more, **about)

    monkeypatch.setattr(trainer, "train_shard", seeing)
    return seen


@dataclass
class Ended:
    """A command that has ended."""

    rc: int
    out: bytes
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out.decode().strip().splitlines()[-1])


@pytest.fixture
def mrdl_command(tmp_path):
    """Run `python -m mrdl ...` as a user would, in an empty folder: mrdl_command("train", path, "-r", "local")."""

    def run(*words, cwd=None, env=None, timeout=240) -> Ended:
        command = [sys.executable, "-m", "mrdl", *map(str, words)]
        ended = subprocess.run(
            command, cwd=cwd or tmp_path, env={**os.environ, **(env or {})}, capture_output=True, timeout=timeout
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())

    return run


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A real HDFS + YARN, started once for a whole run by the script that users have; its environment."""
    folder = tmp_path_factory.mktemp("cluster")
    env = {**os.environ, "MRDL_HADOOP_DIR": str(folder)}
    script = str(REPO / "scripts" / "hadoop")
    subprocess.run([sys.executable, script, "start"], env=env, check=True, timeout=300)
    told = subprocess.run([sys.executable, script, "env"], env=env, check=True, capture_output=True, text=True).stdout
    values = dict(line.removeprefix("export ").split("=", 1) for line in told.splitlines())
    values = {name: value.strip('"').replace("$PATH", os.environ["PATH"]) for name, value in values.items()}
    yield {**values, "MRDL_HADOOP_DIR": str(folder)}
    subprocess.run([sys.executable, script, "stop"], env=env, check=True, timeout=60)


@pytest.fixture
def hdfs(cluster, monkeypatch):
    """The cluster's HDFS for this process, in a folder of the user's."""
    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    store._store_of_conf.cache_clear()
    yield store.hdfs_store()
    store._store_of_conf.cache_clear()


@pytest.fixture(scope="session")
def stored(cluster) -> str:
    """The digits in HDFS."""
    yarn.hadoop(cluster, "fs", "-mkdir", "-p", "digits")
    yarn.hadoop(cluster, "fs", "-put", "-f", str(DIGITS), "digits/digits.csv")
    user = yarn.hadoop(cluster, "fs", "-stat", "%u", "digits").strip()
    return f"hdfs:///user/{user}/digits/digits.csv"


@pytest.fixture
def calm(digits, tmp_path):
    """What an undisturbed run in one process ends in."""
    import mrdl

    return mrdl.train(digits, show=False, run_dir=str(tmp_path / "calm"), **yarn.SETTINGS)


@pytest.fixture
def on_yarn(cluster, mrdl_command):
    """Run an mrdl command with the cluster's environment."""
    return lambda *words, **more: mrdl_command(*words, env=cluster, timeout=300, **more)


@pytest.fixture
def one_thread():
    """Torch adds in another order with more threads; a task takes one, so must what it is compared with."""
    from mrdl.nn.engines.torch_device import one_thread

    with one_thread():
        yield
