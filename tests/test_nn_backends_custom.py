"""A back end of one's own is code: a plan finds it and says where, and only a run runs it."""

import json

import pytest

from mrdl.cli.main import main
from mrdl.errors import ConfigError
from mrdl.nn.backends.custom import find

RUNS = "import pathlib\npathlib.Path({mark!r}).touch()\n"
FIT = "def fit(design, data, report):\n"
FIT += "    from mrdl.nn.backends.result import Result\n    return Result(data.test_y, 0.1)\n"


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """A file that is there when code of the back end, or of the packages around it, was run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    code = RUNS.format(mark=str(tmp_path / "mark"))
    for name in ("outer/__init__.py", "outer/inner/__init__.py", "outer/inner/mine.py", "plain.py"):
        (tmp_path / name).write_text(code + (FIT if name.endswith(("mine.py", "plain.py")) else ""))
    return tmp_path / "mark"


def spec(folder, backend):
    (folder / "spec.toml").write_text(
        f'[data]\nlabel = "answer"\n[space]\nnodes = [[1], [2]]\n[sweep]\nbackend = "{backend}"\n'
    )
    return str(folder / "spec.toml")


@pytest.mark.parametrize("backend", ["plain:fit", "outer.inner.mine:fit"])
def test_a_plan_finds_the_module_and_does_not_run_it(mark, tmp_path, small_csv, capsys, backend):
    assert main(["sweep", "plan", spec(tmp_path, backend), str(small_csv)]) == 0
    told = capsys.readouterr().out
    place = tmp_path / (backend.partition(":")[0].replace(".", "/") + ".py")
    assert f"the back end {backend} is code of {place}: to run the sweep runs it" in told.replace("\n", " ")
    assert "label: column " in told and not mark.exists()


def test_a_run_runs_it_and_says_so(mark, tmp_path, small_csv, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["sweep", "run", spec(tmp_path, "plain:fit"), str(small_csv), "-r", "inline", "--json"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["done"] == 2 and mark.exists()
    assert "is code of" in told.err and "label: column " in told.err


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("plain:nothing", "plain.py has no 'nothing'"), ("outer.inner:fit", "__init__.py has no 'fit'"),
        ("outer.other.mine:fit", "there is no module 'outer.other'"), ("broken:fit", "SyntaxError"),
        ("../plain:fit", "module:function"), ("plain:", "module:function"), ("plain:a b", "module:function"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_back_end_is_told_by_the_plan(mark, tmp_path, small_csv, capsys, backend, words):
    (tmp_path / "broken.py").write_text("def fit(:\n")
    assert main(["sweep", "plan", spec(tmp_path, backend), str(small_csv)]) == 2
    assert words in capsys.readouterr().err and not mark.exists()


@pytest.mark.parametrize(
    "code",
    [
        "from plain import fit", "import plain as fit", "fit = lambda *about: None", "if True:\n    fit = 1",
        "try:\n    import nowhere\nexcept ImportError:\n    def fit(): ...", "from plain import *", "class fit: ...",
        "def __getattr__(name): ...", "globals()['fit'] = 1", "fit: object = None",
    ],
)  # fmt: skip
def test_a_function_may_come_to_be_in_any_way(mark, tmp_path, code):
    (tmp_path / "odd.py").write_text(code + "\n")
    assert find("odd:fit") == tmp_path / "odd.py"
    with pytest.raises(ConfigError, match="there is no module"):
        find("odd.more:fit")


def test_a_module_without_text_is_left_to_the_run():
    assert find("math:sqrt") is None or find("math:sqrt").suffix == ".py"
