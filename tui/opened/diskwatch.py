"""Looking, without ever waiting, whether the open file is still the one on the disk."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.dataset import Change
    from tui.opened.opening import Lease

SILENT_SECONDS = 10.0
"""How long a disk may take to say how large a file is before that is worth telling."""


class DiskWatch:
    """Asks the disk in a thread of its own, one question at a time.

    A folder on a network that is gone answers after minutes or never. No pool of threads may fill
    up with such questions, and none of them may keep the program from ending.

    Args:
        tell: Called in that thread with the file, the generation of who asked, and what happened
            to the file, ``None`` for nothing.
    """

    def __init__(self, tell: Callable[[Lease, int, Change | None], object]) -> None:
        self._tell = tell
        self._asked: float | None = None

    @property
    def silent(self) -> bool:
        """Whether the disk has owed an answer for long."""
        return self._asked is not None and time.monotonic() - self._asked > SILENT_SECONDS

    def look(self, lease: Lease, generation: int) -> None:
        """Ask once, unless an answer is still owed."""
        if self._asked is None:
            self._asked = time.monotonic()
            threading.Thread(
                target=self._look, args=(lease, generation), name="disk watch", daemon=True
            ).start()

    def _look(self, lease: Lease, generation: int) -> None:
        try:
            with lease as source:
                change = source.changed()
        finally:
            self._asked = None
        # The application may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self._tell(lease, generation, change)
