"""`mrdl exp list`, `show`, `log` and `diff`: what can be seen of experiments."""

import argparse
import json
import shlex
import sys
from typing import Any

from mrdl.errors import ConfigError, brief, printable
from mrdl.experiments.folder import ENDED, Folder, all_of, root
from mrdl.experiments.queue.files import read, spans

SHOWN = ("condition", "warning", "note")


def list(options: argparse.Namespace) -> None:  # noqa: A001 (the verb's name)
    """Print a line for each experiment, in the order of their ids: id, state, since when, name, and why or its command.

    Those that wait in the queue without a folder of their own are among them. options: folder, and json, for an object
    a line with id, name, state, at, why (null where nothing is to be said) and argv.
    """
    where = root(options.folder)
    folders = {folder.id: folder for folder in all_of(where)}
    queued = {spec["id"]: spec for span in spans(where) for spec in read(where, span) if spec["id"] not in folders}
    for ident in sorted([*folders, *queued], key=int):
        spec = queued[ident] if ident in queued else folders[ident].spec()
        last = {"state": "queued", "at": spec["created"]} if ident in queued else folders[ident].state()
        if options.json:
            entry = {"id": ident, "name": spec["name"], "state": last["state"], "at": last["at"]}
            print(json.dumps({**entry, "why": last.get("why"), "argv": spec["argv"]}))
            continue
        why = last.get("why") or shlex.join(spec["argv"])
        print(printable(f"{ident:>5}  {last['state']:<9} {last['at'][:19]:<20} {spec['name']:<16} {why}"))


def show(options: argparse.Namespace) -> None:
    """Print what became of an experiment.

    That is its state and why, its command and code, what was told of it meanwhile, a curve of each variable, the most
    memory it had, and of one that did not finish the last ten lines of its log. options: id, folder, and json, for one
    object of spec, state, events, variables (first, last and how often told) and facts.

    Raises ConfigError for an id that there is not, with the last ten that there are.
    """
    from mrdl.experiments.notify.curve import series, spark

    folder = Folder.named(root(options.folder), options.id)
    spec, last, events = folder.spec(), folder.state(), folder.events()
    variables, monitored = series(folder.file("history.jsonl"))
    if options.json:
        told = {name: {"first": one.first, "last": one.last, "told": one.told} for name, one in variables.items()}
        print(json.dumps({"spec": spec, "state": last, "events": events, "variables": told, "facts": _facts(folder)}))
        return
    lines = [f"{spec['name']} ({folder.id}) is {last['state']}: {last.get('why') or 'since ' + last['at']}"]
    lines += [f"  command   {shlex.join(spec['argv'])}", f"  folder    {folder.path}"]
    code = _facts(folder).get("git", {})
    if code:
        changed = f", {len(code['changed'])} files changed since" if code.get("changed") else ""
        lines.append(
            f"  code      {code.get('none') or str(code['commit'])[:12] + ' of ' + str(code['branch']) + changed}"
        )
    lines += [
        f"  {event['at'][:19]}  {event['what']}: {event.get('why')}" for event in events if event["what"] in SHOWN
    ]
    width = max(map(len, variables), default=0)
    for name, one in variables.items():
        bars = spark(value for _, value in one.points)
        lines.append(f"  {name:<{width}}  {one.first:.6g} -> {one.last:.6g}  {bars}")
    if "memory_mb" in monitored:
        lines.append(f"  memory at most {monitored['memory_mb'].most:,.0f} MB")
    if last["state"] in ENDED and last["state"] != "finished":
        lines += ["  the last lines of its log:", *(f"    {line}" for line in last.get("tail", [])[-10:])]
    print(printable("\n".join(lines)))


def _facts(folder: Folder) -> dict[str, Any]:
    """What an experiment started from, see facts.facts; {} before its start, and where the file cannot be read."""
    try:
        found: dict[str, Any] = json.loads(folder.file("facts.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def log(options: argparse.Namespace) -> None:
    """Print what an experiment printed, as it came: bytes, colours and all.

    options: id, folder, and follow, to go on until it has ended. Raises ConfigError for an id that there is not, and,
    without follow, where nothing was printed yet.
    """
    from mrdl.cli.experiments.run import follow

    folder = Folder.named(root(options.folder), options.id)
    if options.follow:
        follow(folder)
        return
    if not folder.file("log").exists():
        raise ConfigError(f"experiment {brief(folder.id)} has printed nothing: it is {folder.state()['state']}")
    with open(folder.file("log"), "rb") as file:
        while data := file.read(1 << 20):
            sys.stdout.buffer.write(data)


def diff(options: argparse.Namespace) -> None:
    """Print what differs between two experiments, a fact a line: NAME: HERE | THERE, with - for what one of them lacks.

    options: a and b, ids. Where the changes since the commit differ, the command that compares them is the last line.
    Raises ConfigError for an id that there is not.
    """
    from mrdl.experiments.facts.differ import differ

    found = []
    for ident in (options.a, options.b):
        found.append(Folder.named(root(options.folder), ident))
    one, other = (_facts(folder) for folder in found)
    lines = [f"{name}: {_short(a)} | {_short(b)}" for name, a, b in differ(one, other)]
    patches = [folder.file("diff.patch").read_bytes() for folder in found if folder.file("diff.patch").exists()]
    if len(patches) == 2 and patches[0] != patches[1]:
        lines.append(f"changes since the commit: diff {found[0].file('diff.patch')} {found[1].file('diff.patch')}")
    print(printable("\n".join(lines) or "nothing differs"))


def _short(value: Any) -> str:
    """A fact on a line of at most 200 characters; - where it is not there. What is no text stands as JSON."""
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else text[:197] + "..."
