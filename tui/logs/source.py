"""A local log as a run: the same updates that a provider's job gives."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Literal

from tui.errors import FileError
from tui.jobs import Update
from tui.logs.awaited import Awaited
from tui.logs.find import log_title
from tui.logs.follow import Follower
from tui.logs.pipe import STANDARD_INPUT, is_pipe
from tui.logs.piped import Piped

if TYPE_CHECKING:
    from tui.logs.assemble import Assembler

Followed = Follower | Awaited | Piped
_PAUSE = 0.5
# Looks in vain after which a log that says that training is over is over.
_LAST_LOOKS = 3


class LogSource:
    """A log that the live panel and the commands follow like a job.

    Args:
        path: A log, or a folder that holds one run.
        title: Its name for people; made of the path unless given.
        idle: Seconds after which following ends when the log has not changed; ``None`` follows
            until the log says that training is over. A pipe is followed until it is closed:
            whoever writes into one that nobody reads is killed.
        wait: Whether a log that is not there yet is waited for.

    Raises:
        FileError: There is no log there, or there are several runs in the folder.
        UsageError: Standard input is to be read, and is the keyboard.
    """

    kind: Literal["job", "log"] = "log"

    def __init__(
        self,
        path: str | os.PathLike[str],
        title: str = "",
        *,
        idle: float | None = None,
        wait: bool = False,
    ) -> None:
        self._follower = _followed(path, wait=wait)
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
        if isinstance(self._follower, Piped):
            return self._follower.over
        if status in ("succeeded", "failed"):
            return vain >= _LAST_LOOKS
        if self._idle is None or vain < _LAST_LOOKS:
            return False
        if time.time() - self._follower.modified < self._idle:
            return False
        if isinstance(self._follower, Awaited) and not self._follower.there:
            raise FileError(f"there is still no log at {self.id}", "check the path")
        return True

    def _last(self, assembler: Assembler) -> list[Update]:
        return _finished(self._follower, assembler)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._closed.wait(), _PAUSE)
        except TimeoutError:
            return

    async def aclose(self) -> None:
        """Stop following."""
        self._closed.set()
        if isinstance(self._follower, Piped):
            self._follower.forget()


def read_log(path: str | os.PathLike[str]) -> tuple[Update, ...]:
    """Return all that a log holds now, without following it; blocks.

    Raises:
        FileError: There is no log there, or there are several runs in the folder.
    """
    follower = _followed(path)
    assembler = _assembler(follower)
    updates: list[Update] = []
    while True:
        batch = follower.poll()
        assembler.kind = follower.kind
        updates += assembler.take(batch, modified=follower.modified, live=False)
        if batch.more or batch.rows or batch.notes:
            continue
        if not isinstance(follower, Piped) or follower.over:
            break
        time.sleep(_PAUSE / 10)
    return (*updates, *_finished(follower, assembler))


def _followed(path: str | os.PathLike[str], *, wait: bool = False) -> Followed:
    if is_pipe(path):
        return Piped(path)
    if os.fspath(path) == STANDARD_INPUT:
        path = "/dev/stdin"
    return Awaited(path) if wait and not os.path.exists(path) else Follower(path)


def _finished(follower: Followed, assembler: Assembler) -> list[Update]:
    # Whoever wrote into a pipe is gone, and may not have said how it ended.
    assembler.gone = isinstance(follower, Piped)
    return _ended(assembler.take(follower.finish(), modified=follower.modified, live=False))


def _assembler(follower: Followed) -> Assembler:
    """Return what makes updates of a log; loads numpy, so it is made where nobody waits."""
    from tui.logs.assemble import Assembler

    return Assembler(follower.path, follower.kind)


def _ended(updates: list[Update]) -> list[Update]:
    return [*updates[:-1], dataclasses.replace(updates[-1], ended=True)]
