"""The waits between two looks at a provider, which notice that the machine slept meanwhile.

A laptop that was closed comes back with connections that look alive and are not, and with a steady
clock that stood still: a wait of 15 seconds would go on for its 15 seconds, and the first request
would wait for an answer that cannot come.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable

_SLICE = 2.0
_JUMP = 4.0


class Woken(enum.Enum):
    """Why a wait ended."""

    TIME = "its time was over"
    NUDGE = "somebody asked for a look"
    SLEPT = "the machine slept, or its clock was put forward"


def clock_through_sleep() -> float:
    """Return seconds on a clock that also runs while the machine sleeps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    # Where there is none the wall clock must do; that it is put forward looks like a sleep, which
    # costs one look too many.
    return time.clock_gettime(boot) if boot is not None else time.time()


class Rest:
    """Waits that end early when somebody asks for it or when the machine slept.

    Args:
        steady: A clock that stands still while the machine sleeps.
        through: A clock that does not.
    """

    def __init__(
        self,
        steady: Callable[[], float] = time.monotonic,
        through: Callable[[], float] = clock_through_sleep,
    ) -> None:
        self._steady = steady
        self._through = through
        self._apart = through() - steady()
        self._asked = asyncio.Event()

    def nudge(self) -> None:
        """End the wait that is going on, or the next one, at once."""
        self._asked.set()

    async def pause(self, seconds: float) -> Woken:
        """Wait, in short pieces, and say why the wait ended.

        A sleep since the last wait, such as in the middle of a request, counts too.
        """
        until = self._steady() + seconds
        while True:
            if self._slept():
                return Woken.SLEPT
            left = until - self._steady()
            if left <= 0 and not self._asked.is_set():
                return Woken.TIME
            try:
                await asyncio.wait_for(self._asked.wait(), max(0.0, min(left, _SLICE)))
            except TimeoutError:
                continue
            self._asked.clear()
            return Woken.NUDGE

    def _slept(self) -> bool:
        apart = self._through() - self._steady()
        before, self._apart = self._apart, apart
        return apart - before > _JUMP
