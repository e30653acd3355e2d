"""Manifests as small as can be, for tests of what is done with them."""

from typing import Any

from mrdl.rounds.manifest import Manifest, ShardRecord

SHARD = ShardRecord(shard=0, num_examples=9, metrics={"loss": 0.5, "steps": 3.0}, device="cpu", left_out="")
PLAIN: dict[str, Any] = {
    "round": 1,
    "stage": "",
    "stage_round": 1,
    "sha256": "",
    "velocity": "",
    "parent": "",
    "settings": "",
    "rows": 9,
    "training_loss": 0.5,
    "shards": (SHARD,),
    "validation": {"loss": 0.25, "accuracy": 0.75, "rows": 4},
    "majority": "3",
    "outer_step": 1.0,
    "retried": 0,
    "seconds": 2.0,
    "spent": {"job": 1.5, "driver": 0.5},
    "cpu_s": None,
    "versions": {"numpy": "1"},
}


def manifest(**known: Any) -> Manifest:
    """The manifest of a round, of which a test knows a few parts."""
    return Manifest(**{**PLAIN, **known})
