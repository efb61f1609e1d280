"""Which checkpoints of a job are worth keeping."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.service.objects import checkpoint_name
from tui.service.store import Row, Store

CHECKPOINTS_KEPT = 3
_REWARDS = ("full_valid_mean_reward", "valid_reward_mean", "train_mean_reward")


def drop_surplus(store: Store, job: Row, *, over: bool = False) -> list[Row]:
    """Forget the checkpoints of a job that are not worth keeping; return them.

    Those of the last epochs stay; of a reinforcement job those with the best reward, and while it
    goes on also the newest, from which it is resumed. Call it in a transaction.

    Args:
        store: The service's memory.
        job: The job.
        over: Whether it has ended.
    """
    kept = store.checkpoints(job["id"], after=None, limit=1000).rows
    if job["method"]["type"] == "reinforcement":
        newest = kept[:1] if not over else []
        stay = {row["id"] for row in (*_best_rewarded(kept)[:CHECKPOINTS_KEPT], *newest)}
    else:
        stay = {row["id"] for row in kept[:CHECKPOINTS_KEPT]}
    dropped = [row for row in kept if row["id"] not in stay]
    for old in dropped:
        store.drop_checkpoint(old["id"])
        store.delete_model(checkpoint_name(job, old["step"]))
    return dropped


def _best_rewarded(rows: Sequence[Row]) -> list[Row]:
    """Return checkpoints by their reward, the best first: on the validation file where told."""
    found = [[_number(row["metrics"].get(name)) for row in rows] for name in _REWARDS]
    told = next((column for column in found if any(map(math.isfinite, column))), None)
    if told is None:
        return list(rows)
    ranked = sorted(zip(told, range(len(rows)), strict=True), key=lambda one: (-one[0], one[1]))
    return [rows[place] for _, place in ranked]


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return -math.inf
