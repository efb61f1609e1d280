"""Read many records of an event file at once.

A run writes the same few tags again and again: records of one length with the same tag differ in
their time, step and value only. The first of such a group is read field by field, the others are
taken from the same places by numpy, after a comparison of all other bytes and of the checksums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tui.logs.checksum import masked, masked_all
from tui.logs.columns import Real, Whole
from tui.logs.event import Event, read_event

Bytes = NDArray[np.uint8]

# Tensors with more numbers than one, pictures: read one by one.
_LONGEST = 512
_MOST_SHAPES = 400
_FEW = 8


@dataclass(slots=True)
class Found:
    """The numbers of some records, in the order of the file.

    Attributes:
        names: The tags.
        tags: For each number the place of its tag in ``names``.
        steps: Their steps.
        walls: Their times, in seconds since 1970; 0 where not told.
        values: The numbers.
        texts: Texts by tag.
        bad: How many records are damaged.
    """

    names: list[str]
    tags: Whole
    steps: Whole
    walls: Real
    values: Real
    texts: dict[str, bytes]
    bad: int


class _Gathering:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.buffer = np.frombuffer(data, np.uint8)
        self.bad = 0
        self.texts: dict[str, bytes] = {}
        self.names: dict[str, int] = {}
        self.parts: list[tuple[Whole, Whole, Whole, Real, Real]] = []
        self.singles: list[tuple[int, int, int, float, float]] = []

    def one(self, order: int, start: int, length: int) -> None:
        record = self.data[start : start + length]
        crc = int.from_bytes(self.data[start + length : start + length + 4], "little")
        event = read_event(record)
        if event is None or masked(record) != crc:
            self.bad += 1
            return
        self.texts.update(event.texts)
        for scalar in event.scalars:
            tag = self._tag(scalar.tag)
            self.singles.append((order, tag, event.step, event.wall, scalar.value))

    def _tag(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))

    def group(self, orders: Whole, starts: Whole, length: int) -> None:
        """Read the records of one length, a few hundred shapes at most."""
        rows = np.zeros((len(starts), -(-(length + 4) // 8) * 8), np.uint8)
        rows[:, : length + 4] = sliding_window_view(self.buffer, length + 4)[starts]
        stored = np.ascontiguousarray(rows[:, length : length + 4]).view("<u4").ravel()
        sound = masked_all(rows[:, :length]) == stored
        self.bad += len(sound) - int(sound.sum())
        orders, starts, rows = orders[sound], starts[sound], rows[sound]
        for _ in range(_MOST_SHAPES):
            if not len(rows):
                return
            event = read_event(rows[0, :length].tobytes())
            like = _alike(rows, event, length)
            if like is None:
                self.one(int(orders[0]), int(starts[0]), length)
                like = np.zeros(len(rows), bool)
                like[0] = True
            elif event is not None:
                self._take(orders[like], rows[like], event)
            orders, starts, rows = orders[~like], starts[~like], rows[~like]
        for order, start in zip(orders.tolist(), starts.tolist(), strict=True):
            self.one(order, start, length)

    def _take(self, orders: Whole, rows: Bytes, event: Event) -> None:
        scalar = event.scalars[0]
        walls = _floats(rows, event.wall_at, 8) if event.wall_at >= 0 else np.zeros(len(rows))
        steps = np.zeros(len(rows), np.int64)
        for i in range(event.step_size):
            part = (rows[:, event.step_at + i] & 0x7F).astype(np.int64)
            steps |= part << np.int64(7 * i)
        tags = np.full(len(rows), self._tag(scalar.tag))
        self.parts.append((orders, tags, steps, walls, _floats(rows, scalar.at, scalar.size)))

    def found(self) -> Found:
        """Return everything in the order of the file."""
        kinds = (np.int64, np.int64, np.int64, np.float64, np.float64)
        singles = zip(*self.singles, strict=True) if self.singles else ((),) * len(kinds)
        alone = [np.array(column, kind) for column, kind in zip(singles, kinds, strict=True)]
        orders, *columns = (
            np.concatenate(column) for column in zip(alone, *self.parts, strict=True)
        )
        order = np.argsort(orders, kind="stable")
        tags, steps, walls, values = (column[order] for column in columns)
        return Found(list(self.names), tags, steps, walls, values, self.texts, self.bad)


def read_many(data: bytes, starts: Whole, lengths: Whole) -> Found:
    """Return what is in records.

    Args:
        data: The bytes that hold them.
        starts: The offset of each.
        lengths: The length of each; four bytes of checksum follow each.
    """
    gathering = _Gathering(data)
    by_length = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(lengths[by_length])) + 1
    for orders in np.split(by_length, ends):
        length = int(lengths[orders[0]])
        if length > _LONGEST or len(orders) < _FEW:
            for order in orders.tolist():
                gathering.one(order, int(starts[order]), length)
        else:
            gathering.group(orders, starts[orders], length)
    return gathering.found()


def _alike(rows: Bytes, event: Event | None, length: int) -> NDArray[np.bool_] | None:
    """Return which rows have the shape of the first; ``None`` when it is no plain scalar."""
    if event is None or len(event.scalars) != 1 or event.texts:
        return None
    scalar = event.scalars[0]
    if not scalar.size or event.step < 0 or event.step_size > 8:
        return None
    fixed = np.zeros(rows.shape[1], np.uint8)
    fixed[:length] = 0xFF
    fixed[scalar.at : scalar.at + scalar.size] = 0
    if event.wall_at >= 0:
        fixed[event.wall_at : event.wall_at + 8] = 0
    # Of a step's bytes the highest bit says whether there is another.
    fixed[event.step_at : event.step_at + event.step_size] = 0x80
    differ = np.zeros(len(rows), np.uint64)
    words = rows.view(np.uint64)
    for column, bits in zip(words.T, fixed.view(np.uint64), strict=True):
        differ |= (column ^ column[0]) & bits
    like: NDArray[np.bool_] = differ == 0
    return like


def _floats(rows: Bytes, at: int, size: int) -> Real:
    found: Real = np.ascontiguousarray(rows[:, at : at + size]).view(f"<f{size}").ravel()
    return found.astype(np.float64)
