"""Partition folders as Hive writes them: their keys are columns of the rows in them, whatever the files are."""

import shutil

import numpy as np
import pandas
import pyarrow as pa
import pytest
from pyarrow import parquet

import mrdl
from mrdl.data.columnar.keys import with_cells
from mrdl.data.columnar.partitions import Partitions
from mrdl.data.source import Source
from mrdl.data.types import CATEGORY, DATE, NUMBER
from mrdl.errors import DataError, MrdlError
from mrdl.settings.config import TrainConfig

BY_ROWS = {"budget": 1, "weight_decay": 0.01}  # else decided by the number of rows, of text an estimate
QUICK = {"label": "y", "nodes": (), "shards": 2, "rounds": 1, "epochs": 1, "seed": 5, "show": False, **BY_ROWS}
FOLDERS = [("2024", "1", "north"), ("2024", "12", "south%2Fwest"), ("2025", "1", "__HIVE_DEFAULT_PARTITION__")]
REGIONS = ["north", "south/west", ""]


def rows(part):
    rng = np.random.default_rng(part)
    values = rng.normal(size=(60, 2)).round(3)
    return pandas.DataFrame({"a": values[:, 0], "y": np.where(values[:, 0] > 0, "up", "down"), "b": values[:, 1]})


def whole():
    parts = []
    for part, ((year, month, _), region) in enumerate(zip(FOLDERS, REGIONS, strict=True)):
        parts.append(rows(part).assign(year=int(year), month=int(month), region=region or None))
    return pandas.concat(parts)


def written(root, write, name):
    for part, (year, month, region) in enumerate(FOLDERS):
        folder = root / f"year={year}" / f"month={month}" / f"region={region}"
        folder.mkdir(parents=True)
        write(rows(part), folder / name)
    return root


def as_csv(frame, path):
    frame.to_csv(path, index=False)


def as_lines(frame, path):
    """Without a header, and with blank lines."""
    path.write_text(frame.to_csv(index=False, header=False).replace("\n", "\n\n", 20))


def as_zst(frame, path):
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(frame.to_csv(index=False).encode())


def as_parquet(frame, path):
    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=25)


@pytest.fixture
def train(tmp_path):
    def run(data, folder, **settings):
        return mrdl.train(str(data), run_dir=str(tmp_path / folder), **{**QUICK, **settings})

    return run


@pytest.fixture
def calm(train, tmp_path):
    """The network of the same rows in one file, with the keys as columns."""
    parquet.write_table(pa.Table.from_pandas(whole(), preserve_index=False), tmp_path / "whole.parquet")
    return train(tmp_path / "whole.parquet", "calm")


@pytest.mark.parametrize(("write", "name"), [(as_csv, "x.csv"), (as_zst, "x.csv.zst"), (as_parquet, "x.parquet")])
def test_keys_of_folders_are_columns_of_all_rows_in_them(train, calm, tmp_path, write, name):
    data = written(tmp_path / "in", write, name)
    source = Source.look_at(str(data), TrainConfig(label="y"))
    assert source.schema.features == ("a", "b", "year", "month", "region")
    assert [kind.kind for kind in source.schema.feature_types] == [NUMBER] * 4 + [CATEGORY]
    assert train(data, "found").to_bytes() == calm.to_bytes()


@pytest.mark.parametrize(("write", "name"), [(as_csv, "x.csv"), (as_parquet, "x.parquet")])
def test_a_model_finds_the_keys_of_folders(train, tmp_path, write, name):
    data = written(tmp_path / "in", write, name)
    found = train(data, "found", drop=("region",))
    as_csv(whole(), tmp_path / "whole.csv")
    assert list(found.predict(str(data))) == list(found.predict(str(tmp_path / "whole.csv")))
    assert found.evaluate(str(data)) == found.evaluate(str(tmp_path / "whole.csv"))


@pytest.mark.parametrize(("write", "name"), [(as_csv, "x.csv"), (as_parquet, "x.parquet")])
def test_data_of_a_renamed_folder_is_other_data(train, tmp_path, write, name):
    data = written(tmp_path / "in", write, name)
    known = train(data, "known")
    (data / "year=2024").rename(data / "year=2023")
    renamed = train(data, "renamed")
    assert renamed.to_bytes() == train(data, "fresh", cache_dir=str(tmp_path / "cache")).to_bytes() != known.to_bytes()
    with pytest.raises(MrdlError, match="sha256|data"):
        train(data, "known", resume=True)


def test_text_without_a_header_has_its_keys_behind_its_columns(tmp_path):
    data = written(tmp_path / "in", as_lines, "part-0")
    source = Source.look_at(str(data), TrainConfig(label="1"))
    assert source.schema.columns == ("c0", "c1", "c2", "c3", "c4", "c5")
    found = np.concatenate([block.features for block in source.blocks()])
    assert found[:, 2:4].tolist() == whole()[["year", "month"]].to_numpy().tolist()


def test_text_is_cut_at_line_ends_for_its_tasks(train, calm, tmp_path, monkeypatch):
    monkeypatch.setattr("mrdl.data.columnar.listing.LEAST_BYTES", 100)
    assert train(written(tmp_path / "in", as_csv, "x.csv"), "cut").to_bytes() == calm.to_bytes()


def test_a_glob_has_the_keys_of_its_own_part_of_the_path(tmp_path):
    data = written(tmp_path / "a=1" / "in", as_csv, "x.csv")
    assert Source.look_at(f"{data}/year=2024/*/*", TrainConfig(label="y")).listing.partitions.keys == (
        "month",
        "region",
    )
    assert Source.look_at(f"{data}/year=2024/month=1/region=north", TrainConfig(label="y")).listing is None


def test_a_bad_row_in_a_partition_is_told_by_its_line(train, tmp_path):
    data = written(tmp_path / "in", as_csv, "x.csv")
    file = data / "year=2025" / "month=1" / f"region={FOLDERS[2][2]}" / "x.csv"
    file.write_text(file.read_text() + "oops,up,1\n")
    with pytest.raises(DataError, match=r"year=2025.*x\.csv line 62: column 'a': 'oops' is not a number"):
        train(data, "bad")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda root: shutil.copytree(root / "year=2024", root / "day=3"),
            r"year=2024.*folders year=\.\.\./",
        ),
        (lambda root: as_csv(rows(0), root / "z.csv"), r"z\.csv lies in partition folders none"),
        (
            lambda root: [as_csv(rows(0).assign(month=3), path) for path in root.rglob("*.csv")],
            r"more than one column of a name, counted from 0:\n  'month': 3, 5",
        ),
    ],
)
def test_folders_that_make_no_table_are_refused(tmp_path, change, told):
    data = written(tmp_path / "in", as_csv, "x.csv")
    change(data)
    with pytest.raises(DataError, match=told):
        Source.look_at(str(data), TrainConfig(label="y")).check_columns()


def test_a_key_that_is_a_column_of_a_column_file_is_refused(tmp_path):
    data = written(tmp_path / "in", lambda frame, path: as_parquet(frame.assign(month=3), path), "x.parquet")
    with pytest.raises(DataError, match="'month' is a partition folder and a column of the files"):
        Source.look_at(str(data), TrainConfig(label="y"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["1", "02", ""], NUMBER), (["2024-01-02", "2025-12-31"], DATE), (["1", "a"], CATEGORY), (["", ""], NUMBER)],
)
def test_the_kind_of_a_key_is_that_of_all_its_values(values, kind):
    assert Partitions(("k",), {str(i): (value,) for i, value in enumerate(values)}).types[0].kind == kind


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (b"1,2\n3,4\n", b'1,2,x,"a,b"\n3,4,x,"a,b"\n'),
        (b"\n1\n  \n\n2", b'\n1,x,"a,b"\n  \n\n2,x,"a,b"'),
        (b"", b""),
        (b"\n", b"\n"),
    ],
)
def test_cells_are_added_to_lines_that_are_not_blank(text, made):
    assert with_cells(text, ["x", "a,b"]) == made


def test_zstd_of_other_programs_with_several_members_is_read(tmp_path):
    text = rows(0).to_csv(index=False).encode()
    with pa.CompressedOutputStream(str(tmp_path / "x.csv.zst"), "zstd") as file:
        file.write(text)
    packed = (tmp_path / "x.csv.zst").read_bytes()
    (tmp_path / "x.csv.zst").write_bytes(packed + packed)
    source = Source.look_at(str(tmp_path / "x.csv.zst"), TrainConfig(label="y"))
    assert sum(len(block.features) for block in source.blocks()) == 119 + 1
    (tmp_path / "x.csv.zst").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"x\.csv\.zst cannot be unpacked: Truncated"):
        list(source.blocks())
