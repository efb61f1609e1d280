"""Settling launches whose outcome is not known: look at the provider's list before anything else.

Every job carries a value of its own in its metadata. After a lost answer, a crash or a closed
laptop the job with that value is adopted if it is there; a launch is cleared only when the list
could be read, does not show the job, and enough time has passed for a late request to have landed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from tui.config import LOCAL
from tui.errors import SafetyError
from tui.jobs.ledger import Ledger
from tui.jobs.models import LAUNCH_KEY, Job
from tui.jobs.provider import Provider
from tui.jobs.rows import LaunchRow, LaunchState, Owner
from tui.jobs.transport import CallError

_PAGE = 100
_MAX_PAGES = 100
# Servers' clocks differ from ours, so a job may seem a little older than its own launch.
_CLOCK_SKEW = 120.0
_DAY = 86_400.0
_RECENT = 200
# How long a request can be on its way before it can no longer make a job: longer than whoever sent
# it would have waited for the answer. What listens on this machine may well be a proxy to a server
# far away; only of the embedded service it is known that it answers at once.
_GRACE = 90.0
_GRACE_NEARBY = 35.0
_GRACE_LOCAL = 10.0
# A process of another machine (or container) cannot be asked whether it lives. No step of a launch
# takes nearly as long as this.
_SILENCE_ELSEWHERE = 6 * 3600.0

UNTOLD = "not told yet"
"""Stands as the reason of a created launch until whoever launched it has heard of the job."""

# Launches that this process works on right now, so that they are not mistaken for leftovers.
active: set[str] = set()


@dataclass(frozen=True, slots=True)
class Look:
    """What the provider's list says of one launch.

    Attributes:
        jobs: The jobs of that launch, oldest first; more than one means the provider doubled it.
        readable: Whether the list could be read, so that an empty answer means something.
        error: Why it could not be read.
    """

    jobs: tuple[Job, ...]
    readable: bool
    error: CallError | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of a launch that was left open.

    Attributes:
        launch: The launch as it was found.
        state: Where it stands now.
        job: The job, if one was adopted.
        duplicates: Ids of further jobs of that launch, which the provider made by itself.
    """

    launch: LaunchRow
    state: LaunchState
    job: Job | None = None
    duplicates: tuple[str, ...] = ()


def grace_of(provider: Provider) -> float:
    """Return the seconds after which a request that left no job will leave none."""
    if provider.config.kind == LOCAL:
        return _GRACE_LOCAL
    return _GRACE_NEARBY if provider.nearby else _GRACE


def is_abandoned(launch: LaunchRow) -> bool:
    """Whether nobody works on a launch any more: its process is gone or has let go of it."""
    if launch.state is LaunchState.UNKNOWN:
        return True
    if launch.owner == Owner.me():
        return launch.id not in active
    if not launch.owner.here:
        return time.time() - launch.updated_at > _SILENCE_ELSEWHERE
    return not launch.owner.alive()


async def look(provider: Provider, launch: LaunchRow, ledger: Ledger) -> Look:
    """Look for the job of a launch, by its metadata, in a bounded part of the provider's list.

    Servers may ignore the metadata filter, so every job is checked here too, and the plain list is
    walked when the filter finds nothing. A server that keeps no metadata at all is searched by
    training file, model and time.
    """
    error: CallError | None = None
    try:
        found = [
            job
            async for job in _walk(provider, {LAUNCH_KEY: launch.id}, launch)
            if job.metadata.get(LAUNCH_KEY) == launch.id
        ]
    except CallError as caught:
        # Some servers refuse the filter; the plain list below decides.
        found, error = [], caught
    try:
        if not found:
            found = await _in_plain_list(provider, launch, ledger)
    except CallError as caught:
        return Look((), False, caught or error)
    return Look(tuple(sorted(found, key=lambda job: job.created_at or 0)), True)


async def _in_plain_list(provider: Provider, launch: LaunchRow, ledger: Ledger) -> list[Job]:
    jobs = [job async for job in _walk(provider, None, launch)]
    found = [job for job in jobs if job.metadata.get(LAUNCH_KEY) == launch.id]
    if found or any(job.metadata for job in jobs):
        return found
    known = await asyncio.to_thread(ledger.launched_jobs, launch.endpoint)
    since = (launch.creating_at or launch.planned_at) - _CLOCK_SKEW
    # Several alike mean that the provider doubled it: nobody else knows this file's id.
    return [
        job
        for job in jobs
        if job.id not in known
        and job.training_file is not None
        and job.training_file == launch.file_id
        and (not job.model or job.model.startswith(launch.model))
        and (job.created_at is None or job.created_at >= since)
    ]


async def _walk(
    provider: Provider, metadata: dict[str, str] | None, launch: LaunchRow
) -> AsyncIterator[Job]:
    """Yield the jobs of a list, at least those made since the launch.

    Raises:
        CallError: The list cannot be read, or is longer than anybody would wait for.
    """
    seen: set[str] = set()
    after: str | None = None
    too_old = (launch.creating_at or launch.planned_at) - _DAY
    for _ in range(_MAX_PAGES):
        page = await provider.list_jobs(_PAGE, after, metadata, attempts=2)
        fresh = [job for job in page.jobs if job.id not in seen]
        for job in fresh:
            seen.add(job.id)
            yield job
        if not fresh or not page.has_more or page.last_id in (None, after):
            return
        times = [job.created_at for job in fresh if job.created_at is not None]
        # Only where the list runs from new to old does an old page mean that the rest is older.
        falling = len(set(times)) > 1 and times == sorted(times, reverse=True)
        if falling and times[0] < too_old:
            return
        after = page.last_id
    raise CallError(
        f"the provider lists more than {_MAX_PAGES * _PAGE:,} jobs in no order",
        "look for the job in the provider's own console",
        code="list_too_long",
    )


async def look_until(provider: Provider, launch: LaunchRow, ledger: Ledger, seconds: float) -> Look:
    """Look again and again, with growing pauses, until the job shows up or the time is over."""
    deadline = time.monotonic() + seconds
    pause = 0.5
    while True:
        seen = await look(provider, launch, ledger)
        left = deadline - time.monotonic()
        if seen.jobs or left <= 0:
            return seen
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.6, 4.0)


async def settle(provider: Provider, ledger: Ledger, launch: LaunchRow) -> Reconciled:
    """Settle one abandoned launch as far as it can be settled now, without waiting.

    One that surely made no job becomes ``interrupted``: what was asked for is kept, so that it can
    be finished or cleared.
    """
    if launch.state in (LaunchState.PLANNED, LaunchState.UPLOADED):
        where = "while uploading" if launch.state is LaunchState.PLANNED else "after its upload"
        return await _interrupt(ledger, launch, f"stopped {where}, before any job")
    # What comes to be while the list is read is not in it, so the time before counts.
    silence = _silence(launch)
    seen = await look(provider, launch, ledger)
    if seen.jobs:
        return await _adopted(ledger, launch, seen)
    if seen.readable and silence >= grace_of(provider):
        return await _interrupt(ledger, launch, "stopped while creating the job, and made none")
    return Reconciled(launch, LaunchState.UNKNOWN)


async def _adopted(ledger: Ledger, launch: LaunchRow, seen: Look) -> Reconciled:
    await adopt(ledger, launch, seen.jobs[0])
    rest = tuple(job.id for job in seen.jobs[1:])
    return Reconciled(launch, LaunchState.CREATED, seen.jobs[0], rest)


async def _interrupt(ledger: Ledger, launch: LaunchRow, reason: str) -> Reconciled:
    await asyncio.to_thread(ledger.advance, launch.id, LaunchState.INTERRUPTED, reason=reason)
    return Reconciled(replace(launch, reason=reason), LaunchState.INTERRUPTED)


async def supersede(ledger: Ledger, launch: LaunchRow) -> None:
    """Clear the interrupted launches whose place a new one of the same file and model takes."""

    def clear() -> None:
        for row in ledger.interrupted(launch.endpoint):
            if row.sha256 == launch.sha256 and row.model == launch.model:
                ledger.advance(row.id, LaunchState.REFUSED, reason="launched again")

    await asyncio.to_thread(clear)


async def adopt(ledger: Ledger, launch: LaunchRow, job: Job) -> None:
    """Write that a launch made a job, which whoever launched it has not been told yet."""
    await asyncio.to_thread(
        ledger.advance, launch.id, LaunchState.CREATED, job_id=job.id, reason=UNTOLD
    )
    await asyncio.to_thread(ledger.keep_jobs, launch.endpoint, [job])


def _silence(launch: LaunchRow) -> float:
    """Return the seconds since a request of this launch was last on its way, as far as known."""
    last = launch.creating_at or launch.planned_at
    if launch.state is LaunchState.UNKNOWN:
        last = max(last, launch.updated_at)
    return max(0.0, time.time() - last)


async def reconcile(ledger: Ledger, provider: Provider) -> tuple[Reconciled, ...]:
    """Settle the launches of this provider that were left open, as far as can be done now.

    Returns:
        One entry a launch that was left open; empty (and nothing is asked of the provider) when
        there was none.
    """
    rows = await asyncio.to_thread(ledger.open_launches, provider.endpoint)
    return tuple([await settle(provider, ledger, row) for row in rows if is_abandoned(row)])


async def settle_earlier(
    provider: Provider, ledger: Ledger, launch: LaunchRow, tell: Callable[[str], None]
) -> Reconciled | None:
    """Settle earlier launches of the same file and model, waiting as long as it takes to be sure.

    Args:
        provider: Where the launch goes.
        ledger: The ledger.
        launch: The launch that is about to begin.
        tell: Called with a sentence for the person who waits.

    Returns:
        The first that turned out to have made a job, to be adopted in place of a new one.

    Raises:
        SafetyError: The provider's list cannot be read, so nothing can be said.
    """
    rows = await asyncio.to_thread(
        ledger.open_launches, launch.endpoint, launch.sha256, launch.model
    )
    for row in rows:
        if is_abandoned(row):
            done = await _settle_surely(provider, ledger, row, tell)
            if done.job is not None:
                return done
    late = await _late(provider, ledger, launch)
    return late or await _unheard(provider, ledger, launch)


async def _late(provider: Provider, ledger: Ledger, launch: LaunchRow) -> Reconciled | None:
    """Return an earlier launch whose job turned up after it had been given up."""
    rows = await asyncio.to_thread(ledger.interrupted, launch.endpoint)
    for row in rows:
        if row.creating_at is None or (row.sha256, row.model) != (launch.sha256, launch.model):
            continue
        seen = await look(provider, row, ledger)
        if seen.jobs:
            return await _adopted(ledger, row, seen)
    return None


async def _unheard(provider: Provider, ledger: Ledger, launch: LaunchRow) -> Reconciled | None:
    """Return an earlier launch of the very same that was killed before it could tell of its job.

    Whoever starts it again, a person or a script, wants that job and not a second one.
    """
    rows = await asyncio.to_thread(ledger.launches, launch.endpoint, _RECENT)
    for row in rows:
        mine = row.sha256 == launch.sha256 and row.model == launch.model
        if not mine or row.job_id is None or not _was_cut_short(row, launch):
            continue
        known = await asyncio.to_thread(ledger.job, launch.endpoint, row.job_id)
        job = known.job if known is not None else await provider.retrieve(row.job_id)
        return Reconciled(row, LaunchState.CREATED, job)
    return None


def _was_cut_short(row: LaunchRow, launch: LaunchRow) -> bool:
    # Whether its process lives is not asked: where that is not known, or it is about to tell, two
    # who hear of one job do no harm.
    return (
        row.state is LaunchState.CREATED
        and row.reason == UNTOLD
        and row.owner != launch.owner
        and time.time() - row.updated_at < _DAY
        and row.same_run(launch)
    )


async def acknowledge(ledger: Ledger, launch_id: str) -> None:
    """Write that whoever launched has heard of the job; the same launch then makes another one."""
    await asyncio.to_thread(ledger.advance, launch_id, LaunchState.CREATED)


async def _settle_surely(
    provider: Provider, ledger: Ledger, row: LaunchRow, tell: Callable[[str], None]
) -> Reconciled:
    done = await settle(provider, ledger, row)
    told = False
    # Bounded also when the clock was set back since the launch.
    for _ in range(40):
        if done.state is not LaunchState.UNKNOWN:
            return done
        left = grace_of(provider) - _silence(row)
        if left < -15:
            break
        if not told:
            tell(
                "an earlier launch of this file was interrupted; making sure that it made no job "
                f"(up to {max(1, round(left))} s)"
            )
            told = True
        await asyncio.sleep(min(3.0, max(0.5, left)))
        done = await settle(provider, ledger, row)
    if done.state is not LaunchState.UNKNOWN:
        return done
    raise SafetyError(
        "an earlier launch of this file may have made a job, and the provider cannot be asked",
        "run 'tunedeck jobs' when the provider answers again, then launch again",
        code="launch_unknown",
    )
