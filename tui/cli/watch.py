"""``tunedeck watch``: follow a job, or a training log of this machine, to its end."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from tui.cli import waiting
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
from tui.cli.session import add_common, duration, find_job, run, session
from tui.cli.stopping import add_rules, rules_of
from tui.errors import UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tui.cli.guard import Guard
    from tui.jobs import Event, Job, MetricPoint, Update
    from tui.run.state import RunState
    from tui.run.stops import StopRule

# Scripts care for order more than for the last second.
_PATIENCE = 8.0
_LAST_EVENTS = 5


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``watch`` and ``wait``."""
    parser = sub.add_parser("watch", help="follow a job, or a local training log, to its end")
    parser.add_argument(
        "job", nargs="?", metavar="JOB", help="its id, the beginning of it, or 'last'"
    )
    parser.add_argument(
        "--log",
        metavar="PATH",
        help="follow what a trainer writes on this machine: its output, trainer_log.jsonl, "
        "trainer_state.json, TensorBoard files, CSV; or a folder of runs",
    )
    parser.add_argument("--plain", action="store_true", help="a line an event, also on a terminal")
    parser.add_argument("--once", action="store_true", help="one picture, then exit")
    parser.add_argument("--no-plot", action="store_true", help="words only, for screen readers")
    parser.add_argument(
        "--timeout",
        type=duration,
        default=waiting.UNREACHABLE,
        metavar="D",
        help="stop when the provider cannot be reached, or the log stands still, for so long (10m)",
    )
    add_rules(parser)
    parser.set_defaults(handler=watch)
    add_common(parser)
    waiting.add_parsers(sub)


def watch(args: argparse.Namespace) -> int:
    """Follow one run: in the application on a terminal, otherwise a line an event."""
    rules = rules_of(args)
    if args.log is not None:
        if args.job is not None:
            raise UsageError("both a job and a log are named", "watch one of them")
        from tui.cli.logs import watch_log

        return watch_log(args, rules)
    if args.job is None:
        raise UsageError("no job is named", "give its id, 'last', or --log FILE")
    if args.once:
        return run(_once(args))
    return follow(args, args.job)


def follow(args: argparse.Namespace, job: str) -> int:
    """Follow a job in the way that fits where the output goes; return its exit code."""
    rules = rules_of(args)
    if is_plain(args):
        return run(_stream(args, job, rules))
    provider, job_id = run(_resolved(args, job))
    from tui.app import run_app

    return run_app([], provider=provider, open_job=job_id, stop_rules=rules)


def is_plain(args: argparse.Namespace) -> bool:
    """Whether lines are wanted, or there is no terminal to draw on."""
    plain = args.json or getattr(args, "plain", False)
    return bool(plain or not (sys.stdin.isatty() and sys.stdout.isatty()))


def printer_of(args: argparse.Namespace, name: str | None = None) -> Printer:
    """Return what prints in the way that was asked for."""
    if args.json:
        return JsonPrinter(name)
    return PlainPrinter(name, plot=not getattr(args, "no_plot", False) and name is None)


async def _resolved(args: argparse.Namespace, job: str) -> tuple[str, str]:
    async with session(args, job=job) as opened:
        return opened.config.name, await find_job(opened, job)


async def _stream(args: argparse.Namespace, job: str, rules: Sequence[StopRule]) -> int:
    import asyncio

    from tui.cli.guard import Guard
    from tui.jobs import Watcher, cancel_job
    from tui.run.runlist import price_of
    from tui.run.state import RunState

    async with session(args, job=job) as opened:
        job_id = await find_job(opened, job)
        row = await asyncio.to_thread(opened.ledger.job, opened.provider.endpoint, job_id)
        state = RunState(job_id, price_of(row.estimate) if row else None)
        printer = printer_of(args)

        async def cancel() -> str:
            outcome = await cancel_job(opened.provider, opened.ledger, job_id)
            return f"the run is {outcome.job.status}"

        guard = Guard(rules, state, printer, cancel=cancel, opened=opened) if rules else None
        watcher = Watcher(job_id, opened.provider, opened.ledger, patience=_PATIENCE)
        trouble = Trouble(getattr(args, "timeout", waiting.UNREACHABLE))
        async with aclosing(watcher.updates()) as updates:
            return await print_all(updates, state, printer, trouble, guard)


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


async def _once(args: argparse.Namespace) -> int:
    from tui.jobs import Watcher
    from tui.run.state import RunState

    async with session(args, job=args.job) as opened:
        job_id = await find_job(opened, args.job)
        job = await opened.provider.retrieve(job_id)
        watcher = Watcher(job_id, opened.provider, opened.ledger, patience=0.0)
        frame = Frame(RunState(job_id))
        asked = time.monotonic()
        async with aclosing(watcher.updates()) as updates:
            async for update in updates:
                frame.take(update)
                # The first update may come from the ledger alone; one poll must have followed.
                if update.ended or update.trouble or watcher.polled:
                    break
                if time.monotonic() - asked > args.timeout:
                    break
    frame.show(args, frame.state.job or job)
    return 0


class Frame:
    """One picture of a run.

    Args:
        state: The run, nothing known of it yet.
    """

    def __init__(self, state: RunState) -> None:
        self.state = state
        self._last: MetricPoint | None = None
        self._events: list[Event] = []

    def take(self, update: Update) -> None:
        """Take in an update."""
        self.state.apply(update)
        points = (*update.points, *update.amended)
        if points and (self._last is None or points[-1].step >= self._last.step):
            self._last = points[-1]
        self._events += [event for event, _ in interleaved(update) if event is not None]
        del self._events[:-_LAST_EVENTS]

    def show(self, args: argparse.Namespace, job: Job) -> None:
        """Print it."""
        if args.json:
            printer = JsonPrinter()
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
