"""Processes that work for this one, can be stopped whatever they do, and end when it does.

They are separate interpreters that inherit one socket and the files they are given: their errors
go nowhere near the screen, and Ctrl-C does not reach them, since they have a session of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tui.errors import TunedeckError

_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from {module} import work; work()"


class WorkerDied(TunedeckError):  # noqa: N818  (an error by its base class)
    """A worker process ended before its work was done."""

    code = "worker_died"


@dataclass(slots=True)
class Worker:
    """A process, and this end of the socket between."""

    process: subprocess.Popen[bytes]
    link: Connection


def start(module: str, handles: Sequence[int] = ()) -> Worker:
    """Start a process that calls ``work`` of a module, with its end of the socket in ``argv[2]``.

    Args:
        module: The module's name.
        handles: Descriptors that it inherits under the same numbers.

    Raises:
        WorkerDied: The system starts no more processes.
    """
    ours, theirs = socket.socketpair()
    path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _BOOT.format(module=module), path, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), *handles),
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        raise WorkerDied(
            f"cannot start a worker process ({error.strerror or error})", "close some programs"
        ) from error
    finally:
        theirs.close()
    return Worker(process, Connection(ours.detach()))


def end_all(workers: Collection[Worker]) -> None:
    """End processes at once, whatever they do."""
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.process.kill()
        worker.link.close()
    for worker in workers:
        worker.process.wait()


def can_start() -> bool:
    """Return whether worker processes can be started here at all."""
    return bool(sys.executable) and os.name == "posix"
