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
    from tui.jobs import Job, Update
    from tui.run.state import RunState
    from tui.run.stops import StopRule, Verdict

_TICK = 1.0
# How long what was begun may take once the run is over.
_SETTLE = 30.0
# A name that so many measurements did not tell is a slip of the hand, most likely.
_MANY = 20


class Guard:
    """Holds the rules of a command against a run, and acts.

    Args:
        rules: The rules.
        state: The run; whoever follows it folds the updates into it.
        printer: Where to tell what happens.
        cancel: Cancels the run and returns it; ``None`` where no rule asks for it.
        opened: Where to keep what happened; ``None`` for a local log.
    """

    def __init__(
        self,
        rules: Sequence[StopRule],
        state: RunState,
        printer: Printer,
        *,
        cancel: Callable[[], Awaitable[Job]] | None = None,
        opened: Session | None = None,
    ) -> None:
        from tui.run.stops import StopWatch

        self._watch = StopWatch(rules, time.time())
        self._state = state
        self._printer = printer
        self._cancel = cancel
        self._opened = opened
        self._tasks: set[asyncio.Task[None]] = set()
        self._warned: set[tuple[StopRule, str]] = set()
        self._owed = self._over = False
        for rule in rules:
            note(f"stop rule: {rule.promise()}")

    @property
    def fired(self) -> bool:
        """Whether any rule came true."""
        return bool(self._watch.fired)

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
        """Say of a rule that it looks at what nobody tells, or at what chance moves."""
        from tui.run.stop_doubts import doubt, unheard, unknown

        metrics = self._state.metrics
        many = at_the_end or any(len(track) >= _MANY for track in metrics.values())
        for rule in self._watch.rules:
            for what in unknown(rule, self._state):
                self._say_once(rule, f"{what} is not known here, so this cannot come true: {rule}")
            for name, meant in unheard(rule, metrics):
                if meant or many:
                    told = f"did you mean {meant}?" if meant else f"there are {_some(metrics)}"
                    self._say_once(rule, f"no number called {name} has arrived; {told}")
            if words := doubt(rule, metrics):
                self._say_once(rule, words)

    def _say_once(self, rule: StopRule, words: str) -> None:
        if (rule, words[:40]) not in self._warned:
            self._warned.add((rule, words[:40]))
            note(f"stop rule: {words}")

    async def tick(self) -> None:
        """Look again and again: silence and time pass without updates. Runs until cancelled."""
        while self._watch.rules:
            await asyncio.sleep(_TICK)
            self._look()

    async def _act(self, verdict: Verdict) -> None:
        from tui.run.stops import Action

        deed = {Action.ALERT: "you were told", Action.CANCEL: "the run is being cancelled"}.get(
            verdict.action, "its command is run"
        )
        # A cancel is owed until it is carried out: somebody else goes on with it after a crash.
        first = verdict.action is Action.CANCEL or await self._claim(verdict)
        done = verdict.action is Action.ALERT
        if verdict.action is Action.RUN and not first:
            deed, done = "its command was run before", True
        # Whoever reads this may be gone; what was asked for is done all the same.
        with contextlib.suppress(TunedeckError, OSError):
            self._printer.fired(verdict, deed, done=done)
        alert(f"{verdict.rule.condition}: {verdict.message}")
        if verdict.action is Action.RUN and not first:
            return
        await self._keep(verdict, deed)
        if verdict.action is Action.CANCEL and self._cancel is not None:
            deed = await self._cancelled(self._cancel)
            await self._claim(verdict)
        elif verdict.action is Action.RUN:
            from tui.run.alerts import run_command

            deed = await run_command(verdict, self._state.job_id)
        if not done:
            self._printer.fired(verdict, deed)
            await self._keep(verdict, deed)

    async def _cancelled(self, cancel: Callable[[], Awaitable[Job]]) -> str:
        """Cancel the run; return what came of it, in words."""
        from tui.run.stop_cancel import cancel_until_heard

        self._owed = True
        try:
            job = await cancel_until_heard(cancel, lambda words: note(f"stop rule: {words}"))
            deed = f"the run is {job.status}"
        except TunedeckError as error:
            deed = f"the run could not be cancelled: {error}"
            alert(deed)
        self._owed = False
        return deed

    async def _claim(self, verdict: Verdict) -> bool:
        """Remember that a rule acts; return whether it is the first time, of all who watch."""
        if self._opened is None:
            return True
        opened, text = self._opened, str(verdict.rule)
        with contextlib.suppress(TunedeckError):
            return await asyncio.to_thread(
                opened.ledger.claim_rule,
                opened.provider.endpoint,
                self._state.job_id,
                text,
                verdict.message,
            )
        return True

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
        """Wait until what was begun is done, but not for ever."""
        self._over = True
        self._warn(at_the_end=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_SETTLE)
            if late:
                note("stop rule: a command still runs and is left alone")
            self._give_up(late)

    def close(self) -> None:
        """Leave; say so when a cancel was not carried out, or rules hold no longer."""
        job = self._state.job_id
        if self._owed:
            note(f"stop rule: the run may not be cancelled yet: run 'tunedeck cancel {job}'")
        elif not self._over and len(self._watch.fired) < len(self._watch.rules):
            again = f": 'tunedeck watch {job}' takes them up again" if self._opened else ""
            note(f"stop rules hold no longer{again}")
        self._give_up(self._tasks)

    @staticmethod
    def _give_up(tasks: Iterable[asyncio.Task[None]]) -> None:
        for task in list(tasks):
            task.cancel()


def _some(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:8]) + (" and others" if len(found) > 8 else "")
