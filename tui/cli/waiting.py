"""``tunedeck wait``: wait silently until jobs have ended."""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tui.cli.output import emit_line, note
from tui.cli.places import full_ids, homes
from tui.cli.session import Session, add_common, duration, run

if TYPE_CHECKING:
    from tui.jobs import Job

UNREACHABLE = 600.0
"""Seconds after which a provider that cannot be reached is given up."""
_FEW = 3
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

    async with homes(args, args.jobs) as found:
        waits = [_until_ended(opened, texts, args.timeout) for opened, texts in found]
        ended = [job for jobs in await asyncio.gather(*waits) for job in jobs]
    if args.json:
        emit_line({"jobs": [{"id": job.id, "status": job.status} for job in ended]})
    return 0 if all(job.status == "succeeded" for job in ended) else 1


async def _until_ended(opened: Session, texts: Sequence[str], patience: float) -> list[Job]:
    """Wait until all of some jobs at one provider have ended; return them in the order given."""
    import asyncio

    from tui.jobs import is_still_unnamed
    from tui.jobs.rest import Rest, Woken

    nearby, rest, kind = opened.provider.nearby, Rest(), opened.config.known
    ids = await patiently(lambda: full_ids(opened, texts), patience)
    ended: dict[str, Job] = {}
    pause = 0.5 if nearby else 2.0
    while True:
        left = [job_id for job_id in ids if job_id not in ended]
        jobs = await patiently(functools.partial(_ask, opened, left), patience)
        over = [job for job in jobs if job.terminal and not is_still_unnamed(job, kind)]
        if over:
            await asyncio.to_thread(opened.ledger.keep_jobs, opened.provider.endpoint, over)
            ended.update((job.id, job) for job in over)
        if len(ended) == len(ids):
            return [ended[job_id] for job_id in ids]
        if await rest.pause(pause) is Woken.SLEPT:
            opened.provider.renew()
        pause = min(pause * 1.2, 1.0 if nearby else 10.0)


async def _ask(opened: Session, ids: Sequence[str]) -> list[Job]:
    """Ask for jobs: a few one by one, many by the newest page of the list."""
    provider = opened.provider
    found: dict[str, Job] = {}
    if len(ids) > _FEW:
        page = await provider.list_jobs(limit=100, attempts=1)
        found = {job.id: job for job in page.jobs if job.id in ids}
    for job_id in ids:
        if job_id not in found:
            found[job_id] = await provider.retrieve(job_id, attempts=1)
    return list(found.values())


async def patiently(ask: Callable[[], Awaitable[_Answer]], patience: float) -> _Answer:
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
            left = patience - (time.monotonic() - since)
            if not error.transient or left <= 0:
                raise
            if not told:
                note(f"{error} (trying again)")
            told = True
            wait = max(1.0, error.retry_after or 0.0)
        await asyncio.sleep(max(0.0, min(wait, left)))
