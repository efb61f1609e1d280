"""A run printed: line by line to its end, or as one picture."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from tui.cli.following import (
    JsonPrinter,
    PlainPrinter,
    Printer,
    Trouble,
    interleaved,
    plot_of,
    step_words,
    values_words,
)
from tui.cli.output import say
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tui.cli.guard import Guard
    from tui.jobs import Event, Job, MetricPoint, Update
    from tui.run.state import RunState

_LAST_EVENTS = 5


def is_plain(args: argparse.Namespace) -> bool:
    """Whether lines are wanted, or there is no terminal to draw on."""
    plain = args.json or getattr(args, "plain", False)
    plain = plain or os.environ.get("TERM", "") in ("", "dumb")
    return bool(plain or not (sys.stdin.isatty() and sys.stdout.isatty()))


def printer_of(args: argparse.Namespace, name: str | None = None) -> Printer:
    """Return what prints in the way that was asked for."""
    if args.json:
        return JsonPrinter(name)
    return PlainPrinter(name, plot=not getattr(args, "no_plot", False) and name is None)


async def print_all(
    updates: AsyncIterator[Update],
    state: RunState,
    printer: Printer,
    trouble: Trouble,
    guard: Guard | None = None,
) -> int:
    """Print a run to its end; return the exit code that says how it ended.

    Raises:
        ProviderError: There was no word of it for too long.
    """
    import asyncio

    status: str | None = None
    ticking = asyncio.create_task(guard.tick()) if guard else None
    try:
        async for update in updates:
            trouble.see(update)
            state.apply(update)
            status = _print(update, status, printer)
            if guard is not None:
                guard.see(update)
            if update.ended and update.job is not None:
                if guard is not None:
                    await guard.settle()
                printer.end(update.job, state)
                return 1 if update.job.status in ("failed", "cancelled") else 0
    finally:
        if ticking is not None:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        if guard is not None:
            guard.close()
    return 1


def _print(update: Update, status: str | None, printer: Printer) -> str | None:
    job = update.job
    changed = job is not None and job.status != status
    if job is not None and changed and not job.terminal:
        printer.status(job)
    for item in interleaved(update):
        printer.item(*item)
    if job is not None and changed and job.terminal:
        printer.status(job)
    return job.status if job is not None else status


class Frame:
    """One picture of a run.

    Args:
        state: The run, nothing known of it yet.
        name: The name of the run, put into every object where several are shown.
    """

    def __init__(self, state: RunState, name: str | None = None) -> None:
        self.state = state
        self._name = name
        self._updates: list[Update] = []
        self._last: MetricPoint | None = None
        self._events: list[Event] = []

    def take(self, update: Update) -> None:
        """Take in an update."""
        self._updates.append(update)
        self.state.apply(update)
        points = (*update.points, *update.amended)
        if points and (self._last is None or points[-1].step >= self._last.step):
            self._last = points[-1]
        self._events += [event for event, _ in interleaved(update) if event is not None]
        del self._events[:-_LAST_EVENTS]

    async def close(self, args: argparse.Namespace, job: Job, guard: Guard | None) -> int:
        """Print it, and hold the rules against the run once.

        Returns:
            The exit code: 1 when the run ended badly, or a rule is true.
        """
        self._show(args, job)
        if guard is not None:
            for update in self._updates:
                guard.see(update)
            await guard.settle()
            guard.close()
        bad = job.status in ("failed", "cancelled") or (guard is not None and guard.fired)
        return 1 if bad else 0

    def _show(self, args: argparse.Namespace, job: Job) -> None:
        if args.json:
            printer = JsonPrinter(self._name)
            printer.status(job)
            if self._last is not None:
                printer.item(None, self._last)
            return
        from tui.run.trend import trend

        say("  ".join(clean(text) for text in (job.id, job.model, job.status) if text))
        if self.state.metrics:
            say(clean(trend(self.state)))
        if not (args.plain or args.no_plot):
            for line in plot_of(self.state):
                say(line)
        if self._last is not None:
            say(f"step {step_words(self._last)}  {values_words(self._last)}")
        for event in self._events:
            PlainPrinter().item(event, None)
