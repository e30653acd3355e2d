"""The settings of the run: when it stops, which round is kept, where files lie, and what its tasks run with."""

from dataclasses import dataclass

from mrdl.metrics.measures import ARGMAX, DECISIONS, MEASURES
from mrdl.settings.decides import RUN
from mrdl.settings.fields import setting


@dataclass(frozen=True)
class RunSettings:
    """The settings that decide neither which rows lie in which shard nor what a round makes of them."""

    patience: int | None = setting(
        None,
        "stop after so many rounds that were no better on the validation rows, and keep the best; left out: never",
        RUN,
        least=1,
    )
    stop_on: str = setting("loss", "measure by which a round is better than another", RUN, tuple(MEASURES))
    keep: str | None = setting(
        None,
        "which round is the network: the best by stop_on, or the last; left out: with patience, and of a table that "
        "keeps 200 rows out, the best, else the last",
        RUN,
        ("best", "last"),
    )
    decision: str = setting(
        ARGMAX,
        "which of two classes is said: the more probable one, or from the probability on that is best by a measure",
        RUN,
        DECISIONS,
    )
    start_from: str | None = setting(
        None,
        "a model file whose weights and scaling the training starts from; the RBMs of a dbn stay as they are there",
        RUN,
        is_path=True,
    )
    test: str | None = setting(None, "a CSV that the final network is tested on", RUN, is_path=True)
    run_dir: str | None = setting(None, "folder of the run; left out: runs/ and the time", RUN, is_path=True)
    cache_dir: str | None = setting(
        None, "folder (or hdfs:// folder) for the parsed shards, reused by later runs", RUN, is_path=True
    )
    tasks: int | None = setting(
        None,
        "map tasks that a round's shards are shared out among; left out: as many as can run at once",
        RUN,
        least=1,
    )
    diagnostics: bool = setting(
        False,
        "whether each epoch and layer leaves norms, ratios, dead and saturated units, and the run says in words what "
        "looks ill; the network is the same",
        RUN,
    )
    wait_s: int = setting(300, "seconds to wait for HDFS or YARN to come back, before the run stops", RUN, least=0)
    task_memory_mb: int = setting(1024, "a shard larger than this is trained from a memory-mapped file", RUN, least=1)
    python_bin: str | None = setting(None, "Python that runs the tasks; left out: this one", RUN)
    mrjob_conf: str | None = setting(None, "mrjob.conf with the cluster's own settings", RUN, is_path=True)
