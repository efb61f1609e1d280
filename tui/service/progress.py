"""What an engine prints, turned into events, in batches that keep up with hundreds a second."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from tui.service.child import printable
from tui.service.store import Row, Store, event

FLUSH_SECONDS = 0.1
FLUSH_EVENTS = 500
_LEVELS = ("info", "warn", "error")

KeepCheckpoint = Callable[[int, str, Mapping[str, Any]], None]


class Progress:
    """Follows one run of an engine.

    Args:
        store: Where events go.
        job: The job as it was at the start.
        keep_checkpoint: Told of each checkpoint, after everything before it is stored.
        keep_snapshot: Told of each snapshot in the same way.
        give_up: Called when events cannot be stored any more.

    Attributes:
        done: The checkpoint the engine named as the model, once it has.
        error: Code and message the engine reported, if it did.
    """

    def __init__(
        self,
        store: Store,
        job: Row,
        keep_checkpoint: KeepCheckpoint,
        keep_snapshot: KeepCheckpoint,
        give_up: Callable[[], None],
    ) -> None:
        self.done: str | None = None
        self.error: tuple[str, str] | None = None
        self._store = store
        self._job_id = job["id"]
        self._keep_checkpoint = keep_checkpoint
        self._keep_snapshot = keep_snapshot
        self._give_up = give_up
        self._last_step: int = job["last_step"]
        self._total: int | None = job["total_steps"]
        self._pending: list[Row] = []
        self._timer: asyncio.TimerHandle | None = None
        self._trouble: Exception | None = None
        self._started = time.monotonic()
        self._first_step: int | None = None
        self._step = self._last_step

    def take(self, line: Mapping[str, Any]) -> None:
        """Take one line of the engine."""
        if self._trouble is not None:
            return
        match line.get("type"):
            case "metrics":
                self._metrics(line)
            case "checkpoint":
                self._kept(line, self._keep_checkpoint)
            case "snapshot":
                self._kept(line, self._keep_snapshot)
            case "started":
                self._total = _whole(line.get("total_steps")) or self._total
            case "log":
                level = line.get("level")
                self._add(
                    event(
                        printable(str(line.get("message", "")))[:2000],
                        level=level if level in _LEVELS else "info",
                    )
                )
            case "done":
                self.done = str(line.get("path", ""))
            case "error":
                message = printable(str(line.get("message", "no reason given")))[:2000]
                code = printable(str(line.get("code") or "engine_failed"))[:64]
                self.error = code, f"The training engine failed: {message}."

    def finish(self) -> None:
        """Store what is left.

        Raises:
            Exception: Whatever kept events from being stored.
        """
        if self._trouble is None:
            self._flush()
        if self._trouble is not None:
            raise self._trouble

    def _metrics(self, line: Mapping[str, Any]) -> None:
        step = _whole(line.get("step"))
        if step is None:
            return
        if self._first_step is None:
            self._first_step, self._started = step, time.monotonic()
        self._step = step
        self._total = _whole(line.get("total_steps")) or self._total
        if step <= self._last_step:
            return
        self._last_step = step
        data = {key: value for key, value in line.items() if key != "type"}
        self._add(event(_message(step, self._total, data), kind="metrics", data=data))

    def _kept(self, line: Mapping[str, Any], keep: KeepCheckpoint) -> None:
        step, metrics = _whole(line.get("step")), line.get("metrics")
        self._flush()
        if step is None or self._trouble is not None:
            return
        try:
            keep(step, str(line.get("path", "")), metrics if isinstance(metrics, dict) else {})
        except Exception as trouble:  # noqa: BLE001 - raised again by finish()
            self._fail(trouble)

    def _add(self, item: Row) -> None:
        self._pending.append(item)
        if len(self._pending) >= FLUSH_EVENTS:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        try:
            with self._store.transaction():
                self._store.add_events(self._job_id, self._pending)
                self._store.update_job(
                    self._job_id,
                    last_step=self._last_step,
                    total_steps=self._total,
                    estimated_finish=self._estimate(),
                )
            self._pending = []
        except Exception as trouble:  # noqa: BLE001 - raised again by finish()
            self._fail(trouble)

    def _fail(self, trouble: Exception) -> None:
        self._trouble = trouble
        self._give_up()

    def _estimate(self) -> int | None:
        """Return when the last step will be over, at the pace so far."""
        if self._total is None or self._first_step is None or self._step <= self._first_step:
            return None
        pace = (time.monotonic() - self._started) / (self._step - self._first_step)
        return int(time.time() + pace * max(0, self._total - self._step))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _message(step: int, total: int | None, data: Mapping[str, Any]) -> str:
    words = (
        ("train_loss", "training loss"),
        ("valid_loss", "validation loss"),
        ("full_valid_loss", "full validation loss"),
        ("train_mean_reward", "train mean reward"),
        ("full_valid_mean_reward", "full validation mean reward"),
    )
    losses = [
        f"{name}={data[key]:.2f}"
        for key, name in words
        if isinstance(data.get(key), (int, float)) and math.isfinite(data[key])
    ]
    place = f"Step {step}/{total}" if total else f"Step {step}"
    return f"{place}: {', '.join(losses)}" if losses else place
