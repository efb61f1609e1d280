"""Reading for the screen with little patience: a disk may answer late, or never.

A folder on a network that is gone holds whoever reads there for minutes. The screen reads in a
thread of its own and waits a moment for it; when nothing comes, it says so and goes on. What comes
late is kept for who asks for it again: else what always takes long would never be there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from tui.errors import FileError

SECONDS = 0.5
"""How long a key may wait for the disk."""

SILENT = "disk_silent"
BUSY = "still_checking"
"""Codes of what is raised instead: the disk owes an answer; the rules are not through yet."""

_T = TypeVar("_T")


class _Errand(Generic[_T]):
    """One thing to do, and what came of it."""

    def __init__(self, read: Callable[[], _T], what: object) -> None:
        self._read = read
        self.what = what
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
    """Does one thing after the other in a thread, and stops waiting when one takes long.

    Args:
        late: What is raised then.
    """

    def __init__(self, late: Callable[[], FileError] | None = None) -> None:
        self._late = late or _silent
        self._errands: SimpleQueue[_Errand[Any]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._owed: _Errand[Any] | None = None

    @property
    def silent(self) -> bool:
        """Whether an answer is still owed."""
        return self._owed is not None and not self._owed.wait(0)

    def anew(self) -> Patience:
        """Return one that owes nothing: this one, unless its thread is held up."""
        if self.silent:
            return Patience(self._late)
        self._owed = None
        return self

    def call(self, read: Callable[[], _T], what: object = None) -> _T:
        """Return what ``read`` returns.

        Args:
            read: What to do, in the thread.
            what: Says what this is: an answer that came late is for who asks with an equal one.

        Raises:
            FileError: The answer is late (``disk_silent``, or as this was made), or one before it
                is; nothing waits twice.
        """
        if self.silent:
            raise self._late()
        owed, self._owed = self._owed, None
        if owed is not None and what is not None and owed.what == what:
            late: _T = owed.result()
            return late
        if self._thread is None:
            # A daemon: a read that never ends must not keep the program from ending.
            self._thread = threading.Thread(target=self._work, name="reads", daemon=True)
            self._thread.start()
        errand = _Errand(read, what)
        self._errands.put(errand)
        if not errand.wait(SECONDS):
            self._owed = errand
            raise self._late()
        return errand.result()

    def _work(self) -> None:
        while True:
            self._errands.get().run()


def _silent() -> FileError:
    return FileError("the disk does not answer", "it is tried again", code=SILENT)


def busy() -> FileError:
    """Return what is raised while the rules are still at work on a record."""
    return FileError("its check takes long", "it is shown when it is done", code=BUSY)
