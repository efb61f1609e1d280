"""The service behind the routes: memory, queue, and when it was last asked something."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from tui.service.blobs import clear_incoming
from tui.service.config import ServiceConfig
from tui.service.errors import ApiError, bad_request
from tui.service.folders import files_folder
from tui.service.queue import JobQueue
from tui.service.store import Store

SAMPLERS = 2
BODY_BYTES = 8 * 1024 * 1024
SPARE_BYTES = 256 * 1024 * 1024

_METADATA = re.compile(r"metadata\[(.*)\]", re.DOTALL)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Service:
    """One service on one data folder.

    Args:
        config: Its settings.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self.config = config
        self.last_request = time.monotonic()
        self.samplers = asyncio.Semaphore(SAMPLERS)
        for folder in (config.data_dir, files_folder(config.data_dir), config.data_dir / "jobs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        clear_incoming(files_folder(config.data_dir))
        self.store = Store(config.data_dir / "service.sqlite3")
        self.queue = JobQueue(self.store, config)
        self.joining: set[str] = set()
        self._started = False

    def start(self) -> None:
        """Take up unfinished jobs; must run in the event loop that serves. Again does nothing."""
        if not self._started:
            self._started = True
            self.queue.recover()

    async def close(self) -> None:
        """End all work and close the memory."""
        await self.queue.close()
        self.store.close()

    def idle_seconds(self) -> float:
        """Return how long nobody has asked for anything, 0 while there is work."""
        return 0.0 if self.queue.unfinished else time.monotonic() - self.last_request


def service_of(request: Request) -> Service:
    """Return the service that a request was sent to."""
    service: Service = request.app.state.service
    return service


async def _body(request: Request) -> bytes:
    data, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_BYTES:
            data += chunk
        elif size > SPARE_BYTES:
            break
    if size > BODY_BYTES:
        # Read to its end where that is near: whoever still writes hears no answer.
        raise ApiError(
            413,
            f"Maximum content size limit ({BODY_BYTES}) exceeded.",
            code="request_too_large",
        )
    return bytes(data)


async def json_body(request: Request) -> Any:
    """Return the parsed JSON body.

    Raises:
        ApiError: It is not JSON, or far too large.
    """
    data = await _body(request)
    try:
        # Stricter than the standard library: no NaN, no half characters that could not be stored.
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise bad_request(
            "We could not parse the JSON body of your request. The body must be one JSON object,"
            " sent with Content-Type: application/json."
        ) from error


def limit_of(request: Request, default: int, most: int) -> int:
    """Return the ``limit`` of a list request.

    Raises:
        ApiError: It is not a number within bounds.
    """
    text = request.query_params.get("limit")
    if text is None:
        return default
    try:
        value = int(text[:20])
    except ValueError:
        raise bad_request(
            f"Invalid type for 'limit': expected an integer, but got {text[:80]!r} instead.",
            "limit",
            "invalid_type",
        ) from None
    if not 1 <= value <= most:
        raise bad_request(
            f"Invalid 'limit': expected a value from 1 to {most}, but got {value} instead.",
            "limit",
            "integer_out_of_range",
        )
    return value


def ascending(request: Request, default: str = "desc") -> bool:
    """Tell whether a list request wants the oldest first.

    Raises:
        ApiError: Its ``order`` is none.
    """
    order = request.query_params.get("order", default)
    if order not in ("asc", "desc"):
        raise bad_request(
            f"Invalid value: {order[:80]!r}. Supported values are: 'asc' and 'desc'.",
            "order",
            "invalid_value",
        )
    return order == "asc"


def wanted_metadata(request: Request) -> Mapping[str, str] | str | None:
    """Return the pairs a list request asks for, ``None`` for no metadata, ``"any"`` for all."""
    pairs = {}
    for name, value in request.query_params.multi_items():
        if name == "metadata" and value == "null":
            return None
        if found := _METADATA.fullmatch(name):
            pairs[found[1]] = value
    return pairs or "any"
