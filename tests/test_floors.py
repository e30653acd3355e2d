"""The house holds: imports go down only, and each heavy package has its home."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

MRDL = Path(__file__).resolve().parent.parent / "mrdl"
FLOORS = [
    {"__init__", "errors", "values", "stages", "atomic", "origin", "provenance"},
    {"paths", "words", "formats"},
    {"labels"},
    {"baseline", "lock", "config", "architecture", "schema", "monitor", "shard", "rest", "cluster", "patience"},
    {"plan", "threads", "sieve", "screen"},
    {"data", "preparation", "combine", "extensions", "outer", "minibatch", "net", "webhdfs", "results", "header"},
    {"answers", "frame", "layout", "columns"},
    {"target"},
    {"backprop", "boltzmann", "storage", "protocol"},
    {"trainer", "shuffle", "task", "arguments", "source", "reading"},
    {"model"},
    {"cache", "job", "runners", "witness"},
    {"launch"},
    {"dispatch", "advise", "faults", "judge", "beginning", "trial"},
    {"driver", "console", "drill", "plot"},
    {"commands", "prediction", "views"},
    {"paper", "paper_data", "destination", "guest", "__main__"},
]
UPWARD = {("job", "__main__")}  # a job file is also a command
HOMES = {
    "mrjob": {"job", "runners", "launch"},
    "torch": {"minibatch", "backprop", "boltzmann", "net", "trainer", "model", "paper_data", "threads"},
    "pyarrow": {"data", "frame", "sieve", "protocol", "target"},
    "hdfs": {"webhdfs"},
    "requests": {"webhdfs", "rest"},
    "pandas": {"model", "frame"},
    "rich": {"console", "commands", "prediction", "screen", "views"},
    "matplotlib": {"plot"},
    "safetensors": {"protocol", "results", "header", "job", "dispatch"},
}
LAZY = {
    ("model", "torch"),
    ("model", "mrdl.boltzmann"),
    ("job", "mrdl.minibatch"),
    ("advise", "mrdl.minibatch"),
    ("model", "pandas"),
    ("job", "mrdl.trainer"),
    ("advise", "mrdl.trainer"),
    ("job", "mrdl.__main__"),
}


def imports(name):
    """(module, whether at the top of the file) for each import in mrdl/NAME.py."""
    tree = ast.parse((MRDL / f"{name}.py").read_text())
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "mrdl":
            found = [f"mrdl.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module]
        for module in found:
            yield module, node in tree.body


FILES = sorted(path.stem for path in MRDL.glob("*.py"))
EVERYWHERE = {".".join(path.relative_to(MRDL).with_suffix("").parts): path for path in MRDL.rglob("*.py")}


def inner_imports(name):
    """The files of this package that a file imports, lazily too."""
    for node in ast.walk(ast.parse(EVERYWHERE[name].read_text())):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from ({module.removeprefix("mrdl.") for module in found} & set(EVERYWHERE)) - {name}


def test_imports_go_down_only():
    """Files that import each other in a circle have no floors; CycleError names them."""
    users = {name: {other for other in inner_imports(name) if (name, other) not in UPWARD} for name in EVERYWHERE}
    TopologicalSorter(users).prepare()


@pytest.mark.parametrize("package", HOMES)
def test_a_package_is_imported_in_its_home_only(package):
    users = {name for name in FILES for module, _ in imports(name) if module.split(".")[0] == package}
    assert users <= HOMES[package], "move the import, or give the package another home on purpose"


@pytest.mark.parametrize("name, module", sorted(LAZY))
def test_what_costs_seconds_is_imported_when_needed(name, module):
    places = [at_top for found, at_top in imports(name) if found == module or found.startswith(f"{module}.")]
    assert places and not any(places)


def test_nothing_is_pickled():
    for name in FILES:
        used = {module.split(".")[0] for module, _ in imports(name)}
        assert not used & {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}, name


# --- the sweep's own house ---

SWEEP = MRDL / "sweep"
SWEEP_FLOORS = [
    {"__init__", "space", "record", "module", "trends", "bar", "optimizers", "usage"},
    {"child", "spec", "refusals", "adaptive", "dataset", "ledger", "analysis"},
    {"about", "parts"},
    {"fit", "figures"},
    {"batched", "report"},
    {"pack", "cost"},
    {"folder", "listing"},
    {"training", "job", "jobs", "processes", "on_yarn"},
    {"engine"},
    {"api"},
    {"commands"},
    {"verbs"},
]


def sweep_imports(name):
    tree = ast.parse((SWEEP / f"{name}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                [f"{node.module}.{a.name}" for a in node.names] if node.module == "mrdl.sweep" else [node.module]
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def sweep_floor(name):
    return next(i for i, names in enumerate(SWEEP_FLOORS) if name in names)


def test_every_file_of_the_sweep_has_a_floor():
    assert {path.stem for path in SWEEP.glob("*.py")} == set().union(*SWEEP_FLOORS)


@pytest.mark.parametrize("name", sorted(path.stem for path in SWEEP.glob("*.py")))
def test_the_sweep_imports_downwards(name):
    inner = {module.split(".")[2] for module in sweep_imports(name) if module.startswith("mrdl.sweep.")}
    assert not {other for other in inner if sweep_floor(other) > sweep_floor(name)}


def test_nothing_below_the_command_line_knows_of_sweeps():
    users = {name for name in FILES for module, _ in imports(name) if module.startswith("mrdl.sweep")}
    assert users == {"__main__"}
