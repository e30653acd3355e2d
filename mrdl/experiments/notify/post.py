"""The process that sends what waits in an outbox: python -m mrdl.experiments.notify.post ROOT.

It has its own session and a low priority, so a slow server or a picture to draw holds up no experiment.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError, MrdlError
from mrdl.experiments.notify.letter import Letter, letter
from mrdl.experiments.notify.outbox import Outbox
from mrdl.experiments.notify.sending import NotSent, Refused, message, send_elsewhere, send_mail
from mrdl.experiments.notify.settings import Settings

AN_HOUR = 20  # single messages: what comes thicker waits, and goes as one
TOGETHER = 5  # more than so many that wait for the same people go as one
_Item = tuple[Path, dict[str, Any], Settings, list[str]]  # its file, the event, and the ways by which it went already


def post(root: Path | str) -> int:
    """Send what waits, oldest first, and return how many wait still.

    root: the folder of the experiments. What cannot be sent now stays, with a note of why; a message that came while
    this worked is sent, too. More than TOGETHER messages to the same people go as one, and single ones wait where
    AN_HOUR were sent in the last hour. Where another process is at it already, it will send all, and this one has
    nothing to do.
    """
    outbox = Outbox(root)
    tried: set[Path] = set()
    while set(outbox.waiting()) - tried:
        with outbox.held() as alone:
            if not alone:
                break
            items = outbox.waiting()
            tried |= set(items)
            outbox.trouble(_pass(outbox, items))
        # between the look and the end of the hold one may have come whose process found the outbox held: look again
    return len(outbox.waiting())


def _pass(outbox: Outbox, items: Sequence[Path]) -> str:
    """Send each of the messages that can be sent, and return why others could not."""
    troubles: dict[str, str] = {}
    for batch in _batches(outbox, items):
        settings = batch[0][2]
        server = f"{settings.smtp} {settings.to}"
        if server in troubles:  # of a server that does not answer the next message need not wait
            continue
        if len(batch) <= TOGETHER and outbox.sent_since(3600) + len(batch) > AN_HOUR:
            troubles[server] = f"{AN_HOUR} messages were sent in the last hour; the rest will come as one"
            continue
        try:
            _deliver(outbox, batch)
        except MrdlError as error:
            troubles[server] = str(error)
    return "; ".join(troubles.values())


def _deliver(outbox: Outbox, batch: Sequence[_Item]) -> None:
    """Send one letter for all of a batch. Raises NotSent where it waits on."""
    item, event, settings, done = batch[0]
    written = _together(batch) if len(batch) > 1 else letter(event, settings)
    before = len(done)
    try:
        _send(written, settings, item.stem, done)
    except Refused as error:
        for one in batch:
            outbox.refuse(one[0], str(error))
    except MrdlError:
        if len(done) > before:  # one way worked: that way is not gone again
            for one in batch:
                outbox.put_back(one[0], one[1], settings.to_json(), done)
        raise
    else:
        for one in batch:
            outbox.sent(one[0], written.subject, ", ".join(settings.to))


def _send(written: Letter, settings: Settings, ident: str, done: list[str]) -> None:
    """Send a letter by mail and by apprise. done: the ways by which it went already; those that work are added.

    Raises what the first way raises that does not work, when the other was tried, too.
    """
    faults: list[MrdlError] = []
    ways: dict[str, Callable[[], None]] = {"apprise": lambda: send_elsewhere(written, settings)}
    if settings.to:
        ways["mail"] = lambda: send_mail(message(written, settings, ident), settings)
    for way, send in ways.items():
        if way not in done:
            try:
                send()
                done.append(way)
            except (NotSent, Refused) as error:
                faults.append(error)
    if faults:
        raise faults[0]


def _batches(outbox: Outbox, items: Sequence[Path]) -> list[list[_Item]]:
    """The messages to send: one each, or many to the same people together."""
    alike: dict[tuple[Settings, str], list[_Item]] = {}
    for item in items:
        try:
            kept = json.loads(item.read_text())
            settings, done = Settings.from_json(kept["settings"]), list(kept.get("done", []))
            alike.setdefault((settings, " ".join(done)), []).append((item, dict(kept["event"]), settings, done))
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            outbox.refuse(item, f"it cannot be read: {error}")
    found = []
    for batch in alike.values():
        found += [batch] if len(batch) > TOGETHER else [[one] for one in batch]
    return found


def _together(batch: Sequence[_Item]) -> Letter:
    """One letter for many events: a line each, and the whole of the last."""
    last = letter(batch[-1][1], batch[-1][2])
    lines = [
        f"  {event.get('at', '')}  {event.get('name') or event.get('id') or ''} {event.get('what')}"
        + (f": {event['why']}" if event.get("why") else "")
        for _, event, _, _ in batch[:1000]
    ]
    more = f"\n  and {len(batch) - 1000} more" if len(batch) > 1000 else ""
    text = f"{len(batch)} messages that could not be sent one by one:\n\n" + "\n".join(lines) + more
    return Letter(
        f"[mrdl] {len(batch)} messages, the last: {last.subject}", f"{text}\n\nThe last:\n{last.text}", "", None
    )


def main() -> None:
    """Send what waits in the outbox of a folder of experiments."""
    os.nice(10)
    post(sys.argv[1])


if __name__ == "__main__":
    main()
