"""Names, packed files and parts on a real HDFS and YARN: what is text and what is whole is so there, too."""

import gzip

import pytest
from yarn import QUICK, SETTINGS, applications

import mrdl
from mrdl.data.source import Source
from mrdl.settings.config import TrainConfig

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]

NAMES = [
    "part-00000", "part-00001", "a,b", "*[]?", "{x,y}.csv", "{", "#LATEST", "a#b", "100% %41", "ünï 数 '\"", "$(id)",
    "-rf", "a\\b+c;d&e",
]  # fmt: skip


def test_files_of_any_name_in_folders_of_any_name_are_trained_on(hdfs, on_yarn, digits, tmp_path):
    """A part for each name; the first has a header only, the second is empty, the last has two packed members."""
    folder = hdfs.uri(f"/user/{hdfs.cluster.user}/[bold]{{a,b}} *#%41 $(touch hacked) 'ü\\")
    header, *rows = digits.read_bytes().splitlines(keepends=True)
    count = len(NAMES) - 1
    texts = [header, b"", *(b"".join([header, *rows[i::count]]) for i in range(1, count))]
    for name, text in zip(NAMES, texts, strict=True):
        hdfs.write(f"{folder}/{name}", text)
    last = rows[0::count]
    packed = gzip.compress(header + b"".join(last[:70])) + gzip.compress(b"".join(last[70:]))
    hdfs.write(f"{folder}/two members,[x].gz", packed)
    words = ["--run-dir", "r*[b],{c}#d", "--cache-dir", f"{folder} cache, [x]"]
    ended = on_yarn("train", folder, "-r", "hadoop", "--json", *QUICK, *words, "--rounds", "1")
    calm = mrdl.train(digits, show=False, run_dir=str(tmp_path / "calm"), **{**SETTINGS, "rounds": 1})
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == calm.sha256
    assert (tmp_path / "r*[b],{c}#d" / "model.safetensors").read_bytes() == calm.to_bytes()
    assert not list(tmp_path.rglob("hacked"))
    one = on_yarn("train", f"{folder}/*[]?", "-r", "inline", "--json", "--run-dir", "one", *QUICK)
    assert one.rc == 0 and one.json["rows"] == len(rows[2::count]), one.err


def test_a_packed_file_that_was_cut_short_is_refused_after_one_job(hdfs, on_yarn, digits, cluster):
    folder = hdfs.uri(f"/user/{hdfs.cluster.user}/cut")
    packed = gzip.compress(digits.read_bytes())
    hdfs.write(f"{folder}/a.csv.gz", packed)
    hdfs.write(f"{folder}/b.csv.gz", packed[: len(packed) // 2])
    before = len(applications(cluster, "FAILED,KILLED,FINISHED"))
    ended = on_yarn("train", folder, "-r", "hadoop", "--json", "--run-dir", "cut", *QUICK)
    assert ended.rc == 2 and "b.csv.gz cannot be unpacked: it ends too early" in ended.err, ended.err
    assert len(applications(cluster, "FAILED,KILLED,FINISHED")) == before + 1


def test_mappers_that_stop_at_a_hundred_bad_rows_have_not_failed(hdfs, on_yarn, cluster):
    """They read on to the end of what Hadoop gives them: eight megabytes, of which the first four are looked at."""
    data = hdfs.uri(f"/user/{hdfs.cluster.user}/bad.csv")
    good = b"".join(b"%d,%d,%d\n" % (i % 2, i % 97, i % 89) for i in range(900_000))
    hdfs.write(data, b"y,a,b\n" + good[:2_000_000].rpartition(b"\n")[0] + b"\n1,2,oops" * 150 + b"\n" + good)
    ended = on_yarn("train", data, "-r", "hadoop", "--shards", "1", "--nodes", "2,4,2", "--run-dir", "bad_rows")
    assert ended.rc == 2 and "at least 150 rows cannot be read" in ended.err, ended.err
    assert "which --drop b leaves out" in ended.err and "Traceback" not in ended.err


def test_a_file_in_hdfs_changed_with_equal_size_and_time_is_not_what_it_was(hdfs):
    path = hdfs.uri(f"/user/{hdfs.cluster.user}/same/#LATEST,[x] %41.csv")

    def known(text):
        hdfs.write(path, text)
        hdfs.client.set_times(hdfs.path(path), modification_time=1_700_000_000_000)
        source = Source.look_at(path, TrainConfig())
        return source.files[0].modified, source.identity()

    first, second, third = known(b"0,1\n1,2\n"), known(b"0,1\n1,3\n"), known(b"0,1\n1,2\n")
    assert first[0] == second[0] and first[1]["known_by"] == "checksums of HDFS"
    assert first[1]["sha256"] == third[1]["sha256"] != second[1]["sha256"]
