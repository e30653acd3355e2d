"""`mrdl train --from-sweep`: the settings of a design that a sweep has trained."""

import sys
from typing import Any

from mrdl.cli.screen import say
from mrdl.cli.sweep.listing import folder_of
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.routes import settings_of_data, settings_of_design
from mrdl.sweep.winner import winner


def settings_from_sweep(name: str) -> dict[str, Any]:
    """The settings of SWEEP or SWEEP:ARCH_ID, a folder or a name below sweeps/; says which design it took.

    Raises ConfigError where there is no such sweep, or no such design that was trained to its end.
    """
    folder, arch_id = name, ""
    if not (folder_of(name) / "sweep.json").exists() and ":" in name:
        folder, _, arch_id = name.rpartition(":")
    sweep = SweepFolder(folder_of(folder))
    data, found = sweep.dataset(), winner(sweep, arch_id)
    say(f"  from {folder}: {found}", file=sys.stderr)
    return {**settings_of_data(sweep.spec), **settings_of_design(found.design, data.columns, data.outputs)}
