"""Follow one job to its end, through everything a provider and a network can do.

The watcher starts from the ledger, then polls: the job, then the newest page of events, walking on
to older pages until one holds nothing new. What it hands out is in the ledger first. It never gives
up by itself: trouble is reported and tried again, and whoever listens decides when to stop.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

from tui.errors import FileError, ProviderError
from tui.jobs.history import PART_LEAST
from tui.jobs.late_names import is_still_unnamed
from tui.jobs.ledger import Ledger
from tui.jobs.models import Event, Job
from tui.jobs.provider import Provider
from tui.jobs.rest import Rest, Woken
from tui.jobs.timeline import Released, Timeline, is_newest_first, oldest_first
from tui.jobs.transport import CallError
from tui.jobs.update import Update

if TYPE_CHECKING:
    from tui.jobs.columns import Columns

_PAGE = 100
_MAX_PAGES = 2000
_FAST_NEARBY, _FAST = 0.5, 1.0
_SLOW_NEARBY, _SLOW, _SLOW_WAITING, _SLOW_PAUSED = 1.5, 6.0, 12.0, 20.0
_LONG_BREATH = 10.0
_MAX_BACKOFF = 30.0
# How many times that, at most, where a provider refuses, and where it asks for a longer wait.
_MAX_REFUSED, _MAX_ASKED = 10, 30
_MAX_LAST_LOOKS = 30
_MANY = 300
_NO_EVENTS = (404, 405, 501)
# Failures after which the connections that are left may be dead too.
_DEAD = ("connection_lost", "timeout", "connect_timeout")


class Watcher:
    """Follows one job.

    Args:
        job_id: The job.
        provider: Where it runs.
        ledger: Where its history is kept.
        patience: Seconds a point may wait for earlier steps that seem to be missing.
        rest: The waits between two looks (tests give their own clocks).

    Attributes:
        job: The job as last seen.
        polled: Whether the provider has answered at least once.
    """

    def __init__(
        self,
        job_id: str,
        provider: Provider,
        ledger: Ledger,
        *,
        patience: float = 2.5,
        rest: Rest | None = None,
    ) -> None:
        self.job_id = job_id
        self.job: Job | None = None
        self.polled = False
        self._provider = provider
        self._ledger = ledger
        self._timeline = Timeline(patience)
        self._rest = rest or Rest()
        self._gap = 1
        self._loose = 0
        self._unsaved: list[Event] = []
        self._trouble: str | None = None
        self._disk: str | None = None
        self._failures = 0
        self._interval, self._breath = self._fastest, 0.0
        self._looks, self._looks_wanted = 0, 1
        self._before: Job | None = None
        self._just_ended = False

    def nudge(self) -> None:
        """Look at once instead of at the next turn, such as after a cancel."""
        self._rest.nudge()

    @property
    def _fastest(self) -> float:
        return _FAST_NEARBY if self._provider.nearby else _FAST

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Yield what is new until the job has ended; the first comes from the ledger."""
        finished, first = await self._replay()
        if first.job is not None or first.events:
            yield first
        while True:
            self._before = self.job
            wait, update = await self._turn(self._look)
            if wait is None:
                if update is not None:
                    yield update
                wait, update = await self._turn(self._read)
            if update is not None:
                yield update
                if update.ended:
                    return
                if finished and update.trouble:
                    # All of a finished job is known here: its provider need not be there any more.
                    yield Update(self.job, trouble=update.trouble, ended=True)
                    return
            if await self._rest.pause(wait or 0.0) is Woken.SLEPT:
                self._after_sleep()

    def _after_sleep(self) -> None:
        """Begin afresh: connections from before the sleep are dead, though they look alive."""
        self._provider.renew()
        self._failures, self._interval = 0, self._fastest

    async def _replay(self) -> tuple[bool, Update]:
        """Take in what the ledger knows; return whether that is a whole, finished job, and it."""
        endpoint = self._provider.endpoint
        try:
            row = await asyncio.to_thread(self._ledger.job, endpoint, self.job_id)
            columns, self._gap, self._loose = await asyncio.to_thread(
                self._ledger.columns, endpoint, self.job_id
            )
            # A row made by events alone has no status yet.
            self.job = row.job if row is not None and row.job.status != "unknown" else None
            finished = self.job is not None and self.job.terminal and not self._gap
            if columns is not None and not self._gap:
                found = await asyncio.to_thread(self._restore, columns, finished)
                return finished, self._update(found)
            events, self._gap = await asyncio.to_thread(self._ledger.history, endpoint, self.job_id)
        except FileError as error:
            self._disk = str(error)
            return False, self._released()
        finished = finished and not self._gap
        return finished, await asyncio.to_thread(self._begin, events, finished)

    def _begin(self, events: list[Event], finished: bool) -> Update:
        self._timeline.take(events, time.monotonic())
        if not self._gap:
            self._timeline.learn()
        return self._released(everything=finished)

    def _restore(self, columns: Columns, finished: bool) -> Released:
        last = int(columns.numbers[-1]) if len(columns.numbers) else -1

        def load() -> dict[int, Event]:
            return self._ledger.events_by_number(self._provider.endpoint, self.job_id, last)

        return self._timeline.restore(columns, load, time.monotonic(), everything=finished)

    def _released(self, *, everything: bool = False, ended: bool = False) -> Update:
        return self._update(
            self._timeline.release(time.monotonic(), everything=everything), ended=ended
        )

    def _update(self, found: Released, *, ended: bool = False) -> Update:
        trouble = self._trouble or self._disk
        events, points, amended = found.events, found.points, found.amended
        return Update(self.job, events, points, amended, trouble, ended, not self.polled)

    async def _turn(
        self, ask: Callable[[], Awaitable[tuple[float | None, Update | None]]]
    ) -> tuple[float | None, Update | None]:
        """Ask; return how long to wait then (``None``: not at all), and what to hand out."""
        try:
            return await ask()
        except ProviderError as error:
            return self._failed(error), self._released()

    def _failed(self, error: ProviderError) -> float:
        self._trouble = str(error)
        self._failures += 1
        call = error if isinstance(error, CallError) else None
        if call is not None and call.code in _DEAD and self._failures == 1:
            # The network may be another one now; what is left of the old one only costs timeouts.
            self._provider.renew()
        wait = min(_MAX_BACKOFF, self._fastest * 1.6 ** min(self._failures - 1, 12))
        if call is not None and not call.transient:
            # Only a person can mend this.
            wait = min(_MAX_REFUSED * _MAX_BACKOFF, _MAX_BACKOFF * self._failures)
        asked = call.retry_after if call is not None else None
        wait = max(asked or 0.0, wait * random.uniform(0.75, 1.0))
        return min(wait, _MAX_ASKED * _MAX_BACKOFF)

    def _pace(self, active: bool) -> None:
        if active:
            self._interval = self._fastest
            return
        slowest = _SLOW_NEARBY if self._provider.nearby else _SLOW
        status = self.job.status if self.job is not None else ""
        if status == "paused":
            slowest = _SLOW_PAUSED
        elif status != "running" and not self._provider.nearby:
            slowest = _SLOW_WAITING
        self._interval = min(slowest, self._interval * 1.25)

    async def _look(self) -> tuple[float | None, Update | None]:
        """Ask for the job; hand out what changed while it goes on, before its events are read."""
        before = self.job
        job = _plausible(before, await self._provider.retrieve(self.job_id, attempts=2))
        if job != before:
            await self._keep(lambda: self._ledger.keep_jobs(self._provider.endpoint, [job]))
        self.job = job
        self._just_ended = job.terminal and (before is None or not before.terminal)
        return None, self._released() if job != before and not job.terminal else None

    async def _read(self) -> tuple[float | None, Update | None]:
        """Read the events; return how long to wait then, and what to hand out."""
        changed = self.job != self._before
        had_trouble = self._trouble
        fresh, ended = await self._poll()
        await self._keep_columns()
        first, self.polled = not self.polled, True
        self._failures, self._trouble = 0, None
        if fresh < _MANY:
            update = self._released(everything=ended, ended=ended)
        else:
            update = await asyncio.to_thread(self._released, everything=ended, ended=ended)
        self._pace(fresh > 0 or changed or self._timeline.holding)
        wait = max(self._interval, self._breath)
        news = update.events or update.points or update.amended or ended
        if news or changed or had_trouble or first:
            return wait, update
        return wait, None

    async def _poll(self) -> tuple[int, bool]:
        """Read events; return how many were new, and whether the job is over and complete."""
        job = self.job
        assert job is not None
        fresh = await self._walk(whole=self._timeline.disordered or self._just_ended)
        if not job.terminal:
            self._looks_wanted = 2
            return fresh, False
        # Providers add events after the end, so the end is believed when looks find nothing new:
        # two where the end was seen happening, one where it was long ago.
        self._looks += 1
        if is_still_unnamed(job, self._provider.config.known):
            return fresh, False
        quiet = fresh == 0 and self._looks >= self._looks_wanted
        return fresh, quiet or self._looks >= _MAX_LAST_LOOKS

    async def _walk(self, *, whole: bool) -> int:
        """Fetch events, newest page first, and keep them; return how many were new.

        Args:
            whole: Walk to the last page instead of to the first that holds only known events.
        """
        started = time.monotonic()
        # Another process that follows the same job may have left a hole.
        await self._keep(self._read_gap)
        whole = whole or self._gap > 0
        got: list[Event] = []
        error: CallError | None = None
        try:
            whole = await self._pages(got, whole)
        except CallError as caught:
            if not got and caught.status in _NO_EVENTS:
                # The job was just told of, so it is its list of events that is not there.
                return 0
            if not got:
                raise
            error = caught
        fresh = await self._take(got)
        self._unsaved += fresh
        if self._unsaved or whole or error is not None:
            await self._keep(lambda: self._save(complete=error is None))
        if error is not None:
            raise error
        # Many pages a turn are asked for less often.
        self._breath = min(_LONG_BREATH, 2 * (time.monotonic() - started))
        return len(fresh)

    async def _take(self, newest: list[Event]) -> list[Event]:
        """Take what a provider sent into the timeline; much in a thread, so that no key waits."""
        if len(newest) < _MANY:
            return self._put(newest)
        return await asyncio.to_thread(self._put, newest)

    def _put(self, newest: list[Event]) -> list[Event]:
        return self._timeline.take(oldest_first(newest), time.monotonic())

    def _read_gap(self) -> None:
        self._gap = self._ledger.gap(self._provider.endpoint, self.job_id)

    def _save(self, *, complete: bool) -> None:
        """Put into the ledger what is not there yet, also what a full disk kept out before."""
        events = tuple(self._unsaved)
        self._ledger.keep_events(
            self._provider.endpoint,
            self.job_id,
            events,
            self._timeline.newest,
            complete=complete,
            since=self._gap,
        )
        del self._unsaved[: len(events)]
        self._loose += len(events)

    async def _keep_columns(self) -> None:
        """Keep what came as columns as well, from which the next opening is quick."""
        if self._loose < PART_LEAST:
            return
        kept = 0

        def keep() -> None:
            nonlocal kept
            kept = self._ledger.keep_columns(self._provider.endpoint, self.job_id)

        await self._keep(keep)
        # Where none were kept, another process did, or cannot either: look again later.
        self._loose = max(0, self._loose - kept) if kept else 0

    async def _pages(self, got: list[Event], whole: bool) -> bool:
        """Collect pages into ``got``; return whether the walk reached the last one."""
        seen: set[str] = set()
        cursors: set[str] = set()
        after: str | None = None
        for number in range(_MAX_PAGES):
            page = await self._provider.events(
                self.job_id, after, _PAGE, attempts=2 if number == 0 else 4
            )
            fresh = [event for event in page.events if event.id not in seen]
            seen.update(event.id for event in page.events)
            got.extend(page.events)
            if not is_newest_first(page.events):
                self._timeline.disordered = whole = True
            if not fresh or not page.has_more or page.last_id is None or page.last_id in cursors:
                return True
            if not whole and all(self._timeline.knows(event) for event in page.events):
                return False
            after = page.last_id
            cursors.add(after)
        return True

    async def _keep(self, write: Callable[[], None]) -> None:
        """Use the ledger; when that fails, say so and go on: the provider has it all."""
        try:
            await asyncio.to_thread(write)
            self._disk = None
        except FileError as error:
            self._disk = str(error)


def _plausible(before: Job | None, job: Job) -> Job:
    """Read an answer in the light of the last one.

    One without a status tells nothing of it, and one from a replica that lags behind cannot bring
    an ended job back to life.
    """
    if before is None:
        return job
    if job.status == "unknown":
        return dataclasses.replace(job, status=before.status)
    return before if before.terminal and not job.terminal else job
