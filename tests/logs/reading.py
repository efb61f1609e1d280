"""Helpers of the tests of logs."""

from __future__ import annotations

from pathlib import Path

from tui.jobs import NONE, Event, MetricPoint, Update
from tui.logs import Batch, read_log

DATA = Path(__file__).parent / "data"


def points_of(updates: tuple[Update, ...] | list[Update]) -> list[MetricPoint]:
    return [point for update in updates for point in update.points]


def events_of(updates: tuple[Update, ...] | list[Update]) -> list[Event]:
    return [event for update in updates for event in update.events]


def rows_in(batches: list[Batch]) -> list[tuple[int | None, str]]:
    """Return the step and the numbers of each row, by name; text, as NaN is not equal to itself."""
    found: list[tuple[int | None, str]] = []
    for rows in (batch.rows for batch in batches if batch.rows):
        told: list[dict[str, float]] = [{} for _ in range(len(rows))]
        for name, (places, values) in rows.values.items():
            for place, value in zip(places.tolist(), values.tolist(), strict=True):
                told[place][name] = value
        steps = [None if step == NONE else step for step in rows.steps.tolist()]
        found += ((step, str(dict(sorted(r.items())))) for step, r in zip(steps, told, strict=True))
    return found


def track(path: Path, name: str) -> list[tuple[int, float]]:
    """Return the steps and values of one metric of a log."""
    points = points_of(read_log(path))
    return [(point.step, point.values[name]) for point in points if name in point.values]
