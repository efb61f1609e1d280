"""The runs that are compared, and following each of them where it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import WorkerCancelled

from tui.errors import TunedeckError
from tui.run import words
from tui.run.compare import LOG, MOST, Compared, name_apart
from tui.run.feed import feed_of
from tui.run.jobsource import JobSource
from tui.run.lastknown import fill_from_ledger
from tui.run.runlist import run_names
from tui.run.source import RunSource
from tui.run.state import RunState
from tui.screens.panel_data import DatasetOf
from widgets.numbers import counted
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Checkpoint, Update
    from tui.run.runlist import RunKey
    from tui.run.state import Price

_MOST_LISTED = 200


class CompareFollow(DatasetOf):
    """A screen that follows any number of runs at once.

    Attributes:
        runs: In the order they are shown.
        clock: Tells the time in seconds since 1970.
    """

    class Known(Message):
        """What this machine knows of a run was read."""

        def __init__(
            self, run: Compared, price: Price | None, file: str, sha256: str, validation: str
        ) -> None:
            super().__init__()
            self.run = run
            self.price = price
            self.file = file
            self.sha256 = sha256
            self.validation = validation

    class News(Message):
        """Something new of a run."""

        def __init__(self, run: Compared, update: Update) -> None:
            super().__init__()
            self.run = run
            self.update = update

    class Kept(Message):
        """The checkpoints of a run were read."""

        def __init__(self, run: Compared, checkpoints: tuple[Checkpoint, ...]) -> None:
            super().__init__()
            self.run = run
            self.checkpoints = checkpoints

    class Lost(Message):
        """A run cannot be followed; ``text`` says why, not cleaned; ``known`` is what is known."""

        def __init__(self, run: Compared, text: str, known: Compared | None) -> None:
            super().__init__()
            self.run = run
            self.text = text
            self.known = known

    clock: Callable[[], float]

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Compared] = []
        self.dirty = False

    @property
    def keys(self) -> tuple[RunKey, ...]:
        """The runs that are compared."""
        return tuple(run.key for run in self.runs)

    def follow(self, keys: Sequence[RunKey]) -> None:
        """Begin to follow runs that are not followed yet, as many as there is room for."""
        new = [key for key in dict.fromkeys(keys) if key not in self.keys]
        room = MOST - len(self.runs)
        for key in new[:room]:
            run = Compared(key, key[1], RunState(key[1]))
            self.runs.append(run)
            self._follow(run)
        if len(new) > room:
            self.say(f"{MOST} runs at most: {counted(len(new) - room, 'run')} left out", "warning")
        name_apart(self.runs)
        self.dirty = True

    def source_of(self, key: RunKey) -> RunSource:
        """Return where a run is followed from.

        Raises:
            TunedeckError: There is no such log.
        """
        if key[0] == LOG:
            from tui.logs import LogSource

            return LogSource(key[1])
        return JobSource(feed_of(self.deck), *key)

    @work(group="compared", exit_on_error=False)
    async def _follow(self, run: Compared) -> None:
        source: RunSource | None = None
        try:
            source = await asyncio.to_thread(self.source_of, run.key)
            if isinstance(source, JobSource):
                await self._look_up(run, source)
            async for update in source.updates():
                if run not in self.runs:
                    return
                self.post_message(self.News(run, update))
        except (TunedeckError, OSError) as error:
            self.post_message(self.Lost(run, str(error), await self._last_known(run.key)))
        except WorkerCancelled:
            return
        finally:
            if source is not None:
                await source.aclose()

    async def _last_known(self, key: RunKey) -> Compared | None:
        """Return what the ledger knows of a run that cannot be followed."""
        if key[0] == LOG:
            return None
        found = Compared(key, key[1], RunState(key[1]))
        try:
            ledger = await feed_of(self.deck).ledger()
            await asyncio.to_thread(fill_from_ledger, found, ledger)
        except TunedeckError:
            return None
        return found if found.state.job is not None else None

    async def _look_up(self, run: Compared, source: JobSource) -> None:
        """Find what the ledger has of a run beside its numbers."""
        about = await source.about()
        feed = feed_of(self.deck)
        endpoint = feed.provider(run.key[0]).endpoint
        launch = await asyncio.to_thread((await feed.ledger()).launch_of, endpoint, run.key[1])
        validation = str(launch.recipe.get("validation") or "") if launch else ""
        sha256 = launch.sha256 if launch else ""
        self.post_message(self.Known(run, about.price, about.file, sha256, validation))

    @work(group="checkpoints", exit_on_error=False)
    async def _fetch_checkpoints(self, run: Compared) -> None:
        if run.key[0] == LOG:
            return
        try:
            found = await JobSource(feed_of(self.deck), *run.key).checkpoints()
        except TunedeckError:
            return  # Some providers have none; the table does without.
        self.post_message(self.Kept(run, found))

    @on(Known)
    def _known(self, message: Known) -> None:
        run = message.run
        run.state.price, run.file = message.price, message.file
        run.sha256, run.validation = message.sha256, message.validation
        self.dirty = True

    @on(News)
    def _news(self, message: News) -> None:
        run, state = message.run, message.run.state
        before = (state.job is None, state.terminal, state.epochs()[0])
        named = state.job.suffix if state.job else None
        state.apply(message.update)
        run.trouble = state.trouble or ""
        if state.job is not None and before != (False, state.terminal, state.epochs()[0]):
            self._fetch_checkpoints(run)
        if state.job is not None and state.job.suffix != named:
            name_apart(self.runs)
        self.dirty = True

    @on(Kept)
    def _kept(self, message: Kept) -> None:
        message.run.state.checkpoints = message.checkpoints
        self.dirty = True

    @on(Lost)
    def _lost(self, message: Lost) -> None:
        run, known = message.run, message.known
        run.trouble = message.text
        if run.state.job is None and known is not None:
            run.state, run.file = known.state, known.file
            run.sha256, run.validation = known.sha256, known.validation
            name_apart(self.runs)
        self.dirty = True

    # Others

    async def others(self) -> list[tuple[str, str, str]]:
        """Return the runs that could be compared too: key, name, and what there is to say."""
        now = self.clock()
        found = []
        feed = feed_of(self.deck)
        for name in feed.everywhere():
            try:
                rows = (await feed.known(name, _MOST_LISTED)).rows
            except TunedeckError as error:
                self.deck.tell(str(error), severity="warning")
                continue
            for row, label in zip(rows, run_names(rows), strict=True):
                if (name, row.job.id) in self.keys:
                    continue
                status = words.status_word(row.job.status)
                about = f"{status} · {row.job.model} · {words.ago(row.job.created_at, now)}"
                found.append((f"job:{name}:{row.job.id}", label, f"{about} · {row.job.id}"))
        return found

    def keys_of(self, chosen: Sequence[str]) -> list[RunKey]:
        """Return what was chosen: ``job:PROVIDER:ID`` or ``log:PATH``, a folder of logs too."""
        keys: list[RunKey] = []
        for text in chosen:
            kind, _, rest = text.partition(":")
            if kind == LOG:
                keys += self._logs(rest)
            else:
                provider, _, job_id = rest.partition(":")
                keys.append((provider, job_id))
        return keys

    def _logs(self, path: str) -> list[RunKey]:
        from tui.logs import find_logs

        try:
            found = find_logs(path)
        except TunedeckError as error:
            self.say(clean(str(error)), "error")
            return []
        if not found:
            self.say("No training log there", "warning")
        return [(LOG, log.path) for log in found]
