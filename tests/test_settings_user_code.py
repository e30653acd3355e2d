"""A user's own job, rule or network kind: it trains where it says so, and a change of it is a change of the run."""

import dataclasses
import json
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import mrdl
from mrdl.cli.script import TrainJob
from mrdl.errors import ConfigError, ModelError, TrainingError
from mrdl.nn import kinds
from mrdl.nn.kinds import build, design, mlp
from mrdl.rounds import combine, extensions
from mrdl.settings import user_code
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import choices_of

SMALL = ["--nodes", "64,8,10", "--shards", "2", "--rounds", "1", "--epochs", "1", "--warm-rows", "60", "--json"]
QUICK = {"nodes": (64, 8, 10), "shards": 2, "rounds": 1, "epochs": 1, "warm_rows": 60, "show": False}
JOB = """
from mrdl.cli.script import TrainJob
from helper import turned

print("what a task prints is no record")

class Train(TrainJob):
    def parse(self, schema):
        inner = super().parse(schema)
        def parse(text):
            blocks, bad = inner(text)
            return [turned(block) for block in blocks], bad
        return parse

if __name__ == "__main__":
    Train.run()
"""
HELPER = """
import dataclasses

def turned(block):
    return dataclasses.replace(block, features=16 - block.features)
"""
TABLES = """
import dataclasses
from functools import partial
from mrdl.nn.kinds import KINDS, mlp
from mrdl.rounds.combine import RULES
from mrdl.cli.script import TrainJob

def first(results):
    return results[0].weights

def bent(nodes, by):
    return dataclasses.replace(mlp(nodes), activations=(by,) * (len(nodes) - 2) + ("linear",))

RULES["first"] = first
KINDS["bent"] = partial(bent, by="tanh")

if __name__ == "__main__":
    TrainJob.run()
"""


@pytest.fixture
def script(tmp_path, digits):
    """Run a script as a user does: script("job.py", text, *words); files beside it are written before."""

    def run(name, text, *words):
        (tmp_path / name).write_text(text)
        command = [sys.executable, name, str(digits), *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)

    return run


@pytest.fixture
def tables(monkeypatch):
    """The two tables, as they were when the test ends."""
    monkeypatch.setattr(combine, "RULES", combine.RULES)
    before = dict(combine.RULES), dict(kinds.KINDS)
    yield combine.RULES, kinds.KINDS
    for table, entries in zip((combine.RULES, kinds.KINDS), before, strict=True):
        table.clear()
        table.update(entries)


def sha(ended) -> str:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])["sha256"]


# --- a job of one's own ---


def test_a_changed_neighbour_of_a_job_file_is_another_network_and_no_resumed_run(script, tmp_path):
    (tmp_path / "helper.py").write_text(HELPER)
    before = sha(script("job.py", JOB, *SMALL, "--run-dir", "a"))
    (tmp_path / "helper.py").write_text(HELPER.replace("16 - block.features", "block.features[:, ::-1]"))
    assert sha(script("job.py", JOB, *SMALL, "--run-dir", "b")) != before, "not trained on the old shards"
    resumed = script("job.py", JOB, *SMALL, "--run-dir", "a", "--resume")
    assert resumed.returncode == 2
    assert re.search(r"holds a run of other code \(helper\.py '\w+' there, '\w+' now\)", resumed.stderr)


@pytest.mark.slow
def test_processes_find_the_neighbours_of_a_job_file_and_end_in_the_same_bytes(script, tmp_path):
    (tmp_path / "helper.py").write_text(HELPER)
    inline = sha(script("job.py", JOB, *SMALL))
    assert sha(script("job.py", JOB, *SMALL, "-r", "local")) == inline


@pytest.mark.slow
def test_rules_and_kinds_of_a_script_train_in_processes_as_inline(script):
    words = [*SMALL, "--combine", "first", "--kind", "bent"]
    inline = sha(script("job.py", TABLES, *words))
    assert sha(script("job.py", TABLES, *words, "-r", "local")) == inline
    plain = sha(script("job.py", TABLES, *SMALL))
    assert inline != plain


def test_the_digest_covers_what_is_imported_from_the_folder_and_nothing_else(tmp_path, monkeypatch):
    files = {
        "jobs_a.py": "import numpy, pkg.inner\nfrom later import x\nfrom mrdl.cli.script import TrainJob\n"
        "class Mine(TrainJob):\n    def parse(self, schema):\n        import lazily\n",
        "pkg/__init__.py": "", "pkg/inner.py": "from . import beside\n", "pkg/beside.py": "x = 1\n",
        "later.py": "x = 1\n", "lazily.py": "", "unused.py": "", "numpy_.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    import jobs_a

    try:
        found = user_code.code_of(jobs_a.Mine)
        names = {"jobs_a.py", "pkg/__init__.py", "pkg/inner.py", "pkg/beside.py", "later.py", "lazily.py"}
        assert set(found.files) == set(found.digests) == names
        assert found.roots == (str(tmp_path),)
        (tmp_path / "unused.py").write_text("changed")
        assert user_code.code_of(jobs_a.Mine).digests == found.digests
        (tmp_path / "pkg" / "beside.py").write_text("changed = 1")
        assert user_code.code_of(jobs_a.Mine).digests != found.digests
    finally:
        for name in ("jobs_a", "pkg", "pkg.inner", "pkg.beside", "later"):
            sys.modules.pop(name, None)


def test_jobs_of_mrdl_itself_have_no_code_of_the_users():
    assert user_code.code_of(TrainJob) == user_code.Code()


def test_a_hook_set_from_outside_is_refused_where_tasks_would_not_see_it(monkeypatch, digits, new_run):
    monkeypatch.setattr(TrainJob, "combine_rule", staticmethod(lambda results: results[0].weights))
    with pytest.raises(ConfigError, match="a hook of TrainJob was set from outside, where tasks do not see it"):
        new_run(runner="local", job_class=TrainJob).execute()


def test_a_job_file_that_imports_relatively_is_refused_before_processes_start(tmp_path, monkeypatch, new_run):
    (tmp_path / "inpkg").mkdir()
    (tmp_path / "inpkg" / "__init__.py").write_text("")
    (tmp_path / "inpkg" / "rules.py").write_text("")
    text = "from . import rules\nfrom mrdl.cli.script import TrainJob\nclass Mine(TrainJob): pass\n"
    (tmp_path / "inpkg" / "train.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    import inpkg.train

    with pytest.raises(ConfigError, match=r"train\.py imports \.rules relative to its package.*import by full names"):
        new_run(runner="local", job_class=inpkg.train.Mine).execute()


# --- rules ---


def last(results):
    """A rule."""
    return results[-1].weights


def test_a_rule_that_is_put_into_the_table_is_the_rule(tables, digits, tmp_path):
    tables[0]["last"] = last
    settings = {**QUICK, "combine": "last", "outer_step": 1.0, "outer_momentum": 0.0}
    found = mrdl.train(digits, run_dir=str(tmp_path / "a"), **settings)
    plain = mrdl.train(digits, run_dir=str(tmp_path / "b"), **{**settings, "combine": "mean"})
    assert found.sha256 != plain.sha256 and found.settings["combine"] == "last"


def test_an_unknown_rule_is_told_with_those_that_there_are(tables):
    tables[0]["last"] = last
    with pytest.raises(ConfigError, match="combine is 'third', expected one of mean, uniform, last"):
        TrainConfig(combine="third")


def test_a_rule_that_was_changed_is_no_resumed_run(tables, digits, tmp_path, monkeypatch):
    tables[0]["last"] = last
    mrdl.train(digits, run_dir=str(tmp_path / "run"), combine="last", **QUICK)
    monkeypatch.setattr(user_code, "_sha", lambda path: "changed")
    with pytest.raises(ConfigError, match=r"of other code \(test_settings_user_code\.py"):
        mrdl.train(digits, run_dir=str(tmp_path / "run"), combine="last", resume=True, **QUICK)


@pytest.mark.parametrize("wrong", [lambda results: None, lambda results: {"layers.0.weight": np.zeros(3)}])
def test_a_rule_that_gives_no_weights_ends_in_words(wrong):
    results = [combine.ShardResult(0, 5, {"a": np.ones(3, np.float32)}, {"loss": 1.0}, "")]
    with pytest.raises(TrainingError, match=r"the combine rule gave \w+, expected a dict with the names and shapes"):
        combine.combine(results, wrong)


def test_a_task_takes_a_rule_by_its_module_and_says_where_it_is_not_there(tables):
    about = extensions.Extension("combine", "last", __name__, "last")
    about.load()
    assert tables[0]["last"] is last
    with pytest.raises(ConfigError, match=r"'third' is not there when tasks load test_settings_user_code\.py:"):
        dataclasses.replace(about, name="third", qualname="f.<locals>.third").load()


def test_a_file_that_trains_when_its_tasks_load_it_is_told_so(digits, new_run):
    with (
        user_code.loading("prog"),
        pytest.raises(ConfigError, match=r'prog\.py starts a training .* `if __name__ == "__m'),
    ):
        new_run()


def test_a_rule_of_a_session_trains_inline_and_is_refused_elsewhere(tables, digits, tmp_path, new_run, monkeypatch):
    tables[0]["typed"] = lambda results: results[0].weights
    tables[0]["typed"].__module__ = "nowhere"

    with pytest.raises(
        ConfigError, match="lies in no file that tasks could load: write it into one, or take -r inline"
    ):
        new_run(combine="typed", runner="local").execute()


# --- network kinds ---


def bent(nodes, by="tanh"):
    """A network kind: an mlp whose hidden layers are bent in another way."""
    return dataclasses.replace(mlp(nodes), activations=(by,) * (len(nodes) - 2) + ("linear",))


def test_a_kind_that_is_put_into_the_table_trains_and_is_loaded_again(tables, digits, tmp_path):
    tables[1]["bent"] = partial(bent, by="sigmoid")
    model = mrdl.train(digits, run_dir=str(tmp_path / "run"), kind="bent", **QUICK)
    assert (model.arch.kind, model.arch.activations) == ("bent", ("sigmoid", "linear"))
    model.save(tmp_path / "bent.net")
    again = mrdl.load(tmp_path / "bent.net")
    assert again.arch == model.arch and list(again.predict(digits)) == list(model.predict(digits))
    del tables[1]["bent"]
    with pytest.raises(ModelError, match=r"kind 'bent', expected one of mlp, .*must be in mrdl\.nn\.kinds\.KINDS"):
        mrdl.load(tmp_path / "bent.net")


def test_a_kind_that_trains_without_classes_needs_no_label(tables, digits, tmp_path):
    tables[1]["folded"] = lambda nodes: kinds.autoencoder(nodes, "tanh")
    assert not TrainConfig(kind="folded").supervised and TrainConfig(kind="mlp").supervised
    model = mrdl.train(digits, run_dir=str(tmp_path / "run"), kind="folded", **{**QUICK, "nodes": (64, 8)})
    assert model.arch.nodes == (64, 8, 64) and "accuracy" not in model.rounds[-1]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (lambda nodes: None, "gave None, expected an Architecture"),
        (lambda nodes, factor: mlp(nodes), "needs 'factor', which no setting has: bind it with partial"),
        (
            lambda nodes: mlp([nodes[0], 2 * nodes[1], nodes[2]]),
            r"made \[4, 6, 2\] of \[4, 3, 2\], and another network",
        ),
        (
            lambda nodes: dataclasses.replace(mlp(nodes), loss="l2"),
            "gave loss 'l2', expected one of nll, mse, mae, huber, multilabel, bce, cd",
        ),
        (lambda nodes: dataclasses.replace(mlp(nodes), activations=("gelu", "linear")), r"gave activations \('gelu'"),
        (lambda nodes: dataclasses.replace(mlp(nodes), stages=()), r"gave stages \(\), expected one or more"),
    ],
)
def test_a_kind_that_cannot_be_trained_is_told_before(tables, kind, told):
    tables[1]["mine"] = kind
    with pytest.raises(ConfigError, match=f"network kind 'mine' {told}"):
        build("mine", (4, 3, 2), {"activation": "relu"})


def test_a_kind_in_the_place_of_one_of_mrdls_is_the_one_that_is_built(tables):
    tables[1]["mlp"] = bent
    assert design("mlp", (4, 3, 2), 4, 2).activations == ("tanh", "linear")


# --- what is said of it ---


def test_the_settings_know_the_names_in_the_tables():
    for field in dataclasses.fields(TrainConfig):
        if field.metadata["table"]:
            own = {"kind": kinds.OWN_KINDS, "combine": combine.OWN_RULES}[field.name]
            assert field.metadata["choices"] == tuple(own) == choices_of(field)
