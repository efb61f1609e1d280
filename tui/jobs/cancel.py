"""Cancel a job, and believe it only when the provider says so."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from tui.errors import FileError, TunedeckError
from tui.jobs.ledger import Ledger
from tui.jobs.models import Job
from tui.jobs.provider import Provider
from tui.jobs.rest import Rest, Woken
from tui.jobs.transport import CallError

_TRIES = 6
_ASK_AGAIN = 30.0
_LONGEST_WAIT = 60.0
CANCELLING = "cancelling"
"""The status of a job whose cancel a provider has taken but not carried out."""


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    """What came of a cancel.

    Attributes:
        job: The job as last seen.
        was_over: It had ended before the cancel was sent.
        confirmed: The provider says that the job has ended (cancelled, or otherwise in the
            meantime).
    """

    job: Job
    was_over: bool
    confirmed: bool


def _silent(_words: str) -> None:
    pass


def _nothing() -> None:
    pass


async def cancel_job(
    provider: Provider,
    ledger: Ledger,
    job_id: str,
    on_state: Callable[[str], None] = _silent,
    *,
    on_heard: Callable[[], None] = _nothing,
    timeout: float | None = 120.0,
) -> CancelOutcome:
    """Cancel a job and wait until the provider says that it has ended.

    A cancel whose answer was lost is sent again only after a look at the job; asking twice does no
    harm.

    Args:
        provider: Where the job runs.
        ledger: Where the last state is kept.
        job_id: The job.
        on_state: Told in words how it goes, for the person who waits.
        on_heard: Called once the provider has answered the cancel; from then on the run ends
            whether or not anybody waits for it.
        timeout: Seconds to wait for the confirmation; ``None`` waits for ever.

    Raises:
        ProviderError: The job is not known, or the provider refuses the cancel or is unreachable.
    """
    job = await provider.retrieve(job_id)
    if job.terminal:
        await _keep(provider, ledger, job)
        return CancelOutcome(job, True, True)
    await _keep(provider, ledger, job)
    await _note(lambda: ledger.keep_cancel(provider.endpoint, job_id))
    try:
        job = await _send(provider, job, on_state)
    except TunedeckError:
        await _note(lambda: ledger.drop_cancel(provider.endpoint, job_id))
        raise
    await _note(lambda: ledger.keep_cancel(provider.endpoint, job_id, heard=True))
    on_heard()
    deadline = None if timeout is None else time.monotonic() + timeout
    job = await _confirmed(provider, job, on_state, deadline)
    await _keep(provider, ledger, job)
    return CancelOutcome(job, False, job.terminal)


async def _send(provider: Provider, job: Job, on_state: Callable[[str], None]) -> Job:
    """Ask for the cancel until it is clear that the provider has heard it."""
    for attempt in range(1, _TRIES + 1):
        on_state("cancelling")
        try:
            return await provider.cancel(job.id)
        except CallError as error:
            on_state(f"{error.message}; looking at the job")
            try:
                job = await provider.retrieve(job.id)
            except CallError:
                if attempt == _TRIES:
                    raise
            if job.terminal or job.status == CANCELLING:
                return job
            if not (error.transient or error.unclear) or attempt == _TRIES:
                raise
            wait = error.retry_after if error.retry_after is not None else 0.3 * 2**attempt
            await asyncio.sleep(min(wait, 30.0))
    return job


async def _confirmed(
    provider: Provider, job: Job, on_state: Callable[[str], None], deadline: float | None
) -> Job:
    pause = 0.3 if provider.nearby else 1.0
    rest = Rest()
    asked = time.monotonic()
    while not job.terminal and (deadline is None or time.monotonic() < deadline):
        on_state(f"the provider says {job.status}; waiting for cancelled")
        if await rest.pause(pause) is Woken.SLEPT:
            provider.renew()
        pause = min(pause * 1.3, 5.0)
        try:
            job = await provider.retrieve(job.id, attempts=2)
            if not job.terminal and time.monotonic() - asked > _ASK_AGAIN:
                asked = time.monotonic()
                job = await provider.cancel(job.id)
        except CallError as error:
            on_state(f"{error.message}; trying again")
            pause = max(pause, min(error.retry_after or 0.0, _LONGEST_WAIT))
    return job


async def _note(write: Callable[[], None]) -> None:
    """Keep in the ledger how a cancel stands, so that another start can tell."""
    with contextlib.suppress(FileError):
        await asyncio.to_thread(write)


async def _keep(provider: Provider, ledger: Ledger, job: Job) -> None:
    # The cancel counts even where this is not written: the provider knows of it.
    await _note(lambda: ledger.keep_jobs(provider.endpoint, [job]))
