"""`mrdl exp run`, `stop` and `messages`: what starts and ends processes."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError, SetupError, brief, printable
from mrdl.experiments.conditions.grammar import parse
from mrdl.experiments.folder import ENDED, Folder, root
from mrdl.experiments.machine.needs import refusal
from mrdl.experiments.notify.notifier import Notifier
from mrdl.experiments.notify.outbox import Outbox
from mrdl.experiments.notify.settings import Settings, read_settings
from mrdl.experiments.queue import runner
from mrdl.experiments.variables import Variables

LOOK_S = 0.1
STOP_S = 40.0  # the program has ten seconds to end, and its output one more


def run(options: argparse.Namespace) -> int:
    """Start a program as an experiment; returns 0 where it has finished, or was started and is not waited for."""
    where = root(options.folder)
    spec = specification(options)
    lacking = refusal(spec["needs"], where)
    if lacking and not options.force:
        raise SetupError(f"{lacking}. Free it, or go on with --force")
    try:
        folder = Folder.made(where, spec)
        with open(folder.file("supervisor.log"), "wb") as errors:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "mrdl.experiments.supervise", str(folder.path), "1"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
    except OSError as error:
        raise SetupError(f"the experiment cannot be written to {where}: {error.strerror}. Use --folder") from None
    if options.detach:
        print(folder.id)
        return 0
    print(f"experiment {folder.id}: {folder.path}", file=sys.stderr)
    try:
        follow(folder, supervisor)
    except KeyboardInterrupt:
        _end(folder)
    supervisor.wait(STOP_S)
    last = folder.state()
    print(printable(f"experiment {folder.id} {last['state']}: {last.get('why', '')}"), file=sys.stderr)
    return 0 if last["state"] == "finished" else 1


def specification(options: argparse.Namespace) -> dict[str, Any]:
    """What the experiment is, checked as a whole before anything starts."""
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise ConfigError("expected a program after --, as: mrdl exp run -- python lang.py --lr 0.1")
    if shutil.which(argv[0]) is None:
        raise ConfigError(f"the program {brief(argv[0])} is not there, or may not be executed. No shell reads the line")
    when = [" ".join(words) for words in options.when]
    for text in when:
        parse(text)
    Variables(options.pattern)
    return {
        "name": options.name or Path(argv[0]).name,
        "argv": argv,
        "cwd": os.getcwd(),
        "when": when,
        "patterns": options.pattern,
        "needs": dict(map(_need, options.need)),
        "data": options.data,
        "limits": {"time_s": options.time_limit},
        "notify": _notify(options.notify).to_json(),
    }


def _need(text: str) -> tuple[str, float]:
    """A need as it is said on the command line."""
    name, _, amount = text.partition("=")
    try:
        return name, float(amount)
    except ValueError:
        raise ConfigError(f"--need: expected NAME=NUMBER, as disk_mb=500, got {brief(text)}") from None


def _notify(path: str) -> Settings:
    """The settings of messages, of a file over the user's own."""
    if not path:
        return read_settings()
    try:
        table = tomllib.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"--notify {path} cannot be read: {error}") from None
    return read_settings(table.get("notify", table), Path(path).absolute().parent)


def follow(folder: Folder, supervisor: "subprocess.Popen[bytes] | None" = None) -> None:
    """Copy an experiment's log to standard output until nobody works on it any more."""
    seen = 0
    while True:
        over = supervisor.poll() is not None if supervisor else not folder.is_watched()
        if folder.file("log").exists():
            with open(folder.file("log"), "rb") as log:
                log.seek(seen)
                while data := log.read(1 << 20):
                    seen += len(data)
                    sys.stdout.buffer.write(data)
            sys.stdout.flush()
        if over:
            return
        time.sleep(LOOK_S)


def stop(options: argparse.Namespace) -> None:
    """End an experiment, or take it out of the queue; without an id, end the runner, and nothing that runs."""
    if options.id is None:
        _stop_runner(root(options.folder))
        return
    folder = Folder.named(root(options.folder), options.id)
    if folder.state()["state"] == "queued" and folder.claim(1):
        folder.tell("state", state="stopped", attempt=1, why="it was asked to stop before its start")
    elif not folder.is_watched():
        print(f"experiment {folder.id}: nobody works on it, it is {folder.state()['state']}")
        return
    else:
        _end(folder)
    print(f"experiment {folder.id}: {folder.state()['state']}")


def _stop_runner(where: Path) -> None:
    """End the runner of a folder of experiments; what runs goes on, what is queued waits."""
    works = runner.process_id(where)
    if works is None:
        print("no runner works on the queue")
        return
    os.kill(works, signal.SIGTERM)
    print("the runner has ended; what runs goes on, what is queued waits for mrdl exp start")


def _end(folder: Folder) -> None:
    """Ask the process that watches over an experiment to end it, and wait until it has."""
    process = folder.watcher()
    if process is not None:
        process.send(signal.SIGTERM)
    until = time.monotonic() + STOP_S
    while folder.is_watched() and folder.state()["state"] not in ENDED:
        if time.monotonic() > until:
            raise SetupError(f"experiment {folder.id} does not end; its process is {process and process.pid}")
        time.sleep(LOOK_S)


def messages(options: argparse.Namespace) -> int:
    """Say which messages wait, and try again to send them."""
    where = root(options.folder)
    notifier = Notifier(read_settings(), where)
    if options.test:
        if not notifier.settings.tells:
            raise ConfigError('nobody is named: write to = "me@example.org" into ~/.config/mrdl/notify.toml')
        notifier.send({"what": "finished", "name": "a test", "why": "you asked for a message"})
    elif notifier.outbox.waiting():
        notifier.retry()
    notifier.wait()
    words = Outbox(where).words()
    print(words or "all messages are sent")
    return 1 if words else 0
