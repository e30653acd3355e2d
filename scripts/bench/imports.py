"""What importing mrdl costs a task on YARN: CPU milliseconds, from the zip that it is sent, with and without what is
compiled in it, and `mrdl --help`. What mrdl itself imports of others is loaded before.

.venv/bin/python scripts/bench/imports.py [--repeats 9]
"""

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

from common import PYTHON, REPO, measure, table

sys.path.insert(0, str(REPO))

TASKS = {"a task that places rows": "mrdl.rounds.job", "a task that trains": "mrdl.nn.trainer"}
PROGRAM = """
import sys, time
import {module}
for name in [name for name in sys.modules if name.startswith("mrdl")]:
    del sys.modules[name]
began = time.process_time()
import {module}
print(1000 * (time.process_time() - began))
"""


def milliseconds(package, module, repeats):
    """The fastest of so many processes."""
    env = {"PYTHONPATH": str(package), "PYTHONSAFEPATH": "1"}
    program = PROGRAM.format(module=module)
    return min(float(measure([PYTHON, "-c", program], cwd="/", env=env).out) for _ in range(repeats))


def without_compiled(package, folder):
    path = Path(folder) / "sources.zip"
    with zipfile.ZipFile(package) as file, zipfile.ZipFile(path, "w") as other:
        for name in file.namelist():
            if not name.endswith(".pyc"):
                other.writestr(name, file.read(name))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    from mrdl.mapreduce.shipping import zip_package

    with tempfile.TemporaryDirectory() as folder:
        package = zip_package(Path(folder))
        zips = {"sources alone": without_compiled(package, folder), "with what is compiled": package}
        rows = [
            [task, *[f"{milliseconds(path, module, options.repeats):.0f}" for path in zips.values()]]
            for task, module in TASKS.items()
        ]
        table("Importing mrdl from its zip, CPU ms, the fastest", rows, ["", *zips])
        sizes = [[name, f"{path.stat().st_size / 1e3:.0f}"] for name, path in zips.items()]
        table("The zip", sizes, ["", "kB"])
    help_s = [measure([PYTHON, "-m", "mrdl", "--help"]).wall for _ in range(options.repeats)]
    table("mrdl --help, wall seconds, the fastest", [[f"{min(help_s):.2f}"]], ["s"])


if __name__ == "__main__":
    main()
