"""The ASGI application: routes, the key, and errors in the hosted service's shape."""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tui import __version__
from tui.service.config import ServiceConfig
from tui.service.errors import ApiError, bad_request, is_storage_full, storage_full
from tui.service.routes import chat, files, graders, jobs, models, permissions, uploads
from tui.service.service import Service, service_of
from tui.service.store import UnknownCursorError

HEALTH = "/v1/health"
_log = logging.getLogger("tunedeck.service")


def create_app(config: ServiceConfig) -> Starlette:
    """Return the application.

    It starts its work in the event loop of the first request (or of its lifespan), so it can be
    driven in process as well as by a server. After in-process use, close it with
    ``await app.state.service.close()``.

    Args:
        config: The service's settings; its data folder is made and opened at once.

    Raises:
        OSError: The data folder cannot be used.
        sqlite3.Error: Its database cannot be opened.
    """
    service = Service(config)
    uploads.clear_expired(service)
    files.clear_expired(service)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.close()

    app = Starlette(
        routes=[
            Route(HEALTH, health, methods=["GET"]),
            *files.ROUTES,
            *uploads.ROUTES,
            *jobs.ROUTES,
            *models.ROUTES,
            *chat.ROUTES,
            *graders.ROUTES,
            *permissions.ROUTES,
        ],
        exception_handlers={
            ApiError: _api_error,
            UnknownCursorError: _unknown_cursor,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    app.add_middleware(_Door, service=service)
    return app


async def health(request: Request) -> Response:
    """Say that the service is there, and to whoever has the key, what it is doing."""
    service = service_of(request)
    answer: dict[str, object] = {"status": "ok", "service": "tunedeck", "version": __version__}
    if _has_key(request, service.config.api_key):
        answer |= {"pid": os.getpid(), "unfinished_jobs": service.queue.unfinished}
    return JSONResponse(answer)


def _given_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return request.headers.get("api-key", "")


def _has_key(request: Request, key: str | None) -> bool:
    return key is None or hmac.compare_digest(_given_key(request).encode(), key.encode())


class _Door:
    """Lets requests with the key in, and notes when the last one came."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._service.start()
        request = Request(scope)
        if scope["path"] != HEALTH:
            self._service.last_request = time.monotonic()
            if not _has_key(request, self._service.config.api_key):
                await _refusal(request)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _refusal(request: Request) -> Response:
    if _given_key(request):
        message = "Incorrect API key provided. Use the key that this service was started with."
        return _answer(ApiError(401, message, code="invalid_api_key"))
    message = (
        "You didn't provide an API key. You need to provide it in an Authorization header using"
        " Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    )
    return _answer(ApiError(401, message))


def _answer(error: ApiError) -> Response:
    return JSONResponse(error.to_json(), status_code=error.status)


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _answer(error)


async def _unknown_cursor(_request: Request, error: Exception) -> Response:
    return _answer(
        bad_request(
            f"Invalid 'after': {str(error)[:80]} is not in this list.", "after", "invalid_value"
        )
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    where = f"{request.method} {request.url.path}"
    if error.status_code == 405:
        message = f"Not allowed to {request.method} on {request.url.path}."
        return _answer(ApiError(405, message, code="method_not_supported"))
    if error.status_code == 404:
        return _answer(ApiError(404, f"Invalid URL ({where})"))
    return _answer(ApiError(error.status_code, str(error.detail)))


async def _unexpected(request: Request, error: Exception) -> Response:
    if is_storage_full(error):
        return _answer(storage_full())
    _log.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    return _answer(
        ApiError(
            500,
            "The service had an unexpected error while processing your request; its log says more.",
            kind="server_error",
        )
    )
