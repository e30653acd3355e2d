"""What the nodes are sent of mrdl: all that tasks may import, compiled for this Python, and nothing that differs."""

import os
import subprocess
import sys
import zipfile

import pytest

import mrdl
from mrdl.mapreduce.shipping import LEFT_OUT, zip_package

ENTRANCES = ("mrdl.rounds.job", "mrdl.rounds.tasks", "mrdl.sweep.jobs.pack_job", "mrdl.nn.trainer")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return zip_package(tmp_path_factory.mktemp("package"))


def run(package, code):
    """Python's standard output, where mrdl is only in the zip."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(package), "PYTHONSAFEPATH": "1"}
    ended = subprocess.run([sys.executable, *code], env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_all_that_a_job_file_may_import_is_sent(package):
    names = "; ".join(f"from mrdl import {name}" for name in mrdl.__all__)
    told = run(package, ["-c", f"import {', '.join(ENTRANCES)}, mrdl, sys; {names}; print(mrdl.__file__)"])
    assert told == f"{package}/mrdl/__init__.pyc\n"


def test_a_task_takes_what_is_compiled_and_not_the_source(package):
    code = (
        "import sys, mrdl.rounds.job; print(*[m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'mrdl'])"
    )
    files = run(package, ["-c", code]).split()
    assert len(files) > 20 and {file for file in files if not file.endswith(".pyc")} == set()


def test_another_python_takes_the_source(package, tmp_path):
    with zipfile.ZipFile(package) as file, zipfile.ZipFile(tmp_path / "mrdl.zip", "w") as other:
        for name in file.namelist():
            data = file.read(name)
            other.writestr(name, b"\x00\x00\r\n" + data[4:] if name.endswith(".pyc") else data)
    told = run(tmp_path / "mrdl.zip", ["-c", "import mrdl.rounds.tasks as t; print(t.__file__)"])
    assert told.rstrip() == f"{tmp_path}/mrdl.zip/mrdl/rounds/tasks.py"


def test_the_same_sources_give_the_same_bytes(package, tmp_path):
    code = "import sys, pathlib, mrdl.mapreduce.shipping as s; s.zip_package(pathlib.Path(sys.argv[1]))"
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=env, check=True)
    assert (tmp_path / "mrdl.zip").read_bytes() == package.read_bytes()


def test_what_no_task_needs_stays_here(package):
    names = zipfile.ZipFile(package).namelist()
    for room in ("mrdl/reports/", "mrdl/drill/", "mrdl/cli/main"):
        assert any(room.startswith(f"mrdl/{left}") for left in LEFT_OUT)
        assert not [name for name in names if name.startswith(room)]


def test_a_module_of_the_users_own_and_single_files_lie_beside_it(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "one.py").write_text("A = 1")
    path = zip_package(tmp_path, also=tmp_path / "mine", files={"deep/one.py": tmp_path / "one.py"})
    assert {"mine/__init__.py", "deep/one.py", "mrdl/__init__.py"} <= set(zipfile.ZipFile(path).namelist())
