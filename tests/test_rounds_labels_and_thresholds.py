"""Rows as each kind of network has them: with labels or without, as they are or black and white."""

import shutil

import numpy as np
import pandas as pd
import pytest
from networks import DIGITS, NETWORKS, SUPERVISED, settings

import mrdl
from mrdl.errors import ConfigError
from mrdl.nn.engines.table import EVERY

# --- the label ---


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in SUPERVISED])
def test_a_kind_without_classes_needs_no_label(new_run, tmp_path, known, kind):
    frame = pd.read_csv(DIGITS).drop(columns="digit")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model = new_run(tmp_path / "rows.csv", **settings(kind, label="none")).execute()
    assert (model.classes, model.arch) == ((), known(kind)[1].arch)
    assert model.reconstruct(frame).shape == (1797, 64)
    assert model.evaluate(tmp_path / "rows.csv")["rows"] == 1797


@pytest.mark.parametrize("kind", SUPERVISED)
def test_a_kind_with_classes_needs_a_label(new_run, tmp_path, kind):
    pd.read_csv(DIGITS).drop(columns="digit").to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(mrdl.MrdlError, match="label"):
        new_run(tmp_path / "rows.csv", **settings(kind, label="none")).execute()


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in SUPERVISED])
def test_labels_of_one_class_do_for_kinds_without_classes(new_run, tmp_path, kind):
    pd.read_csv(DIGITS).assign(digit=1).to_csv(tmp_path / "rows.csv", index=False)
    assert new_run(tmp_path / "rows.csv", **settings(kind)).execute().rounds


# --- the threshold ---


def binarised(path, above):
    frame = pd.read_csv(DIGITS)
    pixels = frame.columns != "digit"
    frame.loc[:, pixels] = (frame.loc[:, pixels] > above).astype(int)
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("above", ["7", "7.5", "0", "15"])
def test_a_threshold_makes_the_rows_those_of_a_binary_file(new_run, tmp_path, digits, above):
    """One shard, of which only the numbers count: rows of another file have other hashes, and other places."""
    plain = {
        "shards": 1,
        "warm_rows": 20_000,
        "batch_size": 5000,
        "validation": 0,
        "cd_steps": 1,
        "learning_rate": 1e-12,
    }
    path = binarised(tmp_path / "binary.csv", float(above))
    model = new_run(**settings("rbm", threshold=above, **plain)).execute()
    other = new_run(path, **settings("rbm", scaling="common", **plain)).execute()
    for name, array in other.weights.items():
        np.testing.assert_allclose(model.weights[name], array, atol=1e-5)
    assert model.preparation.inputs.threshold == float(above)
    np.testing.assert_allclose(model.transform(digits), other.transform(path), atol=1e-5)
    np.testing.assert_allclose(model.evaluate(digits)["loss"], other.evaluate(path)["loss"], rtol=1e-4)


@pytest.mark.parametrize("kind", ["mlp", "autoencoder", "dbn", "unrolled dbn"])
def test_a_threshold_works_for_every_kind_and_travels_with_the_model(new_run, tmp_path, digits, kind):
    model = new_run(**settings(kind, threshold="7.5")).execute()
    model.save(tmp_path / "net")
    again = mrdl.load(tmp_path / "net")
    assert again.preparation.inputs.threshold == 7.5
    rows = pd.read_csv(digits).drop(columns="digit").to_numpy()
    np.testing.assert_array_equal(again.predict((rows > 7.5) * 16), model.predict(rows))


@pytest.mark.parametrize("above", ["-1", "0.30000001192092896", "0.1", "1e-300"])
@pytest.mark.parametrize("engine", EVERY)
def test_a_threshold_cuts_alike_in_training_and_in_use(above, engine):
    from mrdl.data.preparation.inputs import Inputs
    from mrdl.nn.engines.table import engine_of
    from mrdl.nn.minibatch import Batches
    from mrdl.nn.rows import Rows

    for values in (np.array([[0, 1, 255]], np.uint8), np.array([[0.1, 0.3, -2]], np.float32)):
        ones = np.ones(3, np.float32)
        inputs = Inputs.scaled(0 * ones, ones, float(above))
        rows = Rows(values, np.zeros(1, np.int64), np.arange(1), inputs.encoding)
        by = engine_of(engine, "cpu")
        trained = by.numpy(Batches(rows, 1, by).inputs(by.array(np.arange(1))))
        np.testing.assert_array_equal(trained, inputs.of(values))
        assert set(trained.ravel()) <= {0, 1}


def test_the_rows_of_another_threshold_are_those_of_another_run(known, new_run, tmp_path):
    shutil.copytree(known("rbm with a threshold")[0].folder.path, tmp_path / "run")
    with pytest.raises(ConfigError, match="threshold 7.5 there, 8.0 now"):
        new_run(folder="run", resume=True, **settings("rbm", threshold="8")).execute()
