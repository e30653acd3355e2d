"""What mappers write, and the shards that come of it: for tests of rows on their way."""

import numpy as np

from mrdl.data.text.csv import Block
from mrdl.settings.config import TrainConfig
from mrdl.shards.keys import VALIDATION_KEY, WARM_KEY, shard_keys
from mrdl.shards.loaded import LoadedShard
from mrdl.shards.placing import PlacedRows

CONFIG = TrainConfig(warm_rows=20_000, shards=3, validation=0.1)
NO_LIMIT = 1 << 40


def block(features: np.ndarray, labels: np.ndarray) -> Block:
    """A parsed block, its labels numbered by first appearance as the parser does."""
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(str(label), len(numbers)) for label in labels], np.int32)
    return Block(features, codes, tuple(numbers), 0)


def cut(features: np.ndarray, labels: np.ndarray, size: int) -> list[Block]:
    """Blocks of so many rows."""
    return [block(features[i : i + size], labels[i : i + size]) for i in range(0, len(labels), size)]


def lines_of(*mappers: list[Block], config: TrainConfig = CONFIG) -> dict[bytes, list[bytes]]:
    """What these mappers write, key -> lines."""
    keys = shard_keys(config.shards, config.shards)
    lines: dict[bytes, list[bytes]] = {key: [] for key in [WARM_KEY, *keys, VALIDATION_KEY]}
    for blocks in mappers:
        columns = blocks[0].features.shape[1]
        placed = PlacedRows(config, keys, columns, lambda key, value: lines[key].append(key + b"\t" + value + b"\n"))
        for some in blocks:
            placed.add(some)
        placed.finish()
    return lines


def shards_of(*mappers: list[Block], config: TrainConfig = CONFIG) -> list[LoadedShard]:
    """Each shard of these mappers, the validation rows last; without the warm start's rows, which shards have too."""
    return [LoadedShard(lines, NO_LIMIT) for key, lines in lines_of(*mappers, config=config).items() if key != WARM_KEY]


def warm(*mappers: list[Block], config: TrainConfig = CONFIG) -> LoadedShard:
    """The rows that these mappers send to the warm start."""
    return LoadedShard(lines_of(*mappers, config=config)[WARM_KEY], NO_LIMIT)


def in_order(shard: LoadedShard) -> tuple:
    """All that training sees of a shard: values to the bit, labels, hashes and statistics."""
    labels = [shard.label_names[code] for code in shard.codes[shard.order]]
    counted = shard.statistics
    return (
        (str(shard.features.dtype), shard.features[shard.order].tobytes(), labels, shard.hashes[shard.order].tolist()),
        (counted.to_meta(), counted.minimum.tobytes(), counted.maximum.tobytes()),
    )


def written(shard: LoadedShard, most: int | None = None) -> list[bytes]:
    """The lines of a shard as the cache keeps them."""
    lines: list[bytes] = []
    shard.write(b"7", b"D", lambda key, value: lines.append(key + b"\t" + value + b"\n"), shard.order[:most])
    return lines


def arrivals(features: np.ndarray, labels: np.ndarray) -> dict[str, list[list[Block]]]:
    """The same rows in several orders, blocks, mappers and types, by name; blocks by mapper."""
    other = np.random.default_rng(3).permutation(len(labels))
    small, mixed = cut(features, labels, 97), cut(features[other], labels[other], 97)
    half = features.astype(np.float32)
    return {
        "many blocks": [small],
        "another order": [[block(features[other], labels[other])]],
        "several mappers": [small[:3], small[3:4], small[4:]],
        "mappers in another order": [mixed[9:], mixed[:9]],
        "sorted by label": [cut(features[np.argsort(labels)], np.sort(labels), 200)],
        "some as float32": [small[:5], cut(half[485:], labels[485:], 300)],
    }


WAYS = list(arrivals(np.zeros((1, 1)), np.zeros(1)))
