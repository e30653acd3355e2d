"""What `mrdl train` would refuse rows of a table by, in its words: each place is told, before anything is started."""

from collections.abc import Iterator
from dataclasses import replace

from mrdl.data.preparation.fitness import Refusal, Unfit
from mrdl.data.source import Source
from mrdl.data.text.csv import BlockParser
from mrdl.settings.config import TrainConfig
from mrdl.shards.keys import shard_keys
from mrdl.shards.placing import PlacedRows
from mrdl.shards.reading import Reading
from mrdl.storage.store import text_chunks

MOST_BAD_ROWS = 100  # after which a training looks for no more
LOOKED_AT = 64 << 20  # bytes of a table whose rows are looked at once more


def of_rows(source: Source, config: TrainConfig, head: bool) -> str:
    """The words of a training that cannot read some rows, "" where it can read all, or the table is a large one.

    source: with what its columns hold, and the label if it is known; head: of the first rows alone.
    """
    if source.listing is not None or config.bad_rows != "stop" or (source.size > LOOKED_AT and not head):
        return ""
    schema = source.schema
    config = replace(config, shards=1, warm_rows=0)
    placed = PlacedRows(config, shard_keys(1, 1), len(schema.places), lambda key, value: None, schema.beside)
    reading = Reading(placed, schema, BlockParser(schema).parse, MOST_BAD_ROWS)
    for file, chunks in _texts(source, head):
        if reading.lines(chunks, file, 0):
            break
    found = placed.statistics
    found.cut |= head and not source.head.whole
    if not found.bad_rows:
        return ""
    return str(source.refused(found, Refusal(Unfit.ROWS, "")))


def _texts(source: Source, head: bool) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files that are looked at, each with its text."""
    filled = [info.path for info in source.files if info.size]
    if not head or source.head.whole:
        yield from ((path, text_chunks(path)) for path in filled)
        return
    text = source.head.text
    yield filled[0], iter([text[: max(text.rfind(b"\n"), text.rfind(b"\r")) + 1]])
