"""What the service is told at start, and what it tells others about where it listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui.service.engines import BUILTIN, Engine

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running service.

    Attributes:
        base_url: The root of its API, ``http://127.0.0.1:PORT/v1``.
        api_key: The key every request carries; left out of ``repr``.
        pid: The process that serves.
    """

    base_url: str
    api_key: str = field(repr=False)
    pid: int


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Settings of one service.

    Attributes:
        data_dir: Where files, jobs and models are kept; made when missing.
        api_key: The key requests must carry; ``None`` lets everyone in (in-process use only).
        concurrency: How many jobs train at the same time.
        engines: The engine behind each base model, by the model's name.
        max_upload_bytes: The largest file taken in one request.
        cancel_grace: Seconds an engine gets to end by itself after a cancel, before it is killed.
        pause_grace: Seconds it gets to write its checkpoint on pause and shutdown.
        idle_seconds: The server ends by itself after this long without requests and without
            unfinished jobs; ``None`` for never.
    """

    data_dir: Path
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = 1
    engines: Mapping[str, Engine] = field(default_factory=lambda: dict(BUILTIN))
    max_upload_bytes: int = 512 * MEBIBYTE
    cancel_grace: float = 1.5
    pause_grace: float = 10.0
    idle_seconds: float | None = None
