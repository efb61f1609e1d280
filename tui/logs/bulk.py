"""Read many records of an event file at once.

A run writes the same few tags again and again: records of one length with the same tag differ in
their time, step and value only. The first of such a group is read field by field, the others are
taken from the same places by numpy, after a comparison of all other bytes and of the checksums.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from tui.logs.checksum import masked, masked_all
from tui.logs.event import Event, read_event

# Tensors with more numbers than one, pictures: read one by one.
_LONGEST = 512
_MOST_SHAPES = 400
_FEW = 8


@dataclass(slots=True)
class Found:
    """What is in the records.

    Attributes:
        points: Tag, step, time, value, in the order of the file.
        texts: Texts by tag.
    """

    points: list[tuple[str, int, float, float]] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)


class _Gathering:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.bad = 0
        self.texts: dict[str, bytes] = {}
        self.orders: list[np.ndarray] = []
        self.tags: list[str] = []
        self.columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.singles: list[tuple[int, str, int, float, float]] = []

    def one(self, order: int, start: int, length: int) -> None:
        record = self.data[start : start + length]
        crc = int.from_bytes(self.data[start + length : start + length + 4], "little")
        event = read_event(record)
        if event is None or masked(record) != crc:
            self.bad += 1
            return
        self.texts.update(event.texts)
        for scalar in event.scalars:
            self.singles.append((order, scalar.tag, event.step, event.wall, scalar.value))

    def group(self, orders: np.ndarray, starts: np.ndarray, length: int) -> None:
        """Read the records of one length, a few hundred shapes at most."""
        buffer = np.frombuffer(self.data, np.uint8)
        rows = buffer[starts[:, None] + np.arange(length + 4)]
        stored = np.ascontiguousarray(rows[:, length:]).view("<u4").ravel()
        body = rows[:, :length]
        sound = masked_all(body) == stored
        self.bad += int((~sound).sum())
        left = np.flatnonzero(sound)
        for _ in range(_MOST_SHAPES):
            if not len(left):
                return
            first = int(left[0])
            event = read_event(body[first].tobytes())
            like = _alike(body[left], event)
            if like is None:
                self.one(int(orders[first]), int(starts[first]), length)
                left = left[1:]
                continue
            assert event is not None
            self._take(orders[left[like]], body[left[like]], event)
            left = left[~like]
        for at in left.tolist():
            self.one(int(orders[at]), int(starts[at]), length)

    def _take(self, orders: np.ndarray, rows: np.ndarray, event: Event) -> None:
        scalar = event.scalars[0]
        walls = _floats(rows, event.wall_at, 8) if event.wall_at >= 0 else np.zeros(len(rows))
        steps = np.zeros(len(rows), np.int64)
        for i in range(event.step_size):
            part = (rows[:, event.step_at + i] & 0x7F).astype(np.int64)
            steps |= part << np.int64(7 * i)
        self.orders.append(orders)
        self.tags.append(scalar.tag)
        self.columns.append((steps, walls, _floats(rows, scalar.at, scalar.size)))

    def points(self) -> list[tuple[str, int, float, float]]:
        """Return everything in the order of the file."""
        found = list(self.singles)
        for tag, orders, (steps, walls, values) in zip(
            self.tags, self.orders, self.columns, strict=True
        ):
            found += zip(
                orders.tolist(),
                [tag] * len(orders),
                steps.tolist(),
                walls.tolist(),
                values.tolist(),
                strict=True,
            )
        found.sort(key=lambda point: point[0])
        return [point[1:] for point in found]


def read_many(data: bytes, places: list[tuple[int, int]]) -> tuple[Found, int]:
    """Return what is in these records, and how many of them are damaged.

    Args:
        data: The bytes that hold them.
        places: Offset and length of each; four bytes of checksum follow each.
    """
    gathering = _Gathering(data)
    lengths: dict[int, list[int]] = defaultdict(list)
    for order, (_, length) in enumerate(places):
        lengths[length].append(order)
    for length, orders in lengths.items():
        if length > _LONGEST or len(orders) < _FEW:
            for order in orders:
                gathering.one(order, *places[order])
            continue
        starts = np.array([places[order][0] for order in orders], np.int64)
        gathering.group(np.array(orders, np.int64), starts, length)
    return Found(gathering.points(), gathering.texts), gathering.bad


def _alike(rows: np.ndarray, event: Event | None) -> np.ndarray | None:
    """Return which rows have the shape of the first; ``None`` when it is no plain scalar."""
    if event is None or len(event.scalars) != 1 or event.texts:
        return None
    scalar = event.scalars[0]
    if not scalar.size or event.step < 0 or event.step_size > 8:
        return None
    fixed = np.ones(rows.shape[1], bool)
    fixed[scalar.at : scalar.at + scalar.size] = False
    if event.wall_at >= 0:
        fixed[event.wall_at : event.wall_at + 8] = False
    last = event.step_at + event.step_size
    fixed[event.step_at : last] = False
    like: np.ndarray = (rows[:, fixed] == rows[0, fixed]).all(axis=1)
    steps = rows[:, event.step_at : last] & 0x80
    like &= (steps == steps[0]).all(axis=1)
    return like


def _floats(rows: np.ndarray, at: int, size: int) -> np.ndarray:
    found: np.ndarray = np.ascontiguousarray(rows[:, at : at + size]).view(f"<f{size}").ravel()
    return found.astype(np.float64)
