"""A few worker processes that check ranges of one file, and a parent that can always stop them.

Workers are separate interpreters with nothing inherited but the file and one socket: their errors
go nowhere near the screen, Ctrl-C does not reach them (they have a session of their own), they end
by themselves when the parent is gone, and killing them is how a scan is cancelled.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from tui.dataset.joined import InheritedSource
from tui.dataset.lines import Task
from tui.dataset.ranges import Found, RangeWorker, WorkSettings
from tui.dataset.source import Piece, Source
from tui.errors import FileError, TunedeckError

_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from tui.dataset.pool import work; work()"
)


class WorkerDied(TunedeckError):  # noqa: N818  (an error by its base class)
    """A worker process ended before its work was done."""

    code = "worker_died"


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    link: Connection
    pending: int = 0


class Pool:
    """Worker processes over one source.

    Args:
        source: The file; its descriptors are handed to every worker.
        settings: What the workers need to know.
        count: How many to start.
    """

    def __init__(self, source: Source, settings: WorkSettings, count: int) -> None:
        self._workers: list[_Worker] = []
        try:
            for _ in range(count):
                self._workers.append(_start(source, settings))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def idle(self, most: int) -> Iterator[int]:
        """Yield numbers of workers that have fewer than ``most`` tasks, the freest first."""
        while True:
            number = min(range(len(self._workers)), key=lambda i: self._workers[i].pending)
            if self._workers[number].pending >= most:
                return
            yield number

    def send(self, number: int, key: int, task: Task) -> None:
        """Give a task to a worker.

        Raises:
            WorkerDied: It is gone.
        """
        worker = self._workers[number]
        try:
            worker.link.send((key, task))
        except OSError as error:
            raise _died(worker) from error
        worker.pending += 1

    def receive(self, timeout: float) -> list[tuple[int, Found]]:
        """Return what has come back, after at most ``timeout`` seconds.

        Raises:
            WorkerDied: A worker ended.
            TunedeckError: What a worker raised.
        """
        links = {worker.link: worker for worker in self._workers}
        results = []
        for ready in wait(list(links), timeout):
            worker = links[ready]  # type: ignore[index]
            try:
                key, answer = worker.link.recv()
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                raise _died(worker) from error
            if isinstance(answer, TunedeckError):
                raise answer
            worker.pending -= 1
            results.append((key, answer))
        return results

    def close(self) -> None:
        """End all workers at once, whatever they do."""
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.process.kill()
            worker.link.close()
        for worker in self._workers:
            worker.process.wait()
        self._workers = []


def _died(worker: _Worker) -> WorkerDied:
    code = worker.process.poll()
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return WorkerDied(
        f"a worker process ended in the middle of its work ({how})",
        "the machine may be short of memory: free some and run it again",
    )


def _start(source: Source, settings: WorkSettings) -> _Worker:
    ours, theirs = socket.socketpair()
    handles: list[int] = []
    try:
        pieces: list[Piece] = []
        for piece in source.pieces():
            if piece.fd >= 0:
                # A copy's number clashes with none that the child uses before it has run.
                handles.append(os.dup(piece.fd))
                piece = replace(piece, fd=handles[-1])
            pieces.append(piece)
        boot = [
            sys.executable,
            "-c",
            _BOOT,
            json.dumps([p for p in sys.path if isinstance(p, str)]),
        ]
        process = subprocess.Popen(
            [*boot, str(theirs.fileno())],
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
        for handle in handles:
            os.close(handle)
    worker = _Worker(process, Connection(ours.detach()))
    try:
        worker.link.send((settings, pieces))
    except OSError as error:
        worker.link.close()
        raise _died(worker) from error
    return worker


def work() -> None:
    """Check tasks until the parent hangs up: the whole life of a worker process."""
    link = Connection(int(sys.argv[2]))
    settings: WorkSettings
    pieces: list[Piece]
    settings, pieces = link.recv()
    os.nice(settings.niceness)
    source = InheritedSource(pieces, settings.size)
    worker = RangeWorker(source, settings)
    # The parent's death is the end of the link, and that is the worker's end too.
    with contextlib.suppress(EOFError, OSError):
        worker.warm_up()
        while True:
            message: Any = link.recv()
            key, task = message
            try:
                answer: Found | TunedeckError = worker.run(task)
            except FileError as error:
                answer = error
            except MemoryError:
                answer = FileError("out of memory", "free some memory and try again")
            link.send((key, answer))
    os._exit(0)


def processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def can_start() -> bool:
    """Return whether worker processes can be started here at all."""
    return bool(sys.executable) and os.name == "posix"


__all__: Sequence[str] = ("Pool", "WorkerDied", "can_start", "processors", "work")
