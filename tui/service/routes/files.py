"""``/v1/files``: upload, list, look, download, delete."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tui.service.blobs import Incoming
from tui.service.errors import ApiError, bad_request
from tui.service.folders import files_folder
from tui.service.form import UploadForm
from tui.service.objects import file_object, list_object
from tui.service.service import Service, limit_of, service_of
from tui.service.store import Row, Store, new_id, now

PURPOSE = "fine-tune"
MOST = 10_000


def find_file(store: Store, file_id: str) -> Row:
    """Return a file.

    Raises:
        ApiError: There is none.
    """
    row = store.file(file_id)
    if row is None:
        raise ApiError(404, f"No such File object: {file_id}", param="id")
    return row


def check_upload(purpose: object, filename: str) -> None:
    """Check purpose and name of a training file.

    Raises:
        ApiError: One of them is missing or wrong.
    """
    if not purpose:
        raise bad_request("'purpose' is a required property", "purpose")
    if purpose != PURPOSE:
        raise bad_request(f"'{purpose}' is not one of ['{PURPOSE}'] - 'purpose'", "purpose")
    if not filename.lower().endswith(".jsonl"):
        raise bad_request("Invalid file format for Fine-Tuning API. Must be .jsonl", "file")


async def upload(request: Request) -> Response:
    """Take a file."""
    service = service_of(request)
    folder = files_folder(service.config.data_dir)
    form = UploadForm(folder, "file", service.config.max_upload_bytes)
    await form.read(request)
    try:
        if form.incoming is None:
            raise bad_request("'file' is a required property", "file")
        check_upload(form.fields.get("purpose"), form.filename)
        if form.incoming.size == 0:
            raise bad_request("The file is empty.", "file", "empty_file")
        row = await asyncio.to_thread(keep_file, service, form.incoming, form.filename)
    finally:
        form.discard()
    return JSONResponse(file_object(row))


def keep_file(service: Service, incoming: Incoming, filename: str) -> Row:
    """Keep a complete training file and return its row.

    Raises:
        ApiError: The disk is full; nothing is kept.
    """
    file_id = new_id("file")
    path = files_folder(service.config.data_dir) / file_id
    row = {
        "id": file_id,
        "filename": filename,
        "purpose": PURPOSE,
        "bytes": incoming.size,
        "created_at": now(),
        "sha256": incoming.keep(path),
    }
    try:
        service.store.add_file(row)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return row


async def list_files(request: Request) -> Response:
    """List files, newest first unless told otherwise."""
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise bad_request("Invalid 'order': expected 'asc' or 'desc'.", "order", "invalid_value")
    page = service_of(request).store.files(
        purpose=request.query_params.get("purpose"),
        after=request.query_params.get("after"),
        limit=limit_of(request, MOST, MOST),
        ascending=order == "asc",
    )
    return JSONResponse(list_object(page, file_object))


async def retrieve(request: Request) -> Response:
    """Show a file."""
    row = find_file(service_of(request).store, request.path_params["file_id"])
    return JSONResponse(file_object(row))


async def content(request: Request) -> Response:
    """Send what is in a file."""
    service = service_of(request)
    row = find_file(service.store, request.path_params["file_id"])
    path = files_folder(service.config.data_dir) / row["id"]
    if not path.exists():
        raise ApiError(404, f"The content of {row['id']} is gone.", param="id")
    return FileResponse(path, media_type="application/octet-stream", filename=row["filename"])


async def delete(request: Request) -> Response:
    """Delete a file; jobs that use it keep what they need."""
    service = service_of(request)
    row = find_file(service.store, request.path_params["file_id"])
    service.store.delete_file(row["id"])
    with contextlib.suppress(FileNotFoundError):
        (files_folder(service.config.data_dir) / row["id"]).unlink()
    return JSONResponse({"object": "file", "deleted": True, "id": row["id"]})


ROUTES = [
    Route("/v1/files", upload, methods=["POST"]),
    Route("/v1/files", list_files, methods=["GET"]),
    Route("/v1/files/{file_id}", retrieve, methods=["GET"]),
    Route("/v1/files/{file_id}", delete, methods=["DELETE"]),
    Route("/v1/files/{file_id}/content", content, methods=["GET"]),
]
