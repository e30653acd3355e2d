"""How many rows are in a sample: of the warm start, and of those that the driver scores."""

WARM_ROWS = 20_000  # of the warm start's sample that are kept with the shards, where no setting says more
MOST_WARM_ROWS = 1_000_000
SAMPLE_BYTES = 64 << 20  # of those that are kept, and of the rows that the driver scores, as float32
LEAST_SAMPLE = 1000  # rows, however wide


def rows_within(size: int, columns: int, most: int) -> int:
    """Rows of so many columns that `size` bytes hold as float32: LEAST_SAMPLE at least, `most` at most."""
    return min(most, max(LEAST_SAMPLE, size // (4 * max(1, columns))))
