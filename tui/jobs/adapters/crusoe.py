"""Crusoe: OpenAI's shapes; metrics and a price estimate have addresses of their own.

From its documentation and a published example that was run against it; not tried against the live
service by us. The shape of a point of the metrics is known only to hold ``value`` (or ``y``), so
its step is looked for in the point, then in the series of steps, then in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.jobs.adapters.base import JOBS, Adapter, Rows, read_estimate
from tui.jobs.models import Estimate, integer_of, mapping_of, text_of, time_of
from tui.jobs.transport import CallError
from tui.loose import number_of

_NAMES = {"ev_loss": "train_loss", "ev_eval_loss": "valid_loss"}
_STEPS, _TOTAL = "ev_current_step", "ev_total_steps"
_LARGEST_STEP = 100_000_000


class Crusoe(Adapter):
    """Crusoe."""

    async def events(
        self, job_id: str, after: str | None, limit: int, attempts: int | None
    ) -> Rows:
        """Return a page of events; the first one brings the metrics along, as metrics events."""
        page = await super().events(job_id, after, limit, attempts)
        if after is not None:
            return page
        try:
            metrics = await self.metrics(job_id, 1)
        except CallError as error:
            # A job that has not begun to train has none; the events are there all the same.
            if error.transient or error.status not in (400, 404):
                raise
            metrics = []
        return Rows([*page.rows, *metrics], page.has_more, page.cursor)

    async def metrics(self, job_id: str, attempts: int | None = None) -> list[Any]:
        """Return the points of a job's series, an event each, in the order of their steps."""
        answer = await self.wire.get(f"{JOBS}/{job_id}/metrics", {}, attempts)
        return metric_events(answer)

    async def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """Ask for the price of a create."""
        return read_estimate(await self.wire.ask(f"{JOBS}/estimate_price", self.body(body)))

    def checkpoint(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a checkpoint under the id that can be deployed, which is not its name."""
        model = text_of(row.get("fine_tuned_model_id"))
        return {**row, "fine_tuned_model_checkpoint": model} if model else row


def metric_events(answer: object) -> list[dict[str, Any]]:
    """Turn ``{"metrics": [{"metric_name", "data": [point]}]}`` into events of type ``metrics``.

    Each point is an event of its own, named by its metric and step, so that one that arrives later
    than others of its step is not taken for known.
    """
    given = mapping_of(answer).get("metrics")
    series = {
        name: data
        for row in map(mapping_of, given if isinstance(given, list) else [])
        if (name := text_of(row.get("metric_name"))) and isinstance(data := row.get("data"), list)
    }
    steps = [integer_of(_value(point)) for point in series.pop(_STEPS, [])]
    totals = [integer_of(_value(point)) for point in series.pop(_TOTAL, [])]
    total = totals[-1] if totals else None
    found = []
    for name, data in series.items():
        shown = _NAMES.get(name, name.removeprefix("ev_"))
        for place, point in enumerate(data):
            value = _value(point)
            if value is None:
                continue
            beside = steps[place] if len(steps) == len(data) else None
            step = _step(point) or beside or place + 1
            found.append(_event(shown, step, total, value, _time(point)))
    return sorted(found, key=lambda event: event["data"]["step"])


def _event(
    name: str, step: int, total: int | None, value: float, created: int | None
) -> dict[str, Any]:
    of = f"/{total}" if total else ""
    return {
        "id": f"metric-{name}-{step}",
        "created_at": created,
        "level": "info",
        "type": "metrics",
        "message": f"Step {step}{of}: {name}={value:.4g}",
        "data": {"step": step, name: value, **({"total_steps": total} if total else {})},
    }


def _value(point: object) -> float | None:
    if not isinstance(point, Mapping):
        return number_of(point)
    return number_of(point.get("value", point.get("y")))


def _step(point: object) -> int | None:
    for key in ("step", "global_step", "x"):
        step = integer_of(mapping_of(point).get(key))
        # What is larger than any step is a time.
        if step is not None and 0 < step < _LARGEST_STEP:
            return step
    return None


def _time(point: object) -> int | None:
    for key in ("created_at", "timestamp", "time"):
        found = time_of(mapping_of(point).get(key))
        if found is not None:
            return found
    return None
