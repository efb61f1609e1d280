"""What the job screens share: connections to providers, the ledger, and what it knows.

One feed an application. Everything slow in here is awaited (the SDK is imported in a thread by the
provider, SQLite is asked in a thread), so a screen can stand before any of it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from tui.config import LOCAL
from tui.errors import ProviderError, TunedeckError
from tui.jobs.rest import Rest, Woken
from tui.run.cancels import Cancels, Going
from tui.run.runlist import RunKey, RunList, RunRow, run_row
from widgets.text import clean

if TYPE_CHECKING:
    from tui.config import Paths, ProviderConfig
    from tui.deck import Deck
    from tui.jobs import Job, Ledger, Progress, Provider

PAGE = 100
MOST_JOBS = 500
"""Runs listed at most of a provider; older ones are still reached by their id."""
_FOLLOWED = 8
_NEWEST = 16
"""So many of the newest runs are asked, once, what they measured though they ended unwatched."""
_ASKED_FOR = 10


class JobFeed:
    """Connections and the ledger of one application.

    Args:
        paths: The folders of the application.
        config_of: Finds the settings of a provider by name; ``None`` is the one in use.
        names: Names the configured providers, the one in use first.
    """

    def __init__(
        self,
        paths: Paths,
        config_of: Callable[[str | None], ProviderConfig],
        names: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._paths = paths
        self._config_of = config_of
        self._names = names
        self._providers: dict[str, Provider] = {}
        self._ledger: Ledger | None = None
        self._lock = asyncio.Lock()
        self._live: dict[tuple[str, str], Progress] = {}
        self._followed: set[str] = set()
        self._looked_at: set[tuple[str, str]] = set()
        self._going_on: set[RunKey] = set()
        self._seen: dict[str, float] = {}
        self._cancels = Cancels(self.provider, self.ledger)

    # --- providers ----------------------------------------------------------------------------

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

    def everywhere(self) -> tuple[str, ...]:
        """Return the names of all configured providers, the one in use first.

        One that cannot be used now, such as one whose key is missing, is among them.
        """
        found: list[str] = []
        for name in (None, *self._names()):
            with contextlib.suppress(TunedeckError):
                name = self._config_of(name).name
            if name is not None:
                found.append(name)
        return tuple(dict.fromkeys(found))

    def read_only(self, name: str | None = None) -> bool:
        """Return whether nothing may be changed at a provider."""
        try:
            return self._config_of(name).read_only
        except TunedeckError:
            return False

    async def asleep(self, name: str) -> bool:
        """Return whether this is the embedded service, not in use and not running.

        It is not started only to be asked what the ledger knows.
        """
        try:
            config = self._config_of(name)
        except TunedeckError:
            return False
        if config.kind != LOCAL or name == self.everywhere()[0]:
            return False
        from tui.service import find_running

        return await asyncio.to_thread(find_running, self._paths) is None

    def rest(self) -> Rest:
        """Return what waits between two looks; see :meth:`pause`."""
        return Rest()

    async def pause(self, name: str, rest: Rest, seconds: float) -> None:
        """Wait; when the machine slept meanwhile, return at once and begin with new connections."""
        if await rest.pause(seconds) is Woken.SLEPT:
            with contextlib.suppress(TunedeckError):
                self.provider(name).renew()

    # --- the ledger ---------------------------------------------------------------------------

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
        live = self._live.get((provider.endpoint, job_id))
        return run_row(found, provider.name, live) if found else None

    async def known(self, name: str, limit: int = MOST_JOBS) -> RunList:
        """Return what the ledger knows of a provider's runs, without asking the provider.

        Args:
            name: The provider; one that cannot be used now is as good.
            limit: How many runs, newest first.

        Raises:
            FileError: The ledger cannot be read.
        """
        ledger = await self.ledger()
        return await asyncio.to_thread(self._known, ledger, name, limit)

    def _known(self, ledger: Ledger, name: str, limit: int) -> RunList:
        rows: list[RunRow] = []
        unsettled = []
        seen: list[float] = []
        asked = False
        for endpoint in self._endpoints(ledger, name):
            kept = ledger.jobs(endpoint, limit)
            rows += [run_row(row, name, self._live.get((endpoint, row.job.id))) for row in kept]
            unsettled += [*ledger.interrupted(endpoint), *ledger.open_launches(endpoint)]
            at = self._seen.get(endpoint) or ledger.heard_at(endpoint)
            seen += [at] if at is not None else [row.seen_at for row in kept]
            asked = asked or endpoint in self._seen
        return RunList(tuple(rows), tuple(unsettled), None, max(seen, default=None), asked)

    def _endpoints(self, ledger: Ledger, name: str) -> list[str]:
        try:
            config = self._config_of(name)
            return [LOCAL if config.kind == LOCAL else self.provider(name).endpoint]
        except TunedeckError:
            # Its key is missing, say: what it ran is known all the same.
            return ledger.endpoints_of(name)

    # --- asking -------------------------------------------------------------------------------

    async def fetch(self, name: str, *, whole: bool = True) -> None:
        """Ask a provider for its runs and the newest metrics of those that go on.

        Args:
            name: The provider.
            whole: Ask for all pages; otherwise for the newest, and for older runs that go on.

        Raises:
            TunedeckError: It refused, could not be reached or cannot be used; what the ledger
                knows still stands.
        """
        ledger = await self.ledger()
        provider = self.provider(name)
        jobs = await self._list(provider, MOST_JOBS if whole else PAGE)
        await self._ask_for(ledger, provider, jobs)
        for job in jobs.values():
            self.saw(name, job)
        await asyncio.to_thread(ledger.keep_jobs, provider.endpoint, list(jobs.values()))
        await asyncio.to_thread(ledger.keep_heard, provider.endpoint)
        self._seen[provider.endpoint] = time.time()
        await self._settle(ledger, provider)
        followed = [*self._to_follow(jobs), *await self._unwatched(ledger, provider)]
        await asyncio.gather(*(self._newest(ledger, provider, job) for job in followed))

    def saw(self, name: str | None, job: Job) -> None:
        """Take note of a run as a provider just told of it, for the last words."""
        key = self._config_of(name).name, job.id
        (self._going_on.discard if job.terminal else self._going_on.add)(key)

    def _to_follow(self, jobs: dict[str, Job]) -> list[Job]:
        """Return the runs whose newest metrics are wanted: those that go on, then a last time."""
        going = [job for job in jobs.values() if job.status == "running"][:_FOLLOWED]
        ended = [job for job in jobs.values() if job.terminal and job.id in self._followed]
        self._followed |= {job.id for job in going}
        self._followed -= {job.id for job in ended}
        return going + ended

    async def _unwatched(self, ledger: Ledger, provider: Provider) -> list[Job]:
        """Return those of the newest runs that ended while nobody watched, each of them once."""
        rows = await asyncio.to_thread(ledger.jobs, provider.endpoint, _NEWEST)
        found = [
            row.job
            for row in rows
            if row.job.terminal
            and row.progress is None
            and (provider.endpoint, row.job.id) not in self._looked_at
        ]
        self._looked_at |= {(provider.endpoint, job.id) for job in found}
        return found

    async def _list(self, provider: Provider, most: int) -> dict[str, Job]:
        jobs: dict[str, Job] = {}
        after: str | None = None
        while len(jobs) < most:
            page = await provider.list_jobs(limit=PAGE, after=after, attempts=1)
            fresh = [job for job in page.jobs if job.id not in jobs]
            jobs.update((job.id, job) for job in fresh)
            # A server that ignores the cursor sends one page for ever: stop where nothing is new.
            if not page.has_more or not fresh or page.last_id is None:
                break
            after = page.last_id
        return jobs

    async def _ask_for(self, ledger: Ledger, provider: Provider, jobs: dict[str, Job]) -> None:
        """Ask by name for runs that go on, as far as is known, and that are not listed."""
        known = await asyncio.to_thread(ledger.jobs, provider.endpoint, MOST_JOBS)
        missing = [
            row.job.id
            for row in known
            if not row.job.terminal and not row.gone and row.job.id not in jobs
        ]
        for job_id in missing[:_ASKED_FOR]:
            try:
                jobs[job_id] = await provider.retrieve(job_id, attempts=1)
            except ProviderError as error:
                if error.status != 404:
                    return  # What is listed stands; the next turn asks again.
                await asyncio.to_thread(ledger.mark_gone, provider.endpoint, job_id)

    async def _settle(self, ledger: Ledger, provider: Provider) -> None:
        """Find out what became of launches that a crash or a closed laptop left open."""
        from tui.jobs import reconcile

        await reconcile(ledger, provider)

    async def _newest(self, ledger: Ledger, provider: Provider, job: Job) -> None:
        """Look at the newest events of a run that nobody may be watching."""
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
                if job.terminal:
                    await asyncio.to_thread(ledger.keep_progress, provider.endpoint, job.id, last)

    # --- cancels ------------------------------------------------------------------------------

    def _key(self, provider: str | None, job_id: str) -> RunKey:
        return self._config_of(provider).name, job_id

    def begin_cancel(self, provider: str | None, job_id: str) -> asyncio.Task[Job]:
        """Begin to cancel a run, once; see :class:`tui.run.cancels.Cancels`.

        Raises:
            TunedeckError: There is no such provider, or its key is missing.
        """
        key = self._key(provider, job_id)
        self._going_on.discard(key)
        return self._cancels.begin(key)

    async def cancelled(self, provider: str | None, job_id: str) -> Job:
        """Return a run as it ended after its cancel; whoever waits here may go away.

        Raises:
            TunedeckError: The provider refused, or could not be reached.
        """
        return await asyncio.shield(self.begin_cancel(provider, job_id))

    def cancels(self) -> dict[RunKey, Going]:
        """Return the cancels that no provider has confirmed yet."""
        return self._cancels.under_way()

    async def farewell(self) -> str:
        """See to it that every cancel agreed to is heard before the program ends.

        Returns:
            What to tell the person of cancels that are not heard and runs that go on; empty when
            there are none.
        """
        said = await self._cancels.farewell()
        return "\n".join(filter(None, (said, self._what_goes_on())))

    def _what_goes_on(self) -> str:
        if len(self._going_on) == 1:
            [(_, job_id)] = self._going_on
            name = clean(job_id, 80)
            return f"tunedeck: {name} goes on: 'tunedeck watch {name}' shows it again"
        if self._going_on:
            return f"tunedeck: {len(self._going_on)} runs go on: 'tunedeck jobs' lists them"
        return ""

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
        feed = _FEEDS[deck] = JobFeed(deck.paths, deck.provider_config, deck.provider_choices)
        deck.farewells.append(feed.farewell)
        deck.closers.append(feed.aclose)
    return feed
