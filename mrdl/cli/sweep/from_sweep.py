"""`mrdl train --from-sweep`: the settings of a design that a sweep has trained."""

import sys
from collections.abc import Mapping
from typing import Any

from mrdl.cli.screen import say
from mrdl.cli.sweep.listing import folder_of
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import flag
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.routes import settings_of_data, settings_of_design
from mrdl.sweep.winner import winner

OF_COLUMNS = ("category", "hash", "number", "date", "drop")  # settings by which a network has more inputs or fewer


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


def on_other_columns(config: TrainConfig, of_sweep: Mapping[str, Any]) -> TrainConfig:
    """The settings of a design, but for the number of its inputs and outputs where columns are said to be something
    else than in the sweep: the data decides these then, which is said.

    config: of the training; of_sweep: what the sweep said of it, see settings_from_sweep.
    """
    before = TrainConfig().with_changes(of_sweep)
    others = [name for name in OF_COLUMNS if getattr(config, name) != getattr(before, name)]
    between = config.nodes[1:-1]
    if not others or not between or config.hidden or config.nodes != before.nodes:
        return config
    said = ", ".join(f"{flag(name)} {','.join(map(str, getattr(config, name))) or 'none'}" for name in others)
    say(f"  with {said}, which the sweep had not, it has as many inputs as the data gives", file=sys.stderr)
    return config.with_changes({"nodes": (), "hidden": between})
