"""Where a run is followed from: a provider's job, or a log on this machine. No Textual in here.

The live panel, the commands and the comparison of runs know only a :class:`RunSource`: something
with a name that hands out updates until it is over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from tui.jobs import Update


class RunSource(Protocol):
    """Something a run can be followed from.

    Attributes:
        id: What tells it from all others: a job's id, or the path of a log.
        title: Its name for people; not cleaned.
        kind: ``job`` at a provider, or ``log`` on this machine.
        can: What can be done to it beside watching: cancel, pause, resume, checkpoints, relaunch,
            sample.
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
