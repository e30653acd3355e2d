"""How the process that watches over an experiment is started."""

import subprocess
import sys

from mrdl.experiments.folder import Folder


def start(folder: Folder, attempt: int = 1) -> "subprocess.Popen[bytes]":
    """Start a supervisor in a session of its own, so that it outlives whoever starts it, and a logout.

    attempt: which it is to take; where another process has that, it ends without a word. What it has to say goes to
    supervisor.log in the experiment's folder. Raises OSError where the disk takes no more.

    start(Folder.made(root(), {"name": "lang", "argv": ["python", "lang.py"], "cwd": "/home/me"}))
    """
    with open(folder.file("supervisor.log"), "ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "mrdl.experiments.supervise", str(folder.path), str(attempt)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
