"""The service behind the routes: memory, queue, and when it was last asked something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tui.service.blobs import clear_incoming
from tui.service.config import ServiceConfig
from tui.service.errors import bad_request
from tui.service.folders import files_folder
from tui.service.queue import JobQueue
from tui.service.store import Store

SAMPLERS = 2

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


async def json_body(request: Request) -> Any:
    """Return the parsed JSON body.

    Raises:
        ApiError: It is not JSON.
    """
    try:
        return await request.json()
    except (ValueError, RecursionError) as error:
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
        value = int(text)
    except ValueError:
        raise bad_request(
            f"Invalid type for 'limit': expected an integer, but got {text!r} instead.",
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
