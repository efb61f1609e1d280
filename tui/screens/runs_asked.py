"""Asking every provider for its runs, each by itself, gently, for as long as somebody looks."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from textual import work
from textual.message import Message

from tui.errors import TunedeckError
from tui.run.feed import MOST_JOBS, feed_of
from tui.run.runlist import RunList
from tui.screens.several import SeveralRuns

BUSY = 5.0
"""Seconds between two looks at a provider while something happens to its runs."""
CALM = 15.0
"""Seconds between two looks while runs go on and nothing is new."""
IDLE = 30.0
"""Seconds between two looks while none does."""
_WORST = 15.0
_LONGEST = 900.0
_FIRST_ROWS = 60
_WHOLE_EVERY = 20
_ASLEEP = "the service on this machine is not running, so its runs stand still; r starts it"


class Listed(Message):
    """What is known of one provider's runs now.

    Attributes:
        provider: The provider's name.
        found: The runs.
        first: Whether the provider has not been asked yet.
    """

    def __init__(self, provider: str, found: RunList, *, first: bool = False) -> None:
        super().__init__()
        self.first = first
        self.provider = provider
        self.found = found


class AskedRuns(SeveralRuns):
    """A screen that asks all providers for their runs; :class:`Listed` tells what it hears.

    Attributes:
        names: The providers that are asked, the one in use first.
        lists: What is known of each.
        heard: The providers that were asked once at least.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.lists: dict[str, RunList] = {}
        self.heard: set[str] = set()

    def ask_everywhere(self, *, wake: bool = False) -> None:
        """Begin to follow every provider, each by itself: one that is away delays no other."""
        self.ask_no_more()
        self.names = feed_of(self.deck).everywhere()
        self._order_lists()
        for name in self.names:
            self._follow(name, wake)

    def ask_no_more(self) -> None:
        """Stop: where nobody looks, nobody asks."""
        self.workers.cancel_group(self, "poll")

    def take(self, message: Listed) -> None:
        """Keep what was heard, in the order of the providers."""
        self.lists[message.provider] = message.found
        if not message.first:
            self.heard.add(message.provider)
        self._order_lists()

    def _order_lists(self) -> None:
        known = self.lists
        self.lists = {name: known[name] for name in self.names if name in known}

    @work(group="poll", exit_on_error=False)
    async def _follow(self, name: str, wake: bool) -> None:
        """Post what is known of a provider's runs, then ask it again and again."""
        feed, pace = feed_of(self.deck), _Pace()
        rest = feed.rest()
        last: RunList | None = None
        turn = 0
        while True:
            if turn == 0 and name not in self.lists:
                last = await self._post_known(name, RunList(), _FIRST_ROWS)
            error: TunedeckError | None = None
            asleep = not wake and await feed.asleep(name)
            try:
                if not asleep:
                    await feed.fetch(name, whole=turn % _WHOLE_EVERY == 0)
            except TunedeckError as caught:
                error = caught
            found = await self._known(name) or last or RunList()
            if not asleep:
                found = found.after_asking(str(error) if error else None)
            elif any(row.going for row in found.rows):
                found = replace(found, trouble=_ASLEEP)
            self.post_message(Listed(name, found))
            going = any(row.going for row in found.rows)
            wait = pace.next(error, going, changed=last is None or last.rows != found.rows)
            last, turn = found, turn + 1
            await feed.pause(name, rest, wait)

    async def _post_known(self, name: str, found: RunList, limit: int) -> RunList:
        found = await self._known(name, limit) or found
        self.post_message(Listed(name, found, first=True))
        return found

    async def _known(self, name: str, limit: int = MOST_JOBS) -> RunList | None:
        # A ledger that cannot be read is told of when the provider is asked.
        with contextlib.suppress(TunedeckError):
            return await feed_of(self.deck).known(name, limit)
        return None


class _Pace:
    """How long to wait between two looks at one provider."""

    def __init__(self) -> None:
        self._failures = 0
        self._calm = BUSY

    def next(self, error: TunedeckError | None, going: bool, *, changed: bool) -> float:
        """Return the seconds to wait.

        Args:
            error: Why the provider did not answer, if it did not.
            going: Whether any of its runs goes on.
            changed: Whether the list says something new.
        """
        if error is not None:
            self._failures += 1
            asked: float | None = getattr(error, "retry_after", None)  # seconds, where told
            wait = min(_WORST, BUSY * 1.5 ** min(self._failures - 1, 4))
            return min(_LONGEST, max(asked or 0.0, wait))
        self._failures = 0
        self._calm = BUSY if changed else min(CALM, self._calm * 1.3)
        return self._calm if going else IDLE
