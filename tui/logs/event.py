"""Read one record of a TensorBoard event file, a protocol buffer of ``tensorflow.Event``.

Scalars are read in both forms that writers use: ``simple_value``, and a tensor of one number.
Field numbers are those of event.proto, summary.proto and tensor.proto of TensorFlow.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tui.logs import hparams

_FLOAT, _DOUBLE, _STRING = 1, 2, 7


@dataclass(slots=True)
class Scalar:
    """One number of an event, and where it stands in the record.

    Attributes:
        tag: Its name.
        value: The number.
        at: The offset of its bytes in the record.
        size: 4 or 8 bytes; 0 where the number is not held as little-endian IEEE 754.
    """

    tag: str
    value: float
    at: int
    size: int


@dataclass(slots=True)
class Event:
    """One event.

    Attributes:
        wall: Seconds since 1970; ``wall_at`` is where it stands, -1 where it is missing.
        step: The step; ``step_at`` and ``step_size`` are where it stands, size 0 where missing.
        scalars: Its numbers.
        texts: Its texts, by tag; hyperparameters as JSON under :data:`tui.logs.hparams.TAG`.
    """

    wall: float = 0.0
    wall_at: int = -1
    step: int = 0
    step_at: int = 0
    step_size: int = 0
    scalars: list[Scalar] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)


class _MalformedError(ValueError):
    pass


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _MalformedError


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield ``(field, wire type, start, end)`` of each field between two offsets."""
    while at < end:
        key, at = _varint(data, at)
        kind, start = key & 7, at
        if kind == 0:
            _, at = _varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 2:
            size, start = _varint(data, at)
            at = start + size
        elif kind == 5:
            at += 4
        else:
            raise _MalformedError
        if at > end:
            raise _MalformedError
        yield key >> 3, kind, start, at


def read_event(data: bytes) -> Event | None:
    """Read one record; ``None`` when it is no event."""
    event = Event()
    try:
        for name, kind, start, end in _fields(data, 0, len(data)):
            if name == 1 and kind == 1:
                event.wall, event.wall_at = struct.unpack_from("<d", data, start)[0], start
            elif name == 2 and kind == 0:
                value, _ = _varint(data, start)
                event.step = value - (1 << 64) if value >> 63 else value
                event.step_at, event.step_size = start, end - start
            elif name == 5 and kind == 2:
                for inner, wire, first, last in _fields(data, start, end):
                    if inner == 1 and wire == 2:
                        _read_value(data, first, last, event)
    except (_MalformedError, struct.error):
        return None
    return event


def _read_value(data: bytes, at: int, end: int, event: Event) -> None:
    tag, scalar = "", None
    tensor: tuple[int, int] | None = None
    for name, kind, start, stop in _fields(data, at, end):
        if name == 1 and kind == 2:
            tag = data[start:stop].decode("utf-8", "replace")
        elif name == 2 and kind == 5:
            scalar = Scalar("", struct.unpack_from("<f", data, start)[0], start, 4)
        elif name == 8 and kind == 2:
            tensor = (start, stop)
        elif name == 9 and kind == 2 and tag == hparams.TAG:
            told = hparams.hparams_in(data, start, stop, _fields)
            event.texts[tag] = json.dumps(told).encode()
    if scalar is None and tensor is not None:
        scalar = _read_tensor(data, *tensor, tag, event)
    if scalar is not None:
        scalar.tag = tag
        event.scalars.append(scalar)


def _read_tensor(data: bytes, at: int, end: int, tag: str, event: Event) -> Scalar | None:
    """Return the number of a tensor that holds just one; keep the text of one that holds text."""
    dtype, found, count = 0, None, 0
    for name, kind, start, stop in _fields(data, at, end):
        if name == 1 and kind == 0:
            dtype, _ = _varint(data, start)
        elif name == 8 and kind == 2 and dtype == _STRING:
            event.texts.setdefault(tag, data[start:stop])
        elif name in (4, 5, 6):
            size = stop - start
            found, count = (start, size), count + 1
        elif name in (7, 10) and kind in (0, 2):
            value, last = _varint(data, start)
            if kind == 0 or last == stop:
                return Scalar(tag, float(value), start, 0)
    if found is None or count != 1:
        return None
    start, size = found
    if (dtype, size) == (_FLOAT, 4):
        return Scalar(tag, struct.unpack_from("<f", data, start)[0], start, 4)
    if (dtype, size) == (_DOUBLE, 8):
        return Scalar(tag, struct.unpack_from("<d", data, start)[0], start, 8)
    return None
