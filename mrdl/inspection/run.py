"""An inspection from its start to its end: the job is run, and what its reducer tells is joined."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mrdl.data.source import Source
from mrdl.errors import TrainingError
from mrdl.inspection.job import InspectionJob, to_part
from mrdl.inspection.summary import Summary
from mrdl.mapreduce import launch, memory, shipping
from mrdl.mapreduce.arguments import Launch
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.status import Progress
from mrdl.settings.config import TrainConfig
from mrdl.shards.records import key_of
from mrdl.storage.store import hdfs_store

TASK_MB = 300  # of a task's Python, whatever the table


def sum_up(
    source: Source, config: TrainConfig, runner: Runner, on_progress: Callable[[Progress], None] = lambda progress: None
) -> Summary:
    """What is known of all rows of a table, by one job.

    config: of which the settings of the run count; on_progress: is told how far the job is. Raises ConfigError or
    SetupError where tasks cannot run, TrainingError where one failed, and DataError where the data changed meanwhile.
    """
    runner.check(config.python_bin, config.mrjob_conf)
    tag = f"mrdl-inspect-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
    with tempfile.TemporaryDirectory(prefix="mrdl-") as folder:
        work = Path(folder)
        place = runner.temporary(tag, work)
        try:
            ended = launch.run(runner, InspectionJob, _launch(source, config, runner, tag, work, place, on_progress))
        except BaseException as error:
            runner.stop(tag, patient=not isinstance(error, KeyboardInterrupt))
            raise
        finally:
            if runner.reads_hdfs:
                hdfs_store().remove(place)
    source.check_unchanged()
    lines = sorted(b"".join(ended.output).split(b"\n")[:-1], key=key_of)
    if not lines:
        raise TrainingError("the job ended well, but told nothing")
    return Summary.joined([to_part(line) for line in lines])


def _launch(
    source: Source,
    config: TrainConfig,
    runner: Runner,
    tag: str,
    work: Path,
    place: str,
    on_progress: Callable[[Progress], None],
) -> Launch:
    """The job, its files written to a folder. place: where it may write, for its runner."""
    order = work / "order.json"
    told = {"schema": source.schema.to_meta(), "pieces": source.listing is not None}
    order.write_text(json.dumps(told), encoding="utf-8")
    container = memory.around(TASK_MB)
    return Launch(
        order=order,
        weights=None,
        inputs=source.inputs(runner.reads_hdfs, work, place),
        work_dir=work,
        output_dir=f"{place}/columns",
        rows_dir=f"{place}/rows",
        tag=tag,
        shards=1,
        cached=False,
        reducers=1,
        containers=memory.Containers(container, container),
        python_bin=config.python_bin,
        mrjob_conf=config.mrjob_conf,
        package=shipping.zip_package(work) if runner.reads_hdfs else None,
        on_progress=on_progress,
    )
