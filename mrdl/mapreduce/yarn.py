"""The hadoop runner: tasks on YARN, by Hadoop Streaming.

mrjob 0.7.4 has no public way to do this, so private names of it are overridden: `_get_input_paths` and
`_step_input_uris` (an input is one file, whatever its name looks like), `_env_for_step` (Java's encoding), `_fs` (HDFS
without a JVM for each call) and `_run_hadoop` (how long the client runs).
"""

import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mrjob.fs.base import Filesystem
from mrjob.fs.composite import CompositeFilesystem
from mrjob.hadoop import HadoopJobRunner

from mrdl.cluster.webhdfs import HdfsStore
from mrdl.cluster.yarn import Cluster, find_hadoop
from mrdl.errors import MrdlError, SetupError
from mrdl.mapreduce.arguments import Job, check_options, environment, options_of, properties, python_options
from mrdl.mapreduce.failures import error_of_log
from mrdl.mapreduce.hadoop_settings import properties_of
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.tracking import YarnTracker, now
from mrdl.storage.paths import hadoop_literal
from mrdl.storage.store import hdfs_home, hdfs_store

T = TypeVar("T")


class MrjobHadoop(HadoopJobRunner):
    """Hadoop Streaming, with HDFS reached by its web interface instead of a JVM for each call."""

    versions: ClassVar[dict[str, str]] = {}  # of the hadoop commands that were asked, which costs a JVM
    store: HdfsStore
    inputs: Sequence[str] | None = None
    _fs: Any

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.calls: list[tuple[float, float]] = []  # when each client began and ended, in seconds of the clock

    def get_hadoop_version(self) -> str:
        """See mrjob, which asks in each round."""
        command = shlex.join(self.get_hadoop_bin())
        if command not in self.versions:
            self.versions[command] = super().get_hadoop_version()
        return self.versions[command]

    def _run_hadoop(self, *args: Any, **more: Any) -> Any:
        began = now()
        try:
            return super()._run_hadoop(*args, **more)
        finally:
            self.calls.append((began, now()))

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


class Yarn:
    """The runner (see Runner) whose tasks run on a cluster.

    All that is asked of it waits for a cluster that is away, as long as the run would.
    """

    name = "hadoop"
    runs_here = False
    reads_hdfs = True
    typical_s = 35.0, 18.0  # as mrdl advise measures them on one node of two cores (scripts/bench/advise.py)

    @property
    def place(self) -> str:
        """See Runner."""
        return hdfs_store().cluster.resourcemanager

    def check(self, python_bin: str | None = None, mrjob_conf: str | None = None) -> None:
        """See Runner; the Python is that of the nodes, and not looked for here."""
        find_hadoop()
        check_options(python_bin, mrjob_conf)

    def slots(self, memory_mb: int | None = None) -> int:
        """See Runner."""
        return _ask(lambda cluster: cluster.slots(memory_mb or 0))

    def home(self, below: str) -> str:
        """See Runner."""
        return hdfs_home(below)

    def temporary(self, tag: str, work: Path) -> str:
        """See Runner."""
        return hdfs_home(f"tmp/{tag}")

    def arguments(self, job: Job) -> list[str]:
        """See Runner."""
        arguments = options_of(job, self.name, without_conf=["--no-bootstrap-mrjob"])
        arguments += python_options(job)
        arguments += [*properties(properties_of(job)), "--hadoop-tmp-dir", job.output_dir + "-files"]
        if job.package:
            found = environment({"PYTHONPATH": "mrdl.zip", "PYTHONSAFEPATH": "1"})
            arguments += ["--files", f"{job.package}#mrdl.zip", *found]
        return arguments

    def mrjob_class(self, cached: bool, reducers: int = 1, inputs: Sequence[str] | None = None) -> type:
        """See Runner; cached and reducers are properties of the job's steps, which Hadoop reads itself."""
        return type("Hadoop", (MrjobHadoop,), {"store": hdfs_store(), "inputs": inputs})

    def tracker(self, tag: str, work_dir: Path, shards: int) -> YarnTracker:
        """See Runner."""
        return YarnTracker(tag, shards)

    def error(self, log: str) -> MrdlError:
        """See Runner."""
        return error_of_log(log, on_yarn=True)

    def stop(self, tag: str, patient: bool = True) -> None:
        """See Runner: what runs on YARN goes on when the driver goes."""
        end_client(tag)
        if patient:
            _ask(lambda cluster: cluster.kill(tag))
        else:
            hdfs_store().cluster.kill(tag)


def end_client(tag: str) -> None:
    """End a Hadoop client on this machine that has outlived its driver, and may be about to send a job."""
    mark = f"mapreduce.job.tags={tag}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if mark in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


def is_running(tag: str) -> bool:
    """Whether YARN has an application with a tag that is not over."""
    return bool(_ask(lambda cluster: cluster.applications(tag)))


def _ask(ask: Callable[[Cluster], T]) -> T:
    """The answer of YARN to a question; a YARN that is away is waited for as a run does."""
    store = hdfs_store()
    return store.retry(lambda: ask(store.cluster))


RUNNER: Runner = Yarn()
