"""What a round's manifest says, made from records of its shards and times."""

import math
from typing import Any


def of_shards(shards: list[dict[str, Any]]) -> dict[str, Any]:
    """What a manifest says of a round's shards: records as combine.records has them, rows and loss of those trained."""
    trained = [shard for shard in shards if not shard["left_out"]]
    rows = sum(shard["num_examples"] for shard in trained)
    loss = sum(shard["loss"] * shard["num_examples"] for shard in trained) / max(1, rows)
    return {"rows": rows, "training_loss": loss, "shards": shards}


def of_time(seconds: float, spent: dict[str, float], cpu_s: float | None) -> dict[str, Any]:
    """What a manifest says of a round's time; what the job did not spend is the driver's. cpu_s: of its tasks."""
    phases = {**spent, "driver": seconds - sum(spent.values())}
    by_phase = {name: round(value, 3) for name, value in phases.items()}
    return {"seconds": round(seconds, 3), "spent": by_phase, "cpu_s": cpu_s}


def of_model(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a model file keeps of a round."""
    stage = {"stage": manifest["stage"]} if manifest["stage"] else {}
    loss, scores = {"training_loss": manifest["training_loss"]}, dict(manifest["validation"])
    kept_out = {"validation_rows": scores.pop("rows")} if "rows" in scores else {}
    return {"round": manifest["round"], **stage, **loss, **scores, **kept_out, "rows": manifest["rows"]}


def best_round(rounds: list[dict[str, Any]]) -> int:
    """The number of the round with the least validation loss, the first of equals; the last where none has a loss."""
    losses = {m["round"]: loss for m in rounds if math.isfinite(loss := m["validation"].get("loss", math.nan))}
    return int(min(losses, key=lambda number: losses[number]) if losses else rounds[-1]["round"])
