"""What a setting decides: the rows of the shards, the bytes of the weights, or neither.

Settings of the data decide which rows lie in which shard (the key of the cache of shards), those of the model decide
the bytes of the weights, those of the run neither.
"""

DATA, MODEL, RUN = "data", "model", "run"
