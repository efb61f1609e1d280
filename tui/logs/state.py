"""Read ``trainer_state.json`` of Hugging Face's Trainer: one JSON object, written anew each time.

Fields as in ``transformers.TrainerState``: ``log_history`` holds the rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from tui.logs.rows import Batch, is_summary, whole

if TYPE_CHECKING:
    from tui.logs.columns import Rows

_FACTS = {
    "num_train_epochs": "n_epochs",
    "train_batch_size": "per_device_train_batch_size",
}


class TrainerState:
    """Makes rows of the whole text; what was told before is not told again."""

    kind = "Hugging Face trainer state"

    def __init__(self) -> None:
        self._known: Rows | None = None

    def whole(self, data: bytes) -> Batch | None:
        """Return what is new in the file; ``None`` while it is not whole.

        The state of a run that began again has another history: then all of it is new.
        """
        try:
            state = _loaded(data)
        except (ValueError, RecursionError):
            return None
        if isinstance(state, list):  # the history alone, as many keep it
            state = {"log_history": state}
        if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
            return None
        return self._changed(state)

    def _changed(self, state: Mapping[str, Any]) -> Batch:
        from tui.logs.columns import rows_of

        history = [entry for entry in state["log_history"] if isinstance(entry, dict)]
        batch = Batch(total=whole(state.get("max_steps")) or None)
        rows, _ = rows_of(history)
        same = rows.same(self._known) if self._known else 0
        if not same and self._known:
            batch.restart = "another run wrote the trainer state anew"
        batch.rows = rows.part(same, len(rows))
        self._known = rows
        if any(is_summary(entry) for entry in history[-2:]):
            batch.status = "succeeded"
        for name, known_as in _FACTS.items():
            if isinstance(state.get(name), (int, float)):
                batch.facts[known_as] = state[name]
        return batch


def _loaded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:  # NaN and infinities are no JSON, but trainers write them.
        return json.loads(data)
