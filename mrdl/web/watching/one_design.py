"""One design of a sweep: all that is known of it, and the settings by which a run trains the same."""

import contextlib
import json
import sqlite3
from typing import Any

from safetensors import SafetensorError, safe_open

from mrdl.errors import MrdlError
from mrdl.nn.design import design_of
from mrdl.rounds.folder import RunFolder
from mrdl.settings.files import as_toml
from mrdl.sweep.routes import settings_of_data, settings_of_design
from mrdl.web.watching.sweeps import SweepSource

LOG = 20_000  # characters of what a job of its own said last


def one_design(source: SweepSource, arch_id: str) -> dict[str, Any] | None:
    """All that is known of a design, as an object of JSON; None where the sweep has none of that name."""
    place = source.designs.places.get(arch_id)
    found = None
    with contextlib.suppress(OSError, sqlite3.Error):
        found = source.index.records(arch_id)
    if place is None or found is None:
        return None
    (spec, backend, predicted_s), records = found
    told: dict[str, Any] = {}
    with contextlib.suppress(ValueError, IndexError):
        told = json.loads(records[0])
    row = source.designs.row(place, int(source.designs.states()[place]))
    about = {"backend": backend, "predicted_s": predicted_s, "curve": None, "log": None, "attempts": len(records)}
    return {
        **about,
        **told,
        **{name: value for name, value in row.items() if value is not None or name not in told},
        "spec": _spec(spec),
        **_of_own_job(source, arch_id, told),
        "confusion": _confusion(source, told.get("confusion")),
        "toml_of_run": toml_of_run(source, spec),
    }


def _spec(text: str) -> Any:
    """The spec of a design as JSON has it, or its text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _confusion(source: SweepSource, rows: Any) -> dict[str, Any] | None:
    """The mistakes of a design with the names of the classes, {classes, rows}; None where no record has them."""
    if not rows:
        return None
    try:
        with safe_open(source.paths.data, framework="numpy") as file:
            return {"classes": file.metadata()["classes"].split("\n"), "rows": rows}
    except (OSError, SafetensorError, KeyError):
        return {"rows": rows}


def _of_own_job(source: SweepSource, arch_id: str, told: dict[str, Any]) -> dict[str, Any]:
    """Of a design that has a job of its own: its learning curve by round, and what the job said, where no record has
    it."""
    folder, found = source.paths.run_of(arch_id), dict[str, Any]()
    if not folder.is_dir():
        return found
    rounds = [m for m in RunFolder(folder).manifests() if not m.is_warm_start]
    if rounds and not told.get("curve"):
        found["curve"] = [m.training_loss for m in rounds]
    if not told.get("log") and told.get("status") != "done":
        with contextlib.suppress(OSError):
            found["log"] = source.paths.run_errors_of(arch_id).read_text(errors="replace")[-LOG:]
    return found


def toml_of_run(source: SweepSource, spec: str) -> str | None:
    """The settings of `mrdl train` for a design, as `mrdl train --from-sweep` takes them; None where they are not
    known."""
    try:
        design = design_of(spec)
        with safe_open(source.paths.data, framework="numpy") as file:
            columns, classes = file.get_slice("train_x").get_shape()[1], file.metadata()["classes"]
            outputs = len(classes.split("\n")) if classes else file.get_slice("train_y").get_shape()[1]
        settings = {**settings_of_data(source.spec), **settings_of_design(design, columns, outputs)}
    except (MrdlError, OSError, SafetensorError, KeyError, TypeError):
        return None
    return "".join(f"{name} = {as_toml(value)}\n" for name, value in settings.items() if value not in (None, ""))
