"""Reading for the screen with little patience: a disk may answer late, or never.

A folder on a network that is gone holds whoever reads there for minutes. The screen reads in a
thread of its own and waits a moment for it; when nothing comes, it says so and goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from tui.errors import FileError

SECONDS = 0.5
"""How long a key may wait for the disk."""

_T = TypeVar("_T")


class _Errand(Generic[_T]):
    """One thing to read, and what came of it."""

    def __init__(self, read: Callable[[], _T]) -> None:
        self._read = read
        self._done = threading.Lock()
        self._done.acquire()
        self._found: _T
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._found = self._read()
        except BaseException as error:  # noqa: BLE001  raised again where it was asked for
            self._error = error
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Whether it is done, or gets done within a time."""
        done = self._done.acquire(timeout=seconds)
        if done:
            self._done.release()
        return done

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._found


class Patience:
    """Runs one read after the other in a thread, and stops waiting when the disk is silent."""

    def __init__(self) -> None:
        self._errands: SimpleQueue[_Errand[Any]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._owed: _Errand[Any] | None = None

    @property
    def silent(self) -> bool:
        """Whether the disk owes an answer."""
        return self._owed is not None and not self._owed.wait(0)

    def call(self, read: Callable[[], _T]) -> _T:
        """Return what ``read`` returns.

        Raises:
            FileError: The disk still owes an answer (``disk_silent``); nothing waits for it twice.
        """
        if self.silent:
            raise _silent()
        self._owed = None
        if self._thread is None:
            # A daemon: a read that never ends must not keep the program from ending.
            self._thread = threading.Thread(target=self._work, name="reads", daemon=True)
            self._thread.start()
        errand = _Errand(read)
        self._errands.put(errand)
        if not errand.wait(SECONDS):
            self._owed = errand
            raise _silent()
        return errand.result()

    def _work(self) -> None:
        while True:
            self._errands.get().run()


def _silent() -> FileError:
    return FileError("the disk does not answer", "it is tried again", code="disk_silent")
