"""The keys under which rows travel, and the reducers that Hadoop gives them."""

import itertools

VALIDATION_ROWS = 10_000  # kept by the driver
VALIDATION_KEY = b"validation"
WARM_KEY = b"warm"
SAMPLES = (VALIDATION_KEY, WARM_KEY)
"""The keys of rows that are no shard's: those kept out of training, and those of the warm start."""


def hadoop_partition(key: bytes, partitions: int) -> int:
    """The reducer, 0 to `partitions` - 1, that Hadoop's HashPartitioner gives a key (java.util.Arrays.hashCode)."""
    value = 1
    for byte in key:
        value = (31 * value + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return (value & 0x7FFFFFFF) % partitions


def shard_keys(shards: int, reducers: int) -> list[bytes]:
    """A key for each shard so that shard i lands in reducer i modulo `reducers`, at most as many as shards.

    Plain numbers would leave reducers empty, and Streaming throws an empty reducer's output away.
    """
    free: list[list[bytes]] = [[] for _ in range(reducers)]
    keys: list[bytes] = []
    candidates = (b"%d" % i for i in itertools.count())
    while len(keys) < shards:
        wanted = len(keys) % reducers
        while not free[wanted]:
            key = next(candidates)
            free[hadoop_partition(key, reducers)].append(key)
        keys.append(free[wanted].pop(0))
    return keys
