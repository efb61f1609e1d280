"""Ask a provider what it is, without changing anything: whether it answers, and what it can do."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tui.errors import TunedeckError
from tui.jobs.provider import Provider
from tui.jobs.transport import CallError
from tui.kinds import ABILITIES, Can

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What a provider answered.

    Attributes:
        models: How many models this key can use; ``None`` when they are not listed.
        jobs: Whether its list of fine-tuning jobs answers.
        trouble: Why not, or why nothing answers at all; ``None`` when all is well.
        can: What it can do, by :data:`tui.kinds.ABILITIES`, with what was just found out.
    """

    models: int | None
    jobs: bool
    trouble: TunedeckError | None
    can: dict[str, Can]

    @property
    def reachable(self) -> bool:
        """Whether anything was answered as it should be."""
        return self.jobs or self.models is not None


async def probe_provider(provider: Provider) -> Probed:
    """Read a few small lists and remember which of them the provider has; never raises for it."""
    models: int | None = None
    jobs = False
    trouble: TunedeckError | None = None
    try:
        async with asyncio.timeout(_SECONDS):
            page = await provider.list_jobs(1, attempts=1)
            jobs = True
            await _look(provider, page.jobs[0].id if page.jobs else None)
    except TimeoutError:
        trouble = CallError(
            f"{provider.name} did not answer in time", "try again", code="timeout", transient=True
        )
    except TunedeckError as error:
        trouble = error
    if trouble is None or getattr(trouble, "status", None) is not None:
        try:
            async with asyncio.timeout(_SECONDS):
                models = len(await provider.models())
        except TimeoutError:
            pass
        except TunedeckError as error:
            trouble = trouble or (None if jobs else error)
    return Probed(models, jobs, _plain(trouble, provider), abilities_of(provider))


async def _look(provider: Provider, job_id: str | None) -> None:
    """Ask for what only some have; whether they do is remembered on the way."""
    with suppress(CallError):
        await provider.list_files(1)
    if job_id is None:
        return
    with suppress(CallError):
        await provider.checkpoints(job_id)
    if provider.can("metrics_endpoint").yes:
        with suppress(CallError):
            await provider.metrics(job_id)


def _plain(trouble: TunedeckError | None, provider: Provider) -> TunedeckError | None:
    """Say that an address speaks no fine-tuning where that is what its answer means."""
    if not isinstance(trouble, CallError) or not trouble.absent:
        return trouble
    return CallError(
        f"there is no fine-tuning at {provider.endpoint.partition(' ')[2] or provider.name} "
        f"(HTTP {trouble.status})",
        "check base_url: most end with /v1",
        code="no_fine_tuning",
        status=trouble.status,
    )


def abilities_of(provider: Provider) -> dict[str, Can]:
    """Return everything that is known of what a provider can do; nothing is asked."""
    return {what: provider.can(what) for what in ABILITIES}
