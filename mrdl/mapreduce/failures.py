"""The error that the user sees, made of the log of a task that failed."""

import re

from mrdl import errors
from mrdl.errors import JobLost, MrdlError, SetupError, TrainingError

JAVAS_WORDS = re.compile(r"^(?:Error|Caused by|Exception in .*?): (?:[\w$]+\.)*([\w$]+(?:Exception|Error): .*)", re.M)
OUT_OF_MEMORY = re.compile(
    r"running [^\n]*beyond [^\n]*memory limit[^\n]*|(?:Error: )?Java heap space|GC overhead limit exceeded"
)


def error_of_log(log: str, on_yarn: bool = False) -> MrdlError:
    """The error for a failed job: the task's own traceback, without Hadoop's lines around it.

    log: standard error of the task that failed, empty where nothing is known of one; on_yarn: whether Hadoop can have
    lost the job without a word of any task.
    """
    lines = [line for line in log.splitlines() if not line.startswith(("reporter:", "log4j:", "SLF4J"))]
    starts = [i for i, line in enumerate(lines) if line.startswith("Traceback")]
    ends = [i for i, line in enumerate(lines) if line.startswith(("java.", "Exception in thread"))]
    body = lines[starts[0] :] if starts else lines[: ends[0]] if ends and ends[0] else lines[-30:]
    told = "\n".join(line for line in body if not line.startswith(("\tat ", "java.")))
    if ours := re.search(r"^mrdl\.errors\.(\w+): (.*)", told, re.DOTALL | re.MULTILINE):
        kind: type[MrdlError] = getattr(errors, ours[1])
        return kind(ours[2].strip())
    disk = re.findall(r"OSError: \[Errno (\d+)\] (.*)", told)
    if disk and int(disk[-1][0]) in errors.DISK_TAKES_NO_MORE:
        return errors.cannot_write("a file of a task", disk[-1][1])
    if "No module named" in told or re.search(r"python\S*: (command )?not found|No such file or directory", told):
        return SetupError(
            f"the Python of a node cannot run the tasks:\n{told}\n"
            "Install mrdl's packages there, or name another Python with --python-bin."
        )
    if on_yarn and (of_memory := OUT_OF_MEMORY.search(log)):  # the job is not run again: it would end the same way
        return SetupError(
            f"YARN ended a task that took more memory than its container has: {of_memory[0]}\n"
            "Give tasks more in an mrjob.conf (see configs/mrjob.conf) with --mrjob-conf: mapreduce.map.memory.mb and "
            "mapreduce.reduce.memory.mb, for Java's own share mapreduce.map.java.opts; or take more --shards."
        )
    if on_yarn and not starts:
        java = JAVAS_WORDS.search(log)
        return JobLost(f"Hadoop lost the job: {java[1] if java else told or log or 'it was never accepted by YARN'}.")
    return TrainingError(f"a task of the job failed:\n{told or log or 'it left no message'}")
