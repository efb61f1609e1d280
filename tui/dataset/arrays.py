"""Files that hold one JSON array: where its elements stand, found in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import orjson

from tui.dataset.lines import Span
from tui.dataset.machine import JsonMachine
from tui.dataset.signature import BOM
from tui.dataset.source import Source

Complain = Callable[[int, int, str, str], None]

_HEAD = 64 << 10
_BLOCK = 1 << 20
_SPACE = b" \t\r\n"
# Strings go by whole; a quote that opens one which the block does not close stands alone.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
# The rest of a string that an earlier block began.
_STRING_END = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_SPACE = re.compile(rb"[^ \t\r\n]")
# A list of messages is no list of records.
_OF_RECORDS = re.compile(rb'\[[ \t\r\n]*\{[ \t\r\n]*"(?!(?:role|content|name)")')


def names_json(source: Source) -> bool:
    """Return whether the file's name promises one JSON value, or promises nothing."""
    name = source.path.lower().removesuffix(".gz").removesuffix(".zst")
    return name.endswith(".json") or name == "-"


def is_array(source: Source) -> bool:
    """Return whether the file is one JSON array rather than a record a line."""
    head = source.read(0, _HEAD).removeprefix(BOM).lstrip(_SPACE)
    if not head.startswith(b"["):
        return False
    first, mark, rest = head.partition(b"\n")
    whole = names_json(source) or _OF_RECORDS.match(head) is not None
    if not mark and source.size > _HEAD:
        return whole
    try:
        orjson.loads(first)
    except (ValueError, RecursionError):
        machine = JsonMachine()
        right = machine.feed(first.decode("utf-8", "replace")) is None
        return names_json(source) or (right and bool(mark))
    return whole and not rest.strip()


def array_spans(
    source: Source, begin: int, size: int, complain: Complain | None = None
) -> Iterator[Span]:
    """Yield the elements of the array that starts at or after ``begin``.

    Args:
        source: The file.
        begin: Where its text starts, after a byte order mark.
        size: Where it ends.
        complain: Told line, column, message and hint of what stands wrong between elements.
    """
    yield from _Splitter(source, begin, size, complain or (lambda *_: None)).run()


def _escaping(data: bytes) -> bytes:
    """Return the backslash at the end that escapes what the next block begins with, if any."""
    run = len(data) - len(data.rstrip(b"\\"))
    return b"\\" if run % 2 else b""


class _Splitter:
    def __init__(self, source: Source, begin: int, size: int, complain: Complain) -> None:
        self._source = source
        self._size = size
        self._complain = complain
        self._depth = 0
        self._after = begin
        self._line = 1
        self._line_start = begin
        self._seen = begin
        self._elements = 0
        self._closed = False

    def run(self) -> Iterator[Span]:
        offset = self._after
        carry = b""
        inside = False
        while offset < self._size:
            block = self._source.read(offset, min(_BLOCK, self._size - offset))
            if not block:
                break
            data = carry + block
            base = offset - len(carry)
            offset += len(block)
            begin = 0
            if inside:
                end = _STRING_END.match(data)
                if end is None:
                    carry = _escaping(data)
                    continue
                inside, begin = False, end.end()
            carry = b""
            for match in _TOKEN.finditer(data, begin):
                token = match.group()
                if token == b'"':
                    # A string goes on in the next block, however long it is.
                    inside, carry = True, _escaping(data)
                    break
                if len(token) == 1:
                    yield from self._mark(token, base + match.start())
                    if self._closed:
                        self._rest(base + match.end())
                        return
        yield from self._element(self._size, last=True)
        # An element that is cut off itself has an issue of its own.
        if self._depth == 1 and not inside:
            self._tell(
                self._size,
                "the file ends before the array is closed",
                "it was cut off: copy or write it again, or close the array with ]",
            )

    def _mark(self, token: bytes, at: int) -> Iterator[Span]:
        if token in (b"[", b"{"):
            self._depth += 1
            if self._depth == 1:
                self._after = at + 1
        elif token == b",":
            if self._depth == 1:
                yield from self._element(at, last=False)
                self._after = at + 1
        else:
            self._depth -= 1
            if self._depth <= 0:
                yield from self._element(at, last=True)
                self._closed = True

    def _element(self, end: int, *, last: bool) -> Iterator[Span]:
        start = self._skip(self._after, end)
        if start < end:
            self._elements += 1
            yield Span(start, end - start, self._line, self._line_start)
        elif not last:
            self._tell(end, "an element is missing before this comma", "remove the comma")
        elif self._elements and end < self._size:
            self._tell(end, "a comma before the closing ]", "remove the comma")

    def _rest(self, offset: int) -> None:
        start = self._skip(offset, self._size)
        if start < self._size:
            self._tell(start, "text after the end of the array", "remove it")

    def _skip(self, start: int, end: int) -> int:
        """Return where text starts at or after ``start``; keep count of the lines passed."""
        self._advance(start)
        while start < end:
            block = self._source.read(start, min(256, end - start))
            found = _NOT_SPACE.search(block)
            if found:
                self._advance(start + found.start())
                return start + found.start()
            if not block:
                break
            start += len(block)
        self._advance(end)
        return end

    def _advance(self, offset: int) -> None:
        here = self._seen
        while here < offset:
            block = self._source.read(here, min(_BLOCK, offset - here))
            if not block:
                break
            breaks = block.count(b"\n")
            if breaks:
                self._line += breaks
                self._line_start = here + block.rfind(b"\n") + 1
            here += len(block)
        self._seen = max(here, offset)

    def _tell(self, offset: int, message: str, hint: str) -> None:
        self._advance(offset)
        before = self._source.read(self._line_start, min(offset - self._line_start, 64 * _BLOCK))
        self._complain(self._line, len(before.decode("utf-8", "replace")) + 1, message, hint)
