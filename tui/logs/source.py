"""A local log as a run: the same updates that a provider's job gives."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import Any, Literal

from tui.jobs import Event, Job, MetricPoint, Update
from tui.logs.find import log_title
from tui.logs.follow import Follower
from tui.logs.rows import Batch, Note, Row

STILL = 600.0
_PAUSE = 0.5
_MOST_NOTES = 500
_MOST_PARTS = 200
# Looks in vain after which a log that says that training is over is over.
_LAST_LOOKS = 3
_KNOWN_NAMES = {
    "num_train_epochs": "n_epochs",
    "per_device_train_batch_size": "batch_size",
}


class Assembler:
    """Makes updates of what a follower reads: ids, steps where there are none, restarts.

    Args:
        path: The log's absolute path, the id of the run.
        kind: What it is, for people.
    """

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.kind = kind
        self.total: int | None = None
        self.status = "running"
        self._error = ""
        self._facts: dict[str, Any] = {}
        self._number = 0
        self._segment = 0
        self._ordinal = 0
        self._offset = 0
        self._epoch = 0.0
        self._last: dict[str, int] = {}
        self._highest = 0
        self._started: float | None = None
        self._newest: float | None = None
        self._told_counting = False
        self._parts: list[tuple[list[Event], list[MetricPoint]]] = []

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
        self._parts = [([], [])]
        if batch.restart and self._number:
            self._restart(0, f"The log begins anew: {batch.restart}.")
        now = time.time() if live else None
        notes = 0
        for item in batch.rows:
            if isinstance(item, Note):
                notes += 1
                if self._parts[-1][1] and len(self._parts) < _MOST_PARTS:
                    # What is said after a row is told after it.
                    self._parts.append(([], []))
                if notes <= _MOST_NOTES:
                    self._parts[-1][0].append(self._event(item.message, item.level, now))
            else:
                point = self._point(item, now)
                self._parts[-1][1].append(point)
        self._facts.update(batch.facts)
        before = self.job(modified)
        self._settle(batch, modified)
        jobs = [*[before] * (len(self._parts) - 1), self.job(modified)]
        return [
            Update(job, tuple(events), tuple(points))
            for job, (events, points) in zip(jobs, self._parts, strict=True)
        ]

    def _settle(self, batch: Batch, modified: float) -> None:
        if batch.status:
            self.status, self._error = batch.status, batch.error
        elif any(isinstance(item, Row) for item in batch.rows):
            self.status = "running"
        if self.status in ("running", "unknown"):
            still = time.time() - modified > STILL
            self.status = "unknown" if still and not batch.more else "running"

    def _point(self, row: Row, now: float | None) -> MetricPoint:
        step = self._step(row)
        at = row.at or now
        if at:
            self._started = at if self._started is None else min(self._started, at)
            self._newest = max(self._newest or 0.0, at)
        self._number += 1
        self._highest = max(self._highest, step)
        return MetricPoint(
            f"{self._segment}:{self._number}",
            int(at) if at else None,
            step,
            row.total or self.total,
            row.values,
        )

    def _step(self, row: Row) -> int:
        if row.step is None:
            if not self._told_counting:
                self._told_counting = True
                words = "This log has no step numbers: its rows are counted instead."
                self._parts[-1][0].append(self._event(words, "info", None))
            # Validation belongs to the row of training before it.
            self._ordinal += int(not _is_validation(row.values) or not self._ordinal)
            return self._ordinal
        step = row.step + self._offset
        if any(step < self._last.get(name, -1) for name in row.values):
            if row.epoch is not None and row.epoch > self._epoch:
                # Steps that are counted anew in each epoch go on.
                self._offset = self._highest + 1
                step = row.step + self._offset
            else:
                self._offset, step = 0, row.step
                words = f"Training goes on from step {step:,}: it was restarted."
                self._restart(step, words)
        self._epoch = row.epoch if row.epoch is not None else self._epoch
        for name in row.values:
            self._last[name] = step
        return step

    def _restart(self, step: int, words: str) -> None:
        """Begin a new part: what was measured from this step on is measured again."""
        self._segment += 1
        self._last.clear()
        self._highest = step
        if not step:
            self._ordinal = self._offset = 0
        found = self._event(words, "warn", None)
        event = Event(found.id, None, "warn", words, "restart", MappingProxyType({"step": step}))
        self._parts.append(([event], []))

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


def _is_validation(values: Mapping[str, float]) -> bool:
    return any(name.startswith(("eval_", "valid_", "val_")) for name in values)


class LogSource:
    """A log that the live panel and the commands follow like a job.

    Args:
        path: A log, or a folder that holds one run.
        title: Its name for people; made of the path unless given.
        idle: Seconds after which following ends when the log has not changed; ``None`` follows
            until the log says that training is over.

    Raises:
        FileError: There is no log there, or there are several runs in the folder.
    """

    kind: Literal["job", "log"] = "log"

    def __init__(
        self, path: str | os.PathLike[str], title: str = "", *, idle: float | None = None
    ) -> None:
        self._follower = Follower(path)
        self.id = self._follower.path
        self.title = title or log_title(self.id)
        self.can: frozenset[str] = frozenset()
        self._idle = idle
        self._closed = asyncio.Event()

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Yield what the log holds, then what is written to it.

        Raises:
            FileError: The file is no log after all.
        """
        assembler = Assembler(self.id, self._follower.kind)
        live, vain, first, trouble = False, 0, True, ""
        while not self._closed.is_set():
            batch = await asyncio.to_thread(self._follower.poll)
            assembler.kind = self._follower.kind
            before = assembler.status
            updates = assembler.take(batch, modified=self._follower.modified, live=live)
            news = bool(batch.rows or batch.facts or batch.restart)
            if news or first or assembler.status != before or batch.trouble != trouble:
                for update in updates:
                    yield dataclasses.replace(update, trouble=batch.trouble or None)
                first, trouble = False, batch.trouble
            if batch.more:
                continue
            live, vain = True, 0 if news else vain + 1
            if self._is_over(assembler.status, vain):
                for update in self._last(assembler):
                    yield update
                return
            await self._pause()

    def _is_over(self, status: str, vain: int) -> bool:
        if status in ("succeeded", "failed"):
            return vain >= _LAST_LOOKS
        if self._idle is None or vain < _LAST_LOOKS:
            return False
        return time.time() - self._follower.modified >= self._idle

    def _last(self, assembler: Assembler) -> list[Update]:
        return _ended(
            assembler.take(self._follower.finish(), modified=self._follower.modified, live=False)
        )

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._closed.wait(), _PAUSE)
        except TimeoutError:
            return

    async def aclose(self) -> None:
        """Stop following."""
        self._closed.set()


def read_log(path: str | os.PathLike[str]) -> tuple[Update, ...]:
    """Return all that a log holds now, without following it; blocks.

    Raises:
        FileError: There is no log there, or there are several runs in the folder.
    """
    follower = Follower(path)
    assembler = Assembler(follower.path, follower.kind)
    updates: list[Update] = []
    while True:
        batch = follower.poll()
        assembler.kind = follower.kind
        updates += assembler.take(batch, modified=follower.modified, live=False)
        if not batch.more and not batch.rows:
            break
    last = assembler.take(follower.finish(), modified=follower.modified, live=False)
    return (*updates, *_ended(last))


def _ended(updates: list[Update]) -> list[Update]:
    return [*updates[:-1], dataclasses.replace(updates[-1], ended=True)]
