"""Read ``trainer_state.json`` of Hugging Face's Trainer: one JSON object, written anew each time.

Fields as in ``transformers.TrainerState``: ``log_history`` holds the rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.logs.rows import Batch, is_summary, row_of, whole

_FACTS = {
    "num_train_epochs": "n_epochs",
    "train_batch_size": "per_device_train_batch_size",
}


class TrainerState:
    """Makes rows of the whole text; what was told before is not told again."""

    kind = "Hugging Face trainer state"

    def __init__(self) -> None:
        self._history: list[Any] = []

    def whole(self, data: bytes) -> Batch | None:
        """Return what is new in the file; ``None`` while it is not whole.

        The state of a run that began again has another history: then all of it is new.
        """
        try:
            state = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
            return None
        return self._changed(state)

    def _changed(self, state: Mapping[str, Any]) -> Batch:
        history = [entry for entry in state["log_history"] if isinstance(entry, dict)]
        batch = Batch(total=whole(state.get("max_steps")) or None)
        known = len(self._history)
        if history[:known] != self._history:
            pairs = enumerate(zip(history, self._history, strict=False))
            shared = next((at for at, pair in pairs if not _same(*pair)), min(known, len(history)))
            if known and not shared:
                batch.restart = "another run wrote the trainer state anew"
            known = shared
        for entry in history[known:]:
            row = row_of(entry)
            if row is not None:
                batch.rows.append(row)
        self._history = history
        if any(is_summary(entry) for entry in history[-2:]):
            batch.status = "succeeded"
        for name, known_as in _FACTS.items():
            if isinstance(state.get(name), (int, float)):
                batch.facts[known_as] = state[name]
        return batch


def _same(one: Any, other: Any) -> bool:
    """Compare by text, because NaN is not equal to itself."""
    return bool(one == other) or repr(one) == repr(other)
