"""Which of two classes is said: chosen on the validation rows, kept in the model, and obeyed wherever it answers."""

import numpy as np
import pytest

import mrdl
from mrdl.errors import ConfigError

HOW = {"nodes": (2, 8, 2), "shards": 2, "rounds": 2, "epochs": 2, "warm_rows": 200, "warm_epochs": 1, "validation": 0.3}


@pytest.fixture
def rare(tmp_path, monkeypatch):
    """3,000 rows, of which 5 % are of class yes, which two numbers tell something of."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    is_rare = rng.random(3000) < 0.05
    values = rng.normal(size=(3000, 2)) + 1.5 * is_rare[:, None]
    rows = [f"{'yes' if y else 'no'},{a:.6f},{b:.6f}\n" for y, (a, b) in zip(is_rare, values, strict=True)]
    (tmp_path / "rare.csv").write_text("label,a,b\n" + "".join(rows))
    return values


def test_the_cut_is_kept_and_obeyed_and_no_weight_changes(rare, command):
    plain = mrdl.train("rare.csv", run_dir="plain", show=False, **HOW)
    status, _, err = command("train", "rare.csv", "--run-dir", "cut", "--decision", "f1", "--nodes", "2,8,2",
                             "--shards", "2", "--rounds", "2", "--epochs", "2", "--warm-rows", "200",
                             "--warm-epochs", "1", "--validation", "0.3")  # fmt: skip
    assert status == 0
    model = mrdl.load("cut")
    assert plain.cut is None and 0 < model.cut < 0.5 and model.sha256 == plain.sha256
    told = " ".join(err.split())
    assert f"'yes' is said from a probability of {model.cut:.4f} on, the best by f1 of the validation rows" in told
    assert "from where on a class is said, so their score flatters" in told
    said = model.predict(rare)
    assert list(said == "yes") == list(model.predict_proba(rare)[:, 1] >= model.cut)
    labels = np.loadtxt("rare.csv", str, delimiter=",", skiprows=1)[:, 0]
    scores, before = model.evaluate("rare.csv"), plain.evaluate("rare.csv")
    assert scores["accuracy"] == (said == labels).mean() and scores["auc"] == before["auc"]
    assert scores["f1"] > before["f1"] and scores["recall"] > before["recall"] + 0.1
    assert command("predict", "cut", "rare.csv")[1].split() == list(said)


def test_rows_that_test_are_answered_by_the_cut(rare, new_run):
    trained = new_run("rare.csv", decision="balanced_accuracy", test_fraction=0.2, **HOW).train()
    assert trained.test["balanced_accuracy"] > 0.7 > trained.model.validation["balanced_accuracy"]


def test_a_decision_is_of_two_classes_and_needs_validation_rows(digits, command, tmp_path, new_run):
    status, _, err = command("train", digits, "--decision", "f1", "--run-dir", tmp_path / "run")
    assert status == 2 and "decision is f1, expected argmax: there are not two classes" in err
    new_run(cache_dir=str(tmp_path / "cache"), rounds=1, epochs=1).execute()
    with pytest.raises(ConfigError, match="there are not two classes"):  # of cached shards, too
        new_run(cache_dir=str(tmp_path / "cache"), rounds=1, epochs=1, decision="f1").execute()
    with pytest.raises(ConfigError, match="decision = f1 is chosen on validation rows, but validation is 0"):
        new_run(decision="f1", validation=0)
    with pytest.raises(ConfigError, match="decision is f1, which is of classes, but none are learnt: leave it out"):
        new_run(decision="f1", kind="autoencoder").execute()
