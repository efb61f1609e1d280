"""The Jobs screen: every run the provider has, with what this machine knows of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import OpenJob
from tui.run import words
from tui.run.feed import RunList, RunRow, feed_of
from tui.run.state import RunState
from tui.screens.job_actions import DoneTo, JobActions
from tui.screens.job_rows import RunsList, headings
from tui.screens.prompt import Prompt
from widgets.numbers import counted
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import LaunchRow

BUSY = 5.0
"""Seconds between two looks at the provider while a run goes on."""
IDLE = 30.0
"""Seconds between two looks while none does."""
_WORST = 60.0


class JobsScreen(JobActions):
    """All runs, newest first; Enter opens one, ``x`` cancels the one under the cursor.

    Args:
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#runs"
    CSS_PATH = "jobs.tcss"
    HELP = """
    Every run the provider lists, and those this machine remembers when the provider is away.
    Enter opens the live panel. x cancels: it asks first, y does it, anything else does not.
    p pauses and u resumes where the provider can. / shows only runs with a word in them.
    A cost with ~ is the estimate for the whole run; without, it is for the tokens trained.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel_run", "cancel", id="jobs.cancel", tooltip="Cancel; asks first"),
        Binding("slash", "filter", "filter", id="jobs.filter", tooltip="Show runs with a word"),
        Binding("r", "refresh_runs", "refresh", id="jobs.refresh", tooltip="Ask the provider now"),
        Binding("p", "change('pause')", "pause", id="jobs.pause", tooltip="Pause the run"),
        Binding("u", "change('resume')", "resume", id="jobs.resume", tooltip="Resume the run"),
        Binding("escape", "all_runs", "all runs", id="jobs.all", show=False),
    ]

    class Listed(Message):
        """What is known of the runs now."""

        def __init__(self, provider: str, found: RunList) -> None:
            super().__init__()
            self.provider = provider
            self.found = found

    class Failed(Message):
        """The runs cannot be listed at all; ``text`` says why, not cleaned."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    runs = getters.query_one("#runs", RunsList)
    heads = getters.query_one("#heads", Static)
    state = getters.query_one("#state", Static)
    empty = getters.query_one("#empty", Static)
    prompt = getters.query_one(Prompt)

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._all = RunList()
        self._provider = ""
        self._word = ""
        self._failure = ""
        self._asked = False
        self._cancelling: set[str] = set()
        self._said = ""
        self._nudge = asyncio.Event()

    def body(self) -> ComposeResult:
        """Headings, runs, what there is to say, and the filter's prompt."""
        yield Static(id="heads", markup=False)
        yield RunsList(id="runs")
        yield Static(id="empty", markup=False)
        yield Static(id="state", markup=False)
        yield Prompt()

    def on_mount(self) -> None:
        """Follow the provider in use."""
        self.runs.status_of = self._status_of
        self.runs.clock = self._clock
        self.deck.provider_changed.subscribe(self, self._provider_changed)
        self._draw()

    @on(events.ScreenResume)
    def _seen(self) -> None:
        self._poll()

    @on(events.ScreenSuspend)
    def _unseen(self) -> None:
        # Nobody looks, so nobody asks.
        self.workers.cancel_group(self, "poll")

    def _provider_changed(self, _name: str) -> None:
        if self.is_current:
            self._poll()

    def on_resize(self) -> None:
        """The headings stand over their columns."""
        self.heads.update(headings(self.size.width))

    # What the worker does: it asks, and posts what it heard.

    @work(group="poll", exclusive=True, exit_on_error=False)
    async def _poll(self) -> None:
        feed = feed_of(self.deck)
        failures = 0
        while True:
            self._nudge.clear()
            try:
                provider = feed.provider(None)
                known = await feed.known(provider)
                if not self._asked or provider.name != self._provider:
                    self.post_message(self.Listed(provider.name, known))
                trouble = None
                try:
                    await feed.fetch(provider)
                    failures = 0
                except TunedeckError as error:
                    trouble, failures = str(error), failures + 1
                known = await feed.known(provider)
                self.post_message(self.Listed(provider.name, known.with_trouble(trouble)))
                going = any(not row.job.terminal for row in known.rows)
            except TunedeckError as error:
                self.post_message(self.Failed(str(error)))
                failures, going = failures + 1, False
            wait = min(_WORST, BUSY * 2 ** min(failures, 4)) if failures else BUSY
            await self._pause(wait if going or failures else IDLE)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._nudge.wait(), seconds)
        except TimeoutError:
            return

    # What handlers do: they alone change what is shown.

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        self._asked = True
        self._failure = ""
        self._provider = message.provider
        self._all = message.found
        over = {row.job.id for row in message.found.rows if row.job.terminal}
        self._cancelling -= over
        self._draw()

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self._failure = message.text
        self._draw()

    @on(DoneTo)
    def _done_to(self, message: DoneTo) -> None:
        if message.job is None:
            self._cancelling.discard(message.job_id)
            self.say_trouble(message)
        self._nudge.set()
        self._draw()

    @on(RunsList.Chosen)
    def _chosen(self, message: RunsList.Chosen) -> None:
        self.app.post_message(OpenJob(message.row.job.id, message.row.job.provider))

    @on(RunsList.Moved)
    def _moved(self) -> None:
        self.refresh_bindings()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense for the run under the cursor."""
        row = self.runs.current if self.is_mounted else None
        if action in ("cancel_run", "change") and row is None:
            return False
        if action == "cancel_run" and row is not None:
            return not row.job.terminal
        if action == "change" and row is not None:
            paused = row.job.status == "paused"
            return not row.job.terminal and paused == (parameters == ("resume",))
        if action == "all_runs":
            return bool(self._word)
        return super().check_action(action, parameters)

    def action_cancel_run(self) -> None:
        """Ask whether to cancel the run under the cursor."""
        row = self.runs.current
        if row is None:
            return
        state = _state_of(row)
        self.ask_cancel(
            row.job, self._status_of(row), state.so_far(), state.usd_so_far(), row.job.provider
        )

    def cancel_agreed(self, job_id: str) -> None:
        """Show ``cancelling`` until the provider says ``cancelled``."""
        self._cancelling.add(job_id)
        self._draw()

    def action_change(self, deed: str) -> None:
        """Pause or resume the run under the cursor."""
        row = self.runs.current
        if row is not None:
            self.change(row.job.id, deed, row.job.provider)

    def action_refresh_runs(self) -> None:
        """Ask the provider now."""
        self._poll()

    def action_filter(self) -> None:
        """Ask for a word that runs must have in them."""
        self.prompt.ask("filter", "Show runs with", self._word)

    def action_all_runs(self) -> None:
        """Show all runs again."""
        self._filter("")

    @on(Prompt.Typed)
    def _typed(self, message: Prompt.Typed) -> None:
        self._filter(message.text)

    @on(Prompt.Answered)
    def _answered(self) -> None:
        self.prompt.close()
        self.runs.focus()

    @on(Prompt.GivenUp)
    def _given_up(self) -> None:
        self._filter("")
        self.prompt.close()
        self.runs.focus()

    def _filter(self, word: str) -> None:
        self._word = word.strip().lower()
        self._draw()

    # Drawing

    def _status_of(self, row: RunRow) -> str:
        if row.job.id in self._cancelling and not row.job.terminal:
            return "cancelling"
        return row.job.status

    def _draw(self) -> None:
        rows = [row for row in self._all.rows if self._word in _text_of(row)]
        nothing = not self._all.rows
        self.set_class(nothing, "-empty")
        if nothing:
            self.empty.update(Content(self._nothing()))
        self.runs.empty_text = f"No run has '{clean(self._word, limit=40)}' in it; Esc shows all"
        self.runs.show(rows)
        self._draw_state(len(rows))
        self.refresh_bindings()

    def _nothing(self) -> str:
        if not self._asked:
            return "" if self._failure else clean("Looking for runs …")
        where = self._where()
        if self._all.trouble:
            return f"The runs {where} are not known: it cannot be reached.\n\nPress r to try again."
        return f"No runs {where} yet.\n\nPress l to launch one."

    def _where(self) -> str:
        local = self._provider == "local"
        return "on this machine" if local else f"at {clean(self._provider, limit=60)}"

    def _draw_state(self, shown: int) -> None:
        trouble = self._failure or self._all.trouble or ""
        lines = []
        if trouble:
            lines.append(clean(trouble, limit=300))
            if self._all.rows:
                seen = words.ago(self._all.seen_at, self._clock())
                lines.append(f"Shown is what this machine knows; last heard from it: {seen}.")
        lines += [clean(_unsettled(launch), limit=200) for launch in self._all.unsettled]
        if not lines and self._all.rows:
            going = sum(not row.job.terminal for row in self._all.rows)
            total = len(self._all.rows)
            of = f"{shown} of " if self._word else ""
            runs = counted(total, "run")
            lines.append(f"{of}{runs} {self._where()}, {going or 'none'} going on")
        text = "\n".join(lines)
        if text != self._said:
            self._said = text
            self.state.set_class(bool(trouble), "-trouble")
            self.state.update(Content(text))


def _text_of(row: RunRow) -> str:
    """Return what the filter looks at."""
    job = row.job
    parts = (job.id, job.status, job.model, job.suffix, job.fine_tuned_model, row.file)
    return " ".join(part for part in parts if part).lower()


def _state_of(row: RunRow) -> RunState:
    """Return the state of a run as far as the list knows it."""
    state = RunState(row.job.id, row.price)
    state.job = row.job
    if row.progress is not None:
        state.step = row.progress.step
        state.total_steps = row.progress.total_steps or 0
    return state


def _unsettled(launch: LaunchRow) -> str:
    if launch.state == "unknown":
        return (
            f"It is not known whether the launch of {launch.file} made a run: launch it again, "
            "which looks for the run first and adopts it."
        )
    return f"A launch of {launch.file} is under way."
