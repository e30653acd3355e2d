"""The files of the queue: ROOT/queue/FIRST-LAST.jsonl, one file an add, one experiment a line in the order of ids.

A file is written whole or not at all, and is never changed: what became of an experiment stands in its own folder. An
empty file ID.ATTEMPT.again lets one wait for another attempt, ID.removed says that one was deleted.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def locked(where: Path) -> Iterator[None]:
    """Hold the folder of all experiments for this process; another waits. where: ROOT, made where it is not there."""
    where.mkdir(parents=True, exist_ok=True)
    with open(where / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def spans(where: Path) -> list[tuple[int, int]]:
    """Return the first and last id of each add, in order."""
    try:
        names = [name.removesuffix(".jsonl") for name in os.listdir(where / "queue") if name.endswith(".jsonl")]
    except FileNotFoundError:
        return []
    return sorted((int(first), int(last)) for first, _, last in (name.partition("-") for name in names))


def highest(where: Path) -> int:
    """Return the largest id that is taken, by a folder or in the queue; 0 where none is."""
    try:
        numbers = [int(name) for name in os.listdir(where) if name.isdecimal()]
    except FileNotFoundError:
        numbers = []
    return max([*numbers, *removed(where), *(last for _, last in spans(where))], default=0)


def again(where: Path, ident: str, attempt: int) -> None:
    """Let an experiment wait for another attempt, from 2 on. Raises OSError on a full disk."""
    (where / "queue").mkdir(exist_ok=True)
    (where / "queue" / f"{ident}.{attempt}.again").touch()


def retries(where: Path) -> list[tuple[str, int]]:
    """Return what was to be tried again, each with the number of its attempt, by id."""
    try:
        names = [name.split(".") for name in os.listdir(where / "queue") if name.endswith(".again")]
    except FileNotFoundError:
        return []
    return sorted(((ident, int(attempt)) for ident, attempt, _ in names), key=lambda one: (int(one[0]), one[1]))


def remove(where: Path, ident: str) -> None:
    """Let the queue forget an experiment, whose number is taken for good. Raises OSError on a full disk."""
    (where / "queue").mkdir(exist_ok=True)
    (where / "queue" / f"{ident}.removed").touch()


def is_removed(where: Path, ident: str) -> bool:
    """Return whether an experiment was deleted."""
    return (where / "queue" / f"{ident}.removed").exists()


def removed(where: Path) -> set[int]:
    """Return the ids of those that were deleted."""
    try:
        return {int(name.partition(".")[0]) for name in os.listdir(where / "queue") if name.endswith(".removed")}
    except FileNotFoundError:
        return set()


def add(where: Path, specs: Sequence[dict[str, Any]]) -> list[str]:
    """Put experiments at the end of the queue, all or none, and return their ids. Raises OSError on a full disk.

    where: ROOT, locked meanwhile; specs: one each, without ids. Each is kept with its id, its group, FIRST-LAST, and
    the group's size. What is added is on the disk before it counts.

    add(Path("experiments"), [{"name": "a", "argv": ["true"]}, {"name": "b", "argv": ["true"]}])  # ["1", "2"]
    """
    with locked(where):
        first = highest(where) + 1
        ids = [str(number) for number in range(first, first + len(specs))]
        added = {"group": f"{ids[0]}-{ids[-1]}", "size": len(ids)}  # many that were added at once send few messages
        lines = [json.dumps({"id": ident, **added, **spec}) + "\n" for ident, spec in zip(ids, specs, strict=True)]
        queue = where / "queue"
        queue.mkdir(exist_ok=True)
        half = queue / ".half"
        with open(half, "w") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.rename(half, queue / f"{first}-{first + len(specs) - 1}.jsonl")
    return ids


def read(where: Path, span: tuple[int, int]) -> list[dict[str, Any]]:
    """Return the experiments of one add but those that were deleted, in the order of their ids. span: of `spans`."""
    gone = removed(where)
    with open(where / "queue" / f"{span[0]}-{span[1]}.jsonl") as file:
        return [json.loads(line) for number, line in enumerate(file, span[0]) if number not in gone]


def found(where: Path, ident: str) -> dict[str, Any] | None:
    """Return the experiment of an id as it was added; None where the queue never had it, or it was deleted."""
    number = int(ident) if ident.isdecimal() else 0
    for span in spans(where):
        if span[0] <= number <= span[1]:
            return next((spec for spec in read(where, span) if spec["id"] == ident), None)
    return None
