"""Rows count by their class, or by a column: rare ones are found, and no split, order or way of saying it shows."""

import numpy as np
import pytest

import mrdl
from mrdl.data.row_weights import class_weights
from mrdl.data.targets import Targets
from mrdl.errors import ConfigError
from mrdl.model.of_targets import OfTargets
from mrdl.nn.losses import LOSSES
from mrdl.settings.class_weight import read_class_weight
from mrdl.settings.config import TrainConfig, from_file

HOW = {"nodes": (2, 8, 2), "rounds": 2, "epochs": 2, "warm_rows": 200, "warm_epochs": 2}
WORST = "expected none, balanced, or a number above 0 by class, as yes=5,no=1"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("balanced", "balanced"),
        (" none ", "none"),
        ("yes=5, no=0.5", "no=0.5,yes=5.0"),
        ({"yes": 5, "no": 0.5}, "no=0.5,yes=5.0"),
        ({1: 2, 0: 1}, "0=1.0,1=2.0"),
        ('"a,b=c"=3', '"a,b=c=3.0"'),
        ({"a,b=c": 3}, '"a,b=c=3.0"'),
    ],
)
def test_it_may_be_said_as_text_or_as_a_table(said, text):
    assert read_class_weight("class_weight", text) == text
    if said != '"a,b=c"=3':
        assert TrainConfig().with_changes({"class_weight": said}).class_weight == text


@pytest.mark.parametrize("said", ["heavy", "yes=", "=3", "yes=-1", "yes=0", "yes=inf", "yes=nan", {}, {"yes": "x"}, ""])
def test_what_is_no_weight_is_refused(said):
    with pytest.raises(ConfigError, match=WORST):
        read_class_weight("class_weight", said)


def test_a_class_that_is_named_twice_is_refused():
    with pytest.raises(ConfigError, match="in which a class is named twice"):
        read_class_weight("class_weight", "a=1,a=2")


def test_a_file_may_have_it_as_a_table(tmp_path):
    (tmp_path / "mine.toml").write_text('seed = 3\n[class_weight]\nyes = 5\n"no" = 1\n')
    config = from_file(str(tmp_path / "mine.toml"))
    assert (config.class_weight, config.seed) == ("no=1.0,yes=5.0", 3)
    (tmp_path / "again.toml").write_text(config.to_toml())
    assert from_file(str(tmp_path / "again.toml")) == config


def test_balanced_weights_are_scikit_learns_and_all_are_1_in_the_mean():
    from sklearn.utils.class_weight import compute_class_weight

    rows = (700, 50, 250)
    labels = np.repeat(["a", "b", "c"], rows)
    expected = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    np.testing.assert_allclose(class_weights("balanced", ("a", "b", "c"), rows), expected)
    said = class_weights("b=4.0", ("a", "b", "c"), rows)
    assert said @ rows == pytest.approx(1000) and said[1] == pytest.approx(4 * said[0]) and said[0] == said[2]
    assert class_weights("none", ("a",), (1,)) is None
    assert class_weights("1=2.0", ("0", "1.0"), (1, 1))[1] == pytest.approx(
        4 / 3
    )  # it does not matter how it is written


@pytest.fixture
def rare(tmp_path, monkeypatch):
    """3,000 rows, of which 4 % are of class yes, which two numbers tell something of; two orders of them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    is_rare = rng.random(3000) < 0.04
    values = rng.normal(size=(3000, 2)) + 1.5 * is_rare[:, None]
    rows = [f"{'yes' if y else 'no'},{a:.6f},{b:.6f}\n" for y, (a, b) in zip(is_rare, values, strict=True)]
    for name, order in (("rare.csv", range(3000)), ("shuffled.csv", rng.permutation(3000))):
        (tmp_path / name).write_text("label,a,b\n" + "".join(rows[i] for i in order))
    return tmp_path


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_balanced_classes_are_found_alike_and_no_order_changes_a_byte(rare, engine):
    plain, balanced, again, by_hand = (
        mrdl.train(data, run_dir=f"{engine}{i}", engine=engine, shards=2, class_weight=said, show=False, **HOW)
        for i, (data, said) in enumerate(
            [
                ("rare.csv", "none"),
                ("rare.csv", "balanced"),
                ("shuffled.csv", "balanced"),
                ("rare.csv", {"yes": 24, "no": 1}),
            ]
        )
    )
    scores = [model.evaluate("rare.csv") for model in (plain, balanced, by_hand)]
    assert scores[0]["recall"] < 0.5 < 0.7 < min(scores[1]["recall"], scores[2]["recall"])
    assert scores[1]["balanced_accuracy"] > scores[0]["balanced_accuracy"] + 0.1
    assert balanced.sha256 == again.sha256 != plain.sha256
    assert "weighted_loss" in balanced.rounds[-1] and "weighted_loss" not in plain.rounds[-1]


def test_the_loss_that_is_searched_and_stopped_by_is_that_of_rows_that_count_so(rare, new_run):
    from mrdl.rounds.manifest import best_round

    made = new_run("rare.csv", class_weight="balanced", patience=9, shards=2, **HOW)
    model = made.execute()
    rounds = [m for m in made.folder.manifests() if m.round]
    by_weight = [m.validation["weighted_loss"] for m in rounds]
    assert best_round(rounds, "loss") == len(model.rounds) == by_weight.index(min(by_weight)) + 1


@pytest.mark.parametrize("cached", [False, True])
def test_an_unknown_class_is_named_before_anything_is_trained(cached, rare, command):
    usual = "train", "rare.csv", "--shards", "2", "--rounds", "1", "--cache-dir", "cache"
    if cached:
        assert command(*usual, "--run-dir", "first")[0] == 0
    status, _, err = command(*usual, "--class-weight", "maybe=3", "--run-dir", "run")
    assert status == 2 and "rare.csv: class_weight names 'maybe', which is no class: the classes are 'no', 'yes'" in err


def test_a_network_without_classes_has_no_use_for_it(rare):
    with pytest.raises(
        ConfigError, match="class_weight is balanced, but a network of kind 'autoencoder' .* no classes"
    ):
        mrdl.train("rare.csv", kind="autoencoder", class_weight="balanced", show=False)


# --- a column of weights ---


@pytest.fixture
def weighted(rare):
    """The same rows with a column of weights between the others, 25 of rare rows and 0.5 to 1.5 of others."""
    rng = np.random.default_rng(1)
    for name in ("rare.csv", "shuffled.csv"):
        _, *rows = (rare / name).read_text().splitlines()
        cells = [row.split(",") for row in rows]
        rng = np.random.default_rng(1)
        of = {row: 25.0 if row.startswith("yes") else round(rng.uniform(0.5, 1.5), 3) for row in sorted(rows)}
        lines = [f"{a},{of[row]},{y},{b}" for row, (y, a, b) in zip(rows, cells, strict=True)]
        (rare / name).write_text("\n".join(["a,w,label,b", *lines, ""]))
    return rare


def test_rows_count_by_their_column_which_the_network_never_sees(weighted, command):
    import pandas as pd

    settings = {"label": "label", "show": False, "shards": 2, **HOW}
    plain = mrdl.train("rare.csv", run_dir="plain", drop=["w"], **settings)
    found = mrdl.train("rare.csv", run_dir="found", weights="w", **settings)
    again = mrdl.train("shuffled.csv", run_dir="again", weights="1", **settings)
    assert found.to_bytes() == again.to_bytes() or found.sha256 == again.sha256
    assert found.preparation.columns == ("a", "b") and found.arch.nodes[0] == 2
    recalls = [model.evaluate("rare.csv")["recall"] for model in (plain, found)]
    assert recalls[0] < 0.5 < 0.7 < recalls[1] and "weighted_loss" in found.rounds[-1]
    rows = pd.read_csv("rare.csv")
    said = found.predict(rows)
    assert (found.predict(rows.drop(columns="w")) == said).all() and (found.predict(rows[["b", "a"]]) == said).all()
    rows.to_csv("nameless.csv", header=False, index=False)
    assert (found.predict("nameless.csv") == said).all()


def test_weights_are_those_of_the_rows_over_their_mean():
    from mrdl.data.row_weights import RowWeights

    rng = np.random.default_rng(0)
    features, targets = rng.random((50, 4)).astype(np.float32), rng.integers(0, 2, 50)
    column = features[:, -1] / np.float64(0.25)
    found = RowWeights(np.array([0.5, 4.0]), 0.25).of_rows(features, targets)
    np.testing.assert_allclose(found, column * np.where(targets, 4.0, 0.5), rtol=1e-6)
    np.testing.assert_allclose(RowWeights(None, 0.25).of_rows(features, targets), column, rtol=1e-6)
    assert RowWeights(None, None).of_rows(features, targets) is None


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("-1", "the weights in column 'w' go down to -1, expected 0 or more in each row"),
        ("", "column 'w': the row's weight is missing"),
        ("?", "column 'w': the row's weight is missing"),
        ("much", "column 'w': 'much' is not a number"),
        ("inf", "column 'w': 'inf' is not a finite number"),
    ],
)
def test_what_is_no_weight_is_told_before_anything_is_trained(tmp_path, command, cell, told):
    rows = "".join(f"{i % 2},{i % 7},{1 + i % 3}\n" for i in range(60))
    (tmp_path / "data.csv").write_text(f"y,x,w\n{rows}1,2,{cell}\n")
    words = ("train", tmp_path / "data.csv", "--weights", "w", "--shards", "2", "--run-dir", tmp_path / "run")
    status, _, err = command(*words, "--validation", "0")
    assert status == 2 and told in err


def test_weights_that_are_all_0_or_no_column_or_the_label_are_refused(tmp_path, command):
    (tmp_path / "data.csv").write_text("y,x,w\n" + "".join(f"{i % 2},{i % 7},0\n" for i in range(60)))
    for said, told in (
        ("w", "the weights in column 'w' are all 0: there is nothing to learn"),
        ("v", "has no column 'v'"),
        ("y", "column 'y' of "),
    ):
        status, _, err = command("train", tmp_path / "data.csv", "--label", "y", "--weights", said)
        assert status == 2 and told in err, err


def test_the_label_that_is_left_to_mrdl_is_not_the_column_of_weights(tmp_path, command):
    (tmp_path / "data.csv").write_text("w,y,x\n" + "".join(f"{1 + i % 3},{i % 2},{i % 7}\n" for i in range(60)))
    status, _, err = command("train", tmp_path / "data.csv", "--weights", "w", "--shards", "1", "--rounds", "1",
                             "--run-dir", tmp_path / "run")  # fmt: skip
    assert status == 0 and "label: column 1 'y'" in err


def test_numbers_are_learnt_by_rows_that_count_too(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random(2000)
    is_high = rng.random(2000) < 0.5
    rows = [f"{a:.5f},{9 if high else 1},{3.25 if high else 1.75}\n" for a, high in zip(x, is_high, strict=True)]
    (tmp_path / "data.csv").write_text("x,w,y\n" + "".join(rows))
    settings = {"label": "y", "task": "regress", "show": False, "shards": 1, "rounds": 2, "epochs": 3}
    model = mrdl.train(tmp_path / "data.csv", weights="w", run_dir=str(tmp_path / "run"), **settings)
    last = model.rounds[-1]
    assert last["weighted_loss"] != pytest.approx(last["loss"], rel=0.01)
    share = 9 * is_high.sum() / (9 * is_high.sum() + (~is_high).sum())
    assert model.predict(np.array([[0.5]]))[0] == pytest.approx(1.75 + 1.5 * share, abs=0.15)


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "multilabel"])
def test_a_row_that_counts_as_two_is_worth_as_much_as_two_rows(name):
    """Alone, as the outer step is searched by, and beside what all rows count alike in."""
    rng = np.random.default_rng(2)
    flags = name == "multilabel"
    raw = (rng.random((40, 2)) < 0.5 if flags else rng.normal(3, 5, (40, 2))).astype(np.float32)
    output = rng.random((40, 2)).astype(np.float32) if flags else rng.normal(0, 3, (40, 2)).astype(np.float32)
    raw[7, 1] = np.nan
    counts = rng.integers(0, 3, 40)
    known = int(counts.sum() - counts[7])
    targets = Targets(("a", "b"), (0, 1), flags, np.array([3.0, 3.0]), np.array([5.0, 4.0]))
    twice, weighted, alone = (OfTargets(targets, LOSSES[name], loss_alone=alone) for alone in (False, False, True))
    twice.add(np.repeat(output, counts, 0), np.repeat(raw, counts, 0))
    for found in (weighted, alone):
        found.add(output, raw, counts * np.float64(39 / known))
    assert weighted.scores()["weighted_loss"] == pytest.approx(twice.scores()["loss"])
    assert alone.scores() == {"rows": 39, "loss": weighted.scores()["weighted_loss"]}
    plain = LOSSES[name].mean(output[:7], targets.wanted(raw[:7]), None)
    assert plain == pytest.approx(LOSSES[name].scores(output[:7], targets.wanted(raw[:7]), 0, None)["loss"])


def test_rows_that_are_given_back_count_by_their_column_too(weighted):
    settings = {"kind": "autoencoder", "label": "label", "shards": 2, "rounds": 1, "epochs": 1, "show": False}
    last = mrdl.train("rare.csv", weights="w", run_dir="run", **settings).rounds[-1]
    assert last["weighted_loss"] != pytest.approx(last["loss"], rel=0.01)


@pytest.mark.parametrize(("most", "told"), [("1e30", True), ("5000", True), ("20", False)])
def test_a_row_with_nearly_all_the_weight_is_told(tmp_path, command, most, told):
    rows = "".join(f"{i % 2},{i % 7},{most if i == 3 else 1}\n" for i in range(300))
    (tmp_path / "data.csv").write_text(f"y,x,w\n{rows}")
    words = (
        "train",
        tmp_path / "data.csv",
        "--label",
        "y",
        "--weights",
        "w",
        "--shards",
        "1",
        "--run-dir",
        tmp_path / "run",
    )
    status, _, err = command(*words, "--validation", "0", "--rounds", "1", "--epochs", "1", "--hidden", "4")
    assert status == 0
    assert ("a few of 300 rows have nearly all the weight: the weights in column 'w' go up to" in err) == told
