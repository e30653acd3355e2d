"""A table is standardised by a sample: the same network whatever runs it, however it is split, ordered and cached."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mrdl
from mrdl.data.sample import Sample
from mrdl.errors import ConfigError, DataError
from mrdl.rounds.events import RoundDone
from mrdl.settings.samples import WARM_ROWS

SMALL = {"hidden": (8,), "rounds": 2, "epochs": 1, "label": "y"}


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """1,200 rows of heavy tails, flags and missing cells."""
    rng = np.random.default_rng(7)
    rows = rng.lognormal(3, 2, (1200, 4)).round(3)
    labels = np.where(np.log(rows[:, 0]) + np.log(rows[:, 1]) > 6, "yes", "no")
    rows[:, 3] = rows[:, 3] > 20
    texts = rows.astype("U12")
    texts[rng.random(rows.shape) < [0, 0.01, 0.2, 0]] = ""
    return [",".join((*row, label)) for row, label in zip(texts, labels, strict=True)]


def written(path, lines) -> str:
    path.write_text("a,b,c,d,y\n" + "\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def whole(lines, tmp_path) -> str:
    return written(tmp_path / "table.csv", lines)


@pytest.fixture
def parts(lines, tmp_path) -> str:
    """The same rows in another order, in two files."""
    (tmp_path / "parts").mkdir()
    written(tmp_path / "parts" / "b.csv", lines[:300])
    written(tmp_path / "parts" / "a.csv", lines[:299:-1])
    return str(tmp_path / "parts")


SETTINGS = {
    "one shard": {"shards": 1},
    "shards": {"shards": 4},
    "shards without a warm start": {"shards": 4, "warm_rows": 0},
    "a warm start of no epochs": {"shards": 4, "warm_epochs": 0},
    "by range, with medians": {"shards": 4, "warm_rows": 0, "scaling": "column", "missing": "median"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_table_becomes_one_network_by_any_split_order_and_cache(name, whole, parts, new_run, tmp_path):
    settings = {**SMALL, **SETTINGS[name]}
    first = new_run(whole, cache_dir=str(tmp_path / "cache"), **settings).execute()
    assert new_run(parts, **settings).execute().digest == first.digest
    assert new_run(whole, cache_dir=str(tmp_path / "cache"), **settings).execute().digest == first.digest
    assert first.arch.nodes[0] == first.preparation.width == 5


def test_one_shard_and_many_are_scaled_alike(whole, new_run):
    one, many = (new_run(whole, shards=shards, **SMALL).execute().preparation for shards in (1, 4))
    for name, array in one.inputs.arrays().items():
        np.testing.assert_array_equal(array, getattr(many.inputs, name))


def test_the_sample_is_that_of_all_training_rows_where_they_are_few(whole, new_run):
    run = new_run(whole, shards=3, validation=0, **SMALL)
    inputs = run.execute().preparation.inputs
    raw = np.genfromtxt(whole, delimiter=",", skip_header=1, usecols=range(4))
    known = Sample.of(raw.astype(np.float32))
    np.testing.assert_allclose(inputs.shift[:3], known.mean[:3], rtol=1e-6)
    assert (inputs.shift[3], inputs.factor[3]) == (0, 1)
    assert run.setup.config.scaling == "standard" and run.setup.config.missing == "auto"


def test_a_run_goes_on_and_a_model_is_started_from_with_the_same_scaling(whole, new_run, tmp_path):
    settings = {**SMALL, "shards": 3, "schedule": "constant"}  # another one builds on the number of rounds
    whole_run = new_run(whole, folder="one", **settings).execute()
    new_run(whole, folder="two", **{**settings, "rounds": 1}).execute()
    assert new_run(whole, folder="two", resume=True, **settings).execute().digest == whole_run.digest
    model = tmp_path / "one" / "model.safetensors"
    further = new_run(whole, start_from=str(model), **settings).execute()
    assert further.preparation.inputs.to_meta() == whole_run.preparation.inputs.to_meta()
    np.testing.assert_array_equal(further.preparation.inputs.factor, whole_run.preparation.inputs.factor)


@pytest.mark.parametrize(("name", "done"), [("shards", 1), ("shards", 2), ("by range, with medians", 1)])
def test_a_run_goes_on_without_its_cache(name, done, whole, new_run, tmp_path):
    settings = {**SMALL, **SETTINGS[name], "schedule": "constant"}
    calm = new_run(whole, folder="calm", **settings).execute()
    cache = tmp_path / "cache"
    new_run(whole, folder="cut", cache_dir=str(cache), **{**settings, "rounds": done}).execute()
    shutil.rmtree(cache)
    run = new_run(whole, folder="cut", cache_dir=str(cache), resume=True, **settings)
    assert run.execute().digest == calm.digest
    assert new_run(whole, cache_dir=str(cache), **settings).execute().digest == calm.digest  # by the cache made again


@pytest.mark.parametrize("damaged_after", [0, 1])
def test_a_shard_that_is_damaged_on_the_way_is_made_again(damaged_after, whole, new_run, tmp_path):
    settings = {**SMALL, "shards": 4}
    calm = new_run(whole, **settings).execute()
    notes = []

    def damage(event):
        if isinstance(event, RoundDone) and event.manifest.round == damaged_after:
            part = next(Path(tmp_path, "cache").glob("*/0000/part-*"))
            data = bytearray(part.read_bytes())
            data[2000] ^= 1  # in the rows of the first shard
            part.write_bytes(data)
        notes.append(getattr(event, "text", ""))

    run = new_run(whole, cache_dir=str(tmp_path / "cache"), listeners=[damage], **settings)
    assert run.execute().digest == calm.digest
    assert sum("the cached shards are damaged" in text for text in notes) == 1


def test_what_needs_values_from_0_to_1_is_not_standardised(whole, new_run):
    assert new_run(whole, kind="autoencoder", label="y").setup.config.scaling == "auto"
    assert new_run(whole, threshold=20, label="y").setup.config.scaling == "auto"
    for about in ({"kind": "autoencoder"}, {"kind": "rbm"}, {"threshold": 20}):
        with pytest.raises(ConfigError, match="scaling is standard, but .* from 0 to 1"):
            new_run(whole, scaling="standard", label="y", **about).setup  # noqa: B018


def test_pixels_stay_as_they_are(digits, new_run):
    config = new_run(digits).setup.config
    assert config.scaling == "auto" and config.warm_rows == WARM_ROWS


def test_a_module_takes_the_raw_rows_of_a_table(whole, new_run):
    torch = pytest.importorskip("torch")
    model = new_run(whole, shards=1, **SMALL).execute()
    raw = np.random.default_rng(0).lognormal(3, 2, (500, 4)).astype(np.float32)
    raw[::7, 2] = np.nan
    with torch.no_grad():
        given = model.net()(torch.from_numpy(raw)).exp().numpy()
    np.testing.assert_allclose(given, model.predict_proba(raw), atol=1e-5)
    assert model.digest == mrdl.load(model.run_dir).digest


# --- columns of every kind ---


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """800 rows of a category, a number, and a date, some missing."""
    rng = np.random.default_rng(3)
    city = rng.choice(["Rom", "Bonn", "Köln", "Ulm"], 800, p=[0.5, 0.3, 0.199, 0.001]).astype(object)
    age = rng.normal(40, 12, 800).round(1)
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 800), unit="D")
    label = np.where((city == "Rom") ^ (age > 40), "yes", "no")
    city[::9], age[::5] = None, np.nan
    return pd.DataFrame({"city": city, "age": age, "when": when, "y": label})


@pytest.mark.parametrize("shards", [1, 4])
def test_categories_and_dates_become_one_network_by_any_split_order_and_kind_of_table(
    shards, people, new_run, tmp_path
):
    settings = {**SMALL, "shards": shards}
    people.to_csv(tmp_path / "people.csv", index=False)
    first = new_run(tmp_path / "people.csv", **settings).execute()
    (tmp_path / "parts").mkdir()
    mixed = people.sample(frac=1, random_state=1)
    mixed[:300].to_csv(tmp_path / "parts" / "a.csv", index=False)
    mixed[300:].to_csv(tmp_path / "parts" / "b.csv", index=False)
    assert new_run(tmp_path / "parts", **settings).execute().digest == first.digest
    typed = people.assign(city=people.city.astype("category"))
    of_frame = mrdl.train(typed, show=False, run_dir=str(tmp_path / "frame"), **settings)
    assert of_frame.sha256 == first.sha256
    names = first.preparation.inputs.names(first.preparation.columns)
    assert names[:3] == ["age", "when", "age is missing"]
    assert names[-5:] == ["city = Bonn", "city = Köln", "city = Rom", "city: other", "city: missing"]
    shuffled = people[["when", "city", "age"]]
    np.testing.assert_array_equal(first.predict_proba(shuffled), first.predict_proba(tmp_path / "people.csv"))


def test_an_autoencoder_gives_back_the_inputs_of_a_table(people, new_run, tmp_path):
    people.to_csv(tmp_path / "people.csv", index=False)
    model = new_run(tmp_path / "people.csv", kind="autoencoder", hidden=(6,), shards=2, rounds=1, label="y").execute()
    given = model.reconstruct(people)
    assert given.shape == (800, model.preparation.width) and given.min() >= 0 and given.max() <= 1


# --- a test that lies in a file of its own ---


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_tested_on_a_file_of_categories_dates_and_written_numbers(kind, people, new_run, tmp_path):
    people = people.assign(pay=(1000 + people.index / 4).map("{:,.2f}".format))
    if kind == "parquet":
        people["pay"] = people.index / 4

    def written_to(name, rows) -> str:
        path = tmp_path / f"{name}.{kind}"
        rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path, index=False)
        return str(path)

    test = written_to("test", people[600:][["y", "when", "pay", "city", "age"]])
    trained = new_run(written_to("train", people[:600]), shards=2, test=test, **SMALL).train()
    assert trained.test["rows"] == 200 and trained.test == trained.model.evaluate(test)
    with pytest.raises(DataError, match="'then' is not a date"):
        wrong = written_to("wrong", people[600:].assign(when="then"))
        new_run(written_to("train", people[:600]), shards=2, test=wrong, **SMALL).train()
