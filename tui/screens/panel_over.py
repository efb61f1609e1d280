"""Other runs laid over the one in view: which there are, and following them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import WorkerCancelled

from tui.errors import TunedeckError
from tui.run import words
from tui.run.feed import feed_of
from tui.run.jobsource import JobSource
from tui.run.runlist import run_names
from tui.run.source import RunSource
from tui.run.state import RunState
from tui.screens.panel_charts import Guest, PanelCharts
from tui.screens.panel_choose import ChooseScreen, Option
from widgets.chart_data import GUEST_KEYS

if TYPE_CHECKING:
    from tui.jobs import Update
    from tui.run.runlist import RunRow

_MOST_LISTED = 200
_SLICE = 500


def _log_option(key: str) -> Option:
    path = key.removeprefix("log:")
    return Option(key, os.path.basename(path) or path, "a log on this machine")


class RunsScreen(ChooseScreen):
    """Choose runs; a path that is typed names the log of a local run."""

    def placeholder(self) -> str:
        """What is said where nothing is typed."""
        return "type some of a name, or the path of a training log"

    def fitting(self, typed: str) -> list[Option]:
        """The runs that fit what is typed, or the log it names, and the logs that are ticked."""
        path = os.path.abspath(os.path.expanduser(typed)) if typed else ""
        found = super().fitting(typed)
        logs = [key for key in self.rows.chosen if key.startswith("log:")]
        if typed and os.path.exists(path) and (os.sep in typed or not found):
            logs = [f"log:{path}", *(key for key in logs if key != f"log:{path}")]
        return [_log_option(key) for key in logs] + found


class PanelOver(PanelCharts):
    """The part of the panel that knows other runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "lay_over", "compare", id="job.over", tooltip="Lay other runs over this one"),
    ]

    class GuestNews(Message):
        """Something new of a run that is laid over this one."""

        def __init__(self, guest: Guest, update: Update) -> None:
            super().__init__()
            self.guest = guest
            self.update = update

    class GuestLost(Message):
        """A run cannot be laid over this one; ``text`` says why, not cleaned."""

        def __init__(self, guest: Guest, text: str) -> None:
            super().__init__()
            self.guest = guest
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self._over: dict[str, Guest] = {}

    @work(group="over", exclusive=True, exit_on_error=False)
    async def action_lay_over(self) -> None:
        """Choose which runs are laid over this one."""
        options = await self._others()
        chosen = await self.app.push_screen_wait(
            RunsScreen(
                "Lay other runs over this one", options, list(self._over), most=len(GUEST_KEYS)
            )
        )
        if chosen is not None:
            names = {option.key: option.name for option in options}
            self.lay_over([(key, names.get(key, os.path.basename(key))) for key in chosen])

    async def _others(self) -> list[Option]:
        """The runs that this machine knows of, newest first."""
        feed = feed_of(self.deck)
        found: list[RunRow] = []
        for name in feed.everywhere():
            try:
                found += (await feed.known(name, _MOST_LISTED)).rows
            except TunedeckError as error:
                self.deck.tell(str(error), severity="warning")
        found.sort(key=lambda row: -(row.job.created_at or 0))
        now = self.clock()
        return [
            Option(
                f"job:{row.job.provider}:{row.job.id}",
                name,
                f"{words.status_word(row.job.status)} · {row.job.model} · "
                f"{words.ago(row.job.created_at, now)} · {row.job.id}",
            )
            for row, name in zip(found, run_names(found), strict=True)
            if row.job.id != self.source.id
        ]

    def lay_over(self, runs: Sequence[tuple[str, str]]) -> None:
        """Lay these runs over this one, and no others.

        Args:
            runs: ``job:PROVIDER:ID`` or ``log:PATH``, and a name for each.
        """
        wanted = dict(runs)
        for key in [key for key in self._over if key not in wanted]:
            del self._over[key]
        for key, name in runs:
            if key not in self._over:
                guest = self._over[key] = Guest(RunState(key), name)
                self._follow_guest(key, guest)
        self.guests = list(self._over.values())
        self.draw_charts(now=True)

    def _source(self, key: str) -> RunSource:
        kind, _, rest = key.partition(":")
        if kind == "log":
            from tui.logs import LogSource

            return LogSource(rest)
        provider, _, job_id = rest.partition(":")
        return JobSource(feed_of(self.deck), provider, job_id)

    @work(group="guests", exit_on_error=False)
    async def _follow_guest(self, key: str, guest: Guest) -> None:
        source: RunSource | None = None
        try:
            source = self._source(key)
            if isinstance(source, JobSource):
                guest.state.price = (await source.about()).price
            async for update in source.updates():
                if self._over.get(key) is not guest:
                    return
                self.post_message(self.GuestNews(guest, update))
        except (TunedeckError, OSError) as error:
            self.post_message(self.GuestLost(guest, str(error)))
        except WorkerCancelled:
            return
        finally:
            if source is not None:
                await source.aclose()

    @on(GuestNews)
    def _guest_news(self, message: GuestNews) -> None:
        message.guest.state.apply(message.update)
        self.draw_charts()

    @on(GuestLost)
    def _guest_lost(self, message: GuestLost) -> None:
        self.deck.tell(f"{message.guest.name}: {message.text}", severity="warning")
