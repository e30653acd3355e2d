"""Packed data: every member of every file is trained on, by any runner; what is damaged is refused by its name."""

import bz2
import gzip

import pytest

import mrdl
from mrdl.cli.main import main
from mrdl.errors import DataError, JobLost
from mrdl.mapreduce.runners import runner_of

ROWS = [b"%d,%d,%d\n" % (i % 2, i, i * i % 7) for i in range(600)]
HALF, REST, ALL = b"".join(ROWS[:300]), b"".join(ROWS[300:]), b"".join(ROWS)
QUICK = {"nodes": (2, 4, 2), "shards": 2, "rounds": 1, "epochs": 1, "warm_rows": 0, "show": False}


def trained(folder, name, data, runner="inline"):
    (folder / name).write_bytes(data)
    return mrdl.train(folder / name, runner=runner, run_dir=str(folder / f"run-{name}-{runner}"), **QUICK).to_bytes()


@pytest.fixture
def plain(tmp_path):
    return trained(tmp_path, "all.csv", ALL)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("two.csv.gz", gzip.compress(HALF) + gzip.compress(REST)),
        ("two.csv.bz2", bz2.compress(HALF) + bz2.compress(REST)),
        ("blank.csv.gz", gzip.compress(b"") + gzip.compress(ALL) + gzip.compress(b"")),
    ],
)
def test_all_members_of_a_packed_file_are_trained_on(tmp_path, plain, name, data):
    assert trained(tmp_path, name, data) == plain


@pytest.mark.slow
def test_the_local_runner_reads_all_members_too(tmp_path, plain):
    assert trained(tmp_path, "two.csv.gz", gzip.compress(HALF) + gzip.compress(REST), "local") == plain


@pytest.mark.parametrize("runner", ["inline", "local"])
@pytest.mark.parametrize("packer", [gzip, bz2])
def test_a_packed_file_that_was_cut_short_is_refused_by_its_name(tmp_path, packer, runner):
    name = f"cut.csv.{'gz' if packer is gzip else 'bz2'}"
    with pytest.raises(DataError, match=f"{name} cannot be unpacked"):
        trained(tmp_path, name, packer.compress(ALL)[:-20], runner)
    assert not (tmp_path / f"run-{name}-{runner}" / "model.safetensors").exists()


def test_a_second_file_that_is_damaged_is_refused_by_its_name(tmp_path, monkeypatch, capsys):
    """The first one alone is looked at before the job."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv.gz").write_bytes(gzip.compress(HALF))
    (tmp_path / "in" / "b.csv.gz").write_bytes(gzip.compress(REST)[:-20])
    assert main(["train", "in", "--json", "--shards", "1", "--rounds", "1", "--epochs", "1"]) == 2
    told = capsys.readouterr().err
    assert "b.csv.gz cannot be unpacked: it ends too early" in told and "Traceback" not in told


def test_a_job_that_hadoop_lost_while_it_unpacked_is_not_sent_again(tmp_path, new_run, monkeypatch):
    """On YARN the tasks unpack, and Java's words do not say which file."""
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(ALL)[:-20])
    sent = []

    def lost(runner, job_class, launch):
        sent.append(launch.tag)
        raise JobLost("Hadoop lost the job: EOFException: Unexpected end of input stream.")

    run = new_run(data=tmp_path / "cut.csv.gz", shards=1, rounds=1, epochs=1)
    monkeypatch.setattr("mrdl.data.source._beginning", lambda info, shown: ALL)
    monkeypatch.setattr("mrdl.mapreduce.launch.run", lost)
    with pytest.raises(DataError, match=r"cut\.csv\.gz cannot be unpacked"):
        run.execute()
    assert len(sent) == 1


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 30])
@pytest.mark.parametrize("text", [b"1,2\n3,4\n5,6\n", b"1,2\n3,4", b"\n\n1\n", b"a\rb\r", b"x" * 50 + b"\n1\n", b""])
def test_a_text_is_cut_at_line_ends_into_parts_no_smaller_than_asked_for(tmp_path, text, size):
    """Compared with what mrjob itself makes of it."""
    from mrjob.sim import _split_records

    from mrdl.mapreduce.simulated import _cut

    (tmp_path / "a.csv").write_bytes(text)
    files = ((tmp_path / f"part{i}").open("wb") for i in range(99))
    splits = list(_cut(str(tmp_path / "a.csv"), size, files))
    with open(tmp_path / "a.csv", "rb") as file:
        known = [b"".join(lines) for lines in _split_records(file, size) if text]
    assert [(tmp_path / f"part{i}").read_bytes() for i in range(len(splits))] == known
    assert [(s["start"], s["length"]) for s in splits] == [
        (sum(map(len, known[:i])), len(part)) for i, part in enumerate(known)
    ]


def test_runners_take_inputs_by_their_literal_names():
    assert runner_of("inline").mrjob_class(False, 1, ["/a*[b].csv"]).inputs == ["/a*[b].csv"]
