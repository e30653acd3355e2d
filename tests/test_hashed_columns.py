"""Columns of very many levels by buckets of a hash: the same bucket whatever a text comes in, and no list of levels."""

import json
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from mappers import NO_LIMIT, lines_of
from pyarrow import parquet
from safetensors.numpy import load, save

import mrdl
from mrdl.data.frames.columns import raw_column
from mrdl.data.inputs import features_of
from mrdl.data.preparation.categories import Category
from mrdl.data.source import Source
from mrdl.data.statistics import MAX_LEVELS
from mrdl.data.text.buckets import buckets_of, names_of
from mrdl.data.text.cells import Cells
from mrdl.data.text.csv import BlockParser
from mrdl.data.text.schema import MARKS, Schema
from mrdl.data.types import PLAIN, ColumnType
from mrdl.errors import ConfigError, DataError, ModelError
from mrdl.explanation.explanation import explain
from mrdl.inspection.inspection import inspect
from mrdl.mapreduce.runners import runner_of
from mrdl.model.file import sealed, tensors_of
from mrdl.nn.weights import digest
from mrdl.settings.config import TrainConfig, from_file
from mrdl.shards.keys import WARM_KEY
from mrdl.shards.loaded import LoadedShard

HASHED = ColumnType.hashed(64)
BUCKETS = [f"bucket {i}" for i in range(10_000)]
ROWS = 1500
QUICK = {"label": "y", "hidden": (6,), "rounds": 1, "epochs": 1, "batch_size": 32, "weight_decay": 0.01}


def a_table(rows: int = ROWS, levels: int = 900) -> pd.DataFrame:
    """Rows with an id of text, one of digits, and a number; some ids are missing."""
    rng = np.random.default_rng(3)
    ids = rng.integers(0, levels, rows)
    users = np.array([f"üser {i * 7919 % 10007}" for i in ids], object)
    users[::40] = None
    return pd.DataFrame({"user": users, "code": ids * 1_000_003, "n": rng.normal(size=rows).round(3),
                         "y": np.where(ids % 3, "no", "yes")})  # fmt: skip


FRAME = a_table()
HOW = {"hash": ("user=50", "code"), **QUICK}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> mrdl.Model:
    folder = tmp_path_factory.mktemp("model")
    FRAME.to_csv(folder / "t.csv", index=False)
    return mrdl.train(folder / "t.csv", run_dir=folder / "run", cache_dir=folder / "cache", show=False, **HOW)


@pytest.fixture
def saved(model, tmp_path) -> str:
    """The path of the model's file."""
    model.save(tmp_path / "model.out")
    return str(tmp_path / "model.out")


def names(column: ColumnType, *cells: str) -> list[str | None]:
    """The level of each cell, None for a missing one."""
    found = Cells.of(pa.array(cells, pa.string()), column)
    return [None if np.isnan(value) else found.levels[int(value)] for value in found.values]


# --- the hash ---


def test_a_bucket_is_the_crc_of_the_text_modulo_their_number():
    texts = ["ann", "bob", "Köln", "https://example.org/?a=1,2", "x01", "日本"]
    assert names(HASHED, *texts) == [f"bucket {zlib.crc32(text.encode()) % 64}" for text in texts]
    assert names(ColumnType.hashed(1000), "ann") == [f"bucket {zlib.crc32(b'ann') % 1000}"]


def test_blanks_around_a_text_do_not_count_and_those_within_do():
    first, *others = names(HASHED, "ann b", " ann b ", "\tann b\t", "\u00a0ann b", "ann  b", "annb")
    assert others[:3] == [first] * 3
    assert buckets_of(pa.array(["ann b", "ann  b", "annb"]), 10_000).tolist() == [
        zlib.crc32(text) % 10_000 for text in (b"ann b", b"ann  b", b"annb")
    ]


@pytest.mark.parametrize("text", ["12345.0", "1.2345e4", "1.2345E+04", "12345.00", "12345.", "0012345", "+12345"])
def test_a_whole_number_is_one_text_however_programs_write_it(text):
    assert names(ColumnType.hashed(10_000), text) == names(ColumnType.hashed(10_000), "12345")


def test_a_number_is_one_text_in_a_csv_and_in_what_pandas_makes_of_it():
    texts = ["00042", "1.50", "+5", ".5", "-0.0", "-0", "1e-3", "12", "-007"]
    read = pd.Series([float(text) for text in texts])
    found = [names(ColumnType.hashed(10_000), *pair) for pair in zip(texts, map(repr, read), strict=True)]
    assert all(first == second for first, second in found)
    frame = raw_column(read, ColumnType.hashed(10_000), "id", BUCKETS)
    np.testing.assert_array_equal([BUCKETS[int(code)] for code in frame], [first for first, _ in found])


def test_cells_that_no_column_file_holds_are_hashed_as_python_writes_them():
    cells = pd.Series([2**70, 5, None], dtype=object)
    wanted = names(ColumnType.hashed(10_000), str(2**70), "5")
    assert [BUCKETS[int(code)] for code in raw_column(cells, ColumnType.hashed(10_000), "id", BUCKETS)[:2]] == wanted
    intervals = pd.cut(pd.Series([1.0, 5.0]), [0, 2, 9])
    assert np.isfinite(raw_column(intervals, ColumnType.hashed(10_000), "id", BUCKETS)).all()


def test_what_is_no_number_is_hashed_as_it_is_written():
    texts = ["v1.0", "1e99", "9007199254740993.0", "1.0.0", "-", "1e", "e5", "0x1.0", "1_000", "٣"]
    wanted = [None if text in MARKS else zlib.crc32(text.encode()) % 10_000 for text in texts]
    assert names(ColumnType.hashed(10_000), *texts) == [None if n is None else f"bucket {n}" for n in wanted]


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_of_a_missing_cell_is_one_in_a_hashed_column(mark):
    assert names(HASHED, f" {mark} ", "x")[0] is None


def test_ids_that_count_up_are_shared_out_evenly():
    for write in ("{}", "user_{:06d}", "https://example.org/p/{}.html"):
        counts = np.bincount(buckets_of(pa.array([write.format(i) for i in range(20_000)]), 64), minlength=64)
        assert counts.min() > 250 and counts.max() < 375  # 312 in the mean, with a deviation of 18 by chance


def test_tasks_that_hash_load_no_pandas():
    code = (
        "import sys; from mrdl.data.text.csv import BlockParser; from mrdl.data.text.schema import Schema;"
        "from mrdl.data.types import PLAIN, ColumnType;"
        "schema = Schema(('y', 'id'), 0, None, (), (PLAIN, ColumnType.hashed()));"
        "blocks, bad = BlockParser(schema).parse(b'a,12.0\\nb,xy\\nc,\\n');"
        "print(len(blocks[0].levels[0]), 'pandas' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["2", "False"]


# --- on their way ---


def test_of_300000_levels_a_task_keeps_and_sends_the_buckets_alone():
    schema = Schema(("y", "n", "id"), 0, None, (), (PLAIN, PLAIN, ColumnType.hashed(100)))
    parser = BlockParser(schema)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    def block(start: int):
        rows = "".join(f"{'ab'[i % 2]},{i % 50},{i:0100}\n" for i in range(start, start + 5000))
        return parser.parse(rows.encode())[0][0]

    blocks = [block(start) for start in range(0, 300_000, 5000)]
    parts = lines_of(blocks, config=TrainConfig(shards=2, warm_rows=500))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept - before < 12_000_000  # the rows take 9 MB, their 300,000 texts 45 MB
    assert max(len(each.levels[1]) for each in blocks) == 100
    warm = LoadedShard(parts[WARM_KEY], NO_LIMIT).statistics
    assert len(warm.levels[1]) == 100 and sum(warm.levels[1].values()) == warm.training_rows
    assert warm.too_many_levels == [] and MAX_LEVELS < 300_000


def test_300000_levels_are_learnt_by_buckets_and_refused_as_a_category(tmp_path):
    numbers = np.arange(300_000)
    ids = np.char.add("u", (numbers * 7919 % 1_000_003).astype(str))
    pd.DataFrame({"id": ids, "n": numbers % 50, "y": numbers % 2}).to_csv(tmp_path / "t.csv", index=False)
    quick = {**QUICK, "hidden": (2,), "batch_size": 4096, "warm_rows": 0, "shards": 2, "show": False}
    with pytest.raises(DataError, match="more than 100,000 different texts in 'id': .* with --hash id$"):
        mrdl.train(tmp_path / "t.csv", category="id", run_dir=tmp_path / "one", **quick)
    learnt = mrdl.train(tmp_path / "t.csv", hash="id", run_dir=tmp_path / "two", **quick)
    assert sorted(learnt.preparation.levels["id"]) == sorted(names_of(64))
    assert len(learnt.to_bytes()) < 20_000


@pytest.mark.parametrize("runner", ["inline", "local"])
def test_one_network_whatever_the_runner_the_order_and_the_number_of_files(tmp_path, model, runner):
    (tmp_path / "parts").mkdir()
    shuffled = FRAME.sample(frac=1, random_state=1)
    for i in range(3):
        shuffled[i::3].to_csv(tmp_path / "parts" / f"{i}.csv", index=False)
    again = mrdl.train(tmp_path / "parts", runner=runner, run_dir=tmp_path / "run", show=False, **HOW)
    assert again.digest == model.digest


def test_csv_parquet_and_frame_give_one_network(tmp_path, model):
    FRAME.to_parquet(tmp_path / "t.parquet", index=False, row_group_size=400)
    how = {"show": False, **HOW}
    assert mrdl.train(tmp_path / "t.parquet", run_dir=tmp_path / "one", **how).digest == model.digest
    for name, frame in {"two": FRAME, "three": FRAME.astype({"user": "category"})}.items():  # whose header is said
        found = mrdl.train(frame, run_dir=tmp_path / name, **how)
        assert digest(found.weights) == digest(model.weights)
        assert found.preparation.levels == model.preparation.levels


def test_ids_that_a_frame_has_as_floats_where_some_are_missing_are_those_of_whole_numbers(tmp_path):
    frame = FRAME.assign(code=(FRAME["code"] * 10_007 + 10**12).where(FRAME.index % 9 > 0))
    assert frame["code"].dtype == float
    fitted = mrdl.train(frame, run_dir=tmp_path / "run", show=False, **HOW)
    whole = frame[frame["code"].notna()]
    expected = fitted.predict_proba(whole)
    assert len(np.unique(expected[:, 0])) > 100
    np.testing.assert_array_equal(fitted.predict_proba(whole.astype({"code": np.int64})), expected)
    np.testing.assert_array_equal(
        fitted.predict_proba(whole.astype({"code": np.int64}).astype({"code": str})), expected
    )


def test_a_dictionary_of_a_row_group_does_not_grow_from_batch_to_batch(tmp_path):
    table = pa.table({"id": [f"u{i}" for i in range(150_000)], "n": np.arange(150_000), "y": np.arange(150_000) % 2})
    parquet.write_table(table, tmp_path / "t.parquet")
    config = TrainConfig(label="y", hash=("id",))
    source = Source.look_at(str(tmp_path / "t.parquet"), config).decided(config)[0]
    tracemalloc.start()
    rows = sum(len(block.features) for block in source.blocks() if len(block.levels[0]) == 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 150_000 and peak < 40_000_000


# --- prediction ---


def test_csv_parquet_and_frame_are_predicted_alike(tmp_path, model, saved):
    some = FRAME[:200].drop(columns="y")
    some.loc[3, "user"] = "  üser 7919 "
    some.loc[4, "user"] = "never seen before"
    some.to_csv(tmp_path / "t.csv", index=False)
    some.to_parquet(tmp_path / "t.parquet", index=False)
    expected = model.predict_proba(tmp_path / "t.csv")
    np.testing.assert_array_equal(model.predict_proba(tmp_path / "t.parquet"), expected)
    np.testing.assert_array_equal(model.predict_proba(some), expected)
    np.testing.assert_array_equal(model.predict_proba(some.astype({"code": float})), expected)
    np.testing.assert_array_equal(model.predict_proba(some.astype({"code": "Int64"})), expected)
    np.testing.assert_array_equal(model.predict_proba(some.astype({"code": str, "user": "category"})), expected)
    np.testing.assert_array_equal(model.predict_proba(some.to_numpy(object)), expected)
    np.testing.assert_array_equal(mrdl.load(saved).predict_proba(some), expected)


def test_a_text_that_training_never_saw_has_the_input_of_its_bucket_and_a_missing_one_its_own(model):
    frame = pd.DataFrame({"user": ["never seen", None, "NA"], "code": [5, 5, 5], "n": 0.0})
    inputs = model.preparation.inputs
    made = inputs.of(features_of(frame, model.preparation)).T
    rows = dict(zip(inputs.names(model.preparation.columns), made, strict=True))
    bucket = f"user = bucket {zlib.crc32(b'never seen') % 50}"
    assert rows[bucket].tolist() == [1, 0, 0] and rows["user: missing"].tolist() == [0, 1, 1]
    assert sum(made for name, made in rows.items() if name.startswith("user")).tolist() == [1, 1, 1]


def test_as_many_buckets_as_are_said_have_inputs_whatever_levels_says(model, tmp_path):
    assert len(model.preparation.levels["user"]) == 50 and len(model.preparation.levels["code"]) == 64
    few = mrdl.train(FRAME, run_dir=tmp_path / "run", show=False, **{**HOW, "levels": 3})
    assert few.preparation.levels == model.preparation.levels
    assert str(few.preparation.types[0]) == "category hash 50"


def test_the_torch_module_takes_the_places_of_buckets(model):
    features = features_of(FRAME, model.preparation)
    with torch.no_grad():
        given = model.net()(torch.from_numpy(features)).exp().numpy()
    np.testing.assert_allclose(given, model.predict_proba(FRAME), atol=1e-5)


def test_an_estimator_hashes_too():
    fitted = mrdl.Classifier(hash=("user=50", "code"), hidden=(6,), rounds=1, epochs=1).fit(FRAME.iloc[:, :3], FRAME.y)
    assert [column.buckets for column in fitted.model_.preparation.types] == [50, 64, 0]
    assert fitted.predict(FRAME.iloc[:9, :3]).shape == (9,)


def test_5000_levels_that_decide_the_label_are_learnt(tmp_path):
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 5001)
    level = rng.choice(5000, 12_000, p=share / share.sum())
    label = np.where(rng.integers(0, 2, 5000)[level], "yes", "no")
    frame = pd.DataFrame(
        {"id": [f"u{i * 7919 % 1_000_003}" for i in level], "n": rng.normal(size=len(level)), "y": label}
    )
    train, test = frame[:10_000], frame[10_000:]
    right = {}
    for name, how in {"dropped": {"drop": "id"}, "hashed": {"hash": "id"}, "in more": {"hash": "id=512"}}.items():
        learnt = mrdl.train(train, label="y", hidden=(20,), shards=2, run_dir=tmp_path / name, show=False, **how)
        right[name] = float((learnt.predict(test) == test.y).mean())
    assert right["hashed"] > right["dropped"] + 0.1 and right["in more"] > right["hashed"] + 0.03


# --- settings ---


def test_a_table_of_a_file_says_it_too(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('[columns]\nuser = "hash"\ncode = "hash 256"\n')
    assert from_file(str(path)).hash == ("user", "code=256")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"hash": "user=1"}, "hashed to '1', expected a number of buckets from 2 to 10,000, as user=64"),
        ({"hash": "user=10001"}, "hashed to '10001', expected"),
        ({"hash": "user=many"}, "hashed to 'many', expected"),
        ({"hash": "user", "category": "user"}, "said to be a hash, and category, too"),
        ({"hash": "user", "drop": "user"}, "said to be a hash, and left out, too"),
        ({"hash": "y"}, "'y' of .* is the label, which no bucket"),
        ({"hash": "n", "weights": "n"}, "'n' of .* has the weights of rows, which no bucket"),
        ({"hash": "nobody"}, "no column 'nobody'"),
    ],
)
def test_what_cannot_be_hashed_is_refused_in_words(tmp_path, how, why):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ConfigError, match=why):
        mrdl.train(tmp_path / "t.csv", label="y", run_dir=tmp_path / "run", show=False, **how)


def test_dates_that_files_know_as_such_are_not_hashed(tmp_path):
    FRAME.assign(when=pd.Timestamp("2024-01-01")).to_parquet(tmp_path / "t.parquet", index=False)
    with pytest.raises(ConfigError, match="its files say what columns hold: .* and hash but for text and numbers"):
        mrdl.train(tmp_path / "t.parquet", run_dir=tmp_path / "run", show=False, **{**HOW, "hash": "when"})


def test_a_column_of_too_many_levels_is_refused_with_the_flag_that_hashes_it(tmp_path, monkeypatch):
    for place in ("statistics", "preparation.fitness"):
        monkeypatch.setattr(f"mrdl.data.{place}.MAX_LEVELS", 300)
    monkeypatch.setattr("mrdl.shards.placing.MAX_LEVELS", 300)
    monkeypatch.setattr("mrdl.inspection.faults.MAX_LEVELS", 300)
    FRAME.drop(columns="code").to_csv(tmp_path / "t.csv", index=False)
    how = {"run_dir": tmp_path / "run", "show": False, **QUICK}
    with pytest.raises(DataError, match="leave out with --drop user, or learn by buckets of a hash with --hash user$"):
        mrdl.train(tmp_path / "t.csv", category="user", **how)
    assert len(mrdl.train(tmp_path / "t.csv", hash="user", **how).preparation.levels["user"]) == 64
    config = TrainConfig(label="y", category=("user",))
    assert "--hash user" in inspect(str(tmp_path / "t.csv"), config, runner_of("inline")).flags


def test_a_training_starts_only_from_a_model_of_as_many_buckets(tmp_path, model, saved):
    how = {"run_dir": tmp_path / "run", "show": False, "start_from": saved, **QUICK}
    with pytest.raises(ConfigError, match="hash of 60 buckets, in .* hash of 50 buckets: say --hash 'user'=50"):
        mrdl.train(FRAME, hash=("user=60", "code"), **how)
    with pytest.raises(ConfigError, match="taken for a category, in .* it is a hash of 50 buckets"):
        mrdl.train(FRAME, hash="code", category="user", **how)
    further = mrdl.train(FRAME, hash=("user=50", "code"), **how)
    assert further.preparation.levels == model.preparation.levels


def test_a_sweep_hashes_as_a_training_does(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    spec = {"data": {"label": "y", "hash": ["user=50", "code"]}, "space": {"nodes": [[4]], "epochs": 1}}
    done = mrdl.Sweep(spec, folder=tmp_path / "sweep").run(tmp_path / "t.csv", runner="inline", show=False)
    assert done.status.tolist() == ["done"]
    assert done.parameters.tolist() == [(1 + 51 + 64) * 4 + 4 + 4 * 2 + 2]  # user has missing ones, too


def test_it_is_inspected_and_explained(tmp_path, model):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    found = inspect(str(tmp_path / "t.csv"), TrainConfig(label="y", hash=("user=50", "code")), runner_of("inline"))
    assert [column.inputs for column in found.columns] == [51, 64, 1, 0] and found.inputs == 116
    told = explain(model, FRAME)
    assert {each.column for each in told.importances} == {"user", "code", "n"}


def test_the_number_of_buckets_that_a_column_has_anyway_may_be_said(command, tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    words = ["train", tmp_path / "t.csv", "--label", "y", "--run-dir", tmp_path / "run", "--schedule", "constant"]
    words += ["--hidden", "6", "--rounds", "1", "--epochs", "1", "--hash"]
    assert command(*words, "code")[0] == 0
    status, _, told = command(*words, "code=64", "--resume")
    assert status == 0, told
    assert command(*words, "code=65", "--resume")[0] == 2


# --- model files ---


@pytest.mark.parametrize(
    ("types", "levels"),
    [
        ("category hash 50", ["bucket 50"]),
        ("category hash 50", ["ann"]),
        ("category hash 50", ["bucket 01"]),
        ("category hash 1", ["bucket 0"]),
        ("category hash 99999", ["bucket 0"]),
        ("category hash x", ["bucket 0"]),
        ("category hash 50 ", ["bucket 0"]),
        ("category hash ٥٠", ["bucket 0"]),
        ("number hash 50", ["bucket 0"]),
        ("date hash 50", ["bucket 0"]),
    ],
)
def test_a_stranger_s_buckets_are_refused(tmp_path, model, saved, types, levels):
    tensors = load(model.to_bytes())
    with open(saved, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    said = json.loads(header["__metadata__"]["mrdl"])
    said["types"][0], said["inputs"]["categories"]["0"] = types, Category(tuple(levels)).to_meta()
    forged = sealed(said, tensors_of(model.preparation.inputs))
    (tmp_path / "forged.out").write_bytes(save(tensors, {"mrdl": json.dumps(forged)}))
    with pytest.raises(ModelError, match="forged.out is damaged"):
        mrdl.load(tmp_path / "forged.out")


def test_a_dictionary_says_of_columns_how_they_are_written(tmp_path):
    made = mrdl.train(FRAME, hash={"user": 8, "code": 5}, show=False, run_dir=tmp_path / "run", **QUICK)
    assert {name: len(levels) for name, levels in made.preparation.levels.items()} == {"user": 8, "code": 5}
    assert made.settings["hash"] == ("user=8", "code=5")


@pytest.mark.parametrize("said", [{"hash": ["user", 8]}, {"drop": ["n", 9]}, {"category": ["n", -9]}], ids=str)
def test_a_place_that_no_column_has_is_refused_in_words(said, tmp_path):
    with pytest.raises(ConfigError, match=r"column|9|8"):
        mrdl.train(FRAME, show=False, run_dir=tmp_path / "run", **said, **QUICK)


@pytest.mark.parametrize("setting", ["hash", "drop", "number"])
def test_bytes_are_no_names(setting):
    with pytest.raises(ConfigError, match=f"{setting} is b'n', expected"):
        TrainConfig().with_changes({setting: b"n"})


def test_dates_that_are_no_text_are_not_hashed(tmp_path):
    rows = FRAME.assign(when=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) % 50, "D"))
    with pytest.raises(DataError, match="column 'when' holds dates, which are not hashed"):
        mrdl.train(rows, hash="when", show=False, run_dir=tmp_path / "run", **QUICK)
    rows.assign(when=rows.when.dt.strftime("%Y-%m-%d")).to_csv(tmp_path / "t.csv", index=False)
    made = mrdl.train(tmp_path / "t.csv", hash="when=8", show=False, run_dir=tmp_path / "run", **QUICK)
    rows.to_parquet(tmp_path / "t.parquet")
    for given in (rows, tmp_path / "t.parquet"):
        with pytest.raises(DataError, match="column 'when' holds dates, which are not hashed"):
            made.predict(given)
    assert len(made.predict(tmp_path / "t.csv")) == ROWS
