"""The jobs of a run, one after the other: on cached shards where there are any, else on the text."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safetensors.numpy import save

from mrdl.cluster.webhdfs import for_a_while
from mrdl.data.labels import told_alike
from mrdl.data.preparation import Scaling
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics, told_rounding
from mrdl.errors import DamagedShard, Diverged, JobLost, MrdlError, TrainingError, Unavailable
from mrdl.mapreduce import arguments, launch, shipping
from mrdl.mapreduce.runners import Runner, runner_of
from mrdl.mapreduce.status import Progress
from mrdl.nn.weights import Weights
from mrdl.rounds import combine
from mrdl.rounds.combine import ShardResult
from mrdl.rounds.extensions import code_of_run, extensions_of
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.job import RoundJob
from mrdl.rounds.plan import Round
from mrdl.settings.config import TrainConfig
from mrdl.shards import records
from mrdl.shards.cache import Prepared, ShardCache, prepared_from, shard_cache
from mrdl.storage.store import hdfs_store, is_hdfs


@dataclass
class Output:
    """What a job has said. weights: combined; shards: a record for each shard; results: those of single shards,
    where they were asked for; of_data: the lines that tell of the data; refused: why the data was not trained on."""

    weights: Weights = field(default_factory=dict)
    shards: list[dict[str, Any]] = field(default_factory=list)
    results: list[ShardResult] = field(default_factory=list)
    of_data: list[bytes] = field(default_factory=list)
    refused: tuple[Statistics, str] | None = None
    diverged: str = ""


def read_output(chunks: Sequence[bytes]) -> Output:
    """The records of a job's output, in any order."""
    output = Output()
    for line in b"".join(chunks).splitlines():
        _, value = records.split_line(line)
        if value[:1] in b"VBP":
            output.of_data.append(line)
        if value[:1] in b"VB":
            continue
        tag, meta, arrays = records.unpack(value)
        if tag == b"P" and meta["problem"]:
            output.refused = records.to_statistics(meta, arrays), meta["problem"]
        elif tag == b"R":
            output.results.append(combine.to_result(meta, arrays))
        elif tag == b"W":
            output.weights, output.shards, output.diverged = arrays, meta["shards"], meta["diverged"]
    output.results.sort(key=lambda result: result.shard)
    return output


ATTEMPTS = 3  # of a job, each of which gives a task four
UNPACKING = re.compile(r"gzip|bzip|zlib|Zip|EOFException|end of (input )?stream|header check|CRC|block|Huffman", re.I)


class Submission:
    """Runs a round's job and clears up after it. `prepared` is None until the data was seen.

    tag: the run's name, by which its jobs are found on YARN; left: (runner, cache) of the run's drivers that may have
    left something, from which those are taken that are cleared up after; note: is told what a person should know.
    """

    def __init__(
        self,
        source: Source,
        config: TrainConfig,
        runner: Runner,
        job_class: type[RoundJob],
        folder: RunFolder,
        tag: str,
        *,
        scaling: Scaling,
        fitted: Sequence[int] = (),
        emit_shards: bool = False,
        left: list[tuple[str, str]],
        on_progress: Callable[[int, Progress], None] = lambda round_, progress: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._source, self._config, self._runner, self._job_class = source, config, runner, job_class
        self._folder, self._tag, self._emit_shards = folder, tag, emit_shards
        self._scaling, self._fitted = scaling, list(fitted)
        self._on_progress, self._note = on_progress, note
        self._code = code_of_run(config, job_class)
        self._extensions: list[dict[str, str]] = []  # inline tasks have what this process has
        if not runner.runs_here:
            self._extensions = [dataclasses.asdict(each) for each in extensions_of(config, job_class)]
        self._cache = shard_cache(source, config, runner.home("shards"), job_class)
        self._wants_sample = config.kind in ("rbm", "dbn")  # whose scores compare it with the rows kept out
        self._here, self._left = (runner.name, self._cache.folder), left
        if not is_hdfs(self._cache.folder):
            self._cache.make_room()  # or says, before anything runs, that it cannot be
        self.clear()  # what a killed driver left
        for there in list(left):
            self._clear_elsewhere(there)
        self.prepared: Prepared | None = self._cache.load(self._wants_sample)
        self._tell_of_data()

    def run(self, planned: Round, weights: Weights, failed: Mapping[int, int]) -> tuple[Output, launch.Ended]:
        """The job of a round: what it said, and how it went. failed: how often each shard was left out before.

        A job that Hadoop lost is run again, shards that are damaged are made again.
        """
        attempts, pause = 0, hdfs_store().retry.pauses() if self._runner.reads_hdfs else None
        while True:
            attempts += 1
            try:
                return self._job(planned, weights, failed)
            except DamagedShard:
                if attempts >= ATTEMPTS:
                    raise
                self._cache.remove()
                self.prepared = None
                self._note("the cached shards are damaged: they are made again from the CSV")
            except JobLost as error:
                if self.prepared is None and UNPACKING.search(str(error)):
                    self._source.check_packed()  # to send it again would not help
                if pause and for_a_while(str(error)):
                    pause(Unavailable(str(error)))
                elif attempts >= ATTEMPTS:
                    raise
                else:
                    self._note(f"{error} It is run again")

    def clear(self, patient: bool = True) -> None:
        """End what a job of this run may still have running, a killed driver's too, and delete what it leaves.

        patient: whether to wait for a YARN that is away.
        """
        self._left[:] = [self._here, *(there for there in self._left if there != self._here)]
        try:
            self._clear(self._here, patient)
        finally:
            shutil.rmtree(self._folder.work, ignore_errors=True)

    def _clear(self, there: tuple[str, str], patient: bool = True) -> None:
        """Clear up after a driver of this run with some runner and cache."""
        runner, cache = runner_of(there[0]), there[1]
        runner.stop(self._tag, patient)
        ShardCache(cache).abandon(self._tag)
        if is_hdfs(temporary := runner.temporary(self._tag, self._folder.work)):  # the folder here goes in any case
            hdfs_store().remove(temporary)
        self._left.remove(there)

    def _clear_elsewhere(self, there: tuple[str, str]) -> None:
        """Clear up after a driver that had another runner or cache; one that cannot be reached is said."""
        try:
            self._clear(there)
        except MrdlError as why:
            self._note(f"{why} What a driver with -r {there[0]} has left of this run is not cleared away")

    def _clear_after(self, error: BaseException) -> None:
        """Clear up after a job that failed; where that fails, too, it is said beside what went wrong."""
        try:
            self.clear(patient=not isinstance(error, KeyboardInterrupt))
        except MrdlError as why:
            if isinstance(error, (JobLost, DamagedShard)):  # it would be run again beside what may still run
                raise
            self._note(f"{why} What the job left is not cleared away: --resume does that")

    def _job(self, planned: Round, weights: Weights, failed: Mapping[int, int]) -> tuple[Output, launch.Ended]:
        cached = self.prepared is not None
        try:
            ended = launch.run(self._runner, self._job_class, self._launch(planned, weights, failed, cached))
            output = read_output(ended.output)
            if output.refused:
                raise self._source.refused(*output.refused, skip_bad_rows=self._config.bad_rows == "skip")
            if not output.shards:
                raise TrainingError("the job ended well, but left no weights")
            wanted = self._config.shards if planned.stage_round else 1
            if [s["shard"] for s in output.shards] != list(range(wanted)):
                raise DamagedShard(f"{len(output.shards)} shards came back, expected {wanted}")
            if not cached:
                self._source.check_unchanged()
        except BaseException as error:
            self._clear_after(error)
            raise
        if not cached:
            self.prepared = prepared_from(output.of_data, self._wants_sample)
            self._cache.keep(self._tag, output.of_data)
            self._tell_of_data()
        self.clear()
        if output.diverged:
            raise Diverged(output.diverged)
        return output, ended

    def _tell_of_data(self) -> None:
        if self.prepared and (told := told_rounding(self.prepared.statistics, self._source.schema.features)):
            self._note(told)
        if self.prepared and (told := told_alike(self.prepared.statistics.classes)):
            self._note(told)

    def _inputs(self, planned: Round, cached: bool) -> list[str]:
        if not cached:
            return self._source.inputs(self._runner.reads_hdfs, self._folder.work)
        return self._cache.shards() if planned.stage_round else [self._cache.prepared]

    def _launch(self, planned: Round, weights: Weights, failed: Mapping[int, int], cached: bool) -> arguments.Launch:
        work, config = self._folder.work, self._config
        work.mkdir(0o700, exist_ok=True)
        if not cached:
            self._cache.make_room()
        tasks = config.tasks or self._runner.slots()
        settings = work / "settings.json"
        about: dict[str, Any] = {
            "config": dataclasses.asdict(config),
            "schema": dataclasses.asdict(self._source.schema),
            "round": dataclasses.asdict(planned),
            "scaling": self._scaling.to_meta(),
            "fitted": self._fitted,
            "cached": cached,
            "reducers": min(config.shards, tasks),
            "failed": dict(failed),
            "emit_shards": self._emit_shards,
            "extensions": self._extensions,
        }
        settings.write_text(json.dumps(about))
        start = work / "weights.safetensors"
        if weights:
            start.write_bytes(save(weights))
        return arguments.Launch(
            settings=settings,
            weights=start if weights else None,
            inputs=self._inputs(planned, cached),
            work_dir=work,
            output_dir=f"{self._runner.temporary(self._tag, work)}/round-{planned.number}",
            rows_dir=self._cache.unfinished(self._tag),
            tag=self._tag,
            shards=config.shards if planned.stage_round else 1,
            cached=cached,
            reducers=about["reducers"],
            python_bin=config.python_bin,
            mrjob_conf=config.mrjob_conf,
            package=shipping.zip_package(work, files=self._code.files) if self._runner.reads_hdfs else None,
            roots=self._code.roots,
            on_progress=lambda progress: self._on_progress(planned.number, progress),
        )
