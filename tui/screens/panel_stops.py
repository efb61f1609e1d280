"""Stop rules in the live panel: typed there or given on the command line, said, acted on, kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerError

from tui.errors import TunedeckError, UsageError
from tui.run.alerts import event_of, keep, notification, run_command
from tui.run.feed import feed_of
from tui.run.stop_cancel import cancel_until_heard
from tui.run.stop_doubts import doubt, unheard, unknown
from tui.run.stop_held import held
from tui.run.stop_words import join, parse_all
from tui.run.stops import Action, StopRule, StopWatch, Verdict
from tui.screens.job_actions import DoneTo
from tui.screens.panel_base import PanelBase
from widgets.dialog import FramedDialog
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Event, Ledger, Update
    from tui.run.state import RunState

_TICK = 2.0
_EXAMPLES = (
    "valid_loss rises 3",
    "full_valid_loss rises 10%",
    "train_loss is nan then cancel",
    "cost > 20 then cancel",
    "no event for 30m",
)


class RulesScreen(FramedDialog["tuple[StopRule, ...] | None"]):
    """Type stop rules, and read what each will do; the result is all rules, ``None`` for no change.

    Args:
        rules: The rules so far.
        fired: What has come true already, in words.
        state: What is known of the run.
        no_cancel: Why a rule cannot cancel it; empty where it can.
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
        state: RunState,
        no_cancel: str,
    ) -> None:
        super().__init__()
        self._state = state
        self._rules = tuple(rules)
        self._fired = tuple(fired)
        self._no_cancel = no_cancel

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Stop rules"
            box.border_subtitle = "Enter sets them, Esc closes"
            entry = Input(join(self._rules), placeholder=_EXAMPLES[0])
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
        if self._no_cancel and any(rule.action is Action.CANCEL for rule in rules):
            raise UsageError(self._no_cancel, "leave it at the alert, or 'then run COMMAND'")
        return rules

    @on(Input.Changed)
    def _say(self) -> None:
        lines: list[str]
        try:
            rules = self._read()
        except UsageError as error:
            lines = [error.message, error.hint]
        else:
            lines = [line for rule in rules for line in (rule.promise(), *self._doubts(rule))]
            if not rules:
                lines = [
                    "Rules look like these, with ; between several (;; after a command):",
                    *_EXAMPLES,
                ]
        lines += [f"Came true: {text}" for text in self._fired]
        lines.append(self._until_when())
        self.said.update(Content("\n".join(clean(line) for line in lines)))

    def _until_when(self) -> str:
        if self._state.terminal:
            return "The run is over: rules have nothing to look at."
        job = self._state.job
        kept = "" if job is not None and job.provider == "log" else "; it is kept with the run"
        return f"Each rule acts once, and only while this panel is open{kept}."

    def _doubts(self, rule: StopRule) -> list[str]:
        """Return what may keep a rule from doing what is meant."""
        found = [
            f"{what} is not known here, so this cannot come true." for what in self._blank(rule)
        ]
        for name, meant in unheard(rule, self._state.metrics):
            hint = f"; did you mean {meant}?" if meant else "."
            found.append(f"No number called {name} has arrived yet{hint}")
        words = doubt(rule, self._state.metrics)
        return [*found, f"{words}."] if words else found

    def _blank(self, rule: StopRule) -> list[str]:
        return [f"{what[:1].upper()}{what[1:]}" for what in unknown(rule, self._state)]

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
        self._waits = True
        self._doubted: StopWatch | None = None
        self._remembering: Worker[None]

    def note_event(self, event: Event) -> None:
        """Show an event that this machine made."""
        raise NotImplementedError

    def _kept_rules(self) -> dict[str, tuple[StopRule, ...]]:
        kept: dict[str, tuple[StopRule, ...]] = getattr(self.deck, "stop_rules", {})
        return kept

    def begin_rules(self) -> None:
        """Take the rules that were given for this run, or before; say what they will do."""
        rules = self._kept_rules().get(self.source.id, ())
        if rules:
            self._set_rules(rules)
        elif self.source.kind == "job":
            self._load_rules()
        self.set_interval(_TICK, self._look_at_rules)

    @work(group="rules-kept", exit_on_error=False)
    async def _load_rules(self) -> None:
        """Hold the rules that the run was given before, or those of the settings."""
        with contextlib.suppress(TunedeckError):
            ledger, endpoint = await self._place()
            kept = await asyncio.to_thread(ledger.kept_rules, endpoint, self.source.id)
            self._fired += [f"{one.text}: {one.seen}" for one in kept if one.acted_at is not None]
            found = held(kept, self.deck.settings.stop_if, self._no_cancel())
            for words in found.left_out:
                self.deck.tell(words, title="Stop rule not held", severity="warning")
            if found.rules and self._watch is None and not self.state.terminal:
                self._set_rules(found.rules, title=found.words)

    async def _place(self) -> tuple[Ledger, str]:
        """Return where what concerns the run is kept."""
        feed = feed_of(self.deck)
        return await feed.ledger(), feed.provider(self.provider).endpoint

    def _set_rules(
        self, rules: Sequence[StopRule], *, title: str = "Stop rules", anew: Sequence[str] = ()
    ) -> None:
        self._kept_rules()[self.source.id] = tuple(rules)
        self._watch = StopWatch(rules, self.clock(), waits=self._waits) if rules else None
        if rules and self.state.terminal:
            self.deck.tell("The run is over: there is nothing to stop", title=title)
        elif rules:
            self.deck.tell(" ".join(rule.promise() for rule in rules), title=title, timeout=10)
        self._remembering = self._remember([str(rule) for rule in rules], anew)
        self._look_at_rules()

    @work(group="rules-kept", exit_on_error=False)
    async def _remember(self, texts: Sequence[str], anew: Sequence[str]) -> None:
        """Keep the rules of a job, so that they hold again after a restart."""
        if self.source.kind == "job":
            with contextlib.suppress(TunedeckError):
                ledger, endpoint = await self._place()
                await asyncio.to_thread(
                    ledger.keep_rules, endpoint, self.source.id, texts, anew=anew
                )

    def hold_rules(self, update: Update, *, more: bool = False) -> None:
        """Look at the run after an update was folded into its state.

        Args:
            update: What came.
            more: More of the same comes at once: what is newest is not known yet.
        """
        self._waits = update.kept
        if self._watch is not None:
            self._watch.see(update, self.clock())
            if not more:
                self._look_at_rules()

    def _look_at_rules(self) -> None:
        if self._watch is None:
            return
        self._tell_doubts(self._watch)
        for verdict in self._watch.check(self.state, self.clock()):
            kept = self._kept_rules()
            left = [rule for rule in kept.get(self.source.id, ()) if rule != verdict.rule]
            kept[self.source.id] = tuple(left)
            self._fired.append(f"{verdict.rule.condition}: {verdict.message}")
            # Not of this screen: what was agreed to is done even when the panel is closed.
            self.app.run_worker(self._act_on(verdict), group="rules-act", exit_on_error=False)

    def _tell_doubts(self, watch: StopWatch) -> None:
        """Say once of rules that they cannot come true, or will by chance."""
        if self._doubted is watch or not self.state.metrics or self._waits:
            return
        self._doubted = watch
        said = []
        for rule in watch.rules:
            said += [
                f"{rule}: {what} is not known here, so this cannot come true"
                for what in unknown(rule, self.state)
            ]
            for name, meant in unheard(rule, self.state.metrics):
                said += [f"No number called {name}: did you mean {meant}?"] if meant else []
            said += [words] if (words := doubt(rule, self.state.metrics)) else []
        for words in said:
            self.deck.tell(words, title="Stop rules", severity="warning", timeout=15)

    async def _act_on(self, verdict: Verdict) -> None:
        # A cancel is owed until it is carried out: it is gone on with after a crash.
        first = verdict.action is Action.CANCEL or await self._claimed(verdict)
        deed = "you were told"
        if verdict.action is Action.CANCEL:
            deed = self._no_cancel() or "the run is being cancelled"
        elif verdict.action is Action.RUN:
            deed = "its command is run"
        words = f"{verdict.rule.condition}: {verdict.message}"
        self._ring(words)
        if verdict.action is Action.RUN and not first:
            return
        await self._note_and_keep(verdict, deed)
        if verdict.action is Action.RUN:
            deed = await run_command(verdict, self.source.id)
        elif verdict.action is Action.CANCEL and not self._no_cancel():
            deed = await self._cancel_by_rule()
            await self._claimed(verdict)
        else:
            return
        self.deck.tell(deed, title="Stop rule")
        await self._note_and_keep(verdict, deed)

    def _ring(self, words: str) -> None:
        self.deck.tell(words, title="Stop rule", severity="warning", timeout=60)
        driver = self.app._driver
        if driver is not None:
            driver.write(notification(words))

    async def _claimed(self, verdict: Verdict) -> bool:
        """Remember that a rule acts; return whether it is the first time, of all who watch."""
        if self.source.kind == "job":
            # That a rule acted must not be forgotten by the writing that sets it.
            with contextlib.suppress(WorkerError):
                await self._remembering.wait()
            with contextlib.suppress(TunedeckError):
                ledger, endpoint = await self._place()
                return await asyncio.to_thread(
                    ledger.claim_rule, endpoint, self.source.id, str(verdict.rule), verdict.message
                )
        return True

    def _no_cancel(self) -> str:
        """Say why a rule cannot cancel the run; nothing when it can."""
        if self.source.kind != "job":
            return "a local training cannot be cancelled from here"
        if feed_of(self.deck).read_only(self.provider):
            return "not cancelled: nothing may be changed at this provider"
        return ""

    async def _cancel_by_rule(self) -> str:
        """Cancel the run as the rule asked; return what came of it, in words."""

        def told(words: str) -> None:
            self.deck.tell(words, title="Stop rule", severity="error", timeout=60)

        async def farewell() -> str:
            if any(job_id == self.source.id for _, job_id in feed.cancels()):
                return ""  # The feed sees to one that is under way.
            return f"tunedeck: not cancelled yet: run 'tunedeck cancel {self.source.id}'"

        feed = feed_of(self.deck)
        self.cancel_agreed(self.source.id)
        cancel = partial(feed.cancelled, self.provider, self.source.id)
        self.deck.farewells.append(farewell)
        try:
            job = await cancel_until_heard(cancel, told)
        except TunedeckError as error:
            self.post_message(DoneTo(self.source.id, "cancel", None, str(error)))
            self._ring(f"the run could not be cancelled: {error}")
            return f"the run could not be cancelled: {error}"
        finally:
            self.deck.farewells.remove(farewell)
        self.post_message(DoneTo(self.source.id, "cancel", job))
        return f"the run is {job.status}"

    async def _note_and_keep(self, verdict: Verdict, deed: str) -> None:
        event = event_of(verdict, deed, self.clock())
        if self.is_attached:
            self.note_event(event)
        if self.source.kind == "job":
            with contextlib.suppress(TunedeckError):
                ledger, endpoint = await self._place()
                await asyncio.to_thread(keep, ledger, endpoint, self.source.id, event)

    @work(group="rules", exclusive=True, exit_on_error=False)
    async def action_stop_rules(self) -> None:
        """Type stop rules for this run."""
        rules = self._kept_rules().get(self.source.id, ())
        screen = RulesScreen(rules, self._fired, self.state, self._no_cancel())
        chosen = await self.app.push_screen_wait(screen)
        if chosen is not None and chosen != rules:
            before = {str(rule) for rule in rules}
            typed = [str(rule) for rule in chosen if str(rule) not in before]
            self._set_rules(chosen, anew=typed)
            if not chosen:
                self.say("No stop rules")
