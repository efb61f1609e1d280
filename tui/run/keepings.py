"""What a provider keeps for a person: tuned models and files, joined with the jobs of the ledger.

No Textual and no calls: lists come in as the provider and the ledger gave them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.pricing import model_info

if TYPE_CHECKING:
    from tui.jobs import FileEntry, JobRow, ModelEntry, Provider

_PAGES = 20


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model that the provider offers to this key.

    Attributes:
        name: Its name.
        tuned: Whether it came of a fine-tuning job.
        trainable: Whether a job may be launched on it today, as far as is known.
        owned_by: As the provider says.
        created_at: Seconds since 1970, or ``None``.
        shutdown_date: ``YYYY-MM-DD`` when an end has been announced.
        job_id: The job it came of, where this machine knows it; else empty.
        base: The model it was tuned from, where known; else empty.
        final: Whether it is the end of a run rather than one of its checkpoints.
    """

    name: str
    tuned: bool
    trainable: bool
    owned_by: str = ""
    created_at: int | None = None
    shutdown_date: str | None = None
    job_id: str = ""
    base: str = ""
    final: bool = True


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that the provider keeps.

    Attributes:
        id: Its id.
        name: The name it was uploaded under; foreign.
        purpose: As the API names it: ``fine-tune``, ``fine-tune-results``, …
        bytes: Its size; ``None`` when not told.
        created_at: Seconds since 1970, or ``None``.
        used_by: Jobs that this machine knows to use it, newest first.
        running: Those of them that have not ended.
    """

    id: str
    name: str
    purpose: str
    bytes: int | None = None
    created_at: int | None = None
    used_by: tuple[str, ...] = ()
    running: tuple[str, ...] = ()


def kept_models(
    entries: Iterable[ModelEntry], jobs: Sequence[JobRow], profile: str, today: str
) -> list[KeptModel]:
    """Return the models, those that can be tuned first, then tuned ones, newest first.

    Args:
        entries: As the provider lists them.
        jobs: What the ledger knows of its jobs.
        profile: The provider's rule profile, which tells whose models these are.
        today: ``YYYY-MM-DD``; a model shut down by then cannot be tuned. Empty for none.
    """
    made = {row.job.fine_tuned_model: row for row in jobs if row.job.fine_tuned_model}
    found = []
    for entry in entries:
        info = model_info(entry.id)
        shutdown = entry.shutdown_date or (str(info.shutdown_date) if info.shutdown_date else None)
        ours = info.provider == profile or (profile == "azure" and info.provider == "openai")
        gone = bool(shutdown and today and shutdown <= today)
        # Azure and Mistral say it themselves.
        says = entry.trainable
        able = says if says is not None else bool(ours and info.trainable)
        final = entry.id.partition(":ckpt-step-")[0]
        row = made.get(entry.id) or made.get(final)
        found.append(
            KeptModel(
                name=entry.id,
                tuned=entry.tuned,
                trainable=able and not entry.tuned and not gone,
                owned_by=entry.owned_by,
                created_at=entry.created_at or (row.job.finished_at if row else None),
                shutdown_date=shutdown,
                job_id=row.job.id if row else "",
                base=row.job.model if row else info.id if entry.tuned else "",
                final=final == entry.id,
            )
        )
    found.sort(key=lambda m: (not m.trainable, not m.tuned, -(m.created_at or 0), m.name))
    return found


async def all_files(provider: Provider) -> list[FileEntry]:
    """Return the files that a provider keeps, up to 2,000 of them.

    Raises:
        ProviderError: It refused, cannot list files, or could not be reached.
    """
    found: dict[str, FileEntry] = {}
    after: str | None = None
    for _ in range(_PAGES):
        page = await provider.list_files(100, after)
        before = len(found)
        found.update((file.id, file) for file in page.files)
        # A server that ignores the cursor sends one page for ever.
        if not page.has_more or page.last_id is None or len(found) == before:
            break
        after = page.last_id
    return list(found.values())


def kept_files(entries: Iterable[FileEntry], jobs: Sequence[JobRow]) -> list[KeptFile]:
    """Return the files, newest first, with the jobs that use them.

    Args:
        entries: As the provider lists them.
        jobs: What the ledger knows of its jobs, newest first.
    """
    users: dict[str, list[JobRow]] = {}
    for row in jobs:
        job = row.job
        for file_id in {job.training_file, job.validation_file, *job.result_files} - {None}:
            users.setdefault(str(file_id), []).append(row)
    found = [
        KeptFile(
            id=entry.id,
            name=entry.name,
            purpose=entry.purpose,
            bytes=entry.bytes,
            created_at=entry.created_at,
            used_by=tuple(row.job.id for row in users.get(entry.id, ())),
            running=tuple(row.job.id for row in users.get(entry.id, ()) if not row.job.terminal),
        )
        for entry in entries
    ]
    found.sort(key=lambda file: (-(file.created_at or 0), file.name, file.id))
    return found


def model_consequences(model: KeptModel, jobs: Sequence[JobRow]) -> tuple[str, ...]:
    """Say what breaks when a model is deleted; names in it are foreign."""
    lines = ["Whatever still asks it fails from then on. Training it again costs a new run."]
    if not model.tuned:
        lines.append("This is no tuned model of yours: the provider will most likely refuse.")
    if model.job_id:
        lines.append(f"It came of {model.job_id}; the job, its events and its files stay.")
    heirs = [row.job.id for row in jobs if row.job.model == model.name and not row.job.terminal]
    if heirs:
        lines.append(f"{', '.join(heirs[:3])} trains on it now and will likely fail.")
    return tuple(lines)


def file_consequences(file: KeptFile) -> tuple[str, ...]:
    """Say what breaks when a file is deleted; names in it are foreign."""
    if file.running:
        return (f"{', '.join(file.running[:3])} has not ended and still needs it: it may fail.",)
    if "result" in file.purpose and file.used_by:
        return (f"The step metrics of {file.used_by[0]} are in it; 'tunedeck results' needs it.",)
    if file.used_by:
        many = f" and {len(file.used_by) - 1} more" if len(file.used_by) > 1 else ""
        return (
            f"{file.used_by[0]}{many} was trained on it and has ended: nothing breaks,"
            " but launching it again uploads the file anew.",
        )
    return ("No job that this machine knows uses it.",)
