"""``tunedeck wait``: wait silently until jobs have ended."""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tui.cli.output import emit_line, note
from tui.cli.session import Session, add_common, duration, find_job, run, session

if TYPE_CHECKING:
    from tui.jobs import Job

UNREACHABLE = 600.0
"""Seconds after which a provider that cannot be reached is given up."""
_Answer = TypeVar("_Answer")


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``wait``."""
    parser = sub.add_parser("wait", help="wait silently until jobs have ended")
    parser.add_argument("jobs", nargs="+", metavar="JOB")
    parser.add_argument(
        "--timeout",
        type=duration,
        default=UNREACHABLE,
        metavar="D",
        help="stop when the provider cannot be reached for so long (10m)",
    )
    parser.set_defaults(handler=wait)
    add_common(parser)


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
