"""Events in, events and metric points out: each once, in order, however they come.

Providers send duplicates, shuffle, leave out times and ids, and show an early step after a late
one. A point whose predecessors seem to be missing waits for them a little while, and so does what
happened after it; nothing waits once the job has ended.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.jobs.event_ids import sequence_of
from tui.jobs.metrics import point_of
from tui.jobs.models import Event, MetricPoint

if TYPE_CHECKING:
    from tui.jobs.columns import Arranged, Columns, PointColumns, Whole

_DISORDER_FACTOR = 4
# The steps at the end of a history, at most, that do not tell yet how far apart steps are.
_NEWS = 32


@dataclass(frozen=True, slots=True)
class Released:
    """What may be shown now.

    Attributes:
        events: Oldest first.
        points: By step, each step once.
        amended: Points of steps shown before, with values that came later.
    """

    events: Sequence[Event]
    points: Sequence[MetricPoint]
    amended: tuple[MetricPoint, ...]


@dataclass(slots=True)
class _Entry:
    event: Event
    point: MetricPoint | None
    at: int
    sequence: int
    arrival: int
    since: float


def is_newest_first(events: Sequence[Event]) -> bool:
    """Whether a list as a provider sent it runs from new to old, as far as can be told."""
    return not any(_rises(a, b) for a, b in itertools.pairwise(events))


def _rises(first: Event, second: Event) -> bool:
    """Whether the second of two neighbours is certainly newer than the first."""
    if first.created_at is None or second.created_at is None:
        return False
    if first.created_at != second.created_at:
        return first.created_at < second.created_at
    a, b = point_of(first), point_of(second)
    return a is not None and b is not None and a.step < b.step


def oldest_first(events: Sequence[Event]) -> list[Event]:
    """Turn a list as a provider sent it round, unless it runs from old to new already."""
    pairs = list(itertools.pairwise(events))
    rising = sum(_rises(a, b) for a, b in pairs)
    falling = sum(_rises(b, a) for a, b in pairs)
    return list(events) if rising > falling else list(reversed(events))


class Timeline:
    """The history of one job as it becomes known.

    Args:
        patience: Seconds a point waits for steps that seem to be missing before it; four times as
            long once the provider was seen to send things out of order.
    """

    def __init__(self, patience: float = 2.5) -> None:
        self.patience = patience
        self.disordered = False
        self.newest: MetricPoint | None = None
        self._known: dict[str, int | None] = {}
        self._pending: list[_Entry] = []
        self._points: dict[int, MetricPoint] = {}
        self._restored: PointColumns | None = None
        self._last: int | None = None
        self._strides: set[int] = {1}
        self._arrival = 0
        self._latest_at = 0

    def knows(self, event: Event) -> bool:
        """Whether an event was taken in before."""
        return self._named(event)[0] is None

    @property
    def holding(self) -> bool:
        """Whether something waits to be released."""
        return bool(self._pending)

    def _named(self, event: Event) -> tuple[Event | None, MetricPoint | None]:
        """Return the event under the id it is kept by, with its point; ``None`` when known.

        One id for two different steps is two events: the second is kept under a name of its own.
        """
        point = point_of(event)
        step = point.step if point else None
        if event.id not in self._known:
            return event, point
        if step is None or self._known[event.id] == step:
            return None, None
        name = f"{event.id}~{step}"
        if name in self._known:
            return None, None
        return dataclasses.replace(event, id=name), point_of(dataclasses.replace(event, id=name))

    def take(self, events: Iterable[Event], now: float) -> list[Event]:
        """Take in events, oldest first as far as known; return the new ones.

        Args:
            events: Known ones among them are left out.
            now: A steady clock, in seconds.
        """
        fresh: list[Event] = []
        for event in events:
            named, point = self._named(event)
            if named is None:
                continue
            self._known[named.id] = point.step if point else None
            at = named.created_at if named.created_at is not None else self._latest_at
            self._latest_at = at
            sequence = sequence_of(named.id)
            self._pending.append(_Entry(named, point, at, sequence, self._arrival, now))
            self._arrival += 1
            if point and (self.newest is None or point.step >= self.newest.step):
                self.newest = point
            fresh.append(named)
        return fresh

    def release(self, now: float, *, everything: bool = False) -> Released:
        """Hand out what is in order; with ``everything``, hold nothing back."""
        self._pending = _arranged(self._pending)
        events: list[Event] = []
        points: dict[int, MetricPoint] = {}
        amended: list[MetricPoint] = []
        for count, entry in enumerate(self._pending):
            if not everything and not self._due(entry, now):
                self._pending = self._pending[count:]
                break
            events.append(entry.event)
            if entry.point is not None:
                self._show(entry.point, points, amended)
        else:
            self._pending = []
        return Released(
            tuple(events), tuple(points[step] for step in sorted(points)), tuple(amended)
        )

    def restore(
        self,
        columns: Columns,
        load: Callable[[], dict[int, Event]],
        now: float,
        *,
        everything: bool,
    ) -> Released:
        """Take in a whole kept history at once and hand out what is in order.

        The same as :meth:`take` and :meth:`release` on a new timeline, but that regular distances
        between steps are learned from the history itself, so that nothing of it waits for them.

        Args:
            columns: The history; nothing older than its newest event may be missing.
            load: Gives all its events by their numbers; may be called late, or never.
            now: A steady clock, in seconds.
            everything: Hold nothing back.
        """
        from tui.jobs.columns import NONE, EventColumns, arranged, points_by_step

        order = arranged(columns)
        cut = len(order.rows) if everything else self._learn(order)
        released, held = order.rows[:cut], order.rows[cut:]
        points = points_by_step(columns, released[columns.steps[released] != NONE])
        if len(points):
            self._restored = points
            self._last = int(points.steps[-1])
            self._strides |= _distances(points.steps)
        steps = columns.steps.tolist()
        self._known = {
            event_id: None if step == NONE else step
            for event_id, step in zip(columns.ids, steps, strict=True)
        }
        self._arrival = len(columns.ids)
        self._latest_at = int(order.ats[-1]) if len(order.ats) else 0
        highest = max(steps, default=NONE)
        if highest != NONE:
            self.newest = columns.point(len(steps) - 1 - steps[::-1].index(highest))
        found = load() if len(held) else {}
        for row in sorted(held.tolist()):
            event = found[int(columns.numbers[row])]
            at, sequence = int(order.ats[row]), int(columns.sequences[row])
            self._pending.append(_Entry(event, point_of(event), at, sequence, row, now))
        return Released(EventColumns(columns, released, load), points, ())

    def learn(self) -> None:
        """Learn how far apart steps are from what was just taken in, a history without a hole."""
        steps = sorted({entry.point.step for entry in self._pending if entry.point is not None})
        settled = steps[: _settled(len(steps))]
        self._strides |= {b - a for a, b in itertools.pairwise([0, *settled])}

    def _learn(self, order: Arranged) -> int:
        """Learn how far apart steps are; return how many rows are in order by that."""
        learned = order.steps[: _settled(len(order.steps))]
        self._strides |= _distances(learned)
        before = int(learned[-1]) if len(learned) else 0
        for place, step in enumerate(order.steps[len(learned) :].tolist(), len(learned)):
            if step - before not in self._strides and step != 0:
                return int(order.places[place])
            self._strides.add(step - before)
            before = step
        return len(order.rows)

    def _shown(self, step: int) -> MetricPoint | None:
        """Return what was handed out for a step."""
        found = self._points.get(step)
        if found is None and self._restored is not None:
            found = self._restored.at(step)
        return found

    def _due(self, entry: _Entry, now: float) -> bool:
        if entry.point is None:
            return True
        step = entry.point.step
        if self._shown(step) is not None or (self._last is not None and step < self._last):
            return True
        if step - (self._last or 0) in self._strides or step == 0:
            return True
        patience = self.patience * (_DISORDER_FACTOR if self.disordered else 1)
        return now - entry.since >= patience

    def _show(
        self, point: MetricPoint, points: dict[int, MetricPoint], amended: list[MetricPoint]
    ) -> None:
        known = self._shown(point.step)
        if known is None:
            self._points[point.step] = points[point.step] = point
            if self._last is None or point.step > self._last:
                self._strides.add(point.step - (self._last or 0))
                self._last = point.step
            return
        merged = _merged(known, point)
        if merged is known:
            return
        self._points[point.step] = merged
        if point.step in points:
            points[point.step] = merged
        else:
            amended.append(dataclasses.replace(merged, id=point.id))


def _settled(count: int) -> int:
    """Return how many of the first steps of a history tell how far apart steps are."""
    return count - min(_NEWS, count // 2)


def _distances(steps: Whole) -> set[int]:
    """Return how far apart ascending steps are, the first of them from 0."""
    import numpy as np

    return set(np.diff(steps, prepend=0).tolist())


def _merged(known: MetricPoint, other: MetricPoint) -> MetricPoint:
    """Add what another event says of the same step; a number said before stays, unless NaN."""
    added = {
        name: value
        for name, value in other.values.items()
        if name not in known.values or (math.isnan(known.values[name]) and not math.isnan(value))
    }
    total = known.total_steps if known.total_steps is not None else other.total_steps
    if not added and total == known.total_steps:
        return known
    return dataclasses.replace(known, values={**known.values, **added}, total_steps=total)


def _arranged(entries: list[_Entry]) -> list[_Entry]:
    """Sort by time, with the metrics by step in the places that metrics have."""
    entries = sorted(entries, key=lambda entry: (entry.at, entry.sequence, entry.arrival))
    steps = iter(
        sorted(
            (entry for entry in entries if entry.point is not None),
            key=lambda entry: (entry.point.step if entry.point else 0, entry.at, entry.arrival),
        )
    )
    return [next(steps) if entry.point is not None else entry for entry in entries]
