"""What Hadoop costs here: start of the cluster, a trivial job, a round, the driver's part of it, and where time goes.

  eval "$(scripts/hadoop env)"; .venv/bin/python scripts/bench/hadoop.py [--repeats 2]

Stops and starts the cluster of scripts/hadoop.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from common import PYTHON, REPO, measure, mnist, table

sys.path.insert(0, str(REPO))

TRIVIAL = """
from mrjob.job import MRJob

class Trivial(MRJob):
    def mapper(self, _, line):
        yield line, 1

    def reducer(self, key, values):
        yield key, sum(values)

if __name__ == "__main__":
    Trivial.run()
"""
LEAN = ["--no-bootstrap-mrjob", "--no-check-input-paths", "--no-cat-output", "--cleanup", "NONE", "--no-read-logs"]


def hadoop(*words):
    subprocess.run([f"{os.environ['HADOOP_HOME']}/bin/hadoop", *words], check=True, capture_output=True)


def start_up(repeats):
    seconds = []
    for _ in range(repeats):
        subprocess.run([PYTHON, REPO / "scripts" / "hadoop", "stop"], check=True, capture_output=True)
        began = time.monotonic()
        subprocess.run([PYTHON, REPO / "scripts" / "hadoop", "start"], check=True, capture_output=True)
        seconds.append(time.monotonic() - began)
    return min(seconds)


def trivial(repeats, folder):
    """mrjob's defaults on this cluster, lean flags, and the runner of mrdl."""
    script = Path(folder) / "trivial.py"
    script.write_text(textwrap.dedent(TRIVIAL))
    data = Path(folder) / "one.txt"
    data.write_text("a\nb\n")
    hadoop("fs", "-put", "-f", str(data), "/tmp/one.txt")
    plain = [PYTHON, script, "-r", "hadoop", "--python-bin", PYTHON, "hdfs:///tmp/one.txt"]
    ours = "import sys, mrdl.mapreduce.yarn as y; sys.path.insert(0, sys.argv.pop(1)); from trivial import Trivial\n"
    ours += "job = Trivial(sys.argv[1:]); chosen = y.RUNNER.mrjob_class(False); job._runner_class = lambda: chosen\n"
    ours += "with job.make_runner() as runner: runner.run(); list(runner.cat_output())"
    lean = [*plain[2:], *LEAN]
    return {
        "mrjob's defaults": min(measure(plain).wall for _ in range(repeats)),
        "lean flags": min(measure([PYTHON, script, *lean]).wall for _ in range(repeats)),
        "lean flags, WebHDFS in place of `hadoop fs`": min(
            measure([PYTHON, "-c", ours, folder, *lean]).wall for _ in range(repeats)
        ),
    }


def rounds(data, folder):
    """A run of a warm start and three rounds on four shards; what each round's driver did beside `hadoop jar`."""
    from mrjob.hadoop import HadoopJobRunner

    import mrdl
    from mrdl.mapreduce import yarn

    spent = []

    class Timed(yarn.MrjobHadoop):
        def _run_hadoop(self, *args, **more):
            began = time.monotonic()
            try:
                return HadoopJobRunner._run_hadoop(self, *args, **more)
            finally:
                spent.append(time.monotonic() - began)

    yarn.MrjobHadoop = Timed
    settings = {"nodes": (784, 500, 100, 10), "shards": 4, "rounds": 3, "epochs": 2, "batch_size": 64}
    began = time.monotonic()
    model = mrdl.train(data, runner="hadoop", show=False, run_dir=folder + "/run", **settings)
    whole = time.monotonic() - began
    seconds = [json.loads(Path(f"{folder}/run/rounds/{i:04d}.json").read_text())["seconds"] for i in range(4)]
    jobs = [spent[0] + spent[1], *spent[2:]]  # the warm start is a job of two steps
    tag = json.loads(Path(f"{folder}/run/run.json").read_text())["name"]
    return model, whole, seconds, jobs, timeline(tag)


def timeline(tag):
    """For each application of a run: seconds from its submission to the first map, of maps, of reduces, to its end."""
    from mrdl.cluster.yarn import Cluster

    cluster, rows = Cluster.from_conf(), []
    applications = sorted(cluster.applications(tag, "FINISHED"), key=lambda a: a["startedTime"])
    names = ["warm start, step 1: place, train", "warm start, step 2", "round 1", "round 2", "round 3"]
    for name, application in zip(names, applications, strict=True):
        job = application["id"].replace("application", "job")
        base = f"{cluster.historyserver}/ws/v1/history/mapreduce/jobs/{job}"
        deadline = time.monotonic() + 30
        while not (tasks := (cluster._get(f"{base}/tasks").get("tasks") or {}).get("task")):
            assert time.monotonic() < deadline
            time.sleep(0.2)  # the history server reads a finished job's file a little later
        maps = [t for t in tasks if t["type"] == "MAP"]
        reduces = [t for t in tasks if t["type"] == "REDUCE"]
        begin = application["startedTime"]
        first, mapped = min(t["startTime"] for t in maps), max(t["finishTime"] for t in maps)
        reduced = max(t["finishTime"] for t in reduces)
        spans = [first - begin, mapped - first, reduced - mapped, application["finishedTime"] - reduced]
        rows.append([name, f"{len(maps)}, {len(reduces)}", *[f"{span / 1000:.1f}" for span in spans]])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table("scripts/hadoop start to ready, warm", [[f"{start_up(options.repeats):.1f}"]], ["s"])
        found = trivial(options.repeats, folder)
        table("A trivial job, wall seconds", [[k, f"{v:.1f}"] for k, v in found.items()], ["", "s"])
        data = mnist()
        hadoop("fs", "-put", "-f", str(data), "/tmp/mnist.csv")
        hadoop("fs", "-rm", "-r", "-f", "mrdl/shards")
        model, whole, seconds, jobs, spans = rounds("hdfs:///tmp/mnist.csv", folder)
        rows = [
            [i or "warm start", f"{s:.1f}", f"{j:.1f}", f"{s - j:.2f}"]
            for i, (s, j) in enumerate(zip(seconds, jobs, strict=True))
        ]
        table(
            f"MNIST, 4 shards, 2 epochs a round, wall seconds ({whole:.1f} in all, {model!r})",
            rows,
            ["round", "in all", "of it `hadoop jar`", "driver"],
        )
        header = ["application", "maps, reduces", "client, AM", "map", "reduce", "end"]
        table("Where it goes, seconds", spans, header)


if __name__ == "__main__":
    main()
