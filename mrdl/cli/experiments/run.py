"""`mrdl exp run`, `stop` and `messages`: what starts and ends processes."""

import argparse
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from mrdl.cli.experiments.program import specification
from mrdl.cli.experiments.queue import begin, queued
from mrdl.errors import ConfigError, SetupError, printable
from mrdl.experiments.folder import ENDED, STATES, Folder, root
from mrdl.experiments.machine.memory import cpus
from mrdl.experiments.machine.needs import refusal
from mrdl.experiments.notify.notifier import Notifier
from mrdl.experiments.notify.outbox import Outbox
from mrdl.experiments.notify.settings import read_settings
from mrdl.experiments.queue import runner
from mrdl.experiments.starting import start

LOOK_S = 0.1
STOP_S = 40.0  # the program has ten seconds to end, and its output one more


def run(options: argparse.Namespace) -> int:
    """Start a program as an experiment; returns 0 where it has finished, or was started and is not waited for.

    With values to try, the experiments wait in the queue, and a runner works it off.

    options: see program.specification; force: start though a need is not met; detach: print the id and return. What the
    program prints is shown as it comes, on standard output, all else on standard error. Interrupted, the experiment is
    ended. Returns 1 where it did not finish.

    Raises SetupError where a need is not met, with both numbers, or the folder cannot be written; ConfigError for what
    cannot be.
    """
    where = root(options.folder)
    if options.set or options.repeat != 1:
        return _run_all(options, where)
    spec = specification(options)
    lacking = refusal(spec["needs"], where)
    if lacking and not options.force:
        raise SetupError(f"{lacking}. Free it, or go on with --force")
    try:
        folder = Folder.made(where, spec)
        supervisor = start(folder)
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


def _run_all(options: argparse.Namespace, where: Path) -> int:
    """Queue an experiment for each combination of values, have them worked off, and wait for them all.

    Returns 0 where all have finished, or none is waited for, else 1. Interrupted, only the waiting ends: the runner has
    a session of its own, and goes on.
    """
    ids = queued(options, where)
    print(f"experiments {ids[0]} to {ids[-1]} of {where}", file=sys.stderr)
    if runner.working(where) is None:
        begin(where, cpus())
    before, left, over = "", [Folder(where / ident) for ident in ids], Counter[str]()
    while not options.detach:
        states = {folder: folder.state()["state"] if folder.path.exists() else "queued" for folder in left}
        left = [folder for folder, state in states.items() if state not in ENDED]
        over.update(state for state in states.values() if state in ENDED)
        counts = over + Counter(states[folder] for folder in left)
        words = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
        if words != before:
            print(words, file=sys.stderr)
        if not left:
            return 0 if counts["finished"] == len(ids) else 1
        before = words
        if counts["queued"] and not counts["running"] and runner.working(where) is None:
            begin(where, cpus())  # the one that worked was killed
        time.sleep(LOOK_S)
    return 0


def follow(folder: Folder, supervisor: "subprocess.Popen[bytes] | None" = None) -> None:
    """Copy an experiment's log to standard output until nobody works on it any more.

    It is copied from its start, as bytes. supervisor: the process that watches over it, where this one has started it;
    else the folder tells who does.
    """
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
    """End an experiment, or take it out of the queue; without an id, end the runner, and nothing that runs.

    options: id, folder. It returns when the program has ended. Raises ConfigError for an id that there is not,
    SetupError, which names the process, where STOP_S seconds were not enough.
    """
    if options.id is None:
        _stop_runner(root(options.folder))
        return
    folder = Folder.named(root(options.folder), options.id)
    told = folder.state()
    attempt = told.get("attempt", 1)
    if told["state"] == "queued" and folder.claim(attempt):
        folder.tell("state", state="stopped", attempt=attempt, why="it was asked to stop before its start")
    elif not folder.is_watched():
        print(f"experiment {folder.id}: nobody works on it, it is {folder.state()['state']}")
        return
    else:
        _end(folder)
    print(f"experiment {folder.id}: {folder.state()['state']}")


def _stop_runner(where: Path) -> None:
    """End the runner of a folder of experiments; what runs goes on, what is queued waits."""
    works = runner.working(where)
    if works is None or not works.send(signal.SIGTERM):
        print("no runner works on the queue")
        return
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
    """Say which messages wait, and try again to send them; returns 1 where some still do, or were refused.

    options: folder, and test, to send one to oneself. Raises ConfigError where nobody is named who could have it.
    """
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
