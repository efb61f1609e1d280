"""``/v1/uploads``: a file too large for one request, sent in parts."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.service.blobs import Incoming
from tui.service.config import MEBIBYTE
from tui.service.errors import ApiError, bad_request, wrong_type
from tui.service.folders import files_folder
from tui.service.form import UploadForm
from tui.service.objects import file_object
from tui.service.routes.files import check_upload, keep_file, lifetime
from tui.service.service import Service, json_body, service_of
from tui.service.store import Row, new_id, now

MOST_BYTES = 8 * 1024 * MEBIBYTE
PART_BYTES = 64 * MEBIBYTE
LIFETIME_SECONDS = 3600
_PIECE = 4 * MEBIBYTE


def _folder(service: Service, upload_id: str) -> Path:
    return service.config.data_dir / "uploads" / upload_id


def _object(row: Row, file: Row | None = None) -> dict[str, Any]:
    return {
        "object": "upload",
        "id": row["id"],
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": row["status"],
        "expires_at": row["created_at"] + LIFETIME_SECONDS,
        "file": file_object(file) if file else None,
    }


def _pending(service: Service, upload_id: str) -> Row:
    row = service.store.upload(upload_id)
    if row is None:
        raise ApiError(404, f"No such Upload object: {upload_id}", param="upload_id")
    if row["status"] == "pending" and now() >= row["created_at"] + LIFETIME_SECONDS:
        _finish(service, row, "expired")
    if row["status"] != "pending":
        raise _over(upload_id, row["status"])
    if upload_id in service.joining:
        raise _over(upload_id, "completed")
    return row


def _over(upload_id: str, status: str) -> ApiError:
    return bad_request(
        f"Upload {upload_id} takes nothing more: its status is {status}.",
        "upload_id",
        "invalid_upload_status",
    )


def _finish(service: Service, row: Row, status: str) -> None:
    service.store.update_upload(row["id"], status)
    row["status"] = status
    shutil.rmtree(_folder(service, row["id"]), ignore_errors=True)


async def create(request: Request) -> Response:
    """Announce a file."""
    service = service_of(request)
    body = await json_body(request)
    if not isinstance(body, dict) or not isinstance(body.get("filename"), str):
        raise bad_request("Missing required parameter: 'filename'.", "filename")
    size = body.get("bytes")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MOST_BYTES:
        raise bad_request(f"Invalid 'bytes': expected 1 to {MOST_BYTES}.", "bytes")
    if not isinstance(body.get("mime_type"), str) or not body["mime_type"]:
        raise bad_request("Missing required parameter: 'mime_type'.", "mime_type")
    name = body["filename"].replace("\\", "/").rsplit("/", 1)[-1]
    check_upload(body.get("purpose"), name)
    expiry = body.get("expires_after")
    if expiry is not None and not isinstance(expiry, dict):
        raise wrong_type("expires_after", "an object", expiry)
    row = {
        "id": new_id("upload"),
        "filename": name,
        "bytes": size,
        "created_at": now(),
        "status": "pending",
        "purpose": body["purpose"],
        "lifetime": lifetime(expiry.get("anchor"), expiry.get("seconds")) if expiry else None,
    }
    _folder(service, row["id"]).mkdir(parents=True, mode=0o700)
    service.store.add_upload(row)
    return JSONResponse(_object(row))


async def add_part(request: Request) -> Response:
    """Take one part."""
    service = service_of(request)
    row = _pending(service, request.path_params["upload_id"])
    folder = _folder(service, row["id"])
    form = UploadForm(folder, "data", PART_BYTES)
    await form.read(request)
    try:
        if form.incoming is None:
            raise bad_request("'data' is a required property", "data")
        if form.incoming.size == 0:
            raise bad_request("The part is empty.", "data", "empty_file")
        # It may have been given up, completed or expired while the part came.
        _pending(service, row["id"])
        part = new_id("part")
        await asyncio.to_thread(form.incoming.keep, folder / part)
    finally:
        form.discard()
    return JSONResponse(
        {"object": "upload.part", "id": part, "created_at": now(), "upload_id": row["id"]}
    )


async def complete(request: Request) -> Response:
    """Put the parts together, in the order given."""
    service = service_of(request)
    row = _pending(service, request.path_params["upload_id"])
    body = await json_body(request)
    parts = body.get("part_ids") if isinstance(body, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
        raise bad_request("Invalid 'part_ids': expected an array of part ids.", "part_ids")
    folder = _folder(service, row["id"])
    kept = {path.name: path for path in folder.glob("part-*")}
    for part in parts:
        if part not in kept:
            raise bad_request(f"Invalid 'part_ids': {part} is no part of it.", "part_ids")
    if len(set(parts)) != len(parts):
        raise bad_request("Invalid 'part_ids': a part is named twice.", "part_ids")
    md5 = body.get("md5")
    if md5 is not None and not isinstance(md5, str):
        raise wrong_type("md5", "a string", md5)
    paths = [kept[part] for part in parts]
    # One at a time: a client that asks again must not make a second file.
    service.joining.add(row["id"])
    file = await asyncio.shield(asyncio.ensure_future(_join(service, row, paths, md5)))
    return JSONResponse(_object(row, file))


async def _join(service: Service, row: Row, paths: list[Path], md5: str | None) -> Row:
    try:
        file = await asyncio.to_thread(_assemble, service, row, paths, md5)
        _finish(service, row, "completed")
    finally:
        service.joining.discard(row["id"])
    return file


def _assemble(service: Service, row: Row, paths: list[Path], md5: str | None) -> Row:
    """Join the parts into a file.

    Raises:
        ApiError: Size or checksum is not what was announced, or the disk is full.
    """
    incoming = Incoming(files_folder(service.config.data_dir), MOST_BYTES)
    try:
        digest = hashlib.md5(usedforsecurity=False)
        for path in paths:
            with path.open("rb") as part:
                while piece := part.read(_PIECE):
                    digest.update(piece)
                    incoming.write(piece)
        if incoming.size != row["bytes"]:
            raise bad_request(
                f"The parts have {incoming.size} bytes together, but {row['bytes']} were"
                " announced.",
                "part_ids",
                "size_mismatch",
            )
        if md5 and md5.lower() != digest.hexdigest():
            raise bad_request("The MD5 checksum does not match.", "md5", "checksum_mismatch")
        name, purpose = row["filename"], row["purpose"]
        return keep_file(service, incoming, name, purpose, row["lifetime"])
    finally:
        incoming.discard()


async def cancel(request: Request) -> Response:
    """Give an upload up."""
    service = service_of(request)
    row = _pending(service, request.path_params["upload_id"])
    _finish(service, row, "cancelled")
    return JSONResponse(_object(row))


def clear_expired(service: Service) -> None:
    """Remove the parts of uploads that nobody finished in time."""
    for row in service.store.pending_uploads():
        if now() >= row["created_at"] + LIFETIME_SECONDS:
            _finish(service, row, "expired")


ROUTES = [
    Route("/v1/uploads", create, methods=["POST"]),
    Route("/v1/uploads/{upload_id}/parts", add_part, methods=["POST"]),
    Route("/v1/uploads/{upload_id}/complete", complete, methods=["POST"]),
    Route("/v1/uploads/{upload_id}/cancel", cancel, methods=["POST"]),
]
