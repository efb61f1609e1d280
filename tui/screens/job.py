"""The live panel of one run: both losses on one plot, the facts that matter, and the events."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import ShowRecord
from tui.run import words
from tui.run.end import Ending, ending_of
from tui.run.facts import facts
from tui.run.feed import feed_of
from tui.run.state import Fact, Price, RunState
from tui.screens.job_actions import DoneTo, JobActions
from tui.screens.job_rows import FactsColumn
from widgets.event_log import EventLog, LogRow
from widgets.loss_chart import Line, LossChart
from widgets.numbers import integer
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Checkpoint, Event, Update

FRAME = 0.5
"""Seconds between two frames of what moves by itself, at least."""
_TICK = 5.0
_IN_SUMMARY = ("status", "step", "left")
_LINES = (
    Line("train", "train"),
    Line("valid", "valid", points=True),
    Line("full_valid", "full valid", points=True),
)


class JobScreen(JobActions):
    """Follow one run to its end, and cancel it with one key.

    Args:
        job_id: The run to follow.
        provider: The provider it runs at; ``None`` for the one in use.
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#log"
    CSS_PATH = "job.tcss"
    HELP = """
    Training and validation loss on one chart, what is known of the run beside it, its events below.
    x cancels the run: it asks first, y does it, anything else does not. p pauses and u resumes
    where the provider can. Space holds the view still; nothing is lost meanwhile.
    """
    HORIZONTAL_BREAKPOINTS = [
        *JobActions.HORIZONTAL_BREAKPOINTS,
        (118, "-roomy"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "x", "cancel_run", "cancel", id="job.cancel", tooltip="Cancel this run; asks first"
        ),
        Binding("p", "change('pause')", "pause", id="job.pause", tooltip="Pause the run"),
        Binding("u", "change('resume')", "resume", id="job.resume", tooltip="Resume the run"),
        Binding("space", "hold", "hold", id="job.hold", tooltip="Hold the view still, or let go"),
        Binding("e", "show_line", "show line", id="job.line", tooltip="Show the line at fault"),
    ]

    class News(Message):
        """The watcher found something new."""

        def __init__(self, update: Update) -> None:
            super().__init__()
            self.update = update

    class Begun(Message):
        """What this machine knows of the run was read."""

        def __init__(self, price: Price | None, file: str) -> None:
            super().__init__()
            self.price = price
            self.file = file

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
    chart = getters.query_one("#chart", LossChart)
    column = getters.query_one("#facts", FactsColumn)
    said = getters.query_one("#said", Static)
    events = getters.query_one("#log", EventLog)

    def __init__(
        self,
        job_id: str,
        *,
        provider: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.job_id = job_id
        self.state = RunState(job_id)
        self.held = False
        self._provider = provider
        self._clock = clock
        self._file = ""
        self._failure = ""
        self._checkpoints: tuple[Checkpoint, ...] = ()
        self._events: list[Event] = []
        self._drawn_at = 0.0
        self._drawn_version = 0
        self._pending: Timer | None = None
        self._shown: dict[str, str] = {}
        self._summary: tuple[Fact, ...] = ()

    def body(self) -> ComposeResult:
        """Chart and facts, then what is to be said, then the events."""
        yield Static(id="name", markup=False)
        with Horizontal(id="panel"):
            yield LossChart(_LINES, id="chart", empty_text="No measurements yet")
            yield FactsColumn(id="facts")
        yield Static(id="said", markup=False)
        yield EventLog(id="log")

    def on_resize(self) -> None:
        """Say more in the first line where there is no room for the column."""
        self.call_after_refresh(self._draw_title)

    def on_mount(self) -> None:
        """Begin to follow."""
        self._draw()
        self.set_interval(_TICK, self._tick)
        self._follow()

    # What workers do: they ask, and post what they heard.

    @work(group="follow", exclusive=True, exit_on_error=False)
    async def _follow(self) -> None:
        from tui.jobs import Watcher

        feed = feed_of(self.deck)
        try:
            provider = feed.provider(self._provider)
            ledger = await feed.ledger()
            row = await feed.row(provider, self.job_id)
            self.post_message(self.Begun(row.price if row else None, row.file if row else ""))
            watcher = Watcher(self.job_id, provider, ledger)
            async for update in watcher.updates():
                self.post_message(self.News(update))
        except TunedeckError as error:
            self.post_message(self.Lost(str(error)))

    @work(group="checkpoints", exclusive=True, exit_on_error=False)
    async def _fetch_checkpoints(self) -> None:
        try:
            found = await feed_of(self.deck).provider(self._provider).checkpoints(self.job_id)
        except TunedeckError:
            return  # Some providers have none; the panel does without.
        self.post_message(self.Kept(found))

    # What handlers do: they alone change the state.

    @on(Begun)
    def _begun(self, message: Begun) -> None:
        self.state.price = message.price
        self._file = message.file

    @on(News)
    def _news(self, message: News) -> None:
        before = self.state.terminal
        epoch = self.state.epochs()[0]
        self.state.apply(message.update)
        self._events += message.update.events
        if self.state.terminal != before or self.state.epochs()[0] != epoch:
            self._fetch_checkpoints()
            self.refresh_bindings()
        self._draw_soon()

    @on(Kept)
    def _kept(self, message: Kept) -> None:
        self._checkpoints = tuple(sorted(message.checkpoints, key=lambda c: c.step or 0))
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
            return not over
        if action == "change":
            return not over and (status == "paused") == (parameters == ("resume",))
        if action == "show_line":
            return self._line_at_fault() is not None
        return super().check_action(action, parameters)

    def action_cancel_run(self) -> None:
        """Ask whether to cancel the run."""
        state = self.state
        if state.job is None:
            self.deck.tell("Nothing is known of this run yet; wait for the provider's answer.")
            return
        self.ask_cancel(state.job, state.status, state.so_far(), state.usd_so_far(), self._provider)

    def cancel_agreed(self, _job_id: str) -> None:
        """Show ``cancelling`` until the provider says ``cancelled``."""
        self.state.cancel_asked = True
        self._draw()

    def action_change(self, deed: str) -> None:
        """Pause or resume the run."""
        self.change(self.job_id, deed, self._provider)

    def action_hold(self) -> None:
        """Hold the view still, or let it go on."""
        self.held = not self.held
        self._draw(even_held=True)

    def action_show_line(self) -> None:
        """Show the line of the training file that the provider complains of."""
        line = self._line_at_fault()
        if line is not None:
            self.app.post_message(ShowRecord(line))

    def _line_at_fault(self) -> int | None:
        """The line, when the file it is in is the open dataset."""
        ending = ending_of(self.state, self._clock())
        source = self.deck.workspace.source
        if ending is None or ending.line is None or source is None:
            return None
        here = self._file and os.path.abspath(self.deck.workspace.path) == self._file
        return ending.line if here else None

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
        self._drawn_at = time.monotonic()
        if self.held and not even_held:
            return
        now = self._clock()
        found = self._facts(now)
        self._summary = tuple(fact for fact in found if fact.key in _IN_SUMMARY)
        self._draw_title()
        self.column.show(found)
        self._draw_chart()
        events, self._events = self._events, []
        self._log(events)
        self._draw_said(now)

    def _say(self, key: str, widget: Static, text: Content) -> None:
        """Put text into a widget when it reads differently: each update is bytes on the line."""
        if self._shown.get(key) != text.markup:
            self._shown[key] = text.markup
            widget.update(text)

    def _draw_title(self) -> None:
        self._say("name", self.heading, self._title())

    def _title(self) -> Content:
        job = self.state.job
        parts: list[str | tuple[str, str]] = []
        if self.has_class("-slim"):  # no room for the column of facts: the first of them here
            parts += [f"{clean(fact.value, limit=40)}  " for fact in self._summary]
        parts += [("Run ", "$foreground-muted"), clean(self.job_id, limit=80)]
        if job is not None:
            about = (job.suffix, job.model, job.provider)
            parts += [("  " + clean(text, limit=60), "$foreground-muted") for text in about if text]
        if self.held:
            parts.append(("  view held, space lets it go", "bold $warning"))
        return Content.assemble(*parts)

    def _facts(self, now: float) -> tuple[Fact, ...]:
        found = list(facts(self.state, now))
        steps = [integer(c.step) for c in self._checkpoints if c.step is not None]
        if steps:
            said = f"{len(steps)}, at {', '.join(steps[-3:])}"
            at = next((i for i, f in enumerate(found) if f.key == "model"), len(found))
            found.insert(at, Fact("checkpoints", "Checkpoints", said))
        return tuple(found)

    def _draw_chart(self) -> None:
        """Give the chart the points that are new."""
        self.chart.title = self.state.measure.title()
        if self.state.version != self._drawn_version:
            self._drawn_version = self.state.version
            named = {"train": self.state.train, "valid": self.state.valid}
            named["full_valid"] = self.state.full_valid
            points = [
                (int(step), {name: value})
                for name, track in named.items()
                for step, value in zip(track.steps, track.values, strict=True)
            ]
            self.chart.set_points(points, self.state.total_steps or None)

    def _log(self, events: list[Event]) -> None:
        """Add what is new to the log; measurements are on the chart and not repeated here."""
        rows = [LogRow(_clock_time(e.created_at), e.level, e.message) for e in events if _told(e)]
        if rows:
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


def _told(event: Event) -> bool:
    """Whether an event belongs in the log: measurements do not, unless they are a warning."""
    from tui.jobs import point_of

    return event.level not in ("info", "") or point_of(event) is None


def _clock_time(created_at: int | None) -> str:
    if created_at is None:
        return ""
    try:
        return time.strftime("%H:%M:%S", time.localtime(created_at))
    except (OverflowError, OSError, ValueError):
        return ""


def _is_bad(ending: Ending | None) -> bool:
    return ending is not None and words.status_tone(ending.status) == "error"
