"""``/v1/fine_tuning/jobs``: create, list, follow, cancel, pause, resume."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.service.create import new_job
from tui.service.objects import checkpoint_object, event_object, job_object, list_object
from tui.service.service import json_body, limit_of, service_of, wanted_metadata

MOST_JOBS = 100
MOST_EVENTS = 1000


async def create(request: Request) -> Response:
    """Create a job."""
    service = service_of(request)
    row = new_job(await json_body(request), service.store, service.config.engines)
    return JSONResponse(job_object(service.queue.create(row)))


async def list_jobs(request: Request) -> Response:
    """List jobs, newest first."""
    page = service_of(request).store.jobs(
        after=request.query_params.get("after"),
        limit=limit_of(request, 20, MOST_JOBS),
        metadata=wanted_metadata(request),
    )
    return JSONResponse(list_object(page, job_object))


async def retrieve(request: Request) -> Response:
    """Show a job."""
    return JSONResponse(job_object(service_of(request).queue.get(request.path_params["job_id"])))


async def cancel(request: Request) -> Response:
    """Cancel a job; the answer comes when it is cancelled."""
    # Shielded: a client that hangs up must not leave a job half cancelled.
    work = service_of(request).queue.cancel(request.path_params["job_id"])
    return JSONResponse(job_object(await asyncio.shield(asyncio.ensure_future(work))))


async def pause(request: Request) -> Response:
    """Pause a job; the answer comes when its checkpoint is written."""
    work = service_of(request).queue.pause(request.path_params["job_id"])
    return JSONResponse(job_object(await asyncio.shield(asyncio.ensure_future(work))))


async def resume(request: Request) -> Response:
    """Let a paused job go on."""
    return JSONResponse(job_object(service_of(request).queue.resume(request.path_params["job_id"])))


async def events(request: Request) -> Response:
    """List a job's events, newest first."""
    service = service_of(request)
    job = service.queue.get(request.path_params["job_id"])
    page = service.store.events(
        job["id"],
        after=request.query_params.get("after"),
        limit=limit_of(request, 20, MOST_EVENTS),
    )
    return JSONResponse(list_object(page, event_object))


async def checkpoints(request: Request) -> Response:
    """List a job's checkpoints, newest first."""
    service = service_of(request)
    job = service.queue.get(request.path_params["job_id"])
    page = service.store.checkpoints(
        job["id"],
        after=request.query_params.get("after"),
        limit=limit_of(request, 10, MOST_JOBS),
    )
    return JSONResponse(list_object(page, lambda row: checkpoint_object(row, job)))


_JOB = "/v1/fine_tuning/jobs/{job_id}"
ROUTES = [
    Route("/v1/fine_tuning/jobs", create, methods=["POST"]),
    Route("/v1/fine_tuning/jobs", list_jobs, methods=["GET"]),
    Route(_JOB, retrieve, methods=["GET"]),
    Route(f"{_JOB}/cancel", cancel, methods=["POST"]),
    Route(f"{_JOB}/pause", pause, methods=["POST"]),
    Route(f"{_JOB}/resume", resume, methods=["POST"]),
    Route(f"{_JOB}/events", events, methods=["GET"]),
    Route(f"{_JOB}/checkpoints", checkpoints, methods=["GET"]),
]
