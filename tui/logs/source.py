"""A local log as a run: the same updates that a provider's job gives."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Literal

from tui.jobs import Update
from tui.logs.find import log_title
from tui.logs.follow import Follower

if TYPE_CHECKING:
    from tui.logs.assemble import Assembler

_PAUSE = 0.5
# Looks in vain after which a log that says that training is over is over.
_LAST_LOOKS = 3


class LogSource:
    """A log that the live panel and the commands follow like a job.

    Args:
        path: A log, or a folder that holds one run.
        title: Its name for people; made of the path unless given.
        idle: Seconds after which following ends when the log has not changed; ``None`` follows
            until the log says that training is over.

    Raises:
        FileError: There is no log there, or there are several runs in the folder.
    """

    kind: Literal["job", "log"] = "log"

    def __init__(
        self, path: str | os.PathLike[str], title: str = "", *, idle: float | None = None
    ) -> None:
        self._follower = Follower(path)
        self.id = self._follower.path
        self.title = title or log_title(self.id)
        self.can: frozenset[str] = frozenset()
        self._idle = idle
        self._closed = asyncio.Event()

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Yield what the log holds, then what is written to it.

        Raises:
            FileError: The file is no log after all.
        """
        assembler = await asyncio.to_thread(_assembler, self._follower)
        live, vain, first, trouble = False, 0, True, ""
        while not self._closed.is_set():
            batch = await asyncio.to_thread(self._follower.poll)
            assembler.kind = self._follower.kind
            before = assembler.status
            updates = assembler.take(batch, modified=self._follower.modified, live=live)
            news = bool(batch.rows or batch.notes or batch.facts or batch.restart)
            if news or first or assembler.status != before or batch.trouble != trouble:
                for update in updates:
                    yield dataclasses.replace(update, trouble=batch.trouble or None)
                first, trouble = False, batch.trouble
            if batch.more:
                continue
            live, vain = True, 0 if news else vain + 1
            if self._is_over(assembler.status, vain):
                for update in self._last(assembler):
                    yield update
                return
            await self._pause()

    def _is_over(self, status: str, vain: int) -> bool:
        if status in ("succeeded", "failed"):
            return vain >= _LAST_LOOKS
        if self._idle is None or vain < _LAST_LOOKS:
            return False
        return time.time() - self._follower.modified >= self._idle

    def _last(self, assembler: Assembler) -> list[Update]:
        return _ended(
            assembler.take(self._follower.finish(), modified=self._follower.modified, live=False)
        )

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._closed.wait(), _PAUSE)
        except TimeoutError:
            return

    async def aclose(self) -> None:
        """Stop following."""
        self._closed.set()


def read_log(path: str | os.PathLike[str]) -> tuple[Update, ...]:
    """Return all that a log holds now, without following it; blocks.

    Raises:
        FileError: There is no log there, or there are several runs in the folder.
    """
    follower = Follower(path)
    assembler = _assembler(follower)
    updates: list[Update] = []
    while True:
        batch = follower.poll()
        assembler.kind = follower.kind
        updates += assembler.take(batch, modified=follower.modified, live=False)
        if not batch.more and not batch.rows and not batch.notes:
            break
    last = assembler.take(follower.finish(), modified=follower.modified, live=False)
    return (*updates, *_ended(last))


def _assembler(follower: Follower) -> Assembler:
    """Return what makes updates of a log; loads numpy, so it is made where nobody waits."""
    from tui.logs.assemble import Assembler

    return Assembler(follower.path, follower.kind)


def _ended(updates: list[Update]) -> list[Update]:
    return [*updates[:-1], dataclasses.replace(updates[-1], ended=True)]
