"""Through a file in blocks, stopping at the records that may hold what is looked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tui.dataset.index import LineIndex
from tui.dataset.query.spelling import Prefilter
from tui.dataset.source import Source
from tui.errors import FileError

BLOCK = 1 << 20
_ASK = 256
_WAIT_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """A record to look at.

    Attributes:
        position: Its number in the index, from 0.
        offset: Its first byte.
        size: Its bytes.
        raw: Them, where they were in the block that was read; else ``None``.
        sure: Whether it is known to be wanted already.
    """

    position: int
    offset: int
    size: int
    raw: bytes | None
    sure: bool


class Stopped(Exception):  # noqa: N818  (no error)
    """The walk was cancelled while it waited."""


class Cursor:
    """The record at a growing offset.

    Args:
        span: Where a record stands.
        start: The first position that counts.
    """

    def __init__(self, span: Callable[[int], tuple[int, int]], start: int) -> None:
        self._span = span
        self.offset = self.end = self.position = 0
        self._go(start)

    def seek(self, offset: int, count: int) -> bool:
        """Go to the first record that ends after ``offset``; false where it is not indexed.

        Args:
            offset: A byte; never less than the time before.
            count: How many records are indexed.
        """
        if self.end > offset:
            return True
        low = self.position + 1
        if low >= count:
            return False
        if self._go(low) > offset:
            return True
        step = 1
        # Matches are often near each other, and an index of an array has no quicker way.
        while low + step < count and self._end_of(low + step - 1) <= offset:
            low += step
            step *= 2
        high = min(low + step, count) - 1
        while low < high:
            middle = (low + high) // 2
            if self._end_of(middle) > offset:
                high = middle
            else:
                low = middle + 1
        return self._go(low) > offset

    def _go(self, position: int) -> int:
        self.position = position
        self.offset, size = self._span(position)
        self.end = self.offset + size
        return self.end

    def _end_of(self, position: int) -> int:
        offset, size = self._span(position)
        return offset + size


class Walk:
    """One way through a file.

    Args:
        source: The file.
        index: Its records; may grow meanwhile.
        prefilter: Which places to stop at.
        sure: Told a block, a place in it and where the record ends; whether that needs no other
            look.
        cancelled: Asked every few milliseconds.
        start: The first position.
        wait: Whether to wait for an index that still grows.

    Attributes:
        done: The byte up to which the file has been gone through.
        stopped: Whether it was cancelled.
    """

    def __init__(
        self,
        source: Source,
        index: LineIndex,
        prefilter: Prefilter,
        *,
        sure: Callable[[bytes, int, int], bool] | None = None,
        cancelled: Callable[[], bool] | None = None,
        start: int = 0,
        wait: bool = True,
    ) -> None:
        self._source = source
        self._index = index
        self._prefilter = prefilter
        self._sure = sure or (lambda _block, _at, _end: False)
        self._cancelled = cancelled or (lambda: False)
        self._start = max(0, start)
        self._wait = wait
        self.done = 0
        self.stopped = False

    def __iter__(self) -> Iterator[Place | None]:
        """Yield records to look at, and ``None`` after every block."""
        try:
            yield from self._all()
        except Stopped:
            self.stopped = True

    def _all(self) -> Iterator[Place | None]:
        begin: int | None = None
        cursor: Cursor | None = None
        while not self.stopped:
            complete = self._index.complete
            count = self._index.lines
            if count > self._start:
                if cursor is None:
                    cursor = Cursor(self._span, self._start)
                    begin = cursor.offset
                assert begin is not None
                last, size = self._span(count - 1)
                yield from self._part(cursor, begin, last + size, count)
                begin = max(begin, last + size)
            if complete or not self._wait:
                if count <= self._index.lines and not self._more(count):
                    return
                continue
            self._pause()
            yield None

    def _span(self, position: int) -> tuple[int, int]:
        while True:
            complete = self._index.complete
            try:
                return self._index.span(position)
            except IndexError:
                # An array is indexed anew from its start when it is indexed on; what was known
                # comes back as it was.
                if complete or not self._wait:
                    raise
                self._pause()
                if self.stopped:
                    raise Stopped from None

    def _more(self, count: int) -> bool:
        return self._wait and self._index.lines > count

    def _pause(self) -> None:
        self.stopped = self._cancelled()
        if not self.stopped:
            time.sleep(_WAIT_SECONDS)

    def _part(self, cursor: Cursor, begin: int, end: int, count: int) -> Iterator[Place | None]:
        overlap = self._prefilter.overlap
        passed = begin
        for low in range(begin, end, BLOCK):
            self.stopped = self._cancelled()
            if self.stopped:
                return
            block = self._source.read(low, min(BLOCK + overlap, end - low))
            if not block:
                raise FileError("the file became shorter", "open it again")
            high = min(low + BLOCK, end)
            look = self._prefilter.look(block)
            at = look.after(max(passed, low) - low) if look is not None else -1
            asked = 0
            while look is not None and 0 <= at < high - low:
                if not cursor.seek(low + at, count):
                    break
                place = self._place(cursor, block, low, at)
                if place is not None:
                    yield place
                    asked += 1
                    if asked % _ASK == 0 and self._cancelled():
                        self.stopped = True
                        return
                    passed = cursor.end
                # Between two elements of an array there is nothing to find.
                at = look.after(max(cursor.end + 1 if place else cursor.offset, low + at + 1) - low)
            self.done = high
            yield None

    def _place(self, cursor: Cursor, block: bytes, low: int, at: int) -> Place | None:
        if cursor.offset > low + at:
            return None
        start = cursor.offset - low
        size = cursor.end - cursor.offset
        whole = start >= 0 and start + size <= len(block)
        sure = self._sure(block, at, cursor.end - low)
        raw = None if sure or not whole else block[start : start + size]
        return Place(cursor.position, cursor.offset, size, raw, sure)
