"""What `mrdl advise` predicts against what runs take, over several sizes, shards and rounds.

eval "$(scripts/hadoop env)"; .venv/bin/python scripts/bench/advise.py [--runners inline,local,hadoop]
"""

import argparse
import os
import subprocess
import sys
import tempfile

from common import PYTHON, REPO, measure, mnist, table

sys.path.insert(0, str(REPO))

GRID = [(60_000, 2, 2, 2), (60_000, 8, 3, 4), (180_000, 4, 3, 2)]  # rows, shards, rounds, epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runners", default="inline,local,hadoop")
    options = parser.parse_args()
    runners = options.runners.split(",")
    from mrdl.data.source import Source
    from mrdl.mapreduce.runners import runner_of
    from mrdl.preflight import advice, costs, measuring
    from mrdl.rounds.plan import resolved
    from mrdl.settings.config import TrainConfig

    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"  # the constants are measured now
        small = REPO / "tests" / "data" / "digits.csv"
        subprocess.run([PYTHON, "-m", "mrdl", "advise", small, "-r", runners[-1]], check=True, capture_output=True)
        rows = []
        for number, shards, rounds, epochs in GRID:
            data = str(mnist(number))
            settings = {"nodes": (784, 500, 100, 10), "rounds": rounds, "epochs": epochs}
            for runner in runners:
                config = TrainConfig().with_changes(
                    {**settings, "shards": 1 if runner_of(runner).runs_here else shards}
                )
                config = resolved(config)
                found = measuring.measure(Source.look_at(data, config), config)
                predicted = advice.predict(found, config, runner, costs.costs(runner)).seconds
                place = data
                if runner == "hadoop":
                    place = f"hdfs:///tmp/advise-{number}.csv"
                    hadoop = f"{os.environ['HADOOP_HOME']}/bin/hadoop"
                    subprocess.run([hadoop, "fs", "-put", "-f", data, place], check=True, capture_output=True)
                words = ["--nodes", "784,500,100,10", "--shards", config.shards, "--rounds", rounds, "--epochs", epochs]
                words += ["-r", runner, "--run-dir", f"{folder}/{runner}-{number}-{rounds}", "--json"]
                if runner == "hadoop":
                    words += ["--cache-dir", f"hdfs:///tmp/advise-{number}-{shards}-{os.getpid()}"]
                took = measure([PYTHON, "-m", "mrdl", "train", place, *words]).wall
                rows.append(
                    [runner, number, config.shards, rounds, epochs, f"{predicted:.0f}", f"{took:.0f}",
                     f"{100 * (predicted / took - 1):+.0f} %"]
                )  # fmt: skip
        header = ["-r", "rows", "shards", "rounds", "epochs", "predicted s", "took s", "off by"]
        table("Predicted and measured, MNIST, wall seconds", rows, header)


if __name__ == "__main__":
    main()
