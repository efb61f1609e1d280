"""What the job screens share: connections to providers, the ledger, and what it knows.

One feed an application. Everything slow in here is awaited (the SDK is imported in a thread by the
provider, SQLite is asked in a thread), so a screen can stand before any of it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tui.run.state import Price

if TYPE_CHECKING:
    from tui.config import Paths, ProviderConfig
    from tui.deck import Deck
    from tui.jobs import Job, JobRow, LaunchRow, Ledger, Progress, Provider

PAGE = 100
MOST_JOBS = 500
"""Runs listed at most; older ones are still reached by their id."""
_FOLLOWED = 8
_FAREWELL = 10.0


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the list.

    Attributes:
        job: The run as last described.
        seen_at: When that was, in seconds since 1970.
        progress: Its newest metrics.
        price: The estimate made at its launch from this machine.
        file: Path of its training file on this machine; empty when launched elsewhere.
    """

    job: Job
    seen_at: float
    progress: Progress | None = None
    price: Price | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class RunList:
    """All runs of a provider, newest first, and how sure that is.

    Attributes:
        rows: The runs.
        unsettled: Launches of this machine whose outcome is not known.
        trouble: Why the provider did not answer; ``None`` when it did.
        seen_at: When the provider last answered, in seconds since 1970; ``None`` if never.
    """

    rows: tuple[RunRow, ...] = ()
    unsettled: tuple[LaunchRow, ...] = ()
    trouble: str | None = None
    seen_at: float | None = None

    def with_trouble(self, trouble: str | None) -> RunList:
        """Return the same list, with why the provider did not answer."""
        return replace(self, trouble=trouble)


@dataclass(frozen=True, slots=True)
class _Cancel:
    """A cancel under way: its task, and whether the provider has answered it."""

    task: asyncio.Task[Job]
    heard: asyncio.Event


def price_of(estimate: Any) -> Price | None:
    """Read the estimate that the ledger keeps with a launch (a cost row)."""
    tokens = estimate.get("tokens_billed") if estimate else None
    if not isinstance(tokens, (int, float)):
        return None
    usd = estimate.get("usd")
    return Price(int(tokens), float(usd) if isinstance(usd, (int, float)) else None)


class JobFeed:
    """Connections and the ledger of one application.

    Args:
        paths: The folders of the application.
        config_of: Finds the settings of a provider by name; ``None`` is the one in use.
    """

    def __init__(self, paths: Paths, config_of: Callable[[str | None], ProviderConfig]) -> None:
        self._paths = paths
        self._config_of = config_of
        self._providers: dict[str, Provider] = {}
        self._ledger: Ledger | None = None
        self._lock = asyncio.Lock()
        self._live: dict[tuple[str, str], Progress] = {}
        self._seen: dict[str, float] = {}
        self._cancels: dict[tuple[str | None, str], _Cancel] = {}

    def provider(self, name: str | None = None) -> Provider:
        """Return the provider called ``name``, or the one in use; nothing is contacted yet.

        Raises:
            TunedeckError: There is no such provider, or its key is missing.
        """
        from tui.jobs import open_provider

        config = self._config_of(name)
        if config.name not in self._providers:
            self._providers[config.name] = open_provider(config, self._paths)
        return self._providers[config.name]

    async def ledger(self) -> Ledger:
        """Return the ledger, opened in a thread the first time.

        Raises:
            FileError: It cannot be opened.
        """
        async with self._lock:
            if self._ledger is None:
                self._ledger = await asyncio.to_thread(self._open_ledger)
            return self._ledger

    def _open_ledger(self) -> Ledger:
        from tui.jobs import open_ledger

        return open_ledger(self._paths.state)

    async def row(self, provider: Provider, job_id: str) -> RunRow | None:
        """Return what the ledger knows of one run."""
        ledger = await self.ledger()
        found = await asyncio.to_thread(ledger.job, provider.endpoint, job_id)
        return self._run_row(provider, found) if found else None

    async def known(self, provider: Provider) -> RunList:
        """Return what the ledger knows of a provider's runs, without asking the provider."""
        ledger = await self.ledger()
        rows = await asyncio.to_thread(ledger.jobs, provider.endpoint, MOST_JOBS)
        unsettled = await asyncio.to_thread(ledger.open_launches, provider.endpoint)
        seen = self._seen.get(provider.endpoint)
        if seen is None and rows:
            seen = max(row.seen_at for row in rows)
        return RunList(
            tuple(self._run_row(provider, row) for row in rows), tuple(unsettled), None, seen
        )

    async def fetch(self, provider: Provider) -> None:
        """Ask the provider for its runs and the newest metrics of those that go on.

        Raises:
            ProviderError: It refused or could not be reached; what the ledger knows still stands.
        """
        ledger = await self.ledger()
        jobs: dict[str, Job] = {}
        after: str | None = None
        while len(jobs) < MOST_JOBS:
            page = await provider.list_jobs(limit=PAGE, after=after, attempts=1)
            fresh = [job for job in page.jobs if job.id not in jobs]
            jobs.update((job.id, job) for job in fresh)
            # A server that ignores the cursor sends one page for ever: stop where nothing is new.
            if not page.has_more or not fresh or page.last_id is None:
                break
            after = page.last_id
        await asyncio.to_thread(ledger.keep_jobs, provider.endpoint, list(jobs.values()))
        self._seen[provider.endpoint] = time.time()
        await self._settle(ledger, provider)
        going = [job for job in jobs.values() if job.status == "running"][:_FOLLOWED]
        await asyncio.gather(*(self._newest(provider, job) for job in going))

    async def _settle(self, ledger: Ledger, provider: Provider) -> None:
        """Find out what became of launches that a crash or a closed laptop left open."""
        from tui.jobs import reconcile

        await reconcile(ledger, provider)

    async def _newest(self, provider: Provider, job: Job) -> None:
        """Look at the newest events of a run that nobody may be watching."""
        from tui.errors import ProviderError
        from tui.jobs import Progress, point_of

        # A provider without events is no reason to show no list.
        with contextlib.suppress(ProviderError):
            page = await provider.events(job.id, limit=20, attempts=1)
            points = [point for event in page.events if (point := point_of(event))]
            if points:
                last = max(points, key=lambda point: point.step)
                self._live[provider.endpoint, job.id] = Progress(
                    last.step, last.total_steps, last.values, last.created_at
                )

    def _run_row(self, provider: Provider, row: JobRow) -> RunRow:
        live = self._live.get((provider.endpoint, row.job.id))
        progress = row.progress
        if live is not None and (progress is None or live.step > progress.step):
            progress = live
        return RunRow(row.job, row.seen_at, progress, price_of(row.estimate), row.file)

    def begin_cancel(self, provider: str | None, job_id: str) -> asyncio.Task[Job]:
        """Begin to cancel a run, once, and return the task that ends with the run as it ended.

        The task belongs to the feed and not to the screen that asked, because a cancel agreed to
        must reach the provider even when the panel is left or the application quit right after.
        It fails with a :class:`TunedeckError` when the provider refuses or cannot be reached.
        """
        key = (provider, job_id)
        going = self._cancels.get(key)
        if going is None:
            heard = asyncio.Event()
            task = asyncio.create_task(self._cancel(provider, job_id, heard))
            going = self._cancels[key] = _Cancel(task, heard)
            task.add_done_callback(lambda _: self._cancels.pop(key, None))
        return going.task

    async def cancelled(self, provider: str | None, job_id: str) -> Job:
        """Return a run as it ended after its cancel; whoever waits here may go away.

        Raises:
            TunedeckError: The provider refused, or could not be reached.
        """
        return await asyncio.shield(self.begin_cancel(provider, job_id))

    async def _cancel(self, provider: str | None, job_id: str, heard: asyncio.Event) -> Job:
        from tui.jobs import cancel_job

        try:
            outcome = await cancel_job(
                self.provider(provider),
                await self.ledger(),
                job_id,
                on_heard=heard.set,
                timeout=None,
            )
        finally:
            heard.set()
        return outcome.job

    async def cancels_heard(self, timeout: float) -> bool:
        """Wait, at most ``timeout`` seconds, until providers have heard of every cancel.

        Returns:
            Whether they have.
        """
        waits = [asyncio.create_task(going.heard.wait()) for going in self._cancels.values()]
        if not waits:
            return True
        _, late = await asyncio.wait(waits, timeout=timeout)
        for wait in late:
            wait.cancel()
        return not late

    async def farewell(self) -> str:
        """See to it that every cancel agreed to is heard before the program ends.

        Returns:
            What to tell the person when one is not; empty when all is well.
        """
        runs = [job_id for _, job_id in self._cancels]
        if await self.cancels_heard(_FAREWELL):
            return ""
        return f"tunedeck: no answer to the cancel yet: run 'tunedeck cancel {' '.join(runs)}'"

    async def aclose(self) -> None:
        """Close connections and the ledger."""
        providers, self._providers = self._providers, {}
        for provider in providers.values():
            with contextlib.suppress(Exception):
                await provider.aclose()
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            await asyncio.to_thread(ledger.close)


_FEEDS: WeakKeyDictionary[Deck, JobFeed] = WeakKeyDictionary()


def feed_of(deck: Deck) -> JobFeed:
    """Return the application's feed, making it the first time."""
    feed = _FEEDS.get(deck)
    if feed is None:
        feed = _FEEDS[deck] = JobFeed(deck.paths, deck.provider_config)
        deck.farewells.append(feed.farewell)
        deck.closers.append(feed.aclose)
    return feed
