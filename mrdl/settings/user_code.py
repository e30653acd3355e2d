"""Where a user's own code comes from: its file, the files beside it that it imports, and how tasks load it again.

A job file, a combine rule or a network kind decides what a run learns as much as a setting does. So its source is a
part of the run's identity, and goes to the nodes with mrdl itself.
"""

import ast
import functools
import hashlib
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from mrdl.errors import ConfigError

OURS = ("mrdl", "mrjob", "builtins")
HOOKS = ("parse", "combine_rule")
SESSION = "(session)"  # in place of a file's name
_loading: list[str] = []  # the file that a task is loading, if it does


@dataclass(frozen=True)
class Code:
    """The user's own code of a run. files: name below its root -> path; digests: name -> SHA-256; roots: the folders
    that its imports begin in."""

    files: dict[str, Path] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    roots: tuple[str, ...] = ()


def code_of(job_class: type, functions: Iterable[Callable[..., Any]] = ()) -> Code:
    """The code of a job class and of functions, with what they import from their own folder; none of mrdl's."""
    modules = dict.fromkeys([*_modules_of(job_class), *map(home, functions)])
    files: dict[str, Path] = {}
    roots: dict[str, None] = {}
    digests: dict[str, str] = {}
    for module in modules:
        path = _file(module)
        if path is None:
            digests[SESSION] = os.urandom(8).hex()  # nothing tells whether it is what it was
        elif _is_installed(path):
            digests[import_name(module)] = _sha(path)
        else:
            levels = import_name(module).count(".") + (path.name == "__init__.py")
            roots[str(path.parents[levels])] = None
            _follow(path.parents[levels], path, files)
    digests.update({name: _sha(path) for name, path in sorted(files.items())})
    return Code(files, digests, tuple(roots))


def check_for_tasks(code: Code, job_class: type) -> None:
    """Raise ConfigError where tasks in processes of their own could not load the code."""
    if SESSION in code.digests:
        raise ConfigError(
            "a job class, rule or network kind of this run lies in no file that tasks could load: "
            "write it into one, or take -r inline"
        )
    if _is_ours(job_class.__module__):
        if any(not _is_ours(home(hook)) for hook in _hooks(job_class)):
            raise ConfigError(
                f"a hook of {job_class.__qualname__} was set from outside, where tasks do not see it: "
                "derive a class from it in a script of your own, with the hook in it"
            )
        return
    path = _file(job_class.__module__)
    if path and (names := sorted(_relative(path))):
        raise ConfigError(
            f"{path.name} imports {', '.join(names)} relative to its package, but tasks run it as a script: "
            "import by full names"
        )


def refuse_while_loading() -> None:
    """Raise ConfigError where a task loads a file that would start a training."""
    if _loading:
        raise ConfigError(
            f"{_loading[-1]}.py starts a training when its own tasks load it: "
            f'put what it does below `if __name__ == "__main__":`'
        )


@contextmanager
def loading(module: str) -> Iterator[None]:
    """Inside, a task loads a module of the user's, which must not start a training."""
    _loading.append(module)
    try:
        yield
    finally:
        _loading.pop()


# --- modules and their files ---


def _is_ours(module: str) -> bool:
    """Whether a module is mrdl's own, and so no code of a user's."""
    return module.split(".")[0] in OURS


def _modules_of(job_class: type) -> list[str]:
    """The modules of a class and of those above it, and of the functions that are its hooks."""
    modules = [base.__module__ for base in job_class.__mro__]
    modules += [home(hook) for hook in _hooks(job_class)]
    return [module for module in dict.fromkeys(modules) if not _is_ours(module)]


def _hooks(job_class: type) -> list[Callable[..., Any]]:
    """The functions of a job class that a user may have set."""
    return [hook for name in HOOKS if (hook := getattr(job_class, name, None)) is not None]


def unbound(function: Callable[..., Any]) -> Any:
    """The function below functools.partial."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def home(function: Callable[..., Any]) -> str:
    """The module that a function is defined in; the main one where mrdl's own or a library's was only bound there."""
    module = str(getattr(unbound(function), "__module__", None) or "__main__")
    return "__main__" if isinstance(function, functools.partial) or module == "functools" else module


def import_name(module: str) -> str:
    """The name by which another process imports a module, the main one included."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return str(spec.name) if spec else Path(file).stem if file else "__main__"


def _file(module: str) -> Path | None:
    """The file of a module that is loaded; None where it has none."""
    found: ModuleType | None = sys.modules.get(module)
    name = getattr(found, "__file__", None)
    return Path(name).resolve() if name and os.path.isfile(name) else None


def _is_installed(path: Path) -> bool:
    """Whether a file is of an installed package, which the nodes have as we do."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return any(path.is_relative_to(Path(place).resolve()) for place in places if place)


def _sha(path: Path) -> str:
    """A short hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


# --- what a file imports from its own folder ---


def _follow(root: Path, path: Path, found: dict[str, Path]) -> None:
    """Add a file, and all below `root` that it imports, to `found`."""
    name = path.relative_to(root).as_posix()
    if name in found:
        return
    found[name] = path
    for module in _imported(path, path.relative_to(root).parent.parts):
        for inner in _below(root, module):
            _follow(root, inner, found)


def _imported(path: Path, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The modules that a file's import statements may mean, wherever they stand in it, as parts of names."""
    for node in _statements(path):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
            continue
        above = package[: len(package) + 1 - node.level] if node.level else ()
        base = (*above, *(node.module or "").split(".")) if node.module else above
        yield base
        yield from ((*base, alias.name) for alias in node.names)


def _relative(path: Path) -> Iterable[str]:
    """What a file imports relative to its package."""
    for node in _statements(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or node.names[0].name)


def _statements(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a file, wherever they stand in it; none where it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # whoever imports it will be told
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def _below(root: Path, module: tuple[str, ...]) -> Iterator[Path]:
    """The files below `root` that the import of a module runs: of its packages, and its own."""
    if not module or module[0] in OURS:
        return
    folder = root
    for part in module:
        for path in (folder / part / "__init__.py", folder / f"{part}.py"):
            if path.is_file():
                yield path
                break
        folder = folder / part
