"""The Jobs screen: the runs of every provider, with what this machine knows of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import CompareRuns, GoLaunch, LaunchPrefill, OpenJob, SampleRun
from tui.run.feed import feed_of
from tui.run.runlist import RunKey, RunRow
from tui.screens.job_actions import DoneTo
from tui.screens.job_rows import RunsList
from tui.screens.prompt import Prompt
from tui.screens.run_columns import headings, state_of, text_of
from tui.screens.runs_asked import AskedRuns, Listed
from tui.screens.runs_said import ORDERS, Said, in_order
from widgets.text import clean

_WARM_AFTER = 0.3


class JobsScreen(AskedRuns):
    """All runs everywhere; Enter opens one, ``x`` cancels the marked ones or the one at hand.

    Args:
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#runs"
    CSS_PATH = "jobs.tcss"
    HELP = """
    Every run of every configured provider, and those this machine remembers when one is away.
    Enter opens the live panel. Space marks runs: x cancels the marked ones, or the one under the
    cursor; it asks first, y does it, anything else does not. c shows the marked ones in one chart,
    t asks the models that came of them the same prompts.
    p pauses and u resumes where the provider can. a launches a run again, with changes.
    / shows only runs with all the words typed, of which a status may be one. s sorts.
    A cost with ~ is the estimate for the whole run; without, it is for the tokens trained.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel_run", "cancel", id="jobs.cancel", tooltip="Cancel; asks first"),
        Binding("space", "mark", "mark", id="jobs.mark", tooltip="Mark the run, or unmark it"),
        Binding("slash", "filter", "filter", id="jobs.filter", tooltip="Show runs with words"),
        Binding("s", "sort", "sort", id="jobs.sort", tooltip="Sort by start, status or cost"),
        Binding("c", "compare", "compare", id="jobs.compare", tooltip="Marked runs in one chart"),
        Binding("t", "sample", "try", id="jobs.sample", tooltip="Ask the tuned models something"),
        Binding("a", "again", "launch again", id="jobs.again", tooltip="Launch this run again"),
        Binding("r", "refresh_runs", "refresh", id="jobs.refresh", tooltip="Ask providers now"),
        Binding("p", "change('pause')", "pause", id="jobs.pause", tooltip="Pause the run"),
        Binding("u", "change('resume')", "resume", id="jobs.resume", tooltip="Resume the run"),
        Binding("escape", "all_runs", "all runs", id="jobs.all", show=False),
    ]

    runs = getters.query_one("#runs", RunsList)
    heads = getters.query_one("#heads", Static)
    state = getters.query_one("#state", Static)
    empty = getters.query_one("#empty", Static)
    prompt = getters.query_one(Prompt)

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._words: tuple[str, ...] = ()
        self._order = ORDERS[0]
        self._marked: frozenset[RunKey] = frozenset()
        self._asked = False
        self._shown: dict[str, object] = {}

    def body(self) -> ComposeResult:
        """Headings, runs, what there is to say, and the filter's prompt."""
        yield Static(id="heads", markup=False)
        yield RunsList(id="runs")
        yield Static(id="empty", markup=False)
        yield Static(id="state", markup=False)
        yield Prompt()

    def on_mount(self) -> None:
        """Follow every provider."""
        self.runs.status_of = self._status_of
        self.runs.clock = self._clock
        self.deck.provider_changed.subscribe(self, self._provider_changed)
        self._draw()
        self.set_timer(_WARM_AFTER, self._warm)

    @work(group="warm", thread=True, exit_on_error=False)
    def _warm(self) -> None:
        """Import what the panel of a run needs, so that Enter on a run is not slow."""
        import tui.screens.job  # noqa: F401
        from tui.jobs import Watcher  # noqa: F401
        from widgets.chart_data import plot_cells

        plot_cells([((1, 2), (1, 2))], "*", 20, 5, None)

    @on(events.ScreenResume)
    def _seen(self) -> None:
        # Seen again, and then in need of news, when the run that is about to open is closed.
        if not self.deck.opens_run:
            self.ask_everywhere()
        self.deck.opens_run = False

    @on(events.ScreenSuspend)
    def _unseen(self) -> None:
        self.ask_no_more()

    def _provider_changed(self, _name: str) -> None:
        if self.is_current:
            self.ask_everywhere()

    def on_resize(self) -> None:
        """The headings stand over their columns."""
        self._draw_heads()
        self._draw_state(self.runs.row_count)

    # What handlers do: they alone change what is shown.

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        self.runs.filling = not self.heard.issuperset(self.names)
        self.take(message)
        first = next(iter(self.names), "")
        self._asked = first in self.lists and self.lists[first].asked
        self._draw()

    @on(DoneTo)
    def _done_to(self, message: DoneTo) -> None:
        if message.job is None:
            self.say_trouble(message)
        self.ask_everywhere()
        self._draw()

    @on(RunsList.Chosen)
    def _chosen(self, message: RunsList.Chosen) -> None:
        self.app.post_message(OpenJob(message.row.job.id, message.row.job.provider))

    @on(RunsList.Moved)
    def _moved(self) -> None:
        self._sync_keys()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense for the marked runs, or the run under the cursor."""
        row = self.runs.current if self.is_mounted else None
        if action in ("cancel_run", "change", "mark", "again") and row is None:
            return False
        if action == "cancel_run" and row is not None:
            return bool(self._marked) or row.going
        if action == "change" and row is not None:
            paused = row.job.status == "paused"
            return row.going and paused == (parameters == ("resume",))
        if action == "compare":
            return len(self._marked) > 1
        if action == "all_runs":
            return bool(self._words or self._marked)
        if action == "sample":
            return self.is_mounted and bool(self._sampled())
        return super().check_action(action, parameters)

    def action_mark(self) -> None:
        """Mark the run under the cursor, or unmark it, and go on to the next."""
        row = self.runs.current
        if row is None:
            return
        self._mark(self._marked ^ {row.key})
        self.runs.action_row(1)

    def _mark(self, marked: frozenset[RunKey]) -> None:
        self._marked = marked
        self.runs.mark(marked)
        self._draw_state(self.runs.row_count)
        self._sync_keys()

    def _chosen_rows(self) -> list[RunRow]:
        """Return the marked runs, or else the one under the cursor."""
        if self._marked:
            return [row for row in self._all() if row.key in self._marked]
        return [row for row in (self.runs.current,) if row is not None]

    def action_cancel_run(self) -> None:
        """Ask whether to cancel the marked runs, or the one under the cursor."""
        rows = [row for row in self._chosen_rows() if row.going]
        if not rows:
            self.deck.tell("None of the marked runs goes on any more.")
        elif not self._for_reading_only(rows, "cancel a run"):
            if len(rows) > 1:
                self.ask_cancel_all(rows)
                return
            row, state = rows[0], state_of(rows[0])
            # A cancel that the provider has not heard of for certain may be asked for again.
            under_way = row.key in feed_of(self.deck).cancels()
            status = "cancelling" if under_way else row.job.status
            self.ask_cancel(row.job, status, state.so_far(), state.usd_so_far(), row.job.provider)

    def _for_reading_only(self, rows: list[RunRow], deed: str) -> bool:
        """Say so where nothing may be changed, before any question is asked."""
        name = next((r.job.provider for r in rows if self._read_only(r.job.provider)), None)
        if name is not None:
            self.deck.tell(
                f"Read-only: tunedeck will not {deed} at {name}. Start without --read-only; "
                "the settings read_only and TUNEDECK_READ_ONLY count too.",
                severity="warning",
            )
        return name is not None

    def _read_only(self, name: str) -> bool:
        return feed_of(self.deck).read_only(name)

    def cancel_agreed(self, _job_id: str) -> None:
        """Show ``cancelling`` until the provider says ``cancelled``."""
        self._mark(frozenset())
        self._draw()

    def action_change(self, deed: str) -> None:
        """Pause or resume the run under the cursor, where its provider can."""
        row = self.runs.current
        if row is None or self._for_reading_only([row], f"{deed} a run"):
            return
        try:
            can = feed_of(self.deck).provider(row.job.provider).can(deed)
        except TunedeckError as error:
            self.deck.tell(str(error), severity="error")
            return
        if can.yes is False:
            self.deck.tell(f"{row.job.provider} cannot {deed} runs: {can.why}.")
            return
        self.change(row.job.id, deed, row.job.provider)

    def _sampled(self) -> list[RunRow]:
        """Return the chosen runs that a model came of."""
        return [row for row in self._chosen_rows() if row.job.status == "succeeded"]

    def action_sample(self) -> None:
        """Ask the models of the chosen runs the same prompts."""
        rows = self._sampled()
        if rows:
            names = tuple(f"{row.job.provider}/job:{row.job.id}" for row in rows)
            file = rows[0].file if len(rows) == 1 else ""
            self.app.post_message(SampleRun(names, rows[0].job.provider, trained_on=file))

    def action_again(self) -> None:
        """Go to the launch form with what this run was made of."""
        row = self.runs.current
        if row is not None:
            prefill = LaunchPrefill(provider=row.job.provider, job=row.job.id)
            self.app.post_message(GoLaunch(prefill))

    def action_compare(self) -> None:
        """Show the marked runs in one chart."""
        keys = tuple(row.key for row in self._all() if row.key in self._marked)
        if len(keys) > 1:
            self.app.post_message(CompareRuns(keys))

    def action_sort(self) -> None:
        """Sort by the next of the orders."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._draw()
        self.say(f"Sorted by {self._order}")

    def action_refresh_runs(self) -> None:
        """Ask the providers now; the embedded service is started if it is not running."""
        self.ask_everywhere(wake=True)

    def action_filter(self) -> None:
        """Ask for words that runs must have in them."""
        self.prompt.ask("filter", "Show runs with", " ".join(self._words))

    def action_all_runs(self) -> None:
        """Unmark the runs, or show all again."""
        if self._marked:
            self._mark(frozenset())
        else:
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

    def _filter(self, text: str) -> None:
        self._words = tuple(text.lower().split())
        self._draw()

    # Drawing: only what reads differently.

    def _all(self) -> list[RunRow]:
        return [row for found in self.lists.values() for row in found.rows]

    def _status_of(self, row: RunRow) -> str:
        if row.gone:
            return "gone"
        asked = row.cancel_asked is not None and row.cancel_heard
        if row.going and (asked or row.key in feed_of(self.deck).cancels()):
            return "cancelling"
        return row.job.status

    def _draw(self) -> None:
        rows = self._all()
        keys = {row.key for row in rows}
        self._marked &= keys
        self.runs.marked = self._marked
        shown = rows
        if self._words:
            texts = ((row, text_of(row, self._status_of(row))) for row in rows)
            shown = [row for row, text in texts if all(word in text for word in self._words)]
        self.set_class(not rows, "-empty")
        if not rows:
            self._say("empty", self.empty, self._said().nothing(self._asked))
        word = clean(" ".join(self._words), limit=40)
        self.runs.empty_text = f"No run has '{word}' in it; Esc shows all"
        several = len({row.job.provider for row in rows}) > 1
        if several != self.runs.several:
            self.runs.several = several
            self.runs.refresh()
        self._draw_heads()
        self.runs.show(in_order(shown, self._order, self._status_of))
        self._draw_state(len(shown))
        self._sync_keys()

    def _sync_keys(self) -> None:
        """Have the line of keys drawn again when other keys make sense now."""
        row = self.runs.current
        status = (row.going, row.job.status) if row is not None else None
        keys = (status, len(self._marked) > 1, bool(self._marked or self._words))
        if self._shown.get("keys") != keys:
            self._shown["keys"] = keys
            self.refresh_bindings()

    def _draw_heads(self) -> None:
        text = headings(self.size.width, several=self.runs.several)
        self._say("heads", self.heads, text)

    def _said(self) -> Said:
        return Said(self.lists, feed_of(self.deck).cancels(), self._clock())

    def _draw_state(self, shown: int) -> None:
        text, trouble = self._said().lines(
            shown,
            len(self._marked),
            self.size.width - 2,
            filtered=bool(self._words),
            order=self._order,
        )
        self.state.set_class(trouble, "-trouble")
        self._say("state", self.state, text)

    def _say(self, key: str, widget: Static, text: str) -> None:
        if self._shown.get(key) != text:
            self._shown[key] = text
            widget.update(Content(text))
