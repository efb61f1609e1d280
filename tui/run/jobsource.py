"""A provider's job as something to follow. No Textual in here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tui.jobs import Checkpoint, Update
    from tui.run.feed import JobFeed
    from tui.run.state import Price

_DEEDS: frozenset[str] = frozenset(
    {"cancel", "pause", "resume", "checkpoints", "relaunch", "sample"}
)


@dataclass(frozen=True, slots=True)
class About:
    """What this machine knows of a run before the provider answers.

    Attributes:
        price: The estimate made at its launch; ``None`` when launched elsewhere.
        file: Path of its training file on this machine; empty when launched elsewhere.
        cancelling: A cancel is under way, or the provider took one that it has not carried out.
    """

    price: Price | None = None
    file: str = ""
    cancelling: bool = False


class JobSource:
    """A job at a provider, followed through the ledger.

    Args:
        feed: Connections and the ledger.
        provider: The provider's name; ``None`` for the one in use.
        job_id: The job.
    """

    kind: Literal["job", "log"] = "job"

    def __init__(self, feed: JobFeed, provider: str | None, job_id: str) -> None:
        self.id = job_id
        self.title = job_id
        self.can = _DEEDS
        self.provider = provider
        self._feed = feed

    async def about(self) -> About:
        """Return what the ledger knows of the run.

        Raises:
            TunedeckError: There is no such provider, or the ledger cannot be read.
        """
        row = await self._feed.row(self._feed.provider(self.provider), self.id)
        if row is None:
            return About()
        taken = row.cancel_asked is not None and row.cancel_heard
        return About(row.price, row.file, taken or row.key in self._feed.cancels())

    async def updates(self) -> AsyncIterator[Update]:
        """Yield what the watcher finds.

        Raises:
            TunedeckError: There is no such provider or no such job.
        """
        from tui.jobs import Watcher

        provider = self._feed.provider(self.provider)
        watcher = Watcher(self.id, provider, await self._feed.ledger())
        async for update in watcher.updates():
            if update.job is not None:
                self._feed.saw(self.provider, update.job)
            yield update

    async def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Return the checkpoints that the provider kept.

        Raises:
            ProviderError: It refused or could not be reached; some have none at all.
        """
        return await self._feed.provider(self.provider).checkpoints(self.id)

    async def aclose(self) -> None:
        """Nothing: the connections are the feed's."""
