"""Read TensorBoard event files: TFRecord frames around protocol buffers of ``tensorflow.Event``.

Only scalars are read, and the training arguments that Hugging Face's Trainer puts there as text.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tui.jobs import NONE
from tui.logs.bulk import Found, read_many
from tui.logs.columns import Mask, Real, Rows, Whole
from tui.logs.frames import Frames
from tui.logs.hparams import TAG
from tui.logs.rows import SILENT_ENDS, Batch, Note, is_summary, metric_name
from tui.logs.settings import KNOWN
from tui.loose import number_of

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


class EventFile:
    """Makes rows of an event file as it grows; numbers of one step that follow are one row."""

    kind = "TensorBoard events"

    def __init__(self) -> None:
        self._frames = Frames()
        self._rest = b""
        self._told_damage = False
        self._ended = False

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes."""
        batch, frames = Batch(), self._frames
        dropped = min(frames.skip, len(data))
        frames.skip -= dropped
        data = self._rest + data[dropped:]
        starts, lengths = frames.find(data)
        self._rest = data[frames.at :]
        if len(starts):
            self._read(data, starts, lengths, batch)
        if frames.damaged and not self._told_damage:
            self._told_damage = True
            note = Note("The event file is damaged from here on.", "error")
            batch.notes.append((len(batch.rows or ()), note))
        return batch

    def settle(self, *, final: bool) -> Batch:
        """Nothing waits here: a record counts once all of it is there."""
        del final
        return Batch()

    def _read(self, data: bytes, starts: Whole, lengths: Whole, batch: Batch) -> None:
        found = read_many(data, starts, lengths)
        batch.facts.update(self._facts(found.texts, batch))
        self._ended = self._ended or is_summary(dict.fromkeys(found.names))
        batch.rows = _rows(found)
        if found.bad:
            note = Note(f"{found.bad} records of the event file are damaged.", "warn")
            batch.notes.append((len(batch.rows), note))
        if self._ended:
            batch.status = "succeeded"

    def _facts(self, texts: dict[str, bytes], batch: Batch) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        arguments = _object(texts.get("args/text_summary"))
        facts.update({name: arguments[name] for name in _ARGUMENTS if name in arguments})
        told = _object(texts.get(TAG))
        facts.update({KNOWN.get(name, name): value for name, value in told.items()})
        if isinstance(steps := number_of(arguments.get("max_steps")), float) and steps > 0:
            batch.total = int(steps)
            facts.pop("num_train_epochs", None)
        model = _object(texts.get("model_config/text_summary")).get("_name_or_path")
        if isinstance(model, str) and model:
            facts["model"] = model
        return facts


def _rows(found: Found) -> Rows:
    """Return numbers as rows: those of one step that follow each other are one."""
    names: dict[str, int] = {}
    known = np.array([_number_of(tag, names) for tag in found.names], np.int64)[found.tags]
    there = known >= 0
    known, steps, values = known[there], found.steps[there], found.values[there]
    row, first = _grouped(known, steps)
    columns: dict[str, tuple[Whole, Real]] = {}
    for name, at in names.items():
        own = known == at
        if own.any():
            columns[name] = (row[own], values[own])
    walls, count = found.walls[there][first], int(first.sum())
    rows = Rows(
        steps[first],
        np.where(np.isfinite(walls) & (walls > 0), walls, np.nan),
        np.full(count, NONE),
        columns,
    )
    return rows.only(rows.measure())


def _number_of(tag: str, names: dict[str, int]) -> int:
    if tag.endswith(SILENT_ENDS) or tag == "train/train_loss":
        return -1
    return names.setdefault(metric_name(tag), len(names))


def _grouped(names: Whole, steps: Whole) -> tuple[Whole, Mask]:
    """Return the row of each number, and which numbers begin a row.

    A row ends where the step changes, and where it would have a second number of one name.
    """
    count = len(names)
    first = np.ones(count, bool)
    first[1:] = steps[1:] != steps[:-1]
    begins = np.maximum.accumulate(np.where(first, np.arange(count), 0))
    order = np.argsort(names, kind="stable")
    again = np.flatnonzero(names[order][1:] == names[order][:-1])
    before = np.full(count, -1)  # where the same name was told last
    before[order[again + 1]] = order[again]
    begin = 0
    for at in np.flatnonzero(before >= begins).tolist():
        if before[at] >= max(begin, begins[at]):
            first[at], begin = True, at
    return np.cumsum(first) - 1, first


def _object(text: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
