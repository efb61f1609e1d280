"""Read TensorBoard event files: TFRecord frames around protocol buffers of ``tensorflow.Event``.

Only scalars are read, in both forms that writers use (``simple_value``, and a tensor of one
number), and the training arguments that Hugging Face's Trainer puts there as text. Field numbers
are those of event.proto, summary.proto and tensor.proto of TensorFlow.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tui.logs.checksum import masked, masked_length
from tui.logs.rows import SILENT_ENDS, Batch, Note, Row, is_summary, metric_name, number

_FRAME = struct.Struct("<QI")
_CRC = struct.Struct("<I")
# Larger records hold pictures or graphs.
_LARGEST = 1 << 20
_FLOAT, _DOUBLE, _STRING = 1, 2, 7
_ARGUMENTS = (
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "lr_scheduler_type",
    "weight_decay",
    "warmup_steps",
    "optim",
    "seed",
)
# From so many records on, many are read at once.
_MANY = 64


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
        texts: Its texts, by tag.
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


class EventFile:
    """Makes rows of an event file as it grows; numbers of one step that follow are one row."""

    kind = "TensorBoard events"

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        self._broken = False
        self._names: dict[str, str] = {}
        self._ended = False

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes."""
        batch = Batch()
        if self._broken:
            return batch
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip, data = self._skip - dropped, data[dropped:]
        data = self._rest + data
        places, at = self._frames(data, batch)
        self._rest = data[at:]
        self._read(data, places, batch)
        return batch

    def settle(self, *, final: bool) -> Batch:
        """Nothing waits here: a record counts once all of it is there."""
        del final
        return Batch()

    def _frames(self, data: bytes, batch: Batch) -> tuple[list[tuple[int, int]], int]:
        """Return offset and length of the whole records, and where the next one begins."""
        places: list[tuple[int, int]] = []
        at, end = 0, len(data)
        while at + _FRAME.size <= end:
            length, crc = _FRAME.unpack_from(data, at)
            if masked_length(length) != crc:
                self._broken = True
                batch.rows.append(Note("The event file is damaged from here on.", "error"))
                return places, end
            after = at + _FRAME.size + length + _CRC.size
            if length > _LARGEST:
                if after > end:
                    self._skip, at = after - end, end
                    break
            elif after > end:
                break
            else:
                places.append((at + _FRAME.size, length))
            at = after
        return places, at

    def _read(self, data: bytes, places: list[tuple[int, int]], batch: Batch) -> None:
        if len(places) >= _MANY:
            from tui.logs.bulk import read_many

            found, bad = read_many(data, places)
            batch.facts.update(self._facts(found.texts, batch))
            self._rows(found.points, batch)
        else:
            found_points: list[tuple[str, int, float, float]] = []
            bad = 0
            for start, length in places:
                record = data[start : start + length]
                event = read_event(record)
                if event is None or masked(record) != _CRC.unpack_from(data, start + length)[0]:
                    bad += 1
                    continue
                found_points += [(s.tag, event.step, event.wall, s.value) for s in event.scalars]
                batch.facts.update(self._facts(event.texts, batch))
            self._rows(found_points, batch)
        if bad:
            batch.rows.append(Note(f"{bad} records of the event file are damaged.", "warn"))
        if self._ended:
            batch.status = "succeeded"

    def _rows(self, points: list[tuple[str, int, float, float]], batch: Batch) -> None:
        row: Row | None = None
        for tag, step, wall, value in points:
            if is_summary({tag: value}):
                self._ended = True
            if tag.endswith(SILENT_ENDS) or tag == "train/train_loss":
                continue
            name = self._names.get(tag)
            if name is None:
                name = self._names[tag] = metric_name(tag)
            if row is None or row.step != step or name in row.values:
                row = Row(step, {}, wall or None)
                batch.rows.append(row)
            row.values[name] = value
            if name == "epoch":
                row.epoch = value
        batch.rows = [
            r
            for r in batch.rows
            if isinstance(r, Note) or r.values.keys() > {"epoch"} or "epoch" not in r.values
        ]

    def _facts(self, texts: dict[str, bytes], batch: Batch) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        arguments = _object(texts.get("args/text_summary"))
        facts.update({name: arguments[name] for name in _ARGUMENTS if name in arguments})
        if isinstance(steps := number(arguments.get("max_steps")), float) and steps > 0:
            batch.total = int(steps)
            facts.pop("num_train_epochs", None)
        model = _object(texts.get("model_config/text_summary")).get("_name_or_path")
        if isinstance(model, str) and model:
            facts["model"] = model
        return facts


def _object(text: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
