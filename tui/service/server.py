"""The service as a server: one socket, one data folder, one process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import FileError, ProviderError, UsageError
from tui.service.config import Endpoint, ServiceConfig
from tui.service.engines import BUILTIN, Engine

if TYPE_CHECKING:
    from starlette.applications import Starlette

KEY_VARIABLE = "TUNEDECK_SERVICE_KEY"
DEFAULT_PORT = 8741
LOCK_NAME = "service.lock"
_IDLE_CHECKS_SECONDS = 5.0
_SHUTDOWN_SECONDS = 3


def serve(
    host: str,
    port: int,
    data_dir: Path,
    api_key: str,
    *,
    concurrency: int = 1,
    engines: Mapping[str, Engine] | None = None,
    idle_seconds: float | None = None,
    log_path: Path | None = None,
    on_ready: Callable[[Endpoint], None] | None = None,
) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C, a closed terminal) or idle for long enough.

    Args:
        host: The address to listen on.
        port: The port; 0 for any free one.
        data_dir: Where everything is kept.
        api_key: The key requests must carry.
        concurrency: How many jobs train at the same time.
        engines: Engines besides the built-in one, by base model.
        idle_seconds: End after this long without requests and work; ``None`` for never.
        log_path: Where warnings and errors go; standard error without it.
        on_ready: Told the address, once requests are answered.

    Raises:
        UsageError: The port is taken or the address is not this machine's.
        FileError: The data folder cannot be used.
        ProviderError: Another service uses the data folder.
        KeyboardInterrupt: Ctrl-C was pressed; everything is closed.
    """
    _start_logging(log_path)
    with _claim(data_dir), contextlib.closing(bind(host, port)) as listener:
        config = ServiceConfig(
            data_dir=data_dir,
            api_key=api_key,
            concurrency=concurrency,
            engines={**BUILTIN, **(engines or {})},
            idle_seconds=idle_seconds,
        )
        endpoint = Endpoint(base_url(host, listener.getsockname()[1]), api_key, os.getpid())
        _run(_open(config), config, listener, lambda: on_ready and on_ready(endpoint))


def _start_logging(path: Path | None) -> None:
    handler = logging.FileHandler(path) if path else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


@contextlib.contextmanager
def _claim(data_dir: Path) -> Iterator[None]:
    """Hold the data folder's lock, so that one service at a time uses it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(data_dir / LOCK_NAME, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError(
            f"{data_dir} cannot be used ({error.strerror})", "choose another with --data-dir"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise ProviderError(
            f"a service (pid {owner}) already uses {data_dir}",
            "stop it with 'tunedeck serve --stop', or choose another folder with --data-dir",
            code="already_running",
        ) from error
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address.

    Raises:
        UsageError: The port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Listening at once: on some systems only this tells that the port is taken.
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} on {host} is already in use", "choose another with --port, or 0"
            ) from error
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"cannot listen on {host} port {port} ({reason})", "check --host and --port"
        ) from error
    return listener


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(host: str, port: int) -> str:
    """Return the root of the API at an address; for "any address" the loopback one."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/v1" if ":" in shown else f"http://{shown}:{port}/v1"


def _open(config: ServiceConfig) -> Starlette:
    import sqlite3

    from tui.service.app import create_app

    try:
        return create_app(config)
    except (OSError, sqlite3.Error) as error:
        raise FileError(
            f"{config.data_dir} cannot be used ({error})",
            "free some space, move the damaged service.sqlite3 away, or choose another --data-dir",
        ) from error


def _run(
    app: Starlette, config: ServiceConfig, listener: socket.socket, ready: Callable[[], object]
) -> None:
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
    )
    interrupted = False

    def on_interrupt(_number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True

    async def main() -> None:
        watch = asyncio.create_task(_watch(server, app, config, ready))
        try:
            await server.serve(sockets=[listener])
        finally:
            watch.cancel()

    # uvicorn raises the signal again when it has shut down, for whoever handled it before.
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: None),
        signal.SIGINT: signal.signal(signal.SIGINT, on_interrupt),
    }
    # Under nohup it is ignored, and stays so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(
            signal.SIGHUP, lambda *_: setattr(server, "should_exit", True)
        )
    try:
        asyncio.run(main())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted:
        raise KeyboardInterrupt


async def _watch(
    server: object, app: Starlette, config: ServiceConfig, ready: Callable[[], object]
) -> None:
    while not getattr(server, "started", False):
        await asyncio.sleep(0.01)
    ready()
    if config.idle_seconds is None:
        return
    while app.state.service.idle_seconds() < config.idle_seconds:
        await asyncio.sleep(min(_IDLE_CHECKS_SECONDS, config.idle_seconds / 4))
    logging.getLogger("tunedeck.service").info("idle since %s", time.strftime("%H:%M"))
    server.should_exit = True  # type: ignore[attr-defined]
