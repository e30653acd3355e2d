"""What the containers of a job need, and the properties that Hadoop is given: whose word goes before whose."""

import pytest

from mrdl.mapreduce.arguments import Job
from mrdl.mapreduce.hadoop_settings import java_options, properties_of
from mrdl.mapreduce.memory import Container, Containers, Needs, parameters, rows_of_task
from mrdl.preflight.memory import Shape, task_mb
from mrdl.rounds.plan import resolved
from mrdl.settings.config import TrainConfig

MNIST = Needs("torch", 12 << 20, parameters((784, 500, 100, 10)), 4)


@pytest.fixture
def properties(tmp_path, monkeypatch):
    """The properties of a job on a cluster whose files, and a user whose mrjob.conf, say so much."""

    def make(site=(), users="", containers=Containers(Container(640, 130), Container(384, 130))):  # noqa: B008
        lines = "".join(f"<property><name>{n}</name><value>{v}</value></property>" for n, v in dict(site).items())
        (tmp_path / "core-site.xml").write_text("<configuration></configuration>")
        (tmp_path / "mapred-site.xml").write_text(f"<configuration>{lines}</configuration>")
        (tmp_path / "my.conf").write_text(f"runners: {{hadoop: {{jobconf: {{{users}}}}}}}")
        monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
        conf = str(tmp_path / "my.conf")
        return properties_of(
            Job(tag="mrdl-1", work_dir=tmp_path, output_dir="out", mrjob_conf=conf, containers=containers)
        )

    return make


def test_the_weights_of_a_network_are_counted_as_torch_counts_them():
    from mrdl.nn.net import Net

    assert parameters((784, 500, 100, 10)) == sum(p.numel() for p in Net([784, 500, 100, 10]).parameters())


def test_containers_are_steps_of_128_mb_and_hold_what_was_measured():
    """Peaks of Python by /proc/self/status: 628 MB a shard of MNIST, 725 and 916 MB with 4 and 16 million weights."""
    for rows, nodes, measured_mb in (
        (12 << 20, (784, 500, 100, 10), 628),
        (47 << 20, (784, 500, 100, 10), 647),
        (100 << 10, (64, 2000, 2000, 10), 725),
        (100 << 10, (64, 4000, 4000, 10), 916),
    ):
        found = Needs("torch", rows, parameters(nodes), 1).training()
        assert found.memory_mb % 128 == 0
        assert measured_mb < found.memory_mb - found.heap_mb - 110 < 1.5 * measured_mb
    for nodes, measured_mb in (((64, 2000, 2000, 10), 259), ((64, 4000, 4000, 10), 588)):
        found = Needs("torch", 0, parameters(nodes), 1).combining()
        assert measured_mb < found.memory_mb - found.heap_mb - 110


def test_a_task_without_torch_needs_half_and_more_rows_or_weights_need_more():
    numpy = Needs("numpy", MNIST.rows_bytes, MNIST.weights, 4).training().memory_mb
    assert numpy <= 512 and numpy <= MNIST.training().memory_mb / 2
    assert Needs("torch", 1 << 30, MNIST.weights, 4).training().memory_mb > MNIST.training().memory_mb + 2000
    assert Needs("torch", 12 << 20, MNIST.weights, 400).combining().memory_mb > MNIST.combining().memory_mb


def test_the_sample_of_a_wide_table_counts_where_a_task_holds_it_and_advice_is_what_is_asked_for():
    config = resolved(TrainConfig(shards=64, hidden=(32,), warm_rows=1_000, warm_epochs=2, engine="numpy"))
    assert (rows_of_task(config, 9_000), rows_of_task(config, 9_000, sample=False)) == (1_000, 9_000 / 64)
    assert rows_of_task(config, 500) == 500, "there are no more"
    needs = Needs("numpy", 1_000 * 20_000 * 4, parameters((20_000, 32, 2)), 64)
    assert task_mb(Shape(10_000, 20_000, 20_000, 2), config) == pytest.approx(needs.training_mb, abs=1)
    assert needs.training().memory_mb - needs.training().heap_mb > 311, "MB of such a task, measured"


def test_maps_train_on_cached_shards_and_reducers_on_text():
    cached, first = MNIST.of_job(cached=True), MNIST.of_job(cached=False)
    assert cached == Containers(MNIST.training(), MNIST.combining())
    assert first.reduce == MNIST.training() and first.map.memory_mb < first.reduce.memory_mb


def test_a_job_asks_for_its_containers_and_says_who_it_is(properties):
    found = properties()
    assert (found["mapreduce.map.memory.mb"], found["mapreduce.reduce.memory.mb"]) == ("640", "384")
    assert "-Xmx130m" in found["mapreduce.map.java.opts"]
    assert found["mapreduce.job.tags"] == "mrdl-1" and found["mapreduce.map.speculative"] == "false"


def test_what_the_users_conf_says_goes_before_all_but_the_jobs_name(properties):
    users = "mapreduce.map.memory.mb: 512, mapreduce.reduce.java.opts: -Xmx99m, mapreduce.job.tags: x"
    found = properties(users=users)
    assert "mapreduce.map.memory.mb" not in found and "mapreduce.reduce.java.opts" not in found
    assert found["mapreduce.job.tags"] == "mrdl-1" and found["mapreduce.reduce.memory.mb"] == "384"


def test_what_the_cluster_says_of_its_own_pace_and_its_jvms_stays(properties):
    pace = "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms"
    assert properties()[pace] == "200"
    options = "-Xmx900m -XX:+UseG1GC @/etc/java.args"
    found = properties({pace: "3000", "mapreduce.map.java.opts": options})
    assert pace not in found
    assert found["mapreduce.map.java.opts"] == f"{options} -Xmx130m -XX:TieredStopAtLevel=1 -Xshare:auto"


def test_the_old_name_of_javas_options_counts_where_it_did(properties):
    found = properties({"mapred.child.java.opts": "-Xmx900m -Dx=y"})
    assert all(
        found[f"mapreduce.{kind}.java.opts"].startswith("-Xmx900m -Dx=y -Xmx130m ") for kind in ("map", "reduce")
    )
    users = properties(users="mapred.child.java.opts: -Xmx99m")
    assert not {"mapreduce.map.java.opts", "mapreduce.reduce.java.opts"} & set(users)


def test_a_heap_holds_the_buffer_that_the_cluster_or_the_user_asks_for(properties):
    buffer = "mapreduce.task.io.sort.mb"
    for found in (properties({buffer: "100"}), properties(users=f"{buffer}: 100")):
        assert "-Xmx198m" in found["mapreduce.map.java.opts"] and found["mapreduce.map.memory.mb"] == "768"
        assert buffer not in found
    assert properties()[buffer] == "32"


def test_no_container_is_larger_than_the_cluster_gives(properties):
    found = properties({"yarn.scheduler.maximum-allocation-mb": "512"})
    assert (found["mapreduce.map.memory.mb"], found["mapreduce.reduce.memory.mb"]) == ("512", "384")


def test_a_jvm_never_gets_two_collectors_or_one_flag_twice():
    assert java_options("") == "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
    assert java_options("-XX:+UseParallelGC -Xshare:off") == "-XX:+UseParallelGC -Xshare:off -XX:TieredStopAtLevel=1"
    assert java_options(java_options("")) == java_options("")
