"""Wire objects: rows of the store in the words of the OpenAI API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tui.service.store import Page, Row

OWNER = "tunedeck"
ORGANISATION = "local"


def file_object(row: Row) -> dict[str, Any]:
    """Return a file as ``GET /v1/files/{id}`` shows it."""
    return {
        "object": "file",
        "id": row["id"],
        "purpose": row["purpose"],
        "filename": row["filename"],
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "expires_at": row.get("expires_at"),
        "status": "processed",
        "status_details": None,
    }


def job_object(row: Row) -> dict[str, Any]:
    """Return a job.

    ``error`` of a healthy job is an object of nulls and ``hyperparameters`` is ``"auto"`` until
    the files are validated, as at the hosted service.
    """
    kind = row["method"]["type"]
    hyperparameters = row["hyperparameters"]
    settings = {name: value for name, value in row["method"].items() if name != "type"}
    return {
        "object": "fine_tuning.job",
        "id": row["id"],
        "model": row["model"],
        "created_at": row["created_at"],
        "finished_at": row["finished_at"],
        "fine_tuned_model": row["fine_tuned_model"],
        "organization_id": f"org-{ORGANISATION}",
        "result_files": row["result_files"],
        "status": row["status"],
        "validation_file": row["validation_file"],
        "training_file": row["training_file"],
        # The older place of them speaks of supervised jobs only.
        "hyperparameters": hyperparameters if kind == "supervised" else None,
        "trained_tokens": row["trained_tokens"],
        "error": row["error"] or {"code": None, "message": None, "param": None},
        "user_provided_suffix": row["suffix"],
        "seed": row["seed"],
        "estimated_finish": row["estimated_finish"],
        "integrations": row["integrations"],
        "metadata": row["metadata"],
        "usage_metrics": None,
        "shared_with_openai": False,
        "method": {"type": kind, kind: {**settings, "hyperparameters": hyperparameters}},
    }


def event_object(row: Row) -> dict[str, Any]:
    """Return an event of a job."""
    return {
        "object": "fine_tuning.job.event",
        "id": row["id"],
        "created_at": row["created_at"],
        "level": row["level"],
        "message": row["message"],
        "data": row["data"],
        "type": row["type"],
    }


def checkpoint_object(row: Row, job: Row) -> dict[str, Any]:
    """Return a checkpoint; the last one of a finished job goes by the model's own name."""
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": row["id"],
        "created_at": row["created_at"],
        "fine_tuned_model_checkpoint": checkpoint_name(job, row["step"]),
        "metrics": row["metrics"],
        "fine_tuning_job_id": row["job_id"],
        "step_number": row["step"],
    }


def model_object(model_id: str, created: int, owner: str = OWNER) -> dict[str, Any]:
    """Return a model."""
    return {
        "id": model_id,
        "object": "model",
        "created": created,
        "owned_by": owner,
        "shutdown_date": None,
    }


def model_name(job: Row) -> str:
    """Return the name that a job's model gets: ``ft:micro:local:SUFFIX:ID``."""
    base = job["model"]
    if base.startswith("ft:"):
        base = base.split(":")[1]
    return f"ft:{base}:{ORGANISATION}:{job['suffix'] or ''}:{job['id'].removeprefix('ftjob-')[:8]}"


def checkpoint_name(job: Row, step: int) -> str:
    """Return the name of the model at a checkpoint."""
    name = model_name(job)
    if job["fine_tuned_model"] and step == job["total_steps"]:
        return name
    return f"{name}:ckpt-step-{step}"


def list_object(page: Page, convert: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    """Return a page of a list."""
    data = [convert(row) for row in page.rows]
    return plain_list(data, has_more=page.has_more)


def plain_list(data: Iterable[dict[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    """Return a list object with the ids of its ends, as clients that page by hand expect."""
    items = list(data)
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }
