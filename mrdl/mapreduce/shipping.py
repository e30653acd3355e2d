"""How mrdl itself reaches the tasks."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import mrdl


def zip_package(folder: Path, also: Path | None = None, files: Mapping[str, Path] | None = None) -> Path:
    """mrdl itself as a zip for the nodes, which need not have it installed.

    also: a module or package beside it; files: single ones, name in the zip -> path.
    """
    path = folder / "mrdl.zip"
    with zipfile.ZipFile(path, "w") as file:
        for home in filter(None, (PACKAGE, also)):
            for source in sorted(home.rglob("*.py")) if home.is_dir() else [home]:
                file.write(source, source.relative_to(home.parent))
        for name, source in (files or {}).items():
            file.write(source, name)
    return path


PACKAGE = Path(mrdl.__file__).resolve().parent  # mrdl itself, as it lies here


def with_package(**more: str) -> dict[str, str]:
    """This process's environment for a Python process of its own, which finds mrdl where this one did."""
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}
