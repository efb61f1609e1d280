"""Make updates of what a follower reads: steps where there are none, restarts, ids."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from tui.jobs import NONE, Event, Job, PointColumns, Update
from tui.logs.columns import Rows
from tui.logs.rows import Batch
from tui.logs.steps import Steps

STILL = 600.0
_MOST_NOTES = 500
_MOST_PARTS = 200
_KNOWN_NAMES = {
    "num_train_epochs": "n_epochs",
    "per_device_train_batch_size": "batch_size",
}


@dataclass(slots=True)
class _Part:
    """Events, and the points that come after them."""

    events: list[Event] = field(default_factory=list)
    points: PointColumns | tuple[()] = ()


class Assembler:
    """Makes updates of what a follower reads.

    Args:
        path: The log's absolute path, the id of the run.
        kind: What it is, for people.

    Attributes:
        gone: Whether nobody writes it any more.
    """

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.kind = kind
        self.gone = False
        self.total: int | None = None
        self.status = "running"
        self._whole = False
        self._error = ""
        self._facts: dict[str, Any] = {}
        self._number = 0
        self._segment = 0
        self._started: float | None = None
        self._newest: float | None = None
        self._told_counting = False
        self._parts: list[_Part] = []
        self._steps = Steps()

    def take(self, batch: Batch, *, modified: float, live: bool) -> list[Update]:
        """Return the updates of a batch, more than one where order matters: at words, at restarts.

        Args:
            batch: What was read.
            modified: When the log last changed, in seconds since 1970.
            live: Whether its rows came just now rather than before the log was opened.

        Returns:
            Updates of which each that tells of a restart does so before its points.
        """
        self.total = batch.total or self.total
        self._parts = [_Part()]
        if batch.restart and self._number:
            self._steps.begin_again(0)
            self._restart(0, f"The log begins anew: {batch.restart}.")
        self._take(batch, time.time() if live else None)
        self._facts.update(batch.facts)
        before = self.job(modified)
        self._settle(batch, modified)
        parts = [part for part in self._parts if part.events or part.points] or [_Part()]
        jobs = [*[before] * (len(parts) - 1), self.job(modified)]
        return [
            Update(job, tuple(part.events), part.points)
            for job, part in zip(jobs, parts, strict=True)
        ]

    def _take(self, batch: Batch, now: float | None) -> None:
        """Take in rows and notes in their order; what is said after a row is told after it."""
        rows, at = batch.rows, 0
        for place, note in batch.notes[:_MOST_NOTES]:
            if rows and place > at and len(self._parts) < _MOST_PARTS:
                self._measured(rows.part(at, place), now)
                self._parts.append(_Part())
                at = place
            self._parts[-1].events.append(self._event(note.message, note.level, now))
        if rows and at < len(rows):
            self._measured(rows.part(at, len(rows)), now)

    def _settle(self, batch: Batch, modified: float) -> None:
        if batch.status:
            self.status, self._error = batch.status, batch.error
        elif batch.rows:
            self.status = "running"
        if self.status in ("running", "unknown"):
            still = self.gone or time.time() - modified > STILL
            over = "succeeded" if self._whole else "unknown"
            self.status = over if still and not batch.more else "running"

    def _measured(self, rows: Rows, now: float | None) -> None:
        """Add rows to the parts, a new part wherever training began again."""
        ats = rows.ats if now is None else np.where(np.isnan(rows.ats), now, rows.ats)
        if len(told := ats[~np.isnan(ats)]):
            self._started = min(self._started or math.inf, float(told.min()))
            self._newest = max(self._newest or 0.0, float(told.max()))
        totals = np.where(rows.totals > 0, rows.totals, self.total or NONE)
        whole = np.where(np.isnan(ats), NONE, np.nan_to_num(ats)).astype(np.int64)
        for stretch in self._steps.take(rows):
            if stretch.restarted:
                step = int(stretch.steps[0])
                self._restart(step, f"Training goes on from step {step:,}: it was restarted.")
            if stretch.counted and not self._told_counting:
                self._told_counting = True
                words = "This log has no step numbers: its rows are counted instead."
                self._parts[-1].events.append(self._event(words, "info", None))
            cut = slice(stretch.start, stretch.start + len(stretch.steps))
            values = rows.part(cut.start, cut.stop).values
            if self._parts[-1].points:
                self._parts.append(_Part())
            self._parts[-1].points = PointColumns(
                _ids(self._segment, self._number), stretch.steps, whole[cut], totals[cut], values
            )
            # Few trainers say that they are done: the last of all steps says it for them.
            self._whole = bool(stretch.steps[-1] == totals[cut][-1])
            self._number += len(stretch.steps)

    def _restart(self, step: int, words: str) -> None:
        """Begin a new part: what was measured from this step on is measured again."""
        self._segment += 1
        found = self._event(words, "warn", None)
        event = Event(found.id, None, "warn", words, "restart", MappingProxyType({"step": step}))
        # Points that come with the event may be taken in before it: they have a part of their own.
        self._parts += [_Part([event]), _Part()]

    def _event(self, message: str, level: str, at: float | None) -> Event:
        self._number += 1
        return Event(
            f"{self._segment}:{self._number}",
            int(at) if at else None,
            level,
            message,
            "message",
            None,
        )

    def job(self, modified: float) -> Job:
        """Return the run as a job: its id is the path, its provider is ``log``."""
        over = self.status != "running"
        facts: Mapping[str, Any] = {
            _KNOWN_NAMES.get(name, name): value
            for name, value in self._facts.items()
            if name != "model"
        }
        return Job(
            id=self.path,
            provider="log",
            status=self.status,
            model=str(self._facts.get("model", "")),
            created_at=int(self._started) if self._started else None,
            finished_at=int(self._newest or modified) if over else None,
            error_message=self._error or None,
            hyperparameters=facts,
            metadata={"log": self.kind},
        )


def _ids(segment: int, before: int) -> Callable[[int], str]:
    """Return what names the points that follow so many points and events of a segment."""
    return lambda place: f"{segment}:{before + place + 1}"
