"""The models to sample, as people name them: by name, by provider, by the job they came of."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.errors import ProviderError, UsageError

if TYPE_CHECKING:
    from tui.jobs import Job, Provider, SampledModel

_JOB = re.compile(r"(?:ftjob|ft)-[A-Za-z0-9]+")
BEST = "best"


@dataclass(frozen=True, slots=True)
class ModelName:
    """One of the models to sample, as named.

    Attributes:
        provider: Where; ``None`` for the one in use.
        model: Its name; empty where a job is named.
        job: A job's id, or the beginning of one, or ``last``; empty where a model is named.
        step: The step of a checkpoint, or ``best``; empty for the end of the run.
    """

    provider: str | None = None
    model: str = ""
    job: str = ""
    step: str = ""


def parse_model(text: str, providers: Collection[str]) -> ModelName:
    """Read ``NAME``, ``PROVIDER/NAME``, ``job:ID``, a job's id, or ``job:ID@STEP``.

    Args:
        text: What was given.
        providers: Known providers: only their names are taken for one, as models have slashes too.

    Raises:
        UsageError: It is none of them.
    """
    first, slash, rest = text.strip().partition("/")
    provider = first if slash and first in providers else None
    name = rest if provider else text.strip()
    if name.startswith("job:") or _JOB.fullmatch(name.partition("@")[0]):
        job, at, step = name.removeprefix("job:").partition("@")
        if not job or (at and step != BEST and not step.isdigit()):
            raise UsageError(f"{text!r} names no job", "write job:ID, job:ID@STEP or job:ID@best")
        return ModelName(provider, "", job, step)
    if not name:
        raise UsageError(f"{text!r} names no model", "give a model, PROVIDER/MODEL or job:ID")
    return ModelName(provider, name)


def short_name(name: str) -> str:
    """Return a model's name without what it has in common with others of the same person.

    ``ft:BASE:ORG:SUFFIX:ID`` is ``SUFFIX:ID``, or ``BASE:ID`` without a suffix; a checkpoint's step
    stays at the end.
    """
    kind, *parts = name.split(":")
    if kind != "ft" or len(parts) < 4:
        return name
    base, _org, suffix, *rest = parts
    return ":".join((suffix or base, *rest))


async def resolve_model(
    name: ModelName, provider: Provider, find: Callable[[str], Awaitable[str]] | None = None
) -> SampledModel:
    """Return the model that a name stands for, asking the provider where a job is named.

    Args:
        name: As named.
        provider: Where it is.
        find: Returns the full id of a job from what was given; as it is unless given.

    Raises:
        ProviderError: There is no such job, or no model came of it.
    """
    from tui.jobs import SampledModel, is_still_unnamed

    if not name.job:
        return SampledModel(provider, name.model, name.model)
    job = await provider.retrieve(await find(name.job) if find else name.job)
    if name.step:
        model, step = await _checkpoint(job, provider, name.step)
        return SampledModel(provider, model, f"{job.suffix or job.id}@{step}", job.model)
    if job.fine_tuned_model:
        return SampledModel(provider, job.fine_tuned_model, job.fine_tuned_model, job.model)
    if not job.terminal:
        raise ProviderError(
            f"{job.id} is {job.status} and has no model yet",
            f"wait for it: tunedeck wait {job.id}; or sample a checkpoint: job:{job.id}@best",
            code="no_model",
        )
    if is_still_unnamed(job, provider.config.known):
        raise ProviderError(
            f"{job.id} has succeeded, but {provider.name} has not named its model yet",
            "that may take two minutes: try again then",
            code="no_model",
        )
    # A run that was cancelled or failed late may have left something that can be asked.
    model, step = await _checkpoint(job, provider, "")
    return SampledModel(provider, model, f"{job.suffix or job.id}@{step}", job.model)


async def _checkpoint(job: Job, provider: Provider, step: str) -> tuple[str, str]:
    from tui.jobs import best_checkpoint, sorted_checkpoints

    found = [one for one in sorted_checkpoints(await provider.checkpoints(job.id)) if one.model]
    if not found:
        raise ProviderError(
            f"{job.id} ({job.status}) left no model and no checkpoint",
            "name another job: tunedeck jobs",
            code="no_model",
        )
    if not step:
        chosen = found[-1]
    elif step == BEST:
        best = best_checkpoint(found)
        chosen = best[0] if best else found[-1]
    else:
        steps = {str(one.step): one for one in found}
        if step not in steps:
            raise ProviderError(
                f"{job.id} has no checkpoint at step {step}",
                f"it has {', '.join(steps)}",
                code="no_model",
            )
        chosen = steps[step]
    return chosen.model or "", str(chosen.step or "?")
