"""Small networks of every kind, for tests that run over all of them."""

import shutil
from pathlib import Path

import pytest

from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
QUICK = {"shards": 3, "rounds": 2, "epochs": 1, "batch_size": 64, "warm_rows": 60, "warm_epochs": 1, "seed": 2}
CLASSIFIER = {"kind": "dbn", "nodes": (64, 12, 8, 10)}
NETWORKS = {
    "mlp": {"nodes": (64, 12, 10)},
    "mlp of sigmoid": {"nodes": (64, 12, 10), "activation": "sigmoid"},
    "autoencoder": {"kind": "autoencoder", "nodes": (64, 12, 4)},
    "rbm": {"kind": "rbm", "nodes": (64, 12)},
    "stack": {"kind": "rbm", "nodes": (64, 12, 8)},
    "gaussian rbm": {"kind": "rbm", "nodes": (64, 12), "visible": "gaussian"},
    "persistent rbm": {"kind": "rbm", "nodes": (64, 12), "chains": "persistent", "cd_steps": 2},
    "dbn": CLASSIFIER,
    "dbn of one machine": {"kind": "dbn", "nodes": (64, 12, 10)},
    "gaussian dbn": {"kind": "dbn", "nodes": (64, 12, 10), "visible": "gaussian"},
    "unrolled dbn": {"kind": "dbn", "nodes": (64, 12, 4), "fine_tune": "autoencoder"},
    "rbm with a threshold": {"kind": "rbm", "nodes": (64, 12), "threshold": "7.5"},
}
SUPERVISED = ["mlp", "mlp of sigmoid", "dbn", "dbn of one machine", "gaussian dbn"]
kinds = pytest.mark.parametrize("kind", NETWORKS)
MACHINES = [name for name in NETWORKS if NETWORKS[name].get("kind") == "rbm"]


def settings(kind, **changes):
    return {**QUICK, **NETWORKS[kind], **changes}


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    """known(kind): the Run of a network, its model and its cache; made once."""
    made = {}

    def get(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp("known")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
                run = Run(DIGITS, TrainConfig().with_changes({**settings(kind), "run_dir": str(folder / "run")}))
                made[kind] = run, run.execute(), folder / "cache"
        return made[kind]

    return get


@pytest.fixture
def resumed(known, new_run, tmp_path):
    """Make a Run of a kind that goes on in a copy of the known one's folder, with its cache or without."""

    def make(kind, with_cache=True, **changes):
        shutil.copytree(known(kind)[0].folder.path, tmp_path / "run")
        if with_cache:
            shutil.copytree(known(kind)[2], tmp_path / "cache")
        return new_run(folder="run", resume=True, **settings(kind, **changes))

    return make
