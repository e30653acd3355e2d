"""What a cluster's jobs cost, measured on it."""

import tempfile

import numpy as np

from mrdl.preflight import advice
from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig
from mrdl.storage.store import hdfs_store


def measure_hadoop() -> tuple[float, float]:
    """Seconds of the first job and of a round's, of a run that has next to nothing to do."""
    store = hdfs_store()
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(400) % 2, rng.integers(0, 256, (400, 8))])
    path = store.uri(f"/user/{store.cluster.user}/mrdl/advise/rows.csv")
    store.write(path, "".join(",".join(map(str, row)) + "\n" for row in rows).encode())
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            nodes=(8, 4, 2), shards=max(2, store.cluster.slots()), rounds=1, epochs=1, warm_epochs=1,
            run_dir=f"{folder}/run", cache_dir=store.uri(f"/user/{store.cluster.user}/mrdl/advise/cache"),
        )  # fmt: skip
        run = Run(path, config, runner="hadoop")
        run.execute()
        first, each = [m["seconds"] for m in run.folder.manifests()]
    store.remove(store.uri(f"/user/{store.cluster.user}/mrdl/advise"))
    return first + advice.driver_s(), each
