"""What the README says is so."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
README = (REPO / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_table_of_settings_is_that_of_the_code():
    """Mend it with: python scripts/settings_table"""
    updated = runpy.run_path(str(REPO / "scripts" / "settings_table"))["updated"]
    assert updated(README) == README


def test_the_five_lines_of_python_run(tmp_path):
    program = next(block for block in blocks("python") if "mrdl.train(" in block)
    program = program.replace("tests/data", str(REPO / "tests" / "data"))
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "digits.safetensors").exists() and "training_loss" in ended.stdout


@pytest.mark.parametrize("block", blocks("python"))
def test_python_in_the_readme_is_python(block):
    compile(block, "README.md", "exec")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:configs|scripts|jobs|tests|mrdl)/[\w./]*)", README))))
def test_named_files_are_there(name):
    assert (REPO / name).exists()


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (REPO / target).exists(), target


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([^)]+)\)", README))))
def test_anchors_lead_to_headings(anchor):
    headings = [h.strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", README, re.MULTILINE)]
    assert anchor in headings


def test_every_room_of_the_library_is_in_the_map():
    rooms = {path.name.removesuffix(".py") for path in (REPO / "mrdl").glob("[a-z]*") if path.suffix in ("", ".py")}
    house = README.split("## Developing")[1]
    assert {name for name in rooms if not re.search(rf"\b{name}\b", house)} == set()


@pytest.mark.parametrize("path", sorted((REPO / "configs").glob("*.toml")), ids=lambda path: path.name)
def test_every_config_is_read(path):
    from mrdl.settings.config import TrainConfig, from_file
    from mrdl.sweep.spec import read_spec

    if path.name.startswith("sweep"):
        assert len(read_spec(str(path)).designs(64, 10)) > 100
        return
    assert from_file(str(path)) != TrainConfig()


@pytest.mark.parametrize("script", ["install", "quickstart", "java", "test", "check"])
def test_shell_scripts_parse(script):
    subprocess.run(["sh", "-n", str(REPO / "scripts" / script)], check=True)
