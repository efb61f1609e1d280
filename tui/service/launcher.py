"""The service in the background: found where it runs, started where it does not, stopped.

``service.json`` in the state folder says where it listens, with its key and process, readable by
its owner only. It is believed only after the service itself has answered, so one left behind by a
crash does no harm. Two commands that start it at once get the same one: a file lock lets one of
them start it while the other waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tui.config import Paths
from tui.errors import FileError, ProviderError, disk_is_full
from tui.service.config import Endpoint
from tui.service.server import LOCK_NAME

STATE_NAME = "service.json"
LOG_NAME = "service.log"
LAUNCH_LOCK = "service-launch.lock"
DATA_NAME = "service"
IDLE_SECONDS = 15 * 60
START_SECONDS = 30.0
STOP_SECONDS = 15.0
_HEALTH_SECONDS = 3.0
_LOG_BYTES = 1024 * 1024
_POLL_SECONDS = 0.02

# Kept so that a service which ends before its starter does not stay behind as a zombie.
_children: list[subprocess.Popen[bytes]] = []


def default_data_dir(paths: Paths) -> Path:
    """Return the data folder of the background service."""
    return paths.state / DATA_NAME


def find_running(paths: Paths) -> Endpoint | None:
    """Return the running service of this home, or ``None``.

    Args:
        paths: The home's folders.
    """
    _reap()
    endpoint = read_state(paths)
    if endpoint is None or not _healthy(endpoint):
        return None
    return endpoint


def ensure_running(paths: Paths) -> Endpoint:
    """Return the running service of this home, started if need be.

    It runs in a session of its own, survives the command that started it, and ends by itself
    after 15 minutes without requests and without unfinished jobs. Blocks for a second or so; call
    it in a thread from an event loop.

    Args:
        paths: The home's folders.

    Raises:
        ProviderError: It cannot be started; the message has the last line of its log.
        FileError: The state folder cannot be written.
    """
    endpoint = find_running(paths)
    if endpoint is not None:
        return endpoint
    with _launch_lock(paths):
        return find_running(paths) or _start(paths)


def stop(paths: Paths) -> bool:
    """Stop the running service of this home and wait until it has ended.

    Engines write a checkpoint first; unfinished jobs go on when it is started again.

    Args:
        paths: The home's folders.

    Returns:
        Whether there was one.

    Raises:
        ProviderError: It does not end.
    """
    _reap()
    endpoint = read_state(paths)
    if endpoint is None:
        return False
    if not (_healthy(endpoint) or _holds_lock(paths, endpoint.pid)):
        remove_state(paths, endpoint.pid)
        return False
    _signal(endpoint.pid, signal.SIGTERM)
    if not _ended(endpoint, STOP_SECONDS):
        _signal(endpoint.pid, signal.SIGKILL)
        if not _ended(endpoint, STOP_SECONDS):
            raise ProviderError(
                f"the service (pid {endpoint.pid}) does not end", f"try 'kill -9 {endpoint.pid}'"
            )
    remove_state(paths, endpoint.pid)
    return True


def unfinished_jobs(endpoint: Endpoint) -> int:
    """Return how many jobs a service still has to do; 0 where it does not say."""
    answer = _health(endpoint) or {}
    count = answer.get("unfinished_jobs", 0)
    return count if isinstance(count, int) else 0


def read_state(paths: Paths) -> Endpoint | None:
    """Return what ``service.json`` says, whether or not it is still true."""
    try:
        state = json.loads((paths.state / STATE_NAME).read_text(encoding="utf-8"))
        endpoint = Endpoint(str(state["base_url"]), str(state["api_key"]), int(state["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return endpoint if endpoint.pid > 1 else None


def write_state(paths: Paths, endpoint: Endpoint) -> None:
    """Say where the service listens, in a file that only its owner can read."""
    state = {"base_url": endpoint.base_url, "api_key": endpoint.api_key, "pid": endpoint.pid}
    path = paths.state / f"{STATE_NAME}.{os.getpid()}"
    fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(path, paths.state / STATE_NAME)


def remove_state(paths: Paths, pid: int) -> None:
    """Remove ``service.json`` where it still speaks of the process ``pid``."""
    endpoint = read_state(paths)
    if endpoint is not None and endpoint.pid == pid:
        with contextlib.suppress(OSError):
            (paths.state / STATE_NAME).unlink()


@contextlib.contextmanager
def _launch_lock(paths: Paths) -> Iterator[None]:
    try:
        paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(paths.state / LAUNCH_LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError(
            f"{paths.state} cannot be written ({error.strerror})",
            "check the owner and mode, or set TUNEDECK_HOME",
        ) from error
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ProviderError(
                        "another command is starting the local service and does not finish",
                        f"see {paths.state / LOG_NAME}",
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(fd)


def _start(paths: Paths) -> Endpoint:
    log = paths.state / LOG_NAME
    _trim(log)
    at = log.stat().st_size if log.exists() else 0
    try:
        process = _spawn(paths, log)
    except OSError as error:
        raise ProviderError(
            f"the local service cannot be started ({error.strerror})", f"see {log}"
        ) from error
    _children.append(process)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        endpoint = read_state(paths)
        if endpoint is not None and endpoint.pid == process.pid and _healthy(endpoint):
            return endpoint
        if process.poll() is not None:
            break
        time.sleep(_POLL_SECONDS)
    ended = process.poll() is not None
    if not ended:
        process.kill()
        process.wait()
    _reap()
    if disk_is_full(paths.state):
        raise FileError(
            f"the disk with {paths.state} is full, so the local service cannot start",
            "free some space, or set TUNEDECK_HOME to another place",
        )
    how = "ended at once" if ended else f"did not answer within {START_SECONDS:.0f} seconds"
    raise ProviderError(
        f"the local service {how}{_last_line(log, at)}", f"see {log}", code="service_not_started"
    )


def _spawn(paths: Paths, log: Path) -> subprocess.Popen[bytes]:
    from tui.service.child import child_environment

    command = [
        sys.executable, "-m", "tui.service",
        *(str(path.absolute()) for path in (paths.config, paths.state, paths.cache)),
    ]  # fmt: skip
    fd = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            cwd="/",
            start_new_session=True,
            env=child_environment(),
        )
    finally:
        os.close(fd)


def _trim(log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_BYTES:
            log.unlink()


def _last_line(log: Path, at: int) -> str:
    from tui.service.child import printable

    try:
        text = log.read_bytes()[at:][-4096:].decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f" ({printable(lines[-1])[:200]})" if lines else ""


def _health(endpoint: Endpoint) -> dict[str, object] | None:
    """Ask the service how it is, without any HTTP library that takes long to load."""
    address = urlsplit(endpoint.base_url)
    if address.hostname is None:
        return None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request(
            "GET", "/v1/health", headers={"Authorization": f"Bearer {endpoint.api_key}"}
        )
        answer = json.loads(connection.getresponse().read(65536))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None


def _healthy(endpoint: Endpoint) -> bool:
    answer = _health(endpoint)
    return answer is not None and answer.get("pid") == endpoint.pid


def _holds_lock(paths: Paths, pid: int) -> bool:
    """Tell whether a process that no longer answers is still the service of this home."""
    try:
        fd = os.open(default_data_dir(paths) / LOCK_NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(fd, 32, 0).strip() == str(pid).encode()
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(fd)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _ended(endpoint: Endpoint, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _reap()
        try:
            os.kill(endpoint.pid, 0)
        except OSError:
            return True
        if _is_zombie(endpoint.pid):
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only its parent, another command, has not looked."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]
