r"""Find text in the lines that are loaded, a block at a time, in either direction.

The bytes are searched as they stand in the file, so a word is looked for in every way JSON may
spell it: as itself, with quotes and backslashes escaped, and with ``\uXXXX`` for what is not
ASCII. A query without capitals matches capitals too (of ASCII letters).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

BLOCK = 1 << 20


class Bytes(Protocol):
    """What is searched: a file read by offset."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``."""
        ...


class Lines(Protocol):
    """Where the lines of that file are."""

    @property
    def lines(self) -> int:
        """The number of lines known."""
        ...

    def span(self, i: int, /) -> tuple[int, int]:
        """Return offset and length of the 0-based line ``i``, without its newline."""
        ...

    def line_at(self, offset: int, /) -> int:
        """Return the 0-based line that holds the byte at ``offset``."""
        ...


class Query:
    """A text to look for, ready to be found in bytes of JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fold = text == text.lower()
        spellings = (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1])
        found = dict.fromkeys(s.encode("utf-8", "replace") for s in spellings)
        self.needles = tuple(n.lower() for n in found) if self.fold else tuple(found)
        self.longest = max(len(needle) for needle in self.needles)

    def first(self, block: bytes) -> int:
        """Return the offset of the first match in ``block``, or -1."""
        block = block.lower() if self.fold else block
        hits = [at for needle in self.needles if (at := block.find(needle)) >= 0]
        return min(hits, default=-1)

    def last(self, block: bytes) -> int:
        """Return the offset of the last match in ``block``, or -1."""
        block = block.lower() if self.fold else block
        return max(block.rfind(needle) for needle in self.needles)


def find_line(
    source: Bytes,
    index: Lines,
    query: Query,
    start: int,
    *,
    backwards: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> int | None:
    """Return the next line that holds ``query``, beginning at ``start`` and going round once.

    Args:
        source: The bytes.
        index: Their lines; only those known when the search begins are looked at.
        query: What to find; must not be empty.
        start: 0-based line to begin with, itself included.
        backwards: Go towards the head of the file.
        cancelled: Asked once a block.

    Returns:
        A 0-based line, or ``None`` when there is no match or the search was cancelled.
    """
    count = index.lines
    if not count or not query.text:
        return None
    start = min(max(start, 0), count - 1)
    end = sum(index.span(count - 1))
    if backwards:
        middle = sum(index.span(start))
        spans = ((0, middle), (middle, end))
        search = _last_in
    else:
        middle = index.span(start)[0]
        spans = ((middle, end), (0, middle))
        search = _first_in
    for low, high in spans:
        at = search(source, query, low, high, cancelled)
        if at is not None:
            return index.line_at(at)
    return None


def _first_in(
    source: Bytes, query: Query, low: int, high: int, cancelled: Callable[[], bool]
) -> int | None:
    overlap = query.longest - 1
    while low < high and not cancelled():
        block = source.read(low, min(BLOCK + overlap, high - low))
        if not block:
            return None
        at = query.first(block)
        if at >= 0:
            return low + at
        low += BLOCK
    return None


def _last_in(
    source: Bytes, query: Query, low: int, high: int, cancelled: Callable[[], bool]
) -> int | None:
    overlap = query.longest - 1
    while low < high and not cancelled():
        begin = max(low, high - BLOCK)
        block = source.read(begin, high + overlap - begin)
        at = query.last(block)
        if at >= 0 and begin + at < high:
            return begin + at
        high = begin
    return None
