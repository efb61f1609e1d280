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
from tui.service.service import Service, ascending, limit_of, service_of
from tui.service.store import Row, Store, new_id, now

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
MOST = 10_000
SHORTEST_LIFE, LONGEST_LIFE = 3600, 2_592_000


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
    """Check purpose and name of a file.

    A service that trains reads files of the purpose ``fine-tune`` only; the others are kept.

    Raises:
        ApiError: One of them is missing or wrong.
    """
    if not purpose:
        raise bad_request("'purpose' is a required property", "purpose")
    if purpose not in PURPOSES:
        raise bad_request(
            f"'{str(purpose)[:80]}' is not one of {list(PURPOSES)} - 'purpose'", "purpose"
        )
    if purpose == "fine-tune" and not filename.lower().endswith(".jsonl"):
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
        life = lifetime(
            form.fields.get("expires_after[anchor]"), form.fields.get("expires_after[seconds]")
        )
        purpose = form.fields["purpose"]
        row = await asyncio.to_thread(
            keep_file, service, form.incoming, form.filename, purpose, life
        )
    finally:
        form.discard()
    return JSONResponse(file_object(row))


def lifetime(anchor: object, seconds: object) -> int | None:
    """Return how many seconds a file is to be kept, ``None`` for ever.

    Args:
        anchor: From when on; ``created_at`` is the only one.
        seconds: How long, a number or its digits.

    Raises:
        ApiError: They are not what an ``expires_after`` has.
    """
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise bad_request(
            "Invalid value for 'expires_after.anchor'. Supported values are: 'created_at'.",
            "expires_after.anchor",
            "invalid_value",
        )
    try:
        life = int(str(seconds)[:20])
    except ValueError:
        life = 0
    if isinstance(seconds, (bool, float)) or not SHORTEST_LIFE <= life <= LONGEST_LIFE:
        raise bad_request(
            f"Invalid 'expires_after.seconds': expected a value from {SHORTEST_LIFE} to"
            f" {LONGEST_LIFE}.",
            "expires_after.seconds",
            "integer_out_of_range",
        )
    return life


def keep_file(
    service: Service, incoming: Incoming, filename: str, purpose: str, life: int | None = None
) -> Row:
    """Keep a complete file and return its row.

    Args:
        service: The service.
        incoming: What has arrived.
        filename: What the client calls it.
        purpose: What it is for.
        life: Seconds after which it is removed; ``None`` for never.

    Raises:
        ApiError: The disk is full; nothing is kept.
    """
    file_id = new_id("file")
    path = files_folder(service.config.data_dir) / file_id
    created = now()
    row = {
        "id": file_id,
        "filename": filename,
        "purpose": purpose,
        "bytes": incoming.size,
        "created_at": created,
        "sha256": incoming.keep(path),
        "expires_at": None if life is None else created + life,
    }
    try:
        service.store.add_file(row)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return row


def _remove(service: Service, file_id: str) -> None:
    service.store.delete_file(file_id)
    with contextlib.suppress(FileNotFoundError):
        (files_folder(service.config.data_dir) / file_id).unlink()


def clear_expired(service: Service) -> None:
    """Remove the files whose time is over."""
    for row in service.store.expired_files():
        _remove(service, row["id"])


async def list_files(request: Request) -> Response:
    """List files, newest first unless told otherwise."""
    oldest_first = ascending(request)
    clear_expired(service_of(request))
    page = service_of(request).store.files(
        purpose=request.query_params.get("purpose"),
        after=request.query_params.get("after"),
        limit=limit_of(request, MOST, MOST),
        ascending=oldest_first,
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
    _remove(service, row["id"])
    return JSONResponse({"object": "file", "deleted": True, "id": row["id"]})


ROUTES = [
    Route("/v1/files", upload, methods=["POST"]),
    Route("/v1/files", list_files, methods=["GET"]),
    Route("/v1/files/{file_id}", retrieve, methods=["GET"]),
    Route("/v1/files/{file_id}", delete, methods=["DELETE"]),
    Route("/v1/files/{file_id}/content", content, methods=["GET"]),
]
