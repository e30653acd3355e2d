"""How a task tells its progress, and how the driver reads it: one short status line.

A status travels as Hadoop Streaming has it, `reporter:status:...` on standard error; the inline and local
runners leave the same lines in a file, so one reader serves all three.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

STATUS = re.compile(
    r"shard (?P<shard>\d+) round \d+ "
    r"epoch (?P<epoch>\d+)/(?P<epochs>\d+) (?P<percent>\d+)% loss (?P<loss>\S+)"
)
EVERY_S = 0.5  # between two looks at a job, and two lines of a task


def training_status(shard: int, round_: int, epoch: int, epochs: int, done: float, loss: float) -> str:
    """The status line of a training task.

    epoch: counts from 0; done: the fraction of that epoch, 0 to 1; loss: of the rows of the epoch so far.
    """
    return f"shard {shard} round {round_} epoch {epoch + 1}/{epochs} {100 * done:.0f}% loss {loss:.4f}"


@dataclass
class Progress:
    """The progress of a running job.

    shards: how many it trains; fraction: of all its work, 0 to 1; text: what goes on, for people; done: shard -> its
    fraction.
    """

    shards: int
    fraction: float = 0.0
    text: str = "starting"
    done: dict[int, float] = field(default_factory=dict)

    def read(self, statuses: Iterable[str]) -> None:
        """Take in status lines in any order; a shard never goes back, though its task may be retried."""
        for status in statuses:
            if match := STATUS.search(status):
                shard, epoch, epochs = int(match["shard"]), int(match["epoch"]), int(match["epochs"])
                share = (epoch - 1 + int(match["percent"]) / 100) / epochs
                if share > self.done.get(shard, -1.0):
                    self.done[shard] = share
                    self.text = f"shard {shard} epoch {epoch}/{epochs} loss {match['loss']}"
        self.fraction = max(self.fraction, sum(self.done.values()) / self.shards)
