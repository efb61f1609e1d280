"""``tunedeck watch`` and ``tunedeck wait``: follow jobs to their end."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from tui.cli.output import emit_line, note, say
from tui.cli.session import Session, add_common, duration, find_job, run, session
from tui.errors import ProviderError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Event, Job, MetricPoint, Update

# Scripts care for order more than for the last second.
_PATIENCE = 8.0
_UNREACHABLE = 600.0
_Answer = TypeVar("_Answer")


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``watch`` and ``wait``."""
    parser = sub.add_parser("watch", help="follow a job to its end")
    parser.add_argument("job", metavar="JOB", help="its id, the beginning of it, or 'last'")
    parser.add_argument("--plain", action="store_true", help="a line an event, also on a terminal")
    parser.add_argument("--once", action="store_true", help="one picture, then exit")
    _add_timeout(parser)
    parser.set_defaults(handler=watch)
    add_common(parser)

    parser = sub.add_parser("wait", help="wait silently until jobs have ended")
    parser.add_argument("jobs", nargs="+", metavar="JOB")
    _add_timeout(parser)
    parser.set_defaults(handler=wait)
    add_common(parser)


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=duration,
        default=_UNREACHABLE,
        metavar="D",
        help="stop when the provider cannot be reached for so long (10m)",
    )


def watch(args: argparse.Namespace) -> int:
    """Follow one job: in the application on a terminal, otherwise a line an event."""
    if args.once:
        return run(_once(args))
    return follow(args, args.job)


def follow(args: argparse.Namespace, job: str) -> int:
    """Follow a job in the way that fits where the output goes; return its exit code."""
    plain = args.json or getattr(args, "plain", False)
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return run(_stream(args, job))
    provider, job_id = run(_resolved(args, job))
    from tui.app import run_app

    return run_app([], provider=provider, open_job=job_id)


async def _resolved(args: argparse.Namespace, job: str) -> tuple[str, str]:
    async with session(args, job=job) as opened:
        return opened.config.name, await find_job(opened, job)


async def _stream(args: argparse.Namespace, job: str) -> int:
    async with session(args, job=job) as opened:
        job_id = await find_job(opened, job)
        printer = _JsonPrinter() if args.json else _PlainPrinter()
        return await _print_all(opened, job_id, printer, args.timeout)


async def _print_all(
    opened: Session, job_id: str, printer: _JsonPrinter | _PlainPrinter, patience: float
) -> int:
    from tui.jobs import Watcher

    watcher = Watcher(job_id, opened.provider, opened.ledger, patience=_PATIENCE)
    trouble = _Trouble(patience)
    status: str | None = None
    async with aclosing(watcher.updates()) as updates:
        async for update in updates:
            trouble.see(update)
            job = update.job
            changed = job is not None and job.status != status
            if job is not None and changed and not job.terminal:
                printer.status(job)
            for item in interleaved(update):
                printer.item(*item)
            if job is not None and changed and job.terminal:
                printer.status(job)
            status = job.status if job is not None else status
            if update.ended and job is not None:
                printer.end(job)
                return 0 if job.status == "succeeded" else 1
    return 1


class _Trouble:
    """Says once what is wrong, once that it is over, and stops after a long time without word."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self._said: str | None = None

    def see(self, update: Update) -> None:
        if update.trouble is None or update.ended:
            if self._said is not None and not update.ended:
                note("the provider answers again")
            self._since = self._said = None
            return
        if update.trouble != self._said:
            note(f"{update.trouble} (trying again)")
            self._said = update.trouble
        self._since = self._since if self._since is not None else time.monotonic()
        if time.monotonic() - self._since >= self._patience:
            raise ProviderError(
                f"gave up after {self._patience:.0f} s: {update.trouble}",
                "the job goes on at the provider; watch it again later",
                code="unreachable",
            )


def interleaved(update: Update) -> Iterator[tuple[Event | None, MetricPoint | None]]:
    """Yield events without metrics, and metric points, oldest first, each once."""
    from tui.jobs import point_of

    added = {point.id for point in update.amended}
    events = [e for e in update.events if e.id in added or point_of(e) is None]
    at = 0
    for point in update.points:
        while at < len(events) and (events[at].created_at or 0) < (point.created_at or 0):
            yield events[at], None
            at += 1
        # Of the same second, what came before the point in the provider's order goes first.
        while at < len(events) and _stands_before(update, events[at], point):
            yield events[at], None
            at += 1
        yield None, point
    for event in events[at:]:
        yield event, None


def _stands_before(update: Update, event: Event, point: MetricPoint) -> bool:
    if (event.created_at or 0) != (point.created_at or 0):
        return False
    for one in update.events:
        if one.id == event.id:
            return True
        if one.id == point.id:
            return False
    return False


class _JsonPrinter:
    """One JSON object a line, as the command line's contract says."""

    def status(self, job: Job) -> None:
        emit_line({"kind": "status", "status": job.status})

    def item(self, event: Event | None, point: MetricPoint | None) -> None:
        if event is not None:
            emit_line(
                {
                    "kind": "event",
                    "id": event.id,
                    "created_at": event.created_at,
                    "level": event.level,
                    "message": event.message,
                }
            )
        if point is not None:
            emit_line(
                {
                    "kind": "metrics",
                    "id": point.id,
                    "created_at": point.created_at,
                    "step": point.step,
                    "total_steps": point.total_steps,
                    "values": dict(point.values),
                }
            )

    def end(self, job: Job) -> None:
        error: dict[str, Any] | None = None
        if job.error_code or job.error_message:
            error = {"code": job.error_code, "message": job.error_message}
        emit_line(
            {
                "kind": "end",
                "status": job.status,
                "fine_tuned_model": job.fine_tuned_model,
                "trained_tokens": job.trained_tokens,
                "error": error,
            }
        )


class _PlainPrinter:
    """A line an event, for people and screen readers."""

    def status(self, job: Job) -> None:
        say(f"          status   {clean(job.status)}")

    def item(self, event: Event | None, point: MetricPoint | None) -> None:
        if event is not None:
            say(f"{_clock(event.created_at)}  {clean(event.level):<7}  {clean(event.message)}")
        if point is not None:
            say(f"{_clock(point.created_at)}  {_step(point):<7}  {_values(point)}")

    def end(self, job: Job) -> None:
        told = [f"job {clean(job.id)} {clean(job.status)}"]
        if job.fine_tuned_model:
            told.append(f"model {clean(job.fine_tuned_model)}")
        if job.trained_tokens is not None:
            told.append(f"{job.trained_tokens:,} tokens billed")
        if job.error_message or job.error_code:
            told.append(f"error: {clean(job.error_message or job.error_code or '')}")
        say(", ".join(told))


def _clock(seconds: int | None) -> str:
    if seconds is None:
        return "--:--:--"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def _step(point: MetricPoint) -> str:
    return f"{point.step}/{point.total_steps}" if point.total_steps else str(point.step)


def _values(point: MetricPoint) -> str:
    return "  ".join(f"{clean(name)} {value:.4g}" for name, value in point.values.items())


async def _once(args: argparse.Namespace) -> int:
    from tui.jobs import Watcher

    async with session(args, job=args.job) as opened:
        job_id = await find_job(opened, args.job)
        job = await opened.provider.retrieve(job_id)
        watcher = Watcher(job_id, opened.provider, opened.ledger, patience=0.0)
        points: dict[int, MetricPoint] = {}
        messages: list[Event] = []
        asked = time.monotonic()
        async with aclosing(watcher.updates()) as updates:
            async for update in updates:
                for point in (*update.points, *update.amended):
                    points[point.step] = point
                messages += [event for event, _ in interleaved(update) if event is not None]
                job = update.job or job
                # The first update may come from the ledger alone; one poll must have followed.
                if update.ended or update.trouble or watcher.polled:
                    break
                if time.monotonic() - asked > args.timeout:
                    break
    _frame(args, job, [points[step] for step in sorted(points)], messages)
    return 0


def _frame(
    args: argparse.Namespace, job: Job, points: list[MetricPoint], messages: list[Event]
) -> None:
    if args.json:
        printer = _JsonPrinter()
        printer.status(job)
        for point in points[-1:]:
            printer.item(None, point)
        return
    from tui.cli.plot import loss_plot

    say(f"{clean(job.id)}  {clean(job.model)}  {clean(job.status)}")
    for line in loss_plot(points):
        say(line)
    if points:
        say(f"step {_step(points[-1])}  {_values(points[-1])}")
    for event in messages[-5:]:
        _PlainPrinter().item(event, None)


def wait(args: argparse.Namespace) -> int:
    """Wait until jobs have ended; say nothing but the exit code."""
    return run(_wait(args))


async def _wait(args: argparse.Namespace) -> int:
    import asyncio

    async with session(args, job=args.jobs[0]) as opened:
        ids = [
            await _patiently(functools.partial(find_job, opened, text), args.timeout)
            for text in args.jobs
        ]
        ended = await asyncio.gather(
            *[_until_ended(opened, job_id, args.timeout) for job_id in dict.fromkeys(ids)]
        )
    if args.json:
        emit_line({"jobs": [{"id": job.id, "status": job.status} for job in ended]})
    return 0 if all(job.status == "succeeded" for job in ended) else 1


async def _until_ended(opened: Session, job_id: str, patience: float) -> Job:
    import asyncio

    pause = 0.5 if opened.provider.nearby else 2.0
    while True:
        job = await _patiently(lambda: opened.provider.retrieve(job_id, attempts=1), patience)
        if job.terminal:
            await asyncio.to_thread(opened.ledger.keep_jobs, opened.provider.endpoint, [job])
            return job
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, 1.0 if opened.provider.nearby else 10.0)


async def _patiently(ask: Callable[[], Awaitable[_Answer]], patience: float) -> _Answer:
    """Ask again while the provider cannot be reached, for so many seconds.

    Raises:
        ProviderError: It refuses, or the time is over.
    """
    import asyncio

    from tui.jobs import CallError

    since = time.monotonic()
    told = False
    while True:
        try:
            return await ask()
        except CallError as error:
            if not error.transient or time.monotonic() - since >= patience:
                raise
            if not told:
                note(f"{error} (trying again)")
            told = True
        await asyncio.sleep(min(1.0, patience))
