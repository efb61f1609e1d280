"""A launch under way, and launches that were left open: what the Launch screen does with them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from textual import getters, on, work
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import OpenJob
from tui.run.feed import feed_of
from tui.run.launchwords import Line, left_open_lines
from tui.run.words import status_sign as mark
from tui.screens.base import DeckScreen
from tui.screens.launch_news import Ended, LeftOpen, Recalled, Told, content_of
from widgets.confirm import Confirm
from widgets.numbers import size

if TYPE_CHECKING:
    from tui.jobs import LaunchRequest, LaunchResult, LaunchRow, Preflight, Standing

_PROGRESS_EVERY = 0.5
_TOO_LATE = (
    "The run is being created, which cannot be taken back: wait for the answer, then x on the "
    "run cancels it."
)


class GoingLaunch(DeckScreen):
    """The part of the Launch screen that spends money, once."""

    told = getters.query_one("#told", Static)
    open_ones = getters.query_one("#open", Static)

    def __init__(self) -> None:
        super().__init__()
        self._launching = False
        self._stage = ""
        self._task: asyncio.Task[LaunchResult] | None = None
        self._log: list[tuple[str, Line]] = []
        self._standings: tuple[Standing, ...] = ()
        self._about_past: tuple[Line, ...] = ()
        self._about_drop: tuple[Line, ...] = ()
        self._about_open: tuple[Line, ...] = ()

    def _sync(self) -> None:
        """Let the button say whether a launch is possible now."""
        raise NotImplementedError

    def _finish(self, request: LaunchRequest) -> None:
        """Fill the form with a launch that was interrupted."""
        raise NotImplementedError

    # A launch under way

    def begin(self, request: LaunchRequest, found: Preflight, provider: str | None) -> None:
        """Launch, after the person said yes."""
        self._launching = True
        self._stage = ""
        self._log = []
        self._sync()
        self.refresh_bindings()
        self._launch(request, found, provider)

    def stop_launch(self) -> None:
        """Stop the launch under way, as long as nothing can have been created."""
        if self._stage == "creating" or self._task is None:
            self.deck.tell(_TOO_LATE, severity="warning")
            return
        self._task.cancel()

    @work(group="launch", exit_on_error=False)
    async def _launch(self, request: LaunchRequest, found: Preflight, provider: str | None) -> None:
        from tui.jobs import acknowledge, launch

        feed = feed_of(self.deck)
        said_at = 0.0

        def state(state: Any, words: str) -> None:
            self._stage = str(state)
            self.post_message(Told(words))

        def progress(done: int, total: int) -> None:
            nonlocal said_at
            now = time.monotonic()
            if total and (now - said_at > _PROGRESS_EVERY or done >= total):
                said_at = now
                words = f"uploading {done / total:.0%}, {size(done)} of {size(total)}"
                self.post_message(Told(words, "uploading"))

        begun = time.time()
        try:
            place = feed.provider(provider)
            ledger = await feed.ledger()
            self._task = asyncio.create_task(
                launch(request, found, place, ledger, state, progress, told=False)
            )
            result = await self._task
        except TunedeckError as error:
            self.post_message(Ended(None, error.message, error.hint))
        except asyncio.CancelledError:
            if self._task is None or not self._task.done() or not self.is_running:
                raise  # The application ends.
            self.post_message(Ended(None, "Stopped.", await self._left(place.endpoint, begun)))
        else:
            self.post_message(Ended(result))
            await acknowledge(ledger, result.launch_id)
        finally:
            self._task = None

    async def _left(self, endpoint: str, begun: float) -> str:
        """Say what a launch that was stopped just now left where."""
        from tui.jobs import what_is_left

        ledger = await feed_of(self.deck).ledger()

        def look() -> str:
            rows = ledger.launches(endpoint, 1)
            if not rows or rows[0].planned_at < begun:
                return "Nothing had been sent yet."
            return what_is_left(ledger, rows[0])

        return await asyncio.to_thread(look)

    @on(Told)
    def _launch_told(self, message: Told) -> None:
        key = message.key or message.text  # what is said again takes the place of the first time
        if self._log and self._log[-1][0] == key:
            self._log.pop()
        self._log.append((key, Line(message.text, "muted")))
        self.show_log()

    @on(Ended)
    def _launch_ended(self, message: Ended) -> None:
        self._launching = False
        result = message.result
        if result is None:
            self._log.append(("", Line(f"{mark('failed')} {message.trouble}", "error")))
            if message.hint:
                self._log.append(("", Line(f"  {message.hint}", "warning")))
        else:
            how = "found and taken over" if result.adopted else "created"
            self._log.append(("", Line(f"{mark('succeeded')} {how}: {result.job.id}", "success")))
            for other in result.duplicates:
                text = f"! The provider made a second run of it, {other}: cancel it with x"
                self._log.append(("", Line(text, "warning")))
            self.app.post_message(OpenJob(result.job.id, result.job.provider))
        self.show_log()
        self._sync()
        self.refresh_bindings()

    def show_log(self) -> None:
        """Show what was said of the launch under way, or of the last one."""
        lines = [Line("Launch", "head"), *(line for _, line in self._log[-12:])]
        if self._launching and self._stage != "creating":
            lines.append(Line("Esc stops it", "muted"))
        self.told.update(content_of(lines))
        self.query_one("#found", VerticalScroll).scroll_end(animate=False)

    # A past run again

    @work(group="recall", exclusive=True, exit_on_error=False)
    async def recall(self, job_id: str, provider: str | None) -> None:
        """Find out what a past run was asked for."""
        from tui.jobs import relaunch

        feed = feed_of(self.deck)
        try:
            found = await relaunch(job_id, feed.provider(provider), await feed.ledger())
        except TunedeckError as error:
            self.post_message(Recalled(job_id, None, str(error)))
        else:
            self.post_message(Recalled(job_id, found))

    @on(Recalled)
    def _recalled(self, message: Recalled) -> None:
        if message.found is None:
            self.deck.tell(message.trouble, severity="error")
            return
        self._finish(message.found.request)
        notes = [note[:1].upper() + note[1:] for note in message.found.notes]
        words = [f"As {message.job_id} was launched; change what you like.", *notes]
        self._about_past = (*(Line(word, "warning") for word in words), Line(" "))
        self.show_open()

    # Launches that were left open

    @work(group="left-open", exclusive=True, exit_on_error=False)
    async def look_back(self, provider: str | None) -> None:
        """Find out what became of launches that a crash or a closed laptop left open."""
        from tui.jobs import leftovers, reconcile

        feed = feed_of(self.deck)
        settled: tuple[Any, ...] = ()
        try:
            place = feed.provider(provider)
            ledger = await feed.ledger()
            rows = await asyncio.to_thread(ledger.open_launches, place.endpoint)
            if rows and not self._launching:
                settled = await reconcile(ledger, place)
        except TunedeckError:
            pass  # A provider that does not answer is told by the preflight.
        try:
            ledger = await feed.ledger()
            endpoint = feed.provider(provider).endpoint
            found = await asyncio.to_thread(leftovers, ledger, endpoint)
        except TunedeckError:
            return
        self.post_message(LeftOpen(found, settled))

    @on(LeftOpen)
    def _left_open(self, message: LeftOpen) -> None:
        self._standings = message.standings if not self._launching else ()
        lines = left_open_lines(self._standings, message.settled)
        if message.said:
            self._about_drop = (Line(message.said, "muted"), Line(" "))
        self._about_open = tuple(lines)
        self.show_open()
        self.refresh_bindings()

    def show_open(self) -> None:
        """Show where the form comes from and what was left open, above the preflight."""
        lines = (*self._about_past, *self._about_drop, *self._about_open)
        self.open_ones.update(content_of(lines))
        self.open_ones.display = bool(lines)

    @property
    def _unfinished(self) -> LaunchRow | None:
        """The first launch that can be finished or dropped now."""
        if self._launching:
            return None
        return next((one.launch for one in self._standings if one.can_finish), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to finish or drop a launch only where one was left open."""
        if action in ("finish_launch", "drop_launch"):
            return self._unfinished is not None
        return super().check_action(action, parameters)

    def action_finish_launch(self) -> None:
        """Fill the form with the launch that was interrupted."""
        from tui.jobs import request_of

        row = self._unfinished
        if row is None:
            return
        try:
            request = request_of(row)
        except TunedeckError as error:
            self.deck.tell(str(error), severity="warning")
            return
        self._finish(request)

    def action_drop_launch(self) -> None:
        """Ask whether to drop the launch that was interrupted."""
        row = self._unfinished
        if row is None:
            return
        self._about_drop = ()

        def answered(yes: bool | None) -> None:
            if yes:
                self._drop(row)

        lines = [f"File   {row.file}", f"Model  {row.model}", "No run was made of it."]
        question = Confirm("Drop this launch?", lines, yes="drop it", no="keep it")
        self.app.push_screen(question, answered)

    @work(group="drop", exit_on_error=False)
    async def _drop(self, row: LaunchRow) -> None:
        from tui.jobs import clear_launch, leftovers

        feed = feed_of(self.deck)
        try:
            ledger = await feed.ledger()
            said = await clear_launch(feed.provider(row.provider), ledger, row)
        except TunedeckError as error:
            said = str(error)
        found = await asyncio.to_thread(leftovers, await feed.ledger(), row.endpoint)
        self.post_message(LeftOpen(found, (), said))
