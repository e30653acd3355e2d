"""What the README and the pages of docs/ say is so: links lead somewhere, tables are the code's, commands run."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mrdl.cli import output

REPO = Path(__file__).resolve().parent.parent
README = REPO / "README.md"
DOCS = sorted((REPO / "docs").glob("*.md"))
PAGES = [README, *DOCS]
LINKING = [*PAGES, REPO / "scripts" / "paper" / "README.md", REPO / "tests" / "data" / "README.md"]
OPENING = "After this page you "
PLACES = "configs|docs|jobs|mrdl|scripts|tests"
QUICK = ["--shards", "2", "--rounds", "1", "--epochs", "1", "--warm-rows", "50", "--nodes", "64,16,10"]
SHORT = {"budget": 2, "warm_rows": 50, "nodes": (64, 16, 10)}  # where a page has the defaults


def name_of(page):
    return str(page.relative_to(REPO))


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def each_block(language):
    """A parameter for each block of a language: its page, its text."""
    return [
        pytest.param(block, id=f"{name_of(page)}-{i}")
        for page in PAGES
        for i, block in enumerate(blocks(page, language))
    ]


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def commands(text):
    """The words of each `mrdl` command of a shell block; > FILE is -o FILE."""
    for line in text.splitlines():
        words = shlex.split(line.replace(">", " > "), comments=True)
        if words[:1] == ["mrdl"]:
            yield ["-o" if word == ">" else word for word in words[1:]]
        elif words[:1] == ["python"] and words[1] in ("train.py", "mine.py"):
            yield ["train", *words[2:]]


def anchors(page):
    """The names that headings of a page have in links, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- the pages ---


def test_the_readme_is_short_and_names_every_page():
    text = README.read_text()
    assert len(text.splitlines()) <= 200
    assert set(re.findall(r"\]\((docs/\w[\w-]*\.md)\)", text)) == {name_of(page) for page in DOCS}


@pytest.mark.parametrize("page", DOCS, ids=name_of)
def test_a_page_opens_with_what_one_can_do_after_reading_it(page):
    title, empty, opening = page.read_text().splitlines()[:3]
    assert title.startswith("# ") and not empty and opening.startswith(OPENING)


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        place, _, anchor = target.partition("#")
        linked = page.parent / place if place else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_are_there(page):
    text = page.read_text()
    for name in set(re.findall(rf"`((?:{PLACES})/[\w./]*)`", text)):
        assert (REPO / name).exists(), name
    for name in set(re.findall(r"`([\w/]+\.py)`", text)) - {"mine.py"}:
        assert (REPO / name).exists() or (REPO / "mrdl" / name).exists(), name


# --- what is made from the code ---


@pytest.mark.parametrize(
    ("script", "name"),
    [("settings_table", "training.md"), ("settings_table", "sweeps.md"), ("house", "contributing.md")],
)
def test_a_table_is_that_of_the_code(script, name):
    """Mend it with: python scripts/settings_table; python scripts/house"""
    page = (REPO / "docs" / name).read_text()
    assert runpy.run_path(str(REPO / "scripts" / script))["updated"](page) == page


def test_the_picture_of_the_house_is_that_of_its_floors():
    """Mend it with: python scripts/house"""
    assert runpy.run_path(str(REPO / "scripts" / "house"))["picture"]() == (REPO / "docs" / "house.svg").read_text()


def test_every_package_is_in_the_table_of_rooms():
    rooms = (REPO / "docs" / "contributing.md").read_text()
    packages = [path.parent for path in (REPO / "mrdl").rglob("__init__.py") if path.parent != REPO / "mrdl"]
    assert packages and [package for package in packages if f"| `{name_of(package)}` |" not in rooms] == []


@pytest.mark.parametrize("path", sorted((REPO / "configs").glob("*.toml")), ids=lambda path: path.name)
def test_every_config_is_read(path):
    from mrdl.settings.config import TrainConfig, from_file
    from mrdl.sweep.spec import read_spec

    if path.name.startswith("sweep"):
        assert len(read_spec(str(path)).designs(64, 10)) > 100
        return
    assert from_file(str(path)) != TrainConfig()


# --- what they say to type ---


@pytest.mark.parametrize("block", each_block("sh"))
def test_commands_are_those_of_the_command_line(block):
    from mrdl.cli.main import _parser

    for words in commands(block):
        options = _parser().parse_args(words)
        assert callable(options.command), words
        for name in getattr(options, "config", ""), getattr(options, "spec", ""), getattr(options, "mrjob_conf", ""):
            assert not name or (REPO / name).exists(), name


@pytest.mark.parametrize("name", ["training.md", "networks.md", "durability.md"])
def test_the_commands_of_a_page_run_one_after_the_other(name, command, tmp_path, monkeypatch):
    for folder in ("tests", "configs"):
        (tmp_path / folder).symlink_to(REPO / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "is_file", lambda: False)  # pytest's own takes what a screen would
    ran = 0
    for block in blocks(REPO / "docs" / name, "sh"):
        for words in commands(block):
            if words[0] in ("advise", "drill", "sweep") or words[1:2] in (["images.csv"], ["labelled.csv"]):
                continue
            status, _, err = command(*words, **({"defaults": SHORT} if words[0] == "train" else {}))
            assert status == 0, (words, err)
            ran += 1
    assert ran > 1


@pytest.mark.parametrize("script", ["install", "quickstart", "java", "test", "check"])
def test_shell_scripts_parse(script):
    subprocess.run(["sh", "-n", str(REPO / "scripts" / script)], check=True)


# --- what they say to program ---


@pytest.mark.parametrize("block", each_block("python"))
def test_python_is_python(block):
    compile(block, "page", "exec")


@pytest.mark.parametrize("block", each_block("toml"))
def test_a_spec_is_one(block):
    from mrdl.sweep.spec import spec_of

    assert spec_of(tomllib.loads(block)).space.axes()


def run_python(tmp_path, text, *flags):
    (tmp_path / "mine.py").write_text(text.replace("tests/data", str(REPO / "tests" / "data")))
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "mine.py", *map(str, flags)]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_five_lines_of_python_run(tmp_path):
    program = next(block for block in blocks(README, "python") if "mrdl.train(" in block)
    assert "training_loss" in run_python(tmp_path, program)
    assert (tmp_path / "digits.safetensors").exists()


def test_the_lines_of_python_of_training_run(tmp_path, monkeypatch, capsys):
    (tmp_path / "tests").symlink_to(REPO / "tests")
    monkeypatch.chdir(tmp_path)
    program = next(block for block in blocks(REPO / "docs" / "training.md", "python") if "mrdl.train(" in block)
    names = {}
    exec(program, names)
    assert "'accuracy'" in capsys.readouterr().out
    assert names["again"].to_bytes() == names["model"].to_bytes()


def test_the_search_of_training_runs(tmp_path):
    program = next(block for block in blocks(REPO / "docs" / "training.md", "python") if "GridSearchCV" in block)
    assert "'epochs': " in run_python(tmp_path, program)
    assert (tmp_path / "best.safetensors").exists()


@pytest.mark.parametrize("flags", [("RULES[", "--combine", "median", "--kind", "bent"), ("def parse(",)])
def test_a_job_of_ones_own_trains(flags, digits, tmp_path):
    mark, *more = flags
    program = next(block for block in blocks(REPO / "docs" / "extending.md", "python") if mark in block)
    assert '"sha256"' in run_python(tmp_path, program, digits, *QUICK, *more, "--json")


def test_a_listener_of_ones_own_listens(tmp_path):
    program = next(block for block in blocks(REPO / "docs" / "extending.md", "python") if "StopRun" in block)
    run_python(tmp_path, program)
    kinds = [json.loads(line)["event"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert (kinds[0], kinds[-1], kinds.count("RoundDone")) == ("Began", "Finished", 4)


def test_a_back_end_of_ones_own_trains(small_csv, tmp_path, monkeypatch):
    from mrdl import Sweep

    program = next(block for block in blocks(REPO / "docs" / "extending.md", "python") if "def majority(" in block)
    (tmp_path / "back_end_of_a_page.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    spec = {
        "data": {"label": "answer"},
        "space": {"depth": [1, 2]},
        "sweep": {"backend": "back_end_of_a_page:majority"},
    }
    table = Sweep(spec).run(small_csv, runner="inline", show=False)
    assert list(table.status) == ["done", "done"] and (table.accuracy == table.baseline).all() and table.collapsed.all()
