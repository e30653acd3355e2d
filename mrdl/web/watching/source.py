"""What is told of a session while it goes on: events, each with an id from which a reader goes on without loss."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Event:
    """Something that a page is told. name: state, round, designs, warning or reset; data: an object of JSON; id: from
    which a reader who has heard it goes on."""

    name: str
    data: Mapping[str, Any]
    id: str

    def to_bytes(self) -> bytes:
        """The event as a line of server-sent events has it."""
        text = json.dumps(plain(self.data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return f"id: {self.id}\nevent: {self.name}\ndata: {text}\n\n".encode("utf-8", "replace")


class Source(Protocol):
    """The folder of a run or a sweep, read again and again. Used by one thread at a time."""

    @property
    def cursor(self) -> str:
        """The id of what was read last."""

    @property
    def standing(self) -> tuple[str, str]:
        """That id, and how the session stands."""

    def look(self) -> bool:
        """Read what is new; returns whether there is something to tell."""

    def since(self, cursor: str | None) -> list[Event]:
        """What came after an id, the state at its end; a reset where that is not known any more, and all that a page
        needs where there is none."""

    def told(self) -> dict[str, Any]:
        """All that a page shows of it, with `last_event_id`, the id to go on from."""

    def close(self) -> None:
        """Let go of its files."""


def plain(value: Any) -> Any:
    """A value as JSON can have it: numbers that are not finite are None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
