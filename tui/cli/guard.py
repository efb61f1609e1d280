"""Stop rules in the plain commands: said before, acted on, kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tui.cli.following import Printer, alert
from tui.cli.output import note
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.cli.session import Session
    from tui.jobs import Update
    from tui.run.state import RunState
    from tui.run.stops import StopRule, Verdict

_TICK = 1.0


class Guard:
    """Holds the rules of a command against a run, and acts.

    Args:
        rules: The rules.
        state: The run; whoever follows it folds the updates into it.
        printer: Where to tell what happens.
        cancel: Cancels the run; ``None`` where no rule asks for it.
        opened: Where to keep what happened; ``None`` for a local log.
    """

    def __init__(
        self,
        rules: Sequence[StopRule],
        state: RunState,
        printer: Printer,
        *,
        cancel: Callable[[], Awaitable[str]] | None = None,
        opened: Session | None = None,
    ) -> None:
        from tui.run.stops import StopWatch

        self._watch = StopWatch(rules, time.time())
        self._state = state
        self._printer = printer
        self._cancel = cancel
        self._opened = opened
        self._tasks: set[asyncio.Task[None]] = set()
        self._warned: set[StopRule] = set()
        for rule in rules:
            note(f"stop rule: {rule.promise()}")

    def see(self, update: Update) -> None:
        """Look at the run after an update was folded into its state."""
        self._watch.see(update, time.time())
        self._look()

    def _look(self) -> None:
        for verdict in self._watch.check(self._state, time.time()):
            task = asyncio.create_task(self._act(verdict))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._warn(at_the_end=False)

    def _warn(self, *, at_the_end: bool) -> None:
        """Say of a rule that it looks at a number nobody tells: a slip of the hand, most likely."""
        from tui.run.stops import unheard

        metrics = self._state.metrics
        for rule in self._watch.rules:
            name, meant = unheard(rule, metrics)
            if name and rule not in self._warned and (meant or at_the_end):
                self._warned.add(rule)
                told = f"did you mean {meant}?" if meant else f"there are {_some(metrics)}"
                note(f"stop rule: no number called {name} has arrived; {told}")

    async def tick(self) -> None:
        """Look again and again: silence and time pass without updates. Runs until cancelled."""
        while self._watch.rules:
            await asyncio.sleep(_TICK)
            self._look()

    async def _act(self, verdict: Verdict) -> None:
        from tui.run.stops import Action

        deed = {Action.ALERT: "you are told", Action.CANCEL: "the run is being cancelled"}.get(
            verdict.action, "its command is run"
        )
        self._printer.fired(verdict, deed)
        alert(f"{verdict.rule.condition}: {verdict.message}")
        try:
            if verdict.action is Action.CANCEL and self._cancel is not None:
                deed = await self._cancel()
            elif verdict.action is Action.RUN:
                from tui.run.alerts import run_command

                deed = await run_command(verdict, self._state.job_id)
                note(deed)
        except TunedeckError as error:
            deed = f"it could not be cancelled: {error}"
            note(deed)
        await self._keep(verdict, deed)

    async def _keep(self, verdict: Verdict, deed: str) -> None:
        if self._opened is None:
            return
        from tui.run.alerts import event_of, keep

        opened = self._opened
        event = event_of(verdict, deed, time.time())
        with contextlib.suppress(TunedeckError):
            await asyncio.to_thread(
                keep, opened.ledger, opened.provider.endpoint, self._state.job_id, event
            )

    async def settle(self) -> None:
        """Wait until everything begun is done."""
        self._warn(at_the_end=True)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _some(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:8]) + (" and others" if len(found) > 8 else "")
