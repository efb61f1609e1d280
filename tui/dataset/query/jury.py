"""Worker processes that look at records, because nothing else can be stopped in the middle of it.

Python's regular expressions cannot be interrupted, and some never come to an end; the same goes
for the parsing of one very long record. The workers get records and send back which of them are
wanted. They are killed when they are not needed any more, whatever they do then.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from tui.dataset.processes import Worker, end_all, start
from tui.dataset.query.judge import REGEX_PIECE, Looks, Question, judge_of
from tui.errors import TunedeckError, UsageError

PATIENCE = 60.0
"""Seconds that the records of one batch, a megabyte or one record, may take."""

BATCH = 1 << 20
_POLL_SECONDS = 0.03
_NICENESS = 5

Case = tuple[int, bytes, int]
"""A record: its position, its bytes and where they start in the file."""


@dataclass(slots=True)
class _Batch:
    cases: list[Case] = field(default_factory=list)
    size: int = 0
    end: int = 0
    answers: list[bool] | None = None


@dataclass(slots=True)
class _Worker(Worker):
    batch: _Batch | None = None
    since: float = 0.0
    ready: bool = False


class Jury:
    """Workers that answer one question about records.

    Args:
        question: What is asked; known to be right.
        most: How many workers there may be.
    """

    def __init__(self, question: Question, most: int) -> None:
        self._question = question
        self._most = max(1, min(most, os.cpu_count() or 1))
        self._workers: list[_Worker] = []
        self._filling = _Batch()
        self._queue: deque[_Batch] = deque()

    def __enter__(self) -> Jury:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def full(self) -> bool:
        """Whether no more should be given before something is decided."""
        return len(self._queue) > 2 * self._most

    @property
    def busy(self) -> bool:
        """Whether anything is undecided."""
        return bool(self._queue) or bool(self._filling.cases)

    def give(self, position: int, raw: bytes, offset: int) -> None:
        """Hand in a record, after those before it in the file."""
        self._filling.cases.append((position, raw, offset))
        self._filling.size += len(raw)
        if self._filling.size >= BATCH:
            self.flush()

    def flush(self, end: int = 0) -> None:
        """Let what was given be looked at now; ``end`` is the byte up to which that is all."""
        if self._filling.cases:
            self._queue.append(self._filling)
            self._filling = _Batch()
        if self._queue:
            self._queue[-1].end = max(end, self._queue[-1].end)

    def decided(self, *, pause: bool) -> tuple[list[int], int]:
        """Return positions that are wanted, in order, and the byte up to which all is decided.

        Args:
            pause: Whether to wait, for some hundredths of a second, where nothing is decided yet.

        Raises:
            UsageError: A record takes too long.
            TunedeckError: A worker died.
        """
        self._hand_out()
        busy = {
            worker.link: worker
            for worker in self._workers
            if worker.batch is not None or not worker.ready
        }
        if busy:
            for link in wait(list(busy), _POLL_SECONDS if pause else 0):
                _take(busy[link])  # type: ignore[index]
            self._hand_out()
        found: list[int] = []
        done = 0
        while self._queue and self._queue[0].answers is not None:
            batch = self._queue.popleft()
            answers = batch.answers or []
            found += [case[0] for case, yes in zip(batch.cases, answers, strict=True) if yes]
            done = max(done, batch.end)
        return found, done

    def close(self) -> None:
        """End all workers at once."""
        end_all(self._workers)
        self._workers = []

    def _hand_out(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.batch is not None and now - worker.since > PATIENCE:
                raise UsageError(
                    "the regular expression does not come to an end on some record",
                    "make it simpler: no repeats within repeats, as in (a+)+",
                )
        taken = {id(worker.batch) for worker in self._workers if worker.batch is not None}
        open_ = [b for b in self._queue if b.answers is None and id(b) not in taken]
        # Sending waits for the other side to read, so only who is known to read gets something.
        free = [worker for worker in self._workers if worker.ready and worker.batch is None]
        for batch, worker in zip(open_, free, strict=False):
            _send(worker, [(raw, offset) for _, raw, offset in batch.cases])
            worker.batch, worker.since = batch, now
        coming = sum(not worker.ready for worker in self._workers)
        if len(open_) > len(free) + coming and len(self._workers) < self._most:
            self._workers.append(_start(self._question))


def _send(worker: _Worker, message: object) -> None:
    try:
        worker.link.send(message)
    except OSError as error:
        raise _died() from error


def _take(worker: _Worker) -> None:
    try:
        answers = worker.link.recv()
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        raise _died() from error
    if not worker.ready:
        worker.ready = True
    elif worker.batch is not None:
        worker.batch.answers = answers
        # Their bytes are not needed any more, while batches before them may take long.
        worker.batch.cases = [(position, b"", 0) for position, _, _ in worker.batch.cases]
    worker.batch = None


def _died() -> TunedeckError:
    return TunedeckError(
        "a worker process ended in the middle of the search",
        "the machine may be short of memory: free some and search again",
        code="worker_died",
    )


def _start(question: Question) -> _Worker:
    started = start(__name__)
    worker = _Worker(started.process, started.link)
    try:
        _send(worker, question)
    except TunedeckError:
        worker.link.close()
        worker.process.wait()
        raise
    return worker


def work() -> None:
    """Look at records until the parent hangs up: the whole life of a worker process."""
    link = Connection(int(sys.argv[2]))
    # Somebody may work at a screen meanwhile.
    os.nice(_NICENESS)
    with contextlib.suppress(EOFError, OSError):
        judge = judge_of(link.recv())
        link.send(True)
        while True:
            message: Any = link.recv()
            link.send([_holds(judge, raw, offset) for raw, offset in message])
    os._exit(0)


def _holds(judge: Looks, raw: bytes, offset: int) -> bool:
    try:
        if not judge.parses and len(raw) > REGEX_PIECE:
            return any(judge.holds_long(_Bytes(raw), 0, len(raw)))
        return judge.holds(raw, offset)
    except RecursionError:
        return False


class _Bytes:
    """Bytes in memory, read like a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]
