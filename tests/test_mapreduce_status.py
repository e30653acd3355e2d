"""What a task says of itself is what the driver reads, and the fraction only grows."""

import os

import pytest

from mrdl.mapreduce.status import Progress, training_status
from mrdl.mapreduce.tracking import last_statuses


def told(shard: int, epoch: int, done: float, epochs: int = 4) -> str:
    return training_status(shard, round_=1, epoch=epoch, epochs=epochs, done=done, loss=0.5)


def test_what_a_task_says_is_what_the_driver_reads():
    progress = Progress(shards=1)
    progress.read([training_status(shard=0, round_=3, epoch=1, epochs=4, done=0.5, loss=0.12345)])
    assert progress.fraction == (1 + 0.5) / 4
    assert progress.text == "shard 0 epoch 2/4 loss 0.1235"


def test_the_fraction_is_that_of_all_shards():
    progress = Progress(shards=4)
    progress.read([told(0, 3, 1.0), told(2, 1, 0.0)])
    assert progress.fraction == pytest.approx((1.0 + 0.25) / 4)


def test_a_whole_job_is_1_whatever_the_order_of_its_lines():
    lines = [told(shard, epoch, done) for shard in range(3) for epoch in range(4) for done in (0.5, 1.0)]
    progress = Progress(shards=3)
    progress.read(reversed(lines))
    assert progress.fraction == 1


def test_a_shard_does_not_go_back_when_its_task_is_tried_again():
    progress = Progress(shards=1)
    progress.read([told(0, 2, 0.5)])
    progress.read([told(0, 0, 0.25)])
    assert (progress.fraction, progress.text) == ((2 + 0.5) / 4, "shard 0 epoch 3/4 loss 0.5000")


@pytest.mark.parametrize("line", ["", "map > sort", "shard 1 is lost", "reporter:status:shard 0 round 1 epoch 1/4 5"])
def test_other_words_do_not_count(line):
    progress = Progress(shards=1)
    progress.read([line])
    assert (progress.fraction, progress.text, progress.done) == (0, "starting", {})


def test_a_loss_that_is_not_a_number_is_progress_all_the_same():
    progress = Progress(shards=1)
    progress.read([training_status(0, 1, 0, 2, 1.0, float("nan"))])
    assert (progress.fraction, progress.text) == (0.5, "shard 0 epoch 1/2 loss nan")


def stderr_of(folder, task: str, *lines: str):
    """A task's standard error where mrjob's runners put it: JOB/step/000/mapper/00000/stderr."""
    path = folder / "train.me.20260101.120000.000000" / "step" / task / "stderr"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_the_newest_status_of_each_task_is_found(tmp_path):
    first, second, third = (f"reporter:status:{told(0, epoch, 1.0)}" for epoch in range(3))
    stderr_of(tmp_path, "000/mapper/00000", first, "a warning of numpy", second, "reporter:counter:a,b,1")
    stderr_of(tmp_path, "000/mapper/00001", *["no status, many words"] * 500, third)
    stderr_of(tmp_path, "001/reducer/00000", "nothing to say")
    assert sorted(last_statuses(tmp_path, since=0)) == [second, third]


def test_a_task_of_an_earlier_job_is_not_looked_at(tmp_path):
    path = stderr_of(tmp_path, "000/mapper/00000", f"reporter:status:{told(0, 0, 1.0)}")
    os.utime(path, (1000, 1000))
    assert last_statuses(tmp_path, since=1000) and not last_statuses(tmp_path, since=1001)


def test_a_job_that_has_not_begun_has_no_status(tmp_path):
    assert last_statuses(tmp_path / "work", since=0) == []
