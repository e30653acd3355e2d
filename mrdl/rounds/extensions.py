"""Rules and network kinds that a user's program has put into mrdl's tables, and how tasks find them again."""

import importlib
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.kinds import KINDS, OWN_KINDS
from mrdl.rounds.combine import OWN_RULES, RULES
from mrdl.settings.config import TrainConfig
from mrdl.settings.user_code import Code, code_of, home, import_name, loading, unbound

TABLES: dict[str, tuple[str, MutableMapping[str, Any], Mapping[str, Any]]] = {
    "combine": ("combine rule", RULES, OWN_RULES),
    "kind": ("network kind", KINDS, OWN_KINDS),
}
"""Setting -> what it is to people, its table, and what mrdl itself has there."""


@dataclass(frozen=True)
class Extension:
    """A function of the user's in one of the tables, as a task finds it: by module, and there by name.

    setting: the one whose value is `name`, "combine" or "kind"; module: that defines the function, empty for the file
    that the task runs anyway; qualname: its name in there, with those of the classes around it.
    """

    setting: str
    name: str
    module: str
    qualname: str

    def load(self) -> None:
        """Put the function into its table, if its module did not do so; raises ConfigError where it is not there."""
        what, table, own = TABLES[self.setting]
        with loading(self.module):
            found: Any = importlib.import_module(self.module or "__main__")
        if table.get(self.name) is not own.get(self.name):
            return
        for part in self.qualname.split("."):
            found = getattr(found, part, None)
        if found is None:
            where = self.module or Path(sys.argv[0]).stem
            raise ConfigError(
                f"the {what} {self.name!r} is not there when tasks load {where}.py: "
                'set it at the top level of that file, not in a function or below `if __name__ == "__main__":`'
            )
        table[self.name] = found


def extensions_of(config: TrainConfig, job_class: type) -> list[Extension]:
    """The functions of the user's that tasks must load beside the file of the job class.

    Only those that the settings name. Raises ConfigError where they lie in a file that no task can load.
    """
    found = []
    for setting, function in _functions(config).items():
        module = home(function)
        qualname = str(getattr(unbound(function), "__qualname__", ""))
        name = "" if module == job_class.__module__ else import_name(module)
        if module == "__main__" and not sys.argv[0].endswith(".py"):
            raise ConfigError(f"tasks cannot load {sys.argv[0]}: give it a name that ends in .py")
        found.append(Extension(setting, getattr(config, setting), name, qualname))
    return found


def code_of_run(config: TrainConfig, job_class: type) -> Code:
    """The user's own code that decides what a run learns: the job class, and functions that the settings name."""
    return code_of(job_class, _functions(config).values())


def _functions(config: TrainConfig) -> dict[str, Any]:
    """The functions that are not mrdl's among those that the settings name, setting -> function."""
    chosen = {setting: (getattr(config, setting), table, own) for setting, (_, table, own) in TABLES.items()}
    return {s: table[name] for s, (name, table, own) in chosen.items() if table.get(name) is not own.get(name)}
