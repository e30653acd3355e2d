"""How mrdl itself reaches the tasks: a zip for nodes that need not have it installed, a path for processes here."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import mrdl

PACKAGE = Path(mrdl.__file__).resolve().parent  # mrdl itself, as it lies here
THREADS = importlib.util.find_spec("threadpoolctl")  # one file, which nodes then need not have
LEFT_OUT = ("cli/", "cluster/mini/", "drill/", "preflight/", "reports/", "web/")  # what no task imports
KEPT = (  # of that: what `from mrdl import TrainJob, train` at the top of a job file loads
    "cli/__init__.py",
    "cli/output.py",
    "cli/screen.py",
    "cli/script.py",
    "cli/sweep/__init__.py",
    "cli/sweep/bar.py",
    "cli/sweep/listing.py",
)


def zip_package(folder: Path, also: Path | None = None, files: Mapping[str, Path] | None = None) -> Path:
    """Write mrdl.zip into a folder: mrdl itself, for the nodes. The same sources give the same bytes.

    also: a module or package beside it; files: single ones, name in the zip -> path. Returns the path of the zip.
    """
    path = folder / "mrdl.zip"
    with zipfile.ZipFile(path, "w") as file:  # stored: to unpack it would cost each task more than to read it
        for name, data in _package().items():
            file.writestr(zipfile.ZipInfo(name), data)
        if also:
            for source in sorted(also.rglob("*.py")) if also.is_dir() else [also]:
                file.write(source, source.relative_to(also.parent))
        for name, source in (files or {}).items():
            file.write(source, name)
    return path


@functools.cache
def _package() -> dict[str, bytes]:
    """The files of the zip by their names: each module, and threadpoolctl, as its source and as Python compiles it.

    Another Python on the nodes passes over what this one has compiled, and takes the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        sources = {source.relative_to(PACKAGE).as_posix(): source for source in PACKAGE.rglob("*.py")}
        for name in filter(_is_for_tasks, sources):
            place = Path(folder, "mrdl", name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sources[name], place)
        shutil.copyfile(str(THREADS and THREADS.origin), Path(folder, "threadpoolctl.py"))
        # the hash seed decides the order of sets, and so the bytes; a zip keeps no times to compare sources by
        words = [sys.executable, "-m", "compileall", "-q", "-b", "--invalidation-mode", "unchecked-hash", "."]
        subprocess.run(words, cwd=folder, env={**os.environ, "PYTHONHASHSEED": "0"}, check=True)
        found = sorted(Path(folder).rglob("*.py*"))
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _is_for_tasks(name: str) -> bool:
    """Whether a task may import a module. name: of its file, below the package."""
    return name in KEPT or not name.startswith(LEFT_OUT)


def with_package(**more: str) -> dict[str, str]:
    """The environment of this process for a Python process of its own, which finds mrdl where this one did.

    more: variables that are added. subprocess.run([sys.executable, "-m", "mrdl"], env=with_package(LANG="C"))
    """
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}
