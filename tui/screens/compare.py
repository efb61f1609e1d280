"""Runs side by side, hosted and local: one chart of all, and what differs in a table, live."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import WorkerCancelled

from tui.errors import TunedeckError
from tui.logs import log_title
from tui.messages import OpenJob, OpenRun
from tui.run import compare, words
from tui.run.compare import LETTERS, LOG, Compared
from tui.run.feed import feed_of
from tui.run.jobsource import JobSource
from tui.run.source import RunSource
from tui.run.state import RunState
from tui.screens.chart_keys import ChartKeys
from tui.screens.compare_table import RunTable
from tui.screens.panel_data import DatasetOf
from widgets.chart_data import GUEST_KEYS, KEYS
from widgets.chart_view import Curve, View
from widgets.loss_chart import LossChart
from widgets.text import clean, fit

if TYPE_CHECKING:
    from tui.jobs import Update
    from tui.run.runlist import RunKey

_FRAME = 0.5
_MOST = 40
_STYLES = KEYS + GUEST_KEYS
_WHICH = ("train", "valid")


class CompareScreen(DatasetOf, ChartKeys):
    """Runs side by side.

    Args:
        keys: Provider and id of each; ``log`` and the path for a training log of this machine.
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#runs"
    HELP = """
    All runs on one chart, each with its letter, and what differs between them below it. Columns
    that do not fit are reached with left and right. Enter opens the run under the cursor, c adds
    runs, d takes one away, o opens the dataset it was trained on where this machine still has it.
    """
    DEFAULT_CSS = """
    CompareScreen {
        & > #chart { height: 1fr; }
        & > #head { height: 1; color: $text-muted; padding: 0 0 0 3; }
        & > #runs { height: 3; }
        & > #verdict { height: 1; color: $foreground; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "which", "train/valid", id="compare.which", tooltip="Training or validation"),
        Binding("a", "align", "align", id="compare.align", tooltip="By steps, tokens or time"),
        Binding("s", "smooth", "smooth", id="compare.smooth", tooltip="Smooth the lines more"),
        Binding("y", "log", "log y", id="compare.log", tooltip="Logarithmic y, or linear"),
        Binding("c", "add", "add", id="compare.add", tooltip="Add runs to the comparison"),
        Binding("d", "drop", "drop", id="compare.drop", tooltip="Take this run away"),
        Binding("o", "dataset", "dataset", id="compare.data", tooltip="Open the run's dataset"),
        Binding(
            "b", "style", "style", id="compare.style", tooltip="Braille, blocks, ASCII", show=False
        ),
    ]

    class News(Message):
        """Something new of a run."""

        def __init__(self, run: Compared, update: Update) -> None:
            super().__init__()
            self.run = run
            self.update = update

    class Lost(Message):
        """A run cannot be followed; ``text`` says why, not cleaned."""

        def __init__(self, run: Compared, text: str) -> None:
            super().__init__()
            self.run = run
            self.text = text

    chart = getters.query_one("#chart", LossChart)
    table = getters.query_one("#runs", RunTable)
    head = getters.query_one("#head", Static)
    said = getters.query_one("#verdict", Static)

    def __init__(self, keys: Sequence[RunKey], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.view = View(factor=0.6)
        self.which = "train"
        self.runs: list[Compared] = []
        self._keys = list(dict.fromkeys(keys))[:_MOST]
        self._curves: dict[tuple[RunKey, str], Curve] = {}
        self._dirty = False

    def body(self) -> ComposeResult:
        """The chart, the headings, the runs, and which is best."""
        yield LossChart(id="chart", view=self.view, empty_text="Nothing measured yet")
        yield Static(id="head")
        yield RunTable()
        yield Static(id="verdict")

    def on_mount(self) -> None:
        """Begin to follow the runs."""
        self.add(self._keys)
        self.set_interval(_FRAME, self._frame)

    @property
    def keys(self) -> tuple[RunKey, ...]:
        """The runs that are compared."""
        return tuple(run.key for run in self.runs)

    # The runs

    def add(self, keys: Sequence[RunKey]) -> None:
        """Compare these runs too."""
        for key in keys:
            if key not in self.keys and len(self.runs) < _MOST:
                name = log_title(key[1]) if key[0] == LOG else key[1]
                run = Compared(key, name, RunState(key[1]))
                self.runs.append(run)
                self._follow(run)
        self.show()

    def _source(self, key: RunKey) -> RunSource:
        if key[0] == LOG:
            from tui.logs import LogSource

            return LogSource(key[1])
        return JobSource(feed_of(self.deck), *key)

    @work(group="compared", exit_on_error=False)
    async def _follow(self, run: Compared) -> None:
        source: RunSource | None = None
        try:
            source = self._source(run.key)
            if isinstance(source, JobSource):
                about = await source.about()
                run.state.price, run.file = about.price, about.file
            async for update in source.updates():
                if run not in self.runs:
                    return
                self.post_message(self.News(run, update))
            if isinstance(source, JobSource):
                run.state.checkpoints = await source.checkpoints()
                self._dirty = True
        except (TunedeckError, OSError) as error:
            if not run.state.metrics and run.state.job is None:
                self.post_message(self.Lost(run, str(error)))
        except WorkerCancelled:
            return
        finally:
            if source is not None:
                await source.aclose()

    @on(News)
    def _news(self, message: News) -> None:
        message.run.state.apply(message.update)
        job = message.run.state.job
        if job is not None and job.provider != LOG and job.suffix:
            message.run.title = job.suffix
        self._dirty = True

    @on(Lost)
    def _lost(self, message: Lost) -> None:
        message.run.trouble = message.text
        self._dirty = True

    def _frame(self) -> None:
        if self._dirty and self.is_current:
            self.show()

    # What is shown

    def show(self, *, now: bool = False) -> None:
        """Show what is known now; with ``now`` draw at once, as a key asked for it."""
        self._dirty = False
        self._name_apart()
        rows = max(1, min(len(self.runs), self.size.height // 2 - 4))
        if self.table.styles.height is None or self.table.styles.height.value != rows:
            self.table.styles.height = rows
        self.table.show(self.runs, compare.columns(self.runs, self.clock()))
        self._draw_head()
        best = compare.verdict(self.runs)
        self._say_if_new(self.said, best or self._going())
        self.chart.follow(self._drawn(), title=self._title(), total=self._total())
        if now:
            self.chart.draw_now()

    def _name_apart(self) -> None:
        """Name logs of the same name by their folders too."""
        logs = [run for run in self.runs if run.key[0] == LOG]
        for depth in range(1, 5):
            names = [log_title(run.key[1], depth) for run in logs]
            for run, name in zip(logs, names, strict=True):
                run.title = name
            if len(set(names)) == len(names):
                return

    def _going(self) -> str:
        going = sum(not run.state.terminal and not run.trouble for run in self.runs)
        return f"{going} of {len(self.runs)} runs are going on" if going else ""

    def _draw_head(self) -> None:
        left, right = self.table.hidden()
        more = f"  ({right} more: right)" if right > 0 else ""
        before = "< " if left else ""
        line = f"{before}{self.table.line(None)}"
        room = max(0, self.size.width - 4 - len(more))
        self._say_if_new(self.head, fit(line, room) + more if more else line)

    def _say_if_new(self, where: Static, text: str) -> None:
        content = Content(clean(text))
        if where.content != content:
            where.update(content)

    @on(RunTable.Shifted)
    def _shifted(self) -> None:
        self._draw_head()

    def on_resize(self) -> None:
        """Other columns fit now."""
        self._draw_head()

    def _title(self) -> str:
        measure = next((run.state.measure for run in self.runs if run.state.metrics), "loss")
        return f"{'Validation' if self.which == 'valid' else 'Training'} {measure}"

    def _total(self) -> float | None:
        if self.view.along == "time":
            return None
        totals = [
            last * self.place_of(run.state).factor
            for run in self.runs
            if (last := run.state.last_step)
        ]
        return max(totals, default=None)

    def _drawn(self) -> list[Curve]:
        curves = []
        for run, letter, style in zip(self.runs, LETTERS, _STYLES, strict=False):
            track = run.state.train if self.which == "train" else run.valid
            if not len(track):
                continue
            at = (run.key, self.which)
            curve = self._curves.get(at)
            if curve is None or curve.track is not track:
                curve = self._curves[at] = Curve(track, run.title, style, letter)
            curve.label, curve.key, curve.sign = run.title, style, letter
            curve.place, curve.guest = self.place_of(run.state), True
            curves.append(curve)
        return curves

    # Keys

    def action_which(self) -> None:
        """Chart the other of training and validation."""
        self.which = _WHICH[1 - _WHICH.index(self.which)]
        self.chart.refit()
        self.show(now=True)

    def charted(self) -> list[RunState]:
        """Return the runs that have anything to draw."""
        return [run.state for run in self.runs if run.state.metrics]

    def redraw_charts(self) -> None:
        """Draw the chart now."""
        self.chart.draw_now()

    def realign_charts(self) -> None:
        """Draw the chart now, on a new scale."""
        self.chart.refit()
        self.show(now=True)

    @on(RunTable.Chosen)
    def _open(self) -> None:
        run = self.table.current
        if run is None:
            return
        if run.key[0] != LOG:
            self.app.post_message(OpenJob(run.key[1], run.key[0]))
            return
        try:
            self.app.post_message(OpenRun(self._source(run.key)))
        except TunedeckError as error:
            self.say(clean(str(error)), "error")

    def action_drop(self) -> None:
        """Take the run under the cursor out of the comparison."""
        run = self.table.current
        if run is not None:
            self.runs.remove(run)
            self.show(now=True)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def action_add(self) -> None:
        """Choose runs to compare, or name a log."""
        from tui.screens.panel_choose import Option
        from tui.screens.panel_over import RunsScreen

        now = self.clock()
        options = []
        feed = feed_of(self.deck)
        for name in feed.everywhere():
            for row in (await feed.known(name, 200)).rows:
                if (name, row.job.id) not in self.keys:
                    label = row.job.suffix or os.path.basename(row.file) or row.job.id
                    status = words.status_word(row.job.status)
                    about = f"{status} · {row.job.model} · {words.ago(row.job.created_at, now)}"
                    options.append(Option(f"job:{name}:{row.job.id}", label, about))
        chosen = await self.app.push_screen_wait(
            RunsScreen("Add runs to the comparison", options, [], most=_MOST)
        )
        self.add_chosen(chosen or [])

    def add_chosen(self, chosen: Sequence[str]) -> None:
        """Add what was chosen: ``job:PROVIDER:ID`` or ``log:PATH``, a folder of logs too."""
        keys: list[RunKey] = []
        for text in chosen:
            kind, _, rest = text.partition(":")
            if kind == LOG:
                keys += self._logs(rest)
            else:
                provider, _, job_id = rest.partition(":")
                keys.append((provider, job_id))
        self.add(keys)

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

    def action_dataset(self) -> None:
        """Open what the run under the cursor was trained on."""
        run = self.table.current
        if run is not None:
            self.open_dataset_of(run.key)
