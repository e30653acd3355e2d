"""A model: its numbers are those of plain torch and scikit-learn, in any table, and its file is safe to read."""

import json
import os
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load, save
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error

import mrdl
from mrdl.data.inputs import features_of
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import Preparation
from mrdl.errors import ConfigError, DataError, ModelError
from mrdl.model.model import Model
from mrdl.nn.kinds import autoencoder, mlp

COLUMNS = ("a", "b", "c")
CLASSES = ("no", "so", "yes")
MINIMUM = np.array([-1, 0, 10], np.float32)
FACTOR = np.array([0.5, 0.2, 0.0], np.float32)  # c never varied in training
ROUNDS = [{"round": 1, "loss": 1.25, "accuracy": 0.5, "rows": 90}, {"round": 2, "loss": 0.75, "accuracy": 0.625}]
RNG = np.random.default_rng(3)
RAW = RNG.uniform((-2, -1, 0), (2, 7, 20), (2500, 3)).round(3).astype(np.float32)  # partly outside of the range
LABELS = RNG.choice(CLASSES, len(RAW))
SCALED = torch.from_numpy(((RAW - MINIMUM) * FACTOR).clip(0, 1))


def a_model(arch=mlp((3, 8, 3)), label="answer", place=1, classes=CLASSES, **more) -> Model:  # noqa: B008
    prepared = Preparation(COLUMNS, label, place, classes, Inputs.scaled(MINIMUM, FACTOR))
    biased = {name: array + np.float32(0.1) for name, array in arch.initial_weights(5).items()}
    return Model(arch, biased, prepared, {"shards": 4}, ROUNDS, {"rounds": ["ab", "cd"]}, **more)


@pytest.fixture
def model() -> Model:
    return a_model()


@pytest.fixture
def coder() -> Model:
    return a_model(autoencoder((3, 5, 2)), label="", place=None, classes=())


def layer(model: Model, i: int) -> torch.nn.Linear:
    linear = torch.nn.Linear(*reversed(model.weights[f"layers.{i}.weight"].shape))
    tensors = {name: torch.from_numpy(model.weights[f"layers.{i}.{name}"]) for name in ("weight", "bias")}
    linear.load_state_dict(tensors)
    return linear


def plain_probabilities(model: Model) -> np.ndarray:
    """Of RAW, by torch alone."""
    net = torch.nn.Sequential(layer(model, 0), torch.nn.ReLU(), layer(model, 1), torch.nn.Softmax(1))
    with torch.no_grad():
        return net(SCALED).numpy()


def table(path, columns: dict[str, np.ndarray], header: bool = True):
    pd.DataFrame(columns).to_csv(path, index=False, header=header)
    return path


def by_name(**more) -> dict[str, np.ndarray]:
    return {**dict(zip(COLUMNS, RAW.T, strict=True)), **more}


# --- a classifier ---


def test_probabilities_are_those_of_plain_torch(model):
    found = model.predict_proba(RAW)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_probabilities(model), atol=1e-6)


def test_labels_are_those_of_the_highest_probability(model):
    expected = np.array(CLASSES)[plain_probabilities(model).argmax(1)]
    assert len(set(expected)) > 1
    np.testing.assert_array_equal(model.predict(RAW), expected)


def test_the_scores_of_a_labelled_csv_are_those_of_scikit_learn(model, tmp_path):
    path = table(tmp_path / "data.csv", by_name(answer=LABELS))
    scores, probabilities = model.evaluate(path), plain_probabilities(model)
    assert scores["rows"] == len(RAW)
    assert scores["accuracy"] == accuracy_score(LABELS, np.array(CLASSES)[probabilities.argmax(1)])
    assert scores["loss"] == pytest.approx(log_loss(LABELS, probabilities, labels=CLASSES), abs=1e-6)


def first_rows(answers: list[str]) -> dict:
    return {**{name: values[: len(answers)] for name, values in by_name().items()}, "answer": answers}


def test_a_label_that_training_never_saw_is_an_error_has_no_loss_and_is_named(model, tmp_path, caplog):
    right = model.predict(RAW[:4])
    path = table(tmp_path / "data.csv", first_rows([*right[:3], "maybe"]))
    known = plain_probabilities(model)[:3].max(1)
    scores = model.evaluate(path)
    assert (scores["rows"], scores["accuracy"], scores["balanced_accuracy"]) == (4, 0.75, 1)
    assert scores["loss"] == pytest.approx(-np.log(known).mean(), abs=1e-6)
    assert "data.csv: 1 of 4 rows have a label that training never saw ('maybe'); they count as errors" in caplog.text


@pytest.mark.parametrize("word", ["", "NA", "nan", "?", " null "])
def test_rows_without_a_label_are_left_out_and_counted(model, tmp_path, caplog, word):
    right = list(model.predict(RAW[:5]))
    path = table(tmp_path / "data.csv", first_rows([right[0], word, *right[2:4], word]))
    assert model.evaluate(path)["rows"] == 3 and model.evaluate(path)["accuracy"] == 1
    assert "data.csv: 2 of 5 rows have no label and are left out" in caplog.text
    assert len(model.predict(path)) == 5  # they are rows all the same


def test_labels_of_which_none_is_a_class_are_refused(model, tmp_path):
    with pytest.raises(DataError, match="none of its labels is a class of the training data: they are 'x' in 2 rows, "):
        model.evaluate(table(tmp_path / "data.csv", first_rows(["x", "y", "x"])))
    with pytest.raises(DataError, match="none of its 2 rows has a label"):
        model.evaluate(table(tmp_path / "data.csv", first_rows(["", "NA"])))


def test_a_frame_is_scored_as_its_csv(tmp_path, caplog):
    model = a_model(classes=("0", "1", "2"))
    truth = pd.Series(RNG.integers(0, 4, len(RAW)).astype(float)).mask(RAW[:, 0] > 1.5)
    frame = FRAME.assign(answer=truth, name="x").set_index(RAW[:, 2])[["name", "answer", "c", "b", "a"]]
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert model.evaluate(frame) == model.evaluate(tmp_path / "data.csv")
    for labels in (truth.astype("Int64").to_numpy(), pd.Categorical(truth), truth.map("{:.0f}".format).to_numpy()):
        assert model.evaluate(frame.assign(answer=labels)) == model.evaluate(frame)
    assert "label that training never saw ('3.0' in " in caplog.text and "have no label" in caplog.text
    with pytest.raises(DataError, match="the DataFrame has no label column 'answer'"):
        model.evaluate(FRAME)


def test_truth_values_are_labels(tmp_path):
    model = a_model(mlp((3, 8, 2)), classes=("False", "True"))
    found = model.predict(RAW)
    assert found.dtype == bool
    for labels in (found, np.where(found, "TRUE", "false")):
        assert model.evaluate(FRAME.assign(answer=labels))["accuracy"] == 1
        assert model.evaluate(table(tmp_path / "data.csv", by_name(answer=labels)))["accuracy"] == 1


def test_an_output_without_a_class_is_never_predicted():
    model = a_model(mlp((3, 8, 5)))
    model.weights["layers.1.bias"][3:] = 50
    plain = plain_probabilities(a_model(mlp((3, 8, 5))))[:, :3]
    assert set(model.predict(RAW)) <= set(CLASSES)
    np.testing.assert_allclose(model.predict_proba(RAW), plain / plain.sum(1, keepdims=True), atol=1e-4)


def test_predictions_of_whole_numbers_are_compared_with_numbers():
    model = a_model(classes=("0", "1", "2"))
    places = plain_probabilities(model).argmax(1)
    assert (model.predict(RAW) == places).mean() == 1
    assert model.labels(RAW[:5]) == [str(place) for place in places[:5]]


def test_labels_written_as_other_numbers_are_scored_as_the_same(tmp_path):
    model = a_model(classes=("0", "1", "2"))
    truth = RNG.integers(0, 3, len(RAW))
    whole = model.evaluate(table(tmp_path / "whole.csv", by_name(answer=truth)))
    assert model.evaluate(table(tmp_path / "floats.csv", by_name(answer=truth.astype(float)))) == whole
    assert whole["accuracy"] == (model.predict(RAW) == truth).mean()


def test_a_csv_without_labels_cannot_be_scored(model, tmp_path):
    with pytest.raises(DataError, match=r"data\.csv has no label column 'answer'"):
        model.evaluate(table(tmp_path / "data.csv", by_name()))


# --- an autoencoder ---


def plain_code(model: Model) -> torch.Tensor:
    with torch.no_grad():
        return layer(model, 1)(layer(model, 0)(SCALED).relu())


def plain_reconstruction(model: Model) -> torch.Tensor:
    with torch.no_grad():
        return layer(model, 3)(layer(model, 2)(plain_code(model)).relu()).sigmoid()


def test_a_code_is_the_output_of_the_narrowest_layer(coder):
    np.testing.assert_allclose(coder.encode(RAW), plain_code(coder), atol=1e-6)


def test_an_autoencoder_predicts_the_scaled_row_again(coder):
    np.testing.assert_allclose(coder.predict(RAW), plain_reconstruction(coder), atol=1e-6)


def test_the_scores_of_an_autoencoder_are_its_cross_entropy_and_squared_error(coder, tmp_path):
    scores = coder.evaluate(table(tmp_path / "data.csv", by_name()))
    again = plain_reconstruction(coder).double()
    entropy = torch.nn.functional.binary_cross_entropy(again, SCALED.double(), reduction="sum") / len(RAW)
    assert scores == {
        "rows": len(RAW),
        "loss": pytest.approx(entropy.item(), abs=1e-5),
        "mse": pytest.approx(mean_squared_error(SCALED, again), abs=1e-6),
    }


def test_a_code_of_no_rows_is_as_wide_as_any(coder):
    assert coder.encode(np.zeros((0, 3))).shape == (0, 2)


@pytest.mark.parametrize(("kind", "method"), [("model", "encode"), ("coder", "predict_proba")])
def test_what_a_kind_of_network_has_not_is_refused(request, kind, method):
    model = request.getfixturevalue(kind)
    with pytest.raises(ConfigError, match=f"'{model.arch.kind}' has not"):
        getattr(model, method)(RAW)


# --- any table ---


FRAME = pd.DataFrame(by_name())
TABLES = {
    "a frame": FRAME,
    "columns in another order": FRAME[["c", "a", "b"]],
    "more columns": FRAME.assign(name="x", answer="yes")[["name", "c", "answer", "b", "a"]],
    "columns without names": FRAME.set_axis(range(3), axis=1),
    "categories, truth and whole numbers": FRAME.astype({"a": "category"}),
    "float64": RAW.astype(np.float64),
    "lists": RAW.tolist(),
}


@pytest.mark.parametrize("kind", TABLES)
def test_rows_are_the_same_in_any_table(model, kind):
    np.testing.assert_array_equal(features_of(TABLES[kind], model.preparation), RAW)


FILES = {
    "a header and labels": (by_name(answer=LABELS), True),
    "a header, no labels": (by_name(), True),
    "columns in another order": (dict(reversed(by_name(answer=LABELS, number=(LABELS == "no") + 0).items())), True),
    "no header, labels in their place": (dict(a=RAW[:, 0], answer=LABELS, b=RAW[:, 1], c=RAW[:, 2]), False),
    "no header, no labels": (by_name(), False),
}


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
@pytest.mark.parametrize("kind", FILES)
def test_rows_are_the_same_in_any_csv(model, tmp_path, kind, name):
    columns, header = FILES[kind]
    np.testing.assert_array_equal(features_of(table(tmp_path / name, columns, header), model.preparation), RAW)


def test_a_folder_of_csv_files_is_their_rows_in_the_order_of_names(model, tmp_path):
    (tmp_path / "data").mkdir()
    for name, rows in (("1.csv", slice(1000)), ("2.csv", slice(1000, None))):
        table(tmp_path / "data" / name, {column: values[rows] for column, values in by_name().items()})
    np.testing.assert_array_equal(features_of(tmp_path / "data", model.preparation), RAW)


def test_one_row_may_be_a_plain_vector(model):
    assert model.predict(RAW[7]).tolist() == model.predict(RAW)[7:8].tolist()


def test_no_rows_have_no_labels(model):
    assert model.predict(np.zeros((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[1, np.nan, 3]]),
        pd.DataFrame({"a": [1], "b": [None], "c": [3]}),
        pd.DataFrame({"a": [1], "b": pd.array([pd.NA], "Int64"), "c": [3]}),
    ],
    ids=["nan", "None", "NA"],
)
def test_a_missing_value_is_nan(model, rows):
    np.testing.assert_array_equal(features_of(rows, model.preparation), [[1, np.nan, 3]])


def test_a_missing_cell_of_a_csv_is_nan(model, tmp_path):
    (tmp_path / "data.csv").write_text("a,b,c\n1,,3\n4,NA,6\n")
    found = features_of(tmp_path / "data.csv", model.preparation)
    np.testing.assert_array_equal(found, [[1, np.nan, 3], [4, np.nan, 6]])


def test_a_missing_column_of_a_frame_is_named(model):
    with pytest.raises(DataError, match="lacks 1 of the model's 3 columns: 'b'; it has 'a, other, c'"):
        model.predict(FRAME.rename(columns={"b": "other"}))


def test_a_missing_column_of_a_csv_is_named(model, tmp_path):
    """As in a frame: the places of columns count only where no name is known."""
    with pytest.raises(DataError, match="'b'"):
        model.predict(table(tmp_path / "data.csv", {"c": RAW[:, 2], "other": RAW[:, 1], "a": RAW[:, 0]}))


def test_columns_of_other_names_are_not_taken_by_their_places(model, tmp_path):
    others = FRAME.set_axis(["x", "y", "z"], axis=1)
    for values in (others, table(tmp_path / "data.csv", dict(others.items()))):
        with pytest.raises(DataError, match="lacks 3 of the model's 3 columns: 'a', 'b', 'c'; it has 'x, y, z'"):
            model.predict(values)


def test_two_columns_of_a_name_that_is_needed_are_refused(model, tmp_path):
    twice = pd.concat([FRAME, FRAME[["b"]]], axis=1)
    twice.to_csv(tmp_path / "data.csv", index=False)
    for values in (twice, tmp_path / "data.csv"):
        with pytest.raises(DataError, match="more than one column of the name 'b'"):
            model.predict(values)


def test_text_in_columns_that_are_not_the_models_does_not_matter(model, tmp_path):
    path = table(tmp_path / "data.csv", by_name(name=np.full(len(RAW), "x, y"), answer=np.full(len(RAW), "")))
    np.testing.assert_array_equal(features_of(path, model.preparation), RAW)


def test_text_in_place_of_a_number_is_an_error_of_the_data(model):
    with pytest.raises(DataError, match="'b'|'text'"):
        model.predict(FRAME.assign(b="text"))


@pytest.mark.parametrize("rows", [np.zeros((5, 2)), np.zeros((5, 3, 1)), np.zeros(4)])
def test_an_array_of_another_shape_is_refused_with_both_shapes(model, rows):
    with pytest.raises(DataError, match=r"have shape \([\d, ]+\), expected \(rows, 3\)"):
        model.predict(rows)


def test_a_csv_of_another_width_is_refused_with_both_widths(model, tmp_path):
    path = table(tmp_path / "data.csv", by_name(d=RAW[:, 0], e=RAW[:, 1]), header=False)
    with pytest.raises(DataError, match=r"data\.csv has 5 columns, expected 3, or 4 with the label 'answer'"):
        model.predict(path)


# --- the file ---


def test_a_file_gives_back_the_whole_model(model, tmp_path):
    model.save(tmp_path / "net.out")
    again = mrdl.load(tmp_path / "net.out")
    assert again.to_bytes() == model.to_bytes() == (tmp_path / "net.out").read_bytes()
    assert (again.arch, again.sha256, again.classes) == (model.arch, model.sha256, CLASSES)
    assert (again.settings, again.rounds, again.lineage) == (model.settings, ROUNDS, model.lineage)
    np.testing.assert_array_equal(again.predict_proba(RAW), model.predict_proba(RAW))


def test_a_run_folder_is_loaded_by_its_model(model, tmp_path):
    with pytest.raises(ModelError, match=f"there is no model in {tmp_path}"):
        mrdl.load(tmp_path)
    model.save(tmp_path / "model.safetensors")
    assert mrdl.load(str(tmp_path)).to_bytes() == model.to_bytes()


def test_the_bytes_do_not_depend_on_where_and_by_what_shards_it_was_trained(model):
    assert a_model(run_dir="/home/ann/runs/7", shard_weights=[model.weights]).to_bytes() == model.to_bytes()


def test_a_history_has_a_row_for_each_round(model):
    pd.testing.assert_frame_equal(model.history, pd.DataFrame(ROUNDS))


@pytest.mark.parametrize(
    ("rounds", "shown"),
    [(ROUNDS, "Model(mlp 3-8-3, accuracy 0.6250, loss 0.7500)"), ([], "Model(mlp 3-8-3)")],
)
def test_a_model_shows_its_layers_and_last_scores(model, rounds, shown):
    assert repr(Model(model.arch, model.weights, model.preparation, rounds=rounds)) == shown


@pytest.mark.parametrize("name", ["folder", "file/net.out", "away/net.out"])
def test_a_model_that_cannot_be_saved_leaves_nothing(model, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=f"{name} cannot be written"):
        model.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no such model file: .*/net\.out"):
        mrdl.load(tmp_path / "net.out")


class Bomb:
    """Does something when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def described(**changes) -> bytes:
    """A model's file, with another description in its header."""
    data = a_model().to_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = {**json.loads(header["__metadata__"]["mrdl"]), **changes}
    left_out = [name for name, value in changes.items() if value is None]
    return save(load(data), {"mrdl": json.dumps({name: about[name] for name in about if name not in left_out})})


NO_MODELS = {
    "empty": (b"", "is not a model, or is damaged"),
    "text": (b"label,a,b,c\nyes,1,2,3\n", "is not a model, or is damaged"),
    "a pickle": (pickle.dumps(Bomb()), "is not a model, or is damaged"),
    "cut": (a_model().to_bytes()[:-1], "is not a model, or is damaged"),
    "not of mrdl": (save(a_model().weights), "not a model of mrdl"),
    "another format": (described(format="mrdl model 9"), "'mrdl model 9', expected 'mrdl model 4'"),
    "other layers": (described(nodes=[3, 9, 3]), r"layers\.0\.weight has shape \(8, 3\), expected \(9, 3\)"),
    "no description": (save(a_model().weights, {"mrdl": "{"}), "is damaged"),
    "half a description": (described(classes=None), "is damaged"),
    "an unknown kind": (described(kind="transformer"), "transformer"),
    "no scaling": (described().replace(b"inputs.factor", b"inputs.actors"), "is damaged|inputs.factor"),
}


@pytest.mark.parametrize("kind", NO_MODELS)
def test_a_file_that_is_no_model_is_refused(tmp_path, monkeypatch, kind):
    data, said = NO_MODELS[kind]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.out").write_bytes(data)
    with pytest.raises(ModelError, match=said) as caught:
        mrdl.load("net.out")
    assert "net.out" in str(caught.value)
    assert os.listdir() == ["net.out"]  # nothing was unpickled
