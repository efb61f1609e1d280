"""A past job, launched again with changes: what it was asked for, and its files found again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.errors import FileError
from tui.jobs.ledger import Ledger
from tui.jobs.models import LAUNCH_KEY, Job, mapping_of
from tui.jobs.provider import Provider
from tui.jobs.request import METHODS, LaunchRequest
from tui.jobs.rows import LaunchRow
from tui.jobs.sending import sha256_of

_LAUNCHES = 1000


@dataclass(frozen=True, slots=True)
class Relaunch:
    """What a past job was, as a request for a new one.

    Attributes:
        request: The request; its files are on this machine where they could be found.
        notes: What the person should know of it, a sentence without a full stop each.
        job: The past job.
    """

    request: LaunchRequest
    notes: tuple[str, ...]
    job: Job


async def relaunch(job_id: str, provider: Provider, ledger: Ledger) -> Relaunch:
    """Return what a past job was asked for, so that it can be asked for again.

    Files are found on this machine by their hash, also when they were moved to where another
    launch found them. Where no copy is left, the provider's own is used.

    Args:
        job_id: The job.
        provider: Where it ran.
        ledger: What this machine knows of its launches.

    Raises:
        ProviderError: The provider does not know the job, or cannot be reached.
    """
    job = await provider.retrieve(job_id)
    return await asyncio.to_thread(_again, job, provider.endpoint, ledger)


def _again(job: Job, endpoint: str, ledger: Ledger) -> Relaunch:
    launch = ledger.launch_of(endpoint, job.id)
    asked = LaunchRequest.from_recipe(launch.recipe) if launch is not None else None
    request = asked if asked is not None else _asked_elsewhere(job)
    request = replace(request, max_cost=None, force=False)
    notes: list[str] = []
    launches = ledger.launches(endpoint, _LAUNCHES)
    sha256 = launch.sha256 if launch is not None else _hash_of(job.training_file, launches)
    request = _with_file(request, job.training_file, sha256, launches, notes)
    request = _with_validation(request, asked, job.validation_file, notes)
    return Relaunch(request, tuple(notes), job)


def _with_file(
    request: LaunchRequest,
    file_id: str | None,
    sha256: str | None,
    launches: list[LaunchRow],
    notes: list[str],
) -> LaunchRequest:
    places = [request.file] if request.file_id is None and request.file.name else []
    places += [Path(row.file) for row in launches if sha256 and row.sha256 == sha256]
    found = next((path for path in dict.fromkeys(places) if _holds(path, sha256)), None)
    if found is not None:
        return replace(request, file=found, file_id=None)
    if file_id is None:
        notes.append("the training file is not known: name one")
        return request
    name = request.file.name or (places[0].name if places else file_id)
    if places:
        notes.append(
            f"{places[0]} is not what that job was trained on any more; the provider's copy "
            f"({file_id}) is used"
        )
    else:
        notes.append(f"no copy of its file is on this machine; the provider's ({file_id}) is used")
    return replace(request, file=Path(name), file_id=file_id)


def _with_validation(
    request: LaunchRequest, asked: LaunchRequest | None, file_id: str | None, notes: list[str]
) -> LaunchRequest:
    path = request.validation
    if asked is not None and path is not None and path.is_file():
        return request
    if file_id is None:
        return replace(request, validation=None, validation_id=None)
    gone = f"{path} is gone; " if path is not None else ""
    notes.append(f"{gone}the provider's copy of the validation file ({file_id}) is used")
    return replace(request, validation=None, validation_id=file_id)


def _holds(path: Path, sha256: str | None) -> bool:
    """Whether a path still holds the very bytes; without a hash nobody can tell."""
    if sha256 is None or not path.is_file():
        return False
    try:
        return sha256_of(path) == sha256
    except FileError:
        return False


def _hash_of(file_id: str | None, launches: list[LaunchRow]) -> str | None:
    """Return the hash of a file that another launch of this machine uploaded."""
    if file_id is None:
        return None
    return next((row.sha256 for row in launches if row.file_id == file_id), None)


def _asked_elsewhere(job: Job) -> LaunchRequest:
    """Return what a job was asked for by what its provider says of it.

    What was left to the provider then has a number by now, and keeps it: the same run again.
    """
    method = mapping_of(mapping_of(job.raw.get("method")).get(job.method))
    integrations = job.raw.get("integrations")
    return LaunchRequest(
        file=Path(""),
        model=job.model,
        method=job.method if job.method in METHODS else METHODS[0],
        hyperparameters={
            key: value for key, value in job.hyperparameters.items() if _is_set(value)
        },
        suffix=job.suffix,
        seed=job.seed,
        metadata={key: value for key, value in job.metadata.items() if key != LAUNCH_KEY},
        grader=_object(method.get("grader")),
        response_format=_object(method.get("response_format")),
        integrations=tuple(one for one in integrations if isinstance(one, Mapping))
        if isinstance(integrations, list)
        else (),
    )


def _is_set(value: object) -> bool:
    return value not in (None, "auto") and isinstance(value, (int, float, str))


def _object(value: Any) -> Mapping[str, Any] | None:
    return dict(value) if isinstance(value, Mapping) and value else None
