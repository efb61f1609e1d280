"""A few worker processes that check ranges of one file, and a parent that can always stop them.

Killing them is how a scan is cancelled; see `processes`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from tui.dataset.joined import InheritedSource
from tui.dataset.lines import Task
from tui.dataset.processes import Worker, WorkerDied, end_all, start
from tui.dataset.ranges import Found, RangeWorker, WorkSettings
from tui.dataset.source import Piece, Source
from tui.errors import FileError, TunedeckError


@dataclass(slots=True)
class _Worker(Worker):
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
        end_all(self._workers)
        self._workers = []


def _died(worker: _Worker) -> WorkerDied:
    code = worker.process.poll()
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return WorkerDied(
        f"a worker process ended in the middle of its work ({how})",
        "the machine may be short of memory: free some and run it again",
    )


def _start(source: Source, settings: WorkSettings) -> _Worker:
    handles: list[int] = []
    try:
        pieces: list[Piece] = []
        for piece in source.pieces():
            if piece.fd >= 0:
                # A copy's number clashes with none that the child uses before it has run.
                handles.append(os.dup(piece.fd))
                piece = piece._replace(fd=handles[-1])
            pieces.append(piece)
        started = start(__name__, handles)
    except OSError as error:
        raise WorkerDied(
            f"cannot start a worker process ({error.strerror or error})", "close some programs"
        ) from error
    finally:
        for handle in handles:
            os.close(handle)
    worker = _Worker(started.process, started.link)
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


__all__: Sequence[str] = ("Pool", "WorkerDied", "processors", "work")
