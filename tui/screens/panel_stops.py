"""Stop rules in the live panel: typed there or given on the command line, said, acted on, kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.errors import TunedeckError, UsageError
from tui.run.alerts import event_of, keep, notification, run_command
from tui.run.feed import feed_of
from tui.run.stops import Action, StopRule, StopWatch, Verdict, parse_all, unheard
from tui.screens.panel_base import PanelBase
from widgets.dialog import FramedDialog
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Event, Update

_TICK = 2.0
_EXAMPLES = (
    "valid_loss rises 3",
    "train_loss is nan then cancel",
    "cost > 20 then cancel",
    "no event for 30m",
)


class RulesScreen(FramedDialog["tuple[StopRule, ...] | None"]):
    """Type stop rules, and read what each will do; the result is all rules, ``None`` for no change.

    Args:
        rules: The rules so far.
        fired: What has come true already, in words.
        metrics: The numbers that have arrived, by their names.
        log: Whether the run is a log, which cannot be cancelled.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="rules.close", tooltip="Close; nothing changes"),
    ]

    entry = getters.query_one(Input)
    said = getters.query_one("#promises", Static)

    def __init__(
        self,
        rules: Sequence[StopRule],
        fired: Sequence[str],
        metrics: Mapping[str, object],
        *,
        log: bool,
    ) -> None:
        super().__init__()
        self._metrics = metrics
        self._rules = tuple(rules)
        self._fired = tuple(fired)
        self._log = log

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Stop rules"
            box.border_subtitle = "Enter sets them, Esc closes"
            entry = Input("; ".join(str(rule) for rule in self._rules), placeholder=_EXAMPLES[0])
            entry.cursor_blink = False
            yield entry
            yield Static(id="promises", markup=False)

    def on_mount(self) -> None:
        """Say what the rules do."""
        self._say()
        self.entry.focus()

    def _read(self) -> tuple[StopRule, ...]:
        text = self.entry.value.strip()
        rules = parse_all([text]) if text else ()
        if self._log and any(rule.action is Action.CANCEL for rule in rules):
            raise UsageError("a local training cannot be cancelled from here", "leave it at alert")
        return rules

    def _read_or_none(self) -> tuple[StopRule, ...]:
        try:
            return self._read()
        except UsageError:
            return ()

    @on(Input.Changed)
    def _say(self) -> None:
        lines: list[str]
        try:
            rules = self._read()
            lines = [rule.promise() for rule in rules]
            if not rules:
                lines = ["Rules look like these, with ; between several:", *_EXAMPLES]
        except UsageError as error:
            lines = [error.message, error.hint]
        for name, meant in (unheard(rule, self._metrics) for rule in self._read_or_none()):
            if name:
                hint = f"; did you mean {meant}?" if meant else "."
                lines.append(f"No number called {name} has arrived yet{hint}")
        lines += [f"Came true: {text}" for text in self._fired]
        lines.append("Each rule acts once, and only while this panel is open.")
        self.said.update(Content("\n".join(clean(line) for line in lines)))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        with contextlib.suppress(UsageError):
            self.dismiss(self._read())

    def action_close(self) -> None:
        """Close and change nothing."""
        self.dismiss(None)


class PanelStops(PanelBase):
    """The part of the panel that holds stop rules against the run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "i",
            "stop_rules",
            "rules",
            id="job.rules",
            tooltip="Stop rules: alert, cancel or run a command when something happens",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._watch: StopWatch | None = None
        self._fired: list[str] = []

    def note_event(self, event: Event) -> None:
        """Show an event that this machine made."""
        raise NotImplementedError

    def _kept_rules(self) -> dict[str, tuple[StopRule, ...]]:
        kept: dict[str, tuple[StopRule, ...]] = getattr(self.deck, "stop_rules", {})
        return kept

    def begin_rules(self) -> None:
        """Take the rules that were given for this run, and say what they will do."""
        rules = self._kept_rules().get(self.source.id, ())
        if rules:
            self._set_rules(rules)
        self.set_interval(_TICK, self._look_at_rules)

    def _set_rules(self, rules: Sequence[StopRule]) -> None:
        self._kept_rules()[self.source.id] = tuple(rules)
        self._watch = StopWatch(rules, self.clock()) if rules else None
        if rules:
            self.deck.tell("\n".join(rule.promise() for rule in rules), title="Stop rules")
        self._look_at_rules()

    def hold_rules(self, update: Update, *, more: bool = False) -> None:
        """Look at the run after an update was folded into its state.

        Args:
            update: What came.
            more: More of the same comes at once: what is newest is not known yet.
        """
        if self._watch is not None:
            self._watch.see(update, self.clock())
            if not more:
                self._look_at_rules()

    def _look_at_rules(self) -> None:
        if self._watch is None:
            return
        for verdict in self._watch.check(self.state, self.clock()):
            kept = self._kept_rules()
            left = [rule for rule in kept.get(self.source.id, ()) if rule != verdict.rule]
            kept[self.source.id] = tuple(left)
            self._act_on(verdict)

    def _act_on(self, verdict: Verdict) -> None:
        words = f"{verdict.rule.condition}: {verdict.message}"
        self._fired.append(words)
        self.deck.tell(words, title="Stop rule", severity="warning", timeout=60)
        driver = self.app._driver
        if driver is not None:
            driver.write(notification(words))
        deed = "you were told"
        if verdict.action is Action.CANCEL:
            deed = self._cancel_by_rule()
        elif verdict.action is Action.RUN:
            deed = f"{verdict.rule.command[0]} is run"
            self._run_command(verdict)
        event = event_of(verdict, deed, self.clock())
        self.note_event(event)
        self._keep(event)

    def _cancel_by_rule(self) -> str:
        """Cancel the run as the rule asked; return what was done, in words."""
        job = self.state.job
        if job is None or self.source.kind != "job":
            return "it cannot be cancelled from here"
        if self.refused(self.provider):
            return "not cancelled: nothing may be changed at this provider"
        feed_of(self.deck).begin_cancel(self.provider, job.id)
        self.cancel_agreed(job.id)
        self._cancel(job.id, self.provider)
        return "the run is being cancelled"

    @work(group="rule-commands", exit_on_error=False)
    async def _run_command(self, verdict: Verdict) -> None:
        said = await run_command(verdict, self.source.id)
        self.deck.tell(said, title="Stop rule")

    @work(group="rule-notes", exit_on_error=False)
    async def _keep(self, event: Event) -> None:
        if self.source.kind != "job":
            return
        feed = feed_of(self.deck)
        with contextlib.suppress(TunedeckError):
            endpoint = feed.provider(self.provider).endpoint
            await asyncio.to_thread(keep, await feed.ledger(), endpoint, self.source.id, event)

    @work(group="rules", exclusive=True, exit_on_error=False)
    async def action_stop_rules(self) -> None:
        """Type stop rules for this run."""
        rules = self._kept_rules().get(self.source.id, ())
        screen = RulesScreen(rules, self._fired, self.state.metrics, log=self.source.kind == "log")
        chosen = await self.app.push_screen_wait(screen)
        if chosen is not None and chosen != rules:
            self._set_rules(chosen)
            if not chosen:
                self.say("No stop rules")
