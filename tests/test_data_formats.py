"""Files that are no CSV: told by their first bytes, with a command that makes a CSV of them and works."""

import bz2
import gzip
import io
import lzma
import shlex
import subprocess
import zipfile

import pandas
import pytest

from mrdl.data.inputs import features_of
from mrdl.data.source import Source, first_lines
from mrdl.data.text.bad_rows import OPEN
from mrdl.errors import DataError
from mrdl.settings.config import TrainConfig
from mrdl.storage.store import store_of

TEXT = b"answer,a,b\n" + b"".join(b"%d,%d,%d\n" % (i % 2, i, i * i % 7) for i in range(40))
TABLE = pandas.read_csv(io.BytesIO(TEXT))


def workbook():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
    return made.getvalue()


def zipped():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("data.csv", TEXT)
    return made.getvalue()


def look(path, **settings):
    return Source.look_at(str(path), TrainConfig(label="answer").with_changes(settings))


def refused(path):
    with pytest.raises(DataError) as raised:
        look(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("x.csv.xz", lzma.compress(TEXT), "it is xz"),
        ("x.csv", gzip.compress(TEXT), "it is gz"),
        ("x.csv.GZ", gzip.compress(TEXT), "it is gz"),
        ("x.csv", bz2.compress(TEXT), "it is bz2"),
        ("x.gz", gzip.compress(gzip.compress(TEXT)), "it is gz. It is packed twice"),
        ("x.csv", b"\x28\xb5\x2f\xfd\x04\x00", "it is zstd"),
        ("x.csv", b"\x04\x22\x4d\x18\x64\x40\xa7", "it is lz4"),
        ("x.xlsx", workbook(), "an Excel workbook"),
        ("x.zip", zipped(), "it is zip"),
        ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", "an old Excel workbook"),
        ("x.parquet", b"PAR1\x15\x04\x15\x00", "cannot be read as Parquet"),
        ("x.orc", b"ORC\x0a\x05\x00", "cannot be read as ORC"),
        ("x.parquet.gz", gzip.compress(TABLE.to_parquet(index=False)), "it is Parquet"),
        ("x.avro", b"Obj\x01\x04\x16avro.schema", "it is Avro"),
        ("x.seq", b"SEQ\x06\x19org.apache.hadoop.io", "a Hadoop SequenceFile"),
        ("x.csv", b"x,y\x00\x01\x02binary\n", "it begins with the bytes 78 2c 79"),
        ("x.csv.lz4", TEXT, "not .lz4"),
        ("x.csv.zst", TEXT, "x.csv.zst cannot be unpacked: ZSTD decompress failed"),
        ("x.csv.gz", TEXT, "x.csv.gz cannot be unpacked"),
    ],
)
def test_a_file_of_another_format_is_told_by_its_first_bytes(tmp_path, name, data, what):
    (tmp_path / name).write_bytes(data)
    told = refused(tmp_path / name)
    assert what in told and name in told and "iconv" not in told


@pytest.mark.parametrize(
    "text", [b"PAR1,ORC\n1,2\n", b"ORC,b\n1,2\n", b"SEQ,b\n1,2\n", b"BZh9,b\n1,2\n", b"7z,b\n1,2\n"]
)
def test_names_of_formats_at_the_beginning_of_a_text_are_text(tmp_path, text):
    (tmp_path / "x.csv").write_bytes(text)
    assert len(look(tmp_path / "x.csv", label="0").schema.columns) == 2


def obeyed(folder, told):
    """Run the command at the end of a message in a shell, as a user would; what it made."""
    command = told.rpartition(": ")[2]
    subprocess.run(command, shell=True, check=True, cwd=folder)
    made = shlex.split(command)[-1]
    return look(folder / made), (folder / made)


NAMES = ["x.csv", "my 'best' $(touch broken);data.csv"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "data",
    [
        lzma.compress(TEXT),
        gzip.compress(TEXT),
        bz2.compress(TEXT),
        zipped(),
        TEXT.decode().encode("utf-16"),
    ],
    ids=["xz", "gz", "bz2", "zip", "utf-16"],
)
def test_the_way_out_of_a_message_works(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    source, made = obeyed(tmp_path, refused(tmp_path / name))
    assert source.schema.columns == ("answer", "a", "b")
    assert pandas.read_csv(made).equals(TABLE)
    assert not (tmp_path / "broken").exists()


def test_commas_with_semicolons_in_their_text_are_commas(tmp_path):
    (tmp_path / "x.csv").write_text("answer,a,b\nyes;no,1,2\nno;yes,3,4\n")
    assert look(tmp_path / "x.csv").schema.columns == ("answer", "a", "b")


def test_a_message_quotes_no_more_than_a_part_of_a_long_line(tmp_path):
    (tmp_path / "x.csv").write_text("x" * 3000 + "\n" + "y" * 3000 + "\n")
    with pytest.raises(DataError) as raised:
        look(tmp_path / "x.csv", label="0")
    assert len(str(raised.value)) < len(str(tmp_path)) + 250


# --- folders as programs write them ---


@pytest.mark.parametrize(
    ("parts", "rows"),
    [
        ([b"", TEXT], 40),
        ([b"\n\n", TEXT], 40),
        ([b"answer,a,b\n", TEXT], 40),
        ([b"answer,a,b\n", b"answer,a,b\n", TEXT], 40),
        ([b"answer,a,b\n", TEXT.partition(b"\n")[2]], 40),
        ([b"answer,a,b\n0,1,2\n", b"answer,a,b\n", TEXT], 41),
        ([gzip.compress(b""), gzip.compress(TEXT)], 40),
        ([gzip.compress(b"answer,a,b\n"), gzip.compress(TEXT)], 40),
    ],
)
def test_a_part_without_rows_is_no_reason_to_refuse_a_folder(tmp_path, new_run, parts, rows):
    ending = ".gz" if parts[0].startswith(b"\x1f\x8b") else ""
    (tmp_path / "in").mkdir()
    for i, part in enumerate(parts):
        (tmp_path / "in" / f"part-{i:05}{ending}").write_bytes(part)
    run = new_run(data=tmp_path / "in", label="answer", shards=1, rounds=1, epochs=1, warm_rows=0, nodes=(2, 3, 2))
    trained = run.train()
    assert run.setup.schema.columns == ("answer", "a", "b")
    assert trained.summary()["rows"] == rows
    assert len(features_of(tmp_path / "in", trained.model.preparation)) == rows


@pytest.mark.parametrize("parts", [[b"a,b\n", b"a,b\n"], [b"", b""], [b"\n", b" \n"]])
def test_a_folder_without_any_row_is_refused(tmp_path, parts):
    for i, part in enumerate(parts):
        (tmp_path / f"part-{i}").write_bytes(part)
    with pytest.raises(DataError, match="header but no rows|is empty"):
        look(tmp_path, label="0")


def test_a_file_of_another_format_among_others_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "b.parquet").write_bytes(b"PAR1\x15\x04")
    assert str(tmp_path / "b.parquet") in refused(tmp_path)


def test_the_head_of_a_data_set_has_two_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\n0,1,2\n")
    (tmp_path / "b.csv").write_bytes(b"1,3,4\n0,5,6\n")
    files = store_of(str(tmp_path)).files(str(tmp_path))
    assert first_lines(files, "x") == b"0,1,2\n1,3,4\n0,5,6\n"


# --- byte order marks and quotation marks ---

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("header", [b"answer,a,b\n", b""])
@pytest.mark.parametrize("marks", [(BOM, BOM), (BOM * 2, b""), (b"", BOM * 3), (BOM, BOM * 2)])
def test_byte_order_marks_of_joined_files_are_no_part_of_the_rows(tmp_path, header, marks):
    rows = TEXT.partition(b"\n")[2].splitlines(keepends=True)
    joined = marks[0] + header + b"".join(rows[:20]) + marks[1] + header + b"".join(rows[20:])
    (tmp_path / "x.csv").write_bytes(joined)
    source = look(tmp_path / "x.csv", label="0")
    from mrdl.data.text.csv import read_table

    features, labels = read_table([joined], source.schema, "x.csv")
    assert len(features) == 40 and set(labels) == {"0", "1"}
    assert source.schema.columns == (("answer", "a", "b") if header else ("c0", "c1", "c2"))


@pytest.mark.parametrize("row", [b'1,2,"3', b'"1,2,3', b'1,2,"3""', b'1,"2,3'])
@pytest.mark.parametrize("below", [b"", b"\n", b"\n0,1,2\n"])
def test_a_row_with_an_open_quotation_mark_is_a_bad_one(row, below):
    from mrdl.data.text.csv import BlockParser
    from mrdl.data.text.schema import Schema

    blocks, bad = BlockParser(Schema(("a", "b", "c"), 0, None)).parse(b"0,1,2\n" + row + below)
    assert [(found.line, found.reason) for found in bad] == [(1, OPEN)]
    assert sum(len(block.features) for block in blocks) == 1 + below.count(b",") // 2
