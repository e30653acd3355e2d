"""What git knows of a folder: the commit, the branch, and what was changed since, as a patch."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrdl.errors import brief

MOST_BYTES = 10_000_000  # of a patch: more is data that nobody meant to be code
MOST_NAMES = 1000  # of files that git does not follow
_WORDS_BEFORE = {"1": 7, "2": 8, "u": 9}  # the name in a line of git's about a changed, a renamed, an unmerged file
PATIENCE_S = 5.0  # a huge repository on a slow disk; the usual one takes some hundredths of a second
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}  # never in a user's own way


def code(cwd: Path | str) -> dict[str, Any]:
    """Return what git says of a folder's code: commit, branch, and the names of changed and of unknown files.

    {"commit": "f822d29...", "branch": "main", "changed": ["a.py"], "untracked": ["b.py"]}, or {"none": why} where the
    folder is in no repository, git is not installed or does not answer.
    """
    told, why = _git(cwd, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all")
    if why:
        return {"none": why}
    found = _parsed(told.decode(errors="replace").split("\0"))
    for names in ("changed", "untracked"):
        if len(found[names]) > MOST_NAMES:
            found[f"{names}_left_out"] = len(found[names]) - MOST_NAMES
            found[names] = found[names][:MOST_NAMES]
    return found


def _parsed(lines: Sequence[str]) -> dict[str, Any]:
    """What the lines of `git status --porcelain=v2 --branch -z` say."""
    found: dict[str, Any] = {"commit": None, "branch": None, "changed": [], "untracked": []}
    entries = iter(lines)
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if entry.startswith("# branch.oid") and not entry.endswith("(initial)"):
            found["commit"] = entry.rpartition(" ")[2]
        elif entry.startswith("# branch.head") and not entry.endswith("(detached)"):
            found["branch"] = entry.removeprefix("# branch.head ")
        elif kind == "?":
            found["untracked"].append(rest)
        elif kind in _WORDS_BEFORE:
            found["changed"].append(rest.split(" ", _WORDS_BEFORE[kind])[-1])
            if kind == "2":  # renamed: the old name follows
                next(entries, None)
    return found


def patch(cwd: Path | str, known: dict[str, Any] | None = None) -> str:
    """Return the changes since the commit as text that `git apply` takes; '' where there are none.

    Lines above say which files git does not follow (their content is not kept) and, where it is so, that the patch was
    cut for its size or why there is none. known: what `code` said of the folder, where it was asked already.
    """
    known = code(cwd) if known is None else known
    if "none" in known:
        return f"# no patch: {known['none']}\n"
    head = [f"# not followed by git: {name}" for name in known["untracked"]]
    if known.get("untracked_left_out"):
        head.append(f"# and {known['untracked_left_out']} more that git does not follow")
    changes = ""
    if known["commit"] is None:
        head.append("# no patch: the repository has no commit yet")
    elif known["changed"]:
        told, why = _git(cwd, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--full-index", known["commit"])
        changes = told.decode(errors="replace")
        if why:
            head.append(f"# no patch: {why}")
        elif len(told) >= MOST_BYTES:
            head.append(f"# the patch was cut: it has more than {MOST_BYTES:,} bytes, so `git apply` will not take it")
    return "".join(f"{line}\n" for line in head) + changes


def _git(cwd: Path | str, *words: str) -> tuple[bytes, str]:
    """What a command of git's prints, at most MOST_BYTES of it, and why there is nothing, in words.

    Programs that a repository's own settings name are not run.
    """
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *words]
    environment = {**os.environ, **_ENVIRONMENT}
    with tempfile.TemporaryFile() as errors:
        try:
            git = subprocess.Popen(
                command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        except OSError as error:
            if not Path(cwd).is_dir():
                return b"", f"the folder {cwd} is not there"
            missing = isinstance(error, FileNotFoundError)
            return b"", "git is not installed" if missing else f"git cannot be started: {error.strerror}"
        late = threading.Event()
        timer = threading.Timer(PATIENCE_S, _end, (git, late))
        timer.start()
        with git:
            assert git.stdout is not None
            told = git.stdout.read(MOST_BYTES)
            if len(told) == MOST_BYTES:
                git.kill()
        timer.cancel()
        if late.is_set():
            return b"", f"git did not answer in {PATIENCE_S:g} s"
        if git.returncode == 0 or len(told) == MOST_BYTES:
            return told, ""
        errors.seek(0)
        return b"", _in_words(errors.read(10_000).decode(errors="replace"))


def _end(git: subprocess.Popen[bytes], late: threading.Event) -> None:
    """End a git that takes too long."""
    late.set()
    git.kill()


def _in_words(error: str) -> str:
    """Why git has nothing to say."""
    if "not a git repository" in error:
        return "the folder is in no git repository"
    if "dubious ownership" in error:
        return "git does not trust the folder, which is another user's: git config --global --add safe.directory FOLDER"
    return f"git said: {brief(error.strip().partition(chr(10))[0])}"
