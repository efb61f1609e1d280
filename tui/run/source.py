"""Where a run is followed from: a provider's job, or a log on this machine. No Textual in here.

The live panel, the commands and the comparison of runs know only a :class:`RunSource`: something
with a name that hands out updates until it is over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from tui.jobs import Checkpoint, Update
    from tui.run.feed import JobFeed
    from tui.run.state import Price

Deed = Literal["cancel", "pause", "resume", "checkpoints", "relaunch", "sample"]
"""What can be done to a run beside watching it."""

JOB_DEEDS: frozenset[str] = frozenset(
    {"cancel", "pause", "resume", "checkpoints", "relaunch", "sample"}
)


class RunSource(Protocol):
    """Something a run can be followed from.

    Attributes:
        id: What tells it from all others: a job's id, or the path of a log.
        title: Its name for people; not cleaned.
        kind: ``job`` at a provider, or ``log`` on this machine.
        can: What can be done to it, of :data:`Deed`.
    """

    id: str
    title: str
    kind: Literal["job", "log"]
    can: frozenset[str]

    def updates(self) -> AsyncIterator[Update]:
        """Yield what is new, oldest first: what is known already, then live, until it is over."""
        ...

    async def aclose(self) -> None:
        """Let go of what following needs; safe to call twice."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """What this machine knows of a run before the provider answers.

    Attributes:
        price: The estimate made at its launch; ``None`` when launched elsewhere.
        file: Path of its training file on this machine; empty when launched elsewhere.
    """

    price: Price | None = None
    file: str = ""


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
        self.can = JOB_DEEDS
        self.provider = provider
        self._feed = feed

    async def about(self) -> About:
        """Return what the ledger knows of the run.

        Raises:
            TunedeckError: There is no such provider, or the ledger cannot be read.
        """
        row = await self._feed.row(self._feed.provider(self.provider), self.id)
        return About(row.price, row.file) if row else About()

    async def updates(self) -> AsyncIterator[Update]:
        """Yield what the watcher finds.

        Raises:
            TunedeckError: There is no such provider or no such job.
        """
        from tui.jobs import Watcher

        provider = self._feed.provider(self.provider)
        watcher = Watcher(self.id, provider, await self._feed.ledger())
        async for update in watcher.updates():
            yield update

    async def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Return the checkpoints that the provider kept.

        Raises:
            ProviderError: It refused or could not be reached; some have none at all.
        """
        return await self._feed.provider(self.provider).checkpoints(self.id)

    async def aclose(self) -> None:
        """Nothing: the connections are the feed's."""
