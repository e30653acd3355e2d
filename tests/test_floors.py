"""The house holds: a room imports from lower floors, no files in a circle, each heavy library in its homes."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

MRDL = Path(__file__).resolve().parent.parent / "mrdl"
DOORS = {"__init__", "__main__", "api", "cli", "paper"}  # may use their neighbours
FLOORS = [
    {"errors"},
    {"metrics"},
    {"nn", "cluster"},
    {"storage"},
    {"settings"},  # above nn, whose tables are the choices of settings
    {"data"},
    {"shards", "model"},
    {"mapreduce"},
    {"rounds"},
    {"preflight", "drill", "sweep", "explanation", "inspection", "experiments"},
    {"reports"},
    {"web"},
    DOORS,
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
TORCH_IN_NN = {  # its engine, the module for people, what watches theirs, and the back ends of sweeps by torch
    "nn.diagnostics.torch_watch",
    "nn.engines.torch_device",
    "nn.engines.torch_engine",
    "nn.net",
    "nn.backends.torch_single",
    "nn.backends.torch_batched",
}
HOMES = {
    "mrjob": {"mapreduce"},
    "torch": {*TORCH_IN_NN, "model", "paper.data"},
    "hdfs": {"cluster"},
    "requests": {"cluster"},
    "rich": {"cli"},
    "matplotlib": {"reports", "experiments.notify.curve"},
    "plotly": {"reports"},
    "optuna": {"sweep", "reports"},
    "sklearn": {"api"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"cli"},
    "psutil": {"experiments"},
    "pynvml": {"experiments"},
    "apprise": {"experiments"},
}
PICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
FILES = {".".join(path.relative_to(MRDL).with_suffix("").parts): path for path in MRDL.rglob("*.py")}


def imported(node: ast.AST) -> Iterator[str]:
    """What a statement imports, each with its whole name: mrdl.nn.rows.Rows."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(name: str) -> Iterator[str]:
    """What a file imports, lazily too."""
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        yield from imported(node)


def file_of(found: str) -> str | None:
    """The file of this package that an import names, with or without a name in it; None for another package's."""
    inner = found.removeprefix("mrdl.") if found.startswith("mrdl.") else ""
    return next((name for name in (inner, inner.rpartition(".")[0]) if name in FILES), None)


def inner_imports(name: str) -> set[str]:
    """The files of this package that a file imports."""
    return {other for found in imports(name) if (other := file_of(found))}


def room(name: str) -> str:
    """The package at the top that a file lies in, or the file itself."""
    return name.split(".")[0]


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_room_imports_from_lower_floors(name):
    others = {other for other in inner_imports(name) if room(other) != room(name)}
    allowed = {other for other in others if room(name) in DOORS or FLOOR[room(other)] < FLOOR[room(name)]}
    assert others == allowed


def test_no_files_import_each_other_in_a_circle():
    TopologicalSorter({name: inner_imports(name) for name in FILES}).prepare()  # raises CycleError, which names it


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_heavy_library_is_imported_in_its_homes_only(library):
    users = {name for name in FILES for found in imports(name) if found.split(".")[0] == library}
    assert users and {name for name in users if not {name, room(name)} & HOMES[library]} == set()


def test_torch_in_nn_is_imported_at_the_top_of_its_files_and_nowhere_late():
    at_top, late = set(), set()
    for name in FILES:
        tree = ast.parse(FILES[name].read_text())
        for node in ast.walk(tree) if room(name) == "nn" else ():
            if any(found.split(".")[0] == "torch" for found in imported(node)):
                (at_top if node in tree.body else late).add(name)
    assert (at_top, late) == (TORCH_IN_NN, set())


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_pickles(name):
    assert not {found.split(".")[0] for found in imports(name)} & PICKLERS
    calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(FILES[name].read_text())) if isinstance(n, ast.Call)}
    assert not calls & {"torch.save", "torch.load", "np.load", "np.save", "numpy.load", "pd.read_pickle"}


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".__init__")))
def test_a_package_says_what_it_is_and_nothing_else(name):
    body = ast.parse(FILES[name].read_text()).body
    assert len(body) == 1 and ast.unparse(body[0]).startswith(("'", '"'))


def test_rooms_are_neither_corridors_nor_halls():
    packages = {path.parent for path in FILES.values() if path.parent != MRDL}
    sizes = {str(package.relative_to(MRDL)): len(list(package.glob("[a-z]*.py"))) for package in packages}
    assert {name: size for name, size in sizes.items() if not 2 <= size <= 16} == {}
