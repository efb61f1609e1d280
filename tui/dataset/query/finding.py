"""Search a whole file as fast as its bytes can be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from tui.dataset.index import LineIndex
from tui.dataset.processes import can_start
from tui.dataset.query.judge import Judge, Looks
from tui.dataset.query.jury import Jury
from tui.dataset.query.model import Search
from tui.dataset.query.texts import PIECE
from tui.dataset.query.walk import Place, Walk
from tui.dataset.source import Source

OnFound = Callable[[Sequence[int], int], object]
Cancelled = Callable[[], bool]

MOST_WORKERS = 2
MAX_RECORD = 256 << 20
"""A longer record is not parsed, so that no role of it is known."""

_TELL_SECONDS = 0.1
_TELL_COUNT = 4096
_QUICK = 2 << 20
"""Records up to this size are parsed here: they take a few milliseconds."""


def find(
    source: Source,
    index: LineIndex,
    search: Search,
    *,
    cancelled: Cancelled | None = None,
    on_found: OnFound | None = None,
    start: int = 0,
) -> int:
    """Find every record that holds a text, from ``start`` to the end of the file.

    Blocks, so call it from a thread where something else must go on. Where the index still grows
    in another thread, what is indexed is searched, and then what comes, until it is complete.

    Args:
        source: The file.
        index: Its records.
        search: What to look for.
        cancelled: Asked every few milliseconds; true ends the search within 100 ms.
        on_found: Told positions in ascending order, each once, and up to which byte the file has
            been searched; about ten times a second, also when nothing was found. Called on this
            thread.
        start: The first position looked at.

    Returns:
        How many records were found.

    Raises:
        UsageError: The regular expression is wrong or does not come to an end; it says where.
        FileError: The file cannot be read.
    """
    judge = Judge(search)
    walk = Walk(source, index, judge.prefilter, sure=judge.sure, cancelled=cancelled, start=start)
    teller = Teller(on_found)
    look_at(walk, judge, source, cancelled or (lambda: False), teller)
    if not walk.stopped:
        teller.tell(max(walk.done, index.bytes_seen))
    return teller.found


class Teller:
    """Gathers what is found and passes it on now and then.

    Attributes:
        found: How many there were.
    """

    def __init__(self, on_found: OnFound | None) -> None:
        self.found = 0
        self._on_found = on_found
        self._waiting: list[int] = []
        self._done = 0
        self._last = 0.0

    def add(self, position: int) -> None:
        """Take a position."""
        self.found += 1
        self._waiting.append(position)

    def reached(self, done: int) -> None:
        """Say how far the search is; passes on what was found when it is time for that."""
        self._done = max(done, self._done)
        now = time.monotonic()
        if now - self._last >= _TELL_SECONDS or len(self._waiting) >= _TELL_COUNT:
            self._last = now
            self.tell(self._done)

    def tell(self, done: int) -> None:
        """Pass on what was found."""
        self._done = max(done, self._done)
        waiting, self._waiting = self._waiting, []
        if self._on_found is not None:
            self._on_found(waiting, self._done)


def look_at(
    places: Walk | Iterable[Place | None],
    judge: Looks,
    source: Source,
    cancelled: Cancelled,
    teller: Teller,
) -> None:
    """Tell which of some records are wanted; they come in ascending order."""
    chosen = _Chooser(judge, source, cancelled, teller)
    with Jury(judge.question, MOST_WORKERS) as jury:
        chosen.jury = jury
        for place in places:
            if place is not None:
                chosen.take(place)
            elif isinstance(places, Walk):
                chosen.pause(places.done)
            if chosen.stopped:
                return
        chosen.finish()


class _Chooser:
    """Decides here what is quickly decided, and hands the rest to the workers."""

    jury: Jury

    def __init__(self, judge: Looks, source: Source, cancelled: Cancelled, teller: Teller) -> None:
        self._judge = judge
        self._source = source
        self._cancelled = cancelled
        self._teller = teller
        self._away = not judge.steady and can_start()
        self._end = 0
        self.stopped = False

    def take(self, place: Place) -> None:
        """Look at one record."""
        self._end = place.offset
        if place.sure:
            self._settle()
            if not self.stopped:
                self._teller.add(place.position)
        elif self._away:
            self._send(place)
        elif place.size > PIECE and not self._judge.parses:
            self._settle()
            self._long(place)
        elif place.size > _QUICK and can_start():
            self._send(place)
        else:
            self._settle()
            if not self.stopped and self._judge.holds(self._raw(place), place.offset):
                self._teller.add(place.position)

    def pause(self, done: int) -> None:
        """Pass on what is decided; everything before ``done`` has been taken."""
        self._end = done
        if self.jury.busy:
            self.jury.flush(done)
            self._decided(pause=False)
        else:
            self._teller.reached(done)

    def finish(self) -> None:
        """Wait for what is not decided yet."""
        self._settle()

    def _raw(self, place: Place) -> bytes:
        if place.raw is not None:
            return place.raw
        return self._source.read(place.offset, place.size)

    def _send(self, place: Place) -> None:
        if place.size > MAX_RECORD and self._judge.parses:
            return
        self.jury.give(place.position, self._raw(place), place.offset)
        while self.jury.full and not self.stopped:
            self._decided(pause=True)

    def _settle(self) -> None:
        """Wait until all that was handed out is decided, so that order is kept."""
        if not self.jury.busy:
            return
        self.jury.flush(self._end)
        while self.jury.busy and not self.stopped:
            self._decided(pause=True)

    def _decided(self, *, pause: bool) -> None:
        self.stopped = self._cancelled()
        if self.stopped:
            return
        found, done = self.jury.decided(pause=pause)
        for position in found:
            self._teller.add(position)
        self._teller.reached(done)

    def _long(self, place: Place) -> None:
        for here in self._judge.holds_long(self._source, place.offset, place.size):
            self.stopped = self._cancelled()
            if self.stopped:
                return
            if here:
                self._teller.add(place.position)
                return
