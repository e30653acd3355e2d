"""Column files, zstd and partition folders on a real HDFS and YARN: tasks read their pieces by WebHDFS."""

import io

import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import orc, parquet
from yarn import QUICK, SETTINGS

import mrdl
from mrdl.cluster.ranges import RangeFile
from mrdl.data.columnar.files import PARQUET, ColumnFile
from mrdl.data.columnar.places import place_of
from mrdl.errors import DataError, Unavailable

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]


@pytest.fixture
def calm(digits, tmp_path):
    return mrdl.train(digits, show=False, run_dir=str(tmp_path / "calm"), **SETTINGS)


def as_parquet(table, **options):
    made = io.BytesIO()
    parquet.write_table(table, made, **options)
    return made.getvalue()


def test_row_groups_in_hdfs_train_the_network_of_the_csv(hdfs, on_yarn, digits, tmp_path, calm):
    folder = hdfs.uri(f"/user/{hdfs.cluster.user}/columns, [x] %41")
    table = arrow_csv.read_csv(digits)
    hdfs.write(f"{folder}/a.parquet", as_parquet(table.slice(0, 700), row_group_size=200))
    hdfs.write(f"{folder}/b.parquet", as_parquet(table.slice(700).select(table.column_names[::-1])))
    ended = on_yarn("train", folder, "-r", "hadoop", "--json", "--run-dir", "run", *QUICK)
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == calm.sha256
    predicted = on_yarn("predict", "run", f"{folder}/a.parquet")
    assert predicted.rc == 0 and len(predicted.out.split()) == 700, predicted.err


def test_files_of_this_machine_are_opened_by_tasks_on_the_cluster(on_yarn, digits, tmp_path, calm):
    """Text of zstd below partition folders, whose key is left out again."""
    header, *rows = digits.read_bytes().splitlines(keepends=True)
    for part in range(2):
        folder = tmp_path / "in" / f"part={part}"
        folder.mkdir(parents=True)
        with pa.CompressedOutputStream(str(folder / "x.csv.zst"), "zstd") as file:
            file.write(header + b"".join(rows[part::2]))
    words = ["--drop", "part", "--run-dir", "run"]
    ended = on_yarn("train", tmp_path / "in", "-r", "hadoop", "--json", *QUICK, *words)
    assert ended.rc == 0, ended.err
    assert ended.json["sha256"] == calm.sha256


def test_pieces_of_orc_in_hdfs_are_read_by_ranges(hdfs, digits):
    table = arrow_csv.read_csv(digits)
    made = io.BytesIO()
    orc.write_table(table, made)
    path = hdfs.uri(f"/user/{hdfs.cluster.user}/x.orc")
    hdfs.write(path, made.getvalue())
    [batch] = ColumnFile(place_of(path, len(made.getvalue())), "orc").batches([0], ["digit"], 10_000)
    assert batch.column(0).to_pylist() == table.column("digit").to_pylist()


def test_a_file_that_is_gone_or_shorter_is_told(hdfs, monkeypatch):
    monkeypatch.setattr("mrdl.cluster.ranges.PAUSES_S", ())
    hdfs.write(hdfs.uri("/user/someone/x"), b"0123456789")
    file = RangeFile(hdfs.cluster.webhdfs, "/user/someone/x", hdfs.cluster.user, 10)
    file.seek(-4, io.SEEK_END)
    assert file.read() == b"6789"
    with pytest.raises(Unavailable, match="10 bytes came, expected 20"):
        RangeFile(hdfs.cluster.webhdfs, "/user/someone/x", hdfs.cluster.user, 20).read()
    with pytest.raises(DataError, match="/user/someone/y is not in HDFS any more"):
        RangeFile(hdfs.cluster.webhdfs, "/user/someone/y", hdfs.cluster.user, 20).read()
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        ColumnFile(place_of(hdfs.uri("/user/someone/x"), 10), PARQUET)
