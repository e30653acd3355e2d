"""A run as a picture: what is drawn for each kind of network, and what is said where nothing can be."""

import base64
import re
import sys

import pytest

from mrdl.errors import DataError, SetupError
from mrdl.reports.run_report import plot

KINDS = {
    "mlp": {"nodes": (64, 12, 10)},
    "rbm": {"kind": "rbm", "nodes": (64, 12)},
    "dbn": {"kind": "dbn", "nodes": (64, 12, 8, 10)},
    "autoencoder": {"kind": "autoencoder", "nodes": (64, 12, 4)},
}


@pytest.fixture
def folder(new_run):
    """Train a small network; returns its run folder."""

    def make(**settings):
        made = new_run(shards=2, rounds=1, epochs=1, **settings)
        made.execute()
        return made.folder.path

    return make


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a picture."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_one_picture_and_one_page_that_has_it(folder, kind):
    png, page = plot(str(folder(**KINDS[kind])))
    text = page.read_text()
    assert base64.b64decode(re.search(r"data:image/png;base64,([^\"]+)", text)[1]) == png.read_bytes()
    assert not re.search(r"(src|href)=\"http", text), "nothing is fetched"
    rows = len(re.findall(r"<tr><td>\d+</td>", text))
    assert rows == {"dbn": 6}.get(kind, 2), "a line for each warm start and round"


def test_networks_that_reconstruct_have_more_to_show(folder):
    heights = {kind: size_of(plot(str(folder(**KINDS[kind])))[0].read_bytes())[1] for kind in ("mlp", "rbm")}
    assert heights["rbm"] > heights["mlp"], "rows, reconstructions and samples"


def test_rows_that_are_no_pictures_have_neither_filters_nor_reconstructions(new_run, small_csv):
    made = new_run(small_csv, kind="rbm", nodes=(3, 2), label="answer", shards=1, rounds=1, epochs=1)
    made.execute()
    width, height = size_of(plot(str(made.folder.path))[0].read_bytes())
    assert height < width


def test_without_its_data_or_its_model_a_run_is_drawn_all_the_same(new_run, digits, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(digits.read_bytes())
    made = new_run(path, kind="rbm", nodes=(64, 12), shards=1, rounds=1, epochs=1)
    made.execute()
    path.unlink()
    assert plot(str(made.folder.path), str(tmp_path / "without"))[0] == tmp_path / "without.png"
    made.folder.model.unlink()
    assert plot(str(made.folder.path))[0].exists()


def test_a_folder_without_a_round_is_told(tmp_path):
    with pytest.raises(DataError, match="holds no round"):
        plot(str(tmp_path))


def test_without_matplotlib_the_way_out_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SetupError, match=r'pip install "mrdl\[plot\]"'):
        plot(str(tmp_path))


@pytest.mark.slow
def test_the_command_says_where_the_files_are(mrdl_command, folder):
    path = folder(**KINDS["mlp"])
    ended = mrdl_command("plot", path)
    assert ended.rc == 0 and ended.out.decode().split() == [f"{path}/plot.png", f"{path}/plot.html"], ended.err
