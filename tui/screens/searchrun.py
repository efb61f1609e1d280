"""A search through the whole file as a worker carries it out, and the news it sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

from tui.opened.search import Matches

if TYPE_CHECKING:
    from tui.dataset import LineIndex, Search, Source

NEWS_SECONDS = 0.5


class Found(Message):
    """Further records match, or the search has got further, or it is over.

    Attributes:
        matches: The search they belong to.
        positions: The records found since, ascending.
        fraction: How much of the file was searched.
        turned: Whether the end of the file was passed.
        ended: Whether nothing more will come.
        trouble: Why the search failed; not cleaned.
        searched: How many records the file had when all of it was searched; 0 before that.
    """

    def __init__(
        self,
        matches: Matches,
        positions: Sequence[int],
        fraction: float,
        *,
        turned: bool = False,
        ended: bool = False,
        trouble: str = "",
        searched: int = 0,
    ) -> None:
        super().__init__()
        self.matches = matches
        self.positions = positions
        self.fraction = fraction
        self.turned = turned
        self.ended = ended
        self.trouble = trouble
        self.searched = searched


class SearchRun:
    """One search in a worker: from its origin to the end of the file, then up to its origin."""

    def __init__(
        self, screen: MessagePump, matches: Matches, cancelled: Callable[[], bool]
    ) -> None:
        self._screen = screen
        self._matches = matches
        self._cancelled = cancelled
        self._found: list[int] = []
        self._any = False
        self._due = time.monotonic() + NEWS_SECONDS
        self._fraction = 0.0
        self._turned = False
        self._searched = 0

    def search(self, source: Source, index: LineIndex, wanted: Search, start: int | None) -> None:
        """Search the file and tell what is found, at most twice a second.

        Args:
            source: The file.
            index: Its records.
            wanted: What to find.
            start: Search only from this record on, because those before it were searched already.
        """
        from tui.dataset import find

        if start is not None:
            self._turned = True
            find(
                source,
                index,
                wanted,
                cancelled=self._cancelled,
                on_found=lambda positions, done: self._take(positions, done / max(1, source.size)),
                start=start,
            )
            self._searched = index.lines
            return
        origin = self._matches.origin
        begin = index.span(origin)[0] if 0 < origin < index.lines else 0
        origin = origin if begin else 0

        def rest(positions: Sequence[int], done: int) -> None:
            self._take(positions, (done - begin) / max(1, source.size))

        def head(positions: Sequence[int], done: int) -> None:
            new = [position for position in positions if position < origin]
            self._take(new, (source.size - begin + done) / max(1, source.size))

        find(source, index, wanted, cancelled=self._cancelled, on_found=rest, start=origin)
        self._turned = True
        self._searched = index.lines
        if not begin or self._cancelled():
            return
        passed = False

        def up_to_origin(positions: Sequence[int], done: int) -> None:
            nonlocal passed
            head(positions, done)
            passed = done >= begin

        find(
            source,
            index,
            wanted,
            cancelled=lambda: passed or self._cancelled(),
            on_found=up_to_origin,
        )

    def _take(self, positions: Sequence[int], fraction: float) -> None:
        self._found += [int(position) for position in positions]
        self._fraction = min(1.0, max(0.0, fraction))
        # The first match is waited for; the others are numbers that grow.
        if (self._found and not self._any) or time.monotonic() >= self._due:
            self.tell()

    def tell(self, *, ended: bool = False, trouble: str = "") -> None:
        """Post what was found since."""
        if self._cancelled():
            return
        found, self._found = self._found, []
        self._any = self._any or bool(found)
        self._due = time.monotonic() + NEWS_SECONDS
        self._screen.post_message(
            Found(
                self._matches,
                found,
                1.0 if ended and not trouble else self._fraction,
                turned=self._turned,
                ended=ended,
                trouble=trouble,
                searched=self._searched,
            )
        )
