"""Read TensorBoard event files: TFRecord frames around protocol buffers of ``tensorflow.Event``.

Only scalars are read, and the training arguments that Hugging Face's Trainer puts there as text.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from tui.logs.checksum import masked, masked_length
from tui.logs.event import read_event
from tui.logs.rows import SILENT_ENDS, Batch, Note, Row, is_summary, metric_name, number

_FRAME = struct.Struct("<QI")
_CRC = struct.Struct("<I")
# Larger records hold pictures or graphs.
_LARGEST = 1 << 20
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
