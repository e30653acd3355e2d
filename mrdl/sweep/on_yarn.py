"""Packs as one map-only job on YARN, a map task each; its output in HDFS outlives the driver."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mrdl import launch
from mrdl.cache import hdfs_home
from mrdl.errors import TrainingError
from mrdl.runners import runner_class
from mrdl.storage import hdfs_store, read

if TYPE_CHECKING:
    from mrdl.sweep.engine import Sweep

WAVE = 200  # packs in one job: a job that is lost costs no more
POLL_S = 2.5


def run(sweep: "Sweep", packs: Sequence[Sequence[str]], texts: dict[str, str]) -> None:
    """Train packs of designs (arch_id -> canonical in texts), and take in what became of them."""
    from mrdl.sweep.job import SweepJob

    name = sweep.intend(packs, on_yarn=True)
    work = sweep.folder / "work"
    work.mkdir(0o700, exist_ok=True)
    lines = (json.dumps([(arch_id, texts[arch_id]) for arch_id in pack]) + "\n" for pack in packs)
    (work / "packs.txt").write_text("".join(lines))
    (work / "settings.json").write_text(json.dumps(sweep.settings()))
    output = _output(sweep, name)
    arguments = launch.arguments_on_yarn(name, work, output, launch.zip_package(work))
    arguments += ["--settings", str(work / "settings.json"), "--data", str(sweep.data)]
    job = SweepJob([*arguments, str(work / "packs.txt")])
    chosen = runner_class("hadoop", False)
    job._runner_class = lambda: chosen
    try:
        with job.make_runner() as runner:
            runner.run()
    except Exception as error:
        if not hdfs_store().exists(output):
            raise TrainingError(f"the job {name} failed before it began: {error}") from error
    except BaseException:
        launch.stop("hadoop", name)
        raise
    harvest(sweep, name, packs)


def wait(sweep: "Sweep", name: str) -> None:
    """Wait for a job that an earlier driver has sent: it is never sent twice."""
    while hdfs_store().cluster.applications(name):
        sweep.tell()
        time.sleep(POLL_S)


def harvest(sweep: "Sweep", name: str, packs: Sequence[Sequence[str]], mine: bool = True) -> None:
    """Take in a job's output from HDFS, keeping a copy beside the ledger. mine: whether this driver has sent it."""
    output, lines = _output(sweep, name), list[bytes]()
    if hdfs_store().exists(output):
        for info in hdfs_store().files(f"{output}/part-*"):
            lines += [line.partition(b"\t")[2] for line in read(info.path).splitlines()]
    sweep.write_part(name, b"".join(line + b"\n" for line in lines))
    sweep.take_in(name)
    sweep.over(name, [arch_id for pack in packs for arch_id in pack], "", lost=mine)


def _output(sweep: "Sweep", name: str) -> str:
    return hdfs_home(f"sweeps/{sweep.about['id']}/{name}")
