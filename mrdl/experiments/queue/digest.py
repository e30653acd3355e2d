"""One message of many experiments that were added together: sent when the last of them has ended."""

from collections import Counter
from pathlib import Path

from mrdl.experiments.folder import ENDED, Folder
from mrdl.experiments.history import now
from mrdl.experiments.notify.notifier import FEW, Notifier
from mrdl.experiments.notify.settings import Settings
from mrdl.experiments.queue.files import read

FAILED = 20  # ids that a digest names


def send(where: Path, span: tuple[int, int]) -> bool:
    """Tell people of the experiments of an add, once; returns whether that was due.

    where: ROOT; span: of `files.spans`. It is due where there are more than FEW, all have ended, and no runner has told
    of them. Whom it goes to is what the first of them says. Raises OSError on a full disk.
    """
    told = where / "queue" / f"{span[0]}-{span[1]}.told"
    if span[1] - span[0] < FEW or told.exists() or not (specs := read(where, span)):
        return False
    states = {spec["id"]: _state(Folder(where / spec["id"])) for spec in specs}
    if not set(states.values()) <= set(ENDED):
        return False
    told.touch()
    first, failed = specs[0], [ident for ident, state in states.items() if state in ("failed", "lost")]
    about = {"name": f"{len(specs)} experiments ({first['name']})", "group": first["group"], "size": first["size"]}
    counts = Counter(states.values())
    event = {**about, "what": "digest", "at": now(), "counts": dict(counts), "failed": failed[:FAILED]}
    Notifier(Settings.from_json(first.get("notify") or {}), where).send(event)
    return True


def _state(folder: Folder) -> str:
    """The state of an experiment, which waits where it has no folder yet."""
    return str(folder.state()["state"]) if folder.path.exists() else "queued"
