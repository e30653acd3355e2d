"""mrjob's three runners, and what each needs to serve mrdl.

mrjob 0.7.4 has no public way to do seven things, so private names are overridden here and nowhere else:
`_runner_class` (which runner), `_get_input_paths` and its like (an input is one file, whatever its name looks like),
`_split_mapper_input` (every member of a packed file is read, and a cached shard is never cut), `_split_reducer_input`
(keys go to the reducers that Hadoop would give them), `_run_multiple` (threads in place of forked workers, which would
outlive a killed driver), `_invoke_task_func` (tasks leave this process as it is), and `_fs` (HDFS without a JVM
for each call).
"""

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from mrjob.fs.base import Filesystem
from mrjob.fs.composite import CompositeFilesystem
from mrjob.hadoop import HadoopJobRunner
from mrjob.inline import InlineMRJobRunner
from mrjob.local import LocalMRJobRunner
from mrjob.step import StepFailedException

from mrdl.cluster.webhdfs import HdfsStore
from mrdl.errors import ConfigError, SetupError
from mrdl.mapreduce.task import DIES_WITH_DRIVER, children_of
from mrdl.shards.keys import hadoop_partition
from mrdl.shards.records import key_of
from mrdl.storage.paths import hadoop_literal
from mrdl.storage.store import hdfs_store, is_packed, text_chunks

logging.getLogger("mrjob").addHandler(logging.NullHandler())  # it warns of what it was told to leave out
RUNNERS = ("inline", "local", "hadoop")
WHOLE = 1 << 62
ATTEMPTS = 4  # of a task, as Hadoop has it
SPLIT_BYTES = 8 << 20  # smaller splits cost more to start than to parse


def runner_class(runner: str, cached: bool, reducers: int = 1, inputs: Sequence[str] | None = None) -> type:
    """mrjob's runner of that name; cached: whether the input is shards, which are never cut; reducers: of step 1.

    inputs: the files of step 1, by their literal names; left out, those of the job's command line.
    """
    if runner == "hadoop":
        return type("Hadoop", (HadoopRunner,), {"store": hdfs_store(), "inputs": inputs})
    classes: dict[str, type] = {"inline": InlineRunner, "local": LocalRunner}
    if runner not in classes:
        raise ConfigError(f"runner {runner!r}, expected one of {', '.join(RUNNERS)}")
    return type("Runner", (classes[runner],), {"cached": cached, "reducers": reducers, "inputs": inputs})


class _AsHadoop:
    """Cuts the CSV at line ends, but no packed file, cached shard or result; parts keys as Hadoop does."""

    cached = False
    reducers = 1
    inputs: Sequence[str] | None = None

    def _input_paths_for_step(self, step_num: int) -> Iterable[str]:
        if step_num or self.inputs is None:
            return super()._input_paths_for_step(step_num)  # type: ignore[misc]
        return self.inputs

    def _split_mapper_input(self, input_paths: Iterable[str], step_num: int) -> list[dict[str, Any]]:
        paths = list(input_paths)
        size = WHOLE
        if not self.cached and not step_num:
            cut = int(self._pick_mapper_split_size(paths, step_num))  # type: ignore[attr-defined]
            size = max(cut, SPLIT_BYTES)
        files = self._yield_split_fileobjs("mapper", step_num)  # type: ignore[attr-defined]
        return [split for path in paths for split in _cut(path, WHOLE if is_packed(path) else size, files)]

    def _split_reducer_input(self, step_num: int) -> int:
        reducers = 1 if step_num or self.cached else self.reducers
        files = self._yield_split_fileobjs("reducer", step_num)  # type: ignore[attr-defined]
        with contextlib.ExitStack() as stack:
            parts = [stack.enter_context(next(files)) for _ in range(reducers)]
            lines = stack.enter_context(open(self._sorted_reducer_input_path(step_num), "rb"))  # type: ignore[attr-defined]
            for line in lines:
                parts[hadoop_partition(key_of(line), reducers)].write(line)
        return reducers


def _cut(path: str, size: int, files: Iterator[BinaryIO]) -> Iterator[dict[str, Any]]:
    """Copy a text to the next of the files, each of whole lines and no less than `size` bytes but for the last."""
    pieces, start = _pieces(path, size), 0
    for piece, ends in pieces:
        with next(files) as file:
            length = file.write(piece)
            while not ends and (more := next(pieces, None)):
                piece, ends = more
                length += file.write(piece)
        yield {"file": path, "start": start, "length": length}
        start += length


def _pieces(path: str, size: int) -> Iterator[tuple[bytes, bool]]:
    """A text in pieces, and whether a part ends with a piece: at the first line end after `size` bytes of it."""
    length = 0
    for chunk in text_chunks(path):
        while chunk:
            end = chunk.find(b"\n", max(0, size - length - 1)) + 1
            piece = chunk[:end] if end else chunk
            yield piece, bool(end)
            length, chunk = 0 if end else length + len(piece), chunk[len(piece) :]


class InlineRunner(_AsHadoop, InlineMRJobRunner):
    """All tasks in this process, which stays as it is: its folder, environment and standard streams are the caller's.

    mrjob changes them all for each task, which other threads would see. It may where a job wants files in its folder.
    """

    def _invoke_task_func(self, task_type: str, step_num: int, task_num: int) -> Callable[..., None]:
        job_class = self._mrjob_cls
        if job_class.FILES or job_class.DIRS or job_class.ARCHIVES:
            of_mrjob: Callable[..., None] = super()._invoke_task_func(task_type, step_num, task_num)
            return of_mrjob
        words = [f"--step-num={step_num}", f"--{task_type}", *self._mr_job_extra_args(local=True)]

        def invoke(stdin: Any, stdout: Any, stderr: Any, wd: str, env: Mapping[str, str]) -> None:
            task = job_class(words).sandbox(stdin, stdout, stderr)
            task.env = {**os.environ, **env}
            task.execute()

        return invoke


class LocalRunner(_AsHadoop, LocalMRJobRunner):
    """Each task in a process of its own, as many at a time as there are cores; one that is killed is begun again."""

    retried = 0
    _over = False

    def _run_multiple(self, funcs: Iterable[Callable[[], None]], num_processes: int | None = None) -> None:
        with ThreadPoolExecutor(self._num_cores()) as pool:
            futures = [pool.submit(self._attempts, func) for func in funcs]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._over = True  # or else the tasks that are killed here would be begun again
                pool.shutdown(wait=False, cancel_futures=True)
                kill_tasks()
                raise

    def _attempts(self, func: Callable[[], None]) -> None:
        """Run a task; again where a signal has ended it, as the kernel does when memory runs out."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return func()
            except StepFailedException as error:
                cause = error.__context__
                killed = isinstance(cause, subprocess.CalledProcessError) and cause.returncode < 0
                if not killed or self._over or attempt == ATTEMPTS:
                    raise
                self.retried += 1
        return None


class HadoopRunner(HadoopJobRunner):
    """Hadoop Streaming, with HDFS reached by its web interface instead of a JVM for each call."""

    store: HdfsStore
    inputs: Sequence[str] | None = None
    _fs: Any

    def _get_input_paths(self) -> list[str]:
        return list(super()._get_input_paths() if self.inputs is None else self.inputs)

    def _step_input_uris(self, step_num: int) -> list[str]:
        return [hadoop_literal(uri) for uri in super()._step_input_uris(step_num)]

    def _env_for_step(self, step_num: int) -> dict[str, str]:
        env: dict[str, str] = super()._env_for_step(step_num)
        told = next((env[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(name)), "")
        return env if "utf" in told.lower() else {**env, "LC_ALL": "C.UTF-8"}  # Java reads its command line by it

    @property
    def fs(self) -> CompositeFilesystem:
        """See mrjob: asked in order, the first that can handle a path serves it."""
        if self._fs is None:
            whole = HadoopJobRunner.fs.fget(self)
            ours = CompositeFilesystem()
            ours.add_fs("webhdfs", WebHdfs(self.store), disable_if=lambda error: isinstance(error, SetupError))
            ours.add_fs("hadoop", whole.hadoop)
            ours.add_fs("local", whole.local)
            self._fs = ours
        return self._fs


class WebHdfs(Filesystem):
    """mrjob's view of HDFS, for the calls that a run needs; mrjob wants IOError where something is not there."""

    def __init__(self, store: HdfsStore) -> None:
        self._store = store

    def can_handle_path(self, path: str) -> bool:
        """URIs of the configured cluster."""
        authority = path.removeprefix("hdfs://").partition("/")[0]
        return path.startswith("hdfs://") and authority in ("", self._store.cluster.filesystem)

    def ls(self, path_glob: str) -> Iterator[str]:
        """See mrjob: files below a path, recursively."""
        if self.exists(path_glob):
            for info in self._store.files(path_glob):
                yield info.path

    def exists(self, path_glob: str) -> bool:
        """See mrjob."""
        return self._store.exists(path_glob)

    def mkdir(self, path: str) -> None:
        """See mrjob."""
        self._store.mkdir(path)

    def put(self, src: str, path: str) -> None:
        """See mrjob."""
        self._store.put(src, path)

    def rm(self, path_glob: str) -> None:
        """See mrjob."""
        self._store.remove(path_glob)

    def _cat_file(self, path: str) -> Iterator[bytes]:
        return self._store.chunks(path)


def kill_tasks() -> None:
    """End the tasks that this process runs; other children of a program that calls mrdl are not ours to end."""
    mark = f"{DIES_WITH_DRIVER}={os.getpid()}".encode()
    for pid in children_of(os.getpid()):
        with contextlib.suppress(OSError):  # it has just ended
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
