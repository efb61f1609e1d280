"""A long history as columns of numbers, from which a hundred thousand events open at once.

An event that only tells metrics is a row of arrays in here, and becomes an :class:`Event` or a
:class:`MetricPoint` when somebody looks at that one. What people read, messages and warnings, is
kept as it was told. Columns say nothing that the events do not say: they are made from them, and
can be made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
import orjson
from numpy.typing import NDArray

from tui.jobs.event_ids import sequence_of
from tui.jobs.metrics import point_of
from tui.jobs.models import Event, MetricPoint

NONE = -(2**62)
"""Stands for ``None`` in a column of whole numbers."""

_LARGEST = 2**53
_MAGIC = b"TDC1"

Whole = NDArray[np.int64]
Real = NDArray[np.float64]


class Columns(NamedTuple):
    """Events in the order they came to this machine, one row each.

    Attributes:
        numbers: The rows' numbers in the ledger, ascending.
        ids: Their ids.
        ats: When, in seconds since 1970; `NONE` where not told.
        sequences: The numbers that ids count up with; -1 where there is none.
        steps: The step of the metrics; `NONE` for an event that carries none.
        totals: Steps of the whole run; `NONE` where not told.
        values: By the name of a metric: the rows that tell it, ascending, and the values.
        told: The rows that people read.
        bodies: Those events, as the ledger keeps them.
    """

    numbers: Whole
    ids: list[str]
    ats: Whole
    sequences: Whole
    steps: Whole
    totals: Whole
    values: dict[str, tuple[Whole, Real]]
    told: list[int]
    bodies: list[str]

    def point(self, row: int) -> MetricPoint:
        """Return the metrics that one event carries."""
        values = {}
        for name, (rows, found) in self.values.items():
            place = int(np.searchsorted(rows, row))
            if place < len(rows) and rows[place] == row:
                values[name] = float(found[place])
        return MetricPoint(
            self.ids[row],
            _told(self.ats[row]),
            int(self.steps[row]),
            _told(self.totals[row]),
            values,
        )


def _told(value: Any) -> int | None:
    return None if value == NONE else int(value)


def event_of(event_id: str, body: str) -> Event | None:
    """Return an event from its row in the ledger; ``None`` when there is nothing in it."""
    try:
        value = orjson.loads(body)
    except ValueError:  # NaN, infinities and lone surrogates, which JSON proper has not
        try:
            value = json.loads(body)
        except ValueError:
            return None
    return Event.from_wire({**value, "id": event_id}) if isinstance(value, dict) else None


def columns_of(rows: Iterable[tuple[int, str, str]]) -> Columns | None:
    """Return events as columns.

    Args:
        rows: Number, id and body of each, as the ledger keeps them.

    Returns:
        The columns; ``None`` when a number among them is too large for a column.
    """
    ids: list[str] = []
    bodies: list[str] = []
    told: list[int] = []
    whole: tuple[list[int], ...] = ([], [], [], [], [])
    numbers, ats, sequences, steps, totals = whole
    values: dict[str, tuple[list[int], list[float]]] = {}
    for number, event_id, body in rows:
        event = event_of(event_id, body)
        if event is None:
            continue
        point = point_of(event)
        row = len(ids)
        ids.append(event_id)
        numbers.append(number)
        ats.append(NONE if event.created_at is None else event.created_at)
        sequences.append(sequence_of(event_id))
        steps.append(NONE if point is None else point.step)
        totals.append(NONE if point is None or point.total_steps is None else point.total_steps)
        if point is None or event.level not in ("info", ""):
            told.append(row)
            bodies.append(body)
        for name, value in point.values.items() if point is not None else ():
            column = values.get(name)
            if column is None:
                column = values[name] = ([], [])
            column[0].append(row)
            column[1].append(value)
    if any(value != NONE and abs(value) > _LARGEST for each in whole for value in each):
        return None
    return Columns(
        _whole(numbers),
        ids,
        _whole(ats),
        _whole(sequences),
        _whole(steps),
        _whole(totals),
        {name: (_whole(at), np.array(found, np.float64)) for name, (at, found) in values.items()},
        told,
        bodies,
    )


def _whole(values: Sequence[int]) -> Whole:
    return np.array(values, np.int64)


def joined(parts: Sequence[Columns]) -> Columns:
    """Return several columns as one, in the order given."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.ids) for part in parts)]).tolist()
    names = dict.fromkeys(name for part in parts for name in part.values)
    values = {}
    for name in names:
        there = [
            (s, p.values[name]) for s, p in zip(starts, parts, strict=False) if name in p.values
        ]
        values[name] = (
            np.concatenate([rows + start for start, (rows, _) in there]),
            np.concatenate([found for _, (_, found) in there]),
        )
    return Columns(
        np.concatenate([part.numbers for part in parts]),
        [event_id for part in parts for event_id in part.ids],
        np.concatenate([part.ats for part in parts]),
        np.concatenate([part.sequences for part in parts]),
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.totals for part in parts]),
        values,
        [row + start for start, p in zip(starts, parts, strict=False) for row in p.told],
        [body for part in parts for body in part.bodies],
    )


def to_bytes(columns: Columns) -> bytes:
    """Return columns as bytes that :func:`from_bytes` reads."""
    head = {
        "ids": columns.ids,
        "names": list(columns.values),
        "counts": [len(rows) for rows, _ in columns.values.values()],
        "told": columns.told,
        "bodies": columns.bodies,
    }
    # The head goes through json, as an id may hold what orjson refuses.
    text = json.dumps(head).encode()
    parts = [_MAGIC, len(text).to_bytes(4, "little"), text]
    parts += [getattr(columns, name).astype("<i8").tobytes() for name in _WHOLES]
    for rows, found in columns.values.values():
        parts += [rows.astype("<i8").tobytes(), found.astype("<f8").tobytes()]
    return b"".join(parts)


_WHOLES = ("numbers", "ats", "sequences", "steps", "totals")


def from_bytes(data: bytes) -> Columns | None:
    """Return the columns that :func:`to_bytes` wrote; ``None`` when these bytes are not that."""
    try:
        if data[:4] != _MAGIC:
            return None
        at = 8 + int.from_bytes(data[4:8], "little")
        head = orjson.loads(data[8:at])
        ids = head["ids"]
        whole: dict[str, Whole] = {}
        for name in _WHOLES:
            whole[name] = np.frombuffer(data, "<i8", len(ids), at)
            at += 8 * len(ids)
        values = {}
        for name, count in zip(head["names"], head["counts"], strict=True):
            rows = np.frombuffer(data, "<i8", count, at)
            values[name] = (rows, np.frombuffer(data, "<f8", count, at + 8 * count))
            at += 16 * count
        if at != len(data):
            return None
        return Columns(ids=ids, values=values, told=head["told"], bodies=head["bodies"], **whole)
    except (ValueError, KeyError, TypeError):
        return None


class PointColumns(Sequence[MetricPoint]):
    """Metric points in order, made one by one only when they are looked at.

    Args:
        id_of: Returns the id of the point at a place.
        steps: The step of each point.
        ats: When it was measured, in seconds since 1970; `NONE` where not told.
        totals: Steps of the whole run; `NONE` where not told.
        values: By the name of a metric: the places of the points that tell it, ascending, and the
            values.

    Attributes:
        steps: The step of each point.
    """

    def __init__(
        self,
        id_of: Callable[[int], str],
        steps: Whole,
        ats: Whole,
        totals: Whole,
        values: Mapping[str, tuple[Whole, Real]],
    ) -> None:
        self._id_of = id_of
        self.steps = steps
        self._ats = ats
        self._totals = totals
        self._values = values
        self._whole = self._tracks()  # made where this is made, which is no place where keys wait

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> MetricPoint: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[MetricPoint, ...]: ...
    def __getitem__(self, index: int | slice) -> MetricPoint | tuple[MetricPoint, ...]:
        if isinstance(index, slice):
            start, stop, stride = index.indices(len(self))
            if stride == 1:
                return tuple(self._made(start, max(start, stop)))
            return tuple(self[place] for place in range(start, stop, stride))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        return next(self._made(place, place + 1))

    def __iter__(self) -> Iterator[MetricPoint]:
        return self._made(0, len(self))

    def _made(self, start: int, stop: int) -> Iterator[MetricPoint]:
        said: list[dict[str, float]] = [{} for _ in range(start, stop)]
        for name, (places, found) in self._values.items():
            a, b = np.searchsorted(places, (start, stop)).tolist()
            for place, value in zip(places[a:b].tolist(), found[a:b].tolist(), strict=True):
                said[place - start][name] = value
        for place in range(start, stop):
            yield MetricPoint(
                self._id_of(place),
                _told(self._ats[place]),
                int(self.steps[place]),
                _told(self._totals[place]),
                said[place - start],
            )

    def at(self, step: int) -> MetricPoint | None:
        """Return the point of a step; meant for points in the order of their steps."""
        if not len(self) or not self.steps[0] <= step <= self.steps[-1]:
            return None
        place = int(np.searchsorted(self.steps, step))
        return self[place] if self.steps[place] == step else None

    @property
    def latest_at(self) -> int | None:
        """The latest time that is told, in seconds since 1970."""
        return _told(self._ats.max()) if len(self) else None

    @property
    def total_steps(self) -> int:
        """The most steps that the run is said to have; 0 when that is not told."""
        return max(0, int(self._totals.max())) if len(self) else 0

    def columns(self) -> Sequence[tuple[str, Real, Real, Real]]:
        """Return each metric: its name, steps, values, and times in seconds since 1970 (or NaN)."""
        return self._whole

    def _tracks(self) -> list[tuple[str, Real, Real, Real]]:
        steps = self.steps.astype(np.float64)
        times = np.where(self._ats > 0, self._ats.astype(np.float64), np.nan)
        found = []
        for name, (places, values) in self._values.items():
            at = steps[places]
            last = np.ones(len(at), bool)  # of a step that is told again the last value counts
            last[:-1] = at[1:] != at[:-1]
            if not last.all():
                at, places, values = at[last], places[last], values[last]
            found.append((name, at, values, times[places]))
        return found


def points_by_step(columns: Columns, rows: Whole) -> PointColumns:
    """Return the metric points of a history by step, each step once.

    Args:
        columns: The history.
        rows: The rows that carry metrics, by step; among those of one step, a number said before
            stays, unless it is NaN.
    """
    steps = columns.steps[rows]
    first = np.ones(len(rows), bool)
    first[1:] = steps[1:] != steps[:-1]
    group = np.cumsum(first) - 1
    kept = rows[first]
    totals = np.full(len(kept), NONE, np.int64)
    told = np.flatnonzero(columns.totals[rows] != NONE)[::-1]
    totals[group[told]] = columns.totals[rows][told]  # the last to be written is the first told
    place = np.full(len(columns.ids), -1, np.int64)
    place[rows] = group
    rank = np.zeros(len(columns.ids), np.int64)
    rank[rows] = np.arange(len(rows))
    values: dict[str, tuple[Whole, Real]] = {}
    for name, (at, found) in columns.values.items():
        places = place[at]
        keep = places >= 0
        if keep.any():
            values[name] = _chosen(places[keep], found[keep], rank[at][keep])
    return PointColumns(
        lambda at: columns.ids[kept[at]], steps[first], columns.ats[kept], totals, values
    )


def _chosen(places: Whole, values: Real, rank: Whole) -> tuple[Whole, Real]:
    """Return one value a place, by place: the first that is a number, else the first."""
    if not (np.diff(places) > 0).all():
        order = np.lexsort((rank, np.isnan(values), places))
        places, values = places[order], values[order]
        first = np.ones(len(places), bool)
        first[1:] = places[1:] != places[:-1]
        places, values = places[first], values[first]
    return places, values


class EventColumns(Sequence[Event]):
    """Events in order, read from where they are kept only when somebody wants them all.

    Args:
        columns: Where they are from.
        rows: The events, in order.
        load: Gives all events of ``columns`` by their numbers.
    """

    def __init__(self, columns: Columns, rows: Whole, load: Callable[[], dict[int, Event]]) -> None:
        self._columns = columns
        self._rows = rows
        self._load = load
        self._events: tuple[Event, ...] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def _all(self) -> tuple[Event, ...]:
        if self._events is None:
            found = self._load()
            self._events = tuple(found[n] for n in self._columns.numbers[self._rows].tolist())
        return self._events

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._all())

    @property
    def told(self) -> tuple[Event, ...]:
        """Those that people read: all but plain measurements."""
        columns = self._columns
        bodies = np.full(len(columns.ids), -1, np.int64)
        bodies[columns.told] = np.arange(len(columns.told))
        places = bodies[self._rows]
        found = [
            event_of(columns.ids[row], columns.bodies[place])
            for row, place in zip(
                self._rows[places >= 0].tolist(), places[places >= 0].tolist(), strict=True
            )
        ]
        return tuple(event for event in found if event is not None)


class Arranged(NamedTuple):
    """A history in order.

    Attributes:
        rows: All rows: by time, with the metrics by step in the places that metrics have.
        ats: The time of each row of the columns; one without has that of the row before it.
        steps: The steps, ascending, each once.
        places: For each step, where in ``rows`` it is first.
    """

    rows: Whole
    ats: Whole
    steps: Whole
    places: Whole


def arranged(columns: Columns) -> Arranged:
    """Put a history in order, as a timeline does one event after the other."""
    count = len(columns.ids)
    arrival = np.arange(count)
    known = columns.ats != NONE
    last = np.maximum.accumulate(np.where(known, arrival, -1))
    ats = np.where(last >= 0, columns.ats[last], 0)
    rows = np.lexsort((arrival, columns.sequences, ats))
    measured = columns.steps[rows] != NONE
    points = rows[measured]
    points = points[np.lexsort((points, ats[points], columns.steps[points]))]
    rows[measured] = points
    steps = columns.steps[points]
    first = np.ones(len(steps), bool)  # np.unique would do, but loads masked arrays first
    first[1:] = steps[1:] != steps[:-1]
    return Arranged(rows, ats, steps[first], np.flatnonzero(measured)[first])
