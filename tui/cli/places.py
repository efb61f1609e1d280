"""Commands about jobs at several providers at once: a session for each, one down or not."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from tui.cli.session import Session, find_job, session
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.jobs import Job, Provider

PAGE = 100
MOST_PAGES = 500
"""Pages of a provider's list read at most: 50,000 jobs."""


@asynccontextmanager
async def sessions(
    args: argparse.Namespace, names: Sequence[str]
) -> AsyncIterator[dict[str, Session | TunedeckError]]:
    """Open a session for every provider named, or keep why that cannot be done.

    Args:
        args: The command's arguments.
        names: The providers.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, Session | TunedeckError] = {}
        for name in names:
            own = argparse.Namespace(**{**vars(args), "provider": name})
            try:
                found[name] = await stack.enter_async_context(session(own))
            except TunedeckError as error:
                found[name] = error
        yield found


@asynccontextmanager
async def homes(
    args: argparse.Namespace, jobs: Sequence[str]
) -> AsyncIterator[list[tuple[Session, list[str]]]]:
    """Open a session where each job runs, as far as this machine knows; yield jobs by session.

    Args:
        args: The command's arguments; a provider named there is the home of all.
        jobs: Ids, beginnings of ids, or ``last``.

    Raises:
        TunedeckError: A job is empty, or its provider cannot be used.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, tuple[Session, list[str]]] = {}
        for text in jobs:
            opened = session(args, job=text)
            own = await opened.__aenter__()
            name = own.config.name
            if name in found:
                await opened.__aexit__(None, None, None)
            else:
                stack.push_async_exit(opened)
                found[name] = (own, [])
            found[name][1].append(text)
        yield list(found.values())


async def full_ids(opened: Session, texts: Sequence[str]) -> list[str]:
    """Return the full ids of jobs at one provider, each once."""
    return list(dict.fromkeys([await find_job(opened, text) for text in texts]))


async def every_job(
    provider: Provider,
    wanted: Callable[[Job], bool],
    limit: int | None = None,
    attempts: int | None = None,
) -> tuple[list[Job], bool]:
    """Return jobs, in the provider's order, and whether its list was read as far as was needed.

    Args:
        provider: The provider; one that sends the same page for ever is left.
        wanted: Which of its jobs.
        limit: How many at most; all unless given.
        attempts: How often a page is asked for before its failure is reported.

    Raises:
        ProviderError: It refused or could not be reached.
    """
    found: list[Job] = []
    seen: set[str] = set()
    after: str | None = None
    for _ in range(MOST_PAGES):
        most = PAGE if limit is None else min(PAGE, max(limit, 1))
        page = await provider.list_jobs(most, after, attempts=attempts)
        fresh = [job for job in page.jobs if job.id not in seen]
        seen.update(job.id for job in fresh)
        found += [job for job in fresh if wanted(job)]
        if limit is not None and len(found) >= limit:
            return found[:limit], True
        if not page.has_more or page.last_id is None or not fresh:
            return found, True
        after = page.last_id
    return found, False
