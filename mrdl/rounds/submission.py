"""The jobs of a run, one after the other: on cached shards where there are any, else on the text.

Each round is one submission: the order and the weights are written to the run's work folder, mrjob runs the job, its
output is read and checked, and the shards that a first job has packed become the cache. Whatever ends a job, its files
and what of it still runs are cleared away before the next one begins, by this driver or by the one that goes on.
"""

import dataclasses
import re
import shutil
from collections.abc import Callable, Mapping

from safetensors.numpy import save

from mrdl.cluster.webhdfs import tells_of_passing_trouble
from mrdl.data.labels import told_alike
from mrdl.data.preparation.preparation import prepare
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.row_weights import told_uneven
from mrdl.data.source import Source
from mrdl.data.statistics import told_rounding
from mrdl.data.targets import told_far
from mrdl.errors import DamagedShard, Diverged, JobLost, MrdlError, TrainingError, Unavailable
from mrdl.mapreduce import arguments, launch, memory, shipping
from mrdl.mapreduce.runners import Runner, runner_of
from mrdl.mapreduce.status import Progress
from mrdl.nn.kinds import DEFAULT_HIDDEN, character
from mrdl.nn.weights import Weights
from mrdl.rounds.extensions import code_of_run, extensions_of
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.job import RoundJob
from mrdl.rounds.order import Order, Output, read_output
from mrdl.rounds.plan import Round
from mrdl.settings.config import TrainConfig
from mrdl.shards.cache import Prepared, ShardCache, prepared_from, shard_cache, told_kept_out
from mrdl.storage.store import hdfs_store, is_hdfs

ATTEMPTS = 3  # of a job, each of which gives a task four
# words of a JVM that could not unpack its input: the job is not sent again before the files are looked at
UNPACKING = re.compile(r"gzip|bzip|zlib|Zip|EOFException|end of (input )?stream|header check|CRC|block|Huffman", re.I)


class Submission:
    """Runs the jobs of a run's rounds and clears up after them.

    prepared: what the driver knows of the data, None until a job has seen it or its cached shards were found; runner:
    by name.

        submission = Submission(source, config, runner, RoundJob, folder, tag, scaling=Scaling(), left=[])
        output, ended = submission.run(planned, weights={}, failed={})
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
        fitted_layers: tuple[int, ...] = (),
        emit_shards: bool = False,
        left: list[tuple[str, str]],
        on_progress: Callable[[int, Progress], None] = lambda round_, progress: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Clear up after earlier drivers of the run, and look for cached shards.

        tag: the run's name, by which its jobs are found on YARN; scaling, fitted_layers, emit_shards: as in Order;
        left: (runner, cache) of the run's drivers that may have left something, from which those are taken that are
        cleared up after; on_progress: is told the round's number and how its job gets on; note: is told what a person
        should know.
        """
        self._source = source
        self._config = config
        self._runner = runner
        self._job_class = job_class
        self._folder = folder
        self._tag = tag
        self._scaling = scaling
        self._fitted_layers = fitted_layers
        self._emit_shards = emit_shards
        self._on_progress = on_progress
        self._note = note
        self._code = code_of_run(config, job_class)
        # tasks of this process have what it has
        self._extensions = () if runner.runs_here else tuple(extensions_of(config, job_class))
        self._cache = shard_cache(source, config, runner.home("shards"), job_class)
        _, has_machines = character(config.kind, config.nodes, config.options)
        self._wants_sample = has_machines  # whose scores compare it with the rows kept out
        self._here = (runner.name, self._cache.folder)
        self.runner = runner.name
        self._left = left
        if not is_hdfs(self._cache.folder):
            self._cache.make_room()  # or says, before anything runs, that it cannot be
        self.clear()  # what a killed driver left
        for there in list(left):
            self._clear_elsewhere(there)
        self.prepared: Prepared | None = self._cache.load(self._wants_sample)
        self._tell_of_data()

    def run(self, planned: Round, weights: Weights, failed: Mapping[int, int]) -> tuple[Output, launch.Ended]:
        """Run the job of a round: what it said, and how it went.

        weights: that the round starts from, empty for the seed's; failed: shard -> how often it was left out before.

        A job that Hadoop lost is run again, shards that are damaged are made again. Raises DataError or ConfigError
        where the data cannot be trained on, Diverged where no shard is fit, TrainingError where a task failed,
        JobLost where Hadoop loses the job again and again.
        """
        attempts, pause = 0, hdfs_store().retry.pauses() if self._runner.reads_hdfs else None
        while True:
            attempts += 1
            try:
                if self.prepared is None and self._needs_sample(planned):
                    self._job(planned.sampling, {}, {})  # for what it tells of the data
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
                if pause and tells_of_passing_trouble(str(error)):
                    pause(Unavailable(str(error)))
                elif attempts >= ATTEMPTS:
                    raise
                else:
                    self._note(f"{error} It is run again")

    def _needs_sample(self, planned: Round) -> bool:
        """Whether a job of its own must draw the sample that the shards of a round are scaled by: the first one of a
        process that goes on has it not yet when it trains them, if there is more than one."""
        return self._scaling.samples and self._config.shards > 1 and not planned.is_warm_start

    def clear(self, patient: bool = True) -> None:
        """End what a job of this run may still have running, a killed driver's too, and delete what it leaves.

        patient: whether to wait for a YARN that is away. Raises SetupError where it cannot be ended.
        """
        self._left[:] = [self._here, *(there for there in self._left if there != self._here)]
        try:
            self._clear(self._here, patient)
        finally:
            shutil.rmtree(self._folder.work, ignore_errors=True)

    def _clear(self, there: tuple[str, str], patient: bool = True) -> None:
        """Clear up after a driver of this run. there: the name of its runner, and its cache."""
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
        """Clear up after a job that failed; where that fails, too, it is said beside what went wrong.

        error: that ended the job. Raises SetupError, in its place, where the job would be run again beside what may
        still run of it.
        """
        try:
            self.clear(patient=not isinstance(error, KeyboardInterrupt))
        except MrdlError as why:
            if isinstance(error, (JobLost, DamagedShard)):  # it would be run again beside what may still run
                raise
            self._note(f"{why} What the job left is not cleared away: --resume does that")

    def _job(self, planned: Round, weights: Weights, failed: Mapping[int, int]) -> tuple[Output, launch.Ended]:
        """Run a round's job once; whatever goes wrong, nothing of it is left.

        The first job, which has packed the shards, makes them the cache, and what it tells of the data is kept.
        """
        cached = self.prepared is not None
        try:
            order = self._order(planned, failed, cached)
            ended = launch.run(self._runner, self._job_class, self._launch(order, weights))
            output = read_output(ended.output)
            self._check(output, planned)
            if not cached:
                self._source.check_unchanged()
                self.prepared = prepared_from(output.of_data, self._wants_sample)
                self._cache.keep(self._tag, output.of_data)
                self._tell_of_data()
        except BaseException as error:
            self._clear_after(error)
            raise
        try:
            self.clear()
        except KeyboardInterrupt as error:  # in the midst of it
            self._clear_after(error)
            raise
        if output.diverged:
            raise Diverged(output.diverged, output.diagnostics)
        return output, ended

    def _check(self, output: Output, planned: Round) -> None:
        """Raise the error of data that was not trained on, or of an output that is not whole."""
        if output.refused:
            raise self._source.refused(*output.refused)
        if not output.shards:
            raise TrainingError("the job ended well, but left no weights")
        wanted = self._shards(planned)
        if [shard.shard for shard in output.shards] != list(range(wanted)):
            raise DamagedShard(f"{len(output.shards)} shards came back, expected {wanted}")

    def _shards(self, planned: Round) -> int:
        """The number of shards that are trained in a round; the sample of a warm start counts as one."""
        return 1 if planned.is_warm_start else self._config.shards

    def _tell_of_data(self) -> None:
        """Note what a person should know of the data."""
        if self.prepared is None:
            return
        statistics = self.prepared.statistics
        schema = self._source.schema
        columns = (*schema.features, *(schema.label_names if schema.targets else ()))
        rounding = told_rounding(statistics.of_columns(len(columns)), columns)
        kept_out = told_kept_out(self.prepared.validation) if self._config.validation else ""
        far = told_far(statistics, schema) if self._config.loss in ("auto", "mse") else ""
        for told in (rounding, told_alike(statistics.classes), far, told_uneven(statistics, schema), kept_out):
            if told:
                self._note(told)

    def _order(self, planned: Round, failed: Mapping[int, int], cached: bool) -> Order:
        """What the tasks of a round's job are told. failed: shard -> how often it was left out before."""
        tasks = self._config.tasks or self._runner.slots(self._needs(planned).training().memory_mb)
        return Order(
            config=self._config,
            schema=self._source.schema,
            round=planned,
            scaling=self._decided_scaling(),
            cached=cached,
            pieces=not cached and self._source.listing is not None,
            reducers=min(self._config.shards, tasks),
            fitted_layers=self._fitted_layers,
            failures=dict(failed),
            emit_shards=self._emit_shards,
            extensions=self._extensions,
        )

    def _decided_scaling(self) -> Scaling:
        """The scaling as tasks are told it: where a sample decides, what it has decided, once it is known."""
        if not self._scaling.samples or self.prepared is None:
            return self._scaling
        inputs = prepare(self.prepared.statistics, self._source.schema, self._scaling).inputs
        return dataclasses.replace(self._scaling, taken=inputs)

    def _launch(self, order: Order, weights: Weights) -> arguments.Launch:
        """The job that carries out an order, its files written to the run's work folder."""
        work = self._folder.work
        work.mkdir(0o700, exist_ok=True)
        if not order.cached:
            self._cache.make_room()
        told = work / "order.json"
        told.write_text(order.to_json(), encoding="utf-8")
        start = work / "weights.safetensors"
        if weights:
            start.write_bytes(save(weights))
        number = order.round.number
        return arguments.Launch(
            order=told,
            weights=start if weights else None,
            inputs=self._inputs(order),
            work_dir=work,
            output_dir=f"{self._runner.temporary(self._tag, work)}/round-{number}",
            rows_dir=self._cache.unfinished(self._tag),
            tag=self._tag,
            shards=self._shards(order.round),
            cached=order.cached,
            reducers=order.reducers,
            containers=self._needs(order.round).of_job(order.cached),
            python_bin=self._config.python_bin,
            mrjob_conf=self._config.mrjob_conf,
            package=shipping.zip_package(work, files=self._code.files) if self._runner.reads_hdfs else None,
            roots=self._code.roots,
            on_progress=lambda progress: self._on_progress(number, progress),
        )

    def _needs(self, planned: Round) -> memory.Needs:
        """What the tasks of a job need of their nodes, by what is known of the data and the network now."""
        columns = len(self._source.schema.features)
        # a cell of text is two characters or more
        row, width = 4 * max(1, columns), columns
        rows = self._source.rows or self._source.size / row
        if self.prepared:
            told = self.prepared.statistics
            row, rows = max(1, columns) * (1 if told.integral else 4), told.training_rows
            width = prepare(told, self._source.schema, self._scaling).width
        most = memory.rows_of_task(self._config, rows, sample=not self.prepared or planned.is_warm_start)
        in_memory = min(int(most * row), self._config.task_memory_mb << 20)
        nodes = self._config.nodes or (width, *(self._config.hidden or DEFAULT_HIDDEN), width)
        return memory.Needs(self._config.engine, in_memory, memory.parameters(nodes), self._config.shards)

    def _inputs(self, order: Order) -> list[str]:
        """The files that the job maps: the text, cached shards, or for a warm start its cached sample."""
        if not order.cached:
            work = self._folder.work
            return self._source.inputs(self._runner.reads_hdfs, work, self._runner.temporary(self._tag, work))
        return [self._cache.prepared] if order.round.is_warm_start else self._cache.shards()
