"""What Hadoop costs here: start of the cluster, a trivial job, a round, the driver's part of it, and where time goes.

  eval "$(scripts/hadoop env)"; .venv/bin/python scripts/bench/hadoop.py [--repeats 2] [--rounds]

Stops and starts the cluster of scripts/hadoop, but with --rounds, which measures those alone.
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

from mrdl.mapreduce.timeline import kept  # noqa: E402

SHOWN = ["driver", "client", "master", "container", "Python", "rows", "import", "train", "commit"]

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


# what Hadoop does where nobody tells it otherwise; a user's conf goes before mrdl's own settings
HADOOPS = {
    "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms": "1000",
    "mapreduce.client.progressmonitor.pollinterval": "1000",
    "mapreduce.client.completion.pollinterval": "5000",
    "yarn.client.application-client-protocol.poll-interval-ms": "200",
    "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "400",
    "dfs.client.block.write.locateFollowingBlock.retries": "5",
    "mapreduce.task.io.sort.mb": "100",
    "mapreduce.map.memory.mb": "1536",
    "mapreduce.reduce.memory.mb": "1536",
}


VARIANTS = {  # name -> engine, and what Hadoop is told: nothing leaves all to mrdl
    "mrdl": ("numpy", {}),
    "mrdl by torch": ("torch", {}),
    "Hadoop's own pace, 1.5 GB": ("numpy", HADOOPS),
    "reduce start at half": ("numpy", {"mapreduce.job.reduce.slowstart.completedmaps": "0.5"}),
}


def rounds(data, folder, name):
    """The timelines of a warm start and three rounds on four shards, and the CPU seconds of their tasks."""
    run = f"{folder}/{name}-{time.monotonic_ns()}"
    engine, jobconf = VARIANTS[name]
    conf = Path(f"{run}.conf")
    conf.write_text(json.dumps({"runners": {"hadoop": {"bootstrap_mrjob": False, "jobconf": jobconf}}}))  # YAML, too
    words = ["--nodes", "784,500,100,10", "--shards", 4, "--rounds", 3, "--epochs", 6, "--batch-size", 64]
    where = ["-r", "hadoop", "--engine", engine, "--run-dir", run, "--mrjob-conf", conf, "--json"]
    measure([PYTHON, "-m", "mrdl", "train", data, *where, *words])
    spent = [json.loads(Path(f"{run}/rounds/{i:04d}.json").read_text())["cpu_s"] for i in range(4)]
    return kept(Path(run) / "timeline.jsonl"), spent


def later_rounds(data, folder, names, repeats):
    """Rows of a table: of each variant the fastest later round, and the seconds of its phases."""
    found = {}
    for _ in range(repeats):
        for name in names:
            timelines, spent = rounds(data, folder, name)
            found.setdefault(name, []).extend(zip(timelines[1:], spent[1:], strict=True))
    for name, each in found.items():
        best, cpu_s = min(each, key=lambda pair: pair[0].seconds)
        middle = sorted(timeline.seconds for timeline, _ in each)[len(each) // 2]
        shares = best.shares()
        told = [best.seconds, middle, cpu_s, *(shares.get(phase, 0.0) for phase in SHOWN)]
        yield [name, *(f"{seconds:.1f}" for seconds in told)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--rounds", action="store_true", help="only the rounds")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="of the rounds, by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not options.rounds:
            table("scripts/hadoop start to ready, warm", [[f"{start_up(options.repeats):.1f}"]], ["s"])
        if not options.rounds:
            found = trivial(options.repeats, folder)
            table("A trivial job, wall seconds", [[k, f"{v:.1f}"] for k, v in found.items()], ["", "s"])
        data = mnist()
        hadoop("fs", "-put", "-f", str(data), "/tmp/mnist.csv")
        hadoop("fs", "-rm", "-r", "-f", "mrdl/shards")
        rounds("hdfs:///tmp/mnist.csv", folder, "mrdl")  # packs the shards
        header = ["later round", "fastest", "median", "CPU of tasks", *SHOWN]
        names = options.variants.split(",")
        rows = list(later_rounds("hdfs:///tmp/mnist.csv", folder, names, options.repeats))
        table("MNIST, 4 shards, 2 epochs a round: seconds of the clock, and by phase of the fastest", rows, header)


if __name__ == "__main__":
    main()
