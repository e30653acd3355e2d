"""The walk on a real HDFS and YARN: the same bytes as inline, by any number of tasks, for any program."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from conftest import DIGITS
from yarn import QUICK, SETTINGS, containers, hadoop, poll, start

import mrdl
from mrdl.mapreduce.memory import Needs, parameters
from mrdl.mapreduce.timeline import kept
from mrdl.rounds.folder import RunFolder

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]


def test_a_network_trained_on_yarn_has_the_bytes_of_the_inline_one(stored, on_yarn, calm, cluster, tmp_path):
    ended = on_yarn("train", stored, "-r", "hadoop", "--json", "--run-dir", "run", "--tasks", "2", *QUICK)
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == calm.sha256
    (cache,) = {driver["cache"] for driver in RunFolder(tmp_path / "run").about()["drivers"]}
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == calm.to_bytes()
    for manifest in RunFolder(tmp_path / "run").manifests():
        assert 0 < manifest.cpu_s < 60, "by the tasks' own counters"
        assert {shard.device for shard in manifest.shards} <= {"cpu", "cuda"}
    listing = hadoop(cluster, "fs", "-ls", "-R", "mrdl")
    parts = [line for line in listing.splitlines() if f"{Path(cache).name}/" in line and "part-" in line]
    assert len(parts) == 2 and all(int(line.split()[4]) > 0 for line in parts), "a file for each task"
    assert "tmp/mrdl" not in listing, "what a job needed only while it ran is gone"


def test_numbers_that_are_learnt_on_yarn_have_the_bytes_of_the_inline_ones(stored, on_yarn, digits, tmp_path):
    how = {"label": "digit", "task": "regress", "nodes": (64, 16, 1), "shards": 2, "rounds": 1, "epochs": 1}
    here = mrdl.train(digits, show=False, run_dir=str(tmp_path / "here"), **how)
    words = [word for name, value in {**how, "nodes": "64,16,1"}.items() for word in ("--" + name, str(value))]
    ended = on_yarn("train", stored, "-r", "hadoop", "--json", "--run-dir", "numbers", *words)
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == here.sha256 and ended.json["r2"] == here.validation["r2"] > 0.5
    assert (tmp_path / "numbers" / "model.safetensors").read_bytes() == here.to_bytes()


def test_rows_that_count_by_class_and_column_on_yarn_give_the_bytes_of_the_inline_ones(
    stored, on_yarn, digits, tmp_path
):
    how = {"label": "digit", "nodes": (63, 16, 10), "shards": 2, "rounds": 1, "epochs": 1}
    how |= {"class_weight": "balanced", "weights": "20", "test_fraction": 0.1, "keep": "best", "stop_on": "auc"}
    here = mrdl.train(digits, show=False, run_dir=str(tmp_path / "here"), **how)
    words = [f"--{name.replace('_', '-')}={value}" for name, value in {**how, "nodes": "63,16,10"}.items()]
    ended = on_yarn("train", stored, "-r", "hadoop", "--json", "--run-dir", "weighted", *words)
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == here.sha256 and ended.json["auc"] > 0.9
    assert (tmp_path / "weighted" / "model.safetensors").read_bytes() == here.to_bytes()


def test_hashed_ids_and_a_decision_on_yarn_give_the_bytes_of_the_inline_ones(cluster, stored, on_yarn, tmp_path):
    rng = np.random.default_rng(3)
    device, value = rng.integers(0, 300, 3000), rng.normal(size=3000)
    bought = np.where(rng.random(3000) < 0.05 + 0.2 * (device % 5 == 0) + 0.3 * (value > 1), "yes", "no")
    (tmp_path / "ids.csv").write_text("\n".join(["device,value,bought", *map(rows_of, device, value, bought)]) + "\n")
    hadoop(cluster, "fs", "-put", "-f", str(tmp_path / "ids.csv"), stored.removesuffix("digits.csv"))
    how = {"label": "bought", "hash": "device=32", "decision": "f1", "test_fraction": 0.1}
    how |= {"hidden": 16, "shards": 2, "rounds": 1, "epochs": 2}
    here = mrdl.train(tmp_path / "ids.csv", show=False, run_dir=str(tmp_path / "here"), **{**how, "hidden": (16,)})
    words = [f"--{name.replace('_', '-')}={value}" for name, value in how.items()]
    table = stored.replace("digits.csv", "ids.csv")
    ended = on_yarn("train", table, "-r", "hadoop", "--json", "--run-dir", "hashed", *words)
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == here.sha256 and here.cut not in (None, 0.5)
    assert (tmp_path / "hashed" / "model.safetensors").read_bytes() == here.to_bytes()


def rows_of(device, value, bought) -> str:
    """A line of a table of devices."""
    return f"d{device},{value:.4f},{bought}"


def test_containers_are_as_large_as_tasks_need_and_their_time_is_told(stored, cluster, tmp_path):
    words = [
        stored,
        "-r",
        "hadoop",
        "--run-dir",
        "run",
        "--cache-dir",
        f"{stored.rpartition('/')[0]}/containers",
        *QUICK,
    ]
    process = start(cluster, *words, cwd=tmp_path)
    sizes = set()

    def look():
        sizes.update(containers(cluster))
        return process.poll() is not None

    poll(look, seconds=200)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    needs = Needs("numpy", DIGITS.stat().st_size // 2, parameters((64, 32, 10)), 2)
    asked = {c.memory_mb for cached in (True, False) for c in needs.of_job(cached)}
    assert {needs.training().memory_mb, needs.combining().memory_mb} <= sizes <= {512, *asked}, "512: the master's"
    first, *_, last = kept(tmp_path / "run" / "timeline.jsonl")
    for timeline in (first, last):
        assert {"driver", "client", "master", "container", "Python", "rows", "train", "commit"} <= set(
            timeline.shares()
        )
        assert sum(timeline.shares().values()) == pytest.approx(timeline.seconds)
    lanes = {span.lane for span in last.spans}
    assert lanes == {"driver", "client", "job", "map 0", "map 1", "reduce 0"}


def test_a_second_run_on_yarn_starts_from_the_cached_shards(stored, on_yarn, calm, cluster):
    before = hadoop(cluster, "fs", "-ls", "-R", "mrdl/shards")
    ended = on_yarn("train", stored, "-r", "hadoop", "--run-dir", "other", "--json", *QUICK)
    assert ended.json["sha256"] == calm.sha256, ended.err
    assert hadoop(cluster, "fs", "-ls", "-R", "mrdl/shards") == before


def test_every_way_of_training_gives_the_bytes_of_the_inline_one(stored, on_yarn, digits, tmp_path):
    """An RBM, and an autoencoder unrolled from it: all kinds of steps, a warm start and a round of each stage."""
    settings = {"kind": "dbn", "fine_tune": "autoencoder", "nodes": (64, 16), "shards": 2, "rounds": 1, "epochs": 1}
    words = ["--kind", "dbn", "--fine-tune", "autoencoder", "--nodes", "64,16", "--shards", "2", "--rounds", "1"]
    ended = on_yarn("train", stored, "-r", "hadoop", "--json", "--run-dir", "run", *words, "--epochs", "1")
    known = mrdl.train(digits, show=False, run_dir=str(tmp_path / "calm"), **settings)
    assert ended.rc == 0 and ended.json["sha256"] == known.sha256, ended.err
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == known.to_bytes()


def test_shards_that_share_tasks_end_in_the_same_bytes(stored, on_yarn, cluster, digits, tmp_path, tasks=3):
    """Five shards on three tasks, in a cache of their own; all on one: tests/test_drill_faults.py."""
    words = [*QUICK, "--shards", "5", "--tasks", tasks, "--cache-dir", f"{stored.rpartition('/')[0]}/tasks{tasks}"]
    ended = on_yarn("train", stored, "-r", "hadoop", "--json", "--run-dir", "run", *words)
    known = mrdl.train(digits, show=False, run_dir=str(tmp_path / "calm"), **{**SETTINGS, "shards": 5})
    assert ended.rc == 0 and ended.json["sha256"] == known.sha256, ended.err
    parts = [
        line for line in hadoop(cluster, "fs", "-ls", "-R", f"digits/tasks{tasks}").splitlines() if "part-" in line
    ]
    assert len(parts) == tasks and all(int(line.split()[4]) > 0 for line in parts)


def test_data_in_hdfs_can_be_trained_on_inline(stored, on_yarn, calm):
    ended = on_yarn("train", stored, "--json", *QUICK)
    assert ended.rc == 0 and ended.json["sha256"] == calm.sha256, ended.err


def test_a_bad_row_in_hdfs_is_told_with_its_line(cluster, on_yarn, digits, tmp_path, stored):
    lines = digits.read_text().splitlines()
    lines[700] = lines[700].replace(",", ",x", 1)
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    hadoop(cluster, "fs", "-put", "-f", str(tmp_path / "bad.csv"), "digits-bad.csv")
    path = stored.replace("digits/digits.csv", "digits-bad.csv")
    ended = on_yarn("train", path, "-r", "hadoop", *QUICK)
    assert ended.rc == 2
    assert f"{path} line 701: column 'r0c0': 'x" in ended.err


def test_a_failing_task_shows_its_own_traceback(cluster, stored, tmp_path):
    script = """
        from mrdl import TrainJob

        class Mine(TrainJob):
            def parse(self, schema):
                raise RuntimeError("this parser knows no rows")

        if __name__ == "__main__":
            Mine.run()
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(script))
    ended = subprocess.run(
        [sys.executable, "mine.py", stored, "-r", "hadoop", *QUICK],
        cwd=tmp_path, env={**os.environ, **cluster}, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "RuntimeError: this parser knows no rows" in ended.stderr and "mine.py" in ended.stderr
    assert "digits.csv" in ended.stderr, "the input is named"
    assert "PipeMapRed" not in ended.stderr, "Java's traceback is not shown"
    assert "--resume" in ended.stderr


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory):
    """A Python that has all packages of this one but torch."""
    folder = tmp_path_factory.mktemp("without")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "bare")], check=True)
    packages = folder / "packages"
    packages.mkdir()
    for path in Path(mrdl.__file__), *map(Path, sys.path):
        if path.name == "site-packages":
            for entry in path.iterdir():
                if not entry.name.lower().startswith(("torch", "functorch", "__editable__", "distutils-precedence")):
                    (packages / entry.name).symlink_to(entry)
    site = next((folder / "bare" / "lib").glob("python3*")) / "site-packages"
    (site / "others.pth").write_text(f"{packages}\n")
    return folder / "bare" / "bin" / "python"


def test_nodes_without_torch_train_to_the_bytes_of_one_process(on_yarn, stored, digits, tmp_path, without_torch):
    ended = on_yarn("train", stored, "-r", "hadoop", "--json", "--python-bin", without_torch, *QUICK)
    assert ended.rc == 0, ended.err
    here = mrdl.train(digits, show=False, run_dir=str(tmp_path / "here"), **SETTINGS)
    assert ended.json["sha256"] == here.sha256 and here.settings["engine"] == "numpy"


def test_where_torch_is_asked_for_a_python_without_it_is_found_before_training(
    cluster, stored, tmp_path, without_torch
):
    words = ["--python-bin", without_torch, "--engine", "torch", *QUICK, "--shards", "3"]
    process = start(cluster, stored, "-r", "hadoop", *words, cwd=tmp_path)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 2, err.decode()
    assert b"has no torch" in err and b"--python-bin" in err


def test_the_papers_program_runs_as_printed_on_yarn(cluster, stored, tmp_path, digits):
    program = """
        from mrdl import rbm, MRDL

        if __name__ == '__main__':
            newnet=rbm(0.015, 0.8, 64)
            MRDL.newnet=newnet
            net=newnet.create_net(layer_count=4, node_seq=[64,50,20,11])
            MRDL.net=net
            MRDL.run()
            iter1=newnet.combine_weights(MRDL.weights)
            net=newnet.create_net(layer_count=4, node_seq=[64,50,20,11])
            newnet.set_w(iter1, net)
            testdata=newnet.load_data(data_path='test.csv')
            newnet.test(loaded_data=testdata, nNet=net)
    """
    (tmp_path / "prog.py").write_text(textwrap.dedent(program))
    (tmp_path / "test.csv").write_bytes(digits.read_bytes())
    with open(tmp_path / "net.out", "wb") as out:
        ended = subprocess.run(
            [sys.executable, "prog.py", stored, "-r", "hadoop"],
            cwd=tmp_path, env={**os.environ, **cluster}, stdout=out, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert mrdl.load(tmp_path / "net.out").arch.nodes == (64, 50, 20, 11)
    assert "Accuracy: " in ended.stderr


def test_any_mrjob_program_runs_on_the_cluster(cluster, stored, tmp_path):
    script = """
        from mrjob.job import MRJob

        class Count(MRJob):
            def mapper(self, _, line):
                yield "lines", 1

            def reducer(self, key, values):
                yield key, sum(values)

        if __name__ == "__main__":
            Count.run()
    """
    (tmp_path / "count.py").write_text(textwrap.dedent(script))
    ended = subprocess.run(
        [sys.executable, "count.py", "-r", "hadoop", "--python-bin", sys.executable, stored],
        cwd=tmp_path, env={**os.environ, **cluster}, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.stdout.split() == ['"lines"', "1798"], ended.stderr


def test_a_path_that_is_not_in_hdfs_is_told_at_once(on_yarn, stored):
    ended = on_yarn("train", "hdfs:///no/such.csv", "-r", "hadoop")
    assert ended.rc == 2 and "no such file: hdfs:///no/such.csv" in ended.err


def test_an_hdfs_that_is_down_is_told_at_once(cluster, mrdl_command, tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://127.0.0.1:1</value></property></configuration>"
    )
    ended = mrdl_command("train", "hdfs:///x.csv", "-r", "hadoop", env={**cluster, "HADOOP_CONF_DIR": str(conf)})
    assert ended.rc == 2 and "HDFS does not answer at http://127.0.0.1:9870" in ended.err


def test_the_cluster_keeps_its_data_and_ports_over_a_restart(cluster, stored):
    script = [sys.executable, str(Path(__file__).parent.parent / "scripts" / "hadoop")]
    installed = str(Path(cluster["HADOOP_HOME"]).parent.parent)  # other tests' cache is not the installation's
    env = {**os.environ, **cluster, "XDG_CACHE_HOME": installed}
    ports = (Path(cluster["MRDL_HADOOP_DIR"]) / "ports.json").read_text()
    for verb in ("stop", "start"):
        subprocess.run([*script, verb], env=env, check=True, capture_output=True, timeout=120)
    status = subprocess.run([*script, "status"], env=env, capture_output=True, text=True)
    assert status.returncode == 0 and status.stdout.splitlines()[-1] == "ready"
    assert (Path(cluster["MRDL_HADOOP_DIR"]) / "ports.json").read_text() == ports
    assert hadoop(cluster, "fs", "-cat", stored).count("\n") == 1798


def test_tmp_in_hdfs_is_open_to_all_and_nobody_deletes_what_is_anothers(cluster):
    assert hadoop(cluster, "fs", "-stat", "%a", "/tmp").strip() == "1777"
    assert hadoop(cluster, "fs", "-stat", "%a", "/tmp/hadoop-yarn", "/tmp/hadoop-yarn/staging").split() == [
        "755",
        "1777",
    ]
