"""The live panel of one run: its numbers on charts, the facts that matter, and the events."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import GoLaunch, LaunchPrefill, SampleRun
from tui.run import words
from tui.run.end import Ending, ending_of
from tui.run.facts import facts
from tui.run.feed import feed_of
from tui.run.jobsource import JobSource
from tui.run.source import RunSource
from tui.run.state import Price, RunState
from tui.screens.job_actions import DoneTo
from tui.screens.job_rows import FactsColumn
from tui.screens.panel_data import PanelData
from tui.screens.panel_over import PanelOver
from tui.screens.panel_spike import PanelSpike
from tui.screens.panel_stops import PanelStops
from tui.screens.panel_strip import FactsStrip
from tui.screens.panel_write import PanelWrite
from widgets.chart_grid import ChartGrid
from widgets.event_log import EventLog, LogRow
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Checkpoint, Event, Update

FRAME = 0.5
"""Seconds between two frames of what moves by itself, at least."""
_TICK = 5.0
_SLICE = 200
"""Points taken in between two looks at the keyboard."""
_LARGE_SLICE = 2_500


class JobScreen(PanelWrite, PanelSpike, PanelStops, PanelData, PanelOver):
    """Follow one run to its end, and cancel it with one key.

    Args:
        source: Where the run is followed from, or the id of a provider's job.
        provider: The provider a job runs at; ``None`` for the one in use.
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#log"
    CSS_PATH = "job.tcss"
    HELP = """
    Every number the run tells on charts, what is known of it beside them, its events below.
    Faint points are as measured, the line is smoothed; its marks are the ends of epochs,
    checkpoints, and the best validation. A cross at the foot is a NaN; arrows at the edge are
    values outside, such as a few that would flatten all others. x cancels the run: it asks
    first, y does it, anything else does not. p pauses and u resumes where the provider can.
    Space holds the view still; nothing is lost meanwhile.
    """
    HORIZONTAL_BREAKPOINTS = [
        *PanelOver.HORIZONTAL_BREAKPOINTS,
        (118, "-roomy"),
    ]
    VERTICAL_BREAKPOINTS = [
        *[point for point in PanelOver.VERTICAL_BREAKPOINTS if point[1] != "-tall"],
        (15, "-middle"),
        (20, "-tall"),
    ]

    class News(Message):
        """The run was heard of."""

        def __init__(self, update: Update, taken: asyncio.Event, *, more: bool) -> None:
            super().__init__()
            self.update = update
            self.taken = taken
            self.more = more

    class Begun(Message):
        """What this machine knows of the run was read."""

        def __init__(self, price: Price | None, file: str, *, cancelling: bool = False) -> None:
            super().__init__()
            self.price = price
            self.file = file
            self.cancelling = cancelling

    class Kept(Message):
        """The checkpoints of the run were read."""

        def __init__(self, checkpoints: tuple[Checkpoint, ...]) -> None:
            super().__init__()
            self.checkpoints = checkpoints

    class Lost(Message):
        """The run cannot be followed; ``text`` says why, not cleaned."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    heading = getters.query_one("#name", Static)
    column = getters.query_one("#facts", FactsColumn)
    strip = getters.query_one("#strip", FactsStrip)
    said = getters.query_one("#said", Static)
    events = getters.query_one("#log", EventLog)

    def __init__(
        self,
        source: RunSource | str,
        *,
        provider: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.job_id = source if isinstance(source, str) else source.id
        self.state = RunState(self.job_id)
        self.held = False
        self.file = ""
        self.provider = provider
        self._given = source
        self._clock = clock
        self._failure = ""
        self._events: list[Event] = []
        self._drawn_at = 0.0
        self._pending: Timer | None = None
        self._shown: dict[str, str] = {}

    def body(self) -> ComposeResult:
        """Charts and facts, then what is to be said, then the events."""
        yield Static(id="name", markup=False)
        yield FactsStrip(id="strip")
        with Horizontal(id="panel"):
            yield ChartGrid(view=self.view, id="charts")
            yield FactsColumn(id="facts")
        yield Static(id="said", markup=False)
        yield EventLog(id="log")

    def on_mount(self) -> None:
        """Begin to follow."""
        given = self._given
        if isinstance(given, str):
            given = JobSource(feed_of(self.deck), self.provider, given)
        elif isinstance(given, JobSource):
            self.provider = given.provider
        self.source = given
        # The log of a trainer seldom has events: until it has one, the charts get the room.
        self.set_class(given.kind == "log", "-quiet")
        self._draw()
        self.set_interval(_TICK, self._tick)
        self.begin_rules()
        self._follow()

    def clock(self) -> float:
        """The time in seconds since 1970."""
        return self._clock()

    # What workers do: they ask, and post what they heard.

    @work(group="follow", exclusive=True, exit_on_error=False)
    async def _follow(self) -> None:
        try:
            if isinstance(self.source, JobSource):
                about = await self.source.about()
                self.post_message(self.Begun(about.price, about.file, cancelling=about.cancelling))
            async for update in self.source.updates():
                parts = _slices(update)
                for number, part in enumerate(parts, 1):
                    # One slice at a time, so that a key never waits behind thousands of points.
                    taken = asyncio.Event()
                    self.post_message(self.News(part, taken, more=number < len(parts)))
                    await taken.wait()
        except (TunedeckError, OSError) as error:
            self.post_message(self.Lost(str(error)))
        finally:
            await self.source.aclose()

    @work(group="checkpoints", exclusive=True, exit_on_error=False)
    async def _fetch_checkpoints(self) -> None:
        if not isinstance(self.source, JobSource):
            return
        try:
            found = await self.source.checkpoints()
        except TunedeckError:
            return  # Some providers have none; the panel does without.
        self.post_message(self.Kept(found))

    # What handlers do: they alone change the state.

    @on(Begun)
    def _begun(self, message: Begun) -> None:
        self.state.price = message.price
        self.file = message.file
        self.state.cancel_asked = self.state.cancel_asked or message.cancelling

    @on(News)
    def _news(self, message: News) -> None:
        before = self.state.terminal
        epoch = self.state.epochs()[0]
        self.state.apply(message.update)
        message.taken.set()
        self._events += message.update.events
        self.hold_rules(message.update, more=message.more)
        if self.state.terminal != before or self.state.epochs()[0] != epoch:
            self._fetch_checkpoints()
            self.refresh_bindings()
        if not message.more or self.grid.charted:
            self._draw_soon()

    def note_event(self, event: Event) -> None:
        """Show an event that this machine made."""
        self._events.append(event)
        self._draw_soon()

    @on(Kept)
    def _kept(self, message: Kept) -> None:
        self.state.checkpoints = tuple(sorted(message.checkpoints, key=lambda c: c.step or 0))
        self._draw_soon()

    @on(Lost)
    def _lost(self, message: Lost) -> None:
        self._failure = message.text
        self._draw_soon()

    @on(DoneTo)
    def _done_to(self, message: DoneTo) -> None:
        if message.job is None:
            self.state.cancel_asked = False
            self.say_trouble(message)
        else:
            self.state.job = message.job
        self.refresh_bindings()
        self._draw_soon()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        status = self.state.status
        over = self.state.terminal
        if action == "cancel_run":
            return not over and self._can("cancel")
        if action == "change":
            deed = str(parameters[0])
            return not over and (status == "paused") == (deed == "resume") and self._can(deed)
        if action == "show_line":
            return self._line_at_fault() is not None
        if action == "again":
            return self._can("relaunch")
        if action == "sample":
            return self.state.status == "succeeded" and self._can("sample")
        return super().check_action(action, parameters)

    def _can(self, deed: str) -> bool:
        given = self._given
        return isinstance(given, str) or deed in given.can

    def action_cancel_run(self) -> None:
        """Ask whether to cancel the run."""
        state = self.state
        if state.job is None:
            self.deck.tell("Nothing is known of this run yet; wait for the provider's answer.")
            return
        self.ask_cancel(state.job, state.status, state.so_far(), state.usd_so_far(), self.provider)

    def cancel_agreed(self, _job_id: str) -> None:
        """Show ``cancelling`` until the provider says ``cancelled``."""
        self.state.cancel_asked = True
        self._draw()

    def action_change(self, deed: str) -> None:
        """Pause or resume the run."""
        self.ask_change(self.job_id, deed, self.provider)

    def action_sample(self) -> None:
        """Ask the tuned model something."""
        self.app.post_message(
            SampleRun((f"job:{self.job_id}",), provider=self.provider, trained_on=self.file)
        )

    def action_again(self) -> None:
        """Go to the launch form with what this run was made of."""
        self.app.post_message(GoLaunch(LaunchPrefill(provider=self.provider, job=self.job_id)))

    def action_hold(self) -> None:
        """Hold the view still, or let it go on."""
        self.held = not self.held
        self.freeze_charts(self.held)
        self._draw(even_held=True)

    def action_show_line(self) -> None:
        """Show the line of the training file that the provider complains of."""
        line = self._line_at_fault()
        if line is not None:
            self.open_line(self.file, line)

    def _line_at_fault(self) -> int | None:
        """The line, when the file it is in is on this machine."""
        ending = ending_of(self.state, self._clock())
        if ending is None or ending.line is None or not os.path.exists(self.file):
            return None
        return ending.line

    # Drawing: at most two frames a second by itself, and only what differs.

    def _tick(self) -> None:
        if not self.state.terminal:
            self._draw_soon()

    def _draw_soon(self) -> None:
        if self._pending is not None:
            return
        wait = FRAME - (time.monotonic() - self._drawn_at)
        if wait <= 0:
            self._draw()
        else:
            self._pending = self.set_timer(wait, self._draw_pending)

    def _draw_pending(self) -> None:
        self._pending = None
        self._draw()

    def _draw(self, *, even_held: bool = False) -> None:
        if not self.is_attached:
            return
        if self.state.metrics:  # the first numbers do not wait for the frame after an empty one
            self._drawn_at = time.monotonic()
        if self.held and not even_held:
            return
        now = self._clock()
        found = facts(self.state, now)
        self._say("name", self.heading, self._title())
        self.strip.show(found)
        self.column.show(found)
        self.grid.empty_text = self._nothing_yet()
        self.draw_charts()
        events, self._events = self._events, []
        self._log(events)
        self._draw_said(now)

    def _nothing_yet(self) -> str:
        """Why there is nothing on the chart."""
        status = self.state.status
        if self._failure:
            return "This run cannot be followed"
        if status == "failed":
            return "The run failed before its first measurement"
        if status in words.TERMINAL:
            return "The run ended without a measurement"
        return "No measurements yet"

    def _say(self, key: str, widget: Static, text: Content) -> None:
        """Put text into a widget when it reads differently: each update is bytes on the line."""
        if self._shown.get(key) != text.markup:
            self._shown[key] = text.markup
            widget.update(text)

    def _title(self) -> Content:
        job = self.state.job
        title = self.job_id if isinstance(self._given, str) else self._given.title
        parts: list[str | tuple[str, str]] = [("Run ", "$foreground-muted"), clean(title, limit=80)]
        if job is not None:
            about = (job.suffix, job.model, job.provider)
            parts += [("  " + clean(text, limit=60), "$foreground-muted") for text in about if text]
        if self.held:
            parts.insert(0, ("view held, space lets it go  ", "bold $warning"))
        return Content.assemble(*parts)

    def _log(self, events: list[Event]) -> None:
        """Add what is new to the log; measurements are on the chart and not repeated here."""
        rows = [LogRow(_clock_time(e.created_at), e.level, e.message) for e in events if _told(e)]
        if rows:
            self.remove_class("-quiet")
            self.events.append(rows)

    def _draw_said(self, now: float) -> None:
        ending = ending_of(self.state, now)
        trouble = self._failure or (self.state.trouble or "")
        if ending is not None:
            text = Content("\n".join((clean(ending.happened, limit=400), clean(ending.next_step))))
        else:
            text = Content(clean(trouble, limit=300))
        self.said.set_class(bool(text.plain), "-shown")
        self.said.set_class(ending is None, "-trouble")
        self.said.set_class(_is_bad(ending), "-failed")
        self._say("said", self.said, text)


def _slices(update: Update) -> list[Update]:
    """An update in parts, each of which is taken in between two looks at the keyboard."""
    points, events = update.points, update.told
    if hasattr(points, "columns"):
        # A long history as columns is taken in at once; what there is to read follows in parts.
        if not events and not update.amended:
            return [replace(update, events=())]
        first = replace(update, events=(), amended=(), ended=False)
        update = replace(update, points=(), events=events)
        return [first, *_slices(update)]
    most = max(len(points), len(events))
    # A long history that is read at the start goes in larger parts than a burst of news.
    size = max(_SLICE, min(len(points) // 20, _LARGE_SLICE))
    if most <= size:
        return [update]
    parts = [
        replace(
            update,
            points=points[start : start + size],
            events=events[start : start + size],
            amended=(),
            ended=False,
        )
        for start in range(0, most, size)
    ]
    return [*parts[:-1], replace(parts[-1], amended=update.amended, ended=update.ended)]


def _told(event: Event) -> bool:
    """Whether an event belongs in the log: measurements do not, unless they are a warning."""
    if event.level not in ("info", ""):
        return True
    if event.type == "metrics" and event.data and "step" in event.data:
        return False
    from tui.jobs import point_of

    return point_of(event) is None


def _clock_time(created_at: int | None) -> str:
    if created_at is None:
        return ""
    try:
        return time.strftime("%H:%M:%S", time.localtime(created_at))
    except (OverflowError, OSError, ValueError):
        return ""


def _is_bad(ending: Ending | None) -> bool:
    return ending is not None and words.status_tone(ending.status) == "error"
