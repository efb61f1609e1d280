"""The cancels under way: each begun once, whoever asked, and followed until it is confirmed.

They belong to the application and not to the screen that asked, because a cancel agreed to must
reach the provider even when the panel is left or the application quit right after.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.run.runlist import RunKey

if TYPE_CHECKING:
    from tui.jobs import Job, Ledger, Provider

_FAREWELL = 10.0


@dataclass(slots=True)
class Going:
    """A cancel under way.

    Attributes:
        heard: Set once the provider has answered it.
        since: When it was begun, in seconds since 1970.
        words: How it stands, in words; not cleaned.
    """

    heard: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = field(default_factory=time.time)
    words: str = "cancelling"
    task: asyncio.Task[Job] | None = None


class Cancels:
    """All cancels of one application.

    Args:
        provider: Finds a provider by its name.
        ledger: Opens the ledger.
    """

    def __init__(
        self, provider: Callable[[str], Provider], ledger: Callable[[], Awaitable[Ledger]]
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._going: dict[RunKey, Going] = {}

    def begin(self, key: RunKey) -> asyncio.Task[Job]:
        """Begin to cancel a run, once, and return the task that ends with the run as it ended.

        It fails with a :class:`TunedeckError` when the provider refuses or cannot be reached.
        """
        going = self._going.get(key)
        if going is None or going.task is None:
            going = self._going[key] = Going()
            going.task = asyncio.create_task(self._cancel(key, going))
            going.task.add_done_callback(lambda _: self._going.pop(key, None))
        return going.task

    def under_way(self) -> dict[RunKey, Going]:
        """Return the cancels that are not confirmed yet."""
        return dict(self._going)

    async def _cancel(self, key: RunKey, going: Going) -> Job:
        from tui.jobs import cancel_job

        name, job_id = key

        def told(words: str) -> None:
            going.words = words

        try:
            outcome = await cancel_job(
                self._provider(name),
                await self._ledger(),
                job_id,
                told,
                on_heard=going.heard.set,
                timeout=None,
            )
        finally:
            going.heard.set()
        return outcome.job

    async def all_heard(self, timeout: float) -> bool:
        """Wait, at most ``timeout`` seconds, until providers have heard of every cancel.

        Returns:
            Whether they have.
        """
        waits = [asyncio.create_task(going.heard.wait()) for going in self._going.values()]
        if not waits:
            return True
        _, late = await asyncio.wait(waits, timeout=timeout)
        for wait in late:
            wait.cancel()
        return not late

    async def farewell(self) -> str:
        """See to it that every cancel agreed to is heard before the program ends.

        Returns:
            What to tell the person when one is not; empty when all is well.
        """
        if await self.all_heard(_FAREWELL):
            return ""
        runs = [key[1] for key, going in self._going.items() if not going.heard.is_set()]
        return f"tunedeck: no answer to the cancel yet: run 'tunedeck cancel {' '.join(runs)}'"
