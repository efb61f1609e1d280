"""Helpers of the tests of logs."""

from __future__ import annotations

from pathlib import Path

from tui.jobs import Event, MetricPoint, Update
from tui.logs import read_log

DATA = Path(__file__).parent / "data"


def points_of(updates: tuple[Update, ...] | list[Update]) -> list[MetricPoint]:
    return [point for update in updates for point in update.points]


def events_of(updates: tuple[Update, ...] | list[Update]) -> list[Event]:
    return [event for update in updates for event in update.events]


def track(path: Path, name: str) -> list[tuple[int, float]]:
    """Return the steps and values of one metric of a log."""
    points = points_of(read_log(path))
    return [(point.step, point.values[name]) for point in points if name in point.values]
