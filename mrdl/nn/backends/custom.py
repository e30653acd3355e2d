"""The module of a back end of one's own, `module:function`: found, and looked into, without being run.

To plan a sweep runs no code of its spec, which may come from a stranger; to run it does.
"""

import ast
import importlib.machinery
import sys
from pathlib import Path

from mrdl.errors import ConfigError

UNKNOWN = "sweep.backend is {name!r}, expected one of {known}, or module:function"


def parts_of(name: str, known: str) -> tuple[str, str]:
    """Split a back end's name into module and function. Raises ConfigError where it names none.

    known: the names of mrdl's own, for that message.
    """
    module, _, function = name.partition(":")
    if not function or not all(part.isidentifier() for part in (*module.split("."), function)):
        raise ConfigError(UNKNOWN.format(name=name, known=known))
    return module, function


def find(name: str, known: str = "") -> Path | None:
    """The file of a back end's module, None where it is not Python's text. Raises ConfigError where there is no such
    module, or no such function in its text; code of the module, and of packages around it, is not run."""
    module, function = parts_of(name, known)
    spec, path = None, [str(Path.cwd()), *sys.path]
    for depth in range(1, module.count(".") + 2):
        full = ".".join(module.split(".")[:depth])
        spec = _loaded(full) or _built_in(full) or importlib.machinery.PathFinder.find_spec(full, path)
        if spec is None:
            raise ConfigError(f"sweep.backend {name!r} cannot be loaded: there is no module {full!r}")
        path = list(spec.submodule_search_locations or [])
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    place = Path(str(spec.origin))
    try:
        tree = ast.parse(place.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise ConfigError(f"sweep.backend {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if function not in (names := _names(tree)) and "*" not in names:
        raise ConfigError(f"sweep.backend {name!r} cannot be loaded: {place} has no {function!r}")
    return place


def _loaded(full: str) -> importlib.machinery.ModuleSpec | None:
    """Where a module that this program has loaded already came from."""
    return getattr(sys.modules.get(full), "__spec__", None)


def _built_in(full: str) -> importlib.machinery.ModuleSpec | None:
    return importlib.machinery.BuiltinImporter.find_spec(full) or importlib.machinery.FrozenImporter.find_spec(full)


def _names(tree: ast.Module) -> set[str]:
    """The names that a module may have at its top; * where only running it could tell."""
    found = set[str]()
    for node in ast.walk(tree):  # in an `if` or a `try`, too
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add("*" if node.name == "__getattr__" else node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Name) and node.id in ("globals", "exec", "setattr", "vars"):
            found.add("*")
    return found
